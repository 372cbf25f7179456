//! The contract suite over the SQLite back end. A crate of its own, so that the suite's files
//! belong to one mount each; what they call `crate` is the store.

use store::*;

#[cfg(test)]
#[path = "contract/mod.rs"]
mod contract;

/// What the suite needs of a back end.
#[cfg(test)]
mod provider {
    use canon::NodeCode;
    use tempfile::TempDir;

    use crate::{SharedStore, SqliteStore};

    /// One file that may hold several identities.
    pub(super) struct Bench {
        store: SqliteStore,
        folder: TempDir,
    }

    async fn bench(folder: TempDir) -> Bench {
        let store = SqliteStore::open(folder.path().join("store.db")).await.unwrap();
        Bench { store, folder }
    }

    impl Bench {
        /// The handle of an identity.
        pub(super) async fn open(&self, node: &NodeCode) -> SharedStore {
            self.store.identity(node).await.unwrap()
        }

        /// What is there after every handle is gone.
        pub(super) async fn reopen(self) -> Self {
            drop(self.store);
            bench(self.folder).await
        }
    }

    /// Runs a test on an empty store.
    pub(super) fn run(test: impl AsyncFnOnce(Bench)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            test(bench(tempfile::tempdir().unwrap()).await).await;
        });
    }
}
