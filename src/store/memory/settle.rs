//! Facts of settle: receipts and write-backs.

use std::collections::BTreeMap;
use std::sync::Arc;

use canon::{EnvelopeId, HashSum, Key, Millis, NodeCode, Severity, Violation};

use super::state::*;
use crate::error::StoreError;
use crate::lifecycle::OutEvent;
use crate::told::{self, Said};
use crate::types::*;

/// Flags from the best to the worst.
const FLAGS: [&str; 4] = ["accepted", "superseded", "rejected", "returned"];

impl Identity {
    /// A verified receipt.
    pub(super) fn commit_settled(
        &mut self,
        lease: &Lease,
        s: Settlement,
    ) -> Result<bool, StoreError> {
        self.check_lease(lease)?;
        self.check_inbox(s.inbox_id)?;
        if !matches!(s.event, OutEvent::Receipted | OutEvent::Declining) {
            return Err(conflict("settlement", format!("{:?} settles nothing", s.event)));
        }
        let next = self.out.get(&s.id).and_then(|o| o.env.state.next(s.event));
        let Some(next) = next else {
            self.tick(s.now);
            self.take_inbox(s.inbox_id);
            return Ok(false);
        };
        self.check_settlement(&s)?;
        let now = self.tick(s.now);
        self.take_inbox(s.inbox_id);
        let members = self.out.get(&s.id).map(|o| o.members.clone()).unwrap_or_default();
        let declined = (s.event == OutEvent::Declining).then(|| s.reason.clone());
        if declined.is_none() {
            for exception in s.not_accepted {
                self.except(exception, &s.id.route.destination, now);
            }
        }
        if let Some(out) = self.out.get_mut(&s.id) {
            out.receipt = Some(s.receipt);
            out.env.reason = s.reason;
            out.env.refusals = 0;
            let link = out.env.link.clone();
            self.links.entry(link).or_default().last_receipt = Some(now);
        }
        self.move_envelope(&s.id, next, now);
        // Where its records are now counts: a version that is declined with it cures nothing.
        if let Some(code) = declined.map(Option::unwrap_or_default) {
            let text = canon::code(&code).map_or("", |c| c.zh);
            for key in members.iter() {
                self.list_rejected(key, &code, "", text, now);
            }
        }
        self.count_outcomes(&s.id, &members);
        for key in members.iter() {
            self.wake_children(key.0.root(), now);
        }
        self.row_outcomes(&s.rows, now);
        Ok(true)
    }

    /// Exceptions must name members, and the receipt's counts must be theirs.
    fn check_settlement(&self, s: &Settlement) -> Result<(), StoreError> {
        let members = self.out.get(&s.id).map(|o| o.members.clone()).unwrap_or_default();
        let mut outcomes: BTreeMap<u32, FinalOutcome> = BTreeMap::new();
        for exception in &s.not_accepted {
            let id = own_key(&exception.id, &s.id.route.destination);
            if members.get(exception.position as usize) != Some(&id)
                || outcomes.insert(exception.position, exception.outcome).is_some()
            {
                let position = exception.position;
                return Err(conflict("settlement", format!("{} at {position}", exception.id)));
            }
            if exception.outcome == FinalOutcome::ParentMissing && exception.again.is_none() {
                return Err(conflict("settlement", "parent-missing without its fragment"));
            }
        }
        if s.event == OutEvent::Declining {
            return Ok(());
        }
        let mut counts: BTreeMap<Arc<str>, (u64, u64, u64, HashSum)> = BTreeMap::new();
        for (position, key) in (0..).zip(members.iter()) {
            let count = counts.entry(key.1.kind.clone()).or_default();
            match outcomes.get(&position) {
                None => count.0 += 1,
                Some(FinalOutcome::Superseded) => count.1 += 1,
                Some(FinalOutcome::Rejected) => count.2 += 1,
                Some(FinalOutcome::ParentMissing) => continue,
            }
            if outcomes.get(&position) != Some(&FinalOutcome::Rejected)
                && let Some(own) = self.records.get(key)
            {
                count.3.add(&own.digest);
            }
        }
        let given = s
            .counts
            .iter()
            .map(|c| (c.kind.clone(), (c.accepted, c.superseded, c.rejected, c.sum)));
        let told = |(_, c): &(Arc<str>, (u64, u64, u64, HashSum))| *c != Default::default();
        let given: BTreeMap<_, _> = given.filter(told).collect();
        let counts: BTreeMap<_, _> = counts.into_iter().filter(told).collect();
        if given != counts {
            let detail = format!("counts {given:?} of {} are not its members' {counts:?}", s.id);
            return Err(conflict("settlement", detail));
        }
        Ok(())
    }

    /// One record that was not simply accepted.
    fn except(&mut self, exception: NotAccepted, to: &NodeCode, now: Millis) {
        let key = own_key(&exception.id, to);
        match exception.outcome {
            FinalOutcome::Superseded => self.move_record(&key, At::Superseded),
            FinalOutcome::Rejected => {
                self.move_record(&key, At::Rejected);
                let NotAccepted { code, field, text, .. } = exception;
                self.list_rejected(&key, &code, &field, &text, now);
            }
            FinalOutcome::ParentMissing => {
                self.move_record(&key, At::Waiting);
                if let Some(again) = exception.again {
                    self.wait(key, again.fragment.into(), again.waits_for, now);
                }
            }
        }
    }

    /// Lists a rejected record with the quarantined ones.
    pub(super) fn list_rejected(
        &mut self,
        key: &OwnKey,
        code: &str,
        field: &str,
        text: &str,
        now: Millis,
    ) {
        let Some(own) = self.records.get(key) else { return };
        let (adapter, source_row) = (own.adapter.clone(), own.source_row.clone());
        let stands = |own: &Own| {
            let place = self.place_of(own);
            !matches!(place, Place::Quarantined | Place::Voided | Place::Rejected)
        };
        let newer = self.versions(&key.0, &key.1).rfind(|(k, o)| k.2 > key.2 && stands(o));
        let cured_by = newer.map(|(k, _)| k.2);
        let violation = Violation {
            rule: code.into(),
            field: field.into(),
            severity: Severity::Error,
            zh: text.to_owned(),
            en: canon::code(code).map_or(text, |c| c.en).to_owned(),
        };
        let item = ProblemItem {
            number: self.next_number(),
            class: "rejected".into(),
            state: if cured_by.is_some() { "cured" } else { "held" }.into(),
            adapter: adapter.to_string(),
            reference: source_row.as_ref().map(ToString::to_string).unwrap_or_default(),
            record: Some(own_id(key).to_string()),
            destination: Some(key.1.to.clone()),
            violations: vec![violation],
            at: now,
            deadline: None,
            cured_by,
        };
        self.insert_problem(ProblemRow {
            item,
            raw: Vec::new(),
            record: Some(key.clone()),
            row_digest: None,
            source_row,
        });
    }

    /// What the link's page shows.
    pub(super) fn count_outcomes(&mut self, id: &EnvelopeId, members: &[OwnKey]) {
        let (mut accepted, mut rejected) = (0, 0);
        for own in members.iter().filter_map(|key| self.records.get(key)) {
            match self.place_of(own) {
                Place::Accepted => accepted += 1,
                Place::Rejected => rejected += 1,
                _ => {}
            }
        }
        if let Some(out) = self.out.get_mut(id) {
            out.accepted = accepted;
            out.rejected = rejected;
        }
    }

    /// Outcomes for source rows: the worst of each row.
    fn row_outcomes(&mut self, rows: &[RowOutcome], now: Millis) {
        let mut worst: BTreeMap<RowKey, (usize, String)> = BTreeMap::new();
        for row in rows {
            let rank = match row.outcome {
                None => 0,
                Some(FinalOutcome::Superseded) => 1,
                Some(FinalOutcome::Rejected) => 2,
                // Not final: the row waits for the record that goes up again.
                Some(FinalOutcome::ParentMissing) => continue,
            };
            let of = worst
                .entry((row.adapter.clone(), row.row.clone()))
                .or_insert((rank, row.text.clone()));
            if rank > of.0 {
                *of = (rank, row.text.clone());
            }
        }
        for (row, (rank, text)) in worst {
            let (rank, text) = match self.worst_known(&row) {
                Some((known, said)) if known > rank => (known, said),
                _ => (rank, text),
            };
            let text = self.told(&row, rank, text);
            self.queue_write_back(row, FLAGS[rank], text, now);
        }
    }

    /// The worst outcome among the latest versions of a row's records.
    fn worst_known(&self, row: &RowKey) -> Option<(usize, String)> {
        let mut worst: Option<(usize, String)> = None;
        for (key, own) in self.latest_of(row) {
            let Some(rank) = self.rank(key, own) else { continue };
            if worst.as_ref().is_none_or(|(w, _)| rank > *w) {
                worst = Some((rank, self.problem_of(key).map(problem_text).unwrap_or_default()));
            }
        }
        worst
    }

    /// The latest versions of a row's records.
    fn latest_of(&self, row: &RowKey) -> impl Iterator<Item = (&OwnKey, &Own)> {
        let keys = self.row_records.get(row).into_iter().flatten();
        let latest = keys.filter(|key| self.latest_version(&key.0, &key.1) == key.2);
        latest.filter_map(|key| self.records.get_key_value(key))
    }

    /// How bad the outcome of a record is, if it has one.
    fn rank(&self, key: &OwnKey, own: &Own) -> Option<usize> {
        match self.place_of(own) {
            _ if self.problem_of(key).is_some_and(|p| p.item.state == "returned") => Some(3),
            Place::Rejected => Some(2),
            Place::Superseded => Some(1),
            Place::Accepted => Some(0),
            _ => None,
        }
    }

    /// What a row is told, with the destinations where there are several.
    pub(super) fn told(&self, row: &RowKey, worst: usize, said: String) -> String {
        let mut records = Vec::new();
        for (key, own) in self.latest_of(row) {
            records.push(Said {
                to: &key.1.to,
                flag: self.rank(key, own).and_then(|rank| i64::try_from(rank).ok()),
                text: self.problem_of(key).map(problem_text).unwrap_or_default(),
            });
        }
        told::text(i64::try_from(worst).unwrap_or(i64::MAX), said, &records)
    }

    /// The last problem listed of a record version.
    pub(super) fn problem_of(&self, key: &OwnKey) -> Option<&ProblemRow> {
        let numbers = self.problems_of.get(&(key.0.clone(), key.1.clone()))?;
        numbers
            .iter()
            .rev()
            .filter_map(|n| self.problems.get(n))
            .find(|p| p.record.as_ref() == Some(key))
    }

    /// Queues a write-back, or changes the queued one.
    pub(super) fn queue_write_back(
        &mut self,
        row: RowKey,
        flag: &'static str,
        text: String,
        now: Millis,
    ) {
        let fresh = WriteBack { flag, text: text.clone(), attempts: 0, due_at: now };
        let queued = self.write_backs.entry(row).or_insert_with(|| fresh.clone());
        if queued.flag != flag {
            *queued = fresh;
        }
        queued.text = text;
    }

    /// Whether a row's outcome can be told: a person returned it, or nothing of it is under way.
    fn row_is_final(&self, row: &RowKey, write_back: &WriteBack) -> bool {
        if write_back.flag == "returned" {
            return true;
        }
        let Some(records) = self.row_records.get(row) else { return true };
        records.iter().filter_map(|k| self.records.get(k).map(|own| (k, own))).all(|(key, own)| {
            match self.place_of(own) {
                Place::Waiting
                | Place::Staged
                | Place::InFlight
                | Place::AwaitingReview
                | Place::Dead => false,
                // A record held here must not let its row look accepted.
                Place::Quarantined => {
                    self.problem_of(key).is_none_or(|p| p.item.state != "held")
                        || self.latest_version(&key.0, &key.1) != key.2
                }
                Place::Accepted | Place::Superseded | Place::Rejected | Place::Voided => true,
            }
        })
    }

    /// Write-backs due.
    pub(super) fn write_backs(&self, adapter: &str, now: Millis, limit: u32) -> Vec<WriteBackDue> {
        let now = now.max(self.last_now);
        self.write_backs
            .range((Arc::from(adapter), Arc::from(""))..)
            .take_while(|(row, _)| &*row.0 == adapter)
            .filter(|(row, w)| w.due_at <= now && self.row_is_final(row, w))
            .take(limit as usize)
            .map(|(row, w)| WriteBackDue {
                row: row.1.to_string(),
                flag: w.flag.to_owned(),
                text: w.text.clone(),
                attempts: w.attempts,
            })
            .collect()
    }

    /// What became of write-backs.
    pub(super) fn commit_write_backs(
        &mut self,
        adapter: &str,
        done: Vec<WriteBackDone>,
        now: Millis,
    ) {
        self.tick(now);
        for one in done {
            let row = (Arc::from(adapter), Arc::from(one.row.as_str()));
            let Some(queued) = self.write_backs.get_mut(&row) else { continue };
            if queued.flag != one.flag {
                continue;
            }
            match one.failed {
                None => drop(self.write_backs.remove(&row)),
                Some((_, next)) => {
                    queued.attempts += 1;
                    queued.due_at = next;
                }
            }
        }
    }

    /// Latest version of a record that is no longer told apart from other content.
    pub(super) fn forget_content(&mut self, key: &Key, strand: &Strand) {
        let latest = (key.clone(), strand.clone(), self.latest_version(key, strand));
        if let Some(own) = self.records.get_mut(&latest) {
            own.content = NO_CONTENT;
        }
    }
}

/// What the owner is told of a problem.
pub(super) fn problem_text(row: &ProblemRow) -> String {
    let texts: Vec<&str> = row.item.violations.iter().map(|v| v.zh.as_str()).collect();
    texts.join("；")
}
