//! A whole province in memory under one seed: many nodes, a carrier that loses and doubles, stores
//! that fail between any two facts, clocks that jump, people who act at the wrong moment; and
//! checkers that look on after every step.
//!
//! The same seed gives the same course of events. What breaks an invariant is made small and said
//! with the command that repeats it.

pub mod campaign;
pub mod chance;
pub mod exhaustive;
pub mod fault;
pub mod feed;
pub mod invariant;
pub mod keys;
pub mod ledger;
pub mod port;
pub mod scenario;
pub mod shrink;
pub mod sink;
pub mod weather;
pub mod world;

pub use fault::Fault;
pub use invariant::{Broken, Invariant};
pub use scenario::Scenario;
pub use store::guarded;
pub use world::{Outcome, run, run_told};
