//! The world: machines, one carrier, one clock, and the storm over them.

mod act;
mod build;
mod calm;
mod check;
mod day;
mod insider;
mod orders;
mod storm;
mod truth;
mod turn;
mod twin;

pub use day::{Carried, Figures, PROVINCE, run_day};

use std::collections::{BTreeMap, VecDeque};
use std::hash::{DefaultHasher, Hasher as _};
use std::sync::Arc;

use bus::SimBus;
use canon::{Digest, Millis, NodeCode};
use envelope::Trust;
use exchange::{Limits, Link, Node, Worker};
use store::{MemoryStore, SharedStore};

use crate::chance::Chance;
use crate::fault::{Fault, Happened};
use crate::feed::SharedLog;
use crate::invariant::{Broken, Invariant};
use crate::ledger::{self, Book, Ledger, SharedLedger};
use crate::port::{Port, SharedCalls};
use crate::scenario::Scenario;
use crate::sink::{SharedShelf, Shelf};
use crate::weather::{self, SharedSky, Storm};

/// When every world begins.
pub const BEGINS: &str = "2026-11-21 09:30:00";

/// One process of a machine.
struct Instance {
    port: Arc<Port>,
    node: Arc<Node>,
    /// Each is away while it takes its turn.
    workers: Vec<Option<Box<dyn Worker>>>,
    /// It stands still in the middle of a turn.
    stalled: bool,
    /// Dead until then.
    back_at: Option<Millis>,
}

/// A backup of a machine.
struct Image {
    store: MemoryStore,
    book: Book,
    shelf: Option<Shelf>,
    at: Millis,
}

/// A node: what outlives its processes, and these.
struct Machine {
    code: NodeCode,
    links: Vec<Link>,
    memory: MemoryStore,
    store: SharedStore,
    instances: Vec<Instance>,
    /// What its clock is ahead of the world's.
    skew: i64,
    /// Its source, if it has one.
    log: Option<SharedLog>,
    /// Its sink, if it has one.
    shelf: Option<SharedShelf>,
    /// Which of its keys it signs with.
    generation: u32,
    /// Which edition it reports in.
    edition: usize,
    image: Option<Image>,
    /// It came back from a backup.
    restored: bool,
    /// Processes it had.
    started: u32,
    /// The last audit event that was looked at, and the chain there.
    audited: (i64, Option<Digest>),
    /// What people did here: actions and subjects.
    acts: Vec<(String, String)>,
}

/// A worker of an instance of a machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct At {
    machine: usize,
    instance: usize,
    worker: usize,
}

/// The world under way.
pub struct World {
    scenario: Scenario,
    machines: Vec<Machine>,
    /// Whose parent is which.
    parents: Vec<Option<usize>>,
    bus: Arc<SimBus>,
    sky: SharedSky,
    ledger: SharedLedger,
    calls: SharedCalls,
    happened: Happened,
    trust: Arc<Trust>,
    limits: Limits,
    chances: BTreeMap<&'static str, Chance>,
    now: Millis,
    /// Workers with something to do, as far as anybody knows.
    hot: VecDeque<At>,
    trace: DefaultHasher,
    /// Turns in a row in which nothing was done.
    idle: u32,
    lines_left: u64,
    next_case: u64,
    words: u64,
    /// Midnights that came in the storm.
    nights: u32,
    /// Parcels that insiders have made.
    lies: u64,
    /// A machine with another one's key.
    twin: Option<twin::Twin>,
    /// There was one.
    cloned: bool,
    /// Faults that end at a time of their own.
    passing: Vec<(Millis, Passing)>,
}

/// A fault that ends by itself.
#[derive(Clone, Debug)]
enum Passing {
    Partition(NodeCode),
    Blocked,
    Paused(usize, Arc<str>),
}

/// What became of a course of events.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// What ran.
    pub scenario: Scenario,
    /// The first invariant that did not hold.
    pub broken: Option<Broken>,
    /// The same for the same course of events.
    pub trace: u64,
    /// Records envelopes that were settled.
    pub lives: u64,
    /// Faults that happened.
    pub happened: Happened,
    /// Parcels set aside, by code.
    pub refused: BTreeMap<String, u64>,
    /// Every fact in a line, if they were wanted.
    pub diary: Vec<String>,
    /// Calls of all ports.
    pub calls: u64,
    /// The call that was struck, in the mode that tries each.
    pub struck: Option<&'static str>,
}

/// Runs a course of events to its end.
pub fn run(scenario: &Scenario) -> Outcome {
    World::new(scenario).run()
}

/// The same, with a line for every fact.
pub fn run_told(scenario: &Scenario) -> Outcome {
    let world = World::new(scenario);
    ledger::look(&world.ledger).diary = Some(Vec::new());
    world.run()
}

impl World {
    /// Everything to its end: the storm, the calm after it, the books.
    pub fn run(mut self) -> Outcome {
        self.storm();
        if self.broken().is_none() {
            self.calm();
        }
        self.outcome()
    }

    fn outcome(self) -> Outcome {
        let ledger = ledger::look(&self.ledger);
        let calls = self.calls.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        Outcome {
            scenario: self.scenario.clone(),
            broken: ledger.broken.clone(),
            trace: self.trace.finish(),
            lives: ledger.lives,
            happened: self.happened.clone(),
            refused: ledger.refused.clone(),
            diary: ledger.diary.clone().unwrap_or_default(),
            calls: calls.made,
            struck: calls.struck,
        }
    }

    /// Calls of all ports.
    pub fn calls(&self) -> &SharedCalls {
        &self.calls
    }

    fn broken(&self) -> Option<Broken> {
        ledger::look(&self.ledger).broken.clone()
    }

    fn breaks(&self, invariant: Invariant, machine: usize, what: impl Into<String>) {
        let code = &self.machines[machine].code;
        ledger::look(&self.ledger).breaks(invariant, code, what);
    }

    fn has(&self, fault: Fault) -> bool {
        self.scenario.faults.contains(&fault)
    }

    /// A stream of chance.
    fn chance(&mut self, stream: &'static str) -> &mut Chance {
        let seed = self.scenario.seed;
        self.chances.entry(stream).or_insert_with(|| Chance::of(seed, stream))
    }

    /// A machine's own time.
    fn clock(&self, machine: usize) -> Millis {
        self.now.plus(self.machines[machine].skew)
    }

    fn passes(&mut self, ms: i64) {
        self.now = self.now.plus(ms);
        self.bus.at(self.now);
        ledger::look(&self.ledger).now = self.now;
    }

    /// A line of the diary.
    fn tell(&self, machine: usize, what: &str) {
        let code = &self.machines[machine].code;
        ledger::look(&self.ledger).tell(code, Some(what.to_owned()));
    }

    fn note(&mut self, what: impl std::hash::Hash) {
        what.hash(&mut self.trace);
    }

    fn sky(&self) -> std::sync::MutexGuard<'_, weather::Sky> {
        weather::look(&self.sky)
    }

    fn ledger_of(limits: &Limits) -> SharedLedger {
        Arc::new(std::sync::Mutex::new(Ledger::new(limits.clone())))
    }

    fn storm_weather(&self) -> Box<Storm> {
        Box::new(Storm::new(self.scenario.seed, &self.sky, &self.happened))
    }
}
