//! What a database source is asked to do: queries out of the adapter's package, limits out of the
//! node's configuration.

use std::time::Duration;

use canon::Day;

use super::statement;
use crate::db::{Dialect, Isolation, Place, Session, Stored};
use crate::error::SourceError;

/// Settings of a database source.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Adapter id, for messages.
    pub adapter: String,
    /// Where the database is.
    pub place: Place,
    /// The queries, parents before children.
    pub queries: Vec<Query>,
    /// Longest wait for another program's lock, milliseconds.
    pub busy_timeout_ms: u64,
    /// Longest statement, milliseconds.
    pub statement_timeout_ms: u64,
    /// At least so long between two full passes of a `compare` query, milliseconds.
    pub compare_every_ms: i64,
    /// Largest row, bytes of text.
    pub row_bytes_max: usize,
    /// Most rows of one fetch, whatever the caller would take.
    pub fetch_rows_max: usize,
    /// Most bytes of one fetch.
    pub fetch_bytes_max: usize,
    /// Isolation of the reads.
    pub isolation: Isolation,
    /// How texts lie in the database.
    pub stored: Stored,
    /// Hours of the day (minutes from midnight, Beijing time; one may go over it) in which it may be
    /// read; none is the whole day.
    pub hours: Vec<(u16, u16)>,
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
        /// Its value on such rows; the empty text is also NULL.
        pending: String,
        /// Rows are taken in its order, then by key; without it by key alone.
        order: Option<String>,
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

impl Detect {
    /// The column whose order goes before the key's.
    pub(super) fn order(&self) -> Option<&str> {
        match self {
            Self::ModifiedTime { column, .. } | Self::LogTable { column, .. } => Some(column),
            Self::Flag { order, .. } => order.as_deref(),
            Self::Compare => None,
        }
    }
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
    /// Column of the time at which the outcome was written, by the database's clock.
    pub stamp: Option<String>,
    /// Longest error text, characters.
    pub error_chars_max: usize,
    /// The table is made for outcomes: a row that is not there yet is put there.
    pub own_table: bool,
}

impl Settings {
    /// The settings an adapter gives, with the usual limits.
    pub fn of(adapter: &str, place: Place, source: &adapt::SqlSource) -> Self {
        let engine = place.engine().as_str();
        Self {
            adapter: adapter.into(),
            place,
            queries: source.queries.iter().map(|q| Query::of(q, engine)).collect(),
            busy_timeout_ms: 5_000,
            statement_timeout_ms: 60_000,
            compare_every_ms: 60_000,
            row_bytes_max: adapt::ROW_BYTES_MAX,
            fetch_rows_max: 2_000,
            fetch_bytes_max: 16 << 20,
            isolation: Isolation::default(),
            stored: match source.encoding {
                adapt::Encoding::Gb18030 => Stored::Gb18030,
                _ => Stored::Declared,
            },
            hours: Vec::new(),
        }
    }

    /// The settings of a back-fill: each query read once in key order, only rows whose time lies in
    /// these days, first and last included; nothing is written back through it.
    pub fn history(
        mut self,
        source: &adapt::SqlSource,
        from: Day,
        to: Day,
    ) -> Result<Self, SourceError> {
        let (adapter, dialect) = (self.adapter.clone(), self.dialect());
        for (query, said) in self.queries.iter_mut().zip(&source.queries) {
            let Some(column) = &said.history else {
                let name = &query.name;
                let detail = format!(
                    "query `{name}` does not say by which time old rows are taken; add `history = \"COLUMN\"` to the package"
                );
                return Err(SourceError::Setting { adapter, detail });
            };
            if !Dialect::can_be_name(&column.text) {
                let detail = format!("`{}` cannot be a name", column.text);
                return Err(SourceError::Setting { adapter, detail });
            }
            query.sql = statement::between(dialect, &query.sql, &column.text, from, Day(to.0 + 1));
            query.detect = Detect::Compare;
            query.write_back = None;
        }
        self.compare_every_ms = i64::MAX;
        Ok(self)
    }

    /// How the database is spoken to.
    pub const fn dialect(&self) -> Dialect {
        Dialect { engine: self.place.engine(), stored: self.stored }
    }

    /// The session that reads, or the one that writes back.
    pub const fn session(&self, read_only: bool) -> Session {
        Session {
            read_only,
            statement_timeout: Duration::from_millis(self.statement_timeout_ms),
            lock_timeout: Duration::from_millis(self.busy_timeout_ms),
            isolation: self.isolation,
            stored: self.stored,
            create: false,
        }
    }

    /// What cannot be: names that are none, queries without a key.
    pub(super) fn check(&self) -> Result<(), SourceError> {
        let wrong =
            |detail: String| Err(SourceError::Setting { adapter: self.adapter.clone(), detail });
        for query in &self.queries {
            if let Some(bad) = query.names().find(|n| !Dialect::can_be_name(n)) {
                return wrong(format!("query `{}`: `{bad}` cannot be a name", query.name));
            }
            if query.key.is_empty() || query.columns.is_empty() {
                return wrong(format!("query `{}` needs columns and a key", query.name));
            }
            let write = query.write_back.as_ref();
            let foreign = write.and_then(|w| w.key.iter().find(|k| !query.key.contains(k)));
            if let Some(foreign) = foreign {
                return wrong(format!(
                    "query `{}`: write_back.key `{foreign}` is not in the query's key",
                    query.name
                ));
            }
        }
        Ok(())
    }
}

impl Query {
    /// Every name that stands in a statement.
    fn names(&self) -> impl Iterator<Item = &String> {
        let detect = match &self.detect {
            Detect::ModifiedTime { column, .. } => vec![column],
            Detect::Flag { column, order, .. } => {
                let mut names = vec![column];
                names.extend(order);
                names
            }
            Detect::LogTable { table, column } => vec![table, column],
            Detect::Compare => Vec::new(),
        };
        let write = self.write_back.iter();
        let write = write
            .flat_map(|w| w.key.iter().chain([&w.table, &w.flag]).chain(&w.error).chain(&w.stamp));
        self.columns.iter().chain(&self.key).chain(detect).chain(write)
    }

    fn of(query: &adapt::Query, engine: &str) -> Self {
        let texts = |list: &[adapt::Text]| list.iter().map(|t| t.text.clone()).collect();
        let detect = match &query.detect {
            adapt::Detect::ModifiedTime { column, overlap_seconds } => Detect::ModifiedTime {
                column: column.text.clone(),
                overlap_ms: i64::try_from(*overlap_seconds)
                    .unwrap_or(i64::MAX)
                    .saturating_mul(1000),
            },
            adapt::Detect::Flag { column, pending, order } => Detect::Flag {
                column: column.text.clone(),
                pending: pending.clone(),
                order: order.as_ref().map(|o| o.text.clone()),
            },
            adapt::Detect::LogTable { table, column } => {
                Detect::LogTable { table: table.text.clone(), column: column.text.clone() }
            }
            // The others are no detection of a database; a package that says so is refused when read.
            adapt::Detect::Compare | adapt::Detect::Feed | adapt::Detect::File => Detect::Compare,
        };
        let write_back = query.write_back.as_ref().map(|to| WriteBackTo {
            table: to.table.text.clone(),
            key: texts(&to.key),
            flag: to.flag.text.clone(),
            error: to.error.as_ref().map(|e| e.text.clone()),
            stamp: to.stamp.as_ref().map(|s| s.text.clone()),
            error_chars_max: usize::try_from(to.error_chars).unwrap_or(usize::MAX),
            own_table: to.own_table,
        });
        let sql = query.sql_for.get(engine).unwrap_or(&query.sql);
        Self {
            name: query.name.text.clone(),
            sql: sql.trim().trim_end_matches(';').to_owned(),
            columns: texts(&query.columns),
            key: texts(&query.key),
            detect,
            write_back,
        }
    }
}
