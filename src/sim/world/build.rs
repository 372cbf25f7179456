//! How a world is built, and how a process of a machine starts.

use std::collections::{BTreeMap, VecDeque};
use std::hash::DefaultHasher;
use std::sync::{Arc, Mutex};

use bus::SimBus;
use canon::format::OpenLists;
use canon::{Environment, Lane, Millis, NodeCode};
use envelope::{NoKeys, Signer};
use exchange::authority::Tables;
use exchange::backfill::Backfill;
use exchange::collect::Collect;
use exchange::config::{RelayConfig, Treatment};
use exchange::deliver::Deliver;
use exchange::{Fairness, Leases, Limits, Link, Lists, Node, Way};
use store::MemoryStore;

use super::{BEGINS, Instance, Machine, World};
use crate::chance::Chance;
use crate::fault::{Fault, Happened};
use crate::feed::{self, Line};
use crate::guarded::Guarded;
use crate::keys;
use crate::ledger;
use crate::port::{AtBus, AtStore, Port};
use crate::scenario::Scenario;
use crate::sink::MemorySink;
use crate::weather::Sky;

/// Types that every sender owes each day.
const OWES: [&str; 2] = ["SB", "SL"];

/// The names of workers as everywhere, in the order in which an instance has them.
pub(super) const SEAL: usize = 0;
pub(super) const DISPATCH: usize = 1;
pub(super) const RECEIVE: usize = 2;
pub(super) const ACCEPT: usize = 3;
pub(super) const RELAY: usize = 4;
pub(super) const SETTLE: usize = 5;
pub(super) const OWN: usize = 8;

/// The shortest time for which settled control parcels may be kept, ms.
const HOUR: i64 = 3_600_000;

/// Limits that suit a world whose days pass in a blink.
fn limits(scenario: &Scenario) -> Limits {
    let mut chance = Chance::of(scenario.seed, "limits");
    Limits {
        seal_delay: chance.between(0, 2) * 100,
        retry_min: 100,
        retry_max: 2_000,
        receipt_overdue: 5_000,
        inquiry_interval: 5_000,
        gap_grace: 10_000,
        lease_ttl: 10_000,
        envelope_records_max: chance.between(1, 6) as u32,
        page_rows_max: chance.between(1, 8) as u32,
        claim_max: chance.between(1, 8) as u32,
        in_flight_max: chance.between(1, 8) as u32,
        inbox_parcels_max: chance.between(4, 64),
        refusals_per_minute: 6_000,
        sender_inbox_share: 100,
        parent_wait: 30_000,
        control_keep: if scenario.faults.contains(&Fault::Purge) { HOUR } else { 168 * HOUR },
        ..Limits::default()
    }
}

fn code(tier: usize, nth: usize) -> NodeCode {
    let tiers = ["province", "city", "county", "town"];
    let name =
        if tier == 0 { tiers[0].to_owned() } else { format!("{}-{nth}", tiers[tier.min(3)]) };
    NodeCode::new(&name).expect("a legal code")
}

fn link(name: &str, peer: &NodeCode, parent: bool, beneath: Vec<NodeCode>) -> Link {
    Link {
        name: name.into(),
        peer: peer.clone(),
        parent,
        beneath,
        overdue: None,
        way: Way::default(),
        suite: None,
        accepts: None,
    }
}

/// Codes and parents, the province first.
fn topology(tiers: &[usize]) -> (Vec<NodeCode>, Vec<Option<usize>>) {
    let (mut codes, mut parents) = (vec![code(0, 0)], vec![None]);
    let mut above = 0..1;
    for (tier, count) in tiers.iter().enumerate().skip(1) {
        let first = codes.len();
        for nth in 0..(*count).max(1) {
            codes.push(code(tier, nth + 1));
            parents.push(Some(above.start + nth % above.len()));
        }
        above = first..codes.len();
    }
    (codes, parents)
}

/// All that lies beneath a node, itself left out.
fn beneath(of: usize, codes: &[NodeCode], parents: &[Option<usize>]) -> Vec<NodeCode> {
    let mut out = Vec::new();
    for child in (0..codes.len()).filter(|n| parents[*n] == Some(of)) {
        out.push(codes[child].clone());
        out.extend(beneath(child, codes, parents));
    }
    out
}

fn links(of: usize, codes: &[NodeCode], parents: &[Option<usize>]) -> Vec<Link> {
    let mut out = Vec::new();
    if let Some(parent) = parents[of] {
        out.push(link("parent", &codes[parent], true, Vec::new()));
    }
    for child in (0..codes.len()).filter(|n| parents[*n] == Some(of)) {
        let under = beneath(child, codes, parents);
        out.push(link(codes[child].as_str(), &codes[child], false, under));
    }
    out
}

impl World {
    /// A world before anything happened.
    pub fn new(scenario: &Scenario) -> Self {
        Self::within(scenario, limits(scenario))
    }

    /// The same within these limits.
    pub(super) fn within(scenario: &Scenario, limits: Limits) -> Self {
        let (codes, parents) = topology(&scenario.tiers);
        let happened = Happened::default();
        let sky = Arc::new(Mutex::new(Sky { rates: scenario.rates(), ..Sky::default() }));
        let bus = SimBus::new(codes.iter().cloned(), Box::new(bus::sim::Fair));
        let mut world = Self {
            scenario: scenario.clone(),
            machines: Vec::new(),
            parents: parents.clone(),
            bus: Arc::new(bus),
            sky,
            ledger: Self::ledger_of(&limits),
            calls: Arc::default(),
            happened,
            trust: keys::trust(),
            limits,
            chances: BTreeMap::new(),
            now: Millis::parse(BEGINS).unwrap_or(Millis(0)),
            hot: VecDeque::new(),
            trace: DefaultHasher::new(),
            idle: 0,
            lines_left: scenario.lines,
            next_case: 1,
            words: 0,
            nights: 0,
            lies: 0,
            twin: None,
            cloned: false,
            passing: Vec::new(),
        };
        let jumps = [Fault::ClockAhead, Fault::ClockBack].iter().any(|f| world.has(*f));
        ledger::look(&world.ledger).jumps = jumps;
        world.bus.weather(world.storm_weather());
        world.passes(0);
        for of in 0..codes.len() {
            let machine = world.machine(of, &codes, &parents);
            world.machines.push(machine);
        }
        world.begin();
        world
    }

    fn machine(&mut self, of: usize, codes: &[NodeCode], parents: &[Option<usize>]) -> Machine {
        let code = codes[of].clone();
        let memory = MemoryStore::new(&code);
        let leaf = !parents.contains(&Some(of));
        let skew = match self.has(Fault::Skew) {
            // Within what a receiver bears.
            true => self.chance("skew").between(-240_000, 240_000),
            false => 0,
        };
        if skew != 0 {
            self.happened.note(Fault::Skew);
        }
        let log: Option<feed::SharedLog> = leaf.then(Default::default);
        if let Some(log) = log.as_ref().filter(|_| self.has(Fault::Backfill)) {
            self.old_lines(log);
        }
        Machine {
            links: links(of, codes, parents),
            store: memory.clone().shared(),
            memory,
            instances: Vec::new(),
            skew,
            log,
            shelf: (of == 0).then(Default::default),
            generation: 0,
            edition: 0,
            image: None,
            restored: false,
            started: 0,
            audited: (0, None),
            acts: Vec::new(),
            code,
        }
    }

    /// Cases of the month before, which only a back-fill brings up.
    fn old_lines(&mut self, log: &feed::SharedLog) {
        for _ in 0..1 + self.chance("old lines").below(4) {
            let case = 700_000 + self.next_case;
            self.next_case += 1;
            self.words += 1;
            let word = format!("W{:05}", self.words);
            let parent = Line { kind: "SB", case, word, bad: false, void: false, elsewhere: false };
            let child = Line { kind: "SL", ..parent.clone() };
            feed::look(log).push_old(parent);
            feed::look(log).push_old(child);
        }
    }

    /// Every process starts.
    fn begin(&mut self) {
        // Where there are two instances on one store.
        let shared = self.has(Fault::Stalled).then(|| {
            let machines = self.machines.len() as u64;
            self.chance("shared").below(machines) as usize
        });
        for of in 0..self.machines.len() {
            if let Some(shelf) = &self.machines[of].shelf {
                ledger::look(&self.ledger).shelf(&self.machines[of].code, shelf);
            }
            let count = if shared == Some(of) { 2 } else { 1 };
            for _ in 0..count {
                let instance = self.instance(of, count > 1);
                self.machines[of].instances.push(instance);
            }
        }
    }

    /// A new process of a machine.
    pub(super) fn instance(&mut self, of: usize, shared: bool) -> Instance {
        self.machines[of].started += 1;
        let machine = &self.machines[of];
        let port = Port::new(&machine.code, &self.bus, &self.ledger, &self.calls);
        let node = Arc::new(self.node(of, &port, shared));
        let mut workers = exchange::workers(&node);
        if let Some(log) = &machine.log {
            let to = &self.machines[0].code;
            let adapter = || feed::adapter(&machine.code, to, log, machine.edition);
            workers.push(Box::new(Collect::new(Arc::clone(&node), adapter())));
            if self.has(Fault::Backfill) {
                let old = Backfill::new(Arc::clone(&node), adapter(), feed::opener(log));
                workers.push(Box::new(old));
            }
        }
        if let Some(shelf) = &machine.shelf {
            let sink = Box::new(MemorySink(Arc::clone(shelf)));
            workers.push(Box::new(Deliver::new(Arc::clone(&node), "shelf", sink)));
        }
        let workers = workers.into_iter().map(Some).collect();
        Instance { port, node, workers, stalled: false, back_at: None }
    }

    /// What a tier between does with what goes by.
    fn treatment(&self, of: usize) -> Treatment {
        let between = of > 0 && self.machines[of].log.is_none();
        if self.has(Fault::Keeper) && between && (self.scenario.seed >> (of % 60)) & 1 == 1 {
            self.happened.note(Fault::Keeper);
            return Treatment::Keep;
        }
        Treatment::Relay
    }

    pub(super) fn node(&self, of: usize, port: &Arc<Port>, shared: bool) -> Node {
        let machine = &self.machines[of];
        let to = &self.machines[0].code;
        let signer: Arc<dyn Signer> = keys::signer(&machine.code, machine.generation);
        let kinds = OWES.map(Into::into).to_vec();
        let owes =
            machine.log.is_some().then(|| (feed::route(to, Lane::Live, machine.edition), kinds));
        // A process that comes back has its name again, unless it shares its node.
        let holder = if shared { format!("i{}", machine.started) } else { "one".to_owned() };
        Node {
            code: machine.code.clone(),
            environment: Environment::Demo,
            holder,
            store: Guarded::over(Arc::clone(&machine.store), AtStore(Arc::clone(port))),
            bus: Arc::new(AtBus(Arc::clone(port))),
            formats: feed::EDITIONS.map(|e| (e.to_owned(), feed::format())).into(),
            lists: Lists::new(OpenLists::new()),
            trust: Arc::clone(&self.trust),
            signers: signer.into(),
            opens: Arc::new(NoKeys),
            rests: None,
            readers: BTreeMap::new(),
            links: machine.links.clone(),
            adapters: BTreeMap::new(),
            owes: owes.into_iter().collect(),
            relay: RelayConfig { default: self.treatment(of), rules: Vec::new() },
            limits: self.limits.clone(),
            seed: of as u64,
            held: if shared { Leases::shared() } else { Leases::default() },
            fair: Fairness::default(),
            inbox_depth: 0.into(),
            tables: Tables::of(Some(to.clone())),
            errands: Default::default(),
            dead: Default::default(),
        }
    }
}
