//! Writes a legacy system's database: for demos, samples and tests, never for a source in use.
//!
//! The caller brings the DDL and the cells; no table is known here.

use std::borrow::Cow;
use std::path::Path;
use std::time::Duration;

use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection, SqliteJournalMode, SqliteSynchronous};
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, Executor, query, query_scalar};

/// Most values bound in one statement.
const BINDS_MAX: usize = 16_000;

/// A cell as text; none is NULL. Column types turn it into what they are.
pub type Cell = Option<Cow<'static, str>>;

/// The database refused.
#[derive(Debug, thiserror::Error)]
#[error("legacy database: {what}: {source}")]
pub struct LegacyDbError {
    what: String,
    source: sqlx::Error,
}

fn failed(what: impl Into<String>) -> impl FnOnce(sqlx::Error) -> LegacyDbError {
    let what = what.into();
    move |source| LegacyDbError { what, source }
}

/// An open legacy database with one transaction under way.
#[derive(Debug)]
pub struct LegacyDb {
    connection: SqliteConnection,
}

impl LegacyDb {
    /// Creates the file if needed, runs `ddl`, begins. Made for bulk: only [`LegacyDb::commit`] makes
    /// it durable.
    pub async fn create(path: &Path, ddl: &str) -> Result<Self, LegacyDbError> {
        let mut db = Self::connect(path, true).await?;
        let ddl = AssertSqlSafe(ddl.to_owned());
        db.connection.execute(sqlx::raw_sql(ddl)).await.map_err(failed("running the DDL"))?;
        db.begin().await
    }

    /// Opens an existing one and begins.
    pub async fn open(path: &Path) -> Result<Self, LegacyDbError> {
        Self::connect(path, false).await?.begin().await
    }

    async fn connect(path: &Path, bulk: bool) -> Result<Self, LegacyDbError> {
        let mut options = SqliteConnectOptions::new()
            .filename(path)
            .create_if_missing(bulk)
            .busy_timeout(Duration::from_secs(10));
        if bulk {
            options = options
                .journal_mode(SqliteJournalMode::Memory)
                .synchronous(SqliteSynchronous::Off)
                .pragma("cache_size", "-65536");
        }
        let connection =
            options.connect().await.map_err(failed(format!("opening {}", path.display())))?;
        Ok(Self { connection })
    }

    async fn begin(mut self) -> Result<Self, LegacyDbError> {
        query("BEGIN IMMEDIATE").execute(&mut self.connection).await.map_err(failed("BEGIN"))?;
        Ok(self)
    }

    /// Inserts rows, each of as many cells as there are columns.
    pub async fn insert(
        &mut self,
        table: &str,
        columns: &[&str],
        rows: Vec<Vec<Cell>>,
    ) -> Result<(), LegacyDbError> {
        let one = format!("({})", vec!["?"; columns.len()].join(","));
        let most = (BINDS_MAX / columns.len().max(1)).max(1);
        let mut rows = rows.into_iter().peekable();
        while rows.peek().is_some() {
            let batch: Vec<Vec<Cell>> = rows.by_ref().take(most).collect();
            let values = vec![one.as_str(); batch.len()].join(",");
            let sql = format!("INSERT INTO {table} ({}) VALUES {values}", columns.join(","));
            let mut insert = query(AssertSqlSafe(sql));
            for cell in batch.into_iter().flatten() {
                insert = match cell {
                    Some(Cow::Borrowed(text)) => insert.bind(text),
                    Some(Cow::Owned(text)) => insert.bind(text),
                    None => insert.bind(None::<&str>),
                };
            }
            let what = || format!("inserting into {table}");
            insert.execute(&mut self.connection).await.map_err(failed(what()))?;
        }
        Ok(())
    }

    /// Sets columns of the row with this key; whether there is one.
    pub async fn update(
        &mut self,
        table: &str,
        (key, value): (&str, &str),
        set: Vec<(&str, Cell)>,
    ) -> Result<bool, LegacyDbError> {
        let names: Vec<String> = set.iter().map(|(name, _)| format!("{name} = ?")).collect();
        let sql = format!("UPDATE {table} SET {} WHERE {key} = ?", names.join(", "));
        let mut update = query(AssertSqlSafe(sql));
        for (_, cell) in set {
            update = update.bind(cell);
        }
        let done = update.bind(value).execute(&mut self.connection).await;
        Ok(done.map_err(failed(format!("updating {table}")))?.rows_affected() > 0)
    }

    /// Deletes the row with this key; whether there was one.
    pub async fn delete(
        &mut self,
        table: &str,
        (key, value): (&str, &str),
    ) -> Result<bool, LegacyDbError> {
        let sql = format!("DELETE FROM {table} WHERE {key} = ?");
        let done = query(AssertSqlSafe(sql)).bind(value).execute(&mut self.connection).await;
        Ok(done.map_err(failed(format!("deleting from {table}")))?.rows_affected() > 0)
    }

    /// One cell, as text; none if the row is not there or the cell is NULL.
    pub async fn cell(
        &mut self,
        table: &str,
        column: &str,
        (key, value): (&str, &str),
    ) -> Result<Option<String>, LegacyDbError> {
        let sql = format!("SELECT CAST({column} AS TEXT) FROM {table} WHERE {key} = ?");
        let found: Option<Option<String>> = query_scalar(AssertSqlSafe(sql))
            .bind(value)
            .fetch_optional(&mut self.connection)
            .await
            .map_err(failed(format!("reading {table}.{column}")))?;
        Ok(found.flatten())
    }

    /// How many rows a table has.
    pub async fn count(&mut self, table: &str) -> Result<u64, LegacyDbError> {
        let count: i64 = query_scalar(AssertSqlSafe(format!("SELECT count(*) FROM {table}")))
            .fetch_one(&mut self.connection)
            .await
            .map_err(failed(format!("counting {table}")))?;
        Ok(count.unsigned_abs())
    }

    /// Commits and closes.
    pub async fn commit(mut self) -> Result<(), LegacyDbError> {
        query("COMMIT").execute(&mut self.connection).await.map_err(failed("COMMIT"))?;
        self.connection.close().await.map_err(failed("closing"))
    }
}
