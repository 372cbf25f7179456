//! The benchmark's nodes: tiers in one process over SQLite, with keys made for the occasion.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex};

use adapt::{Mapping, Package};
use bus::{Bus, LocalBus};
use canon::format::{Format, OpenLists, supervision_1};
use canon::{Environment, Lane, Millis, NodeCode, Route};
use edge::csv_drop::{CsvDrop, Settings};
use envelope::ca::{NodeName, Terms};
use envelope::{Ca, KeyPem, P256Signer, Trust};
use exchange::collect::{Adapter, Collect};
use exchange::config::{Limits, RelayConfig, Treatment};
use exchange::{Link, Node};
use ring::rand::SystemRandom;
use store::SqliteStore;

use crate::assemble::{Running, store_failure};
use crate::packages;
use crate::text::Failure;

const YEAR: i64 = 365 * 86_400_000;

/// The tiers of a chain, lowest first, joined by one carrier.
pub(crate) struct Chain {
    /// The nodes.
    pub(crate) running: Vec<Running>,
    /// The adapter of the lowest, not started yet.
    pub(crate) collect: Option<Collect>,
}

/// The township's package and its mapping.
pub(crate) fn township(format: &Format) -> Result<(Arc<Package>, Arc<Mapping>), Failure> {
    let damaged =
        |_| Failure::environment("the built-in adapter package is damaged", "内置适配包损坏");
    let package = Package::read(&packages::township_window()).map_err(damaged)?;
    let mapping = Mapping::compile(&package, format).map_err(damaged)?;
    Ok((Arc::new(package), Arc::new(mapping)))
}

/// A chain of `tiers` nodes with their files below `folder`, the lowest reading `folder/drop`.
pub(crate) async fn chain(folder: &Path, tiers: usize, now: Millis) -> Result<Chain, Failure> {
    let codes: Vec<NodeCode> =
        (0..tiers).filter_map(|t| NodeCode::new(&format!("tier-{t}"))).collect();
    let format = supervision_1();
    let bus: Arc<dyn Bus> = Arc::new(LocalBus::new(codes.clone()));
    let mut authority = Authority::new(now)?;
    let mut running = Vec::new();
    for (t, code) in codes.iter().enumerate() {
        let path = folder.join(format!("{code}.db"));
        let store = SqliteStore::open(&path).await.map_err(store_failure)?;
        let store = store.identity(code).await.map_err(store_failure)?;
        let node = Arc::new(Node {
            code: code.clone(),
            environment: Environment::Demo,
            holder: "bench".into(),
            store,
            bus: Arc::clone(&bus),
            formats: BTreeMap::from([(format.edition().to_owned(), Arc::clone(&format))]),
            lists: Arc::new(OpenLists::new()),
            trust: authority.trust()?,
            signer: Arc::new(authority.signer(code)?),
            links: links(&codes, t),
            adapters: BTreeMap::new(),
            owes: Vec::new(),
            relay: RelayConfig { default: Treatment::Relay, rules: Vec::new() },
            limits: Limits { envelope_records_max: 500, seal_delay: 20, ..Limits::default() },
            seed: t as u64,
            held: Mutex::default(),
            inbox_depth: 0.into(),
        });
        let workers = exchange::workers(&node);
        running.push(Running { node, workers });
    }
    let collect = collect(folder, &codes, &running, &format)?;
    Ok(Chain { running, collect: Some(collect) })
}

fn collect(
    folder: &Path,
    codes: &[NodeCode],
    running: &[Running],
    format: &Arc<Format>,
) -> Result<Collect, Failure> {
    let (package, mapping) = township(format)?;
    let failed =
        |e: edge::SourceError| Failure::environment(e.to_string(), format!("来源不可用：{e}"));
    let adapt::Source::Csv(csv) = &package.source else {
        return Err(Failure::environment(
            "the township's package reads no files",
            "适配包类型不符",
        ));
    };
    let mut settings = Settings::of("township_window", folder.join("drop"), csv);
    settings.settle_for_ms = 0;
    let source = CsvDrop::open(settings).map_err(failed)?;
    let lowest = Arc::clone(&running[0].node);
    let top = codes.last().cloned().unwrap_or_else(|| lowest.code.clone());
    let live = Route {
        destination: top,
        edition: format.edition().into(),
        suite: lowest.signer.suite().name().into(),
        lane: Lane::Live,
    };
    let adapter = Adapter {
        name: "township_window".into(),
        package,
        mapping,
        format: Arc::clone(format),
        source: Mutex::new(Box::new(source)),
        namespace: lowest.code.as_str().into(),
        bulk: Route { lane: Lane::Bulk, ..live.clone() },
        live,
        interval: 1000,
    };
    Ok(Collect::new(lowest, adapter))
}

fn links(codes: &[NodeCode], tier: usize) -> Vec<Link> {
    let mut out = Vec::new();
    if let Some(up) = codes.get(tier + 1) {
        let (peer, beneath) = (up.clone(), Vec::new());
        out.push(Link { name: "up".into(), peer, parent: true, beneath, overdue: None });
    }
    if let Some(down) = tier.checked_sub(1) {
        let beneath = codes.iter().take(down).cloned().collect();
        let peer = codes[down].clone();
        out.push(Link { name: "down".into(), peer, parent: false, beneath, overdue: None });
    }
    out
}

/// Keys and certificates made for one run.
pub(crate) struct Authority {
    ca: Ca,
    random: SystemRandom,
    serial: u64,
    from: Millis,
}

impl Authority {
    /// A new one.
    pub(crate) fn new(now: Millis) -> Result<Self, Failure> {
        let random = SystemRandom::new();
        let from = now.plus(-86_400_000);
        let key = KeyPem::generate(&random).map_err(signing)?;
        let terms = Terms { serial: 1, from, until: from.plus(YEAR) };
        let ca = Ca::root("Bench Root", &key, terms, &random).map_err(signing)?;
        Ok(Self { ca, random, serial: 1, from })
    }

    /// A node's signer.
    pub(crate) fn signer(&mut self, node: &NodeCode) -> Result<P256Signer, Failure> {
        self.serial += 1;
        let key = KeyPem::generate(&self.random).map_err(signing)?;
        let terms = Terms { serial: self.serial, from: self.from, until: self.from.plus(YEAR) };
        let name = NodeName {
            node: node.clone(),
            environment: Environment::Demo,
            regions: vec!["99".into()],
        };
        let certificate = self.ca.issue(&name, &key, terms, &self.random).map_err(signing)?;
        P256Signer::from_pem(&key.0, &certificate, self.random.clone()).map_err(signing)
    }

    /// Trust in it.
    pub(crate) fn trust(&self) -> Result<Arc<Trust>, Failure> {
        let trust = Trust::from_pem(Environment::Demo, &[self.ca.certificate_pem()]);
        trust.map(Arc::new).map_err(|e| Failure::environment(e.to_string(), e.to_string()))
    }
}

fn signing(e: envelope::SignError) -> Failure {
    Failure::environment(e.to_string(), format!("密钥生成失败：{e}"))
}
