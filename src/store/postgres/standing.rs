//! Facts that stand, and the baseline.

use std::collections::BTreeSet;

use canon::Millis;
use sqlx::postgres::{PgConnection, PgRow};

use super::codec::digest_out;
use super::conn::{Columns, q, sorted};
use super::handle::Handle;
use super::sql;
use crate::error::StoreError;
use crate::packed::baseline::{Known, count, counts_in_order, in_order, mark, strand_of};
use crate::types::*;

/// What stands under a prefix.
pub(super) async fn standing(handle: &Handle, prefix: &str) -> Result<Vec<Standing>, StoreError> {
    let mut conn = handle.conn().await?;
    let rows = q(sql::STANDING).bind(handle.ident).bind(prefix).fetch_all(&mut *conn).await?;
    let standing = |row: &PgRow| {
        let (name, text) = (row.text(0)?.to_owned(), row.text(1)?.to_owned());
        Ok(Standing { name, text, at: Millis(row.int(2)?) })
    };
    rows.iter().map(standing).collect()
}

/// Makes a text stand, or takes it back.
pub(super) async fn stand(
    handle: &Handle,
    name: &str,
    text: Option<&str>,
    now: Millis,
) -> Result<(), StoreError> {
    let mut txn = handle.begin(None, Some(now)).await?;
    let statement = match text {
        Some(text) => q(sql::STAND).bind(handle.ident).bind(name).bind(text).bind(txn.now.0),
        None => q(sql::STAND_NO_MORE).bind(handle.ident).bind(name),
    };
    statement.execute(&mut *txn).await?;
    txn.commit().await?;
    handle.barrier().await
}

/// Marks records as reported before.
pub(super) async fn import_baseline(
    handle: &Handle,
    rows: &[BaselineRow],
    now: Millis,
) -> Result<u64, StoreError> {
    let strands: BTreeSet<String> = rows.iter().map(strand_of).collect();
    handle.learn(&strands.iter().map(String::as_str).collect::<Vec<_>>()).await?;
    let mut txn = handle.begin(None, Some(now)).await?;
    let mut known = known(handle, &mut txn, rows).await?;
    let mut fresh = 0;
    let mut rest: Vec<&BaselineRow> =
        rows.iter().filter(|row| known.takes(row, &mut fresh)).collect();
    while !rest.is_empty() {
        // One statement writes a key once: a key that stands twice goes with the next one.
        let mut seen = BTreeSet::new();
        let (now, later): (Vec<_>, Vec<_>) =
            rest.into_iter().partition(|r| seen.insert((&r.kind, &r.destination, &r.key)));
        rest = later;
        let mut kinds = Vec::with_capacity(now.len());
        for row in &now {
            kinds.push(handle.words().word(&strand_of(row))?);
        }
        let roots: Vec<&str> = now.iter().map(|r| r.key.root()).collect();
        let parts: Vec<&str> = now.iter().map(|r| r.key.part()).collect();
        let versions: Vec<i64> = now.iter().map(|r| i64::from(r.version)).collect();
        let contents: Vec<Option<Vec<u8>>> =
            now.iter().map(|r| r.content.as_ref().map(digest_out)).collect();
        let reported: Vec<Option<i32>> = now.iter().map(|r| r.reported.map(|d| d.0)).collect();
        let days: Vec<i32> = now.iter().map(|r| r.day.0).collect();
        let statement = q(sql::BASELINE_ADD).bind(handle.ident).bind(roots).bind(kinds);
        let statement = statement.bind(parts).bind(versions).bind(contents).bind(reported);
        statement.bind(days).execute(&mut *txn).await?;
    }
    txn.commit().await?;
    handle.barrier().await?;
    Ok(fresh)
}

/// What is known of the keys of a list.
async fn known(
    handle: &Handle,
    txn: &mut PgConnection,
    rows: &[BaselineRow],
) -> Result<Known, StoreError> {
    let roots: Vec<&str> = rows.iter().map(|r| r.key.root()).collect();
    let roots = sorted(&roots);
    let mut known = Known::default();
    let collected = q(sql::KNOWN_VERSIONS).bind(handle.ident).bind(roots.clone());
    for row in collected.fetch_all(&mut *txn).await? {
        known.collected(handle.words(), &row)?;
    }
    for row in q(sql::BASELINE).bind(handle.ident).bind(roots).fetch_all(txn).await? {
        known.marked(mark(handle.words(), &row)?);
    }
    Ok(known)
}

/// Marks of some cases.
pub(super) async fn baseline(
    handle: &Handle,
    roots: &[&str],
) -> Result<Vec<BaselineRow>, StoreError> {
    let mut conn = handle.conn().await?;
    let rows = q(sql::BASELINE).bind(handle.ident).bind(sorted(roots));
    let rows = rows.fetch_all(&mut *conn).await?;
    drop(conn);
    let marks: Result<_, _> = rows.iter().map(|row| mark(handle.words(), row)).collect();
    Ok(in_order(marks?))
}

/// Marks by type and day.
pub(super) async fn baseline_counts(handle: &Handle) -> Result<Vec<BaselineCount>, StoreError> {
    let mut conn = handle.conn().await?;
    let rows = q(sql::BASELINE_COUNTS).bind(handle.ident).fetch_all(&mut *conn).await?;
    drop(conn);
    let counts: Result<_, _> = rows.iter().map(|row| count(handle.words(), row)).collect();
    Ok(counts_in_order(counts?))
}
