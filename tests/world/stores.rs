//! Where the nodes of a story keep their facts: every story runs over each of these.

use std::collections::BTreeMap;
use std::future::Future;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::Mutex;

use canon::NodeCode;
use store::sqlite::SqliteStore;
use store::{MemoryWorld, SharedStore};
use tempfile::TempDir;

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
    folder: TempDir,
    open: Mutex<BTreeMap<String, SqliteStore>>,
    replaced: Mutex<BTreeMap<String, u32>>,
}

impl Default for Sqlite {
    fn default() -> Self {
        // Stories wait for the disk thousands of times, and no story is about a power cut.
        let memory = Path::new("/dev/shm");
        let folder =
            if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() };
        Self {
            folder: folder.expect("a folder"),
            open: Mutex::default(),
            replaced: Mutex::default(),
        }
    }
}

impl Sqlite {
    fn path(&self, name: &str) -> PathBuf {
        let nth = self.replaced.lock().expect("held for no panic").get(name).copied();
        self.folder.path().join(format!("{name}.{}.sqlite", nth.unwrap_or(0)))
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
            let to = self.folder.path().join(format!("{image}.image"));
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
                let from = self.folder.path().join(format!("{image}.image"));
                std::fs::copy(from, self.path(file)).expect("an image");
            }
        })
    }
}
