//! The validated configuration of one node process file: what workers read.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;

use canon::{Lane, NodeCode, Route};
use envelope::Suite;

use super::audit::AuditConfig;
use super::brokers::BrokerConfig;
use super::database::StoreUrl;
use super::foreign::{Database, Isolation};
use super::lanes::{LaneBudget, Window};
use super::limits::Limits;
use super::listen::{AdminConfig, ListenConfig, PostConfig};
use super::outlets::OutletConfig;
use super::problem::At;
use super::program::Program;
use super::quota::Quota;
use super::remote::Remote;
use super::rest::AtRest;
use super::secret::SecretRef;
use super::spool::SpoolConfig;
use super::trust::{Identity, TrustConfig};

/// One configuration file, validated: a store, the identities in it, their links and work.
#[derive(Clone, Debug)]
pub struct NodeConfig {
    /// The file, as it was named.
    pub file: Arc<str>,
    /// Name for people.
    pub title: String,
    /// Folder of everything this node writes; paths below are relative to the file's folder.
    pub data: PathBuf,
    /// Where the facts lie.
    pub store: StoreUrl,
    /// Folder of the format (annotated XSDs); none is the one that comes with the program,
    /// `supervision/1`.
    pub format: Option<PathBuf>,
    /// Folders of further formats, for routes that say their edition.
    pub formats: Vec<PathBuf>,
    /// Folders and files of open code lists (regions, items).
    pub lists: Vec<PathBuf>,
    /// The node whose code tables, sent as records, are put in force; none is nobody's.
    pub publisher: Option<NodeCode>,
    /// The archive; none is no archive, and nothing of records is ever purged.
    pub archive: Option<ArchiveConfig>,
    /// Where the audit chain is forwarded to; none is nowhere.
    pub audit: Option<AuditConfig>,
    /// Whom it believes.
    pub trust: TrustConfig,
    /// Who signs here; at least one.
    pub identities: Vec<Identity>,
    /// Brokers of all identities.
    pub brokers: Vec<BrokerConfig>,
    /// Links of all identities.
    pub links: Vec<Link>,
    /// Routes of all identities.
    pub routes: Vec<RouteConfig>,
    /// What a middle tier does with what passes.
    pub relay: RelayConfig,
    /// Sources.
    pub adapters: Vec<AdapterConfig>,
    /// Where departments post to.
    pub listen: Option<ListenConfig>,
    /// Where its pages are served.
    pub admin: Option<AdminConfig>,
    /// Where kept records go.
    pub sinks: Vec<SinkConfig>,
    /// Platforms behind identities.
    pub outlets: Vec<OutletConfig>,
    /// Limits.
    pub limits: Limits,
    /// Hours and budgets of lanes on every link that says nothing else.
    pub lanes: BTreeMap<Lane, LaneBudget>,
    /// What single senders may bring, in place of the usual.
    pub quotas: BTreeMap<NodeCode, Quota>,
}

/// What carries parcels over a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Carrier {
    /// Within the process.
    Local,
    /// A broker.
    Amqp,
    /// Files, for a gate or a disk.
    Spool,
}

/// A link of one identity to one peer.
#[derive(Clone, Debug)]
pub struct Link {
    /// Whose link.
    pub identity: NodeCode,
    /// Name, unique within the identity.
    pub name: Arc<str>,
    /// The node at the other end.
    pub peer: NodeCode,
    /// What carries its parcels.
    pub carrier: Carrier,
    /// The broker that an `amqp` link lives on.
    pub broker: Option<Arc<str>>,
    /// How a `spool` link lays its files.
    pub spool: Option<SpoolConfig>,
    /// Whether everything without a nearer way goes here.
    pub parent: bool,
    /// Nodes reached through the peer, besides the peer itself. Their envelopes, and no others, may
    /// come by this link; by the parent's, whatever does not lie beneath another link.
    pub beneath: BTreeSet<NodeCode>,
    /// The suite of what this identity itself says to nodes behind it (receipts, inquiries,
    /// manifests); none is the suite of its first key.
    pub suite: Option<Suite>,
    /// Suites in which senders behind it are believed; none is what `[trust]` says.
    pub accepts: Option<Vec<Suite>>,
    /// Hours and budgets of its lanes, in place of those of all links.
    pub lanes: BTreeMap<Lane, LaneBudget>,
    /// Where it stands.
    pub at: At,
}

/// Where an identity's own records go.
#[derive(Clone, Debug)]
pub struct RouteConfig {
    /// Whose route.
    pub identity: NodeCode,
    /// The node whose receipt settles.
    pub destination: NodeCode,
    /// Format edition, such as `supervision/1`.
    pub edition: Arc<str>,
    /// Suite.
    pub suite: Arc<str>,
    /// Lanes for records; the control lane is always there.
    pub lanes: Vec<Lane>,
    /// Certificates for encryption of everybody who reads its bodies, besides the identity itself; none
    /// where they go in the clear.
    pub readers: Vec<PathBuf>,
    /// Where it stands.
    pub at: At,
}

impl RouteConfig {
    /// The route in one of its lanes.
    pub fn route(&self, lane: Lane) -> Route {
        Route {
            destination: self.destination.clone(),
            edition: Arc::clone(&self.edition),
            suite: Arc::clone(&self.suite),
            lane,
        }
    }
}

/// What a middle tier does with envelopes for another node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Treatment {
    /// Pass the bytes on.
    Relay,
    /// Verify, validate, keep a copy, pass the bytes on.
    Keep,
}

/// Treatments: the first rule that fits, else the default.
#[derive(Clone, Debug)]
pub struct RelayConfig {
    /// Where no rule fits.
    pub default: Treatment,
    /// Rules in order.
    pub rules: Vec<RelayRule>,
}

/// A treatment for some envelopes; what is not named fits all.
#[derive(Clone, Debug)]
pub struct RelayRule {
    /// Sender.
    pub origin: Option<NodeCode>,
    /// Destination.
    pub destination: Option<NodeCode>,
    /// Format edition.
    pub edition: Option<Arc<str>>,
    /// What is done.
    pub treatment: Treatment,
}

impl RelayConfig {
    /// What is done with `origin`'s envelope on `route`.
    pub fn treatment(&self, origin: &NodeCode, route: &Route) -> Treatment {
        let fits = |rule: &&RelayRule| {
            rule.origin.as_ref().is_none_or(|o| o == origin)
                && rule.destination.as_ref().is_none_or(|d| *d == route.destination)
                && rule.edition.as_ref().is_none_or(|e| *e == route.edition)
        };
        self.rules.iter().find(fits).map_or(self.default, |rule| rule.treatment)
    }
}

/// Whether a source brings today's cases or old ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Nature {
    /// Today's: the live lane.
    Live,
    /// Old ones: the bulk lane.
    History,
}

impl Nature {
    /// The lane its records take.
    pub const fn lane(self) -> Lane {
        match self {
            Self::Live => Lane::Live,
            Self::History => Lane::Bulk,
        }
    }
}

/// One source, read through an adapter package.
#[derive(Clone, Debug)]
pub struct AdapterConfig {
    /// Whose records they are.
    pub identity: NodeCode,
    /// Name, unique within the identity; the package folder's name if not given.
    pub name: Arc<str>,
    /// The package's folder.
    pub package: PathBuf,
    /// Where its records go, one or several; a route leads to each.
    pub destinations: Vec<NodeCode>,
    /// Today's cases or history.
    pub nature: Nature,
    /// Unit code or name its keys belong to, where the package leaves it to the node.
    pub namespace: Option<Arc<str>>,
    /// Pause between two reads, ms.
    pub interval: i64,
    /// Where the rows are.
    pub source: SourceConfig,
    /// Where it stands.
    pub at: At,
}

impl AdapterConfig {
    /// The route its records take to one of its destinations.
    pub fn route_to(&self, node: &NodeConfig, destination: &NodeCode) -> Option<Route> {
        let own = |r: &&RouteConfig| {
            r.identity == self.identity
                && r.destination == *destination
                && r.lanes.contains(&self.nature.lane())
        };
        node.routes.iter().find(own).map(|r| r.route(self.nature.lane()))
    }

    /// The routes its records take, one a destination.
    pub fn routes<'a>(&'a self, node: &'a NodeConfig) -> impl Iterator<Item = Route> + 'a {
        self.destinations.iter().filter_map(|destination| self.route_to(node, destination))
    }
}

/// Where an adapter's rows are, and what the node says otherwise than the package.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SourceConfig {
    /// The drop folder of a file source.
    pub folder: Option<PathBuf>,
    /// The database of a table source.
    pub database: Option<Database>,
    /// The web service of a source that is asked.
    pub remote: Option<Remote>,
    /// The program of a source that is run.
    pub program: Option<Program>,
    /// What the package asks for by name and others may not see.
    pub secrets: BTreeMap<Arc<str>, SecretRef>,
    /// What the package asks for by name.
    pub values: BTreeMap<Arc<str>, Arc<str>>,
    /// How a department posts to it.
    pub post: Option<PostConfig>,
    /// What its owner allows.
    pub reading: SourceReading,
    /// Instead of the package's `files`: `*` and `?` as usual.
    pub files: Option<String>,
    /// Instead of the package's time for which a file must not have grown, ms.
    pub settle: Option<i64>,
    /// Instead of the package's overlap window, ms.
    pub overlap: Option<i64>,
    /// The folder of old files for a back-fill of a file source.
    pub history: Option<PathBuf>,
}

/// What the owner of a source's database allows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SourceReading {
    /// How much our transactions see of others; committed rows if not said.
    pub isolation: Option<Isolation>,
    /// Texts are GBK bytes whatever their columns are declared as; instead of the package's.
    pub gb18030: Option<bool>,
    /// Longest statement, ms; instead of the limit's.
    pub statement_timeout: Option<i64>,
    /// Most rows of one fetch; instead of the limit's.
    pub rows_max: Option<i64>,
    /// Hours in which it may be read; none is the whole day.
    pub hours: Vec<Window>,
}

/// Where kept records go.
#[derive(Clone, Debug)]
pub struct SinkConfig {
    /// Whose kept records.
    pub identity: NodeCode,
    /// Name, unique within the identity.
    pub name: Arc<str>,
    /// Kind and place.
    pub kind: SinkKind,
    /// Where it stands.
    pub at: At,
}

/// Kinds of sinks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SinkKind {
    /// Files in a folder, relative to the data folder.
    Files(PathBuf),
    /// Typed tables, one for each record type.
    SqlTables {
        /// The database; a SQLite file is relative to the data folder.
        database: Database,
        /// Before the name of every table.
        prefix: Arc<str>,
    },
    /// A service that takes records.
    Webhook {
        /// Where it is.
        remote: Remote,
        /// Key of the signature over each request.
        key: SecretRef,
    },
}

/// Where closed windows are archived.
#[derive(Clone, Debug)]
pub struct ArchiveConfig {
    /// The folder, below which each identity has its own.
    pub folder: PathBuf,
    /// For whom its files are encrypted besides the identity itself, or why they are not.
    pub rest: AtRest,
    /// A time-stamping authority over its head.
    pub tsa: Option<Remote>,
}

impl NodeConfig {
    /// An identity by its code.
    pub fn identity(&self, code: &NodeCode) -> Option<&Identity> {
        self.identities.iter().find(|i| i.code == *code)
    }

    /// The links of an identity.
    pub fn links_of<'a>(&'a self, identity: &'a NodeCode) -> impl Iterator<Item = &'a Link> {
        self.links.iter().filter(move |l| l.identity == *identity)
    }

    /// The brokers of an identity.
    pub fn brokers_of<'a>(
        &'a self,
        identity: &'a NodeCode,
    ) -> impl Iterator<Item = &'a BrokerConfig> {
        self.brokers.iter().filter(move |b| b.identity == *identity)
    }

    /// The link to the parent, if this identity has one.
    pub fn parent_link(&self, identity: &NodeCode) -> Option<&Link> {
        self.links.iter().find(|l| l.identity == *identity && l.parent)
    }

    /// The next hop from an identity to a node: the link that names exactly that code, else the
    /// parent (protocol §6).
    pub fn next_hop(&self, identity: &NodeCode, to: &NodeCode) -> Option<&Link> {
        let names =
            |l: &&Link| l.identity == *identity && (l.peer == *to || l.beneath.contains(to));
        self.links.iter().find(names).or_else(|| self.parent_link(identity))
    }

    /// The routes of an identity.
    pub fn routes_of<'a>(
        &'a self,
        identity: &'a NodeCode,
    ) -> impl Iterator<Item = &'a RouteConfig> {
        self.routes.iter().filter(move |r| r.identity == *identity)
    }

    /// The adapters of an identity.
    pub fn adapters_of<'a>(
        &'a self,
        identity: &'a NodeCode,
    ) -> impl Iterator<Item = &'a AdapterConfig> {
        self.adapters.iter().filter(move |a| a.identity == *identity)
    }

    /// The outlet of an identity, if a platform stands behind it.
    pub fn outlet_of(&self, identity: &NodeCode) -> Option<&OutletConfig> {
        self.outlets.iter().find(|o| o.identity == *identity)
    }

    /// The sinks of an identity.
    pub fn sinks_of<'a>(&'a self, identity: &'a NodeCode) -> impl Iterator<Item = &'a SinkConfig> {
        self.sinks.iter().filter(move |s| s.identity == *identity)
    }
}
