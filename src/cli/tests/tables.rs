//! A service whose county keeps its records in tables, and the commands about databases.

#![expect(clippy::unwrap_used, reason = "a test that unwraps says where it failed")]

mod common;
#[path = "common/nodes.rs"]
mod nodes;

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use common::{Service, fine, repository, tiergate};

/// Longest wait for the process.
const LONGEST: Duration = Duration::from_secs(90);

fn config(node: &str) -> String {
    let common = nodes::head(node);
    let own = match node {
        "town" => nodes::town("local", ""),
        _ => "\n[[link]]\nname = \"town\"\npeer = \"town\"\ncarrier = \"local\"\n\n[[sink]]\n\
              name = \"tables\"\nkind = \"sql_tables\"\ndatabase = \"sqlite:kept.db\"\n\
              prefix = \"jc_\"\n"
            .to_owned(),
    };
    common + &own
}

/// What `sqlite3` says; empty while the table is not there.
fn sqlite(file: &Path, sql: &str) -> String {
    let mut command = Command::new("sqlite3");
    let output = command.arg("-cmd").arg(".timeout 5000").arg(file).arg(sql).output().unwrap();
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

#[test]
fn kept_records_stand_in_tables_and_lost_ones_come_again() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path();
    common::prepare(dir, common::USUAL, &["town", "county"], config);
    let sample = repository().join("adapters/township_window/samples/ordinary/input.csv");
    std::fs::copy(sample, dir.join("town/drops/window-20261121.csv")).unwrap();
    let service = Service::start(dir, &["town", "county"]);
    let kept = dir.join("county/kept.db");
    let count = || sqlite(&kept, "SELECT count(*) FROM jc_application_current");
    let began = Instant::now();
    while count().parse::<u32>().unwrap_or(0) == 0 {
        assert!(began.elapsed() < LONGEST, "no record came into the tables");
        std::thread::sleep(Duration::from_millis(50));
    }
    // What comes later only adds.
    let whole: u64 = count().parse().unwrap();
    sqlite(&kept, "DELETE FROM jc_application");
    // The service goes on beside it.
    let replay = ["sink", "replay", "tables", "--from", "0", "--config", "county/node.toml"];
    let given = fine(dir, &[&replay[..], &["--json"]].concat()).json()["records"].as_u64();
    assert!(given >= Some(whole), "{given:?} of {whole}");
    let said = fine(dir, &replay);
    assert!(said.out.contains("given to `tables` again"), "{}", said.out);
    assert!(count().parse::<u64>().unwrap() >= whole);
    let wrong = ["sink", "replay", "table", "--from", "2026-01-01", "--config", "county/node.toml"];
    let said = tiergate(dir, &wrong);
    assert!(said.code != 0 && said.err.contains("it has: tables"), "{}{}", said.out, said.err);
    drop(service);
}

#[test]
fn the_script_of_the_tables_is_taken_by_the_database() {
    let folder = tempfile::tempdir().unwrap();
    let script = fine(folder.path(), &["format", "ddl", "--engine", "sqlite"]).out;
    let file = folder.path().join("made.db");
    let mut command = Command::new("sqlite3");
    let mut child = command.arg("-bail").arg(&file).stdin(Stdio::piped()).spawn().unwrap();
    std::io::Write::write_all(child.stdin.as_mut().unwrap(), script.as_bytes()).unwrap();
    drop(child.stdin.take());
    assert!(child.wait().unwrap().success());
    let tables = sqlite(&file, "SELECT count(*) FROM sqlite_master WHERE type = 'view'");
    assert!(tables.parse::<u32>().unwrap() > 10, "{tables} views");
    let said = tiergate(folder.path(), &["format", "ddl", "--engine", "oracle"]);
    assert!(said.err.contains("postgres, mysql, sqlite"), "{}", said.err);
}

#[test]
fn the_least_account_is_printed() {
    let folder = tempfile::tempdir().unwrap();
    let package = repository().join("adapters/county_approval");
    let package = package.display().to_string();
    let args = ["adapter", "grants", &package, "--engine", "mysql", "--database", "approval"];
    let said = fine(folder.path(), &args);
    let lines: Vec<&str> = said.out.lines().collect();
    let update = "GRANT UPDATE (`sync_error`, `sync_flag`) ON `approval`.`approval_case` TO 'tiergate_reader'@'%';";
    assert!(lines.contains(&update), "{}", said.out);
    assert_eq!(lines.iter().filter(|l| l.starts_with("GRANT SELECT")).count(), 6, "{}", said.out);
    let files = repository().join("adapters/township_window").display().to_string();
    let said = tiergate(folder.path(), &["adapter", "grants", &files, "--engine", "mysql"]);
    assert!(said.code != 0 && said.err.contains("reads no database"), "{}", said.err);
}
