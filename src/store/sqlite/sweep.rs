//! Sweep: leases, and what may be deleted.

use canon::Millis;

use super::conn::{Columns, big, q};
use super::handle::{Handle, drop_blob};
use super::sql;
use crate::error::StoreError;
use crate::types::{Lease, LeaseRow};

/// Takes, renews or refuses a lease.
pub(super) async fn lease(
    handle: &Handle,
    name: &str,
    holder: &str,
    now: Millis,
    ttl_ms: i64,
) -> Result<Option<Lease>, StoreError> {
    let mut writer = handle.writer().await;
    let (mut txn, now) = handle.begin(&mut writer, None, Some(now)).await?;
    let row = q(sql::LEASE).bind(handle.ident).bind(name).fetch_optional(&mut *txn).await?;
    let token: u64 = match &row {
        None => 1,
        Some(row) if row.text(0)? == holder => row.num(1)?,
        Some(row) if row.int(2)? > now.0 => return Ok(None),
        Some(row) => row.num::<u64>(1)? + 1,
    };
    let statement = q(sql::LEASE_PUT).bind(handle.ident).bind(name).bind(holder).bind(big(token));
    statement.bind(now.plus(ttl_ms).0).execute(&mut *txn).await?;
    handle.commit(txn).await?;
    Ok(Some(Lease::whole(name, token)))
}

/// Every lease.
pub(super) async fn lease_rows(handle: &Handle) -> Result<Vec<LeaseRow>, StoreError> {
    let mut conn = handle.writer().await;
    let rows = q(sql::LEASES).bind(handle.ident).fetch_all(&mut *conn).await?;
    let read = |row: &sqlx::sqlite::SqliteRow| {
        Ok(LeaseRow {
            name: row.text(0)?.to_owned(),
            holder: row.text(1)?.to_owned(),
            token: row.num(2)?,
            until: Millis(row.int(3)?),
        })
    };
    rows.iter().map(read).collect()
}

/// Deletes what may go, and gives pages back to the file system.
pub(super) async fn purge(handle: &Handle, before: Millis, limit: u32) -> Result<u64, StoreError> {
    let mut writer = handle.writer().await;
    let (mut txn, _) = handle.begin(&mut writer, None, None).await?;
    let limit = i64::from(limit);
    let mut gone = 0;
    let relays = q(sql::PURGE_RELAYS).bind(handle.ident).bind(before.0).bind(limit);
    for row in relays.fetch_all(&mut *txn).await? {
        let (relay, records) = (row.int(0)?, row.int(1)? == 1);
        let text = if records { sql::RELAY_EMPTY } else { sql::RELAY_DROP };
        q(text).bind(relay).execute(&mut *txn).await?;
        drop_blob(&mut txn, row.int_opt(2)?).await?;
        let attempts = q(sql::ATTEMPTS_DROP).bind(handle.ident).bind(false).bind(relay);
        attempts.execute(&mut *txn).await?;
        gone += 1;
    }
    let controls = q(sql::PURGE_CONTROLS).bind(handle.ident).bind(before.0).bind(limit - gone);
    for row in controls.fetch_all(&mut *txn).await? {
        let envelope = row.int(0)?;
        q(sql::ENVELOPE_DROP).bind(envelope).execute(&mut *txn).await?;
        q(sql::RECEIPT_DROP).bind(envelope).execute(&mut *txn).await?;
        drop_blob(&mut txn, row.int_opt(1)?).await?;
        drop_blob(&mut txn, row.int_opt(2)?).await?;
        let attempts = q(sql::ATTEMPTS_DROP).bind(handle.ident).bind(true).bind(envelope);
        attempts.execute(&mut *txn).await?;
        gone += 1;
    }
    handle.commit(txn).await?;
    if gone > 0 {
        q(sql::VACUUM).execute(&mut *writer).await?;
    }
    super::conn::fit(gone)
}
