//! What a failure of the driver means for the worker.

use crate::error::StoreError;

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        match &error {
            sqlx::Error::Database(e) => of_database(&**e, &error),
            sqlx::Error::ColumnDecode { .. }
            | sqlx::Error::Decode(_)
            | sqlx::Error::ColumnIndexOutOfBounds { .. } => Self::Damaged(error.to_string()),
            _ => Self::Unavailable(error.to_string()),
        }
    }
}

fn of_database(database: &dyn sqlx::error::DatabaseError, error: &sqlx::Error) -> StoreError {
    let code = database.code().unwrap_or_default();
    #[cfg(feature = "postgres")]
    if database.try_downcast_ref::<sqlx::postgres::PgDatabaseError>().is_some() {
        return of_postgres(&code, error.to_string());
    }
    of_sqlite(code.parse::<i32>().map_or(0, |c| c & 0xff), error.to_string())
}

fn of_sqlite(code: i32, said: String) -> StoreError {
    match code {
        // BUSY, LOCKED, NOMEM, READONLY, INTERRUPT, IOERR, FULL, CANTOPEN.
        5..=10 | 13 | 14 => StoreError::Unavailable(said),
        19 => there_already(said),
        _ => StoreError::Damaged(said),
    }
}

fn there_already(detail: String) -> StoreError {
    StoreError::Conflict { what: "a row that is there already", detail }
}

#[cfg(feature = "postgres")]
fn of_postgres(code: &str, said: String) -> StoreError {
    let (class, _) = code.split_at_checked(2).unwrap_or_default();
    match (class, code) {
        // Serialization failure, deadlock.
        (_, "40001" | "40P01") => StoreError::Contended(said),
        (_, "23505") => there_already(said),
        // Connection, transaction state (read only, ended by a timeout), transaction rolled back,
        // resources (disk full, too many connections), lock not available, operator, I/O.
        ("08" | "25" | "40" | "53" | "55" | "57" | "58", _) => StoreError::Unavailable(said),
        // Who logs in, which database, what it may do: a person has to act.
        ("28" | "3D" | "3F", _) | (_, "42501" | "42P01") => StoreError::Refused(said),
        _ => StoreError::Damaged(said),
    }
}

#[cfg(all(test, feature = "postgres"))]
mod tests {
    use super::*;

    #[test]
    fn codes_of_postgresql_say_what_to_do() {
        let kind = |code| format!("{:?}", of_postgres(code, String::new()));
        assert!(kind("40001").starts_with("Contended"));
        assert!(kind("40P01").starts_with("Contended"));
        assert!(kind("23505").starts_with("Conflict"));
        assert!(kind("53100").starts_with("Unavailable"), "disk full");
        assert!(kind("57P01").starts_with("Unavailable"), "shut down");
        assert!(kind("28P01").starts_with("Refused"), "wrong password");
        assert!(kind("22P02").starts_with("Damaged"));
        assert!(kind("").starts_with("Damaged"));
    }
}
