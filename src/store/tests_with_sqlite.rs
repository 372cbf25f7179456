//! The contract suite over the SQLite back end. A crate of its own, so that the suite's files
//! belong to one mount each; what they call `crate` is the store.

use store::*;

#[cfg(test)]
#[path = "contract/mod.rs"]
mod contract;

/// What the suite needs of a back end.
#[cfg(test)]
mod provider {
    use std::sync::Arc;

    use canon::NodeCode;
    use tempfile::TempDir;

    use crate::{SharedStore, SqliteStore};

    /// One file that may hold several identities.
    pub(super) struct Bench {
        store: SqliteStore,
        folder: Arc<TempDir>,
    }

    async fn bench(folder: Arc<TempDir>) -> Bench {
        let store = SqliteStore::open(folder.path().join("store.db")).await.unwrap();
        Bench { store, folder }
    }

    impl Bench {
        /// The handle of an identity.
        pub(super) async fn open(&self, node: &NodeCode) -> SharedStore {
            self.store.identity(node).await.unwrap()
        }

        /// The same store as another connection has it.
        pub(super) async fn beside(&self) -> Self {
            Self { store: self.store.clone(), folder: Arc::clone(&self.folder) }
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
            test(bench(Arc::new(tempfile::tempdir().unwrap())).await).await;
        });
    }
}

#[cfg(test)]
mod looking {
    use canon::{Millis, NodeCode};

    use crate::{AuditEvent, SqliteStore};

    #[tokio::test]
    async fn a_file_is_looked_at_beside_its_holder_and_never_written() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("store.db");
        let code = NodeCode::new("county").unwrap();
        assert!(SqliteStore::open_to_read(&path).await.is_err(), "no file is made");
        assert!(!path.exists());
        let holder = SqliteStore::open(&path).await.unwrap();
        let writes = holder.identity(&code).await.unwrap();
        let event = AuditEvent {
            at: Millis(1),
            who: "op1".into(),
            action: "test".into(),
            subject: String::new(),
            reason: String::new(),
            ok: true,
        };
        for round in 0..2 {
            let look = SqliteStore::open_to_read(&path).await.unwrap();
            let looks = look.identity(&code).await.unwrap();
            assert_eq!(looks.audit_after(0, 10).await.unwrap().len(), round);
            assert_eq!(looks.status().await.unwrap().kept, 0);
            assert!(looks.audit(event.clone()).await.is_err(), "only the holder writes");
            assert!(look.identity(&NodeCode::new("other").unwrap()).await.is_err());
            writes.audit(event.clone()).await.unwrap();
        }
        drop((holder, writes));
        let look = SqliteStore::open_to_read(&path).await.unwrap();
        let looks = look.identity(&code).await.unwrap();
        assert_eq!(looks.audit_after(0, 10).await.unwrap().len(), 2, "without a holder too");
    }
}
