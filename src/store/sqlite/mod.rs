//! The SQLite back end: one file, several identities, one writer.
//!
//! Bytes are written once: a page of collected fragments is one blob beside one packed column that
//! names its records; envelopes take *ranges* of it. A record has one small row, and its place
//! follows from its range and that range's envelope; only exceptions are written on the row. So
//! numbering, sending and settling an envelope cost nothing per record.

mod accept;
mod account;
mod adopt;
mod archive;
mod collect;
mod conn;
mod dispatch;
mod fate;
mod figures;
mod floor;
mod handle;
mod image;
mod inbox;
mod migrate;
mod open;
mod outlet;
mod pages;
mod people;
mod problems;
mod reconcile;
mod relay;
mod restore;
mod restore_impl;
mod seal;
mod settle;
mod signing;
mod source_rows;
mod sql;
mod standing;
mod status;
mod sweep;
mod tally;
mod trait_impl;
mod waiting;
mod window;
mod words;
mod write_back;

use crate::packed::codec;

#[cfg(feature = "postgres")]
pub(crate) use fate::{Fate, places};
pub use floor::Floor;
pub use image::Imaged;
pub use open::SqliteStore;

#[cfg(test)]
mod tests;
