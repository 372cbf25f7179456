//! Makes a failing course of events small: fewer faults, fewer nodes, fewer lines, fewer steps, as
//! long as the same invariant breaks.

use crate::invariant::Invariant;
use crate::scenario::Scenario;
use crate::world::{Outcome, run};

/// Most runs that making small may cost.
const RUNS_MAX: u32 = 120;

/// The smallest course of events found in which the same invariant breaks, and what came of it.
pub fn shrink(failing: &Outcome) -> Outcome {
    let Some(broken) = &failing.broken else { return failing.clone() };
    let mut shrinking =
        Shrinking { invariant: broken.invariant, best: failing.clone(), runs: RUNS_MAX };
    while shrinking.pass() && shrinking.runs > 0 {}
    shrinking.best
}

struct Shrinking {
    invariant: Invariant,
    best: Outcome,
    runs: u32,
}

impl Shrinking {
    /// Tries everything once; whether anything was of use.
    fn pass(&mut self) -> bool {
        let mut smaller = false;
        for fault in self.best.scenario.faults.clone() {
            smaller |= self.attempt(|s| s.faults.remove(&fault));
        }
        smaller |= self.attempt(|s| {
            let deep = s.tiers.len() > 2;
            s.tiers.truncate(s.tiers.len().saturating_sub(1).max(2));
            deep
        });
        for tier in 1..self.best.scenario.tiers.len() {
            smaller |= self.attempt(|s| match s.tiers.get_mut(tier) {
                Some(count) if *count > 1 => {
                    *count -= 1;
                    true
                }
                Some(_) | None => false,
            });
        }
        for by in [2, 4, 8] {
            smaller |= self.attempt(|s| {
                let less = s.lines / by;
                s.lines -= less;
                less > 0
            });
            smaller |= self.attempt(|s| {
                let less = s.steps / by;
                s.steps -= less;
                less > 0
            });
        }
        smaller |= self.attempt(|s| {
            s.lines = s.lines.saturating_sub(1);
            s.lines > 0
        });
        smaller
    }

    fn attempt(&mut self, change: impl FnOnce(&mut Scenario) -> bool) -> bool {
        let mut scenario = self.best.scenario.clone();
        if self.runs == 0 || !change(&mut scenario) {
            return false;
        }
        self.runs -= 1;
        let outcome = run(&scenario);
        let same = outcome.broken.as_ref().is_some_and(|b| b.invariant == self.invariant);
        if same {
            self.best = outcome;
        }
        same
    }
}
