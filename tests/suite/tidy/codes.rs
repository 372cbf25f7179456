//! The stable codes: unique, said in both languages, never removed, and listed before used.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use regex::Regex;

use super::tree::{Finding, Tree};

/// Where the codes stand.
const LIST: &str = "src/canon/codes.rs";
/// Where its larger groups stand.
const GROUPS: &str = "src/canon/codes/";
/// Every code there ever was.
const FROZEN: &str = "tests/data/codes.txt";

/// A code with its English and Chinese text.
pub(super) type Entry = (&'static str, &'static str, &'static str);

/// The list as it stands.
pub(super) fn listed() -> Vec<Entry> {
    let all = canon::codes::CODES.iter().flat_map(|group| group.iter());
    all.map(|code| (code.code, code.en, code.zh)).collect()
}

/// A finding where this code stands in the list or one of its groups.
fn at(tree: &Tree, code: &str, says: String) -> Finding {
    let literal = format!("\"{code}\"");
    let mut files = tree.texts().filter(|(path, _)| *path == LIST || path.starts_with(GROUPS));
    let path = files.find(|(_, text)| text.contains(&literal)).map_or(LIST, |(path, _)| path);
    Finding::at(path, tree.line_of(path, &literal), says)
}

/// Each code is `origin.snake_case`, stands once, and says in both languages what it means.
pub(super) fn documented(tree: &Tree, listed: &[Entry]) -> Vec<Finding> {
    static SHAPE: LazyLock<Regex> =
        LazyLock::new(|| Regex::new(r"^[a-z]+\.[a-z][a-z0-9_]*$").expect("constant"));
    let chinese = |c: char| ('\u{4e00}'..='\u{9fff}').contains(&c);
    let mut seen = BTreeSet::new();
    let mut findings = Vec::new();
    for (code, en, zh) in listed {
        let mut find = |says: &str| {
            findings.push(at(tree, code, format!("`{code}` {says}")));
        };
        if !SHAPE.is_match(code) {
            find("is not origin.snake_case");
        }
        if !seen.insert(code) {
            find("stands twice: one code, one meaning");
        }
        if en.trim().len() < 10 || en.chars().any(chinese) {
            find("has no English text that says what it means and what happens next");
        }
        if !zh.chars().any(chinese) {
            find("has no Chinese text");
        }
    }
    findings
}

/// The frozen list and the list are the same set; only appending is allowed.
pub(super) fn frozen(tree: &Tree, listed: &[Entry]) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut ever = BTreeSet::new();
    for (number, line) in (1..).zip(tree.text(FROZEN).lines()) {
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        if !ever.insert(line) {
            findings.push(Finding::at(FROZEN, number, format!("`{line}` stands twice")));
        }
        if !listed.iter().any(|(code, ..)| *code == line) {
            let says = format!(
                "`{line}` is gone from {LIST}: receivers and auditors know it; a code is never removed, put it back"
            );
            findings.push(Finding::at(FROZEN, number, says));
        }
    }
    for (code, ..) in listed.iter().filter(|(code, ..)| !ever.contains(code)) {
        let says = format!("new code: freeze it with  echo {code} >> {FROZEN}");
        findings.push(at(tree, code, says));
    }
    findings
}

/// What looks like a code in the source is in the list.
pub(super) fn used(tree: &Tree) -> Vec<Finding> {
    used_of(tree, &listed())
}

fn used_of(tree: &Tree, listed: &[Entry]) -> Vec<Finding> {
    static CODE: LazyLock<Regex> =
        LazyLock::new(|| Regex::new(r#""([a-z]+)\.([a-z][a-z0-9_]*)""#).expect("constant"));
    // File names and keys of a configuration have the same shape as a code.
    let files = ["toml", "xml", "xsd", "sqlite", "db", "key", "pem", "crt", "csv", "md", "rs"];
    let keys = ["source", "node", "store", "config"];
    let own = ["record", "receiver", "bus", "rule", "case", "xml", "field", "sender", "envelope"];
    let mut findings = Vec::new();
    for (path, text) in tree.rust().filter(|(path, _)| path.starts_with("src/")) {
        let text = text.split("#[cfg(test)]").next().unwrap_or(text);
        for (number, line) in (1..).zip(text.lines()) {
            for found in CODE.captures_iter(line) {
                let (origin, name) = (&found[1], &found[2]);
                let key =
                    keys.contains(&origin) && (path.contains("/config") || !name.contains('_'));
                let one = own.contains(&origin) || origin == "adapter" || keys.contains(&origin);
                let code = format!("{origin}.{name}");
                let known = listed.iter().any(|entry| entry.0 == code);
                if one && !key && !files.contains(&name) && !known {
                    let says = format!("`{code}` is not in {LIST}: add it there with both texts");
                    findings.push(Finding::at(path, number, says));
                }
            }
        }
    }
    findings
}

#[cfg(test)]
const GOOD: Entry = ("record.conflict", "same id with other bytes", "内容不同");

#[test]
fn a_code_twice_or_without_a_text_is_found() {
    let tree = Tree::with(&[(LIST, "//! x\n\"record.conflict\",\n")]);
    assert_eq!(documented(&tree, &[GOOD]), []);
    assert_eq!(documented(&tree, &[GOOD, GOOD]).len(), 1);
    let bad = [
        ("record", GOOD.1, GOOD.2),
        ("record.Big", GOOD.1, GOOD.2),
        ("a.b", "", GOOD.2),
        ("a.c", GOOD.1, ""),
    ];
    assert_eq!(documented(&tree, &bad).len(), 4);
}

#[test]
fn a_removed_code_and_a_new_one_are_found() {
    let tree = Tree::with(&[(FROZEN, "# head\nrecord.conflict\nrecord.gone\n"), (LIST, "")]);
    let found = frozen(&tree, &[GOOD, ("record.fresh", "a fresh code here", "新")]);
    let found: Vec<String> = found.iter().map(ToString::to_string).collect();
    assert_eq!(found.len(), 2, "{found:?}");
    assert!(found[0].starts_with("tests/data/codes.txt:3: `record.gone` is gone"), "{found:?}");
    assert!(found[1].ends_with("echo record.fresh >> tests/data/codes.txt"), "{found:?}");
}

#[test]
fn a_code_used_but_not_listed_is_found() {
    let text = "//! x\nlet a = [\"record.conflict\", \"record.other\", \"node.toml\"];\n";
    let found = used_of(&Tree::with(&[("src/a/b.rs", text), ("tests/b.rs", text)]), &[GOOD]);
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(found[0].to_string().starts_with("src/a/b.rs:2: `record.other`"), "{found:?}");
}
