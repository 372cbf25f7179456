//! What SECURITY.md promises of attacks: each row names what happens, and a test that shows it.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use regex::Regex;

use super::tree::{Finding, Tree};

const PATH: &str = "SECURITY.md";
/// The section with the table.
const SECTION: &str = "## Attacks";
/// Lines between an attribute and the function it makes a test of.
const ATTRIBUTES_MAX: usize = 4;

/// Every row has an outcome and at least one test, and every test that is named there is one.
pub(super) fn shown(tree: &Tree) -> Vec<Finding> {
    let tests = tests(tree);
    let mut findings = Vec::new();
    let lines = (1..).zip(tree.text(PATH).lines());
    let section = lines.skip_while(|(_, line)| *line != SECTION).skip(1);
    let section = section.take_while(|(_, line)| !line.starts_with("## "));
    let rows: Vec<(usize, &str)> = section.filter(|(_, line)| line.starts_with('|')).collect();
    if rows.len() < 3 {
        return vec![Finding::of(PATH, format!("has no table under `{SECTION}`"))];
    }
    for (number, line) in rows.into_iter().skip(2) {
        let cells: Vec<&str> = line.trim_matches('|').split(" | ").map(str::trim).collect();
        if cells.len() != 3 || cells.iter().any(|cell| cell.is_empty()) {
            let says = "a row is `| attack | outcome | tests |`, none of them empty";
            findings.push(Finding::at(PATH, number, says));
            continue;
        }
        let named: Vec<&str> = cells[2].split('`').skip(1).step_by(2).collect();
        if named.is_empty() {
            findings.push(Finding::at(PATH, number, "names no test"));
        }
        for name in named.into_iter().filter(|name| !tests.contains(name)) {
            findings.push(Finding::at(PATH, number, format!("`{name}` is no test")));
        }
    }
    findings
}

/// Names of all tests: functions under an attribute, and stories that a macro mounts under a name.
fn tests(tree: &Tree) -> BTreeSet<&str> {
    static FUNCTION: LazyLock<Regex> =
        LazyLock::new(|| Regex::new(r"^\s*(?:async )?fn ([a-z0-9_]+)\(").expect("constant"));
    static MOUNTED: LazyLock<Regex> =
        LazyLock::new(|| Regex::new(r"^\s*[a-z0-9_:]+ as ([a-z0-9_]+),").expect("constant"));
    let mut names = BTreeSet::new();
    for (_, text) in tree.rust() {
        let mut since = usize::MAX;
        for line in text.lines() {
            let attribute = line.trim_start();
            if attribute.starts_with("#[test]") || attribute.starts_with("#[tokio::test") {
                since = 0;
                continue;
            }
            since = since.saturating_add(1);
            let found = FUNCTION.captures(line).filter(|_| since <= ATTRIBUTES_MAX);
            if let Some(found) = found.or_else(|| MOUNTED.captures(line)) {
                names.extend(found.get(1).map(|name| name.as_str()));
                since = usize::MAX;
            }
        }
    }
    names
}

#[test]
fn a_row_without_a_test_is_found() {
    let code = "#[test]\nfn is_one() {}\nfn is_none() {}\nstories!(\n    x as mounted,\n);\n";
    let with = |rows: &str| {
        let text =
            format!("# S\n\n## Attacks\n\n| a | o | t |\n|---|---|---|\n{rows}\n## Next\n| x |\n");
        shown(&Tree::with(&[(PATH, &text), ("src/a.rs", code)])).len()
    };
    assert_eq!(with("| a bomb | refused | `is_one`, `mounted` |\n"), 0);
    assert_eq!(with("| a bomb | refused | `is_none` |\n"), 1);
    assert_eq!(with("| a bomb | refused | later |\n"), 1);
    assert_eq!(with("| a bomb |  | `is_one` |\n"), 1);
    assert_eq!(with(""), 1, "a table without rows shows nothing");
    assert_eq!(shown(&Tree::with(&[(PATH, "# S\n")])).len(), 1);
}
