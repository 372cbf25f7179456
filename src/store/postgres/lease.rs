//! Leases. The holder renews by one statement; a lease changes hands inside the turn, so that no
//! fact of the last holder is under way meanwhile, and on the disk, so that no token is given twice.

use canon::Millis;

use super::conn::{Columns, big, q};
use super::handle::Handle;
use super::sql;
use crate::error::StoreError;
use crate::types::Lease;

/// Takes, renews or refuses a lease.
pub(super) async fn take(
    handle: &Handle,
    name: &str,
    holder: &str,
    now: Millis,
    ttl_ms: i64,
) -> Result<Option<Lease>, StoreError> {
    let lease = |token| Ok(Some(Lease { name: name.to_owned(), token }));
    handle.note(now);
    let mut conn = handle.conn().await?;
    let renew = q(sql::LEASE_RENEW).bind(handle.ident).bind(name).bind(holder);
    let renew = renew.bind(handle.clock(now).0).bind(ttl_ms);
    let renewed = renew.fetch_optional(&mut *conn).await?;
    drop(conn);
    if let Some(row) = renewed {
        return lease(row.num(0)?);
    }
    let mut txn = handle.begin(None, Some(now)).await?;
    let row = q(sql::LEASE).bind(handle.ident).bind(name).fetch_optional(&mut *txn).await?;
    let token: u64 = match &row {
        None => 1,
        Some(row) if row.text(0)? == holder => row.num(1)?,
        Some(row) if row.int(2)? > txn.now.0 => {
            txn.commit().await?;
            return Ok(None);
        }
        Some(row) => row.num::<u64>(1)? + 1,
    };
    let statement = q(sql::LEASE_PUT).bind(handle.ident).bind(name).bind(holder).bind(big(token));
    statement.bind(txn.now.plus(ttl_ms).0).execute(&mut *txn).await?;
    txn.commit().await?;
    handle.barrier().await?;
    lease(token)
}
