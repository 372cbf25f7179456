//! The cursor over a database's queries: a state for each, and whose turn it is.

use std::collections::BTreeMap;

use canon::Millis;
use serde::{Deserialize, Serialize};

use crate::error::SourceError;

/// What the store keeps as opaque text.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Cursor {
    /// Edition of this text.
    pub(super) v: u32,
    /// The query whose turn it is; queries take turns within a round.
    pub(super) next: usize,
    /// By query name.
    pub(super) queries: BTreeMap<String, State>,
}

/// How far one query is.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct State {
    /// Highest modified time (or log number) of finished passes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) high: Option<String>,
    /// When that was first seen here.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub(super) since: Millis,
    /// A pass begun later than `since` plus the overlap has found nothing newer: from now on only
    /// what is strictly later is read, so that an idle source is not read again and again.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(super) settled: bool,
    /// Full passes begun (`compare`).
    #[serde(default, skip_serializing_if = "no_passes")]
    pub(super) passes: u64,
    /// When the pass under way began.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub(super) began: Millis,
    /// When the last full pass ended (`compare`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) ended: Option<Millis>,
    /// The last row given, within a pass.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) at: Option<At>,
}

/// The last row given.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct At {
    /// Its modified time (or log number); empty where there is none.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(super) time: String,
    /// Its key columns.
    pub(super) key: Vec<String>,
    /// Highest believable time seen in this pass.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) high: Option<String>,
}

impl Cursor {
    pub(super) fn parse(adapter: &str, text: Option<&str>) -> Result<Self, SourceError> {
        let Some(text) = text else { return Ok(Self { v: 1, ..Self::default() }) };
        let unreadable =
            |detail: String| SourceError::CursorUnreadable { adapter: adapter.into(), detail };
        let cursor: Self = serde_json::from_str(text).map_err(|e| unreadable(e.to_string()))?;
        if cursor.v != 1 {
            return Err(unreadable(format!("edition {}", cursor.v)));
        }
        Ok(cursor)
    }

    pub(super) fn text(&self) -> String {
        serde_json::to_string(self).expect("strings and numbers always serialize")
    }
}

impl State {
    /// Begins a pass if none is under way.
    pub(super) fn begin(&mut self, now: Millis) {
        if self.at.is_none() {
            self.began = now;
        }
    }

    /// Ends the pass: what it saw becomes the mark for the next. An idle source leaves the state as
    /// it was, so that nothing has to be committed.
    pub(super) fn end(&mut self, now: Millis, seen: Option<String>, overlap_ms: i64) {
        self.at = None;
        if seen.is_some() && seen != self.high {
            self.high = seen;
            self.since = now;
            self.settled = false;
        } else if self.began.since(self.since) > overlap_ms {
            self.settled = true;
        }
        self.began = Millis::default();
    }
}

const fn is_zero(at: &Millis) -> bool {
    at.0 == 0
}

const fn no_passes(n: &u64) -> bool {
    *n == 0
}
