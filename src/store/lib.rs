//! One node's durable facts, as transactions: `memory`, `sqlite` and `postgres` behind one trait.
//!
//! A method of [`Store`] is one atomic fact. Nothing is held open between two calls, and nothing
//! here knows a carrier, a format or a source. One contract suite runs over every back end.

pub mod api;
pub mod api_account;
pub mod api_archive;
pub mod api_figures;
pub mod api_outlet;
pub mod api_pages;
pub mod api_restore;
pub mod api_window;
pub mod audit;
pub mod error;
pub mod guarded;
pub mod lifecycle;
pub mod memory;
#[cfg(any(feature = "sqlite", feature = "postgres"))]
mod packed;
mod plain;
#[cfg(feature = "postgres")]
pub mod postgres;
#[cfg(feature = "sqlite")]
pub mod sqlite;
mod told;
pub mod types;

pub use api::{SharedStore, Store, StoreFuture};
pub use api_account::AccountFacts;
pub use api_archive::ArchiveFacts;
pub use api_figures::FigureFacts;
pub use api_outlet::OutletFacts;
pub use api_pages::PageFacts;
pub use api_restore::RestoreFacts;
pub use api_window::{LEAVES_HELD_MAX, PREFIXES_MAX, WindowFacts};
pub use audit::{chain, verify_chain};
pub use error::{Disposition, StoreError};
pub use lifecycle::{OutEvent, OutState};
pub use memory::{MemoryStore, MemoryWorld};
#[cfg(feature = "postgres")]
pub use postgres::PostgresStore;
#[cfg(feature = "sqlite")]
pub use sqlite::SqliteStore;
pub use types::*;

#[cfg(test)]
mod tests_with_memory;
