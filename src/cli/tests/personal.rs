//! What commands and a running service say holds nothing of a person: every number of a citizen and every
//! telephone of the township's files is looked for in all of it, in both languages and for programs.

#![expect(clippy::unwrap_used, reason = "a test that unwraps says where it failed")]

#[expect(dead_code, reason = "the demo has keys and nodes already")]
mod common;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use common::{fine, program, tiergate};
use encoding_rs::GB18030;

const NODE: [&str; 2] = ["--config", "d/township/node.toml"];
/// Columns of the window's files that hold persons.
const COLUMNS: [&str; 3] = ["身份证号", "手机", "领取人证件号"];
/// Held rows that are looked at.
const SHOWN: usize = 4;
/// Longest wait for the service.
const LONGEST: Duration = Duration::from_secs(30);

/// The files that were read.
fn done(drops: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(drops.join("done")).unwrap().map(|entry| entry.unwrap().path());
    entries.filter(|path| path.extension().is_some_and(|ending| ending == "csv")).collect()
}

/// The cells of these columns in every file that was dropped.
fn persons(drops: &Path) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for path in done(drops) {
        let bytes = std::fs::read(path).unwrap();
        let (text, _, _) = GB18030.decode(&bytes);
        let mut lines = text.lines();
        let head: Vec<&str> =
            lines.next().unwrap().trim_start_matches('\u{feff}').split(',').collect();
        let at = COLUMNS.map(|name| head.iter().position(|column| *column == name));
        for line in lines {
            let cells: Vec<&str> = line.split(',').collect();
            let cell = |at: &Option<usize>| at.and_then(|at| cells.get(at).copied());
            let person = |cell: &&str| cell.len() >= 11 && cell.is_ascii();
            found.extend(at.iter().filter_map(cell).filter(person).map(str::to_owned));
        }
    }
    found
}

#[track_caller]
fn holds_nobody(what: &str, text: &str, persons: &BTreeSet<String>) {
    let seen = persons.iter().find(|person| text.contains(person.as_str()));
    assert!(seen.is_none(), "{what} says a person's number");
}

#[test]
fn nothing_that_is_said_holds_a_person() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    let story = fine(dir, &["demo", "--fast", "--keep", "--cases", "60", "--data", "d"]).out;
    let persons = persons(&dir.join("d/township/drops"));
    assert!(persons.len() > 10, "the files hold persons: {}", persons.len());
    holds_nobody("the demo", &story, &persons);
    let case = story.split("tiergate trace ").nth(1).and_then(|s| s.split(' ').next()).unwrap();
    let list = fine(dir, &[&["quarantine", "list", "--json"], &NODE[..]].concat()).json();
    let problems = list["nodes"][0]["problems"].as_array().unwrap().clone();
    let numbers = problems.iter().take(SHOWN).map(|p| p["number"].to_string());
    let numbers: Vec<String> = numbers.collect();
    assert!(!numbers.is_empty());
    let mut commands: Vec<Vec<&str>> = ["status", "returned", "doctor"].map(|c| vec![c]).into();
    commands.extend([vec!["trace", case], vec!["quarantine", "list"], vec!["audit", "verify"]]);
    for command in &commands {
        for how in [&["--lang", "en"][..], &["--lang", "zh"], &["--json"]] {
            let said = tiergate(dir, &[how, command, &NODE[..]].concat());
            let text = format!("{}{}", said.out, said.err);
            holds_nobody(&format!("{command:?}"), &text, &persons);
        }
    }
    for number in &numbers {
        for how in ["--lang=zh", "--json"] {
            let show = [&[how, "quarantine", "show", number, "--raw"][..], &NODE].concat();
            let said = fine(dir, &show);
            assert!(said.out.contains("**"), "values are starred: {}", said.out);
            holds_nobody("a held row", &said.out, &persons);
        }
    }
    // Whoever says who they are sees them: the search would have found them.
    let shown = numbers.iter().any(|number| {
        let show = ["quarantine", "show", number, "--raw", "--personal", "--by", "op7"];
        let said = fine(dir, &[&show[..], &NODE[..]].concat());
        persons.iter().any(|person| said.out.contains(person.as_str()))
    });
    assert!(shown, "a held row has a person in it");
    service(dir, &persons);
}

/// A service reads a file again, with the rows that are not right in it; its log names nobody.
fn service(dir: &Path, persons: &BTreeSet<String>) {
    let drops = dir.join("d/township/drops");
    let again = done(&drops).remove(0);
    let log = std::fs::File::create(dir.join("log")).unwrap();
    let nodes = ["township", "county", "city", "province"].map(|t| format!("d/{t}/node.toml"));
    let mut words = vec!["run", "--config"];
    words.extend(nodes.iter().map(String::as_str));
    let mut command = program(dir, &words);
    command.stdin(Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log);
    let mut service = command.spawn().unwrap();
    let name = "window-29991231.csv";
    std::fs::write(drops.join(name), std::fs::read(again).unwrap()).unwrap();
    let begun = Instant::now();
    while drops.join(name).exists() && begun.elapsed() < LONGEST {
        std::thread::sleep(Duration::from_millis(50));
    }
    service.kill().unwrap();
    service.wait().unwrap();
    assert!(!drops.join(name).exists(), "the file was read");
    holds_nobody("the log", &std::fs::read_to_string(dir.join("log")).unwrap(), persons);
}
