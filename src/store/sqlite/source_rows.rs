//! Source rows as last seen, for adapters that compare or write back.

use std::sync::Arc;

use canon::Key;
use sqlx::sqlite::SqliteConnection;

use super::codec::{digest_in, digest_out};
use super::collect::sorted;
use super::conn::{Bulk, Columns, big, q};
use super::handle::Handle;
use super::sql;
use crate::error::StoreError;
use crate::types::*;

static SOURCE_ROWS: Bulk =
    Bulk::new(sql::SOURCE_ROW_HEAD, sql::SOURCE_ROW_ROW, sql::SOURCE_ROW_TAIL);
/// Notes the rows of a page.
pub(super) async fn put(
    handle: &Handle,
    txn: &mut SqliteConnection,
    adapter: i64,
    mut rows: Vec<SourceRowMark>,
) -> Result<(), StoreError> {
    rows.sort_unstable_by(|a, b| a.row.cmp(&b.row));
    SOURCE_ROWS
        .run(txn, &rows, |s, mark| {
            let s = s.bind(handle.ident).bind(adapter).bind(Arc::clone(&mark.row));
            s.bind(digest_out(&mark.digest)).bind(big(mark.pass))
        })
        .await?;
    Ok(())
}

/// Source rows out of a statement.
fn marks(rows: &[sqlx::sqlite::SqliteRow]) -> Result<Vec<SourceRowMark>, StoreError> {
    let mark = |row: &sqlx::sqlite::SqliteRow| {
        Ok(SourceRowMark {
            row: row.text(0)?.into(),
            digest: digest_in(row.blob(1)?)?,
            pass: row.num(2)?,
        })
    };
    rows.iter().map(mark).collect()
}

/// Digests of source rows as last seen.
pub(super) async fn get(
    handle: &Handle,
    adapter: &str,
    rows: &[&str],
) -> Result<Vec<SourceRowMark>, StoreError> {
    let Some(word) = handle.words().find(adapter) else { return Ok(Vec::new()) };
    let mut conn = handle.writer().await;
    let statement = q(sql::SOURCE_ROWS).bind(handle.ident).bind(word).bind(sorted(rows)?);
    marks(&statement.fetch_all(&mut *conn).await?)
}

/// Source rows that the full pass `pass` did not see.
pub(super) async fn vanished(
    handle: &Handle,
    adapter: &str,
    prefix: &str,
    pass: u64,
    limit: u32,
) -> Result<Vec<SourceRowMark>, StoreError> {
    let Some(word) = handle.words().find(adapter) else { return Ok(Vec::new()) };
    let mut conn = handle.writer().await;
    let statement = q(sql::VANISHED).bind(handle.ident).bind(word);
    let statement = statement.bind(big(pass)).bind(i64::from(limit)).bind(prefix);
    marks(&statement.fetch_all(&mut *conn).await?)
}

/// Which records these rows gave.
pub(super) async fn gave(
    handle: &Handle,
    adapter: &str,
    rows: &[&str],
) -> Result<Vec<Gave>, StoreError> {
    let Some(word) = handle.words().find(adapter) else { return Ok(Vec::new()) };
    let mut conn = handle.writer().await;
    let statement = q(sql::GAVE).bind(handle.ident).bind(word).bind(sorted(rows)?);
    let mut given = Vec::new();
    for row in statement.fetch_all(&mut *conn).await? {
        let (kind, destination) = handle.words().strand_parts(row.int(2)?)?;
        let key = Key::from_columns(row.text(1)?, row.text(3)?);
        given.push(Gave { row: row.text(0)?.into(), kind, key, destination });
    }
    given.sort();
    Ok(given)
}

/// Forgets source rows.
pub(super) async fn forget(
    handle: &Handle,
    adapter: &str,
    rows: &[&str],
) -> Result<(), StoreError> {
    let Some(word) = handle.words().find(adapter) else { return Ok(()) };
    let mut conn = handle.writer().await;
    let statement = q(sql::SOURCE_ROWS_DROP).bind(handle.ident).bind(word).bind(sorted(rows)?);
    statement.execute(&mut *conn).await?;
    Ok(())
}
