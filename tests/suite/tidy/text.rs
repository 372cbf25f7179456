//! What documents keep to: links that lead somewhere, limits that are told, no places outside.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use regex::Regex;

use super::tree::{Finding, Tree};

/// Where every limit is told with unit, default and range.
const LIMITS_MANUAL: &str = "config/README.md";

/// The words the design is told in.
const HOUSE_WORDS: &str = "node, tier, link, route, source, sink, adapter, row, record, violation, \
    quarantine, cursor, watermark, batch, envelope, parcel, seal, receipt, settle, attempt, lease, \
    lifetime, dead letter, window, manifest, discrepancy, card, order";

/// CHANGELOG.md opens with what is not released yet.
pub(super) fn changelog(tree: &Tree) -> Vec<Finding> {
    let there = tree.text("CHANGELOG.md").lines().any(|line| {
        line.starts_with("## ") && line.trim_matches(['#', ' ', '[', ']']) == "Unreleased"
    });
    let says = "has no `## Unreleased` section: add it on top, changes are told there";
    if there { Vec::new() } else { vec![Finding::of("CHANGELOG.md", says)] }
}

/// Each word of the glossary stands once, in both languages, with a meaning; the words the design is
/// told in are all there.
pub(super) fn glossary(tree: &Tree) -> Vec<Finding> {
    const PATH: &str = "GLOSSARY.md";
    let chinese = |c: char| ('\u{4e00}'..='\u{9fff}').contains(&c);
    let mut seen = BTreeSet::new();
    let mut findings = Vec::new();
    for (number, line) in (1..).zip(tree.text(PATH).lines()) {
        let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
        let row = line.starts_with('|') && !line.starts_with("|---") && cells[0] != "English";
        if !row {
            continue;
        }
        if cells.len() != 3 || !cells[1].contains(chinese) || cells[2].len() < 10 {
            let says = "a row is `| English | 中文 | meaning |`, none of them empty";
            findings.push(Finding::at(PATH, number, says));
        }
        if !seen.insert(cells[0]) {
            let says = format!("`{}` stands twice: one word, one meaning", cells[0]);
            findings.push(Finding::at(PATH, number, says));
        }
    }
    for word in HOUSE_WORDS.split(", ").filter(|word| !seen.contains(word)) {
        findings.push(Finding::of(PATH, format!("`{word}` is missing from the tables")));
    }
    findings
}

/// A relative link in a document leads to a file or folder of the tree.
pub(super) fn links(tree: &Tree) -> Vec<Finding> {
    static LINK: LazyLock<Regex> = LazyLock::new(|| {
        Regex::new(r"\]\((?:<([^>]+)>|([^)\s]+))|^\s*\[[^\]]+\]:\s+(\S+)").expect("constant")
    });
    static CODE: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"`[^`]*`").expect("constant"));
    let mut findings = Vec::new();
    for (path, text) in tree.texts().filter(|(path, _)| path.ends_with(".md")) {
        let mut fenced = false;
        for (number, line) in (1..).zip(text.lines()) {
            fenced ^= line.trim_start().starts_with("```");
            if fenced {
                continue;
            }
            let line = CODE.replace_all(line, "");
            for found in LINK.captures_iter(&line) {
                let target = found.iter().skip(1).flatten().next().map_or("", |part| part.as_str());
                if !leads_somewhere(tree, path, target) {
                    let says = format!("`{target}` leads nowhere: mend the link");
                    findings.push(Finding::at(path, number, says));
                }
            }
        }
    }
    findings
}

/// Is `target`, as written in the document `from`, there? What is on the web is not looked at.
fn leads_somewhere(tree: &Tree, from: &str, target: &str) -> bool {
    let target = target.split('#').next().unwrap_or(target);
    if target.is_empty() || target.contains("://") || target.starts_with("mailto:") {
        return true;
    }
    let mut parts: Vec<&str> = from.split('/').collect();
    parts.pop();
    for part in target.split('/').filter(|part| !part.is_empty() && *part != ".") {
        match part {
            ".." if parts.pop().is_none() => return false,
            ".." => {}
            part => parts.push(part),
        }
    }
    !target.starts_with('/') && tree.has(&parts.join("/"))
}

/// No file names a place on the machine it was written on.
pub(super) fn places(tree: &Tree) -> Vec<Finding> {
    // In halves, so that this file does not find itself.
    static PLACE: LazyLock<Regex> = LazyLock::new(|| {
        Regex::new(concat!(r"(?:^|[^\w.$}*-])(/wo", r"rk/|/ro", r"ot/|/ho", r"me/[a-z])"))
            .expect("constant")
    });
    let mut findings = Vec::new();
    for (path, text) in tree.texts() {
        for (number, line) in (1..).zip(text.lines()) {
            if let Some(found) = PLACE.captures(line) {
                let says = format!(
                    "`{}…` is a place outside the project: write a relative path, or take it as an argument",
                    &found[1]
                );
                findings.push(Finding::at(path, number, says));
            }
        }
    }
    findings
}

/// Every named limit is told in the manual of the configuration, once there is one: constants that
/// end in `_MAX`, and the fields of what stands in a crate's `limits.rs`.
pub(super) fn limits(tree: &Tree) -> Vec<Finding> {
    static LIMIT: LazyLock<Regex> = LazyLock::new(|| {
        Regex::new(r"^\s*pub (?:const ([A-Z][A-Z0-9_]*_MAX)|([a-z][a-z0-9_]*)):").expect("constant")
    });
    let manual = tree.text(LIMITS_MANUAL);
    let word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let told: BTreeSet<&str> = manual.split(|c: char| !word(c)).collect();
    let mut findings = Vec::new();
    if manual.is_empty() {
        return findings;
    }
    for (path, text) in tree.rust().filter(|(path, _)| path.starts_with("src/")) {
        for (number, line) in (1..).zip(text.lines()) {
            let Some(found) = LIMIT.captures(line) else { continue };
            let field = found
                .get(2)
                .filter(|_| path.ends_with("/limits.rs") && path.matches('/').count() == 2);
            let Some(name) = found.get(1).or(field).map(|name| name.as_str()) else { continue };
            if !told.contains(name) {
                let says = format!(
                    "`{name}` is a limit: tell it in {LIMITS_MANUAL} with its unit, default and range"
                );
                findings.push(Finding::at(path, number, says));
            }
        }
    }
    findings
}

#[test]
fn a_changelog_without_unreleased_is_found() {
    assert_eq!(changelog(&Tree::with(&[("CHANGELOG.md", "# C\n\n## [Unreleased]\n")])), []);
    assert_eq!(
        changelog(&Tree::with(&[("CHANGELOG.md", "# C\n\n## 0.1.0\nUnreleased\n")])).len(),
        1
    );
}

#[test]
fn a_word_twice_missing_or_without_chinese_is_found() {
    let row = |word: &str| format!("| {word} | 词 | what the word means |\n");
    let rows: String = HOUSE_WORDS.split(", ").map(row).collect();
    let text =
        |more: &str| format!("# G\n\n| English | 中文 | meaning |\n|---|---|---|\n{rows}{more}");
    let with = |text: &str| glossary(&Tree::with(&[("GLOSSARY.md", text)]));
    assert_eq!(with(&text(&row("extra"))), []);
    assert_eq!(with(&text(&row("node"))).len(), 1);
    assert_eq!(with(&text("| extra | none | what the word means |\n")).len(), 1);
    assert_eq!(with(&text("").replace("| parcel |", "| packet |")).len(), 1);
}

#[test]
fn a_link_that_leads_nowhere_is_found() {
    let text = "# a\n[b](../b.md#x) [c](c/) [w](https://x.y/z) [h](#a)\n```\n[no](gone.md)\n```\n`[no](gone.md)`\n";
    let there = [("d/a.md", text), ("b.md", ""), ("d/c/x.rs", "")];
    assert_eq!(links(&Tree::with(&there)), []);
    let text = "# a\n[b](b.md) and [c](<c d.md>)\n[r]: gone.md\n[up](../../x)\n[abs](/b.md)\n";
    let found = links(&Tree::with(&[("d/a.md", text), ("b.md", "")]));
    let found: Vec<String> = found.iter().map(ToString::to_string).collect();
    assert_eq!(found.len(), 5, "{found:#?}");
    assert!(found[0].starts_with("d/a.md:2: `b.md` leads nowhere"), "{found:?}");
    assert!(found[1].starts_with("d/a.md:2: `c d.md` leads nowhere"), "{found:?}");
}

#[test]
fn a_place_outside_is_found() {
    let text =
        concat!("a\nin /wo", "rk/x\n\"/ro", "ot/.cargo\"\nthe net/wo", "rk/ $HOME/ho", "me/x\n");
    let found = places(&Tree::with(&[("a.toml", text)]));
    assert_eq!(found.len(), 2, "{found:?}");
}

#[test]
fn a_limit_nobody_tells_is_found() {
    let files = [
        (
            "src/a/limits.rs",
            "//! x\npub const DAY: i64 = 1;\n    pub wide: u8,\n    pub told: u8,\n",
        ),
        ("src/a/b.rs", "//! x\npub const ROWS_MAX: usize = 1;\n    pub field: u8,\n"),
    ];
    assert_eq!(limits(&Tree::with(&files)), [], "no manual yet");
    let manual = [(LIMITS_MANUAL, "# Limits\n| `told` | 1 |\n| ROWS_MAX_OTHER | 1 |\n")];
    let found = limits(&Tree::with(&[files.as_slice(), &manual].concat()));
    let found: Vec<String> = found.iter().map(ToString::to_string).collect();
    assert_eq!(found.len(), 2, "{found:#?}");
    assert!(found[0].starts_with("src/a/b.rs:2: `ROWS_MAX`"), "{found:?}");
    assert!(found[1].starts_with("src/a/limits.rs:3: `wide`"), "{found:?}");
}
