//! The stores of configured nodes, for commands that ask them.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use canon::{Lane, NodeCode};
use clap::Args;
use exchange::config::{LaneBudget, NodeConfig, PostgresConfig, PostgresTls, StoreUrl, tier_order};
use store::{PostgresStore, SharedStore, SqliteStore, StoreError, postgres};

use crate::drops::{self, DropView};
use crate::expiry::{self, Paper};
use crate::files;
use crate::gates::{self, GateView};
use crate::open;
use crate::syslog;
use crate::text::Failure;

/// Which nodes are asked.
#[derive(Debug, Args)]
pub(crate) struct NodesArg {
    /// Configuration files
    #[arg(long, value_name = "FILE", num_args = 1.., required_unless_present = "data")]
    config: Vec<PathBuf>,
    /// A folder whose subfolders hold a node.toml each, as `tiergate demo --keep` leaves it
    #[arg(long, value_name = "FOLDER", conflicts_with = "config")]
    data: Option<PathBuf>,
    /// Only the node of this code
    #[arg(long, value_name = "CODE")]
    node: Option<String>,
}

impl NodesArg {
    /// Those of options of a command's own, where naming nodes is left to the user.
    pub(crate) const fn of(
        config: Vec<PathBuf>,
        data: Option<PathBuf>,
        node: Option<String>,
    ) -> Self {
        Self { config, data, node }
    }

    /// Whether this node is meant.
    pub(crate) fn means(&self, code: &NodeCode) -> bool {
        self.node.as_deref().is_none_or(|wanted| wanted == code.as_str())
    }
}

/// What a command does with a store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Access {
    /// Only looks; works beside a running service.
    Read,
    /// Acts; the service must not have the file open (it may have the schema).
    Write,
}

/// One identity with its store.
pub(crate) struct Tier {
    /// Name for people.
    pub(crate) title: String,
    /// Node code.
    pub(crate) code: NodeCode,
    /// Its facts.
    pub(crate) store: SharedStore,
    /// Days the owning unit gets for a returned row.
    pub(crate) return_days: i64,
    /// Hours and budgets of its lanes, by link.
    pub(crate) lanes: Vec<(Arc<str>, Lane, LaneBudget)>,
    /// Where its routes lead.
    pub(crate) destinations: Vec<NodeCode>,
    /// Names of its sinks.
    pub(crate) sinks: Vec<Arc<str>>,
    /// Its links over files.
    pub(crate) gates: Vec<GateView>,
    /// Its certificates and those it believes.
    pub(crate) papers: Vec<Paper>,
    /// Its drop folders.
    pub(crate) drops: Vec<DropView>,
    /// The folder of its archive, and how long bytes stay in the store besides, ms.
    pub(crate) archive: Option<(PathBuf, i64)>,
    /// Where its audit chain is forwarded to.
    pub(crate) forwards: Option<Arc<str>>,
}

impl Tier {
    /// An identity of a configuration, with its store.
    pub(crate) fn of(node: &NodeConfig, code: &NodeCode, store: SharedStore) -> Self {
        let title = if node.title.is_empty() { code.to_string() } else { node.title.clone() };
        let keep = node.limits.archive_keep;
        Self {
            title,
            code: code.clone(),
            store,
            return_days: node.limits.return_days,
            lanes: lanes(node, code),
            destinations: node.routes_of(code).map(|r| r.destination.clone()).collect(),
            sinks: node.sinks_of(code).map(|s| s.name.clone()).collect(),
            gates: gates::of(node, code),
            papers: node.identity(code).map_or_else(Vec::new, |i| expiry::papers(node, i)),
            drops: drops::views(node, code),
            archive: node.archive.as_ref().map(|a| (a.folder.join(code.as_str()), keep)),
            forwards: node.audit.as_ref().map(syslog::place),
        }
    }

    /// A store's error with the node it concerns.
    pub(crate) fn failed(&self, error: &StoreError) -> Failure {
        failed(&self.code, error)
    }
}

fn failed(code: &NodeCode, error: &StoreError) -> Failure {
    Failure::environment(format!("{code}: {error}"), format!("{code}：存储出错：{error}"))
}

/// The configuration files that are meant.
pub(crate) fn config_files(args: &NodesArg) -> Result<Vec<PathBuf>, Failure> {
    let Some(data) = &args.data else { return Ok(args.config.clone()) };
    let entries = std::fs::read_dir(data).map_err(|e| files::cannot(data, &e))?;
    let mut found = Vec::new();
    for entry in entries {
        let path = entry.map_err(|e| files::cannot(data, &e))?.path().join("node.toml");
        if path.is_file() {
            found.push(path);
        }
    }
    found.sort();
    if found.is_empty() {
        let data = data.display();
        return Err(Failure::environment(
            format!(
                "{data} has no */node.toml; name the folder that `tiergate demo --keep --data` made"
            ),
            format!("{data} 下没有 */node.toml；请指明 tiergate demo --keep --data 所建的目录"),
        ));
    }
    Ok(found)
}

/// The identities that are meant, in tier order, each with its configuration.
pub(crate) fn identities(args: &NodesArg) -> Result<Vec<(NodeConfig, NodeCode)>, Failure> {
    let nodes = open::each_config(&config_files(args)?)?;
    let wanted = |code: &NodeCode| args.node.as_deref().is_none_or(|w| w == code.as_str());
    Ok(tier_order(&nodes)
        .into_iter()
        .filter(|(_, identity)| wanted(&identity.code))
        .map(|(node, identity)| (node.clone(), identity.code.clone()))
        .collect())
}

/// The one identity that is meant.
pub(crate) fn the_identity(args: &NodesArg) -> Result<(NodeConfig, NodeCode), Failure> {
    let mut all = identities(args)?;
    match (all.pop(), all.is_empty()) {
        (Some(one), true) => Ok(one),
        _ => Err(Failure::usage(
            "say which node is meant with --node CODE",
            "请用 --node 代码 指明是哪个节点",
        )),
    }
}

/// The store of an identity to write to; none while its service has it.
pub(crate) async fn free(
    node: &NodeConfig,
    code: &NodeCode,
) -> Result<Option<SharedStore>, Failure> {
    let path = match &node.store {
        StoreUrl::Memory => return Ok(None),
        StoreUrl::Sqlite(path) => path,
        // Whoever acts does it beside the running service.
        StoreUrl::Postgres(_) => return open_store(node, code, Access::Write).await.map(Some),
    };
    if !path.is_file() {
        return Err(not_there(code, path));
    }
    match SqliteStore::open_for(path, std::slice::from_ref(code)).await {
        Ok(store) => store.identity(code).await.map(Some).map_err(|e| failed(code, &e)),
        Err(StoreError::Refused(_)) => Ok(None),
        Err(e) => Err(failed(code, &e)),
    }
}

/// The identities that are meant, in tier order, each with its store.
pub(crate) async fn tiers(args: &NodesArg, access: Access) -> Result<Vec<Tier>, Failure> {
    let nodes = open::each_config(&config_files(args)?)?;
    let mut found = Vec::new();
    for (node, identity) in tier_order(&nodes) {
        let code = &identity.code;
        if args.node.as_deref().is_some_and(|wanted| wanted != code.as_str()) {
            continue;
        }
        let store = open_store(node, code, access).await?;
        found.push(Tier::of(node, code, store));
    }
    if found.is_empty() {
        let wanted = args.node.as_deref().unwrap_or_default();
        let known: Vec<&str> = tier_order(&nodes).iter().map(|(_, i)| i.code.as_str()).collect();
        let known = known.join(", ");
        return Err(Failure::usage(
            format!("there is no node `{wanted}` in these files; there are: {known}"),
            format!("这些配置中没有节点『{wanted}』，现有：{known}"),
        ));
    }
    Ok(found)
}

/// Hours and budgets of lanes, by link: a link's own, else those of all links.
pub(crate) fn lanes(node: &NodeConfig, code: &NodeCode) -> Vec<(Arc<str>, Lane, LaneBudget)> {
    let mut lanes = Vec::new();
    for link in node.links_of(code) {
        for lane in Lane::ALL {
            if let Some(budget) = link.lanes.get(lane).or_else(|| node.lanes.get(lane)) {
                lanes.push((link.name.clone(), *lane, budget.clone()));
            }
        }
    }
    lanes
}

pub(crate) async fn open_store(
    node: &NodeConfig,
    code: &NodeCode,
    access: Access,
) -> Result<SharedStore, Failure> {
    match &node.store {
        StoreUrl::Memory => Err(Failure::usage(
            format!("`{code}` keeps its facts in memory: only the running process knows them"),
            format!("『{code}』的数据只在内存中，仅运行中的进程可见"),
        )),
        StoreUrl::Sqlite(path) if !path.is_file() => Err(not_there(code, path)),
        StoreUrl::Sqlite(path) => {
            let opened = match access {
                Access::Read => SqliteStore::open_to_read(path).await,
                Access::Write => SqliteStore::open_for(path, std::slice::from_ref(code)).await,
            };
            let store = opened.map_err(|e| failed(code, &e))?;
            store.identity(code).await.map_err(|e| failed(code, &e))
        }
        StoreUrl::Postgres(schema) => {
            let settings = postgres_settings(schema, node)?;
            // Whoever acts does it beside the running service: each action is a fact by itself.
            let opened = match access {
                Access::Read => PostgresStore::open_to_read(&settings).await,
                Access::Write => {
                    PostgresStore::open_for(&settings, std::slice::from_ref(code)).await
                }
            };
            let store = opened.map_err(|e| failed(code, &e))?;
            store.identity(code).await.map_err(|e| failed(code, &e))
        }
    }
}

/// How to get to a PostgreSQL store.
pub(crate) fn postgres_settings(
    schema: &PostgresConfig,
    node: &NodeConfig,
) -> Result<postgres::Settings, Failure> {
    postgres_settings_of(schema, node.limits.store_connections)
}

/// The same with so many connections.
pub(crate) fn postgres_settings_of(
    schema: &PostgresConfig,
    connections: u32,
) -> Result<postgres::Settings, Failure> {
    let password = schema.password.as_ref().map(open::secret).transpose()?;
    Ok(postgres::Settings {
        url: schema.address(),
        password: password.map(|p| p.expose().trim_end_matches(['\r', '\n']).to_owned()),
        schema: schema.schema.to_string(),
        connections,
        tls: match schema.tls {
            PostgresTls::Disable => postgres::Tls::Disable,
            PostgresTls::Prefer => postgres::Tls::Prefer,
            PostgresTls::Require => postgres::Tls::Require,
            PostgresTls::VerifyFull => postgres::Tls::VerifyFull,
        },
        authority: schema.ca.clone(),
    })
}

fn not_there(code: &NodeCode, path: &Path) -> Failure {
    let path = path.display();
    Failure::environment(
        format!(
            "`{code}` has no store at {path} yet; start it once with `tiergate run --config …`"
        ),
        format!("『{code}』在 {path} 还没有存储；请先用 tiergate run --config … 启动一次"),
    )
}
