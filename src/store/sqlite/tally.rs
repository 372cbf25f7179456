//! Sums by day, peer and type, moved in the transaction that moves the records.

use canon::{Day, NodeCode, Prefix};
use sqlx::sqlite::SqliteConnection;

use super::conn::{Bulk, q};
use super::handle::Handle;
use super::sql;
use super::window::{self, Of};
use crate::error::StoreError;
pub(super) use crate::packed::tally::{Line, OWN, RECEIVED, Tallies};
use crate::packed::tally::{in_order, sums};
use crate::types::Tally;

static UPSERT: Bulk = Bulk::new(sql::TALLY_HEAD, sql::TALLY_ROW, sql::TALLY_TAIL);

/// Writes them.
pub(super) async fn write(tallies: Tallies, conn: &mut SqliteConnection) -> Result<(), StoreError> {
    let (ident, side) = (tallies.ident, tallies.side);
    let lines: Vec<_> = tallies.lines.into_iter().collect();
    UPSERT
        .run(conn, &lines, |s, (line, delta)| {
            let s = s.bind(ident).bind(side).bind(i64::from(line.day.0)).bind(line.peer);
            let s = s.bind(line.route).bind(line.epoch).bind(line.kind);
            let s = delta.places.iter().fold(s, |s, n| s.bind(*n));
            let s = delta.sum.0.iter().fold(s, |s, n| s.bind(i64::from(*n)));
            s.bind(delta.first).bind(delta.last)
        })
        .await?;
    for ((day, peer), bundle) in tallies.bundles {
        let of = Of { ident, side, day: i64::from(day.0), peer };
        window::put(conn, of, Prefix::ALL, bundle).await?;
    }
    Ok(())
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
        tallies.push(sums(handle.words(), &row)?);
    }
    in_order(&mut tallies);
    Ok(tallies)
}
