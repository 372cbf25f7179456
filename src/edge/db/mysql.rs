//! MySQL, MariaDB and what speaks their protocol.
//!
//! Statements go as text, so that values come as text: a decimal with all its digits, a date of
//! zeros as it is.

use futures_util::TryStreamExt as _;
use sqlx::mysql::{
    MySql, MySqlConnectOptions, MySqlConnection, MySqlDatabaseError, MySqlRow, MySqlSslMode,
    MySqlTypeInfo,
};
use sqlx::{AssertSqlSafe, Column, ConnectOptions, Executor, Row, Type, TypeInfo, raw_sql};

use super::error::of_mysql;
use super::{DbError, Driver, Login, Rows, Session, Tls, Trouble};
use crate::source::BoxFuture;

/// A connection.
pub(super) struct Mysql(MySqlConnection);

impl Mysql {
    pub(super) async fn open(login: &Login, _session: &Session) -> Result<Self, DbError> {
        let mut options = MySqlConnectOptions::new()
            .username(&login.user)
            .database(&login.database)
            .charset("utf8mb4")
            .timezone(None)
            .pipes_as_concat(false)
            .no_engine_substitution(false)
            .statement_cache_capacity(0)
            .ssl_mode(match login.tls {
                Tls::Disable => MySqlSslMode::Disabled,
                Tls::Prefer => MySqlSslMode::Preferred,
                Tls::Require => MySqlSslMode::Required,
                Tls::VerifyFull => MySqlSslMode::VerifyIdentity,
            });
        options = if login.host.starts_with('/') {
            options.socket(&login.host)
        } else {
            options.host(&login.host).port(login.port)
        };
        if let Some(password) = &login.password {
            options = options.password(password);
        }
        if let Some(ca) = &login.ca {
            options = options.ssl_ca(ca);
        }
        options.connect().await.map(Self).map_err(|e| failed(&e))
    }
}

fn failed(error: &sqlx::Error) -> DbError {
    let Some(said) = error.as_database_error() else { return DbError::of_driver(error) };
    let number = said.try_downcast_ref::<MySqlDatabaseError>().map(MySqlDatabaseError::number);
    let trouble = number.map_or(Trouble::Refused, |n| of_mysql(n.into()));
    DbError::new(trouble, said.message())
}

/// What a column's values are made of.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Made {
    Text,
    Bytes,
    Bits,
}

fn made(row: &MySqlRow) -> Vec<Made> {
    let of = |info: &MySqlTypeInfo| match info.name() {
        "BIT" => Made::Bits,
        // A text that is compared byte by byte (`utf8mb4_bin`) has the name of bytes too.
        _ if <str as Type<MySql>>::compatible(info) => Made::Text,
        "BLOB" | "TINYBLOB" | "MEDIUMBLOB" | "LONGBLOB" | "BINARY" | "VARBINARY" | "GEOMETRY" => {
            Made::Bytes
        }
        _ => Made::Text,
    };
    row.columns().iter().map(|c| of(c.type_info())).collect()
}

impl Driver for Mysql {
    fn rows<'a>(
        &'a mut self,
        sql: String,
        bytes_max: usize,
    ) -> BoxFuture<'a, Result<Rows, DbError>> {
        Box::pin(async move {
            let (mut found, mut kinds) = (Rows::default(), Vec::new());
            let mut stream = self.0.fetch(raw_sql(AssertSqlSafe(sql)));
            while let Some(row) = stream.try_next().await.map_err(|e| failed(&e))? {
                if kinds.is_empty() {
                    found = Rows::of_width(row.len());
                    kinds = made(&row);
                }
                for (at, kind) in kinds.iter().enumerate() {
                    let value = row.try_get_unchecked::<Option<&[u8]>, _>(at);
                    let value = value.map_err(|e| failed(&e))?;
                    match (kind, value) {
                        (Made::Bytes, Some(bytes)) => found.put_hex(bytes),
                        (Made::Bits, Some(bytes)) => {
                            let number = bytes.iter().fold(0_u64, |n, b| n << 8 | u64::from(*b));
                            found.put(Some(number.to_string().as_bytes()));
                        }
                        (_, value) => found.put(value),
                    }
                }
                if found.bytes() > bytes_max {
                    found.cut = true;
                    break;
                }
            }
            Ok(found)
        })
    }

    fn execute<'a>(&'a mut self, sql: String) -> BoxFuture<'a, Result<u64, DbError>> {
        Box::pin(async move {
            let done = self.0.execute(raw_sql(AssertSqlSafe(sql))).await;
            done.map(|d| d.rows_affected()).map_err(|e| failed(&e))
        })
    }

    fn begin(&mut self) -> BoxFuture<'_, Result<(), DbError>> {
        Box::pin(async move { self.execute("START TRANSACTION".into()).await.map(|_| ()) })
    }

    fn commit(&mut self) -> BoxFuture<'_, Result<(), DbError>> {
        Box::pin(async move { self.execute("COMMIT".into()).await.map(|_| ()) })
    }
}
