//! Opening a schema: who connects, the edition, the identities; numbers, and the barrier.
//!
//! A commit of a fact does not wait for the disk (`synchronous_commit = off` inside facts). The log
//! is one sequence, so that a crash of the server takes away a tail of whole facts, never one from
//! between. Before anything leaves the node the barrier waits until the disk has everything
//! committed up to then. So many facts share one wait, and none holds its turn meanwhile.

use std::str::FromStr;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use canon::NodeCode;
use sqlx::AssertSqlSafe;
use sqlx::Executor;
use sqlx::postgres::{PgConnectOptions, PgConnection, PgSslMode};

use super::conn::{Columns, q};
use super::handle::Handle;
use super::pool::Pool;
use super::words::{self, Words};
use super::{migrate, sql};
use crate::api::SharedStore;
use crate::error::StoreError;

/// Prepared statements kept on a connection.
const STATEMENTS_MAX: usize = 400;
/// Numbers of one block, as the sequence steps.
const BLOCK: i64 = 65_536;
/// Longest name of a schema.
const SCHEMA_BYTES_MAX: usize = 63;

/// Whether and how the connection is encrypted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Tls {
    /// Never (loopback, a socket).
    Disable,
    /// If the server can.
    #[default]
    Prefer,
    /// Always; the certificate is not looked at.
    Require,
    /// Always; the certificate must be of a known authority and name the host.
    VerifyFull,
}

/// Where the schema is and how to get there.
#[derive(Clone)]
pub struct Settings {
    /// `postgres://user@host:port/database`.
    pub url: String,
    /// Password, if the server wants one; it may also stand in `url`.
    pub password: Option<String>,
    /// The schema: small letters, digits and `_`, beginning with a letter.
    pub schema: String,
    /// Most connections.
    pub connections: u32,
    /// Encryption.
    pub tls: Tls,
    /// File of the certificates the server's is held against; absent: the system's.
    pub authority: Option<std::path::PathBuf>,
}

impl std::fmt::Debug for Settings {
    /// Without any password.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Settings").field("schema", &self.schema).finish_non_exhaustive()
    }
}

/// Whether a name can be a schema's.
fn is_schema_name(name: &str) -> bool {
    let ok = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_';
    name.bytes().next().is_some_and(|b| b.is_ascii_lowercase())
        && name.len() <= SCHEMA_BYTES_MAX
        && name.bytes().all(ok)
        && !name.starts_with("pg_")
}

impl Settings {
    fn options(&self) -> Result<PgConnectOptions, StoreError> {
        if !is_schema_name(&self.schema) {
            let said = format!("`{}` is no name of a schema", self.schema);
            return Err(StoreError::Refused(said));
        }
        let options = PgConnectOptions::from_str(&self.url);
        let options = options.map_err(|_| {
            StoreError::Refused("the store's address is not postgres://user@host/database".into())
        })?;
        let options = options
            .application_name("tiergate")
            .statement_cache_capacity(STATEMENTS_MAX)
            .ssl_mode(match self.tls {
                Tls::Disable => PgSslMode::Disable,
                Tls::Prefer => PgSslMode::Prefer,
                Tls::Require => PgSslMode::Require,
                Tls::VerifyFull => PgSslMode::VerifyFull,
            });
        let options = match &self.authority {
            None => options,
            Some(file) => options.ssl_root_cert(file),
        };
        Ok(match &self.password {
            None => options,
            Some(password) => options.password(password),
        })
    }
}

/// Numbers given out by this process out of the block it took. A block is on the disk before it is
/// used, so that no crash of the server gives it out twice.
#[derive(Default)]
pub(super) struct Numbers(Mutex<(i64, i64)>);

impl Numbers {
    fn out_of_block(&self, n: i64) -> Option<i64> {
        let mut left = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let first = left.0;
        (left.1 - first >= n).then(|| {
            left.0 += n;
            first
        })
    }

    /// The first of `n` numbers in a row.
    pub(super) async fn take(&self, pool: &Pool, n: usize) -> Result<i64, StoreError> {
        let n = super::conn::len(n);
        if let Some(first) = self.out_of_block(n) {
            return Ok(first);
        }
        let mut conn = pool.take().await?;
        let mut next = q(sql::BLOCK).fetch_one(&mut *conn).await?.int(0)?;
        let mut end = next + BLOCK;
        while end - next < n {
            // More than a block: the next one follows if nobody else took one meanwhile.
            let more = q(sql::BLOCK).fetch_one(&mut *conn).await?.int(0)?;
            next = if more == end { next } else { more };
            end = more + BLOCK;
        }
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = (next + n, end);
        Ok(next)
    }
}

/// The write-ahead log as the barrier sees it.
#[derive(Default)]
pub(super) struct Log {
    committed: AtomicU64,
    synced: tokio::sync::Mutex<u64>,
}

impl Log {
    /// Something was committed.
    pub(super) fn committed(&self) {
        self.committed.fetch_add(1, Ordering::SeqCst);
    }

    /// Waits until everything committed so far is on the disk. Those who wait together share one
    /// write.
    pub(super) async fn barrier(&self, pool: &Pool) -> Result<(), StoreError> {
        let want = self.committed.load(Ordering::SeqCst);
        let mut synced = self.synced.lock().await;
        if *synced >= want {
            return Ok(());
        }
        let now = self.committed.load(Ordering::SeqCst);
        let mut conn = pool.take().await?;
        q(sql::BARRIER).execute(&mut *conn).await?;
        *synced = now;
        Ok(())
    }
}

/// What all handles of a schema share.
pub(super) struct Shared {
    /// Connections.
    pub(super) pool: Pool,
    /// The dictionary as far as it was read.
    pub(super) words: Words,
    /// Row numbers.
    pub(super) numbers: Numbers,
    /// What the disk has.
    pub(super) log: Log,
    /// Jitter.
    pub(super) turns: AtomicU32,
    schema: String,
    /// Whether this process may write.
    pub(super) writes: bool,
}

/// A schema with the facts of one or more identities.
#[derive(Clone)]
pub struct PostgresStore {
    shared: Arc<Shared>,
}

impl std::fmt::Debug for PostgresStore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PostgresStore").field("schema", &self.shared.schema).finish_non_exhaustive()
    }
}

impl PostgresStore {
    /// Opens or creates the schema and brings it to this program's edition. Other processes may
    /// have it open: all write the same facts.
    pub async fn open(settings: &Settings) -> Result<Self, StoreError> {
        let (pool, mut conn) = first(settings, "").await?;
        migrate::bring_up(&mut conn, &settings.schema).await?;
        Self::share(settings, pool, conn, true).await
    }

    /// Brings a schema to this program's edition; gives the names of the migrations it ran.
    pub async fn migrate(settings: &Settings) -> Result<Vec<String>, StoreError> {
        let (_, mut conn) = first(settings, "").await?;
        migrate::bring_up(&mut conn, &settings.schema).await
    }

    /// A connection that is nobody else's.
    #[cfg(feature = "sqlite")]
    pub(super) async fn own_connection(&self) -> Result<PgConnection, StoreError> {
        self.shared.pool.connect().await
    }

    /// Opens a schema only to look at it: nothing is migrated, and the server refuses every
    /// method that would write.
    pub async fn open_to_read(settings: &Settings) -> Result<Self, StoreError> {
        let (pool, mut conn) = first(settings, READ_ONLY).await?;
        migrate::same_edition(&mut conn, &settings.schema).await?;
        Self::share(settings, pool, conn, false).await
    }

    /// Deletes a schema of ours with everything in it: for the demo, which begins anew.
    pub async fn drop_schema(settings: &Settings) -> Result<(), StoreError> {
        let (_, mut conn) = first(settings, "").await?;
        migrate::drop_schema(&mut conn, &settings.schema).await
    }

    /// Who has facts in a schema, of whatever edition; nobody if it is not there.
    pub async fn identities_at(settings: &Settings) -> Result<Vec<String>, StoreError> {
        let (_, mut conn) = first(settings, "").await?;
        if !migrate::is_ours(&mut conn, &settings.schema).await? {
            return Ok(Vec::new());
        }
        let rows = q(sql::IDENTITIES).fetch_all(&mut conn).await?;
        rows.iter().map(|row| Ok(row.text(0)?.to_owned())).collect()
    }

    /// Gives a schema of ours another name, so that a new one can take its place: nothing may have
    /// it open.
    pub async fn set_aside(settings: &Settings, name: &str) -> Result<(), StoreError> {
        let (_, mut conn) = first(settings, "").await?;
        migrate::set_aside(&mut conn, &settings.schema, name).await
    }

    async fn share(
        settings: &Settings,
        pool: Pool,
        mut conn: PgConnection,
        writes: bool,
    ) -> Result<Self, StoreError> {
        let words = Words::default();
        words::load(&words, &mut conn).await?;
        pool.give(conn);
        let shared = Shared {
            pool,
            words,
            numbers: Numbers::default(),
            log: Log::default(),
            turns: AtomicU32::new(0),
            schema: settings.schema.clone(),
            writes,
        };
        Ok(Self { shared: Arc::new(shared) })
    }

    /// Opens a schema for these identities: refused if it holds identities and none of them is
    /// among these (another node's schema).
    pub async fn open_for(
        settings: &Settings,
        identities: &[NodeCode],
    ) -> Result<Self, StoreError> {
        let store = Self::open(settings).await?;
        let held = store.identities().await?;
        if !held.is_empty() && !held.iter().any(|code| identities.contains(code)) {
            let held: Vec<_> = held.iter().map(NodeCode::as_str).collect();
            return Err(StoreError::Refused(format!(
                "the schema `{}` belongs to {}; name another schema or configure that identity",
                settings.schema,
                held.join(", ")
            )));
        }
        Ok(store)
    }

    /// The identities whose facts are in the schema.
    pub async fn identities(&self) -> Result<Vec<NodeCode>, StoreError> {
        let mut conn = self.shared.pool.take().await?;
        let rows = q(sql::IDENTITIES).fetch_all(&mut *conn).await?;
        rows.iter().map(|row| Ok(NodeCode(row.text(0)?.into()))).collect()
    }

    /// The handle of one identity, which is added if the schema has not seen it yet.
    pub async fn identity(&self, code: &NodeCode) -> Result<SharedStore, StoreError> {
        self.identity_in_epoch(code, 1).await
    }

    /// The handle of an identity in at least this epoch: a higher one than before starts its
    /// sequences again (`node restore`).
    pub async fn identity_in_epoch(
        &self,
        code: &NodeCode,
        epoch: u32,
    ) -> Result<SharedStore, StoreError> {
        let handle = self.handle(code, epoch).await?;
        Ok(Arc::new(handle))
    }

    /// The handle as it is.
    pub(super) async fn handle(&self, code: &NodeCode, epoch: u32) -> Result<Handle, StoreError> {
        let mut conn = self.shared.pool.take().await?;
        if self.shared.writes {
            conn.open = true;
            if let Err(error) = self.add(&mut conn, code, epoch).await {
                drop(conn);
                self.shared.pool.mend().await;
                return Err(error);
            }
            conn.open = false;
        }
        let row = q(sql::IDENTITY).bind(code.as_str()).fetch_optional(&mut *conn).await?;
        let row = row.ok_or_else(|| {
            let schema = &self.shared.schema;
            StoreError::Refused(format!(
                "the schema `{schema}` holds no identity `{code}`; start its node once"
            ))
        })?;
        let shared = Arc::clone(&self.shared);
        Ok(Handle::new(shared, row.int(0)?, code.clone(), row.int(1)?))
    }

    /// Adds an identity with the table whose lock is its turn.
    async fn add(
        &self,
        conn: &mut PgConnection,
        code: &NodeCode,
        epoch: u32,
    ) -> Result<(), StoreError> {
        conn.execute(sqlx::raw_sql("BEGIN")).await?;
        q(sql::MIGRATION_LOCK).bind(&self.shared.schema).execute(&mut *conn).await?;
        let known = q(sql::IDENTITY).bind(code.as_str()).fetch_optional(&mut *conn).await?;
        if known.is_none_or(|row| row.int(2).is_ok_and(|e| e < i64::from(epoch))) {
            let add = q(sql::IDENTITY_ADD).bind(code.as_str()).bind(i64::from(epoch));
            add.execute(&mut *conn).await?;
            let row = q(sql::IDENTITY).bind(code.as_str()).fetch_one(&mut *conn).await?;
            let turn = format!("CREATE TABLE IF NOT EXISTS turn_{} ()", row.int(0)?);
            conn.execute(sqlx::raw_sql(AssertSqlSafe(turn))).await?;
        }
        conn.execute(sqlx::raw_sql(sql::COMMIT)).await?;
        Ok(())
    }
}

/// What is said besides on a connection that only looks.
pub(super) const READ_ONLY: &str = "; SET default_transaction_read_only = on";

/// A pool and its first connection; refuses a database that does not keep texts in UTF-8.
pub(super) async fn first(
    settings: &Settings,
    more: &str,
) -> Result<(Pool, PgConnection), StoreError> {
    let path = format!("SET search_path = \"{}\"; ", settings.schema);
    let greeting = [&path, sql::GREETING, more].concat();
    let pool = Pool::new(settings.options()?, greeting, settings.connections);
    let mut conn = pool.connect().await?;
    let row = q(sql::ENCODING).fetch_one(&mut conn).await?;
    let encoding = row.text(0)?;
    if encoding != "UTF8" {
        return Err(StoreError::Refused(format!(
            "the database keeps texts in {encoding}, which cannot hold every character; make one with ENCODING 'UTF8'"
        )));
    }
    Ok((pool, conn))
}
