//! Source rows as last seen, for adapters that compare or write back.

use canon::Key;
use sqlx::postgres::{PgConnection, PgRow};

use super::codec::{digest_in, digest_out};
use super::conn::{Columns, big, q, sorted};
use super::handle::Handle;
use super::sql;
use crate::error::StoreError;
use crate::types::*;

/// Notes the rows of a page.
pub(super) async fn put(
    handle: &Handle,
    txn: &mut PgConnection,
    adapter: i64,
    rows: &[SourceRowMark],
) -> Result<(), StoreError> {
    if rows.is_empty() {
        return Ok(());
    }
    let mut rows: Vec<_> = rows.iter().collect();
    // The last mark of a row counts: one statement may not write a row twice.
    rows.reverse();
    rows.sort_by(|a, b| a.row.cmp(&b.row));
    rows.dedup_by(|a, b| a.row == b.row);
    let keys: Vec<&str> = rows.iter().map(|m| &*m.row).collect();
    let digests: Vec<Vec<u8>> = rows.iter().map(|m| digest_out(&m.digest)).collect();
    let passes: Vec<i64> = rows.iter().map(|m| big(m.pass)).collect();
    let statement = q(sql::SOURCE_ROWS_PUT).bind(handle.ident).bind(adapter).bind(keys);
    statement.bind(digests).bind(passes).execute(txn).await?;
    Ok(())
}

/// Source rows out of a statement.
fn marks(rows: &[PgRow]) -> Result<Vec<SourceRowMark>, StoreError> {
    let mark = |row: &PgRow| {
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
    let Some(word) = handle.find(adapter).await? else { return Ok(Vec::new()) };
    let mut conn = handle.conn().await?;
    let statement = q(sql::SOURCE_ROWS).bind(handle.ident).bind(word).bind(sorted(rows));
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
    let Some(word) = handle.find(adapter).await? else { return Ok(Vec::new()) };
    let mut conn = handle.conn().await?;
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
    let Some(word) = handle.find(adapter).await? else { return Ok(Vec::new()) };
    let mut conn = handle.conn().await?;
    let statement = q(sql::GAVE).bind(handle.ident).bind(word).bind(sorted(rows));
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
    let Some(word) = handle.find(adapter).await? else { return Ok(()) };
    let mut txn = handle.begin(None, None).await?;
    let statement = q(sql::SOURCE_ROWS_DROP).bind(handle.ident).bind(word).bind(sorted(rows));
    statement.execute(&mut *txn).await?;
    txn.commit().await
}
