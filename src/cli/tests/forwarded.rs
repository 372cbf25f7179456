//! The audit chain of a running service to a collector over TLS, played by `openssl s_server`: away, a stranger,
//! there, gone and back.

#![expect(clippy::unwrap_used, reason = "a test that unwraps says where it failed")]

mod common;
#[path = "common/nodes.rs"]
mod nodes;
#[path = "common/services.rs"]
mod services;

use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use common::{Said, Service, fine, repository, tiergate};

/// Longest wait for the process.
const LONGEST: Duration = Duration::from_secs(60);
const TOWN: [&str; 2] = ["--config", "town/node.toml"];

/// A collector that demands a certificate; a failed test leaves none behind.
struct Collector(Child);

impl Collector {
    fn start(dir: &Path, port: u16, certificate: &str) -> Self {
        let port = format!("127.0.0.1:{port}");
        let (own, key) = (format!("{certificate}.pem"), format!("{certificate}.key"));
        let taken = std::fs::File::create(dir.join("taken")).unwrap();
        let mut command = Command::new("openssl");
        command.args(["s_server", "-quiet", "-accept", &port, "-cert", &own, "-key", &key]);
        command.args(["-Verify", "1", "-verify_return_error", "-CAfile", "ca.pem"]);
        // Its standard input stays open: it ends with it.
        command.stdin(Stdio::piped()).stdout(taken).stderr(Stdio::null());
        Self(command.current_dir(tls()).spawn().expect("openssl, of Debian's package of that name"))
    }
}

impl Drop for Collector {
    fn drop(&mut self) {
        if self.0.kill().is_ok() {
            self.0.wait().expect("a child");
        }
    }
}

fn tls() -> String {
    services::service("TIERGATE_TEST_TLS")
}

fn config(port: u16) -> String {
    let link = "[link.spool]\nfolder = \"gate\"\nplain = \"this test\"\nreturn = \"none\"\n";
    nodes::head("town")
        + &nodes::town("spool", link)
        + &format!(
            "\n[audit]\nsyslog = \"tls://localhost:{port}\"\nca = \"{}/ca.pem\"\ncertificate = \"client.pem\"\n\
             key = \"file:client.key\"\nenterprise = 99999\n",
            tls()
        )
}

/// Waits until what is said is as it should be.
#[track_caller]
fn until(what: impl Fn() -> Said, right: impl Fn(&Said) -> bool) -> Said {
    let began = Instant::now();
    loop {
        let said = what();
        if right(&said) {
            return said;
        }
        assert!(began.elapsed() < LONGEST, "{}: {}{}", said.code, said.out, said.err);
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// The messages that the collector was given, each by its octets.
fn messages(dir: &Path) -> Vec<String> {
    let bytes = std::fs::read(dir.join("taken")).unwrap();
    let (mut rest, mut found) = (bytes.as_slice(), Vec::new());
    while let Some(blank) = rest.iter().position(|b| *b == b' ') {
        let octets: usize = std::str::from_utf8(&rest[..blank]).unwrap().parse().unwrap();
        let Some(message) = rest.get(blank + 1..blank + 1 + octets) else { break };
        found.push(String::from_utf8(message.to_vec()).unwrap());
        rest = &rest[blank + 1 + octets..];
    }
    found
}

/// Waits until a message with this in it was taken, and gives all.
#[track_caller]
fn taken(dir: &Path, what: &str) -> Vec<String> {
    let began = Instant::now();
    loop {
        let found = messages(dir);
        if found.iter().any(|m| m.contains(what)) {
            return found;
        }
        assert!(began.elapsed() < LONGEST, "{what} was not taken: {found:?}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn the_audit_chain_reaches_its_collector_whatever_becomes_of_it() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path();
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    common::prepare(dir, common::USUAL, &["town"], |_| config(port));
    for name in ["client.pem", "client.key"] {
        let to = dir.join("town").join(name);
        std::fs::copy(Path::new(&tls()).join(name), &to).unwrap();
        std::fs::set_permissions(&to, std::fs::Permissions::from_mode(0o600)).unwrap();
    }
    fine(dir, &["check", "config", "town/node.toml"]);
    let status = || tiergate(dir, &[&["status"][..], &TOWN].concat());
    let note = |by: &str| {
        tiergate(dir, &[&["adapter", "resume", "township_window", "--by", by][..], &TOWN].concat())
    };
    // Nobody is there.
    let service = Service::start(dir, &["town"]);
    let said = until(status, |said| said.out.contains("[audit.syslog_unreached]"));
    assert!(
        said.out.contains("does not take for") && said.out.contains("events wait"),
        "{}",
        said.out
    );

    // A stranger gets nothing, and a person has to look.
    let stranger = Collector::start(dir, port, "server-expired");
    let said = until(status, |said| said.out.contains("[audit.syslog_untrusted]"));
    assert_eq!(said.code, 1, "{}", said.out);
    let doctor = || tiergate(dir, &[&["doctor"][..], &TOWN].concat());
    let said = doctor();
    let wrong = format!("✗ [audit] tls://localhost:{port}");
    assert!(said.code == 1 && said.out.contains(&wrong), "{}{}", said.out, said.err);
    assert_eq!(messages(dir), [""; 0]);
    drop(stranger);

    let collector = Collector::start(dir, port, "server");
    let first = taken(dir, "number=\"1\"");
    assert!(first[0].starts_with("<109>1 2"), "{first:?}");
    assert!(
        first[0].contains(" town tiergate - plain.begun [tiergate@99999 number=\"1\""),
        "{first:?}"
    );
    assert!(first[0].contains("] \u{feff}configuration: plain.begun "), "{first:?}");
    until(status, |said| !said.out.contains("[audit."));
    let fine_now = format!("✓ [audit] tls://localhost:{port}");
    assert!(doctor().out.contains(&fine_now), "{}", doctor().out);
    drop(collector);

    // What is done meanwhile waits, and comes after what was taken before.
    note("op-8");
    until(status, |said| said.out.contains("[audit.syslog_unreached]"));
    let _back = Collector::start(dir, port, "server");
    let later = taken(dir, "who=\"op-8\"");
    assert!(later.iter().all(|m| !m.contains("number=\"1\"")), "{later:?}");
    drop(service);
    // The last digest that the collector has is the chain's own.
    let said = fine(dir, &[&["--json", "audit", "verify"][..], &TOWN].concat()).json();
    let head = said["nodes"][0]["head"].as_str().unwrap().to_owned();
    let of_all = messages(dir).concat();
    assert!(of_all.contains(&format!("hash=\"{head}\"")), "{head} {of_all}");
}
