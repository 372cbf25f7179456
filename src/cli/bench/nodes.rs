//! The benchmark's nodes: tiers in one process over SQLite, with keys made for the occasion.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex};

use adapt::{Mapping, Package};
use canon::format::{Format, supervision_1};
use canon::{Environment, Lane, Millis, NodeCode, Route};
use edge::Source;
use edge::file_drop::{self, FileDrop};
use envelope::ca::{NodeName, Terms};
use envelope::{Ca, KeyPem, KeySigner, Signer, Suite, Trust};
use exchange::collect::{Adapter, Collect, Target};
use exchange::config::{Limits, RelayConfig, Treatment};
use exchange::{Link, Lists, Node, Signers, Way};
use ring::rand::SystemRandom;

use super::ground::{Carrier, Ground};
use super::narrowing::Wire;
use crate::assemble::Running;
use crate::packages;
use crate::text::Failure;

const YEAR: i64 = 365 * 86_400_000;

/// The tiers of a chain, lowest first, joined by one carrier.
pub(crate) struct Chain {
    /// The nodes.
    pub(crate) running: Vec<Running>,
    /// The adapter of the lowest, not started yet.
    pub(crate) collect: Option<Collect>,
    /// What lies between them.
    pub(crate) carrier: Carrier,
    /// Who signed their certificates.
    pub(crate) authority: Authority,
    /// Their codes, lowest first.
    pub(crate) codes: Vec<NodeCode>,
}

/// How the nodes of a chain are set up.
pub(crate) struct Settings {
    /// Limits of every node.
    pub(crate) limits: Limits,
    /// Pause between two looks at the source, ms.
    pub(crate) poll: i64,
    /// Counts what goes over the wire.
    pub(crate) wire: Option<Arc<Wire>>,
}

impl Default for Settings {
    fn default() -> Self {
        let limits = Limits { envelope_records_max: 500, seal_delay: 20, ..Limits::default() };
        Self { limits, poll: 1_000, wire: None }
    }
}

impl Settings {
    /// The limits of a node whose configuration says nothing.
    pub(crate) fn usual() -> Limits {
        Limits::default()
    }
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
pub(crate) async fn chain(
    ground: &Ground,
    folder: &Path,
    tiers: usize,
    now: Millis,
    settings: &Settings,
) -> Result<Chain, Failure> {
    chain_of(ground, folder, tiers, settings, Authority::new(ground.suite, now)?).await
}

/// What the nodes of a chain are called, lowest first.
pub(crate) fn codes(tiers: usize) -> Vec<NodeCode> {
    (0..tiers).filter_map(|t| NodeCode::new(&format!("tier-{t}"))).collect()
}

/// The same with keys signed by an authority that is there already.
pub(crate) async fn chain_of(
    ground: &Ground,
    folder: &Path,
    tiers: usize,
    settings: &Settings,
    mut authority: Authority,
) -> Result<Chain, Failure> {
    let codes = codes(tiers);
    let format = supervision_1();
    let carrier = ground.carrier(&codes).await?;
    let mut running = Vec::new();
    for (t, code) in codes.iter().enumerate() {
        let store = ground.store(folder, code).await?;
        let node = Arc::new(Node {
            code: code.clone(),
            environment: Environment::Demo,
            holder: "bench".into(),
            store,
            bus: match &settings.wire {
                None => Arc::clone(&carrier.of[t]),
                Some(wire) => wire.over(&carrier.of[t]),
            },
            formats: BTreeMap::from([(format.edition().to_owned(), Arc::clone(&format))]),
            lists: Lists::default(),
            trust: authority.trust()?,
            signers: Signers::from(Arc::new(authority.signer(code)?) as Arc<dyn Signer>),
            opens: Arc::new(envelope::NoKeys),
            rests: None,
            readers: BTreeMap::new(),
            links: links(&codes, t),
            adapters: BTreeMap::new(),
            owes: Vec::new(),
            relay: RelayConfig { default: Treatment::Relay, rules: Vec::new() },
            limits: settings.limits.clone(),
            seed: t as u64,
            held: exchange::Leases::default(),
            fair: exchange::Fairness::default(),
            inbox_depth: 0.into(),
            tables: Default::default(),
            errands: Default::default(),
            dead: Default::default(),
        });
        let workers = exchange::workers(&node);
        running.push(Running { node, workers });
    }
    let collect = collect(folder, &codes, &running, &format, settings.poll)?;
    Ok(Chain { running, collect: Some(collect), carrier, authority, codes })
}

fn collect(
    folder: &Path,
    codes: &[NodeCode],
    running: &[Running],
    format: &Arc<Format>,
    interval: i64,
) -> Result<Collect, Failure> {
    let (package, _) = township(format)?;
    let failed =
        |e: edge::SourceError| Failure::environment(e.to_string(), format!("来源不可用：{e}"));
    let adapt::Source::Files(source) = &package.source else {
        return Err(Failure::environment(
            "the township's package reads no files",
            "适配包类型不符",
        ));
    };
    let mut settings = file_drop::Settings::of("township_window", folder.join("drop"), source);
    settings.settle_for_ms = 0;
    let source = FileDrop::open(settings).map_err(failed)?;
    let lowest = Arc::clone(&running[0].node);
    let top = codes.last().cloned().unwrap_or_else(|| lowest.code.clone());
    let live = Route {
        destination: top,
        edition: format.edition().into(),
        suite: lowest.signers.first().suite().name().into(),
        lane: Lane::Live,
    };
    let adapter = adapter(&lowest, format, &live, Box::new(source), interval)?;
    Ok(Collect::new(lowest, adapter))
}

/// The township's adapter for a node, reading that source.
pub(crate) fn adapter(
    node: &Arc<Node>,
    format: &Arc<Format>,
    live: &Route,
    source: Box<dyn Source>,
    interval: i64,
) -> Result<Adapter, Failure> {
    let (package, mapping) = township(format)?;
    Ok(Adapter {
        name: "township_window".into(),
        package,
        source: Mutex::new(source),
        namespace: node.code.as_str().into(),
        targets: vec![Target {
            mapping,
            format: Arc::clone(format),
            bulk: Route { lane: Lane::Bulk, ..live.clone() },
            live: live.clone(),
        }],
        history: false,
        interval,
    })
}

fn links(codes: &[NodeCode], tier: usize) -> Vec<Link> {
    let mut out = Vec::new();
    if let Some(up) = codes.get(tier + 1) {
        let (peer, beneath) = (up.clone(), Vec::new());
        out.push(Link {
            name: "up".into(),
            peer,
            parent: true,
            beneath,
            overdue: None,
            way: Way::default(),
            suite: None,
            accepts: None,
        });
    }
    if let Some(down) = tier.checked_sub(1) {
        let beneath = codes.iter().take(down).cloned().collect();
        let peer = codes[down].clone();
        out.push(Link {
            name: "down".into(),
            peer,
            parent: false,
            beneath,
            overdue: None,
            way: Way::default(),
            suite: None,
            accepts: None,
        });
    }
    out
}

/// Keys and certificates made for one run.
pub(crate) struct Authority {
    ca: Ca,
    suite: Suite,
    random: SystemRandom,
    from: Millis,
    /// Keys and certificates given out: a node that starts again has the same.
    given: BTreeMap<NodeCode, (KeyPem, String)>,
}

impl Authority {
    /// A new one.
    pub(crate) fn new(suite: Suite, now: Millis) -> Result<Self, Failure> {
        let random = SystemRandom::new();
        let from = now.plus(-86_400_000);
        let key = KeyPem::generate(suite, &random).map_err(signing)?;
        let terms = Terms { serial: 1, from, until: from.plus(YEAR) };
        let ca = Ca::root("Bench Root", &key, terms, &random).map_err(signing)?;
        Ok(Self { ca, suite, random, from, given: BTreeMap::new() })
    }

    /// A node's signer.
    pub(crate) fn signer(&mut self, node: &NodeCode) -> Result<KeySigner, Failure> {
        if !self.given.contains_key(node) {
            let made = self.issue(node)?;
            self.given.insert(node.clone(), made);
        }
        let (key, certificate) = &self.given[node];
        KeySigner::from_pem(&key.0, certificate, self.random.clone()).map_err(signing)
    }

    /// The root's certificate, PEM.
    pub(crate) fn root_pem(&self) -> &str {
        self.ca.certificate_pem()
    }

    /// A node's key and certificate, PEM.
    pub(crate) fn pem(&mut self, node: &NodeCode) -> Result<(String, String), Failure> {
        self.signer(node)?;
        let (key, certificate) = &self.given[node];
        Ok((key.0.clone(), certificate.clone()))
    }

    fn issue(&self, node: &NodeCode) -> Result<(KeyPem, String), Failure> {
        let key = KeyPem::generate(self.suite, &self.random).map_err(signing)?;
        let public = key.public(&self.random).map_err(signing)?;
        let serial = self.given.len() as u64 + 2;
        let terms = Terms { serial, from: self.from, until: self.from.plus(YEAR) };
        let name = NodeName {
            node: node.clone(),
            environment: Environment::Demo,
            regions: vec!["99".into()],
        };
        let certificate = self.ca.issue(&name, &public, terms, &self.random).map_err(signing)?;
        Ok((key, certificate))
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
