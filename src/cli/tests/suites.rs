//! Keys, certificates and revocation from the command line, for every suite; and a service that takes a
//! revocation list up while it runs.

#![expect(clippy::unwrap_used, reason = "a test that unwraps says where it failed")]

mod common;

use std::path::Path;
use std::time::{Duration, Instant};

use common::{Service, fine, repository, tiergate};

/// Longest wait for the process.
const LONGEST: Duration = Duration::from_secs(60);

/// From key to certificate to revocation in one suite, as a province without an authority does it.
fn a_key_has_its_life(suite: &str) {
    let dir = tempfile::tempdir().unwrap();
    let run = |args: &[&str], code: i32| {
        let said = tiergate(dir.path(), args);
        assert_eq!(said.code, code, "{suite} {args:?}: {}{}", said.out, said.err);
        format!("{}{}", said.out, said.err)
    };
    std::fs::write(dir.path().join("pass"), "correct horse\n").unwrap();
    run(&["ca", "new", "--out", "ca", "--suite", suite], 0);
    let new = ["keys", "new", "--suite", suite, "--out", "a.key", "--passphrase", "file:pass"];
    assert!(run(&new, 0).contains(suite));
    let text = std::fs::read_to_string(dir.path().join("a.key")).unwrap();
    assert!(text.starts_with("-----BEGIN ENCRYPTED PRIVATE KEY-----"), "{text}");
    let csr = ["keys", "csr", "--key", "a.key", "--node", "county-1", "--environment", "joint"];
    let csr = [&csr[..], &["--region", "990103", "--out", "a.csr"]].concat();
    assert!(run(&csr, 3).contains("passphrase"), "not without its passphrase");
    run(&[&csr[..], &["--passphrase", "file:pass"]].concat(), 0);
    assert!(run(&["keys", "show", "a.csr"], 0).contains("county-1, joint"));
    let issue = ["ca", "issue", "--ca", "ca", "--csr", "a.csr", "--out", "a.pem"];
    assert!(run(&issue, 2).contains("--environment joint"), "another environment is said aloud");
    run(&[&issue[..], &["--environment", "joint"]].concat(), 0);
    let show = ["keys", "show", "a.pem", "--key", "a.key", "--passphrase", "file:pass"];
    let shown = run(&show, 0);
    assert!(shown.contains(&format!("suite        {suite}\n")), "{shown}");
    let rotate = ["keys", "rotate", "a.pem", "--out", "b.key", "--csr", "b.csr"];
    assert!(run(&rotate, 0).contains(suite), "the same suite as before");
    assert!(run(&["keys", "show", "b.csr"], 0).contains("county-1, joint, regions 990103"));
    assert!(run(&["ca", "revoke", "--ca", "ca", "a.pem"], 0).contains("1 certificates revoked"));
    assert!(run(&["ca", "revoke", "--ca", "ca", "a.pem"], 0).contains("1 certificates"), "once");
    run(&["ca", "new", "--out", "other", "--suite", common::USUAL], 0);
    run(&["ca", "revoke", "--ca", "other", "a.pem"], 2);
}

#[test]
fn a_key_of_each_suite_has_its_life() {
    for suite in ["sm2-sm3", "ecdsa-p256-sha256", "ed25519-sha256"] {
        a_key_has_its_life(suite);
    }
    let dir = tempfile::tempdir().unwrap();
    let rsa = ["keys", "new", "--suite", "rsa-sha256", "--out", "x.key"];
    let said = tiergate(dir.path(), &rsa);
    assert_eq!(said.code, 3);
    assert!(said.err.contains("openssl genpkey"), "{}", said.err);
}

fn config(node: &str, suite: &str) -> String {
    let package = repository().join("adapters/township_window");
    let common = format!(
        "version = 1\n\n[node]\ndata = \".\"\n\n[store]\nurl = \"sqlite:node.db\"\n\n[trust]\n\
         anchors = [\"../ca/ca.pem\"]\nrevocation = [\"../ca/ca.crl\"]\n\n[[identity]]\n\
         code = \"{node}\"\nenvironment = \"demo\"\nsuite = \"{suite}\"\n\
         key = \"file:node.key\"\ncertificate = \"node.pem\"\n\n"
    );
    let own = match node {
        "town" => format!(
            "[[link]]\nname = \"up\"\npeer = \"county\"\ncarrier = \"local\"\nparent = true\n\n\
             [[route]]\ndestination = \"county\"\nformat = \"supervision/1\"\n\n[[adapter]]\n\
             package = \"{}\"\ndestination = \"county\"\ninterval = \"100 ms\"\n\n\
             [adapter.source]\nfolder = \"drops\"\nsettle = \"0 s\"\n",
            package.display()
        ),
        _ => "[[link]]\nname = \"town\"\npeer = \"town\"\ncarrier = \"local\"\n".to_owned(),
    };
    common + &own
}

/// Two nodes in one suite, and an empty revocation list.
fn two_nodes(dir: &Path, suite: &str) {
    common::prepare(dir, suite, &["town", "county"], |node| config(node, suite));
    fine(dir, &["ca", "revoke", "--ca", "ca"]);
}

const NODES: [&str; 2] = ["town/node.toml", "county/node.toml"];

fn check(dir: &Path) -> common::Said {
    tiergate(dir, &[&["check", "config"], &NODES[..]].concat())
}

/// A key of another suite than the configuration says, links without a key, a revoked certificate:
/// each is said with its place before anything starts.
#[test]
fn suites_and_revocation_are_checked_before_the_start() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path();
    two_nodes(dir, "sm2-sm3");
    let edit = |name: &str, from: &str, to: &str| {
        let text = std::fs::read_to_string(dir.join(name)).unwrap();
        assert!(text.contains(from), "{from}");
        std::fs::write(dir.join(name), text.replacen(from, to, 1)).unwrap();
    };
    assert_eq!(check(dir).code, 0, "{}", check(dir).out);
    edit("county/node.toml", "[[link]]\n", "[[link]]\nsuite = \"ed25519-sha256\"\n");
    let said = check(dir);
    assert!(said.out.contains("has keys for sm2-sm3 only"), "{}", said.out);
    // A further key makes it right.
    fine(dir, &["keys", "new", "--suite", "ed25519-sha256", "--out", "county/ed.key"]);
    let issue = ["ca", "issue", "--ca", "ca", "--node", "county", "--region", "99"];
    let ed = ["--key", "county/ed.key", "--out", "county/ed.pem"];
    fine(dir, &[&issue[..], &ed].concat());
    let also = "\n[[identity.also]]\nsuite = \"ed25519-sha256\"\nkey = \"file:ed.key\"\n\
                certificate = \"ed.pem\"\n\n[[link]]\n";
    edit("county/node.toml", "\n[[link]]\n", also);
    assert_eq!(check(dir).code, 0, "{}", check(dir).out);
    edit("town/node.toml", "suite = \"sm2-sm3\"", "suite = \"ecdsa-p256-sha256\"");
    let said = check(dir);
    assert!(said.out.contains("the key is for `sm2-sm3`"), "{}", said.out);
    edit("town/node.toml", "suite = \"ecdsa-p256-sha256\"", "suite = \"sm2-sm3\"");
    edit("town/node.toml", "[trust]\n", "[trust]\nsuites = [\"sm2\"]\n");
    assert!(check(dir).out.contains("sm2-sm3"), "a did-you-mean");
    edit("town/node.toml", "suites = [\"sm2\"]\n", "");
    fine(dir, &["ca", "revoke", "--ca", "ca", "county/node.pem"]);
    let said = check(dir);
    assert!(said.out.contains("revoked"), "{}", said.out);
}

/// Signing and encryption certificate with their keys: each for its own use, of one node, in one suite.
#[test]
fn paired_certificates_are_held_against_one_another() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path();
    two_nodes(dir, "sm2-sm3");
    let issue = |key: &str, node: &str, usage: &str, out: &str| {
        let whom = ["ca", "issue", "--ca", "ca", "--node", node, "--region", "99", "--key", key];
        fine(dir, &[&whom[..], &["--usage", usage, "--out", out]].concat());
    };
    fine(dir, &["keys", "new", "--suite", "sm2-sm3", "--out", "county/enc.key"]);
    issue("county/enc.key", "county", "encryption", "county/enc.pem");
    issue("county/enc.key", "county", "signing", "county/signs.pem");
    issue("county/enc.key", "town", "encryption", "county/other.pem");
    let shown = tiergate(dir, &["keys", "show", "county/enc.pem", "--key", "county/enc.key"]);
    assert!(shown.code == 0 && shown.out.contains("usage        encryption"), "{}", shown.out);
    let shown = tiergate(dir, &["keys", "show", "county/enc.pem", "--key", "county/node.key"]);
    assert_eq!(shown.code, 1, "another key: {}", shown.out);

    let text = std::fs::read_to_string(dir.join("county/node.toml")).unwrap();
    let with = |key: &str, certificate: &str| {
        let pair = format!(
            "certificate = \"node.pem\"\nencryption = {{ certificate = \"{certificate}\", key = \"file:{key}\" }}"
        );
        let text = text.replacen("certificate = \"node.pem\"", &pair, 1);
        std::fs::write(dir.join("county/node.toml"), text).unwrap();
        check(dir)
    };
    let said = with("enc.key", "enc.pem");
    assert_eq!(said.code, 0, "{}", said.out);
    for (key, certificate, why) in [
        ("enc.key", "signs.pem", "it is not for encryption (key usage)"),
        ("enc.key", "other.pem", "the certificate is of `town`"),
        ("node.key", "enc.pem", "another public key"),
    ] {
        let said = with(key, certificate);
        assert!(said.code == 1 && said.out.contains(why), "{certificate}: {}", said.out);
    }
    // One that is only for encryption signs nothing.
    let swapped = text
        .replacen("certificate = \"node.pem\"", "certificate = \"enc.pem\"", 1)
        .replacen("file:node.key", "file:enc.key", 1);
    std::fs::write(dir.join("county/node.toml"), swapped).unwrap();
    let said = check(dir);
    assert!(said.code == 1 && said.out.contains("not for signing"), "{}", said.out);
}

/// The county takes the list up without a restart: what the town sends from then on is refused, what it
/// sent before stays.
#[test]
fn a_running_service_takes_a_revocation_list_up() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path();
    two_nodes(dir, "sm2-sm3");
    let sample = repository().join("adapters/township_window/samples/ordinary/input.csv");
    // GB18030, in which each byte is the char of its number here.
    let sample: String = std::fs::read(sample).unwrap().into_iter().map(char::from).collect();
    let drop = |n: u32| {
        let text = sample.replace("20140919", &format!("2026{n:04}"));
        let text: Vec<u8> = text.chars().map(|c| u8::try_from(c).unwrap()).collect();
        std::fs::write(dir.join(format!("town/drops/window-2026{n:04}.csv")), text).unwrap();
    };
    drop(1121);
    let _service = Service::start(dir, &["town", "county"]);
    let status = || tiergate(dir, &["status", "--json", "--config", NODES[0], NODES[1]]).out;
    let listed = || tiergate(dir, &["quarantine", "list", "--config", NODES[1]]).out;
    let wait = |what: &str, until: &mut dyn FnMut() -> bool| {
        let began = Instant::now();
        while !until() {
            assert!(began.elapsed() < LONGEST, "{what}: {}{}", status(), listed());
            std::thread::sleep(Duration::from_millis(100));
        }
    };
    wait("accepted", &mut || status().contains("\"accepted\": 12"));
    assert!(!listed().contains("certificate_revoked"), "{}", listed());
    // A certificate that ends soon is said before it ends.
    std::fs::remove_file(dir.join("county/node.pem")).unwrap();
    let issue = ["ca", "issue", "--ca", "ca", "--node", "county", "--region", "99", "--days", "20"];
    let files = ["--key", "county/node.key", "--out", "county/node.pem"];
    fine(dir, &[&issue[..], &files].concat());
    for command in ["status", "doctor"] {
        let said = tiergate(dir, &[command, "--config", NODES[1]]);
        assert_eq!(said.code, 1, "{command}: {}", said.out);
        assert!(said.out.contains("in 19 days; replace it"), "{command}: {}", said.out);
    }
    let list = fine(dir, &["ca", "revoke", "--ca", "ca", "town/node.pem", "--json"]).json();
    assert_eq!(list["revoked"], 1);
    let mut n = 1200;
    wait("refused", &mut || {
        n += 1;
        drop(n);
        listed().contains("sender.certificate_revoked")
    });
}
