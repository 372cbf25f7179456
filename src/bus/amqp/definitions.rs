//! The file a broker's administrator imports: users, virtual host, permissions, exchanges, queues,
//! bindings.
//!
//! A node may publish to the one exchange, under the keys of its neighbours; the broker itself checks
//! that a message's `user-id` is the publisher's. It may read its own queues. It may configure
//! nothing. A user without a password hash can only log in by certificate.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use crate::topology::{Argument, Part, Topology};

/// How password hashes are made: four bytes of salt, then SHA-256 over salt and password, in base64.
const HASHING: &str = "rabbit_password_hashing_sha256";
/// Matches nothing: node codes are never empty.
const NOTHING: &str = "^$";

/// The definitions of a topology on a virtual host. `hashes` has password hashes by user.
pub fn definitions(topology: &Topology, vhost: &str, hashes: &BTreeMap<String, String>) -> Value {
    let names = &topology.names;
    let mut users = Vec::new();
    let mut permissions = Vec::new();
    let mut topics = Vec::new();
    for (user, nodes) in topology.users() {
        let hash = hashes.get(user).map_or("", String::as_str);
        users.push(json!({
            "name": user, "password_hash": hash, "hashing_algorithm": HASHING, "tags": "",
        }));
        // Several nodes of one user: what any of them may.
        let own: Vec<String> = nodes.iter().map(|(node, _)| names.queues_pattern(node)).collect();
        let peers: BTreeSet<_> = nodes.iter().flat_map(|(_, place)| &place.peers).collect();
        permissions.push(json!({
            "user": user, "vhost": vhost, "configure": NOTHING,
            "write": names.exchange_pattern(), "read": own.join("|"),
        }));
        topics.push(json!({
            "user": user, "vhost": vhost, "exchange": names.exchange(),
            "write": names.keys_pattern(peers), "read": NOTHING,
        }));
    }
    let exchange = |name: &str, kind: &str| {
        json!({
            "name": name, "vhost": vhost, "type": kind, "durable": true, "auto_delete": false,
            "internal": false, "arguments": {},
        })
    };
    let mut exchanges =
        vec![exchange(&names.exchange(), "topic"), exchange(&names.dead_exchange(), "direct")];
    let mut queues = Vec::new();
    let mut bindings = Vec::new();
    for node in topology.nodes.keys() {
        exchanges.push(exchange(&names.node(node), "fanout"));
        for part in Part::ALL {
            let queue = names.queue(node, part, 1);
            let arguments: serde_json::Map<String, Value> = topology
                .arguments(node, part)
                .into_iter()
                .map(|(name, value)| match value {
                    Argument::Text(text) => (name.to_owned(), Value::from(text)),
                    Argument::Number(n) => (name.to_owned(), Value::from(n)),
                })
                .collect();
            // The marker: the first generation is in force.
            exchanges.push(exchange(&queue, "fanout"));
            queues.push(json!({
                "name": queue, "vhost": vhost, "durable": true, "auto_delete": false,
                "arguments": arguments,
            }));
            bindings.push(json!({
                "source": names.exchange_of(part), "vhost": vhost, "destination": queue,
                "destination_type": "queue", "routing_key": names.key(node, part),
                "arguments": {},
            }));
        }
    }
    json!({
        "vhosts": [{ "name": vhost }],
        "users": users,
        "permissions": permissions,
        "topic_permissions": topics,
        "exchanges": exchanges,
        "queues": queues,
        "bindings": bindings,
    })
}
