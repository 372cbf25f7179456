//! Where the nodes of a story keep their facts: every story runs over each of these.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::Mutex;

use canon::NodeCode;
use store::{MemoryWorld, SharedStore};

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
