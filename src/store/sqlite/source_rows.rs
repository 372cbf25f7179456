//! Source rows as last seen, and which records they gave.

use std::ops::Range;
use std::sync::Arc;

use canon::{Key, RecordId};
use sqlx::sqlite::SqliteConnection;

use super::codec::{digest_in, digest_out};
use super::collect::{Piece, sorted};
use super::conn::{Bulk, Columns, big, q};
use super::handle::Handle;
use super::sql;
use crate::error::StoreError;
use crate::plain::{Plain, refs};
use crate::types::*;

static SOURCE_ROWS: Bulk =
    Bulk::new(sql::SOURCE_ROW_HEAD, sql::SOURCE_ROW_ROW, sql::SOURCE_ROW_TAIL);
static ROW_RECORDS: Bulk =
    Bulk::new(sql::ROW_RECORD_HEAD, sql::ROW_RECORD_ROW, sql::ROW_RECORD_TAIL);

/// That a row of an adapter gave a record of a strand.
type Given<'r> = (i64, &'r str, &'r RecordId, i64);

/// Which rows gave the records of a page.
pub(super) async fn put_given(
    handle: &Handle,
    txn: &mut SqliteConnection,
    pieces: &[Piece],
    held: &[(&NewQuarantine, i64)],
) -> Result<(), StoreError> {
    let mut rows = Vec::<Given<'_>>::new();
    for piece in pieces {
        for (record, kind) in piece.new.records.iter().zip(&piece.strands) {
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
    txn: &mut SqliteConnection,
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
    txn: &mut SqliteConnection,
    mut rows: Vec<Given<'_>>,
) -> Result<(), StoreError> {
    rows.sort_unstable();
    ROW_RECORDS
        .run(txn, &rows, |s, (adapter, row, id, kind)| {
            let s = s.bind(handle.ident).bind(*adapter).bind(*row).bind(id.key.root());
            s.bind(*kind).bind(id.key.part()).bind(i64::from(id.version))
        })
        .await?;
    Ok(())
}

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

/// Source rows that one of these full passes saw last.
pub(super) async fn vanished(
    handle: &Handle,
    adapter: &str,
    prefix: &str,
    passes: Range<u64>,
    limit: u32,
) -> Result<Vec<SourceRowMark>, StoreError> {
    let Some(word) = handle.words().find(adapter) else { return Ok(Vec::new()) };
    let mut conn = handle.writer().await;
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
    let Some(word) = handle.words().find(adapter) else { return Ok(Vec::new()) };
    let mut conn = handle.writer().await;
    let (text, names) = match of {
        GaveOf::Rows(rows) => (sql::GAVE, rows.plain()),
        GaveOf::Cases(roots) => (sql::GAVE_CASES, roots.plain()),
    };
    let statement = q(text).bind(handle.ident).bind(word).bind(sorted(&refs(&names))?);
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
