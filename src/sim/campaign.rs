//! Many seeds, side by side: each runs alone, and what they counted is joined.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Mutex, PoisonError};

use crate::fault::{Fault, Happened};
use crate::scenario::Scenario;
use crate::world::{Outcome, run};

/// What became of many courses of events.
#[derive(Clone, Debug, Default)]
pub struct Summary {
    /// Runs.
    pub runs: u64,
    /// Records envelopes that were settled.
    pub lives: u64,
    /// Faults that happened.
    pub happened: Happened,
    /// Parcels set aside, by code.
    pub refused: BTreeMap<String, u64>,
    /// Runs in which something broke.
    pub broken: Vec<Outcome>,
}

impl Summary {
    /// One run more.
    pub fn add(&mut self, outcome: Outcome) {
        self.runs += 1;
        self.lives += outcome.lives;
        self.happened.join(&outcome.happened);
        for (code, count) in &outcome.refused {
            *self.refused.entry(code.clone()).or_default() += count;
        }
        if outcome.broken.is_some() {
            self.broken.push(outcome);
        }
    }

    /// Faults of the menu that never happened: their drill was none.
    pub fn never(&self) -> Vec<Fault> {
        let counts = self.happened.counts();
        let missing = |f: &Fault| !counts.contains_key(f.word());
        Fault::ALL.into_iter().filter(missing).collect()
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{} runs, {} envelopes settled", self.runs, self.lives)?;
        let counts = self.happened.counts();
        for fault in Fault::ALL {
            let count = counts.get(fault.word()).copied().unwrap_or(0);
            let kinds: Vec<String> = counts
                .iter()
                .filter_map(|(name, n)| Some((name.strip_prefix(&format!("{fault} "))?, n)))
                .map(|(kind, n)| format!("{kind} {n}"))
                .collect();
            writeln!(f, "  {:18} {count:8}  {}", fault.word(), kinds.join(", "))?;
        }
        for (code, count) in &self.refused {
            writeln!(f, "  set aside: {code} {count}")?;
        }
        Ok(())
    }
}

/// Runs scenarios on so many threads until there are none left, or something broke.
pub fn many(scenarios: impl Iterator<Item = Scenario> + Send, threads: usize) -> Summary {
    run_all(scenarios, threads, false)
}

/// The same, to the end whatever breaks.
pub fn all(scenarios: impl Iterator<Item = Scenario> + Send, threads: usize) -> Summary {
    run_all(scenarios, threads, true)
}

fn run_all(
    scenarios: impl Iterator<Item = Scenario> + Send,
    threads: usize,
    to_the_end: bool,
) -> Summary {
    let line = Mutex::new(scenarios);
    let summary = Mutex::new(Summary::default());
    let work = || {
        loop {
            let next = line.lock().unwrap_or_else(PoisonError::into_inner).next();
            let Some(scenario) = next else { return };
            let outcome = run(&scenario);
            let broken = outcome.broken.is_some();
            summary.lock().unwrap_or_else(PoisonError::into_inner).add(outcome);
            if broken && !to_the_end {
                // The others end what they are at.
                let mut rest = line.lock().unwrap_or_else(PoisonError::into_inner);
                while rest.next().is_some() {}
            }
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..threads.max(1) {
            scope.spawn(work);
        }
    });
    summary.into_inner().unwrap_or_else(PoisonError::into_inner)
}
