//! Source rows as last seen, and which records they gave.

use std::ops::Range;

use canon::{Key, RecordId};
use sqlx::postgres::{PgConnection, PgRow};

use super::codec::{digest_in, digest_out};
use super::collect::Piece;
use super::conn::{Columns, big, q, sorted};
use super::handle::Handle;
use super::sql;
use crate::error::StoreError;
use crate::plain::{Plain, refs};
use crate::types::*;

/// That a row of an adapter gave a record of a strand.
type Given<'r> = (i64, &'r str, &'r RecordId, i64);

/// Which rows gave the records of a page.
pub(super) async fn put_given(
    handle: &Handle,
    txn: &mut PgConnection,
    pieces: &[Piece<'_>],
    held: &[(&NewQuarantine, i64)],
) -> Result<(), StoreError> {
    let mut rows = Vec::<Given<'_>>::new();
    for piece in pieces {
        for (record, kind) in piece.records.iter().zip(&piece.strands) {
            if let Some(row) = &record.source_row {
                rows.push((piece.adapter, row, &record.id, *kind));
            }
        }
    }
    for (held, kind) in held {
        if let (Some(row), Some(id)) = (&held.source_row, &held.id) {
            rows.push((handle.words().word(&held.adapter)?, row, id, *kind));
        }
    }
    give(handle, txn, rows).await
}

/// Which rows lead to records that are known.
pub(super) async fn put_known(
    handle: &Handle,
    txn: &mut PgConnection,
    known: &[Link],
) -> Result<(), StoreError> {
    let mut rows = Vec::<Given<'_>>::with_capacity(known.len());
    for link in known {
        let strand = handle.words().strand_to(&link.id.kind, &link.destination)?;
        let adapter = handle.words().word(&link.adapter)?;
        rows.push((adapter, &link.row, &link.id, strand));
    }
    give(handle, txn, rows).await
}

async fn give(
    handle: &Handle,
    txn: &mut PgConnection,
    mut rows: Vec<Given<'_>>,
) -> Result<(), StoreError> {
    if rows.is_empty() {
        return Ok(());
    }
    rows.sort_unstable();
    let adapters: Vec<i64> = rows.iter().map(|r| r.0).collect();
    let keys: Vec<&str> = rows.iter().map(|r| r.1).collect();
    let roots: Vec<&str> = rows.iter().map(|r| r.2.key.root()).collect();
    let kinds: Vec<i64> = rows.iter().map(|r| r.3).collect();
    let parts: Vec<&str> = rows.iter().map(|r| r.2.key.part()).collect();
    let versions: Vec<i64> = rows.iter().map(|r| i64::from(r.2.version)).collect();
    let statement = q(sql::ROW_RECORDS_ADD).bind(handle.ident).bind(adapters).bind(keys);
    statement.bind(roots).bind(kinds).bind(parts).bind(versions).execute(txn).await?;
    Ok(())
}

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

/// Source rows that one of these full passes saw last.
pub(super) async fn vanished(
    handle: &Handle,
    adapter: &str,
    prefix: &str,
    passes: &Range<u64>,
    limit: u32,
) -> Result<Vec<SourceRowMark>, StoreError> {
    let Some(word) = handle.find(adapter).await? else { return Ok(Vec::new()) };
    let mut conn = handle.conn().await?;
    let statement = q(sql::VANISHED).bind(handle.ident).bind(word);
    let statement = statement.bind(big(passes.end)).bind(i64::from(limit)).bind(prefix);
    let statement = statement.bind(big(passes.start));
    marks(&statement.fetch_all(&mut *conn).await?)
}

/// Which records rows gave.
pub(super) async fn gave(
    handle: &Handle,
    adapter: &str,
    of: GaveOf<'_>,
) -> Result<Vec<Gave>, StoreError> {
    let Some(word) = handle.find(adapter).await? else { return Ok(Vec::new()) };
    let mut conn = handle.conn().await?;
    let (text, names) = match of {
        GaveOf::Rows(rows) => (sql::GAVE, rows.plain()),
        GaveOf::Cases(roots) => (sql::GAVE_CASES, roots.plain()),
    };
    let statement = q(text).bind(handle.ident).bind(word).bind(sorted(&refs(&names)));
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
