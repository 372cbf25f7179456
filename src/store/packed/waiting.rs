//! Who may go and who waits for a parent: runs, parents, rows.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use canon::Day;

use super::columns::place;
use super::row::Columns;
use super::words::Words;
use crate::error::StoreError;
use crate::types::*;

/// What becomes of a new record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    /// Staged.
    Goes,
    /// Waits.
    Waits,
}

/// A run of records of one chunk that becomes staged.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Staged {
    /// Word of the route.
    pub(crate) route: i64,
    /// Chunk.
    pub(crate) chunk: i64,
    /// First record of it.
    pub(crate) first: i64,
    /// How many.
    pub(crate) count: i64,
    /// An orphan past its time.
    pub(crate) orphan: bool,
}

/// Appends a record to the runs, to the last one if it follows there.
pub(crate) fn push(runs: &mut Vec<Staged>, route: i64, chunk: i64, idx: i64, orphan: bool) {
    match runs.last_mut() {
        Some(r) if (r.chunk, r.first + r.count, r.orphan) == (chunk, idx, orphan) => r.count += 1,
        _ => runs.push(Staged { route, chunk, first: idx, count: 1, orphan }),
    }
}

/// A key with its strand.
pub(crate) type Parent = (i64, Arc<str>, Arc<str>);

/// Where the known versions of parents are: `(place, word of the route)`.
#[derive(Default)]
pub(crate) struct Parents(BTreeMap<Parent, Vec<(Place, i64)>>);

impl Parents {
    /// Adds a version: root, strand, part, place, route.
    pub(crate) fn add(&mut self, row: &impl Columns) -> Result<(), StoreError> {
        let key = (row.int(1)?, row.text(0)?.into(), row.text(2)?.into());
        let at = (place(row.int(3)?)?, row.int(4)?);
        self.0.entry(key).or_default().push(at);
        Ok(())
    }

    /// In line before the child on the same route, or taken by the same destination on any.
    pub(crate) fn ready(
        &self,
        words: &Words,
        parent: &Parent,
        accepted: bool,
        route: i64,
    ) -> Result<bool, StoreError> {
        for (place, at) in self.0.get(parent).into_iter().flatten() {
            let ready = match place {
                Place::Accepted | Place::Superseded => {
                    *at == route || words.route(*at)?.destination == words.route(route)?.destination
                }
                Place::Staged | Place::InFlight | Place::AwaitingReview => {
                    !accepted && *at == route
                }
                Place::Quarantined
                | Place::Waiting
                | Place::Rejected
                | Place::Voided
                | Place::Dead => false,
            };
            if ready {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

/// Whether a record of a page may go: `gone` went before it on this route.
pub(crate) fn ready(
    words: &Words,
    parents: &Parents,
    gone: &HashSet<(i64, i64, &canon::Key)>,
    route: i64,
    wait: &WaitFor,
) -> Result<bool, StoreError> {
    if wait.elsewhere.is_some() {
        return Ok(false);
    }
    let kind = words.strand_to(&wait.kind, &words.route(route)?.destination)?;
    if !wait.accepted && gone.contains(&(route, kind, &wait.key)) {
        return Ok(true);
    }
    if parents.0.is_empty() {
        return Ok(false);
    }
    let parent = (kind, wait.key.root().into(), wait.key.part().into());
    parents.ready(words, &parent, wait.accepted, route)
}

/// A new row of `waiting`.
pub(crate) struct NewWaiting<'a> {
    /// Key of the record.
    pub(crate) key: &'a canon::Key,
    /// Its strand.
    pub(crate) kind: i64,
    /// Its version.
    pub(crate) version: u32,
    /// Where its fragment is.
    pub(crate) at: (i64, i64),
    /// Word of its route.
    pub(crate) route: i64,
    /// What for.
    pub(crate) wait: &'a WaitFor,
}

/// A row of `waiting`.
pub(crate) struct Row {
    /// Key of its parent.
    pub(crate) parent: Parent,
    /// Its strand.
    pub(crate) kind: i64,
    /// Key, first column.
    pub(crate) root: Arc<str>,
    /// Key, second column.
    pub(crate) part: Arc<str>,
    /// Its version.
    pub(crate) version: i64,
    /// Where its fragment is.
    pub(crate) chunk: i64,
    /// Its place there.
    pub(crate) idx: i64,
    /// Whether its parent must have been accepted.
    pub(crate) accepted: bool,
    /// For a parent elsewhere: until when.
    pub(crate) until: Option<i64>,
    /// Word of the route.
    pub(crate) route: i64,
    /// Window day.
    pub(crate) day: Day,
    /// Epoch of collection.
    pub(crate) epoch: i64,
}

impl Row {
    /// Reads it.
    pub(crate) fn read(row: &impl Columns) -> Result<Self, StoreError> {
        Ok(Self {
            parent: (row.int(1)?, row.text(0)?.into(), row.text(2)?.into()),
            kind: row.int(4)?,
            root: row.text(3)?.into(),
            part: row.text(5)?.into(),
            version: row.int(6)?,
            chunk: row.int(7)?,
            idx: row.int(8)?,
            accepted: row.int(9)? != 0,
            until: row.int_opt(10)?,
            route: row.int(11)?,
            day: Day(row.num(12)?),
            epoch: row.int(13)?,
        })
    }
}
