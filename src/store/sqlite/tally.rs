//! Sums by day, peer and type, moved in the transaction that moves the records.

use std::collections::BTreeMap;

use canon::{Day, HashSum, NodeCode};
use sqlx::sqlite::SqliteConnection;

use super::conn::{Bulk, Columns, big, q};
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

struct Line {
    ident: i64,
    side: i64,
    day: i64,
    peer: i64,
    kind: i64,
    delta: Delta,
}

/// Changes collected during a transaction, written at its end.
pub(super) struct Tallies {
    ident: i64,
    side: i64,
    lines: BTreeMap<(i64, i64, i64), Delta>,
}

static UPSERT: Bulk = Bulk::new(sql::TALLY_HEAD, sql::TALLY_ROW, sql::TALLY_TAIL);

impl Tallies {
    /// Of one side.
    pub(super) const fn new(ident: i64, side: i64) -> Self {
        Self { ident, side, lines: BTreeMap::new() }
    }

    fn line(&mut self, day: Day, peer: i64, kind: i64) -> &mut Delta {
        self.lines.entry((i64::from(day.0), peer, kind)).or_default()
    }

    /// `n` more (or fewer) in a place.
    pub(super) fn add(&mut self, day: Day, peer: i64, kind: i64, place: Place, n: i64) {
        self.line(day, peer, kind).places[place as usize] += n;
    }

    /// `n` from one place to another.
    pub(super) fn shift(&mut self, line: (Day, i64, i64), from: Place, to: Place, n: u64) {
        let (day, peer, kind) = line;
        self.add(day, peer, kind, from, -big(n));
        self.add(day, peer, kind, to, big(n));
    }

    /// Adds to the hash sum.
    pub(super) fn sum(&mut self, day: Day, peer: i64, kind: i64, sum: &HashSum) {
        self.line(day, peer, kind).sum.merge(sum);
    }

    /// A sequence that carried some.
    pub(super) fn sequence(&mut self, day: Day, peer: i64, kind: i64, sequence: u64) {
        let line = self.line(day, peer, kind);
        let sequence = big(sequence);
        line.first = if line.first == 0 { sequence } else { line.first.min(sequence) };
        line.last = line.last.max(sequence);
    }

    /// Writes them.
    pub(super) async fn write(self, conn: &mut SqliteConnection) -> Result<(), StoreError> {
        let (ident, side) = (self.ident, self.side);
        let line = |((day, peer, kind), delta)| Line { ident, side, day, peer, kind, delta };
        let lines: Vec<_> = self.lines.into_iter().map(line).collect();
        UPSERT
            .run(conn, &lines, |s, line| {
                let s = s.bind(line.ident).bind(line.side).bind(line.day).bind(line.peer);
                let s = line.delta.places.iter().fold(s.bind(line.kind), |s, n| s.bind(*n));
                let s = line.delta.sum.0.iter().fold(s, |s, n| s.bind(i64::from(*n)));
                s.bind(line.delta.first).bind(line.delta.last)
            })
            .await?;
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
        Some(code) => match handle.words().find(code.as_str()) {
            Some(word) => Some(word),
            None => return Ok(Vec::new()),
        },
    };
    let mut conn = handle.writer().await;
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
            kind: handle.words().text(row.int(1)?)?.to_string(),
            collected: places.iter().sum(),
            places,
            sum: sum.to_string(),
            first_sequence: row.num(16)?,
            last_sequence: row.num(17)?,
        });
    }
    tallies.sort_by(|a, b| (&a.peer, &a.kind).cmp(&(&b.peer, &b.kind)));
    Ok(tallies)
}
