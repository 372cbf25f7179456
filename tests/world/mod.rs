//! Nodes in one process for the scenario tests: real workers, real certificates, real adapters, a
//! given clock, any store.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use adapt::{Mapping, Package};
use bus::{Bus, LocalBus};
use canon::format::{Format, OpenLists};
use canon::{Environment, Lane, Millis, NodeCode, Route};
use edge::csv_drop::{CsvDrop, Settings};
use envelope::ca::{NodeName, Terms};
use envelope::{Ca, KeyPem, P256Signer, Trust};
use exchange::collect::{Adapter, Collect};
use exchange::config::{RelayConfig, Treatment};
use exchange::{Limits, Link, Node, Worker};
use ring::rand::SystemRandom;
use store::{Place, SharedStore};

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

/// The format of the repository.
pub fn format() -> Arc<Format> {
    let texts = files(&root().join("schemas/supervision/1"))
        .into_iter()
        .filter(|(name, _)| name.ends_with(".xsd"))
        .map(|(name, bytes)| (name, String::from_utf8(bytes).expect("an XSD is UTF-8")))
        .collect();
    let format = Format::compile("supervision", "1", &texts);
    Arc::new(format.unwrap_or_else(|p| panic!("the format compiles: {p:?}")))
}

/// Certificates of one authority.
pub struct Authority {
    ca: Ca,
    random: SystemRandom,
    serial: u64,
    from: Millis,
}

impl Authority {
    /// A new authority, valid around `now`.
    pub fn new(now: Millis) -> Self {
        let random = SystemRandom::new();
        let key = KeyPem::generate(&random).expect("randomness");
        let from = now.plus(-86_400_000);
        let terms = Terms { serial: 1, from, until: now.plus(3650 * 86_400_000) };
        let ca = Ca::root("Test Root", &key, terms, &random).expect("a root");
        Self { ca, random, serial: 1, from }
    }

    /// A node's signer.
    pub fn signer(&mut self, code: &NodeCode, region: &str) -> P256Signer {
        self.serial += 1;
        let key = KeyPem::generate(&self.random).expect("randomness");
        let terms =
            Terms { serial: self.serial, from: self.from, until: self.from.plus(365 * 86_400_000) };
        let name = NodeName {
            node: code.clone(),
            environment: Environment::Demo,
            regions: vec![region.into()],
        };
        let certificate = self.ca.issue(&name, &key, terms, &self.random).expect("a certificate");
        P256Signer::from_pem(&key.0, &certificate, self.random.clone()).expect("a signer")
    }

    /// Trust in this authority.
    pub fn trust(&self) -> Arc<Trust> {
        let pem = self.ca.certificate_pem();
        Arc::new(Trust::from_pem(Environment::Demo, &[pem]).expect("an anchor"))
    }
}

/// One node with its workers.
pub struct TestNode {
    /// The node.
    pub node: Arc<Node>,
    workers: Vec<Box<dyn Worker>>,
}

/// Nodes, their carrier and one clock.
pub struct World {
    /// Nodes in tier order, lowest first.
    pub nodes: Vec<TestNode>,
    /// The carrier.
    pub bus: Arc<LocalBus>,
    /// Now.
    pub now: Millis,
    format: Arc<Format>,
}

/// The four tiers' codes, lowest first.
pub const TIERS: [&str; 4] = ["town-1", "county-1", "city-1", "province"];

/// A node code.
pub fn code(code: &str) -> NodeCode {
    NodeCode::new(code).expect("a legal code")
}

/// Limits that suit a test's short clock.
pub fn limits() -> Limits {
    Limits {
        seal_delay: 0,
        retry_min: 100,
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

impl World {
    /// Town, county, city and province, one above the other.
    pub fn four_tiers(mut store: impl FnMut(&NodeCode) -> SharedStore, limits: &Limits) -> Self {
        let now = Millis::parse("2026-11-21 09:00:00").expect("a time");
        let mut authority = Authority::new(now);
        let trust = authority.trust();
        let format = format();
        let bus = Arc::new(LocalBus::new(TIERS.iter().map(|t| code(t))));
        let mut nodes = Vec::new();
        for (i, tier) in TIERS.iter().enumerate() {
            let me = code(tier);
            let node = Node {
                environment: Environment::Demo,
                holder: "test".into(),
                store: store(&me),
                bus: Arc::clone(&bus) as Arc<dyn Bus>,
                formats: BTreeMap::from([("supervision/1".to_owned(), Arc::clone(&format))]),
                lists: Arc::new(OpenLists::new()),
                trust: Arc::clone(&trust),
                signer: Arc::new(authority.signer(&me, "99")),
                links: links(i),
                adapters: BTreeMap::new(),
                owes: Vec::new(),
                relay: RelayConfig { default: Treatment::Relay, rules: Vec::new() },
                limits: limits.clone(),
                seed: i as u64,
                held: Mutex::default(),
                inbox_depth: 0.into(),
                code: me,
            };
            nodes.push(TestNode::new(Arc::new(node)));
        }
        Self { nodes, bus, now, format }
    }

    /// Lets a node collect through the township's adapter from a folder.
    pub fn township(&mut self, node: usize, folder: &Path) {
        let package = files(&root().join("adapters/township_window"));
        let package = Package::read(&package).unwrap_or_else(|p| panic!("the package: {p:?}"));
        let mapping = Mapping::compile(&package, &self.format).unwrap_or_else(|p| panic!("{p:?}"));
        let adapt::Source::Csv(csv) = &package.source else { panic!("a csv package") };
        let mut settings = Settings::of("township_window", folder.to_owned(), csv);
        settings.settle_for_ms = 0;
        let source = CsvDrop::open(settings).expect("the folder");
        let adapter = Adapter {
            name: "township_window".into(),
            package: Arc::new(package),
            mapping: Arc::new(mapping),
            format: Arc::clone(&self.format),
            source: Mutex::new(Box::new(source)),
            namespace: "town-1".into(),
            live: live(),
            bulk: Route { lane: Lane::Bulk, ..live() },
            interval: 0,
        };
        let node = &mut self.nodes[node];
        let collect = Collect::new(Arc::clone(&node.node), adapter);
        node.workers.insert(0, Box::new(collect));
    }

    /// Every worker of every node takes a turn; says how much was done.
    pub async fn turn(&mut self) -> u64 {
        let mut done = 0;
        for node in &mut self.nodes {
            for worker in &mut node.workers {
                let name = worker.name();
                match worker.run_once(self.now).await {
                    Ok(progress) => done += progress.done,
                    Err(e) => panic!("{} of {}: {e}", name, node.node.code),
                }
            }
        }
        self.now = self.now.plus(250);
        done
    }

    /// Turns until nothing is done for a while (four seconds of the given clock).
    pub async fn quiet(&mut self) {
        let mut idle = 0;
        for _ in 0..2_000 {
            idle = if self.turn().await == 0 { idle + 1 } else { 0 };
            if idle > 16 {
                return;
            }
        }
        panic!("the nodes never came to rest");
    }

    /// The store of a tier.
    pub fn store(&self, tier: usize) -> &SharedStore {
        &self.nodes[tier].node.store
    }

    /// How many records of a node are in a place.
    pub async fn count(&self, tier: usize, place: Place) -> u64 {
        let status = self.store(tier).status().await.expect("status");
        let index = Place::ALL.iter().position(|p| *p == place).expect("a place");
        status.places[index]
    }
}

impl TestNode {
    fn new(node: Arc<Node>) -> Self {
        let workers = exchange::workers(&node);
        Self { node, workers }
    }
}

fn links(tier: usize) -> Vec<Link> {
    let mut out = Vec::new();
    if let Some(up) = TIERS.get(tier + 1) {
        out.push(Link { name: "parent".into(), peer: code(up), parent: true, beneath: vec![] });
    }
    if let Some(down) = tier.checked_sub(1) {
        let beneath = TIERS[..down].iter().map(|t| code(t)).collect();
        out.push(Link {
            name: TIERS[down].into(),
            peer: code(TIERS[down]),
            parent: false,
            beneath,
        });
    }
    out
}
