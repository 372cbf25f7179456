//! A database's failures, in our words.

use crate::error::SourceError;

use super::Settings;

/// SQLite's primary result codes for "somebody else holds it".
const BUSY: i64 = 5;
const LOCKED: i64 = 6;

fn primary_code(error: &sqlx::Error) -> Option<i64> {
    let code = error.as_database_error()?.code()?;
    code.parse::<i64>().ok().map(|c| c & 0xff)
}

/// Another program holds the database.
pub(super) fn is_busy(error: &sqlx::Error) -> bool {
    matches!(primary_code(error), Some(BUSY | LOCKED))
}

/// A value larger than SQLite takes.
pub(super) fn is_too_big(error: &sqlx::Error) -> bool {
    primary_code(error) == Some(18)
}

/// The database's own words; they name tables and columns, never a value.
fn words(error: &sqlx::Error) -> String {
    error.as_database_error().map_or_else(|| error.to_string(), |e| e.message().to_owned())
}

/// The file cannot be opened.
pub(super) fn unreachable(settings: &Settings, error: &sqlx::Error) -> SourceError {
    let (adapter, place) = (settings.adapter.clone(), settings.path.display().to_string());
    if is_busy(error) {
        return SourceError::Busy { adapter, place };
    }
    SourceError::Unreachable { adapter, place, detail: words(error) }
}

/// A statement on `table` failed.
pub(super) fn statement(settings: &Settings, table: &str, error: &sqlx::Error) -> SourceError {
    let (adapter, table) = (settings.adapter.clone(), table.to_owned());
    if is_busy(error) {
        return SourceError::Busy { adapter, place: table };
    }
    match primary_code(error) {
        // SQLITE_ERROR: no such table or column, or SQL that is none.
        Some(1) => SourceError::Schema { adapter, table, detail: words(error) },
        _ => SourceError::Unreachable {
            adapter,
            place: settings.path.display().to_string(),
            detail: words(error),
        },
    }
}
