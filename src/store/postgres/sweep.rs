//! Sweep: what may be deleted.

use canon::Millis;

use super::conn::{Columns, fit, len, q};
use super::handle::Handle;
use super::sql;
use crate::error::StoreError;

/// Deletes what may go.
pub(super) async fn purge(handle: &Handle, before: Millis, limit: u32) -> Result<u64, StoreError> {
    let mut txn = handle.begin(None, None).await?;
    let limit = i64::from(limit);
    let (mut rows, mut blobs) = (Vec::new(), Vec::new());
    let relays = q(sql::PURGE_RELAYS).bind(handle.ident).bind(before.0).bind(limit);
    for row in relays.fetch_all(&mut *txn).await? {
        rows.push(row.int(0)?);
        blobs.extend(row.int_opt(2)?);
    }
    let mut gone = len(rows.len());
    if gone > 0 {
        let statement = q(sql::RELAYS_PURGED).bind(handle.ident).bind(&rows).bind(&blobs);
        statement.execute(&mut *txn).await?;
    }
    (rows, blobs) = (Vec::new(), Vec::new());
    let controls = q(sql::PURGE_CONTROLS).bind(handle.ident).bind(before.0).bind(limit - gone);
    for row in controls.fetch_all(&mut *txn).await? {
        rows.push(row.int(0)?);
        blobs.extend(row.int_opt(1)?);
    }
    if !rows.is_empty() {
        let statement = q(sql::CONTROLS_PURGED).bind(handle.ident).bind(&rows).bind(&blobs);
        statement.execute(&mut *txn).await?;
        gone += len(rows.len());
    }
    txn.commit().await?;
    fit(gone)
}
