//! What only the configurations of one process together can show: links, ways, doubled names, files.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use canon::NodeCode;

use super::database::StoreUrl;
use super::listen;
use super::node::*;
use super::paths;
use super::problem::{At, Problems, nearest};
use super::spool::SpoolPlace;
use super::trust::{self, Identity};

/// What stands at a path. The cli asks the file system; tests ask a table.
pub trait Files {
    /// Facts of a file or folder; none if nothing is there.
    fn facts(&self, path: &Path) -> Option<FileFacts>;
}

/// Facts of a file or folder.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FileFacts {
    /// It is a folder.
    pub folder: bool,
    /// Others than its owner may read it (where the system knows such a thing).
    pub open: bool,
}

/// Every identity of the process with its file's configuration.
pub(crate) struct Process<'a> {
    nodes: &'a [NodeConfig],
    by_code: BTreeMap<&'a NodeCode, (&'a NodeConfig, &'a Identity)>,
}

/// Checks that need all files.
pub(crate) fn check(
    nodes: &[NodeConfig],
    files: &dyn Files,
    env: &BTreeMap<String, String>,
    problems: &mut Problems,
) {
    let process = Process::of(nodes, problems);
    process.stores(problems);
    process.gates(problems);
    listen::check(nodes, problems);
    for node in nodes {
        for identity in &node.identities {
            process.links(node, identity, problems);
            process.parents(node, identity, problems);
        }
        for route in &node.routes {
            process.way(node, route, problems);
        }
        for adapter in &node.adapters {
            adapter_route(node, adapter, problems);
        }
        trust::check(node, files, env, problems);
        paths::check(node, files, env, problems);
    }
}

impl<'a> Process<'a> {
    fn of(nodes: &'a [NodeConfig], problems: &mut Problems) -> Self {
        let mut by_code = BTreeMap::new();
        for node in nodes {
            for identity in &node.identities {
                match by_code.get(&identity.code) {
                    None => {
                        by_code.insert(&identity.code, (node, identity));
                    }
                    // Within one file the file's own reading says so.
                    Some((other, _)) if std::ptr::eq(*other, node) => {}
                    Some((other, _)) => {
                        let (code, file) = (&identity.code, &other.file);
                        problems.push(
                            "config.duplicate",
                            &identity.at,
                            "[identity] code",
                            format!("`{code}` stands in {file} too; a code belongs to one node"),
                            format!("『{code}』在 {file} 中已有，节点代码不可重复"),
                        );
                    }
                }
            }
        }
        Self { nodes, by_code }
    }

    fn stores(&self, problems: &mut Problems) {
        let mut seen: BTreeMap<String, &NodeConfig> = BTreeMap::new();
        for node in self.nodes {
            let store = match &node.store {
                StoreUrl::Memory => continue,
                StoreUrl::Sqlite(path) => path.display().to_string(),
                StoreUrl::Postgres(schema) => schema.to_string(),
            };
            if let Some(other) = seen.insert(store.clone(), node) {
                let file = &other.file;
                problems.push(
                    "config.duplicate",
                    &whole(node),
                    "[store] url",
                    format!("{store} is the store of {file} too; give each its own"),
                    format!("{store} 已是 {file} 的存储，请各用各的"),
                );
            }
        }
    }

    /// Two links over the same files would take one another's.
    fn gates(&self, problems: &mut Problems) {
        let mut seen: BTreeMap<PathBuf, &Link> = BTreeMap::new();
        for link in self.nodes.iter().flat_map(|n| &n.links) {
            let Some(SpoolPlace::Folders { base, out, incoming }) =
                link.spool.as_ref().map(|spool| &spool.place)
            else {
                continue;
            };
            let of =
                |given: &Option<PathBuf>, name| given.clone().unwrap_or_else(|| base.join(name));
            for (key, path) in
                [("folder", base.clone()), ("out", of(out, "out")), ("in", of(incoming, "in"))]
            {
                let shown = path.display().to_string();
                let Some(other) = seen.insert(path, link) else { continue };
                // `out` and `in` of one link are its own reading's to compare.
                if std::ptr::eq(other, link) {
                    continue;
                }
                let (name, identity) = (&other.name, &other.identity);
                problems.push(
                    "config.duplicate",
                    &link.at,
                    format!("[link.spool] {key}"),
                    format!("{shown} is a folder of link `{name}` of `{identity}` too; give each its own"),
                    format!("{shown} 已是『{identity}』的链路『{name}』的目录，请各用各的"),
                );
                break;
            }
        }
    }

    fn links(&self, node: &NodeConfig, identity: &Identity, problems: &mut Problems) {
        let mut named: BTreeSet<&NodeCode> = BTreeSet::new();
        for link in node.links_of(&identity.code) {
            for code in std::iter::once(&link.peer).chain(&link.beneath) {
                if !named.insert(code) {
                    problems.push(
                        "config.duplicate",
                        &link.at,
                        "[link] beneath",
                        format!(
                            "`{code}` is named by another link of `{}`; one link leads to a node",
                            identity.code
                        ),
                        format!(
                            "『{code}』已由『{}』的另一链路列出，一个节点只能有一条去路",
                            identity.code
                        ),
                    );
                }
            }
            self.peer(identity, link, problems);
        }
    }

    fn peer(&self, identity: &Identity, link: &Link, problems: &mut Problems) {
        let Some((there, peer)) = self.by_code.get(&link.peer) else {
            if link.carrier != Carrier::Local {
                return;
            }
            let others = self.by_code.keys().filter(|c| ***c != identity.code);
            let hint = nearest(link.peer.as_str(), others.map(|c| c.as_str()));
            problems
                .push(
                    "config.link_outside",
                    &link.at,
                    "[link] peer",
                    format!("`{}` is in none of the given files, and a `local` link ends within the process; give its file too (--config) or correct the code", link.peer),
                    format!("『{}』不在所给的任何文件中，而 local 链路不出本进程；请用 --config 一并给出其文件，或改正代码", link.peer),
                )
                .hint = hint;
            return;
        };
        let mut back = there.links_of(&link.peer).filter(|l| l.peer == identity.code);
        if let Some(back) = back.next() {
            if back.carrier != link.carrier {
                problems.push(
                    "config.no_way",
                    &link.at,
                    "[link] carrier",
                    format!(
                        "is not that of the link back from `{}`; a link has one carrier",
                        link.peer
                    ),
                    format!("与『{}』的回程链路不同，一条链路只用一种方式", link.peer),
                );
            }
        } else {
            problems.push(
                "config.no_way",
                &link.at,
                "[link] peer",
                format!(
                    "`{}` has no link back to `{}`: no receipt could return; add one in {}",
                    link.peer, identity.code, there.file
                ),
                format!(
                    "『{}』没有回到『{}』的链路，回执无法返回；请在 {} 中补上",
                    link.peer, identity.code, there.file
                ),
            );
        }
        if peer.environment != identity.environment {
            problems.push(
                "config.environment_mixed",
                &link.at,
                "[link] peer",
                format!(
                    "`{}` is {}, `{}` is {}: a node refuses other environments",
                    link.peer, peer.environment, identity.code, identity.environment
                ),
                format!(
                    "『{}』属 {}，『{}』属 {}，不同环境互不收报",
                    link.peer, peer.environment, identity.code, identity.environment
                ),
            );
        }
    }

    fn parents(&self, node: &NodeConfig, identity: &Identity, problems: &mut Problems) {
        let mut parents = node.links_of(&identity.code).filter(|l| l.parent);
        if let (Some(_), Some(second)) = (parents.next(), parents.next()) {
            problems.push(
                "config.duplicate",
                &second.at,
                "[link] parent",
                format!(
                    "`{}` has two parent links; at most one takes what has no nearer way",
                    identity.code
                ),
                format!("『{}』有两条上级链路，至多一条", identity.code),
            );
        }
        if self.depth(&identity.code).is_none() {
            problems.push(
                "config.no_way",
                &identity.at,
                "[link] parent",
                format!(
                    "the parent links from `{}` run in a circle; one node must be the top",
                    identity.code
                ),
                format!("从『{}』起的上级链路成环，必须有一个最高级", identity.code),
            );
        }
    }

    /// Number of parents above a node; none if they run in a circle.
    pub(crate) fn depth(&self, code: &NodeCode) -> Option<usize> {
        let mut at = code;
        for depth in 0..=self.by_code.len() {
            let parent = self.by_code.get(at).and_then(|(node, _)| node.parent_link(at));
            match parent {
                None => return Some(depth),
                Some(link) => at = &link.peer,
            }
        }
        None
    }

    fn way(&self, node: &NodeConfig, route: &RouteConfig, problems: &mut Problems) {
        if let Err(stuck) = self.walk(node, &route.identity, &route.destination) {
            let (from, to) = (&route.identity, &route.destination);
            let hint = nearest(to.as_str(), self.by_code.keys().map(|c| c.as_str()));
            problems
                .push(
                    "config.no_way",
                    &route.at,
                    "[route] destination",
                    format!("no way from `{from}` to `{to}`: it ends at `{stuck}`; name `{to}` in a link's `beneath`, or give a parent link"),
                    format!("从『{from}』到不了『{to}』，止于『{stuck}』；请在某链路的 beneath 中列出，或设上级链路"),
                )
                .hint = hint;
        }
    }

    /// Follows next hops within the process; the node where the way ends, if it does not lead there.
    fn walk(
        &self,
        node: &'a NodeConfig,
        from: &'a NodeCode,
        to: &NodeCode,
    ) -> Result<(), &'a NodeCode> {
        let (mut node, mut at) = (node, from);
        for _ in 0..=self.by_code.len() {
            if at == to {
                return Ok(());
            }
            let Some(link) = node.next_hop(at, to) else { return Err(at) };
            at = &link.peer;
            match self.by_code.get(at) {
                Some((next, _)) => node = next,
                // Another machine's, or the link itself is reported.
                None => return Ok(()),
            }
        }
        Err(at)
    }
}

/// Identities in tier order, the farthest from the top first; within a tier by code.
pub fn tier_order(nodes: &[NodeConfig]) -> Vec<(&NodeConfig, &Identity)> {
    let process = Process::of(nodes, &mut Problems::default());
    let mut all: Vec<_> =
        nodes.iter().flat_map(|n| n.identities.iter().map(move |i| (n, i))).collect();
    all.sort_by_key(|(_, i)| {
        (std::cmp::Reverse(process.depth(&i.code).unwrap_or(0)), i.code.clone())
    });
    all
}

/// The place that stands for a whole file.
pub(crate) fn whole(node: &NodeConfig) -> At {
    At { file: std::sync::Arc::clone(&node.file), line: 0, column: 0 }
}

fn adapter_route(node: &NodeConfig, adapter: &AdapterConfig, problems: &mut Problems) {
    for to in &adapter.destinations {
        if adapter.route_to(node, to).is_some() {
            continue;
        }
        let (name, lane, from) = (&adapter.name, adapter.nature.lane(), &adapter.identity);
        let hint = nearest(to.as_str(), node.routes.iter().map(|r| r.destination.as_str()));
        problems
            .push(
                "config.no_way",
                &adapter.at,
                "[adapter] destination",
                format!("`{name}` sends to `{to}`, but `{from}` has no [[route]] there with lane `{lane}`; add one"),
                format!("『{name}』报往『{to}』，但『{from}』没有到那里的 {lane} 通道 [[route]]，请补上"),
            )
            .hint = hint;
    }
}
