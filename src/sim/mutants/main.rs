//! Takes each guard away in turn, in a copy of the tree, and lets the simulator look for it. Prints a
//! table; fails if a guard is missed by nobody.

#![expect(
    clippy::disallowed_methods,
    reason = "a tool over the tree: it reads, writes and measures"
)]

use std::fs;
use std::io::{Write as _, stdout};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::time::Instant;

use toml::Table;

/// What the copy needs; the rest of the tree is of no use to the simulator.
const COPIED: [&str; 8] = [
    "Cargo.toml",
    "Cargo.lock",
    "rust-toolchain.toml",
    "ARCHITECTURE.md",
    "adapters",
    "schemas",
    "src",
    "tests",
];
/// Seeds in which a missing guard must be noticed.
const SEEDS: &str = "600";

struct Mutant {
    guard: String,
    file: String,
    from: String,
    to: String,
    faults: Vec<String>,
}

fn say(line: &str) {
    // A pipe that was closed ends the program by itself.
    let _written = writeln!(stdout().lock(), "{line}");
}

fn list() -> Vec<Mutant> {
    let table: Table = include_str!("list.toml").parse().expect("a list of mutants");
    let all = table["mutant"].as_array().expect("a list of mutants");
    let one = |of: &toml::Value| {
        let text = |name: &str| of[name].as_str().expect("a text").to_owned();
        let faults = of.get("faults").and_then(toml::Value::as_array).cloned().unwrap_or_default();
        Mutant {
            guard: text("guard"),
            file: text("file"),
            from: text("from"),
            to: text("to"),
            faults: faults.iter().filter_map(|f| f.as_str().map(ToOwned::to_owned)).collect(),
        }
    };
    all.iter().map(one).collect()
}

fn copy(from: &Path, to: &Path) -> std::io::Result<()> {
    if from.is_dir() {
        fs::create_dir_all(to)?;
        for entry in fs::read_dir(from)? {
            let name = entry?.file_name();
            copy(&from.join(&name), &to.join(&name))?;
        }
        return Ok(());
    }
    // An old copy that says the same keeps its date, so that cargo builds only what is new.
    let text = fs::read(from)?;
    if fs::read(to).ok().as_ref() != Some(&text) {
        fs::write(to, text)?;
    }
    Ok(())
}

fn target() -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), PathBuf::from)
}

/// Builds the copy; the simulator's program.
fn build(tree: &Path) -> Result<PathBuf, String> {
    let output = Command::new("cargo")
        .args(["build", "--offline", "-p", "sim", "--bin", "sim"])
        .current_dir(tree)
        .env("CARGO_TARGET_DIR", target())
        .env("CARGO_INCREMENTAL", "1")
        .output()
        .map_err(|e| e.to_string())?;
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into_owned());
    }
    Ok(target().join("debug/sim"))
}

/// The line in which the simulator says what broke.
fn noticed(sim: &Path, faults: &[String]) -> Option<String> {
    let mut command = Command::new(sim);
    command.args(["--seeds", SEEDS, "--as-it-is"]);
    if !faults.is_empty() {
        command.args(["--faults", &faults.join(",")]);
    }
    let output = command.output().expect("the simulator");
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    said.lines().find(|line| line.contains(" broken at ")).map(ToOwned::to_owned)
}

/// One guard taken away, looked for, and put back.
fn hunt(tree: &Path, mutant: &Mutant) -> Result<Option<String>, String> {
    let path = tree.join(&mutant.file);
    let sound = fs::read_to_string(&path).map_err(|e| format!("{}: {e}", mutant.file))?;
    if sound.matches(&mutant.from).count() != 1 {
        return Err(format!("`{}` does not stand once in {}", mutant.from, mutant.file));
    }
    fs::write(&path, sound.replace(&mutant.from, &mutant.to)).map_err(|e| e.to_string())?;
    let found = build(tree).map(|sim| noticed(&sim, &mutant.faults));
    fs::write(&path, sound).map_err(|e| e.to_string())?;
    found
}

fn main() -> ExitCode {
    let only: Vec<String> = std::env::args().skip(1).collect();
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let tree = target().join("mutants");
    fs::create_dir_all(&tree).expect("a folder for the copy");
    for name in COPIED {
        copy(&root.join(name), &tree.join(name)).expect("a copy of the tree");
    }
    let mut missed = 0;
    say("| guard | noticed as | s |\n|---|---|---|");
    for mutant in list() {
        if !only.is_empty() && !only.iter().any(|word| mutant.guard.starts_with(word.as_str())) {
            continue;
        }
        let begun = Instant::now();
        let found = hunt(&tree, &mutant);
        let said = match &found {
            Ok(Some(line)) => line.split(" (").next().unwrap_or(line).replace('|', "/"),
            Ok(None) => "**not noticed**".to_owned(),
            Err(e) => format!("**not tried**: {}", e.lines().last().unwrap_or(e)),
        };
        missed += u32::from(!matches!(found, Ok(Some(_))));
        say(&format!("| {} | {said} | {} |", mutant.guard, begun.elapsed().as_secs()));
    }
    if missed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
