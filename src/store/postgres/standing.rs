//! Facts that stand, and the baseline.

use canon::{Day, Key, Millis};
use sqlx::PgConnection;
use sqlx::postgres::PgRow;

use super::codec::{digest_in, digest_out};
use super::conn::{Columns, fit, q, sorted};
use super::handle::Handle;
use super::sql;
use crate::error::StoreError;
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

/// Names of what stands under a prefix, the oldest first.
pub(super) async fn names(
    handle: &Handle,
    prefix: &str,
    limit: u32,
) -> Result<Vec<StandingName>, StoreError> {
    let mut conn = handle.conn().await?;
    let statement = q(sql::STANDING_NAMES).bind(handle.ident).bind(prefix).bind(i64::from(limit));
    let rows = statement.fetch_all(&mut *conn).await?;
    let name =
        |row: &PgRow| Ok(StandingName { name: row.text(0)?.to_owned(), at: Millis(row.int(1)?) });
    rows.iter().map(name).collect()
}

/// What stands from a page on, and what no more.
pub(super) async fn put(
    handle: &Handle,
    txn: &mut PgConnection,
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
    let mut txn = handle.begin(None, Some(now)).await?;
    let one = Stands { name: name.to_owned(), text: text.map(str::to_owned) };
    let now = txn.now;
    put(handle, &mut txn, &[one], now).await?;
    txn.commit().await?;
    handle.barrier().await
}

/// Marks records as reported before.
pub(super) async fn import_baseline(
    handle: &Handle,
    rows: &[BaselineRow],
    now: Millis,
) -> Result<u64, StoreError> {
    let words: Vec<&str> = rows.iter().map(|r| &*r.kind).collect();
    handle.learn(&words).await?;
    let mut txn = handle.begin(None, Some(now)).await?;
    let mut new = 0;
    let mut rest: Vec<&BaselineRow> = rows.iter().collect();
    while !rest.is_empty() {
        // One statement writes a key once: a key that stands twice goes with the next one.
        let mut seen = std::collections::BTreeSet::new();
        let (now, later): (Vec<_>, Vec<_>) =
            rest.into_iter().partition(|r| seen.insert((&r.kind, &r.key)));
        rest = later;
        let mut kinds = Vec::with_capacity(now.len());
        for row in &now {
            kinds.push(handle.words().word(&row.kind)?);
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
        new += statement.bind(days).fetch_one(&mut *txn).await?.num::<u64>(0)?;
    }
    txn.commit().await?;
    handle.barrier().await?;
    Ok(new)
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
    let mut conn = handle.conn().await?;
    let rows = q(sql::BASELINE_COUNTS).bind(handle.ident).fetch_all(&mut *conn).await?;
    drop(conn);
    let mut counts = Vec::with_capacity(rows.len());
    for row in &rows {
        let kind = handle.words().text(row.int(0)?)?.to_string();
        counts.push(BaselineCount { kind, day: Day(row.num(1)?), count: row.num(2)? });
    }
    counts.sort_by(|a, b| (&a.kind, a.day).cmp(&(&b.kind, b.day)));
    Ok(counts)
}
