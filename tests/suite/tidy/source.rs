//! What every source file keeps to: short, headed, well named, finished.

use std::sync::LazyLock;

use regex::Regex;

use super::tree::{Finding, Tree};

/// Most lines of a Rust file.
const FILE_LINES_MAX: usize = 500;

/// Words that say nothing about what a thing is, and their plurals.
const EMPTY_WORDS: [&str; 6] = ["manager", "factory", "processor", "util", "helper", "misc"];

/// A file has 500 lines at most.
pub(super) fn length(tree: &Tree) -> Vec<Finding> {
    let too_long = |(path, text): (&str, &str)| {
        let lines = text.lines().count();
        let says = format!("{lines} lines, {FILE_LINES_MAX} at most: split it by what it is about");
        (lines > FILE_LINES_MAX).then(|| Finding::at(path, FILE_LINES_MAX + 1, says))
    };
    tree.rust().filter_map(too_long).collect()
}

/// A file opens by saying what it is.
pub(super) fn header(tree: &Tree) -> Vec<Finding> {
    let bare = |(path, text): (&str, &str)| {
        let says = "open with a `//! …` line that says what the file is";
        let headed = text.strip_prefix("//! ").is_some_and(|rest| !rest.starts_with('\n'));
        (!headed).then(|| Finding::of(path, says))
    };
    tree.rust().filter_map(bare).collect()
}

/// No file, folder or type is named by an empty word.
pub(super) fn names(tree: &Tree) -> Vec<Finding> {
    static TYPE: LazyLock<Regex> = LazyLock::new(|| {
        Regex::new(r"^\s*(?:pub(?:\([^)]*\))? )?(?:struct|enum|trait|type|union|mod) (\w+)")
            .expect("the pattern is constant")
    });
    let mut findings = Vec::new();
    let says = |word: &str, name: &str| {
        format!("`{word}` in `{name}` says nothing: name it by what it is or does (GLOSSARY.md)")
    };
    for (path, _) in tree.files() {
        if let Some(word) = empty_word(path) {
            findings.push(Finding::of(path, says(&word, path)));
        }
    }
    for (path, text) in tree.rust() {
        for (number, line) in (1..).zip(text.lines()) {
            let Some(name) = TYPE.captures(line).map(|found| found[1].to_owned()) else { continue };
            if let Some(word) = empty_word(&name) {
                findings.push(Finding::at(path, number, says(&word, &name)));
            }
        }
    }
    findings
}

/// The first empty word in a path, a snake_case or a CamelCase name.
fn empty_word(name: &str) -> Option<String> {
    let mut spaced = String::new();
    for c in name.chars() {
        if c.is_uppercase() || !c.is_alphanumeric() {
            spaced.push(' ');
        }
        spaced.extend(c.to_lowercase());
    }
    let words = spaced.split(|c: char| !c.is_alphanumeric());
    let mut singular = words.map(|word| match word.strip_suffix("ies") {
        Some(stem) => format!("{stem}y"),
        None => word.trim_end_matches('s').to_owned(),
    });
    singular.find(|word| EMPTY_WORDS.contains(&word.as_str()))
}

/// Nothing stands there to be done later, and no test is switched off.
pub(super) fn unfinished(tree: &Tree) -> Vec<Finding> {
    // In halves, so that this file does not find itself.
    let marks = [
        concat!("TO", "DO"),
        concat!("FIX", "ME"),
        concat!("to", "do!("),
        concat!("unimpl", "emented!("),
        concat!("#[ig", "nore"),
    ];
    let mut findings = Vec::new();
    let code = [".rs", ".toml", ".sh", ".sql", ".xsd", ".xml", "Makefile", ".ci/run", ".ci/deny"];
    for (path, text) in tree.texts().filter(|(path, _)| code.iter().any(|end| path.ends_with(end)))
    {
        for (number, line) in (1..).zip(text.lines()) {
            for mark in marks.iter().filter(|mark| line.contains(*mark)) {
                let says = format!("`{mark}`: finish it, take it out, or write an issue about it");
                findings.push(Finding::at(path, number, says));
            }
        }
    }
    findings
}

#[test]
fn a_long_file_is_found() {
    let text = |lines: usize| "x\n".repeat(lines);
    assert_eq!(length(&Tree::with(&[("src/a/lib.rs", &text(500))])), []);
    let found = length(&Tree::with(&[("src/a/lib.rs", &text(501))]));
    assert_eq!(found.len(), 1);
    assert!(found[0].to_string().starts_with("src/a/lib.rs:501: 501 lines"), "{}", found[0]);
}

#[test]
fn a_file_without_a_header_is_found() {
    let tree = Tree::with(&[("a.rs", "//! What.\n"), ("b.rs", "use x;\n"), ("c.rs", "//! \n")]);
    assert_eq!(header(&tree).len(), 2);
}

#[test]
fn empty_names_are_found_and_others_are_not() {
    let bad = [
        ("src/a/utils.rs", ""),
        ("src/misc/x.rs", ""),
        ("src/factories.toml", ""),
        ("src/a/b.rs", "pub(crate) struct RetryManager;\n"),
        ("src/a/c.rs", "//! x\nmod date_helper;\n"),
    ];
    let found = names(&Tree::with(&bad));
    assert_eq!(found.len(), 5, "{found:?}");
    assert!(found.iter().any(|f| f.to_string().starts_with("src/a/c.rs:2: `helper`")), "{found:?}");
    let good =
        [("src/a/b.rs", "struct Utility;\nenum Processed { A }\n// a util\n"), ("miscount.rs", "")];
    assert_eq!(names(&Tree::with(&good)), []);
}

#[test]
fn unfinished_work_is_found() {
    let text = concat!("//! x\n#[ig", "nore]\nfn a() {}\n// TO", "DO later\n");
    let found = unfinished(&Tree::with(&[("a.rs", text), ("b.md", text)]));
    assert_eq!(found.len(), 2, "{found:?}");
}
