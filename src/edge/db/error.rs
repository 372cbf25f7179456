//! What a database says when it does not do as asked.

use crate::error::without_quotes;

/// What kind of trouble it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// Not reached, or lost.
    Unreachable,
    /// Held by another program; later it may go.
    Busy,
    /// Took longer than it may.
    Slow,
    /// The login, or the right to do this, is refused.
    Denied,
    /// No such table or column, or SQL that is none.
    Schema,
    /// These values are refused: a constraint, a trigger, a type.
    Refused,
    /// More than the database puts into one value.
    TooBig,
    /// This build has no driver for it.
    Missing,
}

/// A database's refusal. Its words name tables and columns, never a value.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{words}")]
pub struct DbError {
    /// Kind.
    pub trouble: Trouble,
    /// The database's words.
    pub words: String,
}

impl DbError {
    /// A refusal; words about values are emptied of them.
    pub fn new(trouble: Trouble, words: impl Into<String>) -> Self {
        let words = words.into();
        let words = match trouble {
            // Databases quote the values that they refuse.
            Trouble::Refused => without_quotes(&words),
            _ => words,
        };
        Self { trouble, words }
    }
}

#[cfg(any(feature = "mysql", feature = "postgres", feature = "sqlite"))]
impl DbError {
    /// A driver's error that is not the database's word.
    pub(super) fn of_driver(error: &sqlx::Error) -> Self {
        let trouble = match error {
            sqlx::Error::Io(_) | sqlx::Error::Tls(_) | sqlx::Error::Protocol(_) => {
                Trouble::Unreachable
            }
            sqlx::Error::Configuration(_) => Trouble::Denied,
            _ => Trouble::Unreachable,
        };
        Self::new(trouble, error.to_string())
    }
}

/// From an SQLSTATE, as PostgreSQL and ODBC drivers give it.
#[cfg(any(feature = "postgres", feature = "odbc"))]
pub(super) fn of_state(state: &str) -> Trouble {
    match state {
        "55P03" | "40001" | "40P01" => Trouble::Busy,
        "57014" | "HYT00" | "HY008" | "HY018" => Trouble::Slow,
        "HYT01" => Trouble::Unreachable,
        "42501" | "25006" => Trouble::Denied,
        _ => match state.get(..2) {
            Some("08" | "57" | "58" | "IM") => Trouble::Unreachable,
            Some("28") => Trouble::Denied,
            Some("42" | "3F" | "S0") => Trouble::Schema,
            Some("3D") => Trouble::Denied,
            _ => Trouble::Refused,
        },
    }
}

/// From a MySQL error number.
#[cfg(any(feature = "mysql", feature = "odbc"))]
pub(super) const fn of_mysql(number: u32) -> Trouble {
    match number {
        1205 | 1213 => Trouble::Busy,
        1969 | 3024 | 1317 => Trouble::Slow,
        1044 | 1045 | 1049 | 1142 | 1143 | 1227 | 1290 | 1370 | 1698 | 1792 | 1820 => {
            Trouble::Denied
        }
        1051 | 1054 | 1060 | 1064 | 1109 | 1146 | 1305 | 1193 | 1248 => Trouble::Schema,
        1040 | 1042 | 1043 | 1053 | 1129 | 1152 | 1154..=1161 | 2000..=2999 => Trouble::Unreachable,
        1301 | 1153 => Trouble::TooBig,
        _ => Trouble::Refused,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refused_values_are_not_repeated() {
        let said = "Duplicate entry '张三-990101' for key 'PRIMARY'\nDETAIL: Key (id)=(990101)";
        let error = DbError::new(Trouble::Refused, said);
        assert_eq!(error.words, "Duplicate entry '…' for key '…'");
        let schema = DbError::new(Trouble::Schema, "no such column: \"nom\"");
        assert_eq!(schema.words, "no such column: \"nom\"");
    }
}
