//! Nodes in one process for the scenario tests: real workers, real certificates, real sources, a
//! given clock, a carrier and stores that fail where a story says, and checkers after it.

mod asked;
mod authority;
pub mod blue;
pub mod broken;
pub mod card;
pub mod carrier;
mod check;
mod closed;
pub mod code_table;
pub mod editions;
pub mod faults;
mod faulty;
mod faulty_archive;
mod faulty_outlet;
mod faulty_restore;
mod feed;
pub mod flow;
pub mod forge;
pub mod gated;
pub mod input;
mod instances;
pub mod kept_tables;
mod laid;
mod links;
mod lost;
pub mod platform;
pub mod process;
pub mod proxy;
pub mod search;
pub mod services;
pub mod stores;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock};

use canon::format::{Format, OpenLists};
use canon::{Environment, Lane, Millis, NodeCode, Route};
use envelope::{EncryptionPair, Signer, Suite, Trust};
use exchange::config::{RelayConfig, Treatment};
use exchange::{Fairness, Limits, Lists, Node, Progress, WorkError, Worker};
use store::SharedStore;
use tempfile::TempDir;

pub use authority::Authority;
pub use carrier::{Carrier, Rule, Trick};
pub use check::{Books, Left};
pub use faults::{Faults, When};
pub use feed::Feed;
pub use gated::{Courier, Gated};
pub use instances::Beside;
pub use stores::{Memory, Postgres, Sqlite, Stores};

/// The repository's root.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// All files below a folder, by relative name.
pub fn files(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    fn walk(base: &Path, at: &Path, out: &mut BTreeMap<String, Vec<u8>>) {
        for entry in std::fs::read_dir(at).expect("a folder of the repository") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                walk(base, &path, out);
            } else {
                let name = path.strip_prefix(base).expect("below the base").to_string_lossy();
                out.insert(name.into_owned(), std::fs::read(&path).expect("a file"));
            }
        }
    }
    let mut out = BTreeMap::new();
    walk(folder, folder, &mut out);
    out
}

/// The format of the repository, compiled once.
pub fn format() -> Arc<Format> {
    static FORMAT: LazyLock<Arc<Format>> = LazyLock::new(|| {
        let texts = files(&root().join("schemas/supervision/1"))
            .into_iter()
            .filter(|(name, _)| name.ends_with(".xsd"))
            .map(|(name, bytes)| (name, String::from_utf8(bytes).expect("an XSD is UTF-8")))
            .collect();
        let format = Format::compile("supervision", "1", &texts);
        Arc::new(format.unwrap_or_else(|p| panic!("the format compiles: {p:?}")))
    });
    Arc::clone(&FORMAT)
}

/// Turns of a worker in a row before the next one has its own.
const TURNS_MAX: u32 = 64;

/// The four tiers' codes, lowest first.
pub const TIERS: [&str; 4] = ["town-1", "county-1", "city-1", "province"];
/// Index of the township.
pub const TOWN: usize = 0;
/// Index of the county.
pub const COUNTY: usize = 1;
/// Index of the city.
pub const CITY: usize = 2;
/// Index of the province.
pub const PROVINCE: usize = 3;

/// A node code.
pub fn code(code: &str) -> NodeCode {
    NodeCode::new(code).expect("a legal code")
}

/// Limits that suit a test's short clock.
pub fn limits() -> Limits {
    Limits {
        seal_delay: 0,
        retry_min: 100,
        retry_max: 2_000,
        receipt_overdue: 5_000,
        inquiry_interval: 5_000,
        gap_grace: 10_000,
        ..Limits::default()
    }
}

/// The live route to the province.
pub fn live() -> Route {
    "province|supervision/1|ecdsa-p256-sha256|live".parse().expect("a route")
}

/// The bulk route to the province.
pub fn bulk() -> Route {
    Route { lane: Lane::Bulk, ..live() }
}

/// The live route to the city, for what goes to two destinations.
pub fn to_city() -> Route {
    Route { destination: code(TIERS[CITY]), ..live() }
}

/// How the four tiers of a story are set up.
pub struct Setup {
    /// Limits of every node.
    pub limits: Limits,
    /// What the city does with envelopes for the province.
    pub city: Treatment,
    /// The region in the township's certificate.
    pub region: &'static str,
    /// The edition that the province knows.
    pub edition: &'static str,
    /// County and township in one file, two identities.
    pub one_file: bool,
    /// Sources.
    pub feeds: Vec<Feed>,
    /// Hours, budgets and quotas of each tier.
    pub fair: fn(usize) -> Fairness,
    /// Code lists of each tier.
    pub lists: fn(usize) -> OpenLists,
    /// A tier that puts in force the code tables that another one sends.
    pub publisher: Option<(usize, usize)>,
    /// A gate between two of the tiers.
    pub gated: Option<Gated>,
    /// The suite of each tier's key.
    pub suites: [Suite; 4],
    /// Suites that are believed by a link of a tier.
    pub accepts: Vec<(usize, &'static str, &'static [Suite])>,
    /// The nodes share their stores with other instances ([`World::join`]).
    pub shared: bool,
    /// A second township beneath the county, certified like the first, in nobody's process: its parcels
    /// are made by the story ([`World::blue`]).
    pub blue: bool,
    /// Bodies of what the township reports are closed: for the province, and these tiers.
    pub closed: Option<&'static [usize]>,
    /// The highest tier is an outlet: behind it stands a platform that does not run Tiergate.
    pub outlet: Option<platform::Way>,
}

impl Default for Setup {
    fn default() -> Self {
        Self {
            limits: limits(),
            city: Treatment::Relay,
            region: "99",
            edition: "supervision/1",
            one_file: false,
            feeds: vec![Feed::Lines(TOWN)],
            fair: |_| Fairness::default(),
            lists: |_| OpenLists::new(),
            publisher: None,
            gated: None,
            suites: [Suite::EcdsaP256Sha256; 4],
            accepts: Vec::new(),
            shared: false,
            blue: false,
            closed: None,
            outlet: None,
        }
    }
}

/// One node with its workers.
pub struct TestNode {
    /// The node.
    pub node: Arc<Node>,
    workers: Vec<Box<dyn Worker>>,
}

/// What outlives a restart of a node.
struct Parts {
    code: NodeCode,
    store: SharedStore,
    signer: Arc<dyn Signer>,
    /// Its certificate for encryption, with the key.
    pair: Option<EncryptionPair>,
}

/// Nodes, their carrier and one clock. Every story ends with [`World::finish`].
pub struct World {
    /// Nodes in tier order, lowest first.
    pub nodes: Vec<TestNode>,
    /// Second machines with a node's key and a copy of its store.
    pub twins: Vec<TestNode>,
    /// Second instances of some of them.
    pub beside: Vec<Beside>,
    /// The carrier.
    pub bus: Arc<Carrier>,
    /// What goes wrong in the stores.
    pub faults: Arc<Faults>,
    /// Now.
    pub now: Millis,
    /// A worker takes one turn in a round, however much more there is: what it can do is bounded.
    pub one_turn: bool,
    /// Failed turns are taken again instead of failing the story; their texts are kept here.
    pub failed: Option<Vec<String>>,
    setup: Setup,
    parts: Vec<Parts>,
    trust: Arc<Trust>,
    authority: Authority,
    folder: TempDir,
    courier: Option<Courier>,
    platform: Option<platform::Platform>,
    finished: bool,
    stores: Box<dyn Stores>,
    sink: u32,
}

impl World {
    /// Town, county, city and province, one above the other.
    pub async fn four_tiers(stores: Box<dyn Stores>, setup: Setup) -> Self {
        let now = Millis::parse("2026-11-21 09:30:00").expect("a time");
        let mut authority = Authority::new(now);
        let faults = Arc::new(Faults::default());
        let mut parts = Vec::new();
        for (tier, name) in TIERS.iter().enumerate() {
            let code = code(name);
            let file = if setup.one_file && tier <= COUNTY { TIERS[COUNTY] } else { name };
            let inner = stores.open(file, &code).await;
            let region = if tier == TOWN { setup.region } else { "99" };
            authority.suite = setup.suites[tier];
            let signer = Arc::new(authority.signer(&code, region));
            let pair = setup.closed.map(|_| closed::known(authority.pair(&code, region)));
            let store = faulty::Faulty::over(inner, &code, &faults);
            parts.push(Parts { code, store, signer, pair });
        }
        let folder = tempfile::tempdir().expect("a folder");
        let mut courier = setup.gated.clone().map(|gated| Courier::new(gated, folder.path()));
        if let Some(courier) = &mut courier {
            let lower = courier.closes();
            courier.pairs =
                lower.map(|t| [t, t + 1].map(|t| authority.pair(&code(TIERS[t]), "99")));
        }
        let mut world = Self {
            nodes: Vec::new(),
            twins: Vec::new(),
            beside: Vec::new(),
            bus: Arc::new(Carrier::new(
                TIERS.iter().chain(&[blue::BLUE]).map(|t| code(t)).collect(),
            )),
            faults,
            now,
            one_turn: false,
            failed: None,
            setup,
            parts,
            trust: authority.trust(),
            authority,
            folder,
            courier,
            platform: None,
            finished: false,
            stores,
            sink: 0,
        };
        for feed in &world.setup.feeds {
            feed.prepare(world.folder.path()).await;
        }
        if let Some(way) = world.setup.outlet {
            world.platform = Some(platform::Platform::of(way, world.folder.path()).await);
        }
        world.start();
        world
    }

    /// The platform behind the outlet.
    pub fn platform(&self) -> &platform::Platform {
        self.platform.as_ref().expect("the story's highest tier is an outlet")
    }

    /// A node of a tier over its store, for a process of this name.
    pub fn node(&self, tier: usize, holder: &str) -> Node {
        let parts = &self.parts[tier];
        let edition = if tier == PROVINCE { self.setup.edition } else { "supervision/1" };
        let default = if tier == CITY { self.setup.city } else { Treatment::Relay };
        let fed = self.setup.feeds.iter().find(|f| f.tier() == tier);
        let suite: Arc<str> = parts.signer.suite().name().into();
        let owes = |feed: &Feed| {
            let kinds: Vec<Arc<str>> = feed.owes().iter().map(|k| (*k).into()).collect();
            let suite = Arc::clone(&suite);
            let signed = move |route| Route { suite: Arc::clone(&suite), ..route };
            feed.routes().into_iter().map(move |route| (signed(route), kinds.clone()))
        };
        Node {
            code: parts.code.clone(),
            environment: Environment::Demo,
            holder: holder.into(),
            store: Arc::clone(&parts.store),
            bus: self.bus_of(tier),
            formats: editions::known(edition, &self.setup.feeds),
            lists: Lists::new((self.setup.lists)(tier)),
            trust: Arc::clone(&self.trust),
            signers: Arc::clone(&parts.signer).into(),
            opens: self.opens(tier),
            rests: self.rests(tier),
            readers: self.readers(tier),
            links: self.links(tier),
            adapters: BTreeMap::new(),
            owes: fed.map(owes).into_iter().flatten().collect(),
            relay: RelayConfig { default, rules: Vec::new() },
            limits: self.setup.limits.clone(),
            seed: tier as u64,
            held: match self.setup.shared {
                true => exchange::Leases::shared(),
                false => exchange::Leases::default(),
            },
            fair: (self.setup.fair)(tier),
            inbox_depth: 0.into(),
            tables: exchange::authority::Tables::of(Some(code(TIERS[PROVINCE]))),
            errands: Default::default(),
            dead: Default::default(),
        }
    }

    /// Stopped, and started again with other sources.
    pub fn restart_with(&mut self, feeds: Vec<Feed>) {
        self.setup.feeds = feeds;
        self.restart();
    }

    /// The process died and was started again: carrier, leases and everything in memory are gone.
    pub fn restart(&mut self) {
        self.nodes.clear();
        self.beside.clear();
        self.bus.die();
        self.faults.live();
        self.start();
    }

    /// Every worker of every node takes a turn; says how much was done.
    pub async fn turn(&mut self) -> u64 {
        let mut done = 0;
        for tier in 0..self.nodes.len() {
            for at in 0..self.nodes[tier].workers.len() {
                if self.faults.dead() {
                    return done;
                }
                done += self.take(tier, at).await;
            }
        }
        done += self.twins_turn().await;
        done += self.turn_beside().await;
        if let Some(courier) = &mut self.courier {
            courier.carry();
        }
        if let Some(platform) = &self.platform {
            platform.work().await;
        }
        self.now = self.now.plus(250);
        done
    }

    /// A worker takes its turn, and again while it says that more is waiting.
    async fn take(&mut self, tier: usize, at: usize) -> u64 {
        let node = &mut self.nodes[tier];
        let worker = &mut node.workers[at];
        let mut done = 0;
        for _ in 0..if self.one_turn { 1 } else { TURNS_MAX } {
            match exchange::work::turn(&mut **worker, self.now).await {
                Ok(progress) => {
                    done += progress.done;
                    if !progress.more {
                        break;
                    }
                }
                Err(e) => {
                    let text = format!("{} of {}: {e}", worker.name(), node.node.code);
                    node.node.forget_leases();
                    match &mut self.failed {
                        Some(failed) => failed.push(text),
                        None => panic!("{text}"),
                    }
                    break;
                }
            }
        }
        done
    }

    /// One worker takes one turn; the clock stands.
    pub async fn work(&mut self, tier: usize, name: &str) -> Result<Progress, WorkError> {
        let workers = &mut self.nodes[tier].workers;
        let worker = workers.iter_mut().find(|w| w.name() == name);
        worker.unwrap_or_else(|| panic!("a worker `{name}`")).run_once(self.now).await
    }

    /// Turns until nothing is done for a while (four seconds of the given clock), or the process
    /// is dead.
    pub async fn quiet(&mut self) {
        let mut idle = 0;
        for _ in 0..4_000 {
            idle = if self.turn().await == 0 { idle + 1 } else { 0 };
            if idle > 16 || self.faults.dead() {
                return;
            }
        }
        let last: Vec<_> = self.bus.log().into_iter().rev().take(12).collect();
        panic!("the nodes never came to rest; failed: {:?}; last: {last:?}", self.failed);
    }

    /// Turns for so long.
    pub async fn pass(&mut self, ms: i64) {
        let until = self.now.plus(ms);
        while self.now < until && !self.faults.dead() {
            self.turn().await;
        }
    }

    /// Long enough for overdue receipts to be asked for, then until nothing is done.
    pub async fn heal(&mut self) {
        self.pass(self.setup.limits.receipt_overdue + 3 * self.setup.limits.inquiry_interval).await;
        self.quiet().await;
    }

    /// The folder of a drop source.
    pub fn drop_folder(&self, tier: usize) -> PathBuf {
        feed::folder(self.folder.path(), tier)
    }

    /// Where the province's sink writes.
    fn kept_folder(&self) -> PathBuf {
        self.folder.path().join(format!("kept-{}", self.sink))
    }

    /// The legacy database of a tier.
    pub fn legacy(&self, tier: usize) -> PathBuf {
        feed::database(self.folder.path(), tier)
    }

    /// The store of a tier.
    pub fn store(&self, tier: usize) -> &SharedStore {
        &self.nodes[tier].node.store
    }

    /// The signing key of a tier.
    pub fn signer(&self, tier: usize) -> &dyn Signer {
        &*self.parts[tier].signer
    }
}

impl Drop for World {
    fn drop(&mut self) {
        if !self.finished && !std::thread::panicking() {
            panic!("a story must end with `world.finish()`: nothing was checked");
        }
    }
}
