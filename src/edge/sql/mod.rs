//! Rows out of a database's tables, and outcomes back into them.
//!
//! Reading goes through a connection opened read-only; only the write-back opens another. Every
//! value is asked for as text: what it means is the adapter's to say.

mod cursor;
mod failure;
mod read;
mod rows;
mod statement;
#[cfg(test)]
mod tests;
mod write_back;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use canon::{Day, Millis};
use sqlx::ConnectOptions;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};

use crate::error::SourceError;
use crate::page::Page;
use crate::source::{BoxFuture, Source, TableCount, WriteBack};

/// Settings of a database source.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Adapter id, for messages.
    pub adapter: String,
    /// The SQLite file.
    pub path: PathBuf,
    /// The queries, parents before children.
    pub queries: Vec<Query>,
    /// How long to wait for a lock, milliseconds.
    pub busy_timeout_ms: u64,
    /// At least so long between two full passes of a `compare` query, milliseconds.
    pub compare_every_ms: i64,
    /// Largest row, bytes of text.
    pub row_bytes_max: usize,
}

/// One stream of rows.
#[derive(Clone, Debug)]
pub struct Query {
    /// Its name, for references and messages.
    pub name: String,
    /// The SELECT, without WHERE on the cursor, ORDER BY and LIMIT.
    pub sql: String,
    /// Columns it gives.
    pub columns: Vec<String>,
    /// Columns that tell rows apart.
    pub key: Vec<String>,
    /// How changed rows are found.
    pub detect: Detect,
    /// Where outcomes go.
    pub write_back: Option<WriteBackTo>,
}

/// How changed rows are found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Detect {
    /// A column that rises with every change.
    ModifiedTime {
        /// The column, `YYYY-MM-DD hh:mm:ss`.
        column: String,
        /// How far back a pass looks again, milliseconds.
        overlap_ms: i64,
    },
    /// A column that says what is still to be read.
    Flag {
        /// The column.
        column: String,
        /// Its value on such rows.
        pending: String,
    },
    /// A table of the source's own that logs changed keys, under the query's key column names.
    LogTable {
        /// The table.
        table: String,
        /// Its rising whole number.
        column: String,
    },
    /// Full passes in key order; the caller compares digests.
    Compare,
}

/// Where a row's outcome goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WriteBackTo {
    /// Table to update.
    pub table: String,
    /// Its key columns, named as in the query's key.
    pub key: Vec<String>,
    /// Column of the flag.
    pub flag: String,
    /// Column of the error text.
    pub error: Option<String>,
    /// Longest error text, characters.
    pub error_chars_max: usize,
}

impl Settings {
    /// The settings an adapter gives, with the usual limits.
    pub fn of(adapter: &str, path: PathBuf, source: &adapt::SqlSource) -> Self {
        Self {
            adapter: adapter.into(),
            path,
            queries: source.queries.iter().map(Query::of).collect(),
            busy_timeout_ms: 5_000,
            compare_every_ms: 60_000,
            row_bytes_max: adapt::ROW_BYTES_MAX,
        }
    }
}

impl Settings {
    /// The settings of a back-fill: each query read once in key order, only rows whose time lies in
    /// these days, first and last included; nothing is written back through it.
    pub fn history(
        mut self,
        source: &adapt::SqlSource,
        from: Day,
        to: Day,
    ) -> Result<Self, SourceError> {
        let adapter = self.adapter.clone();
        for (query, said) in self.queries.iter_mut().zip(&source.queries) {
            let Some(column) = &said.history else {
                let name = &query.name;
                let detail = format!(
                    "query `{name}` does not say by which time old rows are taken; add `history = \"COLUMN\"` to the package"
                );
                return Err(SourceError::Setting { adapter, detail });
            };
            if column.text.contains(['"', '\0']) {
                let detail = format!("`{}` cannot be a name", column.text);
                return Err(SourceError::Setting { adapter, detail });
            }
            query.sql = statement::between(&query.sql, &column.text, from, Day(to.0 + 1));
            query.detect = Detect::Compare;
            query.write_back = None;
        }
        self.compare_every_ms = i64::MAX;
        Ok(self)
    }
}

impl Query {
    fn of(query: &adapt::Query) -> Self {
        let texts = |list: &[adapt::Text]| list.iter().map(|t| t.text.clone()).collect();
        let detect = match &query.detect {
            adapt::Detect::ModifiedTime { column, overlap_seconds } => Detect::ModifiedTime {
                column: column.text.clone(),
                overlap_ms: i64::try_from(*overlap_seconds)
                    .unwrap_or(i64::MAX)
                    .saturating_mul(1000),
            },
            adapt::Detect::Flag { column, pending } => {
                Detect::Flag { column: column.text.clone(), pending: pending.clone() }
            }
            adapt::Detect::LogTable { table, column } => {
                Detect::LogTable { table: table.text.clone(), column: column.text.clone() }
            }
            // `file` is no detection of a database; a package that says so is refused when read.
            adapt::Detect::Compare | adapt::Detect::File => Detect::Compare,
        };
        let write_back = query.write_back.as_ref().map(|to| WriteBackTo {
            table: to.table.text.clone(),
            key: texts(&to.key),
            flag: to.flag.text.clone(),
            error: to.error.as_ref().map(|e| e.text.clone()),
            error_chars_max: usize::try_from(to.error_chars).unwrap_or(usize::MAX),
        });
        Self {
            name: query.name.text.clone(),
            sql: query.sql.trim().trim_end_matches(';').to_owned(),
            columns: texts(&query.columns),
            key: texts(&query.key),
            detect,
            write_back,
        }
    }
}

/// The source. See the module.
pub struct SqlSource {
    settings: Settings,
    columns: Vec<Arc<[Arc<str>]>>,
    read: Option<SqliteConnection>,
    write: Option<SqliteConnection>,
}

impl SqlSource {
    /// Checks the settings; the database is opened at the first read.
    pub fn new(settings: Settings) -> Result<Self, SourceError> {
        let wrong = |detail: String| {
            Err(SourceError::Setting { adapter: settings.adapter.clone(), detail })
        };
        for query in &settings.queries {
            let write = query.write_back.as_ref();
            let detect = match &query.detect {
                Detect::ModifiedTime { column, .. } | Detect::Flag { column, .. } => vec![column],
                Detect::LogTable { table, column } => vec![table, column],
                Detect::Compare => Vec::new(),
            };
            let mut all = query.columns.iter().chain(&query.key).chain(detect).chain(
                write
                    .into_iter()
                    .flat_map(|w| w.key.iter().chain([&w.table, &w.flag]).chain(w.error.iter())),
            );
            if let Some(bad) = all.find(|n| n.is_empty() || n.contains(['"', '\0'])) {
                return wrong(format!("query `{}`: `{bad}` cannot be a name", query.name));
            }
            if query.key.is_empty() || query.columns.is_empty() {
                return wrong(format!("query `{}` needs columns and a key", query.name));
            }
            let foreign = write.and_then(|w| w.key.iter().find(|k| !query.key.contains(k)));
            if let Some(foreign) = foreign {
                return wrong(format!(
                    "query `{}`: write_back.key `{foreign}` is not in the query's key",
                    query.name
                ));
            }
        }
        let columns = settings
            .queries
            .iter()
            .map(|q| q.columns.iter().map(|c| Arc::from(c.as_str())).collect())
            .collect();
        Ok(Self { settings, columns, read: None, write: None })
    }

    async fn connect(&self, read_only: bool) -> Result<SqliteConnection, SourceError> {
        SqliteConnectOptions::new()
            .filename(&self.settings.path)
            .read_only(read_only)
            .create_if_missing(false)
            .busy_timeout(Duration::from_millis(self.settings.busy_timeout_ms))
            .connect()
            .await
            .map_err(|e| failure::unreachable(&self.settings, &e))
    }
}

impl Source for SqlSource {
    fn read<'a>(
        &'a mut self,
        cursor: Option<&'a str>,
        now: Millis,
        limit: usize,
    ) -> BoxFuture<'a, Result<Page, SourceError>> {
        Box::pin(async move {
            let page = self.page(cursor, now, limit.max(1)).await;
            if page.is_err() {
                // A connection that failed is not trusted again.
                self.read = None;
            }
            page
        })
    }

    fn committed<'a>(&'a mut self, _cursor: &'a str) -> BoxFuture<'a, Result<(), SourceError>> {
        Box::pin(async { Ok(()) })
    }

    fn write_back<'a>(
        &'a mut self,
        items: &'a [WriteBack],
    ) -> BoxFuture<'a, Result<Vec<Result<(), SourceError>>, SourceError>> {
        Box::pin(async move {
            let done = self.write(items).await;
            if done.is_err() {
                self.write = None;
            }
            done
        })
    }

    fn count<'a>(&'a mut self) -> BoxFuture<'a, Result<Vec<TableCount>, SourceError>> {
        Box::pin(async move {
            let counts = self.counts().await;
            if counts.is_err() {
                self.read = None;
            }
            counts
        })
    }
}
