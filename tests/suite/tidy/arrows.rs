//! Who may import whom: the table of ARCHITECTURE.md, held against the manifests.

use std::collections::BTreeSet;

use toml::{Table, Value};

use super::tree::{Finding, Tree};

/// Each crate of ours, which of ours it may import, which crates of others it must not know.
const TABLE: [(&str, &[&str], &[&str]); 11] = [
    ("canon", &[], &["sqlx", "lapin", "axum", "tokio", "rand"]),
    ("envelope", &["canon"], &["sqlx", "lapin", "axum", "tokio", "rand"]),
    ("adapt", &["canon"], &["sqlx", "lapin", "axum", "tokio", "rand"]),
    ("supervise", &["canon"], &["sqlx", "lapin", "axum", "tokio", "rand"]),
    ("store", &["canon", "envelope"], &["lapin", "axum"]),
    ("bus", &["canon", "envelope"], &["sqlx", "axum"]),
    ("edge", &["canon", "adapt", "envelope"], &["lapin"]),
    (
        "exchange",
        &["canon", "envelope", "adapt", "supervise", "store", "bus", "edge"],
        &["sqlx", "lapin", "axum"],
    ),
    ("admin", &["canon", "envelope", "store", "exchange", "bus"], &["lapin"]),
    (
        "cli",
        &["canon", "envelope", "adapt", "supervise", "store", "bus", "edge", "exchange", "admin"],
        &[],
    ),
    (
        "sim",
        &["canon", "envelope", "adapt", "supervise", "store", "bus", "edge", "exchange"],
        &["sqlx", "lapin", "axum"],
    ),
];

/// Back ends: a feature of `store`, `bus` or `edge`, off unless asked for.
const BACK_ENDS: [&str; 2] = ["sqlx", "lapin"];

/// One dependency as a manifest has it.
pub(super) struct Dependency {
    pub(super) name: String,
    /// Only its own tests use it.
    pub(super) dev: bool,
    value: Value,
}

/// Every arrow between our crates is in the table.
pub(super) fn imports(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for name in tree.folders("src") {
        let path = format!("src/{name}/Cargo.toml");
        let Some((_, may, _)) = TABLE.iter().find(|row| row.0 == name) else {
            let says = format!(
                "crate `{name}` is not in the import table: decide whom it may know, in ARCHITECTURE.md and in the table of this check"
            );
            findings.push(Finding::of(&path, says));
            continue;
        };
        let ours = |dep: &Dependency| TABLE.iter().any(|row| row.0 == dep.name);
        for dep in dependencies(tree, &path).iter().filter(|dep| ours(dep)) {
            if !may.contains(&dep.name.as_str()) {
                let says = format!(
                    "`{name}` must not import `{}`: move what it needs down, or pass it as an argument",
                    dep.name
                );
                findings.push(Finding::at(&path, tree.line_of(&path, &dep.name), says));
            }
        }
    }
    findings
}

/// ARCHITECTURE.md tells the same table.
pub(super) fn told(tree: &Tree) -> Vec<Finding> {
    const PATH: &str = "ARCHITECTURE.md";
    let mut findings = Vec::new();
    for (name, may, _) in TABLE {
        let row = format!("| `{name}` |");
        let line = tree.text(PATH).lines().find(|line| line.starts_with(&row)).unwrap_or("");
        let cell = line.split('|').nth(3).unwrap_or("");
        let cell: BTreeSet<&str> = cell.split([',', '—']).map(str::trim).collect();
        let may: BTreeSet<&str> = may.iter().copied().chain([""]).collect();
        if cell.iter().chain([&""]).copied().collect::<BTreeSet<_>>() != may {
            let says = format!(
                "the row of `{name}` differs from the table the test holds: `{}`",
                may.into_iter().skip(1).collect::<Vec<_>>().join(", ")
            );
            findings.push(Finding::at(PATH, tree.line_of(PATH, &row), says));
        }
    }
    findings
}

/// No crate names what it must not know, and back ends are features.
pub(super) fn outsiders(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (name, _, never) in TABLE.iter().filter(|row| tree.folders("src").contains(row.0)) {
        let path = format!("src/{name}/Cargo.toml");
        let mut find = |dep: &str, says: String| {
            findings.push(Finding::at(&path, tree.line_of(&path, dep), says));
        };
        for dep in dependencies(tree, &path).iter().filter(|dep| !dep.dev) {
            let optional = dep.value.get("optional").and_then(Value::as_bool) == Some(true);
            let has_features = dep.value.get("features").and_then(Value::as_array).is_some();
            if never.contains(&dep.name.as_str()) {
                find(&dep.name, format!("`{name}` must not know `{}`", dep.name));
            } else if BACK_ENDS.contains(&dep.name.as_str()) && !optional {
                find(
                    &dep.name,
                    format!(
                        "`{}` is a back end: make it optional, behind a feature that is off by default",
                        dep.name
                    ),
                );
            }
            let turned_on = ["store", "bus", "edge"].contains(&dep.name.as_str()) && has_features;
            if turned_on && *name != "cli" {
                find(&dep.name, format!("only `cli` turns on features of `{}`", dep.name));
            }
        }
        if !default_features(tree, &path).is_empty() {
            find("default", "back ends are off by default: leave `default` out".to_owned());
        }
    }
    findings
}

/// The manifest's dependencies of every kind, for every target.
pub(super) fn dependencies(tree: &Tree, path: &str) -> Vec<Dependency> {
    let manifest: Table = tree.text(path).parse().unwrap_or_default();
    let mut tables = vec![manifest.clone()];
    if let Some(targets) = manifest.get("target").and_then(Value::as_table) {
        tables.extend(targets.values().filter_map(Value::as_table).cloned());
    }
    let mut found = Vec::new();
    for table in &tables {
        for kind in ["dependencies", "build-dependencies", "dev-dependencies"] {
            for (key, value) in table.get(kind).and_then(Value::as_table).into_iter().flatten() {
                let renamed = value.get("package").and_then(Value::as_str);
                let name = renamed.unwrap_or(key).to_owned();
                found.push(Dependency { name, dev: kind.starts_with("dev"), value: value.clone() });
            }
        }
    }
    found
}

fn default_features(tree: &Tree, path: &str) -> Vec<Value> {
    let manifest: Table = tree.text(path).parse().unwrap_or_default();
    let default = manifest.get("features").and_then(|features| features.get("default"));
    default.and_then(Value::as_array).cloned().unwrap_or_default()
}

#[test]
fn an_arrow_that_is_not_in_the_table_is_found() {
    let tree = Tree::with(&[
        ("src/canon/Cargo.toml", "[package]\n[dependencies]\nstore.workspace = true\n"),
        ("src/bus/Cargo.toml", "[dependencies]\ncanon.workspace = true\n"),
        (
            "src/store/Cargo.toml",
            "[dev-dependencies]\nx = { path = \"../exchange\", package = \"exchange\" }\n",
        ),
        ("src/extra/Cargo.toml", "[dependencies]\n"),
        ("src/edge/Cargo.toml", "[target.'cfg(unix)'.dependencies]\nbus.workspace = true\n"),
    ]);
    let found: Vec<String> = imports(&tree).iter().map(ToString::to_string).collect();
    assert_eq!(found.len(), 4, "{found:#?}");
    assert!(found[0].starts_with("src/canon/Cargo.toml:3: `canon` must not import `store`"));
    assert!(found[1].starts_with("src/edge/Cargo.toml:2: `edge` must not import `bus`"));
    assert!(found[2].starts_with("src/extra/Cargo.toml:1: crate `extra` is not in"));
    assert!(found[3].contains("`store` must not import `exchange`"), "{found:#?}");
}

#[test]
fn a_table_told_otherwise_is_found() {
    let row = |(name, may, _): &(&str, &[&str], &[&str])| {
        let may = if may.is_empty() { "—".to_owned() } else { may.join(", ") };
        format!("| `{name}` | what it is | {may} | x |\n")
    };
    let text: String = TABLE.iter().map(row).collect();
    let with = |text: &str| told(&Tree::with(&[("ARCHITECTURE.md", text)]));
    assert_eq!(with(&text), []);
    assert_eq!(with(&text.replace("is | — | x", "is | store | x")).len(), 1);
    assert_eq!(with(&text.replace("`bus` |", "`coach` |")).len(), 1);
}

#[test]
fn a_back_end_in_the_wrong_place_is_found() {
    let tree = Tree::with(&[
        (
            "src/exchange/Cargo.toml",
            "[dependencies]\nlapin = \"1\"\nstore = { path = \"x\", features = [\"sqlite\"] }\n",
        ),
        (
            "src/store/Cargo.toml",
            "[features]\ndefault = [\"sqlite\"]\n[dependencies]\nsqlx = \"1\"\n",
        ),
        (
            "src/bus/Cargo.toml",
            "[features]\n[dependencies]\nlapin = { version = \"1\", optional = true }\n[dev-dependencies]\nsqlx = \"1\"\n",
        ),
        (
            "src/cli/Cargo.toml",
            "[dependencies]\nstore = { path = \"x\", features = [\"sqlite\"] }\n",
        ),
    ]);
    let found: Vec<String> = outsiders(&tree).iter().map(ToString::to_string).collect();
    assert_eq!(found.len(), 4, "{found:#?}");
    assert!(found.iter().any(|f| f.contains("`exchange` must not know `lapin`")));
    assert!(found.iter().any(|f| f.contains("only `cli` turns on features of `store`")));
    assert!(found.iter().any(|f| f.contains("`sqlx` is a back end")));
    assert!(found.iter().any(|f| f.contains("leave `default` out")));
}
