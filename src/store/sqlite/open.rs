//! Opening the file: the lock, the pragmas, the edition, the identities; and the barrier.
//!
//! A commit writes the log without waiting for the disk. The log is one sequence, so that a power
//! cut takes away a tail of whole facts, never one from between. Before anything leaves the node
//! (a parcel for a carrier, the word that a parcel or a page is safe here, a person's audited
//! action) the barrier waits until the disk has everything committed up to then. So many facts
//! share one wait, and none waits while it holds the writer.

use std::collections::HashMap;
use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use canon::NodeCode;
use sqlx::ConnectOptions;
use sqlx::sqlite::{
    SqliteAutoVacuum, SqliteConnectOptions, SqliteConnection, SqliteJournalMode, SqlitePool,
    SqlitePoolOptions, SqliteSynchronous,
};
use tokio::sync::Mutex;

use super::conn::{Columns, q};
use super::handle::Handle;
use super::words::{self, Words};
use super::{fate, migrate, sql};
use crate::api::SharedStore;
use crate::error::StoreError;

/// Page size of a new file, bytes.
pub(super) const PAGE_BYTES: u32 = 4096;
/// Page cache of the writer, KiB (negative: SQLite counts it so).
const WRITER_CACHE: &str = "-16384";
/// Page cache of each reader.
const READER_CACHE: &str = "-2048";
/// WAL pages after which a commit checkpoints.
const CHECKPOINT_PAGES: &str = "16000";
/// Connections for people's questions.
const READERS_MAX: u32 = 2;
/// Prepared statements kept on the writer.
const STATEMENTS_MAX: usize = 400;

/// Numbers given out by this process; the file is locked, so nobody else gives any.
#[derive(Debug, Default)]
pub(super) struct Numbers {
    /// Blobs.
    pub(super) blob: AtomicI64,
    /// Chunks.
    pub(super) chunk: AtomicI64,
    /// Ranges, and the order of staging.
    pub(super) range: AtomicI64,
    /// Own envelopes.
    pub(super) envelope: AtomicI64,
    /// Judged envelopes.
    pub(super) received: AtomicI64,
}

/// The next number of a row.
pub(super) fn next(counter: &AtomicI64) -> i64 {
    counter.fetch_add(1, Ordering::Relaxed) + 1
}

/// What all handles of a file share.
pub(super) struct Shared {
    /// The one connection that writes.
    pub(super) writer: Mutex<SqliteConnection>,
    /// Connections that only read.
    pub(super) readers: SqlitePool,
    /// The dictionary.
    pub(super) words: Words,
    /// Row numbers.
    pub(super) numbers: Numbers,
    /// A transaction was begun and not committed yet.
    pub(super) open: AtomicBool,
    /// Epoch in force of each identity.
    pub(super) epochs: RwLock<HashMap<i64, i64>>,
    /// Reason of the last attempt by identity and link, as written.
    pub(super) reasons: RwLock<HashMap<(i64, i64), Option<String>>>,
    /// What the disk has; none where the file is only looked at.
    pub(super) log: Option<Log>,
    /// Held until the last handle is gone; none where the file is only looked at.
    lock: Option<File>,
}

/// A SQLite file with the facts of one or more identities.
#[derive(Clone)]
pub struct SqliteStore {
    shared: Arc<Shared>,
}

impl std::fmt::Debug for SqliteStore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SqliteStore").finish_non_exhaustive()
    }
}

impl SqliteStore {
    /// Opens or creates the file, brings it to this program's edition and locks it. Refused while
    /// another process holds it, when it belongs to a newer edition, or is no store at all.
    pub async fn open(path: impl AsRef<Path>) -> Result<Self, StoreError> {
        let store = Self::open_whatever(path.as_ref()).await?.0;
        fate::here(&mut *store.shared.writer.lock().await).await?;
        Ok(store)
    }

    /// Opens a file that is there, moved or not.
    #[cfg(feature = "postgres")]
    pub(crate) async fn open_to_move(path: &Path) -> Result<Self, StoreError> {
        if !path.is_file() {
            return Err(StoreError::Refused(format!("there is no file `{}`", path.display())));
        }
        Ok(Self::open_whatever(path).await?.0)
    }

    /// The one connection that writes.
    #[cfg(feature = "postgres")]
    pub(crate) async fn writer(&self) -> tokio::sync::MutexGuard<'_, SqliteConnection> {
        self.shared.writer.lock().await
    }

    /// Whether the facts are still in the file.
    #[cfg(feature = "postgres")]
    pub(crate) async fn fate(writer: &mut SqliteConnection) -> Result<fate::Fate, StoreError> {
        fate::read(writer).await
    }

    /// Says where the facts are from now on.
    #[cfg(feature = "postgres")]
    pub(crate) async fn decide(
        writer: &mut SqliteConnection,
        fate: fate::Fate,
    ) -> Result<(), StoreError> {
        fate::write(writer, fate).await
    }

    /// Brings a file to this program's edition; gives the names of the migrations it ran.
    pub async fn migrate(path: impl AsRef<Path>) -> Result<Vec<String>, StoreError> {
        let (store, ran) = Self::open_whatever(path.as_ref()).await?;
        fate::here(&mut *store.shared.writer.lock().await).await?;
        Ok(ran)
    }

    /// Opens or creates the file wherever its facts are.
    async fn open_whatever(path: &Path) -> Result<(Self, Vec<String>), StoreError> {
        let lock = lock(path)?;
        let options = SqliteConnectOptions::new()
            .filename(path)
            .create_if_missing(true)
            .page_size(PAGE_BYTES)
            .auto_vacuum(SqliteAutoVacuum::Incremental)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Normal)
            .foreign_keys(false)
            .statement_cache_capacity(STATEMENTS_MAX)
            .pragma("temp_store", "memory")
            .pragma("wal_autocheckpoint", CHECKPOINT_PAGES)
            .pragma("cache_size", WRITER_CACHE);
        let mut writer = options.connect().await?;
        let ran = migrate::bring_up(&mut writer).await?;
        let words = words::load(&mut writer).await?;
        let numbers = numbers(&mut writer).await?;
        let readers =
            SqlitePoolOptions::new().max_connections(READERS_MAX).connect_lazy_with(reading(path));
        let held = Some((Log::open(path)?, lock));
        Ok((Self::share(writer, readers, words, numbers, held), ran))
    }

    /// Opens a file only to look at it, also beside the process that holds it: no lock is taken,
    /// nothing is migrated, and SQLite refuses every method that would write.
    pub async fn open_to_read(path: impl AsRef<Path>) -> Result<Self, StoreError> {
        let reading = reading(path.as_ref());
        let mut conn = reading.connect().await?;
        migrate::same_edition(&mut conn).await?;
        let words = words::load(&mut conn).await?;
        let readers =
            SqlitePoolOptions::new().max_connections(READERS_MAX).connect_lazy_with(reading);
        Ok(Self::share(conn, readers, words, Numbers::default(), None))
    }

    fn share(
        conn: SqliteConnection,
        readers: SqlitePool,
        words: Words,
        numbers: Numbers,
        held: Option<(Log, File)>,
    ) -> Self {
        let (log, lock) = held.unzip();
        let shared = Shared {
            writer: Mutex::new(conn),
            readers,
            words,
            numbers,
            open: AtomicBool::new(false),
            epochs: RwLock::default(),
            reasons: RwLock::default(),
            log,
            lock,
        };
        Self { shared: Arc::new(shared) }
    }

    /// Opens a file for these identities: refused if it holds identities and none of them is
    /// among these (another node's file).
    pub async fn open_for(
        path: impl AsRef<Path>,
        identities: &[NodeCode],
    ) -> Result<Self, StoreError> {
        let path = path.as_ref();
        let store = Self::open(path).await?;
        let held = store.identities().await?;
        if !held.is_empty() && !held.iter().any(|code| identities.contains(code)) {
            let held: Vec<_> = held.iter().map(NodeCode::as_str).collect();
            return Err(StoreError::Refused(format!(
                "`{}` belongs to {}; name another file or configure that identity",
                path.display(),
                held.join(", ")
            )));
        }
        Ok(store)
    }

    /// The writing connection as it is.
    #[cfg(test)]
    pub(super) async fn writer_for_tests(&self) -> tokio::sync::MutexGuard<'_, SqliteConnection> {
        self.shared.writer.lock().await
    }

    /// The identities whose facts are in the file.
    pub async fn identities(&self) -> Result<Vec<NodeCode>, StoreError> {
        let mut writer = self.shared.writer.lock().await;
        let rows = q(sql::IDENTITIES).fetch_all(&mut *writer).await?;
        rows.iter().map(|row| Ok(NodeCode(row.text(0)?.into()))).collect()
    }

    /// The handle of one identity, which is added if the file has not seen it yet.
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
        let mut writer = self.shared.writer.lock().await;
        if self.shared.lock.is_some() {
            let statement = q(sql::IDENTITY_ADD).bind(code.as_str()).bind(i64::from(epoch));
            statement.execute(&mut *writer).await?;
        }
        let row = q(sql::IDENTITY).bind(code.as_str()).fetch_optional(&mut *writer).await?;
        let row = row.ok_or_else(|| {
            StoreError::Refused(format!("the file holds no identity `{code}`; start its node once"))
        })?;
        let mut epochs = self.shared.epochs.write().unwrap_or_else(PoisonError::into_inner);
        epochs.insert(row.int(0)?, row.int(2)?);
        drop(epochs);
        let shared = Arc::clone(&self.shared);
        Ok(Arc::new(Handle::new(shared, row.int(0)?, code.clone(), row.int(1)?)))
    }
}

/// The write-ahead log as the barrier sees it.
pub(super) struct Log {
    file: Arc<File>,
    committed: AtomicU64,
    synced: Mutex<u64>,
}

impl Log {
    /// The log of an open store: SQLite keeps the same file while a connection is open.
    fn open(path: &Path) -> Result<Self, StoreError> {
        let name = beside(path, "-wal");
        let file = File::open(&name).map_err(|e| unusable(&name, &e))?;
        Ok(Self { file: Arc::new(file), committed: AtomicU64::new(1), synced: Mutex::new(0) })
    }

    /// Something was committed.
    pub(super) fn committed(&self) {
        self.committed.fetch_add(1, Ordering::SeqCst);
    }

    /// Waits until everything committed so far is on the disk. Those who wait together share one
    /// write.
    pub(super) async fn barrier(&self) -> Result<(), StoreError> {
        let want = self.committed.load(Ordering::SeqCst);
        let mut synced = self.synced.lock().await;
        if *synced >= want {
            return Ok(());
        }
        let now = self.committed.load(Ordering::SeqCst);
        let file = Arc::clone(&self.file);
        let done = tokio::task::spawn_blocking(move || file.sync_data()).await;
        let failed = |e: String| StoreError::Unavailable(format!("the disk did not sync: {e}"));
        done.map_err(|e| failed(e.to_string()))?.map_err(|e| failed(e.to_string()))?;
        *synced = now;
        Ok(())
    }
}

fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(ending);
    PathBuf::from(name)
}

fn unusable(name: &Path, error: &std::io::Error) -> StoreError {
    StoreError::Unavailable(format!("{}: {error}", name.display()))
}

/// How a connection that only reads is opened.
pub(super) fn reading(path: &Path) -> SqliteConnectOptions {
    let options = SqliteConnectOptions::new().filename(path).read_only(true);
    options.pragma("cache_size", READER_CACHE)
}

/// The lock file beside the store. It is separate because SQLite's own locks are let go between
/// transactions.
fn lock(path: &Path) -> Result<File, StoreError> {
    let name = beside(path, ".lock");
    let file = File::options().create(true).truncate(false).write(true).open(&name);
    let file = file.map_err(|e| unusable(&name, &e))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(StoreError::Refused(format!(
            "`{}` is in use by another process (it holds `{}`); stop that one first",
            path.display(),
            name.display()
        ))),
        Err(TryLockError::Error(e)) => Err(unusable(&name, &e)),
    }
}

async fn numbers(writer: &mut SqliteConnection) -> Result<Numbers, StoreError> {
    let row = q(sql::NUMBERS).fetch_one(writer).await?;
    let at = |i: usize| row.int(i).map(AtomicI64::new);
    Ok(Numbers { blob: at(0)?, chunk: at(1)?, range: at(2)?, envelope: at(3)?, received: at(4)? })
}
