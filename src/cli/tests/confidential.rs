//! The story with closed bodies: county and city pass on what they cannot read, books agree, and who may read
//! a record can prove it; who may not is told so.

#![expect(clippy::unwrap_used, reason = "a test that unwraps says where it failed")]

#[expect(dead_code, reason = "the demo has keys and nodes already")]
mod common;

use std::path::Path;

use common::{Said, fine, tiergate};

const PROVINCE: &str = "d/province/node.toml";

fn export(dir: &Path, case: &str, to: &str, node: &str) -> Said {
    tiergate(dir, &["evidence", "export", case, "--out", to, "--config", node])
}

#[track_caller]
fn has(said: &Said, words: &[&str]) {
    for word in words {
        assert!(said.out.contains(word), "no `{word}` in:\n{}", said.out);
    }
}

/// Source rows are starred for whoever looks on; who says who they are sees them, and stands in the audit chain.
fn rows_are_starred(dir: &Path) {
    let node = ["--config", "d/township/node.toml"];
    let run = |args: &[&str]| fine(dir, &[args, &node[..]].concat());
    let list = run(&["quarantine", "list", "--json"]).json();
    let problems = list["nodes"][0]["problems"].as_array().unwrap().clone();
    let row = problems.iter().find(|p| p["class"] == "quarantined").unwrap();
    let number = row["number"].to_string();
    let show = ["quarantine", "show", &number, "--raw"];
    let person = |text: &str| text.lines().any(|l| l.starts_with("申请人=") && !l.contains('*'));
    let starred = run(&show);
    assert!(starred.out.contains("=**") && !person(&starred.out), "{}", starred.out);
    let whole = run(&[&show[..], &["--personal", "--by", "op7"]].concat());
    assert!(!whole.out.contains("=**") && whole.out.contains('='), "{}", whole.out);
    assert_eq!(run(&["audit", "verify", "--json"]).json()["ok"], true);
}

fn plays(suite: &str) {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    let demo = ["demo", "--confidential", "--fast", "--keep", "--cases", "60", "--suite", suite];
    let story = fine(dir, &[&demo[..], &["--data", "d"]].concat());
    has(
        &story,
        &[
            "yes, with its key for encryption",
            "NO: verifies it and passes it on unread",
            "township: agrees",
            "county: agrees",
            "Nothing lost, nothing twice, nothing unexplained.",
        ],
    );
    assert!(!story.out.contains("SHOULD"), "{}", story.out);
    let envelope = std::fs::read_to_string(dir.join("d/evidence/envelope.xml")).unwrap();
    assert!(envelope.contains("<Confidential>") && !envelope.contains("<SBLSH>"), "{envelope}");

    rows_are_starred(dir);
    let case = story.out.split("tiergate trace ").nth(1).unwrap().split(' ').next().unwrap();
    // The sender and the destination, each alone.
    for (tier, file) in [("township", "below.json"), ("province", "above.json")] {
        let said = export(dir, case, file, &format!("d/{tier}/node.toml"));
        assert_eq!(said.code, 0, "{tier}: {}{}", said.out, said.err);
        let verify = ["evidence", "verify", file, "--anchor", "d/evidence/ca.pem"];
        has(&fine(dir, &verify), &["PROVEN"]);
    }
    let relay = export(dir, case, "relay.json", "d/city/node.toml");
    assert_eq!(relay.code, 1, "{}{}", relay.out, relay.err);
    has(&relay, &["what a node only passes on it does not look into"]);

    // The province's key for encryption is gone: what it kept is closed for itself too.
    let config = std::fs::read_to_string(dir.join(PROVINCE)).unwrap();
    let without: String =
        config.lines().filter(|l| !l.starts_with("encryption")).map(|l| format!("{l}\n")).collect();
    assert_ne!(without, config);
    std::fs::write(dir.join(PROVINCE), without).unwrap();
    let said = export(dir, case, "lost.json", PROVINCE);
    assert_eq!(said.code, 1, "{}{}", said.out, said.err);
    has(&said, &["closed for others", "[receiver.confidential]"]);
    for file in ["relay.json", "lost.json"] {
        assert!(!dir.join(file).exists(), "{file}");
    }
    let other = ["demo", "--confidential", "--fast", "--data", "d", "--seed", "9"];
    assert_eq!(tiergate(dir, &other).code, 2, "another demo lies there");
}

#[test]
fn in_the_international_suite() {
    plays("ecdsa-p256-sha256");
}

#[test]
fn with_a_suite_for_each_tier() {
    plays("mixed");
}
