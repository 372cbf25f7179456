//! What the built program says of brokers: declared, looked at, wrong.

#![expect(clippy::unwrap_used, reason = "a test that unwraps says where it failed")]

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

fn service(name: &str) -> String {
    if let Ok(value) = std::env::var(name) {
        return value;
    }
    let folder = std::env::var_os("TIERGATE_SERVICES").map_or_else(
        || PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../target/services")),
        PathBuf::from,
    );
    let text = std::fs::read_to_string(folder.join("env")).unwrap_or_default();
    let found = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix('='));
    let Some(found) = found else {
        panic!("{name} is not known; start the services: make services")
    };
    found.to_owned()
}

fn ctl(args: &[&str]) {
    let said = Command::new(service("TIERGATE_TEST_RABBITMQCTL")).args(args).output().unwrap();
    let text = String::from_utf8_lossy(&said.stderr).into_owned();
    assert!(said.status.success(), "{args:?}: {text}");
}

/// A virtual host of its own, gone at the end.
struct Vhost(String);

impl Vhost {
    fn new(user: &str, test: &str) -> Self {
        let name = format!("cli-{test}-{}", std::process::id());
        ctl(&["add_vhost", &name]);
        ctl(&["set_permissions", "-p", &name, user, ".*", ".*", ".*"]);
        Self(name)
    }
}

impl Drop for Vhost {
    fn drop(&mut self) {
        ctl(&["delete_vhost", &self.0]);
    }
}

/// User, password and `host:port` of the test's broker.
fn login() -> (String, String, String) {
    let url = service("TIERGATE_TEST_AMQP");
    let (login, rest) = url.strip_prefix("amqp://").unwrap().split_once('@').unwrap();
    let (user, password) = login.split_once(':').unwrap();
    let (authority, _) = rest.split_once('/').unwrap();
    (user.to_owned(), password.to_owned(), authority.to_owned())
}

fn run(dir: &Path, args: &[&str]) -> (i32, Value) {
    let output = Command::new(env!("CARGO_BIN_EXE_tiergate"))
        .args(args)
        .arg("--json")
        .current_dir(dir)
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let err = String::from_utf8_lossy(&output.stderr).into_owned();
    let value = serde_json::from_str(&text).unwrap_or_else(|e| panic!("{e}: {text}{err}"));
    (output.status.code().unwrap(), value)
}

/// A county with its own key, whose parent is reached over this broker.
fn county(dir: &Path, url: &str, user: &str, password: &str) {
    let make = |args: &[&str]| assert_eq!(run(dir, args).0, 0, "{args:?}");
    if !dir.join("node.key").exists() {
        make(&["ca", "new", "--out", "ca"]);
        make(&["keys", "new", "--out", "node.key"]);
        make(&[
            "ca", "issue", "--ca", "ca", "--node", "county", "--region", "990103", "--key",
            "node.key", "--out", "node.pem",
        ]);
    }
    std::fs::write(dir.join("mq.password"), password).unwrap();
    let text = format!(
        r#"version = 1
[node]
data = "data"
[store]
url = "sqlite:node.db"
[trust]
anchors = ["ca/ca.pem"]
[[identity]]
code = "county"
environment = "demo"
key = "file:node.key"
certificate = "node.pem"
[[broker]]
name = "city"
url = "{url}"
user = "{user}"
password = "file:mq.password"
[[link]]
name = "up"
peer = "city"
carrier = "amqp"
parent = true
[limits]
broker_connect_timeout = "3 s"
"#
    );
    std::fs::write(dir.join("node.toml"), text).unwrap();
}

fn looks<'a>(answer: &'a Value, step: &str) -> Vec<&'a Value> {
    let looks = answer["looks"].as_array().unwrap();
    looks.iter().filter(|look| look["step"] == step).collect()
}

#[test]
fn what_is_declared_stands_and_the_doctor_finds_it() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    let (user, password, authority) = login();
    let vhost = Vhost::new(&user, "declare");
    county(dir, &format!("amqp://{authority}/{}", vhost.0), &user, &password);

    let (code, answer) = run(dir, &["doctor", "--config", "node.toml"]);
    assert_eq!(code, 1, "{answer:#}");
    assert_eq!(looks(&answer, "login")[0]["ok"], true, "{answer:#}");
    assert!(looks(&answer, "topology").iter().all(|l| l["ok"] == false), "{answer:#}");

    let (code, answer) = run(dir, &["bus", "declare", "--config", "node.toml"]);
    assert_eq!(code, 0, "{answer:#}");
    let items = answer["brokers"][0]["items"].as_array().unwrap();
    assert_eq!(items.len(), 10, "two exchanges, four queues for each end: {answer:#}");
    assert!(items.iter().all(|i| i["en"] == "made"), "{answer:#}");
    let (code, answer) = run(dir, &["bus", "declare", "--repair", "--config", "node.toml"]);
    assert_eq!(code, 0, "{answer:#}");
    let items = answer["brokers"][0]["items"].as_array().unwrap();
    assert!(items.iter().all(|i| i["en"] == "as it should be"), "{answer:#}");

    let (_, answer) = run(dir, &["doctor", "--config", "node.toml"]);
    let found = looks(&answer, "topology");
    assert!(found.len() == 6 && found.iter().all(|l| l["ok"] == true), "{answer:#}");
    let store = looks(&answer, "store");
    assert_eq!(store[0]["ok"], false, "it was never started: {answer:#}");
}

#[test]
fn the_doctor_says_in_clear_words_where_the_way_ends() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    let (user, _, authority) = login();
    county(dir, &format!("amqp://{authority}/%2f"), &user, "not-the-password");
    let (code, answer) = run(dir, &["doctor", "--config", "node.toml"]);
    assert_eq!(code, 1);
    let login = looks(&answer, "login")[0];
    assert_eq!(login["ok"], false);
    assert!(login["en"].as_str().unwrap().contains("[bus.login]"), "{answer:#}");
    assert!(login["zh"].as_str().unwrap().contains("消息代理拒绝登录"), "{answer:#}");
    assert!(!answer.to_string().contains("not-the-password"));

    // Nobody listens there.
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    county(dir, &format!("amqp://{free}/%2f"), &user, "x");
    let (code, answer) = run(dir, &["doctor", "--config", "node.toml"]);
    assert_eq!(code, 1);
    let tcp = looks(&answer, "tcp")[0];
    assert!(tcp["en"].as_str().unwrap().contains("[bus.unreachable]"), "{answer:#}");
    assert!(looks(&answer, "login").is_empty(), "the way ends before it: {answer:#}");
}
