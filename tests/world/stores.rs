//! Where the nodes of a story keep their facts: every story runs over each of these.

use std::collections::{BTreeMap, BTreeSet};
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

/// A boxed future of nothing.
pub type Taking<'a> = Pin<Box<dyn Future<Output = ()> + Send + 'a>>;

/// A sort of store.
pub trait Stores: Send + Sync {
    /// The facts of one identity in the file of this name. The same file may hold several.
    fn open<'a>(&'a self, file: &'a str, node: &'a NodeCode) -> Opening<'a>;

    /// Takes an image of a file, while its node is at work.
    fn image<'a>(&'a self, file: &'a str, image: &'a str) -> Taking<'a>;

    /// Another file in its place: from an image, or from nothing.
    fn replace<'a>(&'a self, file: &'a str, image: Option<&'a str>) -> Taking<'a>;
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

    fn image<'a>(&'a self, file: &'a str, image: &'a str) -> Taking<'a> {
        let mut worlds = self.worlds.lock().expect("no test panics while it opens a store");
        let copy = worlds[file].fork();
        worlds.insert(format!("image {image}"), copy);
        Box::pin(std::future::ready(()))
    }

    fn replace<'a>(&'a self, file: &'a str, image: Option<&'a str>) -> Taking<'a> {
        let mut worlds = self.worlds.lock().expect("no test panics while it opens a store");
        let new = image.map_or_else(MemoryWorld::new, |i| worlds[&format!("image {i}")].fork());
        worlds.insert(file.to_owned(), new);
        Box::pin(std::future::ready(()))
    }
}

/// A SQLite file each, in a folder of its own.
pub struct Sqlite {
    folder: PathBuf,
    _made: Option<TempDir>,
    open: Mutex<BTreeMap<String, SqliteStore>>,
    replaced: Mutex<BTreeMap<String, u32>>,
}

impl Default for Sqlite {
    fn default() -> Self {
        // Stories wait for the disk thousands of times, and no story is about a power cut.
        let memory = Path::new("/dev/shm");
        let folder =
            if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() };
        let made = folder.expect("a folder");
        let folder = made.path().to_owned();
        Self { folder, _made: Some(made), open: Mutex::default(), replaced: Mutex::default() }
    }
}

impl Sqlite {
    /// In a folder that outlives it.
    pub fn at(folder: &Path) -> Self {
        let folder = folder.to_owned();
        Self { folder, _made: None, open: Mutex::default(), replaced: Mutex::default() }
    }

    fn path(&self, name: &str) -> PathBuf {
        let nth = self.replaced.lock().expect("held for no panic").get(name).copied();
        let nth = nth.map_or_else(String::new, |n| format!(".{n}"));
        self.folder.join(format!("{name}{nth}.sqlite"))
    }

    async fn file(&self, name: &str) -> SqliteStore {
        let known = self.open.lock().expect("held for no panic").get(name).cloned();
        if let Some(store) = known {
            return store;
        }
        let path = self.path(name);
        let store = SqliteStore::open(&path).await.expect("a new store");
        self.open.lock().expect("held for no panic").insert(name.to_owned(), store.clone());
        store
    }
}

impl Stores for Sqlite {
    fn open<'a>(&'a self, file: &'a str, node: &'a NodeCode) -> Opening<'a> {
        Box::pin(async move { self.file(file).await.identity(node).await.expect("an identity") })
    }

    fn image<'a>(&'a self, file: &'a str, image: &'a str) -> Taking<'a> {
        Box::pin(async move {
            let to = self.folder.join(format!("{image}.image"));
            let held = SqliteStore::image(&self.path(file), &to).await.expect("an image");
            assert!(!held.is_empty());
        })
    }

    fn replace<'a>(&'a self, file: &'a str, image: Option<&'a str>) -> Taking<'a> {
        Box::pin(async move {
            self.open.lock().expect("held for no panic").remove(file);
            *self
                .replaced
                .lock()
                .expect("held for no panic")
                .entry(file.to_owned())
                .or_default() += 1;
            if let Some(image) = image {
                let from = self.folder.join(format!("{image}.image"));
                std::fs::copy(from, self.path(file)).expect("an image");
            }
        })
    }
}

/// A schema each on the shared server, dropped at the end.
pub struct Postgres {
    names: String,
    open: Mutex<BTreeMap<String, PostgresStore>>,
    /// How often each was replaced.
    replaced: Mutex<BTreeMap<String, u32>>,
    /// Images, as a backup holds them.
    images: TempDir,
    /// Schemas that there may be.
    made: Mutex<BTreeSet<String>>,
}

impl Default for Postgres {
    fn default() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let since = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970");
        let nth = NEXT.fetch_add(1, Ordering::Relaxed);
        let names = format!("w{}_{}_{nth}", since.as_millis(), std::process::id());
        let images = tempfile::tempdir().expect("a folder");
        let (open, replaced, made) = Default::default();
        Self { names, open, replaced, images, made }
    }
}

impl Postgres {
    /// Where a file's facts are.
    pub fn settings(&self, file: &str) -> Settings {
        let nth = self.replaced.lock().expect("held for no panic").get(file).copied();
        let nth = nth.map_or_else(String::new, |n| format!("_{n}"));
        let schema = format!("{}_{}{nth}", self.names, file.replace('-', "_"));
        self.made.lock().expect("held for no panic").insert(schema.clone());
        Settings {
            url: services::postgres(),
            password: None,
            schema,
            connections: 3,
            tls: Tls::Disable,
            authority: None,
        }
    }

    async fn schema(&self, file: &str) -> PostgresStore {
        let known = self.open.lock().expect("held for no panic").get(file).cloned();
        if let Some(store) = known {
            return store;
        }
        let store = PostgresStore::open(&self.settings(file)).await.expect("a schema");
        self.open.lock().expect("held for no panic").insert(file.to_owned(), store.clone());
        store
    }
}

impl Stores for Postgres {
    fn open<'a>(&'a self, file: &'a str, node: &'a NodeCode) -> Opening<'a> {
        Box::pin(async move { self.schema(file).await.identity(node).await.expect("an identity") })
    }

    fn image<'a>(&'a self, file: &'a str, image: &'a str) -> Taking<'a> {
        Box::pin(async move {
            let to = self.images.path().join(image);
            let held = store::postgres::image(&self.settings(file), &to).await.expect("an image");
            assert!(!held.is_empty());
        })
    }

    fn replace<'a>(&'a self, file: &'a str, image: Option<&'a str>) -> Taking<'a> {
        Box::pin(async move {
            self.open.lock().expect("held for no panic").remove(file);
            let times = || self.replaced.lock().expect("held for no panic");
            *times().entry(file.to_owned()).or_default() += 1;
            if let Some(image) = image {
                // A file that was moved is marked: what is put in place is a copy.
                let part = tempfile::tempdir().expect("a folder");
                let part = part.path().join(image);
                std::fs::copy(self.images.path().join(image), &part).expect("an image");
                let to = self.settings(file);
                store::postgres::move_from_sqlite(&part, &to).await.expect("a new schema");
            }
        })
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        let Ok(made) = self.made.lock() else { return };
        drop_schemas(made.iter().cloned().collect());
    }
}

/// Drops schemas, from inside or outside any runtime.
pub fn drop_schemas(schemas: Vec<String>) {
    let dropped = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        runtime.expect("a runtime").block_on(async {
            let mut conn = PgConnection::connect(&services::postgres()).await.expect("the server");
            for schema in schemas {
                let text = format!("DROP SCHEMA IF EXISTS {schema} CASCADE");
                conn.execute(sqlx::raw_sql(AssertSqlSafe(text))).await.expect("a schema");
            }
        });
    });
    dropped.join().expect("the schemas go");
}
