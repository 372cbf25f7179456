//! What every back end must hold to, written against the trait alone.
//!
//! Mounted once a back end; each mount brings a `provider` with a `Bench` (one store, several
//! identities, reopened after close) and a `run` that drives a test on an empty one.

use super::provider;

mod office;

mod accepting;
mod accounting;
mod archiving;
mod collecting;
mod concurrent;
mod conservation;
mod destinations;
mod dispatching;
mod fairness;
mod figures;
mod identities;
mod leases;
mod narrowing;
mod outlets;
mod pages;
mod people;
mod plain_text;
mod receiving;
mod reconciling;
mod relaying;
mod restoring;
mod sealing;
mod settling;
mod sharing;
mod waiting;
mod write_backs;
