//! A key outside of the process: the program of `deploy/signer`, asked for each signature.

#![expect(clippy::unwrap_used, reason = "a test that unwraps says where it failed")]

mod common;

use std::path::Path;
use std::time::{Duration, Instant};

use common::{Service, fine, repository, tiergate};

/// Longest wait for the process.
const LONGEST: Duration = Duration::from_secs(60);

fn config(node: &str, suite: &str) -> String {
    let common = format!(
        "version = 1\n\n[node]\ndata = \".\"\n\n[store]\nurl = \"sqlite:node.db\"\n\n[trust]\n\
         anchors = [\"../ca/ca.pem\"]\n\n[[identity]]\ncode = \"{node}\"\nenvironment = \"demo\"\n\
         suite = \"{suite}\"\nkey = \"file:node.key\"\ncertificate = \"node.pem\"\n\n"
    );
    let own = match node {
        "town" => format!(
            "[[link]]\nname = \"up\"\npeer = \"county\"\ncarrier = \"local\"\nparent = true\n\n\
             [[route]]\ndestination = \"county\"\nformat = \"supervision/1\"\n\n[[adapter]]\n\
             package = \"{}\"\ndestination = \"county\"\ninterval = \"100 ms\"\n\n\
             [adapter.source]\nfolder = \"drops\"\nsettle = \"0 s\"\n",
            repository().join("adapters/township_window").display()
        ),
        _ => "[[link]]\nname = \"town\"\npeer = \"town\"\ncarrier = \"local\"\n".to_owned(),
    };
    common + &own
}

const NODES: [&str; 2] = ["town/node.toml", "county/node.toml"];

/// The town's key behind a program.
fn behind(dir: &Path, command: &[&str], wait: &str) {
    let words: Vec<String> = command.iter().map(|w| format!("\"{w}\"")).collect();
    let signer = format!("signer = {{ command = [{}], wait = \"{wait}\" }}", words.join(", "));
    let path = dir.join("town/node.toml");
    let text = std::fs::read_to_string(&path).unwrap();
    let lines: Vec<&str> = text
        .lines()
        .map(|l| if l.starts_with("key = ") || l.starts_with("signer = ") { &signer } else { l })
        .collect();
    std::fs::write(path, lines.join("\n") + "\n").unwrap();
}

fn sdf() -> String {
    repository().join("deploy/signer/sdf.py").display().to_string()
}

fn check(dir: &Path) -> common::Said {
    tiergate(dir, &[&["check", "config"], &NODES[..]].concat())
}

#[test]
fn a_program_signs_in_every_suite_and_is_held_to_the_certificate() {
    for suite in ["sm2-sm3", "ecdsa-p256-sha256", "ed25519-sha256"] {
        let folder = tempfile::tempdir().unwrap();
        let dir = folder.path();
        common::prepare(dir, suite, &["town", "county"], |node| config(node, suite));
        let key = dir.join("town/node.key").display().to_string();
        let other = dir.join("county/node.key").display().to_string();
        behind(dir, &[&sdf(), "--soft", &key], "10 s");
        let said = check(dir);
        assert_eq!(said.code, 0, "{suite}: {}{}", said.out, said.err);
        behind(dir, &[&sdf(), "--soft", &other], "10 s");
        let said = check(dir);
        let words = "not of the certificate's key";
        assert!(said.code == 1 && said.out.contains(words), "{suite}: {}", said.out);
        behind(dir, &[&sdf(), "--soft", "/nowhere/node.key"], "10 s");
        let said = check(dir);
        assert!(said.code == 1 && said.out.contains("the signer refuses: openssl"), "{}", said.out);
    }
}

#[test]
fn a_program_that_does_not_answer_is_ended_in_time() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path();
    common::prepare(dir, common::USUAL, &["town", "county"], |node| config(node, common::USUAL));
    for (command, wait, words) in [
        (&["/bin/sleep", "600"][..], "200 ms", "did not answer within 200 ms"),
        (&["/bin/true"][..], "10 s", "ended without an answer"),
        (&["/bin/cat"][..], "10 s", "gives no signature"),
        (&["/bin/echo", "no JSON"][..], "10 s", "the signer "),
    ] {
        behind(dir, command, wait);
        let began = Instant::now();
        let said = check(dir);
        assert!(said.code == 1 && said.out.contains(words), "{command:?}: {}", said.out);
        assert!(began.elapsed() < LONGEST, "{command:?}");
    }
    behind(dir, &["/nowhere/signer"], "10 s");
    assert!(check(dir).out.contains("there is no file /nowhere/signer"));
    behind(dir, &["signer"], "10 s");
    assert!(check(dir).out.contains("with a `/`"));
}

/// Records go up signed by the program; it ends in between and is started again.
#[test]
fn a_service_signs_with_a_program_that_may_end() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path();
    common::prepare(dir, "sm2-sm3", &["town", "county"], |node| config(node, "sm2-sm3"));
    // One answer, then it ends.
    let key = dir.join("town/node.key").display().to_string();
    let once = dir.join("once.sh");
    std::fs::write(&once, format!("#!/bin/sh\nhead -n 1 | {} --soft {key}\n", sdf())).unwrap();
    behind(dir, &["/bin/sh", &once.display().to_string()], "15 s");
    let sample = repository().join("adapters/township_window/samples/ordinary/input.csv");
    std::fs::copy(sample, dir.join("town/drops/window-20140919.csv")).unwrap();
    let _service = Service::start(dir, &["town", "county"]);
    let status = || tiergate(dir, &["status", "--json", "--config", NODES[0], NODES[1]]).out;
    let began = Instant::now();
    while !status().contains("\"accepted\": 12") {
        assert!(began.elapsed() < LONGEST, "{}", status());
        std::thread::sleep(Duration::from_millis(100));
    }
    let told = fine(dir, &["status", "--json", "--config", NODES[1]]).json();
    assert!(told.to_string().contains("county"), "{told}");
}
