//! The node: ten workers over one store and one carrier, and the words they share.
//!
//! Read the workers in the order of the way of a record: [`collect`], [`seal`], [`dispatch`],
//! [`receive`], [`accept`], [`relay`], [`deliver`], [`settle`], [`reconcile`], [`sweep`]. Each
//! reads from the store, does one thing, writes to the store in one transaction and says how much
//! it did. Nothing is handed from worker to worker in memory, so a crash anywhere loses nothing.

pub mod accept;
pub mod adapter;
mod adopt;
pub mod ahead;
pub mod archive;
pub mod authority;
pub mod backfill;
mod case;
mod claims;
mod clones;
pub mod code_tables;
pub mod collect;
pub mod config;
pub mod control;
mod correspond;
pub mod counted;
pub mod cure;
pub mod deliver;
pub mod dispatch;
mod entitled;
pub mod errands;
pub mod error;
mod exceptions;
pub mod fair;
pub mod forward;
pub mod gate;
pub mod guard;
mod heed;
mod held;
pub mod judge;
pub mod lists;
pub mod node;
mod noted;
pub mod outlet;
pub mod pace;
pub mod passages;
pub mod plainly;
mod recall;
pub mod receive;
pub mod reconcile;
pub mod relay;
pub mod rested;
pub mod restore;
pub mod resubmit;
pub mod retry;
pub mod returned;
pub mod seal;
pub mod settle;
mod shape;
pub mod share;
pub mod shelf;
pub mod sink_state;
pub mod standing;
pub mod sweep;
mod units;
mod vanished;
pub mod work;
mod write_back;

pub use config::Limits;
pub use correspond::MAINTENANCE;
pub use error::WorkError;
pub use fair::Fairness;
pub use lists::Lists;
pub use node::{Link, Node, Signers, Way};
pub use share::Leases;
pub use work::{Arrival, Progress, WorkFuture, Worker, workers};
