//! Whole configurations, right and wrong.

use std::collections::BTreeMap;
use std::path::Path;

use canon::{Lane, NodeCode};

use super::*;

/// Everything asked for is there; what ends in a name with a dot (or `drops.db`) is a file.
struct AllThere;

impl Files for AllThere {
    fn facts(&self, path: &Path) -> Option<FileFacts> {
        let gone = path.to_string_lossy().contains("gone");
        let open = path.to_string_lossy().contains("open");
        (!gone).then(|| FileFacts { folder: path.extension().is_none(), open })
    }
}

pub(super) const COUNTY: &str = r#"
version = 1
[node]
data = "data"
[store]
url = "sqlite:node.db"
[format]
folder = "schemas/supervision/1"
[trust]
anchors = ["ca.pem"]
[[identity]]
code = "county"
environment = "demo"
key = "file:county.key"
certificate = "county.pem"
[[link]]
name = "up"
peer = "province"
carrier = "local"
parent = true
[[route]]
destination = "province"
format = "supervision/1"
[[adapter]]
package = "adapters/county_approval"
destination = "province"
interval = "5 s"
[adapter.source]
database = "sqlite:legacy.db"
[limits]
seal_delay = "1 s"
envelope_records_max = 200
"#;

const PROVINCE: &str = r#"
version = 1
[node]
data = "data"
[store]
url = "memory"
[format]
folder = "schemas/supervision/1"
[trust]
anchors = ["ca.pem"]
[[identity]]
code = "province"
environment = "demo"
key = "env:PROVINCE_KEY"
certificate = "province.pem"
[[link]]
name = "county"
peer = "county"
carrier = "local"
[relay]
default = "relay"
[[relay.rule]]
origin = "county"
treatment = "keep"
[[sink]]
name = "files"
kind = "files"
folder = "kept"
"#;

fn env() -> BTreeMap<String, String> {
    [("PROVINCE_KEY".to_owned(), "x".to_owned())].into()
}

fn both(county: &str, province: &str) -> Result<Vec<NodeConfig>, Vec<Problem>> {
    let source = |file: &str, text: &str| (file.to_owned(), text.to_owned());
    load(&[source("a/county.toml", county), source("b/province.toml", province)], &env(), &AllThere)
}

fn problems(county: &str, province: &str) -> Vec<String> {
    both(county, province).expect_err("this is wrong").iter().map(ToString::to_string).collect()
}

fn code(code: &str) -> NodeCode {
    NodeCode::new(code).unwrap()
}

#[test]
fn two_right_files_give_two_nodes() {
    let nodes = both(COUNTY, PROVINCE).unwrap();
    let county = &nodes[0];
    assert_eq!(county.store, StoreUrl::Sqlite("a/data/node.db".into()));
    assert_eq!(county.limits.seal_delay, 1000);
    assert_eq!(county.limits.envelope_records_max, 200);
    let adapter = &county.adapters[0];
    assert_eq!((&*adapter.name, adapter.interval), ("county_approval", 5000));
    let route = adapter.routes(county).next().unwrap();
    assert_eq!(route.to_string(), "province|supervision/1|ecdsa-p256-sha256|live");
    assert_eq!(&*county.next_hop(&code("county"), &code("anyone")).unwrap().name, "up");
    let province = &nodes[1];
    assert!(province.next_hop(&code("province"), &code("anyone")).is_none());
    assert_eq!(province.relay.treatment(&code("county"), &route), Treatment::Keep);
    assert_eq!(province.relay.treatment(&code("other"), &route), Treatment::Relay);
    let order: Vec<_> = tier_order(&nodes).iter().map(|(_, i)| i.code.to_string()).collect();
    assert_eq!(order, ["county", "province"]);
    assert_eq!(Nature::History.lane(), Lane::Bulk);
}

#[test]
fn an_adapter_names_one_destination_or_several_and_a_route_leads_to_each() {
    let with = |line: &str| {
        let (before, after) = COUNTY.rsplit_once("destination = \"province\"").unwrap();
        format!("{before}{line}{after}")
    };
    let bureau = "\n[[route]]\nidentity = \"county\"\ndestination = \"bureau\"\nformat = \"supervision/2\"\n";
    let text = with("destinations = [\"province\", \"bureau\"]") + bureau;
    let county = load_each(&[("county.toml".to_owned(), text)], &env()).unwrap().remove(0);
    let routes: Vec<_> = county.adapters[0].routes(&county).map(|r| r.to_string()).collect();
    assert_eq!(routes.len(), 2);
    assert!(routes[1].starts_with("bureau|supervision/2|"), "its own edition: {routes:?}");
    for (line, code, said) in [
        ("destinations = [\"province\", \"bureau\"]", "config.no_way", "no [[route]] there"),
        ("destinations = [\"province\", \"province\"]", "config.duplicate", "given twice"),
        ("destinations = []", "config.bad_value", "names no destination"),
        ("destinations = [\"province\"]\ndestination = \"x\"", "config.bad_value", "beside"),
    ] {
        let found = problems(&with(line), PROVINCE);
        let one = found.iter().any(|p| p.contains(code) && p.contains(said));
        assert!(one, "{line}: {found:?}");
    }
}

#[test]
fn ten_mistakes_in_one_file_are_ten_problems() {
    let wrong = r#"
version = 2
[node]
dat = "data"
[store]
url = "sqlit:node.db"
[format]
folder = "schemas/supervision/1"
[trust]
anchors = ["ca.pem"]
[[identity]]
code = "county"
environment = "formel"
key = "-----BEGIN PRIVATE KEY-----"
certificate = "county.pem"
[[link]]
name = "up"
peer = "province"
carrier = "amqq"
parent = "yes"
[[link]]
name = "x"
peer = "a b"
carrier = "local"
[relay]
default = "review"
[[adapter]]
package = "adapters/county_approval"
destination = "province"
[adapter.source]
database = "sqlite:legacy.db"
[limits]
seal_delay = "1 sec"
envelope_records_max = 0
envelope_recrods_max = 5
"#;
    let found = problems(wrong, PROVINCE);
    let expected = [
        "a/county.toml:2:11: [config.version] version: is not 1",
        "a/county.toml:3:1: [config.missing_key] node.data: must be given",
        "a/county.toml:4:1: [config.unknown_key] node.dat: there is no such key here; known: title, data (did you mean `data`?)",
        "a/county.toml:6:7: [config.bad_value] store.url: must be `sqlite:PATH` (relative to `node.data`), `postgres://USER@HOST/DATABASE` or `memory` (did you mean `sqlite`?)",
        "a/county.toml:13:15: [config.bad_value] identity[1].environment: `formel` is not one of: formal, joint, demo (did you mean `formal`?)",
        "a/county.toml:14:7: [config.secret_literal] identity[1].key: must be a reference",
        "a/county.toml:19:11: [config.bad_value] link[1].carrier: `amqq` is not one of: local, amqp, spool (did you mean `amqp`?)",
        "a/county.toml:20:10: [config.bad_value] link[1].parent: must be true or false, not a text",
        "a/county.toml:23:8: [config.bad_value] link[2].peer: is not a node code",
        "a/county.toml:26:11: [config.not_yet] relay.default: `review` comes with the pages",
        "a/county.toml:27:1: [config.no_way] [adapter] destination: `county_approval` sends to `province`",
        "a/county.toml:33:14: [config.bad_value] limits.seal_delay: is not written like",
        "a/county.toml:34:24: [config.out_of_range] limits.envelope_records_max: must lie between 1 and 10000",
        "a/county.toml:35:1: [config.unknown_key] limits.envelope_recrods_max: there is no such limit",
    ];
    for (found, expected) in found.iter().zip(expected) {
        assert!(found.starts_with(expected), "found    {found}\nexpected {expected}");
    }
    // And one that follows: `formel` was read as demo, so nothing about mixed environments.
    assert_eq!(found.len(), expected.len(), "{found:#?}");
    assert!(found.iter().all(|p| !p.contains("BEGIN")), "a literal secret is never repeated");
}

#[test]
fn a_local_link_ends_within_the_process() {
    let alone = load(&[("county.toml".into(), COUNTY.into())], &env(), &AllThere);
    let found = alone.expect_err("its peer is not there");
    assert_eq!(found.len(), 1, "{found:#?}");
    assert_eq!(found[0].code, "config.link_outside");
    assert_eq!((found[0].at.line, found[0].key.as_str()), (16, "[link] peer"));
}

#[test]
fn doubled_codes_stores_and_names_are_found() {
    let found = problems(&COUNTY.replace("\"county\"", "\"province\""), PROVINCE);
    assert!(found.iter().any(|p| p.contains("[config.duplicate] [identity] code")), "{found:#?}");
    let shared = PROVINCE.replace("\"memory\"", "\"sqlite:../../a/data/node.db\"");
    assert!(both(COUNTY, &shared).is_ok(), "paths are compared as written, not resolved");
    let source = |f: &str| (f.to_owned(), COUNTY.to_owned());
    let twice = load(&[source("a/one.toml"), source("a/two.toml")], &env(), &AllThere);
    let twice: Vec<_> = twice.expect_err("twice").iter().map(|p| p.key.clone()).collect();
    assert!(twice.contains(&"[store] url".to_owned()), "{twice:?}");
    let (_, link) = COUNTY.split_once("[[link]]").unwrap();
    let (link, _) = link.split_once("[[route]]").unwrap();
    let found = problems(&format!("{COUNTY}\n[[link]]{link}"), PROVINCE);
    let same = |p: &&String| p.contains("[config.duplicate]");
    assert_eq!(found.iter().filter(same).count(), 3, "name, node and parent: {found:#?}");
}

#[test]
fn ways_that_do_not_lead_there_are_found() {
    let far = COUNTY.replace("destination = \"province\"", "destination = \"state\"");
    let found = problems(&far, PROVINCE);
    assert_eq!(found.len(), 1, "{found:#?}");
    assert!(found[0].contains("it ends at `province`"), "{found:#?}");
    let back = PROVINCE.replace("peer = \"county\"", "peer = \"county2\"");
    let found = problems(COUNTY, &back);
    assert!(found.iter().any(|p| p.contains("has no link back")), "{found:#?}");
    assert!(found.iter().any(|p| p.contains("did you mean `county`?")), "{found:#?}");
    let circle = PROVINCE.replace("carrier = \"local\"", "carrier = \"local\"\nparent = true");
    let found = problems(COUNTY, &circle);
    assert!(found.iter().any(|p| p.contains("run in a circle")), "{found:#?}");
}

#[test]
fn missing_and_open_files_are_found() {
    let county = COUNTY.replace("county.pem", "gone.pem").replace("county.key", "open.key");
    let province = PROVINCE.replace("PROVINCE_KEY", "NO_SUCH");
    let found = both(&county, &province).expect_err("three things");
    let codes: Vec<_> = found.iter().map(|p| p.code).collect();
    assert_eq!(codes, ["config.file_missing", "config.secret_open", "config.file_missing"]);
    let mixed = PROVINCE.replace("\"demo\"", "\"formal\"");
    let found = both(COUNTY, &mixed).expect_err("mixed");
    assert!(found.iter().all(|p| p.code == "config.environment_mixed"), "{found:#?}");
}

#[test]
fn the_environment_lies_over_the_file() {
    let mut env = env();
    env.insert("TIERGATE__LIMITS__SEAL_DELAY".into(), "3 s".into());
    env.insert("TIERGATE__ADAPTER__0__INTERVAL".into(), "9 s".into());
    env.insert("TIERGATE__STORE__URL".into(), "memory".into());
    env.insert("OTHER".into(), "ignored".into());
    let sources = [("a.toml".into(), COUNTY.into()), ("b.toml".into(), PROVINCE.into())];
    let only_county = load(&sources, &env, &AllThere).expect_err("the province has no adapter");
    assert_eq!(only_county.len(), 1, "{only_county:#?}");
    assert_eq!(
        only_county[0].to_string().split(": ").next(),
        Some("environment TIERGATE__ADAPTER__0__INTERVAL")
    );
    env.remove("TIERGATE__ADAPTER__0__INTERVAL");
    let nodes = load(&sources, &env, &AllThere).unwrap();
    assert_eq!(nodes[0].limits.seal_delay, 3000);
    assert_eq!(nodes[0].store, StoreUrl::Memory);
    env.insert("TIERGATE__STORE__ULR".into(), "memory".into());
    let found = load(&sources, &env, &AllThere).expect_err("unknown");
    assert!(found.iter().all(|p| p.hint.as_deref() == Some("url")), "{found:#?}");
}

#[test]
fn several_identities_share_a_file_and_are_named() {
    let second = r#"
[[identity]]
code = "town"
environment = "demo"
key = "file:town.key"
certificate = "town.pem"
"#;
    let (head, tail) = COUNTY.split_once("[[link]]").unwrap();
    let found = problems(&format!("{head}{second}[[link]]{tail}"), PROVINCE);
    let named = |p: &&String| p.contains("this file has several identities");
    assert_eq!(found.iter().filter(named).count(), 3, "{found:#?}");
    let tail = tail
        .replace("name = \"up\"", "name = \"up\"\nidentity = \"county\"")
        .replace("[[route]]", "[[link]]\nname = \"up\"\nidentity = \"town\"\npeer = \"county\"\ncarrier = \"local\"\nparent = true\n[[link]]\nname = \"down\"\nidentity = \"county\"\npeer = \"town\"\ncarrier = \"local\"\n[[route]]\nidentity = \"town\"")
        .replace("[[adapter]]", "[[adapter]]\nidentity = \"town\"");
    let nodes = both(&format!("{head}{second}[[link]]{tail}"), PROVINCE).unwrap();
    let order: Vec<_> = tier_order(&nodes).iter().map(|(_, i)| i.code.to_string()).collect();
    assert_eq!(order, ["town", "county", "province"]);
}

const BROKERS: &str = r#"
[[broker]]
name = "city"
url = "amqps://mq.example:5671/%2f"
auth = "external"
ca = "mq-ca.pem"
certificate = "mq.pem"
key = "file:mq.key"
[[broker]]
name = "own"
url = "amqp://127.0.0.1"
user = "someone"
password = "env:MQ"
"#;

pub(super) fn county_over_amqp(broker: &str) -> String {
    let link = format!("carrier = \"amqp\"\n{broker}");
    format!("{}\n{BROKERS}", COUNTY.replacen("carrier = \"local\"", &link, 1))
}

/// Two nodes, the county's source being this.
pub(super) fn with_source(source: &str) -> Result<Vec<NodeConfig>, Vec<Problem>> {
    let county = COUNTY.replacen("database = \"sqlite:legacy.db\"", source, 1);
    let source = |file: &str, text: &str| (file.to_owned(), text.to_owned());
    let files = [source("a/county.toml", &county), source("b/province.toml", PROVINCE)];
    let env = [("PROVINCE_KEY".to_owned(), "x".to_owned()), ("P".to_owned(), "x".to_owned())];
    load(&files, &env.into(), &AllThere)
}

/// The county alone, over a broker, with more at its end.
pub(super) fn over_amqp(more: &str) -> Result<Vec<NodeConfig>, Vec<Problem>> {
    alone(&(county_over_amqp("broker = \"city\"") + more))
}

pub(super) fn alone(text: &str) -> Result<Vec<NodeConfig>, Vec<Problem>> {
    let env = [("MQ".to_owned(), "x".to_owned())].into();
    load(&[("a/county.toml".into(), text.into())], &env, &AllThere)
}

#[test]
fn an_amqp_link_names_its_broker_and_may_lead_out_of_the_process() {
    let nodes = alone(&county_over_amqp("broker = \"city\"")).unwrap();
    let link = &nodes[0].links[0];
    assert_eq!((link.carrier, link.broker.as_deref()), (Carrier::Amqp, Some("city")));
    let brokers = &nodes[0].brokers;
    assert_eq!((&*brokers[0].user, &brokers[0].login), ("county", &Login::External));
    assert_eq!(brokers[0].certificate.as_ref().unwrap().0, Path::new("a/mq.pem"));
    assert_eq!((&*brokers[1].user, &*brokers[1].prefix), ("someone", "tiergate"));
    assert_eq!(brokers[1].url.to_string(), "amqp://127.0.0.1:5672 /");
}

#[test]
fn what_is_wrong_with_brokers_is_said_in_one_pass() {
    let text = county_over_amqp("broker = \"citi\"")
        .replace("amqps://mq.example:5671/%2f", "amqp://mq.example")
        .replace("name = \"own\"", "name = \"city\"")
        .replace("amqp://127.0.0.1", "amqp://user:hunter2@127.0.0.1")
        .replace("file:mq.key", "gone.key")
        .replace("[limits]", "[limits]\nbroker_in_flight = 5000");
    let found: Vec<String> =
        alone(&text).expect_err("wrong").iter().map(ToString::to_string).collect();
    let expected = [
        "[config.bad_value] link[1].broker: there is no [[broker]] `citi` of this identity",
        "[config.out_of_range] limits.broker_in_flight: must lie between 100 and 1000",
        "[config.bad_value] broker[1].url: must begin with `amqps://`",
        "[config.secret_literal] broker[1].key: must be a reference",
        "[config.secret_literal] broker[2].url: must not hold a user or password",
    ];
    assert_eq!(found.len(), expected.len(), "{found:#?}");
    for (found, expected) in found.iter().zip(expected) {
        assert!(found.contains(expected), "found    {found}\nexpected {expected}");
        assert!(!found.contains("hunter2"), "a literal secret is never repeated");
    }
    let twice = county_over_amqp("").replace("name = \"own\"", "name = \"city\"");
    let found = alone(&twice).expect_err("twice");
    let says: Vec<_> = found.iter().map(|p| (p.code, p.key.as_str())).collect();
    assert_eq!(
        says,
        [("config.bad_value", "link[1].broker"), ("config.duplicate", "broker[2].name")]
    );
}

#[test]
fn both_ends_of_a_link_have_the_same_carrier() {
    let mut env = env();
    env.insert("MQ".into(), "x".into());
    let files = [
        ("a/county.toml".to_owned(), county_over_amqp("broker = \"city\"")),
        ("b/province.toml".to_owned(), PROVINCE.to_owned()),
    ];
    let found = load(&files, &env, &AllThere).expect_err("they differ");
    let keys: Vec<_> = found.iter().map(|p| (p.code, p.key.as_str())).collect();
    assert_eq!(keys, [("config.no_way", "[link] carrier"); 2], "said at both ends");
}

#[test]
fn the_annotated_example_and_the_four_tiers_are_right() {
    let tier = |name: &str, text: &str| (format!("config/{name}"), text.to_owned());
    let county =
        tier("demo/county/node.toml", include_str!("../../../config/demo/county/node.toml"));
    let others = [
        tier("demo/township/node.toml", include_str!("../../../config/demo/township/node.toml")),
        tier("demo/city/node.toml", include_str!("../../../config/demo/city/node.toml")),
        tier("demo/province/node.toml", include_str!("../../../config/demo/province/node.toml")),
    ];
    for county in [county, tier("node.toml", include_str!("../../../config/node.toml"))] {
        let files: Vec<_> = others.iter().cloned().chain([county]).collect();
        let nodes = load(&files, &BTreeMap::new(), &AllThere);
        let nodes = nodes.unwrap_or_else(|p| panic!("{p:#?}"));
        let order: Vec<_> = tier_order(&nodes).iter().map(|(_, i)| i.code.to_string()).collect();
        assert_eq!(order, ["town-990103101", "county-990103", "city-990100", "province-990000"]);
    }
    // The example leaves no key out that the reader knows.
    let example = include_str!("../../../config/node.toml");
    for key in [
        "title",
        "data",
        "url",
        "folders",
        "anchors",
        "beneath",
        "lanes",
        "namespace",
        "interval",
        "database",
        "overlap",
        "files",
        "settle",
        "folder",
        "origin",
        "treatment",
        "nature",
        "suite",
        "kind",
    ] {
        assert!(example.contains(&format!("{key} = ")), "{key}");
    }
}
