//! What the benchmark's nodes stand on: their store and their carrier.

use std::path::Path;
use std::sync::Arc;

use bus::{Bus, LocalBus};
use canon::NodeCode;
use store::{SharedStore, SqliteStore};

use crate::assemble::store_failure;
use crate::text::Failure;

/// Where facts and parcels lie.
#[derive(Clone, Debug, Default)]
pub(crate) struct Ground {}

/// The carrier of a chain, and the handle by which a node is cut off it.
pub(crate) struct Carrier {
    /// One carrier for each node.
    pub(crate) of: Vec<Arc<dyn Bus>>,
    local: Option<Arc<LocalBus>>,
}

impl Carrier {
    /// Cuts a node off, or joins it again.
    pub(crate) fn cut(&self, node: &NodeCode, off: bool) {
        if let Some(local) = &self.local {
            local.cut(node, off);
        }
    }
}

impl Ground {
    /// What the tables say it is.
    pub(crate) fn name(&self) -> &'static str {
        "SQLite, local carrier"
    }

    /// The store of a node.
    pub(crate) async fn store(
        &self,
        folder: &Path,
        code: &NodeCode,
    ) -> Result<SharedStore, Failure> {
        let path = folder.join(format!("{code}.db"));
        let store = SqliteStore::open(&path).await.map_err(store_failure)?;
        store.identity(code).await.map_err(store_failure)
    }

    /// The carrier of a chain of nodes.
    pub(crate) fn carrier(&self, codes: &[NodeCode]) -> Carrier {
        let local = Arc::new(LocalBus::new(codes.iter().cloned()));
        let of = codes.iter().map(|_| Arc::clone(&local) as Arc<dyn Bus>).collect();
        Carrier { of, local: Some(local) }
    }
}
