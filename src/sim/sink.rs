//! Where a node's kept records leave to: a list in memory, which outlives its node.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use canon::RecordId;
use edge::{BoxFuture, KeptRecord, Sink, SinkError};

/// What a sink holds of the latest version of a record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Held {
    /// Version.
    pub version: u32,
    /// The version withdraws the record.
    pub void: bool,
    /// The exact bytes.
    pub fragment: String,
}

/// The place behind a sink.
#[derive(Clone, Debug, Default)]
pub struct Shelf {
    /// Highest watermark taken.
    pub reached: u64,
    /// Latest version of each record, by type and written key.
    pub held: BTreeMap<(String, String), Held>,
    /// Records taken, each once.
    pub taken: u64,
    /// A record that came a second time under a higher watermark, or behind a later version.
    pub wrong: Option<String>,
}

/// A shelf that a sink of any instance puts things on.
pub type SharedShelf = Arc<Mutex<Shelf>>;

/// Looks at a shelf.
pub fn look(shelf: &SharedShelf) -> MutexGuard<'_, Shelf> {
    shelf.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The sink.
pub struct MemorySink(pub SharedShelf);

impl MemorySink {
    fn take(&self, record: &KeptRecord<'_>) {
        let mut shelf = look(&self.0);
        if record.watermark <= shelf.reached {
            return;
        }
        shelf.reached = record.watermark;
        shelf.taken += 1;
        let RecordId { kind, key, version } = record.id;
        let name = (kind.to_string(), format!("{}/{}", key.root(), key.part()));
        let before = shelf.held.get(&name).map(|held| held.version);
        if before.is_some_and(|b| b >= *version) {
            shelf.wrong = Some(format!("{} after version {before:?}", record.id));
        }
        let fragment = record.fragment.to_owned();
        shelf.held.insert(name, Held { version: *version, void: record.void, fragment });
    }
}

impl Sink for MemorySink {
    fn deliver<'a>(
        &'a mut self,
        batch: &'a [KeptRecord<'a>],
    ) -> BoxFuture<'a, Result<(), SinkError>> {
        batch.iter().for_each(|record| self.take(record));
        Box::pin(std::future::ready(Ok(())))
    }

    fn again<'a>(
        &'a mut self,
        batch: &'a [KeptRecord<'a>],
    ) -> BoxFuture<'a, Result<(), SinkError>> {
        let _ = batch;
        Box::pin(std::future::ready(Ok(())))
    }
}
