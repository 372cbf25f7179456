//! What collect knows of one case: from the store, and from the page so far.

use std::collections::HashMap;
use std::sync::Arc;

use canon::format::CaseFacts;
use canon::{Digest, RecordId};
use store::{BaselineRow, Place};

use crate::error::WorkError;
use crate::shape::Of;

/// The latest version of one record of a case.
pub(crate) struct Latest {
    pub(crate) kind: Arc<str>,
    pub(crate) part: Box<str>,
    pub(crate) version: u32,
    pub(crate) content: Digest,
    pub(crate) place: Place,
}

/// What is known of one case: from the store, and from this page so far.
#[derive(Default)]
pub(crate) struct Case {
    pub(crate) latest: Vec<Latest>,
    pub(crate) facts: CaseFacts,
    /// Type and part of records that went to another destination.
    pub(crate) others: Vec<(Arc<str>, Box<str>)>,
    /// What was reported before the exchange began.
    pub(crate) baseline: Vec<BaselineRow>,
}

impl Case {
    pub(crate) fn of(&self, kind: &str, part: &str) -> Option<&Latest> {
        self.latest.iter().find(|l| *l.kind == *kind && *l.part == *part)
    }

    /// Whether the receiver cannot be expected to have this record, though it is there: it was reported
    /// before the exchange began, or before its destination was added.
    pub(crate) fn is_older(&self, kind: &str, part: &str) -> bool {
        let other = |(k, p): &(Arc<str>, Box<str>)| **k == *kind && **p == *part;
        self.of(kind, part).is_none()
            && (self.mark(kind, part).is_some() || self.others.iter().any(other))
    }

    pub(crate) fn mark(&self, kind: &str, part: &str) -> Option<&BaselineRow> {
        self.baseline.iter().find(|b| *b.kind == *kind && b.key.part() == part)
    }

    pub(crate) fn note(&mut self, id: &RecordId, content: Digest, place: Place, facts: &str) {
        let part = id.key.part();
        if stands(place) {
            self.facts.insert(&id.kind, part, facts);
        }
        let latest = Latest {
            kind: Arc::clone(&id.kind),
            part: part.into(),
            version: id.version,
            content,
            place,
        };
        match self.latest.iter_mut().find(|l| *l.kind == *id.kind && *l.part == *part) {
            Some(before) => *before = latest,
            None => self.latest.push(latest),
        }
    }
}

/// What the store knows of these cases. Says whether records for the same destination are in line on
/// another route, one of a case of these among them: of another edition, or history. Nobody knows
/// then which line is quicker.
pub(crate) async fn known(
    of: &Of<'_>,
    roots: &[&str],
    cases: &mut HashMap<String, Case>,
) -> Result<bool, WorkError> {
    let mut staged = false;
    for row in of.store.cases(roots).await? {
        let case = match cases.get_mut(row.id.key.root()) {
            Some(case) => case,
            None => cases.entry(row.id.key.root().to_owned()).or_default(),
        };
        if row.destination == *of.target.destination() {
            staged |= row.place == Place::Staged;
            case.note(&row.id, row.content, row.place, &row.facts);
        } else if stands(row.place) {
            case.others.push((row.id.kind, row.id.key.part().into()));
        }
    }
    for mark in of.store.baseline(roots).await? {
        if mark.destination.as_ref().is_some_and(|to| to != of.target.destination()) {
            continue;
        }
        cases.entry(mark.key.root().to_owned()).or_default().baseline.push(mark);
    }
    if !staged {
        return Ok(false);
    }
    let own = if of.adapter.history { &of.target.bulk } else { &of.target.live };
    let lines = of.store.staged_routes().await?;
    let mut there = lines.iter().filter(|(route, ..)| route.destination == own.destination);
    Ok(there.any(|(route, ..)| route != own))
}

/// Whether a record in this place counts as reported: its facts bind others, its children may go.
pub(crate) const fn stands(place: Place) -> bool {
    !matches!(place, Place::Quarantined | Place::Rejected | Place::Voided)
}
