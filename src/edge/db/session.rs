//! What a session is set to before anything is asked.

use std::time::Duration;

use super::{Engine, Stored};

/// What other transactions do to what we read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Isolation {
    /// Sees what others have not committed; takes no locks. Where the owner asks for it.
    ReadUncommitted,
    /// Sees what was committed when the statement began.
    #[default]
    ReadCommitted,
    /// Sees one moment.
    RepeatableRead,
    /// As if alone.
    Serializable,
}

impl Isolation {
    const fn sql(self) -> &'static str {
        match self {
            Self::ReadUncommitted => "READ UNCOMMITTED",
            Self::ReadCommitted => "READ COMMITTED",
            Self::RepeatableRead => "REPEATABLE READ",
            Self::Serializable => "SERIALIZABLE",
        }
    }
}

/// How a connection is opened.
#[derive(Clone, Debug)]
pub struct Session {
    /// The session may not write, where the database knows such a thing.
    pub read_only: bool,
    /// Longest statement.
    pub statement_timeout: Duration,
    /// Longest wait for another program's lock.
    pub lock_timeout: Duration,
    /// Isolation.
    pub isolation: Isolation,
    /// How texts lie in the database.
    pub stored: Stored,
    /// A file that is not there is made (SQLite).
    pub create: bool,
}

/// A statement of the session.
pub(super) struct Statement {
    pub(super) sql: String,
    /// Not all editions of this database know it.
    pub(super) must: bool,
}

/// The statements that set a session; SQLite has its own way.
pub(super) fn statements(engine: Engine, session: &Session) -> Vec<Statement> {
    let must = |sql: String| Statement { sql, must: true };
    let may = |sql: String| Statement { sql, must: false };
    let ms = session.statement_timeout.as_millis().max(1);
    let lock_ms = session.lock_timeout.as_millis().max(1);
    let lock_s = session.lock_timeout.as_secs().max(1);
    let isolation = session.isolation.sql();
    match engine {
        Engine::Sqlite => Vec::new(),
        Engine::Mysql => {
            let mut all = vec![
                must(format!("SET SESSION TRANSACTION ISOLATION LEVEL {isolation}")),
                must("SET time_zone = '+08:00'".into()),
                may(format!("SET SESSION innodb_lock_wait_timeout = {lock_s}")),
                may(format!("SET SESSION lock_wait_timeout = {lock_s}")),
                // MariaDB counts seconds, MySQL milliseconds; each refuses the other's.
                may(format!("SET SESSION max_statement_time = {}", ms as f64 / 1000.0)),
                may(format!("SET SESSION max_execution_time = {ms}")),
            ];
            if session.read_only {
                all.push(may("SET SESSION TRANSACTION READ ONLY".into()));
            }
            if session.stored != Stored::Declared {
                // Bytes as they lie there, in whatever set the column is declared.
                all.push(must("SET character_set_results = NULL".into()));
            }
            all
        }
        Engine::Postgres => vec![
            must("SET standard_conforming_strings = on".into()),
            must(format!("SET default_transaction_isolation = '{}'", isolation.to_lowercase())),
            must(format!("SET statement_timeout = {ms}")),
            may(format!("SET lock_timeout = {lock_ms}")),
            must("SET DateStyle = 'ISO, YMD'".into()),
            must("SET TIME ZONE INTERVAL '+08:00' HOUR TO MINUTE".into()),
            must(format!(
                "SET default_transaction_read_only = {}",
                if session.read_only { "on" } else { "off" }
            )),
        ],
        Engine::Mssql => vec![
            must(format!("SET TRANSACTION ISOLATION LEVEL {isolation}")),
            must(format!("SET LOCK_TIMEOUT {lock_ms}")),
            must("SET DATEFORMAT ymd".into()),
            must("SET QUOTED_IDENTIFIER ON".into()),
        ],
        Engine::Oracle => vec![
            // It has two; who asks for less than the lower gets the lower.
            may(format!(
                "ALTER SESSION SET ISOLATION_LEVEL = {}",
                match session.isolation {
                    Isolation::ReadUncommitted | Isolation::ReadCommitted => "READ COMMITTED",
                    Isolation::RepeatableRead | Isolation::Serializable => "SERIALIZABLE",
                }
            )),
            must("ALTER SESSION SET NLS_DATE_FORMAT = 'YYYY-MM-DD HH24:MI:SS'".into()),
            must("ALTER SESSION SET NLS_TIMESTAMP_FORMAT = 'YYYY-MM-DD HH24:MI:SS.FF'".into()),
            must("ALTER SESSION SET NLS_NUMERIC_CHARACTERS = '.,'".into()),
        ],
    }
}
