//! What stands on a broker, as data: names, arguments, who may do what.
//!
//! One topic exchange takes every parcel under the key `NODE.LANE`. Each node has one quorum queue
//! for each lane and one for what the broker gave up on. A queue's name carries a generation,
//! because a queue that has lost its leader can neither be used nor always be deleted: the next
//! generation takes its place. Which generation is in force is said by a *marker*, an exchange
//! without bindings that is named like the queue: it is metadata, which no queue's leader is needed
//! for, and everybody may look for it. A node has a marker too, so that looking for what was never
//! declared ends soon. Publishers know routing keys only and need no marker.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::str::FromStr;

use canon::{Lane, NodeCode};

/// Deliveries of one parcel after which the broker lays it aside. High, because a lost connection
/// raises the count of every parcel that was under way, and poison is judged in the inbox.
pub const DELIVERY_LIMIT: u32 = 1_000;
/// Highest generation of a queue.
pub const GENERATION_MAX: u32 = 64;

/// One of a node's queues.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Part {
    /// The parcels of a lane.
    Lane(Lane),
    /// What the broker gave up on.
    Dead,
}

impl Part {
    /// Every queue of a node, in the order they are consumed.
    pub const ALL: [Self; 4] =
        [Self::Lane(Lane::Control), Self::Lane(Lane::Live), Self::Lane(Lane::Bulk), Self::Dead];
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Lane(lane) => f.write_str(lane.as_str()),
            Self::Dead => f.write_str("dead"),
        }
    }
}

/// Names on a broker. Everyone on one virtual host uses the same prefix.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Names {
    prefix: String,
}

impl Names {
    /// Names under a prefix.
    pub fn new(prefix: &str) -> Self {
        Self { prefix: prefix.to_owned() }
    }

    /// The topic exchange that takes every parcel.
    pub fn exchange(&self) -> String {
        self.prefix.clone()
    }

    /// The exchange that dead letters go through.
    pub fn dead_exchange(&self) -> String {
        format!("{}.dead", self.prefix)
    }

    /// The key under which a part of a node is bound.
    pub fn key(&self, node: &NodeCode, part: Part) -> String {
        match part {
            Part::Lane(lane) => format!("{node}.{lane}"),
            Part::Dead => node.to_string(),
        }
    }

    /// The exchange a part is bound to.
    pub fn exchange_of(&self, part: Part) -> String {
        match part {
            Part::Lane(_) => self.exchange(),
            Part::Dead => self.dead_exchange(),
        }
    }

    /// A queue, and its marker: an exchange of the same name.
    pub fn queue(&self, node: &NodeCode, part: Part, generation: u32) -> String {
        format!("{}.{node}.{part}.g{generation}", self.prefix)
    }

    /// The marker of a node: it was declared, so a generation of each of its queues is in force.
    pub fn node(&self, node: &NodeCode) -> String {
        format!("{}.{node}.node", self.prefix)
    }

    /// What matches every queue of a node, and nothing of another node's.
    pub fn queues_pattern(&self, node: &NodeCode) -> String {
        let (prefix, node) = (quote(&self.prefix), quote(node.as_str()));
        format!("^{prefix}\\.{node}\\.(control|live|bulk|dead)\\.g[0-9]+$")
    }

    /// What matches the exchange that everyone publishes to, and nothing else.
    pub fn exchange_pattern(&self) -> String {
        format!("^{}$", quote(&self.prefix))
    }

    /// What matches the keys of some nodes' lanes, and nothing else; nothing at all for no nodes.
    pub fn keys_pattern<'a>(&self, nodes: impl IntoIterator<Item = &'a NodeCode>) -> String {
        let nodes: Vec<String> = nodes.into_iter().map(|n| quote(n.as_str())).collect();
        if nodes.is_empty() {
            return "^$".to_owned();
        }
        format!("^({})\\.(control|live|bulk)$", nodes.join("|"))
    }
}

/// A literal text in a regular expression. Codes and prefixes hold nothing special but dots; a dash
/// means something only within brackets.
fn quote(text: &str) -> String {
    text.replace('.', "\\.")
}

/// An argument of a queue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Argument {
    /// A text.
    Text(String),
    /// A number.
    Number(u64),
}

/// How much a queue holds; more is refused, so that its senders wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QueueLimits {
    /// Parcels.
    pub parcels: u64,
    /// Bytes.
    pub bytes: u64,
}

/// One node on a broker.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Place {
    /// Its user name; several nodes may share one.
    pub user: String,
    /// Whom it hands parcels to on this broker.
    pub peers: BTreeSet<NodeCode>,
}

/// Everything of ours on one virtual host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Topology {
    /// Names.
    pub names: Names,
    /// Nodes.
    pub nodes: BTreeMap<NodeCode, Place>,
    /// Limits of every queue.
    pub limits: QueueLimits,
}

impl Topology {
    /// The arguments of a node's queue.
    pub fn arguments(&self, node: &NodeCode, part: Part) -> Vec<(&'static str, Argument)> {
        let text = |t: &str| Argument::Text(t.to_owned());
        let mut arguments = vec![
            ("x-queue-type", text("quorum")),
            ("x-overflow", text("reject-publish")),
            ("x-max-length", Argument::Number(self.limits.parcels)),
            ("x-max-length-bytes", Argument::Number(self.limits.bytes)),
        ];
        if let Part::Lane(_) = part {
            let dead = self.names.dead_exchange();
            arguments.extend([
                ("x-delivery-limit", Argument::Number(DELIVERY_LIMIT.into())),
                ("x-dead-letter-exchange", Argument::Text(dead)),
                ("x-dead-letter-routing-key", Argument::Text(self.names.key(node, Part::Dead))),
                // At least once needs the overflow above.
                ("x-dead-letter-strategy", text("at-least-once")),
            ]);
        }
        arguments
    }

    /// Every user with the nodes that log in by it.
    pub fn users(&self) -> BTreeMap<&str, Vec<(&NodeCode, &Place)>> {
        let mut users: BTreeMap<&str, Vec<_>> = BTreeMap::new();
        for (node, place) in &self.nodes {
            users.entry(&place.user).or_default().push((node, place));
        }
        users
    }
}

/// A queue's name taken apart again: node, part, generation. For listings.
pub fn queue_of(prefix: &str, name: &str) -> Option<(NodeCode, Part, u32)> {
    let rest = name.strip_prefix(prefix)?.strip_prefix('.')?;
    let (rest, generation) = rest.rsplit_once(".g")?;
    let (node, part) = rest.rsplit_once('.')?;
    let part = match part {
        "dead" => Part::Dead,
        lane => Part::Lane(Lane::from_str(lane).ok()?),
    };
    Some((NodeCode::new(node)?, part, generation.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::node;

    #[test]
    fn a_queue_name_reads_back_whatever_the_code_looks_like() {
        let names = Names::new("tiergate");
        for code in ["county-990103", "a.live.g1", "a"] {
            for part in Part::ALL {
                let name = names.queue(&node(code), part, 7);
                assert_eq!(queue_of("tiergate", &name), Some((node(code), part, 7)), "{name}");
            }
        }
        assert_eq!(queue_of("tiergate", "other.a.live.g1"), None);
        assert_eq!(queue_of("tiergate", "tiergate.a.bulky.g1"), None);
    }

    #[test]
    fn patterns_match_own_names_as_literals() {
        let names = Names::new("tiergate");
        assert_eq!(
            names.queues_pattern(&node("a.b")),
            "^tiergate\\.a\\.b\\.(control|live|bulk|dead)\\.g[0-9]+$"
        );
        assert_eq!(
            names.keys_pattern([&node("a"), &node("b.c")]),
            "^(a|b\\.c)\\.(control|live|bulk)$"
        );
        assert_eq!(names.keys_pattern([]), "^$", "no peers, nothing to write to");
    }

    #[test]
    fn a_lane_dead_letters_at_least_once_and_the_dead_do_not_again() {
        let limits = QueueLimits { parcels: 5, bytes: 6 };
        let topology = Topology { names: Names::new("t"), nodes: BTreeMap::new(), limits };
        let of =
            |part| -> BTreeMap<_, _> { topology.arguments(&node("a"), part).into_iter().collect() };
        let live = of(Part::Lane(Lane::Live));
        assert_eq!(live["x-dead-letter-strategy"], Argument::Text("at-least-once".into()));
        assert_eq!(live["x-overflow"], Argument::Text("reject-publish".into()));
        assert_eq!(live["x-delivery-limit"], Argument::Number(1_000));
        assert!(!of(Part::Dead).contains_key("x-dead-letter-exchange"));
    }
}
