//! SQLite files.

use std::path::Path;

use futures_util::TryStreamExt as _;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{AssertSqlSafe, ConnectOptions, Executor, Row, raw_sql};

use super::{DbError, Driver, Rows, Session, Trouble};
use crate::source::BoxFuture;

/// A connection.
pub(super) struct Sqlite(SqliteConnection);

impl Sqlite {
    pub(super) async fn open(path: &Path, session: &Session) -> Result<Self, DbError> {
        let options = SqliteConnectOptions::new()
            .filename(path)
            .read_only(session.read_only)
            .create_if_missing(session.create)
            .busy_timeout(session.lock_timeout);
        options.connect().await.map(Self).map_err(|e| failed(&e))
    }
}

/// SQLite's primary result codes.
fn failed(error: &sqlx::Error) -> DbError {
    let Some(said) = error.as_database_error() else { return DbError::of_driver(error) };
    let code = said.code().and_then(|c| c.parse::<i64>().ok()).map(|c| c & 0xff);
    let trouble = match code {
        Some(5 | 6) => Trouble::Busy,
        Some(1) => Trouble::Schema,
        Some(8) => Trouble::Denied,
        Some(18) => Trouble::TooBig,
        Some(19 | 20) => Trouble::Refused,
        _ => Trouble::Unreachable,
    };
    DbError::new(trouble, said.message())
}

impl Driver for Sqlite {
    fn rows<'a>(
        &'a mut self,
        sql: String,
        bytes_max: usize,
    ) -> BoxFuture<'a, Result<Rows, DbError>> {
        Box::pin(async move {
            let mut found = Rows::default();
            let mut stream = self.0.fetch(sqlx::query(AssertSqlSafe(sql)));
            while let Some(row) = stream.try_next().await.map_err(|e| failed(&e))? {
                if found.width() == 0 {
                    found = Rows::of_width(row.len());
                }
                for at in 0..row.len() {
                    let value = row.try_get_unchecked::<Option<&[u8]>, _>(at);
                    found.put(value.map_err(|e| failed(&e))?);
                }
                if found.bytes() > bytes_max {
                    found.cut = true;
                    break;
                }
            }
            Ok(found)
        })
    }

    fn execute<'a>(&'a mut self, sql: String) -> BoxFuture<'a, Result<u64, DbError>> {
        Box::pin(async move {
            let done = self.0.execute(raw_sql(AssertSqlSafe(sql))).await;
            done.map(|d| d.rows_affected()).map_err(|e| failed(&e))
        })
    }

    fn begin(&mut self) -> BoxFuture<'_, Result<(), DbError>> {
        // Another program's lock is met here, before anything is written.
        Box::pin(async move { self.execute("BEGIN IMMEDIATE".into()).await.map(|_| ()) })
    }

    fn commit(&mut self) -> BoxFuture<'_, Result<(), DbError>> {
        Box::pin(async move { self.execute("COMMIT".into()).await.map(|_| ()) })
    }
}
