//! How the folders stand: top level, manuals, adapters, sizes, the museum.

use std::collections::BTreeSet;

use canon::DigestAlg;

use super::tree::{Finding, Tree};

/// What the top level holds, and nothing else.
const TOP_LEVEL: [&str; 24] = [
    ".ci",
    ".gitattributes",
    ".gitignore",
    "ARCHITECTURE.md",
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "Cargo.lock",
    "Cargo.toml",
    "GLOSSARY.md",
    "LICENSE",
    "Makefile",
    "README.md",
    "README.zh-CN.md",
    "SECURITY.md",
    "adapters",
    "clippy.toml",
    "config",
    "deny.toml",
    "deploy",
    "rust-toolchain.toml",
    "rustfmt.toml",
    "schemas",
    "src",
    "tests",
];

/// Largest tracked file, bytes.
const FILE_BYTES_MAX: usize = 200 * 1024;

/// The digests of what was ever released.
const DIGESTS: &str = "tests/museum/digests.txt";

/// The top level is fixed, so that a reader knows where a thing stands.
pub(super) fn top_level(tree: &Tree) -> Vec<Finding> {
    let names = tree.files().map(|(path, _)| path.split('/').next().unwrap_or(path));
    let other: BTreeSet<&str> = names.filter(|name| !TOP_LEVEL.contains(name)).collect();
    let says =
        "the top level is fixed: put it into src, adapters, schemas, config, tests or deploy";
    other.into_iter().map(|name| Finding::of(name, says)).collect()
}

/// Every crate and every top folder has a README.md, its manual.
pub(super) fn manuals(tree: &Tree) -> Vec<Finding> {
    let tops = ["adapters", "schemas", "config", "tests", "deploy"];
    let tops = tops.iter().filter(|name| tree.has(name)).map(|name| (*name).to_owned());
    let crates = tree.folders("src").into_iter().map(|name| format!("src/{name}"));
    let bare = tops.chain(crates).filter(|name| {
        tree.text(&format!("{name}/README.md")).lines().filter(|line| !line.is_empty()).count() < 2
    });
    let says = "has no README.md with more than a title: every folder's README is its manual";
    bare.map(|name| Finding::of(&name, says)).collect()
}

/// An adapter folder has its package, its manual, and samples: at least one whose rows are all
/// good, and one with an error in it.
pub(super) fn adapters(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for name in tree.folders("adapters") {
        let folder = format!("adapters/{name}");
        let (mut good, mut bad) = (false, false);
        for sample in tree.folders(&format!("{folder}/samples")) {
            let sample = format!("{folder}/samples/{sample}");
            let errors = expected_errors(tree.text(&format!("{sample}/expected.json")));
            good |= errors == Some(0);
            bad |= errors.is_some_and(|errors| errors > 0);
            let input = tree.files().any(|(path, _)| path.starts_with(&format!("{sample}/input.")));
            if errors.is_none() || !input {
                let says = "a sample is an input.… and an expected.json with its violations";
                findings.push(Finding::of(&sample, says));
            }
        }
        let parts = [
            (tree.has(&format!("{folder}/adapter.toml")), "adapter.toml"),
            (tree.has(&format!("{folder}/README.md")), "README.md"),
            (good, "a sample without errors in samples/"),
            (bad, "a sample with an error in samples/"),
        ];
        for (_, part) in parts.iter().filter(|(there, _)| !there) {
            findings.push(Finding::of(&folder, format!("the adapter lacks {part}: add it")));
        }
        let rust = tree.rust().filter(|(path, _)| path.starts_with(&format!("{folder}/")));
        findings
            .extend(rust.map(|(path, _)| Finding::of(path, "an adapter is data: no Rust here")));
    }
    findings
}

/// How many errors (warnings aside) a sample expects; none where it expects nothing at all.
fn expected_errors(text: &str) -> Option<usize> {
    let expected: serde_json::Value = serde_json::from_str(text).ok()?;
    let warns = |violation: &&serde_json::Value| violation["severity"] == "warn";
    let violations = expected.get("violations")?.as_array()?;
    Some(violations.len() - violations.iter().filter(warns).count())
}

/// No tracked file is larger than 200 KiB; what is larger is generated.
pub(super) fn size(tree: &Tree) -> Vec<Finding> {
    let large =
        tree.files().filter(|(path, bytes)| bytes.len() > FILE_BYTES_MAX && *path != "Cargo.lock");
    let says = |bytes: &[u8]| {
        format!(
            "{} bytes, {FILE_BYTES_MAX} at most: generate it, or keep a smaller sample",
            bytes.len()
        )
    };
    large.map(|(path, bytes)| Finding::of(path, says(bytes))).collect()
}

/// What was ever released stays as it was, byte for byte.
pub(super) fn museum(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut listed = BTreeSet::new();
    for (number, line) in (1..).zip(tree.text(DIGESTS).lines()) {
        let Some((digest, path)) = line.split_once("  ").filter(|_| !line.starts_with('#')) else {
            continue;
        };
        listed.insert(path);
        let now = tree.files().find(|(name, _)| *name == path).map(|(_, bytes)| digest_of(bytes));
        let says = match now {
            Some(now) if now == digest => continue,
            Some(_) => "was changed: a released document is never changed; take the change back",
            None => "is gone: a released document is kept for ever; put it back",
        };
        findings.push(Finding::at(DIGESTS, number, format!("{path} {says}")));
    }
    let manual = |path: &str| path == DIGESTS || path.ends_with("README.md");
    for (path, bytes) in tree.files().filter(|(path, _)| path.starts_with("tests/museum/")) {
        if !listed.contains(path) && !manual(path) {
            let line = format!("{}  {path}", digest_of(bytes));
            findings.push(Finding::of(path, format!("freeze it with  echo '{line}' >> {DIGESTS}")));
        }
    }
    findings
}

fn digest_of(bytes: &[u8]) -> String {
    DigestAlg::Sha256.of(&[bytes]).to_string()
}

#[test]
fn a_stranger_at_the_top_is_found() {
    let found = top_level(&Tree::with(&[("docs/a.md", ""), ("docs/b.md", ""), ("src/x.rs", "")]));
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(found[0].to_string().starts_with("docs:1: the top level is fixed"));
}

#[test]
fn a_folder_without_a_manual_is_found() {
    let files = [
        ("src/a/lib.rs", ""),
        ("src/b/lib.rs", ""),
        ("src/b/README.md", "# b\n\nWhat b is.\n"),
        ("config/README.md", "# config\n"),
        ("schemas/README.md", "# schemas\nFormats.\n"),
    ];
    let found: Vec<String> = manuals(&Tree::with(&files)).iter().map(ToString::to_string).collect();
    assert_eq!(found.len(), 2, "{found:?}");
    assert!(found[0].starts_with("config:1") && found[1].starts_with("src/a:1"), "{found:?}");
}

#[test]
fn an_incomplete_adapter_is_found() {
    let whole = [
        ("adapters/a/adapter.toml", ""),
        ("adapters/a/README.md", ""),
        ("adapters/a/samples/plain/input.csv", ""),
        ("adapters/a/samples/plain/expected.json", r#"{"violations": [{"severity": "warn"}]}"#),
        ("adapters/a/samples/dirty/input.csv", ""),
        ("adapters/a/samples/dirty/expected.json", r#"{"violations": [{}]}"#),
    ];
    assert_eq!(adapters(&Tree::with(&whole)), []);
    for gone in 0..whole.len() {
        let mut files = whole.to_vec();
        files.remove(gone);
        assert!(!adapters(&Tree::with(&files)).is_empty(), "without {}", whole[gone].0);
    }
    let rust = [whole.as_slice(), &[("adapters/a/decode.rs", "//! x")]].concat();
    assert_eq!(adapters(&Tree::with(&rust)).len(), 1);
}

#[test]
fn a_large_file_is_found() {
    let text = "x".repeat(FILE_BYTES_MAX + 1);
    let found = size(&Tree::with(&[("Cargo.lock", &text), ("a.csv", &text), ("b", "x")]));
    assert_eq!(found.len(), 1, "{found:?}");
}

#[test]
fn a_changed_a_lost_and_an_unlisted_document_are_found() {
    let list = format!(
        "# digest  path\n{}  tests/museum/1/a.xml\n{}  tests/museum/1/b.xml\n",
        digest_of(b"a"),
        digest_of(b"b")
    );
    let at = |a: &str, rest: &[(&str, &str)]| {
        let first = [(DIGESTS, list.as_str()), ("tests/museum/1/a.xml", a)];
        museum(&Tree::with(&[first.as_slice(), rest].concat()))
    };
    assert_eq!(at("a", &[("tests/museum/1/b.xml", "b")]), []);
    let found = at("A", &[("tests/museum/1/c.xml", "c")]);
    let found: Vec<String> = found.iter().map(ToString::to_string).collect();
    assert_eq!(found.len(), 3, "{found:?}");
    assert!(found[0].contains(":2: tests/museum/1/a.xml was changed"), "{found:?}");
    assert!(found[1].contains(":3: tests/museum/1/b.xml is gone"), "{found:?}");
    assert!(found[2].contains("tests/museum/1/c.xml:1: freeze it"), "{found:?}");
}
