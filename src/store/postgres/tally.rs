//! Sums by day, peer and type, moved in the transaction that moves the records.

use canon::{Day, NodeCode, Prefix};
use sqlx::postgres::PgConnection;

use super::conn::q;
use super::handle::Handle;
use super::sql;
use super::window::{self, Of};
use crate::error::StoreError;
pub(super) use crate::packed::tally::{Line, OWN, RECEIVED, Tallies};
use crate::packed::tally::{in_order, sums};
use crate::types::Tally;

/// Writes them, all in one statement: a line is 21 numbers of one list.
pub(super) async fn write(tallies: Tallies, conn: &mut PgConnection) -> Result<(), StoreError> {
    let (ident, side) = (tallies.ident, tallies.side);
    for ((day, peer), bundle) in tallies.bundles {
        let of = Of { ident, side, day: i64::from(day.0), peer };
        window::put(conn, of, Prefix::ALL, bundle).await?;
    }
    if tallies.lines.is_empty() {
        return Ok(());
    }
    let mut numbers = Vec::with_capacity(tallies.lines.len() * 21);
    for (line, delta) in &tallies.lines {
        let Line { day, peer, route, epoch, kind } = *line;
        numbers.extend([i64::from(day.0), peer, route, epoch, kind]);
        numbers.extend(delta.places);
        numbers.extend(delta.sum.0.iter().map(|n| i64::from(*n)));
        numbers.extend([delta.first, delta.last]);
    }
    let statement = q(sql::TALLY_PUT).bind(tallies.ident).bind(tallies.side).bind(numbers);
    statement.execute(conn).await?;
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
        Some(code) => match handle.find(code.as_str()).await? {
            Some(word) => Some(word),
            None => return Ok(Vec::new()),
        },
    };
    let mut conn = handle.conn().await?;
    let statement = q(sql::TALLIES).bind(handle.ident).bind(side).bind(i64::from(day.0)).bind(only);
    let mut tallies = Vec::new();
    for row in statement.fetch_all(&mut *conn).await? {
        tallies.push(sums(handle.words(), &row)?);
    }
    in_order(&mut tallies);
    Ok(tallies)
}
