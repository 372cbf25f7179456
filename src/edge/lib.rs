//! Where records enter (sources) and leave (sinks).
//!
//! A source gives pages of rows after a cursor and changes nothing until the page is committed. What
//! was read is decided by the cursor the caller keeps, never by this crate's memory.

#[cfg(feature = "sql")]
pub mod db;
mod error;
#[cfg(feature = "sqlite")]
pub mod exchange_table;
#[cfg(feature = "exec")]
pub mod exec;
pub mod file_drop;
mod files_sink;
#[cfg(feature = "http")]
pub mod http;
#[cfg(feature = "http")]
pub mod http_pull;
#[cfg(feature = "sqlite")]
pub mod legacy_db;
#[cfg(feature = "http")]
pub mod legacy_http;
#[cfg(feature = "http")]
pub mod listen;
mod os;
pub mod outlet;
mod page;
#[cfg(any(feature = "sql", feature = "http", feature = "exec"))]
mod passes;
#[cfg(feature = "http")]
pub mod push;
#[cfg(any(feature = "http", feature = "exec"))]
mod rest;
#[cfg(any(feature = "sql", feature = "http", feature = "exec"))]
mod seen;
mod shelf;
mod sink;
mod source;
#[cfg(feature = "sql")]
pub mod sql;
#[cfg(feature = "sql")]
pub mod tables;
#[cfg(feature = "http")]
pub mod webhook;

pub use error::{Disposition, SinkError, SourceError};
pub use files_sink::FilesSink;
pub use page::{Ahead, BrokenRow, Page, Pass, SourceRow};
#[cfg(any(feature = "sql", feature = "http", feature = "exec"))]
pub use seen::Seen;
pub use shelf::{Shelf, ShelfError};
pub use sink::{KeptRecord, POSITIONS, SetAside, Sink};
pub use source::{
    Awaited, BoxFuture, Fact, Fate, Nothing, RecordFate, Source, TableCount, What, WriteBack,
};
