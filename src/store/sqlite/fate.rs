//! Whether the facts of a file are still here, or were moved to another store.

use sqlx::sqlite::SqliteConnection;
use sqlx::{AssertSqlSafe, Executor};

use super::conn::{Columns, q};
use super::handle::place;
use super::sql;
use crate::error::StoreError;

/// Where the facts are. Kept in the file's `user_version`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    /// Here.
    Here,
    /// Being moved; whether they are there already is seen there.
    Moving,
    /// There.
    Moved,
}

/// Reads it.
pub(super) async fn read(conn: &mut SqliteConnection) -> Result<Fate, StoreError> {
    match q(sql::FATE).fetch_one(conn).await?.int(0)? {
        0 => Ok(Fate::Here),
        1 => Ok(Fate::Moving),
        2 => Ok(Fate::Moved),
        n => Err(StoreError::Refused(format!("the file has a mark ({n}) of a newer program"))),
    }
}

/// Refuses a file whose facts are elsewhere, or may be.
pub(super) async fn here(conn: &mut SqliteConnection) -> Result<(), StoreError> {
    match read(conn).await? {
        Fate::Here => Ok(()),
        Fate::Moving => Err(StoreError::Refused(
            "the move of this file into PostgreSQL was not finished; run `tiergate store move` again"
                .to_owned(),
        )),
        Fate::Moved => Err(StoreError::Refused(
            "the facts of this file were moved into PostgreSQL; name that store in [store] url"
                .to_owned(),
        )),
    }
}

/// Writes it, on the disk when it returns.
pub(super) async fn write(conn: &mut SqliteConnection, fate: Fate) -> Result<(), StoreError> {
    let n = fate as i32;
    let text = format!("PRAGMA synchronous = FULL; PRAGMA user_version = {n}");
    conn.execute(sqlx::raw_sql(AssertSqlSafe(text))).await?;
    Ok(())
}

/// Places of an identity's records, counted record by record, and as the sums say.
pub(crate) async fn places(
    conn: &mut SqliteConnection,
    ident: i64,
) -> Result<([u64; 10], [u64; 10]), StoreError> {
    let (mut counted, mut summed) = ([0; 10], [0; 10]);
    for row in q(sql::CENSUS).bind(ident).fetch_all(&mut *conn).await? {
        counted[place(row.int(0)?)? as usize] = row.num(1)?;
    }
    for row in q(sql::PLACES).bind(ident).fetch_all(&mut *conn).await? {
        for (i, sum) in summed.iter_mut().enumerate() {
            *sum += row.num::<u64>(i + 1)?;
        }
    }
    Ok((counted, summed))
}
