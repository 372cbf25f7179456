//! Facts that stand, and the baseline.

use std::collections::BTreeMap;

use canon::Millis;
use sqlx::sqlite::{SqliteConnection, SqliteRow};

use super::collect::sorted;
use super::conn::{Columns, json, q};
use super::handle::Handle;
use super::sql;
use crate::error::StoreError;
use crate::packed::baseline::{Known, count, counts_in_order, in_order, mark, strand_of};
use crate::types::*;

/// What stands under a prefix.
pub(super) async fn standing(handle: &Handle, prefix: &str) -> Result<Vec<Standing>, StoreError> {
    let mut conn = handle.writer().await;
    let rows = q(sql::STANDING).bind(handle.ident).bind(prefix).fetch_all(&mut *conn).await?;
    let standing = |row: &SqliteRow| {
        let (name, text) = (row.text(0)?.to_owned(), row.text(1)?.to_owned());
        Ok(Standing { name, text, at: Millis(row.int(2)?) })
    };
    rows.iter().map(standing).collect()
}

/// Names of what stands under a prefix, the oldest first.
pub(super) async fn names(
    handle: &Handle,
    prefix: &str,
    limit: u32,
) -> Result<Vec<StandingName>, StoreError> {
    let mut conn = handle.writer().await;
    let statement = q(sql::STANDING_NAMES).bind(handle.ident).bind(prefix).bind(limit);
    let rows = statement.fetch_all(&mut *conn).await?;
    let name = |row: &SqliteRow| {
        Ok(StandingName { name: row.text(0)?.to_owned(), at: Millis(row.int(1)?) })
    };
    rows.iter().map(name).collect()
}

/// What stands from a page on, and what no more.
pub(super) async fn put(
    handle: &Handle,
    txn: &mut SqliteConnection,
    stands: &[Stands],
    now: Millis,
) -> Result<(), StoreError> {
    for one in stands {
        let name = one.name.as_str();
        let statement = match &one.text {
            Some(text) => {
                q(sql::STAND).bind(handle.ident).bind(name).bind(text.as_str()).bind(now.0)
            }
            None => q(sql::STAND_NO_MORE).bind(handle.ident).bind(name),
        };
        statement.execute(&mut *txn).await?;
    }
    Ok(())
}

/// Makes a text stand, or takes it back.
pub(super) async fn stand(
    handle: &Handle,
    name: &str,
    text: Option<&str>,
    now: Millis,
) -> Result<(), StoreError> {
    let mut writer = handle.writer().await;
    let (mut txn, now) = handle.begin(&mut writer, None, Some(now)).await?;
    let one = Stands { name: name.to_owned(), text: text.map(str::to_owned) };
    put(handle, &mut txn, &[one], now).await?;
    handle.commit(txn).await?;
    drop(writer);
    handle.barrier().await?;
    Ok(())
}

/// Marks records as reported before.
pub(super) async fn import_baseline(
    handle: &Handle,
    rows: Vec<BaselineRow>,
    now: Millis,
) -> Result<u64, StoreError> {
    let mut writer = handle.writer().await;
    for row in &rows {
        handle.words().learn(&mut writer, &[&strand_of(row)]).await?;
    }
    let (mut txn, _) = handle.begin(&mut writer, None, Some(now)).await?;
    let mut known = known(handle, &mut txn, &rows).await?;
    let (mut lines, mut fresh) = (BTreeMap::new(), 0);
    for row in rows.iter().filter(|row| known.takes(row, &mut fresh)) {
        let (strand, key) = (handle.words().word(&strand_of(row))?, &row.key);
        let content = row.content.map(hex);
        let reported = row.reported.map(|d| d.0);
        let line = (key.root(), strand, key.part(), row.version, content, reported, row.day.0);
        lines.insert((key.root(), strand, key.part()), line);
    }
    let lines = json(&lines.into_values().collect::<Vec<_>>())?;
    q(sql::BASELINE_ADD).bind(handle.ident).bind(lines).execute(&mut *txn).await?;
    handle.commit(txn).await?;
    drop(writer);
    handle.barrier().await?;
    Ok(fresh)
}

/// What is known of the keys of a list.
async fn known(
    handle: &Handle,
    txn: &mut SqliteConnection,
    rows: &[BaselineRow],
) -> Result<Known, StoreError> {
    let roots: Vec<&str> = rows.iter().map(|r| r.key.root()).collect();
    let roots = sorted(&roots)?;
    let mut known = Known::default();
    let collected = q(sql::KNOWN_VERSIONS).bind(handle.ident).bind(roots.as_str());
    for row in collected.fetch_all(&mut *txn).await? {
        known.collected(handle.words(), &row)?;
    }
    for row in q(sql::BASELINE).bind(handle.ident).bind(roots).fetch_all(txn).await? {
        known.marked(mark(handle.words(), &row)?);
    }
    Ok(known)
}

/// The digits of a digest, without the name of its algorithm.
pub(super) fn hex(digest: canon::Digest) -> String {
    let text = digest.to_string();
    text.rsplit(':').next().unwrap_or_default().to_owned()
}

/// Marks of some cases.
pub(super) async fn baseline(
    handle: &Handle,
    roots: &[&str],
) -> Result<Vec<BaselineRow>, StoreError> {
    let mut conn = handle.writer().await;
    // Most nodes have none, and then nothing is looked up for a page.
    if q(sql::BASELINE_ANY).bind(handle.ident).fetch_optional(&mut *conn).await?.is_none() {
        return Ok(Vec::new());
    }
    let statement = q(sql::BASELINE).bind(handle.ident).bind(sorted(roots)?);
    let rows = statement.fetch_all(&mut *conn).await?;
    let marks: Result<_, _> = rows.iter().map(|row| mark(handle.words(), row)).collect();
    Ok(in_order(marks?))
}

/// Marks by type and day.
pub(super) async fn baseline_counts(handle: &Handle) -> Result<Vec<BaselineCount>, StoreError> {
    let mut conn = handle.writer().await;
    let rows = q(sql::BASELINE_COUNTS).bind(handle.ident).fetch_all(&mut *conn).await?;
    let counts: Result<_, _> = rows.iter().map(|row| count(handle.words(), row)).collect();
    Ok(counts_in_order(counts?))
}
