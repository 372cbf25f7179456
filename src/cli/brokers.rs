//! What some configurations together say about the brokers they name: who is on each of them.

use std::collections::BTreeMap;

use bus::amqp::Settings;
use bus::topology::{Names, Place, QueueLimits, Topology};
use exchange::config::{BrokerConfig, BrokerUrl, NodeConfig, SecretRef};

use crate::text::Failure;
use crate::{carriers, open};

/// One virtual host that some configurations name.
pub(crate) struct Site {
    /// Where it is.
    pub(crate) url: BrokerUrl,
    /// What should stand there.
    pub(crate) topology: Topology,
    /// The logins that lead there, in the order of the files.
    pub(crate) logins: Vec<Settings>,
}

/// The brokers of some configurations, each once, only those of this name if one is given.
pub(crate) fn sites(configs: &[NodeConfig], name: Option<&str>) -> Result<Vec<Site>, Failure> {
    let mut sites: Vec<Site> = Vec::new();
    let logins = configs.iter().flat_map(|c| c.brokers.iter().map(move |b| (c, b)));
    for (config, broker) in logins.filter(|(_, b)| name.is_none_or(|n| *b.name == *n)) {
        let names = Names::new(&broker.prefix);
        let same = |s: &Site| s.url == broker.url && s.topology.names == names;
        let at = sites.iter().position(same).unwrap_or_else(|| {
            sites.push(site(config, broker, names.clone()));
            sites.len() - 1
        });
        place(&mut sites[at].topology, config, broker);
        sites[at].logins.push(carriers::settings(config, broker));
    }
    if sites.is_empty() {
        return Err(match name {
            Some(name) => Failure::usage(
                format!("no configuration given has a [[broker]] `{name}`"),
                format!("所给配置中没有名为『{name}』的 [[broker]]"),
            ),
            None => Failure::usage(
                "no configuration given has a [[broker]]; see config/README.md",
                "所给配置中没有 [[broker]]，见 config/README.md",
            ),
        });
    }
    Ok(sites)
}

fn site(config: &NodeConfig, broker: &BrokerConfig, names: Names) -> Site {
    let (parcels, bytes) = (config.limits.broker_queue_parcels, config.limits.broker_queue_bytes);
    let limits = QueueLimits { parcels, bytes };
    let topology = Topology { names, nodes: BTreeMap::new(), limits };
    Site { url: broker.url.clone(), topology, logins: Vec::new() }
}

/// An identity and its neighbours on a broker. A neighbour whose own file is not given is taken to
/// log in by its code.
fn place(topology: &mut Topology, config: &NodeConfig, broker: &BrokerConfig) {
    let own = topology.nodes.entry(broker.identity.clone()).or_default();
    own.user = broker.user.to_string();
    let links = config.links_of(&broker.identity);
    for link in links.filter(|l| l.broker.as_ref() == Some(&broker.name)) {
        let own = topology.nodes.entry(broker.identity.clone()).or_default();
        own.peers.insert(link.peer.clone());
        let peer = topology
            .nodes
            .entry(link.peer.clone())
            .or_insert_with(|| Place { user: link.peer.to_string(), ..Place::default() });
        peer.peers.insert(broker.identity.clone());
    }
}

/// Instead of a node's login: `USER:PASSWORD` from a file or the environment.
pub(crate) fn login_as(settings: &Settings, login: &SecretRef) -> Result<Settings, Failure> {
    let secret = open::secret(login)?;
    let text = secret.expose().trim_end();
    let Some((user, password)) = text.split_once(':') else {
        return Err(Failure::usage(
            format!("{login} does not hold USER:PASSWORD"),
            format!("{login} 的内容应为 用户名:口令"),
        ));
    };
    let (own, password) = (std::sync::Arc::clone(&settings.secrets), password.to_owned());
    Ok(Settings {
        user: user.to_owned(),
        secrets: std::sync::Arc::new(move || {
            Ok(bus::amqp::Secrets { password: Some(password.clone()), ..own()? })
        }),
        ..settings.clone()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    const COUNTY: &str = r#"
version = 1
[node]
data = "data"
[store]
url = "memory"
[trust]
anchors = ["ca.pem"]
[[identity]]
code = "county"
environment = "demo"
key = "env:K"
certificate = "county.pem"
[[broker]]
name = "city"
url = "amqp://mq.city"
password = "env:P"
[[broker]]
name = "own"
url = "amqp://mq.county"
user = "root"
password = "env:P"
[[link]]
name = "up"
peer = "city"
carrier = "amqp"
broker = "city"
parent = true
[[link]]
name = "down"
peer = "town"
carrier = "amqp"
broker = "own"
"#;

    #[test]
    fn each_broker_has_its_nodes_and_their_neighbours() {
        let files = [("county.toml".to_owned(), COUNTY.to_owned())];
        let configs = exchange::config::load_each(&files, &BTreeMap::new()).unwrap();
        let sites = sites(&configs, None).unwrap();
        let shown: Vec<String> = sites
            .iter()
            .map(|site| {
                let nodes = site.topology.nodes.iter();
                let nodes = nodes.map(|(n, p)| format!("{n}={}>{:?}", p.user, p.peers.first()));
                format!("{}: {}", site.url.host, nodes.collect::<Vec<_>>().join(" "))
            })
            .collect();
        assert_eq!(
            shown,
            [
                "mq.city: city=city>Some(NodeCode(\"county\")) county=county>Some(NodeCode(\"city\"))",
                "mq.county: county=root>Some(NodeCode(\"town\")) town=town>Some(NodeCode(\"county\"))",
            ]
        );
        assert_eq!(super::sites(&configs, Some("own")).unwrap().len(), 1);
        assert!(super::sites(&configs, Some("no")).is_err());
    }

    /// The demo's four tiers on one broker, each logging in by its own certificate.
    #[test]
    fn the_committed_definitions_are_those_of_the_four_tiers() {
        let broker = "\n[[broker]]\nname = \"demo\"\nurl = \"amqps://mq.example/tiergate\"\n\
                      auth = \"external\"\ncertificate = \"mq.pem\"\nkey = \"file:mq.key\"\n";
        let files: Vec<(String, String)> = crate::demo::CONFIGS
            .iter()
            .enumerate()
            .map(|(n, text)| {
                let text = text.replace("carrier = \"local\"", "carrier = \"amqp\"");
                (format!("{n}.toml"), format!("{text}{broker}"))
            })
            .collect();
        let configs = exchange::config::load_each(&files, &BTreeMap::new()).unwrap();
        let sites = sites(&configs, None).unwrap();
        assert_eq!(sites.len(), 1);
        let made =
            bus::amqp::definitions(&sites[0].topology, &sites[0].url.vhost, &BTreeMap::new());
        let committed = include_str!("../../deploy/rabbitmq/definitions.json");
        let committed: serde_json::Value = serde_json::from_str(committed).unwrap();
        assert!(made == committed, "write it anew with `tiergate bus definitions`:\n{made:#}");
        assert!(!committed.to_string().contains("guest"));
    }
}
