//! Every place where a process can die: one envelope between two nodes, and a death before and after
//! each single call to a store or the carrier.

use std::sync::PoisonError;

use crate::guarded::When;
use crate::port::Strike;
use crate::scenario::Scenario;
use crate::world::{Outcome, World};

/// One application of one township to its province, with nothing else going wrong.
pub fn scenario(seed: u64) -> Scenario {
    Scenario::calm(seed, vec![1, 1], 1)
}

/// Calls that the whole life of that envelope takes.
pub fn calls(seed: u64) -> u64 {
    World::new(&scenario(seed)).run().calls
}

/// The same life with a death at the call of this number.
pub fn dies_at(seed: u64, call: u64, when: When) -> Outcome {
    let world = World::new(&scenario(seed));
    let mut calls = world.calls().lock().unwrap_or_else(PoisonError::into_inner);
    calls.strike_at = Some((call, Strike { when, dies: true }));
    drop(calls);
    world.run()
}

/// All of these deaths; what broke.
pub fn all(seed: u64, deaths: &[(u64, When)]) -> Vec<(u64, When, Outcome)> {
    let outcomes = deaths.iter().map(|(call, when)| (*call, *when, dies_at(seed, *call, *when)));
    outcomes.filter(|(_, _, outcome)| outcome.broken.is_some()).collect()
}
