//! Whatever an ODBC driver leads to: Oracle, 达梦, SQL Server, old editions of anything.
//!
//! ODBC waits where it is called and its handles stay on one thread, so each connection has a thread
//! of its own that works off what it is sent.

use std::sync::mpsc;
use std::time::Duration;

use odbc_api::{
    Connection, ConnectionOptions, Cursor, CursorRow, DataType, Error, Preallocated,
    ResultSetMetadata, environment, escape_attribute_value,
};
use tokio::sync::oneshot;

use super::error::{of_mysql, of_state};
use super::{DbError, Driver, Engine, OdbcLogin, Rows, Session, Stored, Trouble};
use crate::source::BoxFuture;

type Answer<T> = oneshot::Sender<Result<T, DbError>>;

/// What the thread is asked.
enum Ask {
    Rows(String, usize, Answer<Rows>),
    Execute(String, Answer<u64>),
    Begin(Answer<()>),
    Commit(Answer<()>),
}

/// A connection: the way to its thread. The thread ends, and with it the connection, when this goes.
pub(super) struct Odbc(mpsc::Sender<Ask>);

/// What the thread keeps.
struct Desk {
    connection: Connection<'static>,
    engine: Engine,
    stored: Stored,
    timeout: usize,
}

impl Odbc {
    pub(super) async fn open(login: &OdbcLogin, session: &Session) -> Result<Self, DbError> {
        let (asks, asked) = mpsc::channel();
        let (opened, open) = oneshot::channel();
        let (login, session) = (login.clone(), session.clone());
        let thread = std::thread::Builder::new().name("tiergate-odbc".into());
        let spawned = thread.spawn(move || match Desk::open(&login, &session) {
            Ok(desk) => {
                if opened.send(Ok(())).is_ok() {
                    desk.work(&asked);
                }
            }
            // Whoever no longer waits is told nothing.
            Err(e) => drop(opened.send(Err(e))),
        });
        spawned.map_err(|e| DbError::new(Trouble::Unreachable, e.to_string()))?;
        open.await.map_err(|_| gone())??;
        Ok(Self(asks))
    }

    async fn ask<T>(&self, ask: impl FnOnce(Answer<T>) -> Ask) -> Result<T, DbError> {
        let (answer, answered) = oneshot::channel();
        self.0.send(ask(answer)).map_err(|_| gone())?;
        answered.await.map_err(|_| gone())?
    }
}

fn gone() -> DbError {
    DbError::new(Trouble::Unreachable, "the thread of the ODBC connection ended")
}

impl Desk {
    fn open(login: &OdbcLogin, session: &Session) -> Result<Self, DbError> {
        let engine = login.engine;
        let failed = |e: Error| failed(engine, &e);
        let environment = environment().map_err(failed)?;
        let mut text = login.connection.trim_end_matches(';').to_owned();
        for (key, value) in [("UID", &login.user), ("PWD", &login.password)] {
            if let Some(value) = value {
                text.push_str(&format!(";{key}={}", escape_attribute_value(value)));
            }
        }
        let seconds = |t: Duration| t.as_secs().max(1);
        let timeout = seconds(session.statement_timeout);
        let options = ConnectionOptions {
            login_timeout_sec: u32::try_from(timeout).ok(),
            ..ConnectionOptions::default()
        };
        let connection = environment.connect_with_connection_string(&text, options);
        // What the connection string is made of stays here: it holds a password.
        let connection = connection.map_err(failed)?;
        let timeout = usize::try_from(timeout).unwrap_or(usize::MAX);
        Ok(Self { connection, engine, stored: session.stored, timeout })
    }

    /// Works until nobody can ask any more.
    fn work(&self, asked: &mpsc::Receiver<Ask>) {
        for ask in asked {
            // Whoever no longer waits has given the connection up.
            let heard = match ask {
                Ask::Rows(sql, most, to) => to.send(self.told(self.rows(&sql, most))).is_ok(),
                Ask::Execute(sql, to) => to.send(self.told(self.execute(&sql))).is_ok(),
                Ask::Begin(to) => to.send(self.told(self.connection.set_autocommit(false))).is_ok(),
                Ask::Commit(to) => to.send(self.told(self.commit())).is_ok(),
            };
            if !heard {
                break;
            }
        }
        // A transaction that was not committed did not happen; some drivers refuse to close before.
        drop(self.connection.rollback());
    }

    fn told<T>(&self, done: Result<T, Error>) -> Result<T, DbError> {
        done.map_err(|e| failed(self.engine, &e))
    }

    fn commit(&self) -> Result<(), Error> {
        self.connection.commit()?;
        self.connection.set_autocommit(true)
    }

    fn statement(&self) -> Result<Preallocated<odbc_api::handles::StatementImpl<'_>>, Error> {
        let mut statement = self.connection.preallocate()?;
        // Not every driver can; the caller has a clock of its own.
        drop(statement.set_query_timeout_sec(self.timeout));
        Ok(statement)
    }

    fn execute(&self, sql: &str) -> Result<u64, Error> {
        let mut statement = self.statement()?;
        drop(statement.execute(sql, ())?);
        let count = statement.row_count()?;
        Ok(count.map_or(0, |n| n as u64))
    }

    fn rows(&self, sql: &str, bytes_max: usize) -> Result<Rows, Error> {
        let mut statement = self.statement()?;
        let Some(mut cursor) = statement.execute(sql, ())? else { return Ok(Rows::default()) };
        let width = usize::try_from(cursor.num_result_cols()?).unwrap_or(0);
        let mut binary = Vec::with_capacity(width);
        for at in 1..=width {
            let made = cursor.col_data_type(at as u16)?;
            binary.push(matches!(
                made,
                DataType::Binary { .. }
                    | DataType::Varbinary { .. }
                    | DataType::LongVarbinary { .. }
            ));
        }
        let mut found = Rows::of_width(width);
        let mut cell = Cell { stored: self.stored, bytes: Vec::new(), wide: Vec::new() };
        while let Some(mut row) = cursor.next_row()? {
            for (at, binary) in binary.iter().enumerate() {
                cell.take(&mut row, at as u16 + 1, *binary, &mut found)?;
            }
            if found.bytes() > bytes_max {
                found.cut = true;
                break;
            }
        }
        Ok(found)
    }
}

/// Buffers for one value after the other.
struct Cell {
    stored: Stored,
    bytes: Vec<u8>,
    wide: Vec<u16>,
}

impl Cell {
    fn take(
        &mut self,
        row: &mut CursorRow<'_>,
        at: u16,
        binary: bool,
        into: &mut Rows,
    ) -> Result<(), Error> {
        if binary {
            let there = row.get_binary(at, &mut self.bytes)?;
            if there { into.put_hex(&self.bytes) } else { into.put(None) }
        } else if self.stored == Stored::Declared {
            let there = row.get_wide_text(at, &mut self.wide)?;
            if !there {
                into.put(None);
                return Ok(());
            }
            into.put_with(|out| {
                let mut utf8 = [0; 4];
                for c in char::decode_utf16(self.wide.iter().copied()) {
                    match c {
                        Ok(c) => out.extend_from_slice(c.encode_utf8(&mut utf8).as_bytes()),
                        // Half a character: not a text, and not one after this either.
                        Err(_) => out.push(0xff),
                    }
                }
            });
        } else {
            let there = row.get_text(at, &mut self.bytes)?;
            into.put(there.then_some(self.bytes.as_slice()));
        }
        Ok(())
    }
}

fn failed(engine: Engine, error: &Error) -> DbError {
    let Error::Diagnostics { record, .. } = error else {
        return DbError::new(Trouble::Unreachable, error.to_string());
    };
    let state = String::from_utf8_lossy(&record.state.0).into_owned();
    let words = String::from_utf16_lossy(&record.message);
    let number = u32::try_from(record.native_error).unwrap_or(0);
    let trouble = match (engine, state.as_str()) {
        (Engine::Mysql, "HY000" | "42000") if number > 0 => of_mysql(number),
        // psqlodbc gives the server's own state for most; what is left is told by its words.
        (Engine::Sqlite, "HY000") if words.contains("locked") => Trouble::Busy,
        (Engine::Sqlite, "HY000") if words.contains("no such") || words.contains("syntax") => {
            Trouble::Schema
        }
        _ => of_state(&state),
    };
    DbError::new(trouble, format!("{} [{state}]", words.trim()))
}

impl Driver for Odbc {
    fn rows<'a>(
        &'a mut self,
        sql: String,
        bytes_max: usize,
    ) -> BoxFuture<'a, Result<Rows, DbError>> {
        Box::pin(self.ask(move |to| Ask::Rows(sql, bytes_max, to)))
    }

    fn execute<'a>(&'a mut self, sql: String) -> BoxFuture<'a, Result<u64, DbError>> {
        Box::pin(self.ask(move |to| Ask::Execute(sql, to)))
    }

    fn begin(&mut self) -> BoxFuture<'_, Result<(), DbError>> {
        Box::pin(self.ask(Ask::Begin))
    }

    fn commit(&mut self) -> BoxFuture<'_, Result<(), DbError>> {
        Box::pin(self.ask(Ask::Commit))
    }
}
