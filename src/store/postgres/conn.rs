//! Small things every statement needs: a text with its arguments, and reading columns.

use sqlx::postgres::{PgArguments, PgRow};
use sqlx::query::Query;
use sqlx::{Postgres, Row};

pub(super) use super::columns::{big, changed, fit, json, len};
use crate::error::StoreError;
pub(super) use crate::packed::row::Columns;

/// A statement with its arguments.
pub(super) type Statement<'q> = Query<'q, Postgres, PgArguments>;

/// A statement out of [`super::sql`].
pub(super) fn q<'q>(text: &'static str) -> Statement<'q> {
    sqlx::query(text)
}

impl Columns for PgRow {
    fn int(&self, i: usize) -> Result<i64, StoreError> {
        let null = || StoreError::Damaged(format!("column {i} is null"));
        self.int_opt(i)?.ok_or_else(null)
    }

    fn int_opt(&self, i: usize) -> Result<Option<i64>, StoreError> {
        let value = self.try_get_raw(i)?;
        if sqlx::ValueRef::is_null(&value) {
            return Ok(None);
        }
        let bytes = value.as_bytes().map_err(|e| StoreError::Damaged(e.to_string()))?;
        let n = match *bytes {
            [flag] => i64::from(flag),
            [a, b] => i64::from(i16::from_be_bytes([a, b])),
            [a, b, c, d] => i64::from(i32::from_be_bytes([a, b, c, d])),
            [a, b, c, d, e, f, g, h] => i64::from_be_bytes([a, b, c, d, e, f, g, h]),
            _ => return Err(StoreError::Damaged(format!("column {i} is no integer"))),
        };
        Ok(Some(n))
    }

    fn num<T: TryFrom<i64>>(&self, i: usize) -> Result<T, StoreError> {
        fit(self.int(i)?)
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

/// Distinct texts in order, as an argument.
pub(super) fn sorted(texts: &[&str]) -> Vec<String> {
    let mut texts = texts.to_vec();
    texts.sort_unstable();
    texts.dedup();
    texts.into_iter().map(str::to_owned).collect()
}
