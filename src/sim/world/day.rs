//! A working day of a whole province, nothing going wrong: the real topology, few records.

use std::collections::BTreeMap;
use std::sync::Arc;

use canon::NodeCode;
use exchange::Limits;

use super::turn::ready;
use super::{Outcome, World};
use crate::feed::{self, Line};
use crate::ledger;
use crate::scenario::Scenario;

/// A province: 14 cities, 120 counties, 1 900 townships.
pub const PROVINCE: [usize; 4] = [1, 14, 120, 1_900];
/// From one reading of the sources to the next, ms.
const PAUSE: i64 = 3_600_000;

/// Parcels and bytes that went over one link, by kind, from and to.
pub type Carried = BTreeMap<(Arc<str>, NodeCode, NodeCode), (u64, u64)>;

/// What a day came to.
#[derive(Clone, Debug)]
pub struct Figures {
    /// Nodes.
    pub nodes: usize,
    /// Records that departments wrote.
    pub records: u64,
    /// What the carrier had.
    pub carried: Carried,
    /// Most parcels that lay in the province's inbox when a round was over.
    pub deepest: u64,
    /// Routes of senders that the province remembers.
    pub held_routes: usize,
    /// Rounds in which every worker of every node had its turns.
    pub rounds: u64,
    /// What became of it.
    pub outcome: Outcome,
}

/// The day: `readings` times each township writes so many cases, of two records each.
pub fn run_day(scenario: &Scenario, readings: u32, cases: u64) -> Figures {
    let mut world = World::within(scenario, Limits::default());
    ledger::look(&world.ledger).carried = Some(Carried::new());
    let (mut records, mut deepest, mut rounds) = (0, 0, 0);
    for _ in 0..readings {
        records += world.everybody_writes(cases);
        world.passes(PAUSE);
        let mut idle = 0;
        while idle < 2 && world.broken().is_none() {
            idle = if world.round() == 0 { idle + 1 } else { 0 };
            rounds += 1;
            deepest = deepest.max(world.status(0).map_or(0, |s| s.inbox));
            world.passes(250);
        }
    }
    world.calm();
    let held_routes = ready(world.machines[0].store.held_routes()).map_or(0, |r| r.len());
    let carried = ledger::look(&world.ledger).carried.take().unwrap_or_default();
    let nodes = world.machines.len();
    Figures { nodes, records, carried, deepest, held_routes, rounds, outcome: world.outcome() }
}

impl World {
    fn everybody_writes(&mut self, cases: u64) -> u64 {
        let logs: Vec<_> = self.machines.iter().filter_map(|m| m.log.clone()).collect();
        for log in &logs {
            for _ in 0..cases {
                let (case, word) = (self.next_case, self.word());
                self.next_case += 1;
                let parent =
                    Line { kind: "SB", case, word, bad: false, void: false, elsewhere: false };
                let child = Line { kind: "SL", ..parent.clone() };
                feed::look(log).push(parent);
                feed::look(log).push(child);
            }
        }
        logs.len() as u64 * cases * 2
    }
}
