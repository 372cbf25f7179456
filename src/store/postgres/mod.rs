//! The PostgreSQL back end: one schema, several identities, several processes.
//!
//! Stored as in SQLite: bytes once, chunks whose *ranges* envelopes take, one small row a record,
//! exceptions on the row, sums moved by the facts that move records. What differs is that nothing in
//! memory is the truth, because other processes write the same schema:
//!
//! * A fact of several statements is a transaction `SERIALIZABLE` that first takes its identity's
//!   *turn* (a lock on an empty table, taken before the snapshot): facts of one identity follow
//!   each other, whoever runs them, and do not fail each other. What fails all the same is run
//!   again ([`handle::Handle::again`]).
//! * Words are remembered once they are stored for good; a word that is not known is looked up.
//! * Numbers come from sequences: from blocks where only uniqueness counts, inside the turn where
//!   the order counts.

/// A fact, with what is given to it kept for another run.
macro_rules! fact {
    ($handle:ident, $call:expr) => {
        Box::pin(async move { $handle.again(|| $call).await })
    };
    ($handle:ident, $given:ident => $call:expr) => {
        Box::pin(async move {
            let $given = $given.plain();
            $handle.again(|| $call).await
        })
    };
}

mod accept;
mod account;
mod adopt;
mod archive;
mod attempts;
mod collect;
mod conn;
mod dispatch;
mod figures;
mod floor;
mod handle;
#[cfg(feature = "sqlite")]
mod image;
mod inbox;
mod lease;
mod migrate;
mod moves;
#[cfg(feature = "sqlite")]
mod moving;
#[cfg(feature = "sqlite")]
mod moving_tables;
mod number;
mod open;
mod outlet;
mod pages;
mod people;
mod pool;
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

use crate::packed::{codec, columns};

pub use floor::{Floor, drop_schema};
#[cfg(feature = "sqlite")]
pub use image::image;
#[cfg(feature = "sqlite")]
pub use moving::{Moved, move_from_sqlite};
pub use open::{PostgresStore, Settings, Tls};
