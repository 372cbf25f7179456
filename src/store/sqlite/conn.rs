//! Small things every statement needs: reading columns, counting changes, naming failures, and
//! inserting many rows at a time.

use std::sync::{Arc, OnceLock};

use sqlx::query::Query;
use sqlx::sqlite::{SqliteArguments, SqliteConnection, SqliteRow};
use sqlx::{AssertSqlSafe, Row, Sqlite};

use crate::error::StoreError;

/// A statement with its arguments.
pub(super) type Statement<'q> = Query<'q, Sqlite, SqliteArguments>;

/// A statement out of [`super::sql`].
pub(super) fn q<'q>(text: &'static str) -> Statement<'q> {
    sqlx::query(text)
}

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        let code = match &error {
            sqlx::Error::Database(e) => {
                e.code().and_then(|c| c.parse::<i32>().ok()).map_or(0, |c| c & 0xff)
            }
            sqlx::Error::ColumnDecode { .. }
            | sqlx::Error::Decode(_)
            | sqlx::Error::ColumnIndexOutOfBounds { .. } => {
                return Self::Damaged(error.to_string());
            }
            _ => return Self::Unavailable(error.to_string()),
        };
        match code {
            // BUSY, LOCKED, NOMEM, READONLY, INTERRUPT, IOERR, FULL, CANTOPEN.
            5..=10 | 13 | 14 => Self::Unavailable(error.to_string()),
            19 => Self::Conflict { what: "a row that is there already", detail: error.to_string() },
            _ => Self::Damaged(error.to_string()),
        }
    }
}

/// Refuses a statement that changed another number of rows than its fact says.
pub(super) fn changed(what: &'static str, expected: u64, actual: u64) -> Result<(), StoreError> {
    if expected == actual {
        Ok(())
    } else {
        Err(StoreError::RowsAffected { what, expected, actual })
    }
}

/// A number that must fit; stored numbers that do not are damage.
pub(super) fn fit<T: TryFrom<i64>>(n: i64) -> Result<T, StoreError> {
    T::try_from(n).map_err(|_| StoreError::Damaged(format!("{n} is out of its range")))
}

/// An unsigned number as a column.
pub(super) fn big(n: u64) -> i64 {
    i64::try_from(n).unwrap_or(i64::MAX)
}

/// A count as a column.
pub(super) fn len(n: usize) -> i64 {
    i64::try_from(n).unwrap_or(i64::MAX)
}

/// Columns by place.
pub(super) trait Columns {
    /// INTEGER NOT NULL.
    fn int(&self, i: usize) -> Result<i64, StoreError>;
    /// INTEGER.
    fn int_opt(&self, i: usize) -> Result<Option<i64>, StoreError>;
    /// INTEGER NOT NULL that fits.
    fn num<T: TryFrom<i64>>(&self, i: usize) -> Result<T, StoreError>;
    /// TEXT NOT NULL.
    fn text(&self, i: usize) -> Result<&str, StoreError>;
    /// TEXT.
    fn text_opt(&self, i: usize) -> Result<Option<&str>, StoreError>;
    /// BLOB NOT NULL.
    fn blob(&self, i: usize) -> Result<&[u8], StoreError>;
    /// BLOB.
    fn blob_opt(&self, i: usize) -> Result<Option<&[u8]>, StoreError>;
}

impl Columns for SqliteRow {
    fn int(&self, i: usize) -> Result<i64, StoreError> {
        Ok(self.try_get(i)?)
    }

    fn int_opt(&self, i: usize) -> Result<Option<i64>, StoreError> {
        Ok(self.try_get(i)?)
    }

    fn num<T: TryFrom<i64>>(&self, i: usize) -> Result<T, StoreError> {
        fit(self.try_get(i)?)
    }

    fn text(&self, i: usize) -> Result<&str, StoreError> {
        Ok(self.try_get(i)?)
    }

    fn text_opt(&self, i: usize) -> Result<Option<&str>, StoreError> {
        Ok(self.try_get(i)?)
    }

    fn blob(&self, i: usize) -> Result<&[u8], StoreError> {
        Ok(self.try_get(i)?)
    }

    fn blob_opt(&self, i: usize) -> Result<Option<&[u8]>, StoreError> {
        Ok(self.try_get(i)?)
    }
}

/// How many rows the texts of a bulk statement take.
const STEPS: [usize; 5] = [500, 100, 20, 4, 1];

/// A statement that takes many rows: `head`, then `row` repeated with commas, then `tail`. The
/// texts are of fixed sizes, so that each is prepared once. Its parameters are anonymous: SQLite looks
/// numbered ones up one by one, which is quadratic in their number.
pub(super) struct Bulk {
    head: &'static str,
    row: &'static str,
    tail: &'static str,
    texts: [OnceLock<Arc<str>>; STEPS.len()],
}

impl Bulk {
    /// A bulk statement.
    pub(super) const fn new(head: &'static str, row: &'static str, tail: &'static str) -> Self {
        Self { head, row, tail, texts: [const { OnceLock::new() }; STEPS.len()] }
    }

    fn text(&self, step: usize) -> Arc<str> {
        let build = || {
            let rows = vec![self.row; STEPS[step]].join(",");
            [self.head, " VALUES ", &rows, " ", self.tail].concat().into()
        };
        Arc::clone(self.texts[step].get_or_init(build))
    }

    /// Runs it over `rows`; returns the number of rows changed.
    pub(super) async fn run<T>(
        &self,
        conn: &mut SqliteConnection,
        mut rows: &[T],
        bind: impl for<'q> Fn(Statement<'q>, &'q T) -> Statement<'q>,
    ) -> Result<u64, StoreError> {
        let mut changed = 0;
        for (step, size) in STEPS.into_iter().enumerate() {
            while rows.len() >= size {
                let (now, later) = rows.split_at(size);
                rows = later;
                let statement = sqlx::query(AssertSqlSafe(self.text(step)));
                let statement = now.iter().fold(statement, &bind);
                changed += statement.execute(&mut *conn).await?.rows_affected();
            }
        }
        Ok(changed)
    }
}

/// A JSON list of texts, for `IN (SELECT value FROM json_each(?))`.
pub(super) fn json<T: serde::Serialize>(values: &[T]) -> Result<String, StoreError> {
    serde_json::to_string(values).map_err(|e| StoreError::Damaged(e.to_string()))
}
