//! Sums by day, peer and type, as they are collected during a transaction and read again.

use std::collections::BTreeMap;

use canon::{Day, HashSum};

use super::columns::big;
use super::leaves::{Bundle, Counted};
use super::row::Columns;
use super::words::Words;
use crate::error::StoreError;
use crate::types::{Place, Tally};

/// Own records, by destination.
pub(crate) const OWN: i64 = 0;
/// Received ones, by sender.
pub(crate) const RECEIVED: i64 = 1;

/// What changes in one line.
#[derive(Default)]
pub(crate) struct Delta {
    /// By place.
    pub(crate) places: [i64; 10],
    /// Of the digests.
    pub(crate) sum: HashSum,
    /// Lowest sequence, 0 for none.
    pub(crate) first: i64,
    /// Highest sequence.
    pub(crate) last: i64,
}

/// What is summed up together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Line {
    /// Window day.
    pub(crate) day: Day,
    /// Word of the destination, or of the sender.
    pub(crate) peer: i64,
    /// Word of the route.
    pub(crate) route: i64,
    /// Epoch.
    pub(crate) epoch: i64,
    /// Word of the type.
    pub(crate) kind: i64,
}

impl Line {
    /// The line of own records on a route.
    pub(crate) fn own(
        words: &Words,
        day: Day,
        (route, epoch): (i64, i64),
        kind: i64,
    ) -> Result<Self, StoreError> {
        let destination = words.route(route)?.destination;
        let peer = words.word(destination.as_str())?;
        Ok(Self { day, peer, route, epoch, kind })
    }

    /// The same window, another type.
    pub(crate) const fn of(self, kind: i64) -> Self {
        Self { kind, ..self }
    }
}

/// Changes collected during a transaction, written at its end.
pub(crate) struct Tallies {
    /// Whose.
    pub(crate) ident: i64,
    /// Which side.
    pub(crate) side: i64,
    /// The changes.
    pub(crate) lines: BTreeMap<Line, Delta>,
    /// Leaves that come and go, by day and peer.
    pub(crate) bundles: BTreeMap<(Day, i64), Bundle>,
}

impl Tallies {
    /// Of one side.
    pub(crate) const fn new(ident: i64, side: i64) -> Self {
        Self { ident, side, lines: BTreeMap::new(), bundles: BTreeMap::new() }
    }

    /// `n` more (or fewer) in a place.
    pub(crate) fn add(&mut self, line: Line, place: Place, n: i64) {
        self.lines.entry(line).or_default().places[place as usize] += n;
    }

    /// `n` from one place to another.
    pub(crate) fn shift(&mut self, line: Line, from: Place, to: Place, n: u64) {
        self.add(line, from, -big(n));
        self.add(line, to, big(n));
    }

    /// A record that counts in the sums of its window, or no more.
    pub(crate) fn leaf(&mut self, (day, peer): (Day, i64), comes: bool, record: Counted<'_>) {
        self.bundles.entry((day, peer)).or_default().put(comes, record);
    }

    /// Adds to the hash sum.
    pub(crate) fn sum(&mut self, line: Line, sum: &HashSum) {
        self.lines.entry(line).or_default().sum.merge(sum);
    }

    /// A sequence that carried some.
    pub(crate) fn sequence(&mut self, line: Line, sequence: u64) {
        let delta = self.lines.entry(line).or_default();
        let sequence = big(sequence);
        delta.first = if delta.first == 0 { sequence } else { delta.first.min(sequence) };
        delta.last = delta.last.max(sequence);
    }
}

/// Sums as they were read.
pub(crate) fn sums(words: &Words, row: &impl Columns) -> Result<Tally, StoreError> {
    let mut places = [0; 10];
    for (i, place) in places.iter_mut().enumerate() {
        *place = row.num(2 + i)?;
    }
    let mut sum = HashSum::default();
    for (i, limb) in sum.0.iter_mut().enumerate() {
        *limb = row.num(12 + i)?;
    }
    Ok(Tally {
        peer: words.text(row.int(0)?)?.to_string(),
        route: words.text(row.int(18)?)?.to_string(),
        epoch: row.num(19)?,
        kind: words.text(row.int(1)?)?.to_string(),
        collected: places.iter().sum(),
        places,
        sum: sum.to_string(),
        first_sequence: row.num(16)?,
        last_sequence: row.num(17)?,
    })
}

/// By peer, route, epoch, type.
pub(crate) fn in_order(tallies: &mut [Tally]) {
    tallies.sort_by(|a, b| {
        (&a.peer, &a.route, a.epoch, &a.kind).cmp(&(&b.peer, &b.route, b.epoch, &b.kind))
    });
}
