//! The libraries that were chosen for the house stay where they are used, and what was decided against
//! never comes in.

use toml::{Table, Value};

use super::arrows::dependencies;
use super::tree::{Finding, Tree};

/// Each library and the crates that have it. What stands behind a feature counts: only its own tests
/// may not be the reason.
const CHOSEN: [(&str, &[&str]); 7] = [
    ("tokio", &["bus", "cli", "store"]),
    ("lapin", &["bus"]),
    ("serde", &["adapt", "bus", "canon", "cli", "edge", "exchange", "store"]),
    ("quick-xml", &["canon"]),
    ("sqlx", &["edge", "store"]),
    ("governor", &["exchange"]),
    ("backon", &["bus", "exchange", "store"]),
];

/// Libraries that nobody of the house uses, directly or through another, and what is used instead.
const NEVER: [(&str, &str); 2] = [("backoff", "backon"), ("native-tls", "rustls")];

/// Every chosen library is in the manifests of the crates that use it, and lapin speaks TLS by rustls.
pub(super) fn kept(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (library, crates) in CHOSEN {
        for name in crates {
            let path = format!("src/{name}/Cargo.toml");
            let has = dependencies(tree, &path).iter().any(|d| d.name == library && !d.dev);
            if !has {
                let says = format!(
                    "`{library}` was chosen for `{name}` and is gone: bring it back, or change the decision and this list"
                );
                findings.push(Finding::of(&path, says));
            }
        }
    }
    let workspace: Table = tree.text("Cargo.toml").parse().unwrap_or_default();
    let lapin = workspace.get("workspace").and_then(|w| w.get("dependencies")?.get("lapin"));
    let features = lapin.and_then(|l| l.get("features")).and_then(Value::as_array);
    let by_rustls = |f: &Value| f.as_str().is_some_and(|f| f.starts_with("rustls"));
    if !features.is_some_and(|all| all.iter().any(by_rustls)) {
        let says = "lapin has no `rustls…` feature: without it `amqps://` is refused".to_owned();
        findings.push(Finding::at("Cargo.toml", tree.line_of("Cargo.toml", "lapin"), says));
    }
    findings
}

/// What was decided against is in no manifest and not in the lock file.
pub(super) fn kept_out(tree: &Tree) -> Vec<Finding> {
    let lock: Table = tree.text("Cargo.lock").parse().unwrap_or_default();
    let locked = lock.get("package").and_then(Value::as_array).into_iter().flatten();
    let locked: Vec<&str> = locked.filter_map(|p| p.get("name")?.as_str()).collect();
    let mut findings = Vec::new();
    for (library, instead) in NEVER {
        let says = || format!("`{library}` does not come in: use `{instead}`");
        if locked.contains(&library) {
            findings.push(Finding::of("Cargo.lock", says()));
        }
        for name in tree.folders("src") {
            let path = format!("src/{name}/Cargo.toml");
            if dependencies(tree, &path).iter().any(|d| d.name == library) {
                findings.push(Finding::at(&path, tree.line_of(&path, library), says()));
            }
        }
    }
    findings
}

#[test]
fn a_library_that_went_away_is_found() {
    let findings = kept(&Tree::with(&[
        (
            "Cargo.toml",
            "[workspace.dependencies]\nlapin = { version = \"4\", features = [\"tokio\"] }\n",
        ),
        ("src/canon/Cargo.toml", "[dependencies]\nserde.workspace = true\n"),
        ("src/store/Cargo.toml", "[dev-dependencies]\ntokio.workspace = true\n"),
    ]));
    let told: Vec<String> = findings.iter().map(ToString::to_string).collect();
    let has = |words: [&str; 2]| told.iter().any(|t| words.iter().all(|w| t.contains(w)));
    assert!(has(["src/canon/Cargo.toml", "quick-xml"]), "{told:?}");
    assert!(!has(["src/canon/Cargo.toml", "`serde`"]), "{told:?}");
    assert!(has(["src/store/Cargo.toml", "tokio"]), "only its tests have it: {told:?}");
    assert!(has(["Cargo.toml", "rustls…"]), "{told:?}");
}

#[test]
fn a_library_that_must_not_come_in_is_found() {
    let findings = kept_out(&Tree::with(&[
        ("Cargo.lock", "[[package]]\nname = \"backoff\"\nversion = \"0.4.0\"\n"),
        ("src/bus/Cargo.toml", "[dependencies]\nbackoff = \"0.4\"\n"),
    ]));
    let told: Vec<String> = findings.iter().map(ToString::to_string).collect();
    assert_eq!(told.len(), 2, "{told:?}");
    assert!(told.iter().all(|t| t.contains("use `backon`")), "{told:?}");
}
