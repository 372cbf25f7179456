//! `tiergate demo --all`: every package of the repository, found by its folder, through four tiers; in
//! slices, so that no test is long. One slice is played as renamed copies, with no edit in them.
//!
//! Packages that read tables (`sql` and `front_table`: `county_approval`, `power_operation` …) are played over SQLite in their
//! slice, and all of them over PostgreSQL and over MariaDB as well; no other kind has a server.

#![expect(clippy::unwrap_used, reason = "a test that unwraps says where it failed")]

#[expect(dead_code, reason = "the demo has keys and nodes already")]
mod common;
#[path = "common/services.rs"]
mod services;

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use common::{fine, program, repository, tiergate};
use services::service;

/// Slices of the packages.
const SLICES: usize = 5;

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap().flatten() {
        let (path, to) = (entry.path(), to.join(entry.file_name()));
        if path.is_dir() {
            copy(&path, &to);
        } else {
            std::fs::copy(&path, &to).unwrap();
        }
    }
}

/// The names of all packages, sorted.
fn packages() -> Vec<String> {
    let all = std::fs::read_dir(repository().join("adapters")).unwrap().flatten();
    let all = all.filter(|e| e.path().join("adapter.toml").exists());
    let mut names: Vec<String> = all.map(|e| e.file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

/// Copies packages into `adapters` of a folder, each under its name with this before it.
fn take<'n>(dir: &Path, before: &str, names: impl IntoIterator<Item = &'n str>) {
    for name in names {
        let to = dir.join("adapters").join(format!("{before}{name}"));
        copy(&repository().join("adapters").join(name), &to);
    }
}

/// Plays one of the slices; gives what it printed.
fn slice(which: usize, before: &str, lang: &str) -> String {
    let dir = tempfile::tempdir().unwrap();
    let names = packages();
    let own: Vec<&str> = names.iter().skip(which).step_by(SLICES).map(String::as_str).collect();
    take(dir.path(), before, own.iter().copied());
    let said =
        fine(dir.path(), &["demo", "--all", "--fast", "--adapters", "adapters", "--lang", lang]);
    for name in own {
        let named = format!("{before}{name} ");
        let line = said.out.lines().find(|l| l.trim_start().starts_with(&named));
        assert!(line.is_some(), "no `{name}` in:\n{}", said.out);
    }
    said.out
}

#[test]
fn the_first_fifth_of_the_packages_in_chinese() {
    let out = slice(0, "", "zh");
    assert!(out.contains("校验位错误") && out.contains("一致"), "{out}");
    assert!(out.lines().last().unwrap().contains("无多无少"), "{out}");
    let cells = |l: &str| l.chars().map(|c| if c.is_ascii() { 1 } else { 2 }).sum::<usize>();
    let wide: Vec<&str> = out.lines().filter(|l| cells(l) > 170).collect();
    assert!(wide.is_empty(), "too wide: {wide:#?}");
}

#[test]
fn the_second_fifth_of_the_packages_in_english() {
    let out = slice(1, "", "en");
    assert!(out.contains("agrees") && out.contains("nothing else"), "{out}");
}

#[test]
fn the_third_fifth_of_the_packages_in_english() {
    assert!(!slice(2, "", "en").contains("DIFFER"));
}

#[test]
fn the_fourth_fifth_of_the_packages_in_english() {
    assert!(!slice(3, "", "en").contains("DIFFER"));
}

#[test]
fn the_last_fifth_of_the_packages_renamed_in_english() {
    assert!(!slice(4, "our_", "en").contains("DIFFER"));
}

/// Whether a package reads tables of a database.
fn of_tables(name: &str) -> bool {
    let path = repository().join("adapters").join(name).join("adapter.toml");
    let text = std::fs::read_to_string(path).unwrap();
    ["\nkind = \"sql\"\n", "\nkind = \"front_table\"\n"].iter().any(|kind| text.contains(kind))
}

/// Every second of the packages that read tables, over a server.
fn over(turn: usize, option: &str, url: &str) {
    let dir = tempfile::tempdir().unwrap();
    let names = packages().into_iter().filter(|name| of_tables(name));
    let names: Vec<String> = names.skip(turn).step_by(2).collect();
    assert!(names.len() >= 2, "{names:?}");
    take(dir.path(), "", names.iter().map(String::as_str));
    let mut args = vec!["demo", "--all", "--fast", "--json", "--adapters", "adapters"];
    args.extend([option, url]);
    let said = fine(dir.path(), &args).json();
    assert_eq!(said["ok"], true, "{said}");
    for package in said["packages"].as_array().unwrap() {
        assert_eq!(package["source"], option.trim_start_matches("--"), "{said}");
        assert!(package["in_tables"].as_u64().unwrap() > 0, "{said}");
    }
    let config = dir.path().join("tiergate-demo-all/departments/node.toml");
    let word = url.split([':', '@']).nth(2).unwrap();
    let config = std::fs::read_to_string(config).unwrap();
    assert!(!config.contains(word), "no password in a configuration");
    let said = tiergate(dir.path(), &["demo", "--all", "--keep", "--adapters", "adapters"]);
    assert_eq!(said.code, 2, "other services than it was begun with: {}", said.err);
}

#[test]
fn half_of_the_packages_of_tables_over_postgresql() {
    over(0, "--postgres", &service("TIERGATE_TEST_POSTGRES"));
}

#[test]
fn the_other_packages_of_tables_over_postgresql() {
    over(1, "--postgres", &service("TIERGATE_TEST_POSTGRES"));
}

#[test]
fn half_of_the_packages_of_tables_over_mariadb() {
    over(0, "--mysql", &service("TIERGATE_TEST_MARIADB"));
}

#[test]
fn the_other_packages_of_tables_over_mariadb() {
    over(1, "--mysql", &service("TIERGATE_TEST_MARIADB"));
}

#[test]
fn a_kind_that_cannot_be_played_and_a_sample_that_lies_fail_by_name() {
    let dir = tempfile::tempdir().unwrap();
    take(dir.path(), "", ["performance", "county_approval"]);
    let county = dir.path().join("adapters/county_approval");
    std::fs::remove_file(county.join("samples/voided/input.2.sql")).unwrap();
    let args = ["demo", "--all", "--fast", "--adapters", "adapters"];
    let said = tiergate(dir.path(), &args);
    assert_eq!(said.code, 1, "{}{}", said.out, said.err);
    let named = "county_approval: not played: samples/voided/input.2.sql is missing";
    assert!(said.out.contains(named), "{}", said.out);
    assert!(said.out.contains("performance"), "the others are played: {}", said.out);
    let empty = ["demo", "--all", "--adapters", "adapters/performance/tables", "--data", "x"];
    let said = tiergate(dir.path(), &empty);
    assert_eq!(said.code, 2, "{}", said.err);
    assert!(said.err.contains("adapter.toml"), "{}", said.err);
}

#[cfg(unix)]
#[test]
fn an_interrupted_or_killed_demo_goes_on_where_it_stopped() {
    let dir = tempfile::tempdir().unwrap();
    take(dir.path(), "", ["county_approval", "performance"]);
    let args = ["demo", "--all", "--fast", "--adapters", "adapters"];
    let state = dir.path().join("tiergate-demo-all/demo-all.toml");
    let until = |rounds: &str| {
        let child = program(dir.path(), &args).stdout(Stdio::null()).spawn().unwrap();
        let began = Instant::now();
        while !std::fs::read_to_string(&state).is_ok_and(|t| t.contains(rounds)) {
            assert!(began.elapsed() < Duration::from_secs(15), "the demo did not begin");
            std::thread::sleep(Duration::from_millis(20));
        }
        child
    };
    let mut child = until("rounds = 1");
    let said = tiergate(dir.path(), &args);
    assert_eq!(said.code, 3, "two at once: {}", said.err);
    child.kill().unwrap();
    child.wait().unwrap();
    let mut child = until("rounds = 3");
    let pressed = Command::new("kill").args(["-INT", &child.id().to_string()]).status();
    assert!(pressed.unwrap().success());
    assert_eq!(child.wait().unwrap().code(), Some(4));
    let said = fine(dir.path(), &args);
    assert!(!said.out.contains("round 1 of"), "begun anew: {}", said.out);
    assert!(said.out.contains("nothing else"), "{}", said.out);
    // Finished: the next start begins anew, unless it is to be kept.
    let said = fine(dir.path(), &["demo", "--all", "--keep", "--json", "--adapters", "adapters"]);
    assert_eq!(said.json()["ok"], true);
}

/// What stands in the province's tables is held against the samples: a value that somebody changed there
/// and a row that is gone are told, and the run does not end well.
#[test]
fn a_changed_value_and_a_missing_row_in_the_provinces_tables_are_told() {
    let dir = tempfile::tempdir().unwrap();
    take(dir.path(), "", ["township_window", "performance"]);
    let again = ["demo", "--all", "--keep", "--json", "--adapters", "adapters"];
    fine(dir.path(), &["demo", "--all", "--fast", "--adapters", "adapters"]);
    let kept = dir.path().join("tiergate-demo-all/province/kept.db");
    for (sql, wanted) in [
        (
            "UPDATE application SET counter = '9号窗口' WHERE tg_key IN (SELECT tg_key FROM application WHERE counter = '1号窗口' LIMIT 1)",
            "township_window: application in the province's tables: counter is not what the sample says",
        ),
        (
            "DELETE FROM acceptance WHERE tg_key IN (SELECT tg_key FROM acceptance LIMIT 1)",
            "township_window: rows in the province's tables: ",
        ),
    ] {
        let done = Command::new("sqlite3").arg(&kept).arg(sql).status().unwrap();
        assert!(done.success());
        let said = tiergate(dir.path(), &again);
        assert_eq!(said.code, 1, "{}", said.out);
        let told = said.json();
        assert_eq!(told["ok"], false, "{told}");
        let differences = told["differences"].as_array().unwrap();
        let named = |d: &serde_json::Value| d.as_str().unwrap().starts_with(wanted);
        assert!(differences.iter().any(named), "{told}");
    }
}
