//! Lists for people's pages, out of rows.

use std::sync::Arc;

use canon::{Day, Key, Millis, NodeCode, RecordId};

use super::codec::{Entries, digest_in, numbers_in};
use super::columns::{fit, state, state_column};
use super::row::{Columns, id, own_id, own_record_id};
use super::words::Words;
use crate::error::StoreError;
use crate::lifecycle::OutState;
use crate::types::*;

/// Chunks, or other sources of records, that are read at a time.
pub(crate) const PARTS_READ: i64 = 8;
/// Records whose places are looked up at a time.
pub(crate) const LOOKED_AT_ONCE: usize = 100;

/// The most rows of a page, as an argument.
pub(crate) fn rows_max(limit: u32) -> i64 {
    i64::from(limit.min(PAGE_ROWS_MAX))
}

/// The smallest part of the envelopes that has all of the states that are looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Among {
    /// Only given up ones.
    Dead,
    /// Only ones that are not at their end.
    Open,
    /// Any.
    All,
}

impl Among {
    /// Of a filter.
    pub(crate) fn of(filter: &EnvelopeFilter) -> Self {
        let ended = |s: &OutState| matches!(s, OutState::Settled | OutState::Declined);
        if filter.states.is_empty() || filter.states.iter().any(ended) {
            Self::All
        } else if filter.states.iter().all(|s| *s == OutState::Dead) {
            Self::Dead
        } else {
            Self::Open
        }
    }
}

/// States as they are looked for, as columns.
pub(crate) fn state_columns(filter: &EnvelopeFilter) -> Vec<i64> {
    filter.states().into_iter().map(state_column).collect()
}

/// A cause: class, adapter, rule, state, count, first, last, number.
pub(crate) fn group(words: &Words, row: &impl Columns) -> Result<ProblemGroup, StoreError> {
    let adapter = row.int_opt(1)?.map(|a| words.text(a)).transpose()?;
    Ok(ProblemGroup {
        class: row.text(0)?.to_owned(),
        adapter: adapter.map(|a| a.to_string()).unwrap_or_default(),
        rule: row.text_opt(2)?.unwrap_or_default().to_owned(),
        state: row.text(3)?.to_owned(),
        count: row.num(4)?,
        first: Millis(row.int(5)?),
        last: Millis(row.int(6)?),
        number: row.int(7)?,
    })
}

/// Groups in the order in which every back end gives them.
pub(crate) fn in_order(mut groups: Vec<ProblemGroup>) -> Vec<ProblemGroup> {
    groups.sort_by(|a, b| {
        (&a.adapter, &a.class, &a.rule, &a.state).cmp(&(&b.adapter, &b.class, &b.rule, &b.state))
    });
    groups
}

/// An own envelope of a list.
pub(crate) fn envelope(
    (words, code): (&Words, &NodeCode),
    row: &impl Columns,
) -> Result<EnvelopeRow, StoreError> {
    let numbered_at = Millis(row.int(1)?);
    Ok(EnvelopeRow {
        mark: Mark { at: numbered_at, number: row.int(0)?, idx: 0 },
        ended_at: row.int_opt(18)?.map(Millis),
        envelope: OutEnvelope {
            id: own_id((words, code), row, 2)?,
            kind: words.text(row.int(5)?)?,
            state: state(row.int(6)?)?,
            day: Day(row.num(7)?),
            link: words.text(row.int(8)?)?,
            head_digest: digest_in(row.blob(9)?)?,
            root: digest_in(row.blob(10)?)?,
            count: row.num(11)?,
            attempts: row.num(12)?,
            refusals: row.num(13)?,
            numbered_at,
            sent_at: row.int_opt(14)?.map(Millis),
            due_at: row.int_opt(15)?.map(Millis),
            reason: row.text_opt(16)?.map(str::to_owned),
            hop: row.text_opt(17)?.map(str::to_owned),
        },
    })
}

/// A judged envelope of a list: number, id, day, count, kept, problems, time.
pub(crate) fn received(words: &Words, row: &impl Columns) -> Result<ReceivedRow, StoreError> {
    let kept = match row.blob_opt(7)? {
        None => row.num(6)?,
        Some(positions) => u32::try_from(numbers_in(positions)?.len()).unwrap_or(u32::MAX),
    };
    Ok(ReceivedRow {
        mark: Mark { at: Millis(row.int(9)?), number: row.int(0)?, idx: 0 },
        id: id(words, row, 1)?,
        day: Day(row.num(5)?),
        kept,
        problems: row.num(8)?,
    })
}

/// A sender: word, judged, relayed.
pub(crate) fn sender(words: &Words, row: &impl Columns) -> Result<(i64, SenderRow), StoreError> {
    let sender = SenderRow {
        sender: words.node(row.int(0)?)?,
        judged_at: row.int_opt(1)?.map(Millis),
        relayed_at: row.int_opt(2)?.map(Millis),
        accepted: 0,
        superseded: 0,
        rejected: 0,
    };
    Ok((row.int(0)?, sender))
}

/// Adds what was judged of a day (sender, accepted, superseded, rejected), and gives the order.
pub(crate) fn with_day(
    mut senders: Vec<(i64, SenderRow)>,
    sums: &[impl Columns],
) -> Result<Vec<SenderRow>, StoreError> {
    for row in sums {
        let peer = row.int(0)?;
        if let Some((_, sender)) = senders.iter_mut().find(|(word, _)| *word == peer) {
            sender.accepted = row.num(1)?;
            sender.superseded = row.num(2)?;
            sender.rejected = row.num(3)?;
        }
    }
    let mut senders: Vec<SenderRow> = senders.into_iter().map(|(_, s)| s).collect();
    senders.sort_by(|a, b| a.sender.cmp(&b.sender));
    Ok(senders)
}

/// Where records of a page are looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    /// Chunks, the last first.
    Chunks,
    /// What of chunks is not in an envelope.
    Staged,
    /// What of chunks is in envelopes on their way.
    Flying,
    /// What of chunks is in envelopes that were given up.
    Dead,
    /// What waits for a parent.
    Waiting,
    /// Problems of this class.
    Class(&'static str),
    /// Withdrawn problems.
    Withdrawn,
}

impl Source {
    /// Where records in this place are.
    pub(crate) const fn of(place: Option<Place>) -> Self {
        match place {
            None | Some(Place::Accepted | Place::Superseded | Place::AwaitingReview) => {
                Self::Chunks
            }
            Some(Place::Staged) => Self::Staged,
            Some(Place::InFlight) => Self::Flying,
            Some(Place::Dead) => Self::Dead,
            Some(Place::Waiting) => Self::Waiting,
            Some(Place::Quarantined) => Self::Class("quarantined"),
            Some(Place::Rejected) => Self::Class("rejected"),
            Some(Place::Voided) => Self::Withdrawn,
        }
    }
}

impl Source {
    /// Whether it gives parts of chunks, not records.
    pub(crate) const fn has_parts(self) -> bool {
        !matches!(self, Self::Waiting | Self::Class(_) | Self::Withdrawn)
    }

    /// How many rows are read at once.
    pub(crate) const fn read_at_once(self) -> i64 {
        if self.has_parts() { PARTS_READ } else { PAGE_ROWS_MAX as i64 }
    }

    /// The class of problems that are looked for.
    pub(crate) const fn word(self) -> Option<&'static str> {
        match self {
            Self::Class(class) => Some(class),
            _ => None,
        }
    }
}

/// Where a source goes on after these rows; they were all that there are if they are fewer than were
/// asked for.
pub(crate) fn last(
    rows: &[impl Columns],
    parts: bool,
    limit: i64,
) -> Result<Option<Mark>, StoreError> {
    let Some(row) = rows.last().filter(|_| super::columns::len(rows.len()) >= limit) else {
        return Ok(None);
    };
    let idx = row.num(if parts { 4 } else { 7 })?;
    Ok(Some(Mark { at: Millis(row.int(1)?), number: row.int(0)?, idx }))
}

/// A record that may belong on a page.
#[derive(Clone, Debug)]
pub(crate) struct Candidate {
    /// Where it stands in the list.
    pub(crate) mark: Mark,
    /// Type, key, version.
    pub(crate) id: RecordId,
    /// Where it goes.
    pub(crate) to: NodeCode,
    /// Adapter.
    pub(crate) adapter: Arc<str>,
    /// Chunk and place in it, where it must still be there.
    pub(crate) at: Option<(i64, u32)>,
}

/// A page of records while it is put together.
pub(crate) struct Walk<'f> {
    filter: &'f RecordFilter,
    /// Candidates not looked up yet, the next last.
    found: Vec<Candidate>,
    /// Where the source goes on.
    pub(crate) mark: Mark,
    /// The source has no more.
    ended: bool,
    entries: u32,
    looked: u32,
    page: RecordPage,
}

impl<'f> Walk<'f> {
    /// At the beginning of a page.
    pub(crate) fn new(filter: &'f RecordFilter) -> Self {
        Self {
            filter,
            found: Vec::new(),
            mark: filter.before,
            ended: false,
            entries: 0,
            looked: 0,
            page: RecordPage::default(),
        }
    }

    /// Whether the source is to be read.
    pub(crate) fn wants_more(&self) -> bool {
        self.found.is_empty() && !self.ended && self.entries < ENTRIES_READ_MAX && self.has_room()
    }

    fn has_room(&self) -> bool {
        self.page.rows.len() < self.filter.limit.min(PAGE_ROWS_MAX) as usize
            && self.looked < PLACES_LOOKED_MAX
    }

    fn may_be(&self, candidate: &Candidate) -> bool {
        let filter = self.filter;
        filter.kind.as_deref().is_none_or(|k| k == &*candidate.id.kind)
            && filter.destination.as_ref().is_none_or(|d| *d == candidate.to)
    }

    /// A part of a chunk: chunk, time, adapter, route, first, count.
    pub(crate) fn part(
        &mut self,
        words: &Words,
        row: &impl Columns,
        entries: &[u8],
    ) -> Result<(), StoreError> {
        let (chunk, at) = (row.int(0)?, Millis(row.int(1)?));
        let (adapter, route) = (words.text(row.int(2)?)?, words.route(row.int(3)?)?);
        let (first, count): (usize, usize) = (row.num(4)?, row.num(5)?);
        let start = self.mark;
        let mut part = Vec::new();
        for (idx, entry) in Entries::new(entries).enumerate().skip(first).take(count) {
            let entry = entry?;
            let idx = fit::<u32>(super::columns::len(idx))?;
            let mark = Mark { at, number: chunk, idx };
            let key = Key::from_columns(entry.root, entry.part);
            let kind = words.text(entry.kind)?;
            let candidate = Candidate {
                mark,
                id: RecordId { kind, key, version: entry.version },
                to: route.destination.clone(),
                adapter: Arc::clone(&adapter),
                at: Some((chunk, idx)),
            };
            self.entries += 1;
            if mark < start && self.may_be(&candidate) {
                part.push(candidate);
            }
        }
        part.extend(std::mem::take(&mut self.found));
        self.found = part;
        Ok(())
    }

    /// A record of a row: number, time, adapter, root, strand, part, version, place in the number.
    pub(crate) fn one(&mut self, words: &Words, row: &impl Columns) -> Result<(), StoreError> {
        let (id, to) = own_record_id(words, row, 3)?;
        let adapter = row.int_opt(2)?.map_or_else(|| Ok(Arc::from("")), |a| words.text(a))?;
        let mark = Mark { at: Millis(row.int(1)?), number: row.int(0)?, idx: row.num(7)? };
        let candidate = Candidate { mark, id, to, adapter, at: None };
        self.entries += 1;
        if self.may_be(&candidate) {
            self.found.insert(0, candidate);
        }
        Ok(())
    }

    /// The source was read up to here; `None` if it has no more.
    pub(crate) fn read_to(&mut self, mark: Option<Mark>) {
        match mark {
            Some(mark) => self.mark = mark,
            None => self.ended = true,
        }
    }

    /// Whose places are to be looked up.
    pub(crate) fn next(&self) -> Vec<Candidate> {
        if !self.has_room() {
            return Vec::new();
        }
        self.found.iter().rev().take(LOOKED_AT_ONCE).cloned().collect()
    }

    /// What [`Self::next`] gave was looked up.
    pub(crate) fn looked_up(&mut self, located: Vec<Option<Located>>) {
        for located in located {
            if !self.has_room() {
                return;
            }
            let Some(one) = self.found.pop() else { return };
            self.looked += 1;
            self.page.next = Some(one.mark);
            let Some(Located { place, envelope }) = located else { continue };
            if self.filter.place.is_none_or(|p| p == place) {
                let Candidate { mark, id, to, adapter, .. } = one;
                let at = mark.at;
                let row = RecordRow { id, destination: to, adapter, at, place, envelope };
                self.page.rows.push(row);
            }
        }
    }

    /// The page.
    pub(crate) fn finish(self) -> RecordPage {
        let mut page = self.page;
        if self.found.is_empty() {
            page.next = (!self.ended).then_some(self.mark);
        }
        page
    }
}
