//! Where the nodes of a story keep their facts: every story runs over each of these.

use std::collections::BTreeMap;
use std::future::Future;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use canon::NodeCode;
use sqlx::{AssertSqlSafe, Connection as _, Executor as _, PgConnection};
use store::postgres::{Settings, Tls};
use store::sqlite::SqliteStore;
use store::{MemoryWorld, PostgresStore, SharedStore};
use tempfile::TempDir;

use super::services;

/// A boxed future.
pub type Opening<'a> = Pin<Box<dyn Future<Output = SharedStore> + Send + 'a>>;

/// A sort of store.
pub trait Stores: Send + Sync {
    /// The facts of one identity in the file of this name. The same file may hold several.
    fn open<'a>(&'a self, file: &'a str, node: &'a NodeCode) -> Opening<'a>;
}

/// Nothing on disk.
#[derive(Default)]
pub struct Memory {
    worlds: Mutex<BTreeMap<String, MemoryWorld>>,
}

impl Stores for Memory {
    fn open<'a>(&'a self, file: &'a str, node: &'a NodeCode) -> Opening<'a> {
        let mut worlds = self.worlds.lock().expect("no test panics while it opens a store");
        let store = worlds.entry(file.to_owned()).or_default().open(node).shared();
        Box::pin(std::future::ready(store))
    }
}

/// A SQLite file each, in a folder of its own.
pub struct Sqlite {
    folder: PathBuf,
    _made: Option<TempDir>,
    open: Mutex<BTreeMap<String, SqliteStore>>,
}

impl Default for Sqlite {
    fn default() -> Self {
        // Stories wait for the disk thousands of times, and no story is about a power cut.
        let memory = Path::new("/dev/shm");
        let folder =
            if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() };
        let made = folder.expect("a folder");
        let folder = made.path().to_owned();
        Self { folder, _made: Some(made), open: Mutex::default() }
    }
}

impl Sqlite {
    /// In a folder that outlives it.
    pub fn at(folder: &Path) -> Self {
        Self { folder: folder.to_owned(), _made: None, open: Mutex::default() }
    }

    async fn file(&self, name: &str) -> SqliteStore {
        let known = self.open.lock().expect("held for no panic").get(name).cloned();
        if let Some(store) = known {
            return store;
        }
        let path = self.folder.join(format!("{name}.sqlite"));
        let store = SqliteStore::open(&path).await.expect("a new store");
        self.open.lock().expect("held for no panic").insert(name.to_owned(), store.clone());
        store
    }
}

impl Stores for Sqlite {
    fn open<'a>(&'a self, file: &'a str, node: &'a NodeCode) -> Opening<'a> {
        Box::pin(async move { self.file(file).await.identity(node).await.expect("an identity") })
    }
}
