//! Databases that are not ours: one small trait over SQLite, MySQL and MariaDB, PostgreSQL and
//! whatever an ODBC driver leads to.
//!
//! A connection runs one statement at a time and gives every value as the database writes it: no
//! value passes through a number or a date of ours, so that none is changed. Values in a statement
//! are literals ([`Dialect::literal`]), because only an untyped literal takes the type of the column
//! beside it in every one of these databases.

pub mod catalogue;
mod dialect;
mod error;
#[cfg(feature = "mysql")]
mod mysql;
#[cfg(feature = "odbc")]
mod odbc;
mod place;
#[cfg(feature = "postgres")]
mod postgres;
mod rows;
mod session;
#[cfg(feature = "sqlite")]
mod sqlite;

use std::time::Duration;

pub use dialect::{Dialect, Engine, Stored};
pub use error::{DbError, Trouble};
pub use place::{Login, OdbcLogin, Place, Tls};
pub use rows::Rows;
pub use session::{Isolation, Session};

use crate::source::BoxFuture;

/// Longer than the statement's own time, before the connection is given up.
const GRACE: Duration = Duration::from_secs(5);

/// An open connection.
pub trait Driver: Send + Sync {
    /// Runs a SELECT; stops reading after so many bytes ([`Rows::cut`]).
    fn rows<'a>(
        &'a mut self,
        sql: String,
        bytes_max: usize,
    ) -> BoxFuture<'a, Result<Rows, DbError>>;

    /// Runs a statement; how many rows it found.
    fn execute<'a>(&'a mut self, sql: String) -> BoxFuture<'a, Result<u64, DbError>>;

    /// Begins a transaction that will write.
    fn begin(&mut self) -> BoxFuture<'_, Result<(), DbError>>;

    /// Commits it.
    fn commit(&mut self) -> BoxFuture<'_, Result<(), DbError>>;
}

/// A connection with its dialect.
pub struct Connection {
    driver: Box<dyn Driver>,
    dialect: Dialect,
    timeout: Duration,
}

impl std::fmt::Debug for Connection {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Connection").field("dialect", &self.dialect).finish_non_exhaustive()
    }
}

impl Connection {
    /// Opens one and sets the session as asked.
    ///
    /// # Errors
    /// The database cannot be reached or does not let us in.
    pub async fn open(place: &Place, session: &Session) -> Result<Self, DbError> {
        let dialect = Dialect { engine: place.engine(), stored: session.stored };
        let timeout = session.statement_timeout;
        let driver = within(timeout, driver(place, session)).await?;
        let mut made = Self { driver, dialect, timeout };
        for statement in session::statements(dialect.engine, session) {
            match made.execute(statement.sql).await {
                Ok(_) => {}
                Err(_) if !statement.must => {}
                Err(e) => return Err(e),
            }
        }
        Ok(made)
    }

    /// How this database is spoken to.
    pub const fn dialect(&self) -> Dialect {
        self.dialect
    }

    /// Runs a SELECT.
    ///
    /// # Errors
    /// What the database says.
    pub async fn rows(&mut self, sql: String, bytes_max: usize) -> Result<Rows, DbError> {
        within(self.timeout, self.driver.rows(sql, bytes_max)).await
    }

    /// The first value of the first row, as text.
    ///
    /// # Errors
    /// What the database says.
    pub async fn scalar(&mut self, sql: String) -> Result<Option<String>, DbError> {
        let rows = self.rows(sql, 1 << 20).await?;
        Ok(rows.cell(0, 0).map(|bytes| String::from_utf8_lossy(bytes).into_owned()))
    }

    /// A count.
    ///
    /// # Errors
    /// What the database says.
    pub async fn count(&mut self, sql: String) -> Result<u64, DbError> {
        let text = self.scalar(sql).await?.unwrap_or_default();
        // Some drivers write a count with a fraction.
        Ok(text.split('.').next().unwrap_or_default().trim().parse().unwrap_or(0))
    }

    /// Runs a statement; how many rows it found.
    ///
    /// # Errors
    /// What the database says.
    pub async fn execute(&mut self, sql: String) -> Result<u64, DbError> {
        within(self.timeout, self.driver.execute(sql)).await
    }

    /// Begins a transaction that will write.
    ///
    /// # Errors
    /// What the database says.
    pub async fn begin(&mut self) -> Result<(), DbError> {
        within(self.timeout, self.driver.begin()).await
    }

    /// Commits it. A connection dropped before is rolled back by the database.
    ///
    /// # Errors
    /// What the database says.
    pub async fn commit(&mut self) -> Result<(), DbError> {
        within(self.timeout, self.driver.commit()).await
    }
}

/// The database is asked to end a statement that takes too long; this is for one that does not listen.
async fn within<T>(
    timeout: Duration,
    work: impl Future<Output = Result<T, DbError>>,
) -> Result<T, DbError> {
    match tokio::time::timeout(timeout + GRACE, work).await {
        Ok(done) => done,
        Err(_) => Err(DbError::new(Trouble::Slow, format!("no answer within {timeout:?}"))),
    }
}

async fn driver(place: &Place, session: &Session) -> Result<Box<dyn Driver>, DbError> {
    match place {
        #[cfg(feature = "sqlite")]
        Place::Sqlite(path) => Ok(Box::new(sqlite::Sqlite::open(path, session).await?)),
        #[cfg(feature = "mysql")]
        Place::Mysql(login) => Ok(Box::new(mysql::Mysql::open(login, session).await?)),
        #[cfg(feature = "postgres")]
        Place::Postgres(login) => Ok(Box::new(postgres::Postgres::open(login, session).await?)),
        #[cfg(feature = "odbc")]
        Place::Odbc(login) => Ok(Box::new(odbc::Odbc::open(login, session).await?)),
        #[cfg(not(all(
            feature = "sqlite",
            feature = "mysql",
            feature = "postgres",
            feature = "odbc"
        )))]
        other => Err(DbError::new(
            Trouble::Missing,
            format!(
                "this build has no {} driver; build with `--features {}`",
                other.scheme(),
                other.scheme()
            ),
        )),
    }
}
