//! Small things every statement needs: reading columns and inserting many rows at a time.

use std::sync::{Arc, OnceLock};

use sqlx::query::Query;
use sqlx::sqlite::{SqliteArguments, SqliteConnection, SqliteRow};
use sqlx::{AssertSqlSafe, Row, Sqlite};

use crate::error::StoreError;
pub(super) use crate::packed::columns::{big, changed, fit, json, len};
pub(super) use crate::packed::row::Columns;

/// A statement with its arguments.
pub(super) type Statement<'q> = Query<'q, Sqlite, SqliteArguments>;

/// A statement out of [`super::sql`].
pub(super) fn q<'q>(text: &'static str) -> Statement<'q> {
    sqlx::query(text)
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
