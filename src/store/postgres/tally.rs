//! Sums by day, peer and type, moved in the transaction that moves the records.

use std::collections::BTreeMap;

use canon::{Day, HashSum, NodeCode};
use sqlx::postgres::PgConnection;

use super::conn::{Columns, big, q};
use super::handle::Handle;
use super::sql;
use crate::error::StoreError;
use crate::types::{Place, Tally};

/// Own records, by destination.
pub(super) const OWN: i64 = 0;
/// Received ones, by sender.
pub(super) const RECEIVED: i64 = 1;

#[derive(Default)]
struct Delta {
    places: [i64; 10],
    sum: HashSum,
    first: i64,
    last: i64,
}

/// What is summed up together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Line {
    /// Window day.
    pub(super) day: Day,
    /// Word of the destination, or of the sender.
    pub(super) peer: i64,
    /// Word of the route.
    pub(super) route: i64,
    /// Epoch.
    pub(super) epoch: i64,
    /// Word of the type.
    pub(super) kind: i64,
}

impl Line {
    /// The line of own records on a route.
    pub(super) fn own(
        handle: &Handle,
        day: Day,
        (route, epoch): (i64, i64),
        kind: i64,
    ) -> Result<Self, StoreError> {
        let destination = handle.words().route(route)?.destination;
        let peer = handle.words().word(destination.as_str())?;
        Ok(Self { day, peer, route, epoch, kind })
    }

    /// The same window, another type.
    pub(super) const fn of(self, kind: i64) -> Self {
        Self { kind, ..self }
    }
}

/// Changes collected during a transaction, written at its end.
pub(super) struct Tallies {
    ident: i64,
    side: i64,
    lines: BTreeMap<Line, Delta>,
}

impl Tallies {
    /// Of one side.
    pub(super) const fn new(ident: i64, side: i64) -> Self {
        Self { ident, side, lines: BTreeMap::new() }
    }

    /// `n` more (or fewer) in a place.
    pub(super) fn add(&mut self, line: Line, place: Place, n: i64) {
        self.lines.entry(line).or_default().places[place as usize] += n;
    }

    /// `n` from one place to another.
    pub(super) fn shift(&mut self, line: Line, from: Place, to: Place, n: u64) {
        self.add(line, from, -big(n));
        self.add(line, to, big(n));
    }

    /// Adds to the hash sum.
    pub(super) fn sum(&mut self, line: Line, sum: &HashSum) {
        self.lines.entry(line).or_default().sum.merge(sum);
    }

    /// A sequence that carried some.
    pub(super) fn sequence(&mut self, line: Line, sequence: u64) {
        let delta = self.lines.entry(line).or_default();
        let sequence = big(sequence);
        delta.first = if delta.first == 0 { sequence } else { delta.first.min(sequence) };
        delta.last = delta.last.max(sequence);
    }

    /// Writes them, all in one statement: a line is 21 numbers of one list.
    pub(super) async fn write(self, conn: &mut PgConnection) -> Result<(), StoreError> {
        if self.lines.is_empty() {
            return Ok(());
        }
        let mut numbers = Vec::with_capacity(self.lines.len() * 21);
        for (line, delta) in &self.lines {
            let Line { day, peer, route, epoch, kind } = *line;
            numbers.extend([i64::from(day.0), peer, route, epoch, kind]);
            numbers.extend(delta.places);
            numbers.extend(delta.sum.0.iter().map(|n| i64::from(*n)));
            numbers.extend([delta.first, delta.last]);
        }
        let statement = q(sql::TALLY_PUT).bind(self.ident).bind(self.side).bind(numbers);
        statement.execute(conn).await?;
        Ok(())
    }
}

/// The sums of a day, of one peer or of all.
pub(super) async fn read(
    handle: &Handle,
    side: i64,
    day: Day,
    peer: Option<&NodeCode>,
) -> Result<Vec<Tally>, StoreError> {
    let only = match peer {
        None => None,
        Some(code) => match handle.find(code.as_str()).await? {
            Some(word) => Some(word),
            None => return Ok(Vec::new()),
        },
    };
    let mut conn = handle.conn().await?;
    let statement = q(sql::TALLIES).bind(handle.ident).bind(side).bind(i64::from(day.0)).bind(only);
    let mut tallies = Vec::new();
    for row in statement.fetch_all(&mut *conn).await? {
        let mut places = [0; 10];
        for (i, place) in places.iter_mut().enumerate() {
            *place = row.num(2 + i)?;
        }
        let mut sum = HashSum::default();
        for (i, limb) in sum.0.iter_mut().enumerate() {
            *limb = row.num(12 + i)?;
        }
        tallies.push(Tally {
            peer: handle.words().text(row.int(0)?)?.to_string(),
            route: handle.words().text(row.int(18)?)?.to_string(),
            epoch: row.num(19)?,
            kind: handle.words().text(row.int(1)?)?.to_string(),
            collected: places.iter().sum(),
            places,
            sum: sum.to_string(),
            first_sequence: row.num(16)?,
            last_sequence: row.num(17)?,
        });
    }
    tallies.sort_by(|a, b| {
        (&a.peer, &a.route, a.epoch, &a.kind).cmp(&(&b.peer, &b.route, b.epoch, &b.kind))
    });
    Ok(tallies)
}
