//! The cursor over a source's queries: a state for each, whose turn it is, how its passes go on from
//! one another.

use std::collections::BTreeMap;

use canon::Millis;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::error::SourceError;

/// Milliseconds of a minute.
const MINUTE_MS: i64 = 60_000;

/// What the store keeps as opaque text.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, bound(deserialize = "A: DeserializeOwned"))]
pub(crate) struct Cursor<A> {
    /// Edition of this text.
    pub(crate) v: u32,
    /// The query whose turn it is; queries take turns within a round.
    pub(crate) next: usize,
    /// By query name.
    pub(crate) queries: BTreeMap<String, State<A>>,
}

/// How far one query is.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, bound(deserialize = "A: DeserializeOwned"))]
pub(crate) struct State<A> {
    /// Highest modified time (or log number) of finished passes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) high: Option<String>,
    /// When that was first seen here.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub(crate) since: Millis,
    /// A pass begun later than `since` plus the overlap has found nothing newer: from now on only
    /// what is strictly later is read, so that an idle source is not read again and again.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) settled: bool,
    /// Full passes begun (`compare`).
    #[serde(default, skip_serializing_if = "no_passes")]
    pub(crate) passes: u64,
    /// When the pass under way began.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub(crate) began: Millis,
    /// When the last full pass ended (`compare`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) ended: Option<Millis>,
    /// Where the pass under way is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) at: Option<A>,
}

impl<A: Default + Serialize + DeserializeOwned> Cursor<A> {
    pub(crate) fn parse(adapter: &str, text: Option<&str>) -> Result<Self, SourceError> {
        let Some(text) = text else { return Ok(Self { v: 1, ..Self::default() }) };
        let unreadable =
            |detail: String| SourceError::CursorUnreadable { adapter: adapter.into(), detail };
        let cursor: Self = serde_json::from_str(text).map_err(|e| unreadable(e.to_string()))?;
        if cursor.v != 1 {
            return Err(unreadable(format!("edition {}", cursor.v)));
        }
        Ok(cursor)
    }

    pub(crate) fn text(&self) -> String {
        serde_json::to_string(self).expect("strings and numbers always serialize")
    }
}

impl<A> State<A> {
    /// Begins a pass if none is under way.
    pub(crate) fn begin(&mut self, now: Millis) {
        if self.at.is_none() {
            self.began = now;
        }
    }

    /// Ends the pass: what it saw becomes the mark for the next. An idle source leaves the state as
    /// it was, so that nothing has to be committed.
    pub(crate) fn end(&mut self, now: Millis, seen: Option<String>, overlap_ms: i64) {
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

/// A written time earlier by so much, in the same form; the time itself if it is no time.
pub(crate) fn earlier(time: &str, ms: i64) -> String {
    let Some(at) = time.get(..19).and_then(|t| Millis::parse(&t.replacen('T', " ", 1))) else {
        return time.to_owned();
    };
    let text = at.plus(-ms).to_string();
    if time.contains('T') { text.replacen(' ', "T", 1) } else { text }
}

/// Whether a time can be: one wrong year must not put the mark ahead of everything else.
pub(crate) fn believable(time: &str, latest: &str) -> bool {
    time.replacen('T', " ", 1).as_str() <= latest
}

/// Whether a source may be read at this time of the day (minutes from midnight, Beijing time; a range
/// may go over it); no hours are the whole day.
pub(crate) fn open_at(hours: &[(u16, u16)], now: Millis) -> bool {
    let minute = u16::try_from(now.since(now.day().start()) / MINUTE_MS).unwrap_or(0);
    let holds = |(from, to): &(u16, u16)| {
        if from < to { (*from..*to).contains(&minute) } else { minute >= *from || minute < *to }
    };
    hours.is_empty() || hours.iter().any(holds)
}
