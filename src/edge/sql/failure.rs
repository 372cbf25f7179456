//! A database's failures, in our words.

use crate::db::{DbError, Trouble};
use crate::error::SourceError;

use super::Settings;

/// The database cannot be opened, or a transaction not be begun or ended.
pub(super) fn unreachable(settings: &Settings, error: DbError) -> SourceError {
    let (adapter, place) = (settings.adapter.clone(), settings.place.to_string());
    let detail = error.words;
    match error.trouble {
        Trouble::Busy => SourceError::Busy { adapter, place },
        Trouble::Denied => SourceError::Denied { adapter, place, detail },
        Trouble::Missing => SourceError::Setting { adapter, detail },
        _ => SourceError::Unreachable { adapter, place, detail },
    }
}

/// A statement on `table` failed.
pub(super) fn statement(settings: &Settings, table: &str, error: DbError) -> SourceError {
    let (adapter, table) = (settings.adapter.clone(), table.to_owned());
    match error.trouble {
        Trouble::Busy => SourceError::Busy { adapter, place: table },
        Trouble::Schema => SourceError::Schema { adapter, table, detail: error.words },
        Trouble::Denied => SourceError::Denied { adapter, place: table, detail: error.words },
        Trouble::Slow => {
            SourceError::Slow { adapter, table, seconds: settings.statement_timeout_ms / 1000 }
        }
        _ => unreachable(settings, error),
    }
}
