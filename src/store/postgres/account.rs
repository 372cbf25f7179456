//! Accounts beside the books of windows: what links carried, what units brought.

use canon::{Day, Millis};
use sqlx::postgres::PgConnection;

use super::conn::q;
use super::handle::Handle;
use super::sql;
use crate::api::StoreFuture;
use crate::api_account::AccountFacts;
use crate::error::StoreError;
use crate::packed::account::{hops, numbers, units};
use crate::packed::window::side_of;
use crate::types::*;

/// More of some units in a window.
pub(super) async fn put_units(
    conn: &mut PgConnection,
    (ident, side, day, peer): (i64, BookSide, Day, i64),
    counts: impl Iterator<Item = &UnitCount>,
) -> Result<(), StoreError> {
    for count in counts {
        let statement = q(sql::UNIT_ADD).bind(ident).bind(side_of(side)).bind(i64::from(day.0));
        let statement = statement.bind(peer).bind(count.unit.as_str()).bind(count.region.as_str());
        let statement = numbers(count).into_iter().fold(statement, |s, n| s.bind(n));
        statement.execute(&mut *conn).await?;
    }
    Ok(())
}

async fn carried(handle: &Handle, day: Day, overdue: Millis) -> Result<Vec<HopCount>, StoreError> {
    // Both of one moment, although others go on writing.
    let mut conn = handle.look().await?;
    let of = |text| q(text).bind(handle.ident).bind(day.start().0).bind(Day(day.0 + 1).start().0);
    let own = of(sql::HOPS_OWN).fetch_all(&mut *conn).await?;
    let passed = of(sql::HOPS_PASSED).bind(overdue.0).fetch_all(&mut *conn).await?;
    conn.looked().await?;
    hops(handle.words(), &own, &passed)
}

async fn counted(handle: &Handle, side: BookSide, day: Day) -> Result<Vec<UnitRow>, StoreError> {
    let mut conn = handle.conn().await?;
    let statement = q(sql::UNITS).bind(handle.ident).bind(side_of(side)).bind(i64::from(day.0));
    units(handle.words(), &statement.fetch_all(&mut *conn).await?)
}

impl AccountFacts for Handle {
    fn hops(&self, day: Day, overdue: Millis) -> StoreFuture<'_, Vec<HopCount>> {
        fact!(self, carried(self, day, overdue))
    }

    fn units(&self, side: BookSide, day: Day) -> StoreFuture<'_, Vec<UnitRow>> {
        fact!(self, counted(self, side, day))
    }
}
