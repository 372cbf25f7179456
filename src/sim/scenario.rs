//! What a seed stands for: how many nodes, which faults, how much work. Everything in it can be made
//! smaller by hand, and the rest of the course of events stays the same.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use crate::chance::Chance;
use crate::fault::Fault;

/// A course of events, before it runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scenario {
    /// The seed.
    pub seed: u64,
    /// Nodes of each tier, the province first: one, then what lies beneath.
    pub tiers: Vec<usize>,
    /// Lines that departments write while the storm lasts.
    pub lines: u64,
    /// Steps of the storm.
    pub steps: u64,
    /// Faults that are on.
    pub faults: BTreeSet<Fault>,
}

impl Scenario {
    /// What the seed says.
    pub fn of(seed: u64) -> Self {
        let mut chance = Chance::of(seed, "scenario");
        let mut tiers = vec![1];
        let deep = match chance.below(10) {
            0..5 => 1,
            5..8 => 2,
            _ => 3,
        };
        for _ in 0..deep {
            let below = tiers.last().copied().unwrap_or(1) + chance.below(2) as usize;
            tiers.push(below.min(2));
        }
        let lines = 8 + chance.below(16);
        let steps = 200 + chance.below(300);
        let mut faults = BTreeSet::new();
        for fault in Fault::ALL.into_iter() {
            // Each has a stream of its own, so that a new fault changes no old seed.
            if Chance::of(seed, &format!("menu/{fault}")).per_mille(300) {
                faults.insert(fault);
            }
        }
        Self { seed, tiers, lines, steps, faults }
    }

    /// Nothing ever goes wrong.
    pub fn calm(seed: u64, tiers: Vec<usize>, lines: u64) -> Self {
        Self { seed, tiers, lines, steps: 200, faults: BTreeSet::new() }
    }

    /// How often a parcel has bad luck, in a thousand, by fault.
    pub fn rates(&self) -> BTreeMap<Fault, u32> {
        let rate = |f: &Fault| {
            let rate = 20 + Chance::of(self.seed, &format!("rate/{f}")).below(150) as u32;
            (*f, rate)
        };
        self.faults.iter().map(rate).collect()
    }

    /// The command that runs exactly this again.
    pub fn replay(&self) -> String {
        let whole = Self::of(self.seed);
        let mut command = format!("cargo run --release -p sim -- --seed {:#x}", self.seed);
        if self.tiers != whole.tiers {
            let tiers: Vec<String> = self.tiers.iter().map(ToString::to_string).collect();
            command += &format!(" --tiers {}", tiers.join(","));
        }
        if self.lines != whole.lines {
            command += &format!(" --lines {}", self.lines);
        }
        if self.steps != whole.steps {
            command += &format!(" --steps {}", self.steps);
        }
        if self.faults != whole.faults {
            let faults: Vec<&str> = self.faults.iter().map(|f| f.word()).collect();
            command += &format!(" --faults {}", faults.join(","));
        }
        command
    }
}

impl fmt::Display for Scenario {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let faults: Vec<&str> = self.faults.iter().map(|f| f.word()).collect();
        let Self { seed, tiers, lines, steps, .. } = self;
        write!(
            f,
            "seed {seed:#x}: nodes {tiers:?}, {lines} lines, {steps} steps, faults: {}",
            faults.join(" ")
        )
    }
}
