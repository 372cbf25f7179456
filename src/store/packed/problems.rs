//! Problems (问题数据) as columns, and what people are told of them.

use canon::{Day, Millis, RecordId, Severity, Violation};

use super::columns::fit;
use super::row::{Columns, own_record_id};
use super::words::Words;
use crate::error::StoreError;
use crate::types::*;

/// Both columns of a key, where there is one.
pub(crate) fn key_columns(id: Option<&RecordId>) -> (Option<&str>, Option<&str>) {
    (id.map(|id| id.key.root()), id.map(|id| id.key.part()))
}

/// As a column.
pub(crate) fn violations_out(violations: &[Violation]) -> Result<String, StoreError> {
    serde_json::to_string(violations).map_err(|e| StoreError::Damaged(e.to_string()))
}

/// From the column.
pub(crate) fn violations_in(text: &str) -> Result<Vec<Violation>, StoreError> {
    serde_json::from_str(text).map_err(|e| StoreError::Damaged(format!("violations: {e}")))
}

/// What the owner is told.
pub(crate) fn owner_text(violations: &str) -> Result<String, StoreError> {
    let violations = violations_in(violations)?;
    Ok(violations.iter().map(|v| v.zh.as_str()).collect::<Vec<_>>().join("；"))
}

/// Where a rejected record came from and whose window it counts in.
#[derive(Clone, Copy)]
pub(crate) struct ListedAt {
    /// Word of the adapter.
    pub(crate) adapter: i64,
    /// Word of the route.
    pub(crate) route: i64,
    /// Epoch.
    pub(crate) epoch: i64,
    /// Window day.
    pub(crate) day: Day,
}

/// Why a record was rejected: code, wire name of the field, Chinese text.
#[derive(Clone, Copy)]
pub(crate) struct Rejection<'a> {
    /// Stable code.
    pub(crate) code: &'a str,
    /// Wire name of the field.
    pub(crate) field: &'a str,
    /// Text for people.
    pub(crate) text: &'a str,
}

impl Rejection<'_> {
    /// As the one violation of a problem, in its column.
    pub(crate) fn violation_out(&self) -> Result<String, StoreError> {
        let violation = Violation {
            rule: self.code.into(),
            field: self.field.into(),
            severity: Severity::Error,
            zh: self.text.to_owned(),
            en: canon::code(self.code).map_or(self.text, |c| c.en).to_owned(),
        };
        violations_out(&[violation])
    }
}

/// What is wrong with a parcel that was set aside, in its column.
pub(crate) fn refusal_out(refused: &RefusedParcel) -> Result<String, StoreError> {
    let violation = Violation {
        rule: refused.code.as_str().into(),
        field: "".into(),
        severity: Severity::Error,
        zh: canon::code(&refused.code).map_or(refused.detail.as_str(), |c| c.zh).to_owned(),
        en: refused.detail.clone(),
    };
    violations_out(&[violation])
}

/// A row as pages and commands see it.
pub(crate) fn item(words: &Words, row: &impl Columns) -> Result<ProblemItem, StoreError> {
    let record = match row.text_opt(5)? {
        None => None,
        Some(_) => Some(own_record_id(words, row, 5)?),
    };
    let (record, destination) = record.unzip();
    let adapter = row.int_opt(3)?.map(|a| words.text(a)).transpose()?;
    Ok(ProblemItem {
        number: row.int(0)?,
        class: row.text(1)?.to_owned(),
        state: row.text(2)?.to_owned(),
        adapter: adapter.map(|a| a.to_string()).unwrap_or_default(),
        reference: row.text(4)?.to_owned(),
        record: record.map(|id| id.to_string()),
        destination,
        violations: violations_in(row.text(9)?)?,
        at: Millis(row.int(10)?),
        deadline: row.int_opt(11)?.map(Millis),
        cured_by: row.int_opt(12)?.map(fit).transpose()?,
    })
}
