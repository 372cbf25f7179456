//! From validated configurations to nodes with their workers.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use adapt::{Mapping, Package};
use bus::{Bus, LocalBus};
use canon::format::{Format, OpenLists};
use canon::{Lane, Millis, NodeCode, Route};
use edge::Source;
use edge::push::Posted;
use envelope::KeyRing;
use exchange::archive::{ARCHIVE_ROWS_MAX, Archive, Terms};
use exchange::authority::Tables;
use exchange::backfill::Backfill;
use exchange::code_tables::{self, CodeTables};
use exchange::collect::{Adapter, Collect, Target};
use exchange::config::{AdapterConfig, Carrier, Identity, Nature, NodeConfig, StoreUrl};
use exchange::deliver::Deliver;
use exchange::forward::Forward;
use exchange::outlet::Outlet;
use exchange::{Fairness, Leases, Link, Lists, Node, Signers, Way, WorkError, Worker};
use store::memory::MemoryWorld;
use store::sqlite::SqliteStore;
use store::{PostgresStore, SharedStore};

use crate::archives::{self, FolderVault};
use crate::commands::adapter as packages;
use crate::desk::Desk;
use crate::lists::{self, ListFiles};
use crate::open::Formats;
use crate::posts::{Inlet, Posts};
use crate::revocation::Revocation;
use crate::stores::postgres_settings;
use crate::text::{Failure, Finding};
use crate::{carriers, files, instance, open, outlets, sinks, sources, syslog};

/// One identity at work.
pub(crate) struct Running {
    /// The node.
    pub(crate) node: Arc<Node>,
    /// Its workers.
    pub(crate) workers: Vec<Box<dyn Worker>>,
}

/// Everything one process runs.
pub(crate) struct Process {
    /// Identities, in the order of the configurations.
    pub(crate) running: Vec<Running>,
    /// Where departments post to, where they do.
    pub(crate) inlet: Option<Inlet>,
}

/// What may stand between nodes and what they work with.
pub(crate) trait Between: Sync {
    /// Before a node's carrier.
    fn carrier(&self, carrier: Arc<dyn Bus>) -> Arc<dyn Bus> {
        carrier
    }

    /// Before a node's store.
    fn store(&self, node: &NodeCode, store: SharedStore) -> SharedStore {
        let _ = node;
        store
    }
}

/// Nothing stands between.
impl Between for () {}

/// Opens stores, keys, formats, adapters and sinks of every identity. `between` may stand before
/// stores and carriers.
pub(crate) async fn process(
    mut configs: Vec<NodeConfig>,
    now: Millis,
    between: &dyn Between,
) -> Result<Process, Failure> {
    let codes: Vec<NodeCode> =
        configs.iter().flat_map(|c| c.identities.iter().map(|i| i.code.clone())).collect();
    let local: Arc<dyn Bus> = Arc::new(LocalBus::new(codes));
    let (mut running, mut posts) = (Vec::new(), Posts::default());
    for config in &mut configs {
        instance::name(&mut config.store)?;
        let format = found(open::format_of(config)?)?;
        let formats = found(open::formats_of(config)?)?;
        let lists = lists::open(&config.lists)?;
        let stores = stores(config).await?;
        for identity in &config.identities {
            let store = between.store(&identity.code, stores.of(&identity.code).await?);
            instance::alone_of_its_name(config, &store, now).await?;
            let carrier = between.carrier(carriers::of(config, identity, &local, now)?);
            let node = node(config, identity, store, carrier, (&format, &formats), &lists, now)?;
            if let Some(publisher) = publisher_for(config, &identity.code) {
                let failed = |e: WorkError| {
                    Failure::environment(e.to_string(), format!("下发的代码表不可用：{e}"))
                };
                code_tables::take_up(&node, publisher).await.map_err(failed)?;
            }
            let lying = crate::readers::plain(config, &identity.code);
            exchange::plainly::told(&node.store, &lying, now).await.map_err(work_failure)?;
            let workers = workers(config, (identity, &node), &format, &mut posts, now)?;
            running.push(Running { node, workers });
        }
    }
    let inlet = posts.inlet(&configs);
    Ok(Process { running, inlet })
}

/// The stores of one configuration file.
pub(crate) enum Stores {
    /// Gone with the process.
    Memory(MemoryWorld),
    /// One file.
    Sqlite(SqliteStore),
    /// One schema, perhaps shared with other processes.
    Postgres(PostgresStore),
}

impl Stores {
    /// The handle of one identity.
    pub(crate) async fn of(&self, code: &NodeCode) -> Result<SharedStore, Failure> {
        match self {
            Self::Memory(world) => Ok(world.open(code).shared()),
            Self::Sqlite(store) => store.identity(code).await.map_err(store_failure),
            Self::Postgres(store) => store.identity(code).await.map_err(store_failure),
        }
    }
}

/// Opens the store of a configuration file.
pub(crate) async fn stores(config: &NodeConfig) -> Result<Stores, Failure> {
    match &config.store {
        StoreUrl::Memory => Ok(Stores::Memory(MemoryWorld::new())),
        StoreUrl::Sqlite(path) => {
            if let Some(folder) = path.parent() {
                std::fs::create_dir_all(folder).map_err(|e| files::cannot(folder, &e))?;
            }
            Ok(Stores::Sqlite(SqliteStore::open(path).await.map_err(store_failure)?))
        }
        StoreUrl::Postgres(schema) => {
            let settings = postgres_settings(schema, config)?;
            Ok(Stores::Postgres(PostgresStore::open(&settings).await.map_err(store_failure)?))
        }
    }
}

pub(crate) fn store_failure(e: store::StoreError) -> Failure {
    Failure::environment(e.to_string(), format!("存储不可用：{e}"))
}

pub(crate) fn work_failure(e: WorkError) -> Failure {
    Failure::environment(e.to_string(), format!("存储不可用：{e}"))
}

fn found<T>(result: Result<T, Vec<Finding>>) -> Result<T, Failure> {
    result.map_err(|findings| open::problems(&findings))
}

fn node(
    config: &NodeConfig,
    identity: &Identity,
    store: SharedStore,
    carrier: Arc<dyn Bus>,
    (format, formats): (&Arc<Format>, &Formats),
    lists: &OpenLists,
    now: Millis,
) -> Result<Arc<Node>, Failure> {
    let material =
        crate::identity::identity(config, identity, now)?.map_err(|f| open::problems(&[f]))?;
    let former = crate::identity::former(identity)?;
    let trust = open::trust(config, identity.environment)?;
    let mut own = material.signers;
    let signers = Signers::new(own.remove(0), own);
    let mut adapters = BTreeMap::new();
    let mut owes: BTreeMap<Route, Vec<Arc<str>>> = BTreeMap::new();
    for adapter in config.adapters_of(&identity.code) {
        let package = found(open::package(adapter, format)?)?;
        adapters.insert(adapter.name.to_string(), package.version.text.clone());
        for route in adapter.routes(config) {
            let format = formats.get(&*route.edition).unwrap_or(format);
            owes.entry(route).or_default().extend(kinds(&package, format));
        }
    }
    for kinds in owes.values_mut() {
        kinds.sort_unstable();
        kinds.dedup();
    }
    // Only one process has memory or a locked file, so a restart holds the leases that the killed
    // process held, instead of waiting until they run out.
    let shared = config.store.instance().is_some();
    let held = if shared { Leases::shared() } else { Leases::default() };
    Ok(Arc::new(Node {
        code: identity.code.clone(),
        environment: identity.environment,
        holder: config.store.instance().unwrap_or(identity.code.as_str()).to_owned(),
        store,
        bus: carrier,
        formats: formats.clone(),
        lists: Lists::new(lists.clone()),
        trust: Arc::new(trust),
        signers,
        opens: Arc::new(KeyRing::new([material.encryption.clone(), former].concat())),
        rests: crate::readers::of_own(identity, &material.encryption)?,
        readers: crate::readers::of(config, identity, &material.encryption, now)?,
        links: links(config, identity),
        adapters,
        owes: owes.into_iter().collect(),
        relay: config.relay.clone(),
        limits: config.limits.clone(),
        seed: seed(&identity.code),
        held,
        fair: fairness(config, identity),
        inbox_depth: 0.into(),
        tables: Tables::of(config.trust.authority.clone()),
        errands: Default::default(),
        dead: Default::default(),
    }))
}

/// Whose code tables an identity puts in force: its own are in its files.
fn publisher_for<'a>(config: &'a NodeConfig, code: &NodeCode) -> Option<&'a NodeCode> {
    config.publisher.as_ref().filter(|publisher| *publisher != code)
}

/// What an archive needs to know; whoever still reads judged envelopes holds up purging.
fn archive_terms(config: &NodeConfig, node: &Node) -> Terms {
    let mut sinks: Vec<String> =
        config.sinks_of(&node.code).map(|sink| sink.name.to_string()).collect();
    sinks.extend(publisher_for(config, &node.code).map(code_tables::watermark));
    Terms {
        keep: node.limits.archive_keep,
        file_bytes: node.limits.archive_file_bytes,
        alg: node.signers.first().suite().digest(),
        sinks,
        rows: ARCHIVE_ROWS_MAX,
        closes: None,
    }
}

/// Jitter differs from node to node and is the same at every start.
pub(crate) fn seed(code: &NodeCode) -> u64 {
    let digest = canon::DigestAlg::default().of(&[code.as_str().as_bytes()]);
    digest.bytes.iter().take(8).fold(0, |n, b| n << 8 | u64::from(*b))
}

fn kinds(package: &Package, format: &Format) -> Vec<Arc<str>> {
    let ty = |name: &str| format.type_by_name(name).or_else(|| format.type_by_wire(name));
    package
        .records
        .iter()
        .filter_map(|block| ty(&block.ty.text))
        .map(|ty| Arc::clone(&format.get(ty).wire))
        .collect()
}

fn fairness(config: &NodeConfig, identity: &Identity) -> Fairness {
    let lanes = crate::stores::lanes(config, &identity.code);
    let lanes = lanes.into_iter().map(|(link, lane, budget)| ((link, lane), budget));
    Fairness::new(lanes, config.quotas.clone())
}

pub(crate) fn links(config: &NodeConfig, identity: &Identity) -> Vec<Link> {
    config
        .links_of(&identity.code)
        .map(|link| Link {
            name: link.name.clone(),
            peer: link.peer.clone(),
            parent: link.parent,
            beneath: link.beneath.iter().cloned().collect(),
            overdue: overdue(config, link),
            way: link.spool.as_ref().map_or_else(Way::default, |spool| Way {
                grace: Some(spool.grace),
                inquiry: Some(spool.inquiry),
                back: spool.back,
            }),
            suite: link.suite,
            accepts: link.accepts.clone(),
        })
        .collect()
}

/// A carrier that is slower than this process gives receipts more time.
fn overdue(config: &NodeConfig, link: &exchange::config::Link) -> Option<i64> {
    match link.carrier {
        Carrier::Local => None,
        Carrier::Amqp => Some(config.limits.amqp_receipt_overdue),
        Carrier::Spool => link.spool.as_ref().map(|spool| spool.overdue),
    }
}

fn workers(
    config: &NodeConfig,
    (identity, node): (&Identity, &Arc<Node>),
    format: &Arc<Format>,
    posts: &mut Posts,
    now: Millis,
) -> Result<Vec<Box<dyn Worker>>, Failure> {
    let mut workers: Vec<Box<dyn Worker>> = Vec::new();
    for adapter in config.adapters_of(&node.code) {
        workers.push(Box::new(backfill(config, node, adapter, format)?));
        let adapter = adapter_of(config, node, adapter, format, posts)?;
        workers.push(Box::new(Collect::new(Arc::clone(node), adapter)));
    }
    if let Some(publisher) = publisher_for(config, &node.code) {
        workers.push(Box::new(CodeTables::new(Arc::clone(node), publisher.clone())));
    }
    if let Some(wanted) = &config.archive {
        let vault = Box::new(FolderVault(wanted.folder.join(node.code.as_str())));
        let closes = crate::readers::of_archive(config, identity, &wanted.rest, now)?;
        let terms = Terms { closes, ..archive_terms(config, node) };
        let mut archive = Archive::new(Arc::clone(node), vault, terms);
        if let Some(tsa) = &wanted.tsa {
            archive = archive.stamped_by(Box::new(archives::Tsa::new(tsa, &config.limits)?));
        }
        workers.push(Box::new(archive));
    }
    if let Some(audit) = &config.audit {
        let collector = syslog::open(&node.code, audit, &config.limits)?;
        workers.push(Box::new(Forward::new(Arc::clone(node), collector)));
    }
    workers.push(Box::new(ListFiles::new(Arc::clone(node), &config.lists)));
    workers.push(Box::new(Desk::new(Arc::clone(node), &config.data)));
    workers.push(Box::new(Revocation::new(Arc::clone(node), &config.trust.revocation)));
    let mut own = exchange::workers(node);
    if let Some(outlet) = config.outlet_of(&node.code) {
        let opened = found(outlets::open(outlet, format, &config.limits)?)?;
        let outlet = Outlet::new(Arc::clone(node), opened.target, opened.port);
        // What is for a platform is judged with it, not before it.
        own.retain(|worker| worker.name() != "accept");
        own.push(Box::new(outlet));
    }
    workers.extend(own);
    for sink in config.sinks_of(&node.code) {
        let opened =
            sinks::open(&node.code, sink, &node.formats, format.edition(), &config.limits)?;
        workers.push(Box::new(Deliver::new(Arc::clone(node), &sink.name, opened)));
    }
    Ok(workers)
}

fn adapter_of(
    config: &NodeConfig,
    node: &Node,
    adapter: &AdapterConfig,
    format: &Arc<Format>,
    posts: &mut Posts,
) -> Result<Adapter, Failure> {
    let package = found(open::package(adapter, format)?)?;
    let source: Box<dyn Source> = match &package.source {
        adapt::Source::Push(source) => {
            let door = posts.door(adapter, (&package, source), &config.limits, &node.store)?;
            Box::new(Posted::new(door))
        }
        _ => sources::open(config, adapter, &package)?,
    };
    made(config, &node.formats, adapter, package, source)
}

/// An adapter over a source, with a target for each destination among these formats.
pub(crate) fn made(
    config: &NodeConfig,
    formats: &Formats,
    adapter: &AdapterConfig,
    package: Package,
    source: Box<dyn Source>,
) -> Result<Adapter, Failure> {
    let mut targets = Vec::with_capacity(adapter.destinations.len());
    for destination in &adapter.destinations {
        let route = adapter.route_to(config, destination).ok_or_else(|| no_route(adapter))?;
        let format = formats.get(&*route.edition).ok_or_else(|| no_format(&route))?;
        let mapping = Mapping::compile(&package, format)
            .map_err(|problems| open::problems(&packages::findings(&adapter.package, problems)))?;
        targets.push(Target {
            mapping: Arc::new(mapping),
            format: Arc::clone(format),
            bulk: Route { lane: Lane::Bulk, ..route.clone() },
            live: route,
        });
    }
    Ok(Adapter {
        name: Arc::clone(&adapter.name),
        source: Mutex::new(source),
        namespace: adapter.namespace.clone().unwrap_or_else(|| adapter.identity.as_str().into()),
        targets,
        history: adapter.nature == Nature::History,
        // What is posted is not waited for: it rings.
        interval: if matches!(package.source, adapt::Source::Push(_)) {
            0
        } else {
            adapter.interval
        },
        package: Arc::new(package),
    })
}

fn no_route(adapter: &AdapterConfig) -> Failure {
    Failure::usage(
        format!("adapter `{}` has no route; run `tiergate check config`", adapter.name),
        format!("适配器 {} 没有上报路由，请运行 tiergate check config", adapter.name),
    )
}

fn no_format(route: &Route) -> Failure {
    let edition = &route.edition;
    Failure::usage(
        format!("no format here is `{edition}`; name its folder in [format] further"),
        format!("本节点没有格式『{edition}』，请在 [format] further 中写明其目录"),
    )
}

/// The back-fill of an adapter whose service is stopped, with its node.
pub(crate) async fn backfill_alone(
    config: &NodeConfig,
    code: &NodeCode,
    adapter: &str,
) -> Result<(Arc<Node>, Backfill), Failure> {
    let process = process(vec![config.clone()], crate::os::now(), &()).await?;
    let format = found(open::format_of(config)?)?;
    let node = process.running.iter().find(|r| r.node.code == *code).map(|r| Arc::clone(&r.node));
    let wanted = config.adapters_of(code).find(|a| *a.name == *adapter);
    let (Some(node), Some(wanted)) = (node, wanted) else {
        return Err(Failure::usage(
            format!("there is no adapter `{adapter}` of `{code}`"),
            format!("『{code}』没有适配器『{adapter}』"),
        ));
    };
    drop(process);
    let worker = backfill(config, &node, wanted, &format)?;
    Ok((node, worker))
}

/// The back-fill of an adapter: its rows of some days, or the files of its folder for old ones.
pub(crate) fn backfill(
    config: &NodeConfig,
    node: &Arc<Node>,
    adapter: &AdapterConfig,
    format: &Arc<Format>,
) -> Result<Backfill, Failure> {
    let package = found(open::package(adapter, format)?)?;
    let opener = sources::history(adapter, &package, &config.limits);
    let made = made(config, &node.formats, adapter, package, Box::new(edge::Nothing))?;
    Ok(Backfill::new(Arc::clone(node), made, opener))
}
