//! Moves a node from a SQLite file into a schema: all or nothing.
//!
//! The file is held alone and marked before anything is there twice. Every table is copied inside
//! one transaction, and held against the file (rows, census, sums, audit chain) before it commits. A
//! marked file is never started again; who moved it half-way moves it again.

use std::fmt::Write as _;
use std::path::Path;

use futures_util::TryStreamExt as _;
use serde::Serialize;
use sqlx::postgres::PgConnection;
use sqlx::sqlite::{SqliteConnection, SqliteRow};
use sqlx::{AssertSqlSafe, Connection as _, Executor, Row as _, TypeInfo as _, ValueRef as _};

use super::conn::{Columns, q};
use super::moving_tables::{TABLES, Table};
use super::open::{PostgresStore, Settings};
use super::sql;
use crate::audit::verify_chain;
use crate::error::StoreError;
use crate::sqlite::{Fate, SqliteStore};
use crate::types::{AuditEvent, slot_of_sender};

/// Bytes sent at once.
const CHUNK_BYTES: usize = 256 * 1024;

/// What was moved.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Moved {
    /// Identities, in the order of the file.
    pub identities: Vec<String>,
    /// Rows of each table that has any.
    pub tables: Vec<(String, u64)>,
    /// Records in each place, all identities together.
    pub census: [u64; 10],
    /// Audit events whose chain was verified.
    pub audited: u64,
    /// The facts were there already: an earlier move had only left the file unmarked.
    pub only_marked: bool,
}

/// Moves everything out of a file into an empty schema.
pub async fn move_from_sqlite(from: &Path, to: &Settings) -> Result<Moved, StoreError> {
    let source = SqliteStore::open_to_move(from).await?;
    let identities = source.identities().await?;
    let identities: Vec<String> = identities.iter().map(|c| c.as_str().to_owned()).collect();
    if identities.is_empty() {
        return Err(StoreError::Refused(format!("`{}` holds no node", from.display())));
    }
    let target = PostgresStore::open(to).await?;
    let mut conn = target.own_connection().await?;
    let there = target.identities().await?;
    let mut file = source.writer().await;
    if !there.is_empty() {
        let mut moved = Moved { identities, only_marked: true, ..Moved::default() };
        let codes: Vec<&str> = there.iter().map(|c| c.as_str()).collect();
        if SqliteStore::fate(&mut file).await? == Fate::Here || codes != moved.identities {
            return Err(StoreError::Refused(format!(
                "the schema `{}` holds {} already; name an empty one",
                to.schema,
                codes.join(", ")
            )));
        }
        // The commit was the last thing an earlier move did.
        check(&mut file, &mut conn, &mut moved).await?;
        SqliteStore::decide(&mut file, Fate::Moved).await?;
        return Ok(moved);
    }
    SqliteStore::decide(&mut file, Fate::Moving).await?;
    let mut moved = Moved { identities, ..Moved::default() };
    conn.execute(sqlx::raw_sql("BEGIN ISOLATION LEVEL SERIALIZABLE")).await?;
    let copied = copy(&mut file, &mut conn, &mut moved).await;
    if let Err(error) = copied {
        conn.execute(sqlx::raw_sql(sql::ROLLBACK)).await?;
        // Nothing is there: the file is what it was.
        SqliteStore::decide(&mut file, Fate::Here).await?;
        return Err(error);
    }
    conn.execute(sqlx::raw_sql(sql::COMMIT)).await?;
    SqliteStore::decide(&mut file, Fate::Moved).await?;
    conn.execute(sqlx::raw_sql("ANALYZE")).await?;
    conn.close().await?;
    Ok(moved)
}

async fn copy(
    file: &mut SqliteConnection,
    conn: &mut PgConnection,
    moved: &mut Moved,
) -> Result<(), StoreError> {
    only_known_tables(file).await?;
    for table in TABLES {
        copy_table(file, conn, table).await?;
    }
    senders(conn).await?;
    turns(conn).await?;
    for text in SEQUENCES {
        q(text).execute(&mut *conn).await?;
    }
    above(file, conn).await?;
    check(file, conn, moved).await
}

/// Numbers that were given and whose rows are gone are not given again.
async fn above(file: &mut SqliteConnection, conn: &mut PgConnection) -> Result<(), StoreError> {
    let given = "SELECT name, seq FROM sqlite_sequence WHERE name IN ('problem', 'control', \
        'inbox') UNION ALL SELECT 'received', max(ordinal) FROM identity";
    for row in sqlx::query(given).fetch_all(file).await? {
        let (name, last): (String, i64) = (row.try_get(0)?, row.try_get(1)?);
        q(sql::SEQUENCE_ABOVE).bind(name).bind(last).execute(&mut *conn).await?;
    }
    Ok(())
}

/// A file of a later edition may hold what this does not know.
async fn only_known_tables(file: &mut SqliteConnection) -> Result<(), StoreError> {
    let rows = sqlx::query(
        "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'",
    );
    for row in rows.fetch_all(file).await? {
        let name: String = row.try_get(0)?;
        if name != "migration" && TABLES.iter().all(|t| t.name != name) {
            let said = format!("this program does not know how to move the table `{name}`");
            return Err(StoreError::Refused(said));
        }
    }
    Ok(())
}

async fn copy_table(
    file: &mut SqliteConnection,
    conn: &mut PgConnection,
    table: &Table,
) -> Result<(), StoreError> {
    let into = format!("COPY {} ({}) FROM STDIN", table.name, table.columns);
    let mut copy = conn.copy_in_raw(&into).await?;
    let mut rows = sqlx::query(table.from).fetch(file);
    let mut text = String::with_capacity(CHUNK_BYTES * 2);
    while let Some(row) = rows.try_next().await? {
        line(&row, &mut text)?;
        if text.len() >= CHUNK_BYTES {
            copy.send(text.as_bytes()).await?;
            text.clear();
        }
    }
    if !text.is_empty() {
        copy.send(text.as_bytes()).await?;
    }
    copy.finish().await?;
    Ok(())
}

/// A row as COPY reads it: columns by tabs, `\N` for nothing, bytes in hexadecimal digits.
fn line(row: &SqliteRow, out: &mut String) -> Result<(), StoreError> {
    for i in 0..row.len() {
        if i > 0 {
            out.push('\t');
        }
        let value = row.try_get_raw(i)?;
        if value.is_null() {
            out.push_str("\\N");
            continue;
        }
        match value.type_info().name() {
            "INTEGER" => {
                let n: i64 = row.try_get(i)?;
                write!(out, "{n}").map_err(|e| StoreError::Damaged(e.to_string()))?;
            }
            "BLOB" => {
                out.push_str("\\\\x");
                for byte in row.try_get::<&[u8], _>(i)? {
                    const DIGITS: &[u8; 16] = b"0123456789abcdef";
                    out.push(char::from(DIGITS[usize::from(byte >> 4)]));
                    out.push(char::from(DIGITS[usize::from(byte & 15)]));
                }
            }
            _ => {
                for c in row.try_get::<&str, _>(i)?.chars() {
                    match c {
                        '\\' => out.push_str("\\\\"),
                        '\n' => out.push_str("\\n"),
                        '\r' => out.push_str("\\r"),
                        '\t' => out.push_str("\\t"),
                        other => out.push(other),
                    }
                }
            }
        }
    }
    out.push('\n');
    Ok(())
}

/// Parcels in the inbox get the slot of their sender.
async fn senders(conn: &mut PgConnection) -> Result<(), StoreError> {
    for row in q("SELECT DISTINCT sender FROM inbox").fetch_all(&mut *conn).await? {
        let sender = canon::NodeCode(row.text(0)?.into());
        let slot = q("UPDATE inbox SET slot = $2 WHERE sender = $1").bind(sender.as_str());
        slot.bind(i16::from(slot_of_sender(&sender))).execute(&mut *conn).await?;
    }
    Ok(())
}

/// The table whose lock is an identity's turn.
async fn turns(conn: &mut PgConnection) -> Result<(), StoreError> {
    for row in q("SELECT ident FROM identity").fetch_all(&mut *conn).await? {
        let turn = format!("CREATE TABLE IF NOT EXISTS turn_{} ()", row.int(0)?);
        conn.execute(sqlx::raw_sql(AssertSqlSafe(turn))).await?;
    }
    Ok(())
}

/// Numbers go on above those that were moved.
const SEQUENCES: &[&str] = &[
    "SELECT setval(pg_get_serial_sequence('identity', 'ident'), coalesce(max(ident), 0) + 1, false) FROM identity",
    "SELECT setval(pg_get_serial_sequence('word', 'word'), coalesce(max(word), 0) + 1, false) FROM word",
    "SELECT setval(pg_get_serial_sequence('problem', 'problem'), coalesce(max(problem), 0) + 1, false) FROM problem",
    "SELECT setval(pg_get_serial_sequence('control', 'control'), coalesce(max(control), 0) + 1, false) FROM control",
    "SELECT setval(pg_get_serial_sequence('inbox', 'inbox'), coalesce(max(inbox), 0) + 1, false) FROM inbox",
    "SELECT setval(pg_get_serial_sequence('received', 'received'), coalesce(max(received), 0) + 1, false) FROM received",
    "SELECT setval(pg_get_serial_sequence('relay', 'relay'), coalesce(max(relay), 0) + 1, false) FROM relay",
    "SELECT setval('line', greatest((SELECT coalesce(max(range), 0) FROM stretch), \
     (SELECT coalesce(max(ord), 0) FROM stretch)) + 1, false)",
    "SELECT setval('block', greatest((SELECT coalesce(max(blob), 0) FROM blob), \
     (SELECT coalesce(max(chunk), 0) FROM chunk), \
     (SELECT coalesce(max(envelope), 0) FROM envelope)) + 1, false)",
];

/// Holds both against each other: rows, census, sums, the audit chain.
pub(super) async fn check(
    file: &mut SqliteConnection,
    conn: &mut PgConnection,
    moved: &mut Moved,
) -> Result<(), StoreError> {
    for table in TABLES {
        let there = format!("SELECT count(*)::bigint FROM {}", table.name);
        let there = sqlx::query(AssertSqlSafe(there)).fetch_one(&mut *conn).await?.int(0)?;
        let here = format!("SELECT count(*) FROM ({})", table.from);
        let here: i64 = sqlx::query(AssertSqlSafe(here)).fetch_one(&mut *file).await?.try_get(0)?;
        same(table.name, here, there)?;
        if here > 0 {
            moved.tables.push((table.name.to_owned(), here.unsigned_abs()));
        }
    }
    for row in q("SELECT ident FROM identity ORDER BY ident").fetch_all(&mut *conn).await? {
        let ident = row.int(0)?;
        let here = crate::sqlite::places(&mut *file, ident).await?;
        let there = places(conn, ident).await?;
        for (here, there) in [(here.0, there.0), (here.1, there.1), (there.0, there.1)] {
            if here != there {
                let what = format!("records by place: {here:?} and {there:?}");
                return Err(differs(&what));
            }
        }
        moved.census.iter_mut().zip(there.0).for_each(|(all, n)| *all += n);
        moved.audited += chain(conn, ident).await?;
    }
    Ok(())
}

fn same(what: &str, here: i64, there: i64) -> Result<(), StoreError> {
    if here == there {
        return Ok(());
    }
    Err(differs(&format!("`{what}`: {here} rows here, {there} there")))
}

fn differs(what: &str) -> StoreError {
    StoreError::Damaged(format!("the copy is not what the file holds ({what}); nothing was moved"))
}

/// Places counted record by record, and as the sums say.
async fn places(conn: &mut PgConnection, ident: i64) -> Result<([u64; 10], [u64; 10]), StoreError> {
    let (mut counted, mut summed) = ([0; 10], [0; 10]);
    for row in q(sql::CENSUS).bind(ident).fetch_all(&mut *conn).await? {
        counted[super::columns::place(row.int(0)?)? as usize] = row.num(1)?;
    }
    for row in q(sql::PLACES).bind(ident).fetch_all(&mut *conn).await? {
        for (i, sum) in summed.iter_mut().enumerate() {
            *sum += row.num::<u64>(i + 1)?;
        }
    }
    Ok((counted, summed))
}

/// The audit chain from its beginning.
async fn chain(conn: &mut PgConnection, ident: i64) -> Result<u64, StoreError> {
    let (mut last, mut after, mut count) = (None, 0, 0);
    loop {
        let rows = q(sql::AUDIT_AFTER).bind(ident).bind(after).bind(1_000_i64);
        let mut events = Vec::new();
        for row in rows.fetch_all(&mut *conn).await? {
            let event: AuditEvent = serde_json::from_str(row.text(1)?)
                .map_err(|e| StoreError::Damaged(format!("audit event: {e}")))?;
            events.push((row.int(0)?, event, super::codec::digest_in(row.blob(2)?)?));
        }
        let Some((number, _, digest)) = events.last().cloned() else { return Ok(count) };
        verify_chain(last, &events).map_err(|n| differs(&format!("audit event {n}")))?;
        (last, after) = (Some(digest), number);
        count += events.len() as u64;
    }
}
