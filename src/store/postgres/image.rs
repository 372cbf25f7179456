//! An image of a schema as a file of the other back end, taken beside the processes that write.
//!
//! One snapshot is read to its end, table by table. Facts of an identity follow each other and each
//! commits as a whole, so a snapshot is a moment between facts; `REPEATABLE READ` keeps it and, unlike
//! `SERIALIZABLE … DEFERRABLE`, waits for nobody.

use std::path::Path;

use futures_util::TryStreamExt as _;
use sqlx::postgres::{PgConnection, PgRow};
use sqlx::query::Query;
use sqlx::sqlite::{SqliteArguments, SqliteConnection};
use sqlx::{AssertSqlSafe, Connection as _, Executor as _, Row as _, Sqlite, TypeInfo as _};
use sqlx::{ValueRef as _, raw_sql};

use super::conn::{Columns, q};
use super::moving::{Moved, check};
use super::moving_tables::{TABLES, Table};
use super::open::{READ_ONLY, Settings, first};
use super::{migrate, sql};
use crate::error::StoreError;
use crate::sqlite::{Imaged, SqliteStore};

/// Rows that go into the file in one statement.
const ROWS: usize = 50;
/// Bytes held before they are written, so that fifty frames are not in memory at once.
const HELD_BYTES: usize = 1 << 20;

/// A row on its way, with its bytes.
type Insert<'q> = Query<'q, Sqlite, SqliteArguments>;

/// Writes an image of a schema to `to`, which must not exist or be empty: one consistent moment, held
/// against the schema (rows, census, sums, audit chain), on the disk when it returns. The file is what a node over
/// SQLite would have; [`super::move_from_sqlite`] puts it into an empty schema again.
pub async fn image(from: &Settings, to: &Path) -> Result<Vec<Imaged>, StoreError> {
    let (_, mut conn) = first(from, READ_ONLY).await?;
    migrate::same_edition(&mut conn, &from.schema).await?;
    let mut file = SqliteStore::image_begins(to).await?;
    conn.execute(raw_sql(sql::IMAGE_BEGIN)).await?;
    file.execute(raw_sql("BEGIN")).await?;
    for table in TABLES {
        copy_table(&mut conn, &mut file, table).await?;
    }
    numbers(&mut conn, &mut file).await?;
    check(&mut file, &mut conn, &mut Moved::default()).await?;
    file.execute(raw_sql(sql::COMMIT)).await?;
    conn.execute(raw_sql(sql::ROLLBACK)).await?;
    conn.close().await?;
    SqliteStore::image_ends(file, to).await
}

async fn copy_table(
    conn: &mut PgConnection,
    file: &mut SqliteConnection,
    table: &Table,
) -> Result<(), StoreError> {
    let (columns, from) = table.back();
    let one = format!("({})", vec!["?"; columns.split(',').count()].join(", "));
    let insert = |rows: usize| {
        let rows = vec![one.as_str(); rows].join(", ");
        format!("INSERT INTO {} ({columns}) VALUES {rows}", table.name)
    };
    let (single, many) = (insert(1), insert(ROWS));
    let mut rows = sqlx::query(AssertSqlSafe(from.into_owned())).fetch(conn);
    let (mut held, mut bytes) = (Vec::with_capacity(ROWS), 0);
    while let Some(row) = rows.try_next().await? {
        bytes += size(&row)?;
        held.push(row);
        if held.len() == ROWS {
            put(file, &many, &held).await?;
        } else if bytes < HELD_BYTES {
            continue;
        } else {
            put_each(file, &single, &held).await?;
        }
        held.clear();
        bytes = 0;
    }
    put_each(file, &single, &held).await
}

fn size(row: &PgRow) -> Result<usize, StoreError> {
    let mut bytes = 0;
    for i in 0..row.len() {
        let value = row.try_get_raw(i)?;
        if !value.is_null() {
            bytes += value.as_bytes().map_or(0, <[u8]>::len);
        }
    }
    Ok(bytes)
}

async fn put_each(
    file: &mut SqliteConnection,
    text: &str,
    rows: &[PgRow],
) -> Result<(), StoreError> {
    for row in rows {
        put(file, text, std::slice::from_ref(row)).await?;
    }
    Ok(())
}

async fn put(file: &mut SqliteConnection, text: &str, rows: &[PgRow]) -> Result<(), StoreError> {
    let mut insert = sqlx::query(AssertSqlSafe(text.to_owned()));
    for row in rows {
        for i in 0..row.len() {
            insert = bound(insert, row, i)?;
        }
    }
    insert.execute(file).await?;
    Ok(())
}

/// A column as the file has it: integers of every width are one, texts and bytes are themselves.
fn bound<'q>(insert: Insert<'q>, row: &PgRow, i: usize) -> Result<Insert<'q>, StoreError> {
    let value = row.try_get_raw(i)?;
    if value.is_null() {
        return Ok(insert.bind(None::<i64>));
    }
    Ok(match value.type_info().name() {
        "TEXT" => insert.bind(row.text(i)?.to_owned()),
        "BYTEA" => insert.bind(row.blob(i)?.to_vec()),
        _ => insert.bind(row.int(i)?),
    })
}

/// Numbers go on above the last one that was given, also when its row is gone.
async fn numbers(conn: &mut PgConnection, file: &mut SqliteConnection) -> Result<(), StoreError> {
    for table in ["problem", "control", "inbox"] {
        let last = q(sql::SEQUENCE_LAST).bind(table).fetch_one(&mut *conn).await?.int(0)?;
        file.execute(sqlx::query("DELETE FROM sqlite_sequence WHERE name = ?1").bind(table))
            .await?;
        let add = sqlx::query("INSERT INTO sqlite_sequence (name, seq) VALUES (?1, ?2)");
        file.execute(add.bind(table).bind(last)).await?;
    }
    Ok(())
}
