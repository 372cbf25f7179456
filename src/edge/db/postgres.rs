//! PostgreSQL and what speaks its protocol (人大金仓, openGauss).
//!
//! Statements go by the simple protocol: values come as text, literals take the columns' types, and a
//! pooler in between has nothing to remember.

use futures_util::TryStreamExt as _;
use sqlx::postgres::{PgConnectOptions, PgConnection, PgRow, PgSslMode};
use sqlx::{AssertSqlSafe, Column, ConnectOptions, Executor, Row, TypeInfo, ValueRef, raw_sql};

use super::error::of_state;
use super::{DbError, Driver, Login, Rows, Session, Tls};
use crate::source::BoxFuture;

/// A connection.
pub(super) struct Postgres(PgConnection);

impl Postgres {
    pub(super) async fn open(login: &Login, _session: &Session) -> Result<Self, DbError> {
        let mut options = PgConnectOptions::new_without_pgpass()
            .port(login.port)
            .username(&login.user)
            .database(&login.database)
            .application_name("tiergate")
            .statement_cache_capacity(0)
            .ssl_mode(match login.tls {
                Tls::Disable => PgSslMode::Disable,
                Tls::Prefer => PgSslMode::Prefer,
                Tls::Require => PgSslMode::Require,
                Tls::VerifyFull => PgSslMode::VerifyFull,
            });
        options = if login.host.starts_with('/') {
            options.socket(&login.host)
        } else {
            options.host(&login.host)
        };
        if let Some(password) = &login.password {
            options = options.password(password);
        }
        if let Some(ca) = &login.ca {
            options = options.ssl_root_cert(ca);
        }
        let mut made = options.connect().await.map(Self).map_err(|e| failed(&e))?;
        if let Some(schema) = &login.schema {
            made.execute(format!("SET search_path = \"{}\"", schema.replace('"', "\"\""))).await?;
        }
        Ok(made)
    }
}

fn failed(error: &sqlx::Error) -> DbError {
    let Some(said) = error.as_database_error() else { return DbError::of_driver(error) };
    let state = said.code().unwrap_or_default();
    DbError::new(of_state(&state), said.message())
}

/// What a column's values need.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Made {
    Text,
    /// `\x…`: the digits alone.
    Bytes,
    /// With a zone, which is ours: the local time alone.
    Zoned,
}

fn made(row: &PgRow) -> Vec<Made> {
    let of = |name: &str| match name {
        "BYTEA" => Made::Bytes,
        "TIMESTAMPTZ" | "TIMETZ" => Made::Zoned,
        _ => Made::Text,
    };
    row.columns().iter().map(|c| of(c.type_info().name())).collect()
}

impl Driver for Postgres {
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
                    let value = row.try_get_raw(at).map_err(|e| failed(&e))?;
                    if value.is_null() {
                        found.put(None);
                        continue;
                    }
                    let bytes = value.as_bytes().unwrap_or_default();
                    found.put(Some(match kind {
                        Made::Text => bytes,
                        Made::Bytes => bytes.strip_prefix(b"\\x").unwrap_or(bytes),
                        Made::Zoned => bytes.strip_suffix(b"+08").unwrap_or(bytes),
                    }));
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
        Box::pin(async move { self.execute("BEGIN".into()).await.map(|_| ()) })
    }

    fn commit(&mut self) -> BoxFuture<'_, Result<(), DbError>> {
        Box::pin(async move { self.execute("COMMIT".into()).await.map(|_| ()) })
    }
}
