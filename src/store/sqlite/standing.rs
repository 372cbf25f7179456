//! Facts that stand, and the baseline.

use std::collections::BTreeMap;

use canon::{Day, Key, Millis};
use sqlx::SqliteConnection;
use sqlx::sqlite::SqliteRow;

use super::codec::digest_in;
use super::collect::sorted;
use super::conn::{Columns, fit, json, q};
use super::handle::Handle;
use super::sql;
use crate::error::StoreError;
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
    let mut lines = BTreeMap::new();
    for row in &rows {
        handle.words().learn(&mut writer, &[&*row.kind]).await?;
        let (kind, key) = (handle.words().word(&row.kind)?, &row.key);
        let content = row.content.map(hex);
        let reported = row.reported.map(|d| d.0);
        let line = (key.root(), kind, key.part(), row.version, content, reported, row.day.0);
        lines.insert((key.root(), kind, key.part()), line);
    }
    let lines = json(&lines.into_values().collect::<Vec<_>>())?;
    let (mut txn, _) = handle.begin(&mut writer, None, Some(now)).await?;
    let known = q(sql::BASELINE_KNOWN).bind(handle.ident).bind(lines.as_str());
    let known: u64 = known.fetch_one(&mut *txn).await?.num(0)?;
    let statement = q(sql::BASELINE_ADD).bind(handle.ident).bind(lines.as_str());
    let marked = statement.execute(&mut *txn).await?.rows_affected();
    handle.commit(txn).await?;
    drop(writer);
    handle.barrier().await?;
    Ok(marked.saturating_sub(known))
}

/// The digits of a digest, without the name of its algorithm.
fn hex(digest: canon::Digest) -> String {
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
    let mut found = Vec::with_capacity(rows.len());
    for row in &rows {
        found.push(BaselineRow {
            key: Key::from_columns(row.text(0)?, row.text(2)?),
            kind: handle.words().text(row.int(1)?)?,
            version: row.num(3)?,
            content: row.blob_opt(4)?.map(digest_in).transpose()?,
            reported: row.int_opt(5)?.map(|d| fit(d).map(Day)).transpose()?,
            day: Day(row.num(6)?),
        });
    }
    found.sort_by(|a, b| (&a.key, &a.kind).cmp(&(&b.key, &b.kind)));
    Ok(found)
}

/// Marks by type and day.
pub(super) async fn baseline_counts(handle: &Handle) -> Result<Vec<BaselineCount>, StoreError> {
    let mut conn = handle.writer().await;
    let rows = q(sql::BASELINE_COUNTS).bind(handle.ident).fetch_all(&mut *conn).await?;
    let mut counts = Vec::with_capacity(rows.len());
    for row in &rows {
        let kind = handle.words().text(row.int(0)?)?.to_string();
        counts.push(BaselineCount { kind, day: Day(row.num(1)?), count: row.num(2)? });
    }
    counts.sort_by(|a, b| (&a.kind, a.day).cmp(&(&b.kind, b.day)));
    Ok(counts)
}
