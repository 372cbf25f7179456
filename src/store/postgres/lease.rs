//! Leases. The holder renews by one statement; a lease changes hands inside the turn, so that no
//! fact of the last holder is under way meanwhile, and on the disk, so that no token is given twice.

use std::collections::BTreeMap;

use canon::Millis;

use super::conn::{Columns, big, q};
use super::handle::Handle;
use super::sql;
use crate::error::StoreError;
use crate::types::{Lease, LeaseRow};

/// Takes, renews or refuses a lease.
pub(super) async fn take(
    handle: &Handle,
    name: &str,
    holder: &str,
    now: Millis,
    ttl_ms: i64,
) -> Result<Option<Lease>, StoreError> {
    let names = [name.to_owned()];
    Ok(take_all(handle, &names, holder, now, ttl_ms).await?.pop().flatten())
}

/// Takes, renews or refuses each of several.
pub(super) async fn take_all(
    handle: &Handle,
    names: &[String],
    holder: &str,
    now: Millis,
    ttl_ms: i64,
) -> Result<Vec<Option<Lease>>, StoreError> {
    handle.note(now);
    let mut held = BTreeMap::<String, u64>::new();
    let mut conn = handle.conn().await?;
    let renew = q(sql::LEASES_RENEW).bind(handle.ident).bind(names).bind(holder);
    let renew = renew.bind(handle.clock(now).0).bind(ttl_ms);
    for row in renew.fetch_all(&mut *conn).await? {
        held.insert(row.text(0)?.to_owned(), row.num(1)?);
    }
    drop(conn);
    let others: Vec<&str> = names.iter().map(String::as_str).collect();
    let others: Vec<&str> = others.into_iter().filter(|n| !held.contains_key(*n)).collect();
    if !others.is_empty() {
        change_hands(handle, &others, holder, now, ttl_ms, &mut held).await?;
    }
    let lease = |name: &String| held.get(name).map(|token| Lease::whole(name, *token));
    Ok(names.iter().map(lease).collect())
}

/// Takes those that nobody holds any more.
async fn change_hands(
    handle: &Handle,
    names: &[&str],
    holder: &str,
    now: Millis,
    ttl_ms: i64,
    held: &mut BTreeMap<String, u64>,
) -> Result<(), StoreError> {
    let mut txn = handle.begin(None, Some(now)).await?;
    let mut tokens: BTreeMap<&str, u64> = names.iter().map(|name| (*name, 1)).collect();
    let rows = q(sql::LEASES_OF).bind(handle.ident).bind(names).fetch_all(&mut *txn).await?;
    for row in &rows {
        let name = row.text(0)?;
        if row.text(1)? == holder {
            tokens.insert(name, row.num(2)?);
        } else if row.int(3)? > txn.now.0 {
            tokens.remove(name);
        } else {
            tokens.insert(name, row.num::<u64>(2)? + 1);
        }
    }
    if tokens.is_empty() {
        return txn.commit().await;
    }
    let (taken, numbers): (Vec<&str>, Vec<i64>) =
        tokens.iter().map(|(name, token)| (*name, big(*token))).unzip();
    let statement = q(sql::LEASES_PUT).bind(handle.ident).bind(holder);
    let statement = statement.bind(txn.now.plus(ttl_ms).0).bind(taken).bind(numbers);
    statement.execute(&mut *txn).await?;
    txn.commit().await?;
    held.extend(tokens.into_iter().map(|(name, token)| (name.to_owned(), token)));
    handle.barrier().await
}

/// Every lease.
pub(super) async fn rows(handle: &Handle) -> Result<Vec<LeaseRow>, StoreError> {
    let mut conn = handle.conn().await?;
    let rows = q(sql::LEASES).bind(handle.ident).fetch_all(&mut *conn).await?;
    let read = |row: &sqlx::postgres::PgRow| {
        Ok(LeaseRow {
            name: row.text(0)?.to_owned(),
            holder: row.text(1)?.to_owned(),
            token: row.num(2)?,
            until: Millis(row.int(3)?),
        })
    };
    rows.iter().map(read).collect()
}
