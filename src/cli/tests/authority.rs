//! The authority table by the built program: a list is looked over, signed at the top, comes down to the node
//! beneath, is shown at both, and decides what is kept.

#![expect(clippy::unwrap_used, reason = "a test that unwraps says where it failed")]

mod common;
#[path = "common/nodes.rs"]
mod nodes;

use std::path::Path;
use std::time::{Duration, Instant};

use common::{Said, Service, fine, repository, tiergate};

/// Longest wait for the process.
const LONGEST: Duration = Duration::from_secs(60);
const COUNTY: [&str; 2] = ["--config", "county/node.toml"];
const TOWN: [&str; 2] = ["--config", "town/node.toml"];
const HEADER: &str = "\u{feff}节点,单位,区划,类型,起,止,文号\n";

fn config(node: &str) -> String {
    let anchors = "anchors = [\"../ca/ca.pem\"]\n";
    let head =
        nodes::head(node).replacen(anchors, &format!("{anchors}authority = \"county\"\n"), 1);
    match node {
        "town" => head + &nodes::town("local", ""),
        _ => head + "\n[[link]]\nname = \"town\"\npeer = \"town\"\ncarrier = \"local\"\n",
    }
}

fn run(dir: &Path, words: &[&str], node: [&str; 2]) -> Said {
    tiergate(dir, &[words, &node].concat())
}

fn issue(dir: &Path, node: [&str; 2]) -> Said {
    run(dir, &["authority", "issue", "list.csv", "--from", "2010-01-01", "--by", "op-7"], node)
}

fn show(dir: &Path, words: &[&str], node: [&str; 2]) -> Said {
    run(dir, &[&["--json", "authority", "show"], words].concat(), node)
}

/// Waits until the node shows this edition.
fn comes(dir: &Path, edition: u64, node: [&str; 2]) {
    let began = Instant::now();
    loop {
        let said = show(dir, &[], node);
        if said.out.starts_with('{') && said.json()["edition"] == edition {
            return;
        }
        assert!(began.elapsed() < LONGEST, "{node:?}: {}{}", said.out, said.err);
        std::thread::sleep(Duration::from_millis(50));
    }
}

fn list(dir: &Path, lines: &str) {
    std::fs::write(dir.join("list.csv"), format!("{HEADER}{lines}")).unwrap();
}

const ALL: &str = "town,*,*,*,2010-01-01,,示例办〔2025〕1号\n";
const LESS: &str = "town,*,*,SB BJ,2010-01-01,,示例办〔2025〕2号\nother,*,990104,SL,2010-01-01,2020-12-31,示例办〔2025〕3号\n";

#[test]
fn a_table_is_issued_at_the_top_comes_down_and_decides() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path();
    common::prepare(dir, common::USUAL, &["town", "county"], config);
    list(dir, "town,*,county,*,2010-01-01,,示例办〔2025〕1号\n");
    let check = tiergate(dir, &["authority", "check", "list.csv"]);
    assert!(check.code == 1 && check.out.contains("list.csv:2"), "{}{}", check.out, check.err);
    let service = Service::start(dir, &["town", "county"]);
    comes_up(dir);
    let wrong = issue(dir, COUNTY);
    assert!(wrong.code == 1 && wrong.out.contains("list.csv:2"), "{}{}", wrong.out, wrong.err);

    list(dir, ALL);
    fine(dir, &["authority", "check", "list.csv"]);
    let said = issue(dir, TOWN);
    assert!(said.code == 2 && said.err.contains("believes no table of its own"), "{}", said.err);
    // Beside the running service, which has the store.
    let said = issue(dir, COUNTY);
    assert_eq!(said.code, 0, "{}{}", said.out, said.err);
    assert!(
        said.out.contains("edition 1, from 2010-01-01: 1 lines more, 0 lines fewer"),
        "{}",
        said.out
    );
    comes(dir, 1, COUNTY);
    comes(dir, 1, TOWN);

    list(dir, LESS);
    let said = issue(dir, COUNTY);
    assert!(
        said.out.contains("edition 2, from 2010-01-01: 2 lines more, 1 lines fewer"),
        "{}",
        said.out
    );
    comes(dir, 2, TOWN);
    shown(dir);

    let sample = repository().join("adapters/township_window/samples/ordinary/input.csv");
    std::fs::copy(sample, dir.join("town/drops/window-20261121.csv")).unwrap();
    let began = Instant::now();
    // What the table does not cover is rejected above, and the missing line is named.
    let words = ["--lang", "zh", "quarantine", "list"];
    while !run(dir, &words, TOWN).out.contains("[record.authority]") {
        assert!(began.elapsed() < LONGEST, "{}", run(dir, &words, TOWN).out);
        std::thread::sleep(Duration::from_millis(50));
    }
    drop(service);
    fine(dir, &[&["audit", "verify"][..], &COUNTY].concat());
}

/// Waits until both nodes have a store; nobody has a table yet.
fn comes_up(dir: &Path) {
    let began = Instant::now();
    for node in [COUNTY, TOWN] {
        while show(dir, &[], node).code != 0 {
            assert!(began.elapsed() < LONGEST, "{}", show(dir, &[], node).err);
            std::thread::sleep(Duration::from_millis(50));
        }
        assert!(show(dir, &[], node).json()["edition"].is_null());
    }
}

/// What `show` finds of the second edition, at the node that took it in.
fn shown(dir: &Path) {
    for (words, lines) in [
        (&[][..], 2),
        (&["--sender", "town"], 1),
        (&["--region", "990104"], 2),
        (&["--region", "990105"], 1),
        (&["--type", "SL"], 1),
        (&["--day", "2026-11-22"], 1),
        (&["--day", "2015-01-01"], 2),
        (&["--sender", "town", "--type", "SL"], 0),
    ] {
        let said = show(dir, words, TOWN);
        let found = said.json();
        assert_eq!(found["lines"].as_array().unwrap().len(), lines, "{words:?}: {found}");
        assert_eq!((said.code, found["issuer"].as_str()), (i32::from(lines == 0), Some("county")));
    }
    let zh = run(dir, &["--lang", "zh", "authority", "show", "--sender", "other"], TOWN);
    assert!(
        zh.out.contains("『county』第 2 版") && zh.out.contains("示例办〔2025〕3号"),
        "{}",
        zh.out
    );
    // The store that is meant, and whose lines, are two things.
    let both = ["--node", "town", "--sender", "other"];
    assert_eq!(show(dir, &both, TOWN).json()["lines"].as_array().unwrap().len(), 1);
}
