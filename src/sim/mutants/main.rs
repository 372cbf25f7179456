//! Takes each guard away in turn, in a copy of the tree, and lets the simulator look for it. Prints a
//! table; fails if a guard is missed by nobody.
//!
//! The copy is built once: in it every guard has a switch beside it, and the environment says which one is
//! away in a run.

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

/// Asked by every guard of the copy whether it is away.
const SWITCH: &str = r#"
/// Whether the guard of this number is away.
pub fn mutant(n: usize) -> bool {
    static AWAY: std::sync::LazyLock<usize> = std::sync::LazyLock::new(|| {
        std::env::var("TIERGATE_MUTANT").ok().and_then(|n| n.parse().ok()).unwrap_or(0)
    });
    *AWAY == n
}
"#;

/// Two texts of one form: what stands before both, the two, and what stands behind.
fn parts<'t>(from: &'t str, to: &'t str, open: &str, mid: &str, end: &str) -> Option<[&'t str; 3]> {
    let (head, a) = from.strip_suffix(end)?.split_once(mid)?;
    let (same, b) = to.strip_suffix(end)?.split_once(mid)?;
    (head == same && head.starts_with(open)).then_some([head, a, b])
}

/// The guard with its switch.
fn switched(n: usize, from: &str, to: &str) -> String {
    let away = format!("canon::mutant({n})");
    let choose = |a: &str, b: &str| format!("if {away} {{ {b} }} else {{ {a} }}");
    if let Some(more) = to.strip_prefix(from) {
        return format!("{from} if {away} {{ {more} }}");
    }
    if let Some(before) = to.strip_suffix(from) {
        return format!("if {away} {{ {before} }} {from}");
    }
    if let Some([head, a, b]) = parts(from, to, "if let ", " = ", " {") {
        return format!("{head} = ({}) {{", choose(a, b));
    }
    let condition = |text: &str| Some(text.strip_prefix("if ")?.strip_suffix(" {")?.to_owned());
    if let (Some(a), Some(b)) = (condition(from), condition(to)) {
        return format!("if ({}) {{", choose(&a, &b));
    }
    let closure = |head: &str| head.split_once(" = ").is_some_and(|(_, f)| f.starts_with('|'));
    if let Some([head, a, b]) = parts(from, to, "let ", "| ", ";").filter(|[h, ..]| closure(h)) {
        return format!("{head}| {};", choose(a, b));
    }
    if let Some([head, a, b]) = parts(from, to, "let ", " = ", ";") {
        return format!("{head} = {};", choose(a, b));
    }
    if let Some([head, a, b]) = parts(from, to, "", " => ", ",") {
        return format!("{head} => {},", choose(a, b));
    }
    if let Some([head, a, b]) = parts(from, to, "", ": ", ",") {
        return format!("{head}: {},", choose(a, b));
    }
    match from.ends_with(';') {
        true => choose(from, to),
        false => format!("({})", choose(from, to)),
    }
}

/// Puts every switch into the copy; those that could not be put in.
fn switches(tree: &Path, mutants: &[Mutant]) -> Vec<(usize, String)> {
    let mut not = Vec::new();
    for (n, mutant) in (1..).zip(mutants) {
        let path = tree.join(&mutant.file);
        let sound = fs::read_to_string(&path).unwrap_or_default();
        if sound.matches(&mutant.from).count() == 1 {
            let with = sound.replace(&mutant.from, &switched(n, &mutant.from, &mutant.to));
            fs::write(&path, with).expect("the copy can be written");
        } else {
            not.push((n, format!("`{}` does not stand once", mutant.from)));
        }
    }
    let canon = tree.join("src/canon/lib.rs");
    let text = fs::read_to_string(&canon).expect("the copy of canon");
    fs::write(&canon, text + SWITCH).expect("the copy can be written");
    not
}

/// Builds the copy; the simulator's program.
fn build(tree: &Path) -> Result<PathBuf, String> {
    let output = Command::new("cargo")
        .args(["build", "--release", "--offline", "-p", "sim", "--bin", "sim"])
        .current_dir(tree)
        .env("CARGO_TARGET_DIR", target())
        .output()
        .map_err(|e| e.to_string())?;
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into_owned());
    }
    // Beside the copy: the next build of the true tree has another one there.
    let program = tree.join("sim-with-switches");
    fs::copy(target().join("release/sim"), &program).map_err(|e| e.to_string())?;
    Ok(program)
}

/// The line in which the simulator says what broke.
fn noticed(sim: &Path, away: usize, faults: &[String]) -> Option<String> {
    let mut command = Command::new(sim);
    command.args(["--seeds", SEEDS, "--as-it-is"]).env("TIERGATE_MUTANT", away.to_string());
    if !faults.is_empty() {
        command.args(["--faults", &faults.join(",")]);
    }
    let output = command.output().expect("the simulator");
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    said.lines().find(|line| line.contains(" broken at ")).map(ToOwned::to_owned)
}

fn main() -> ExitCode {
    let only: Vec<String> = std::env::args().skip(1).collect();
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let tree = target().join("mutants");
    fs::create_dir_all(&tree).expect("a folder for the copy");
    for name in COPIED {
        copy(&root.join(name), &tree.join(name)).expect("a copy of the tree");
    }
    let mutants = list();
    let not = switches(&tree, &mutants);
    let sim = match build(&tree) {
        Ok(sim) => sim,
        Err(e) => {
            say(&format!("the copy does not build:\n{e}"));
            return ExitCode::FAILURE;
        }
    };
    let mut missed = 0;
    if let Some(line) = noticed(&sim, 0, &[]) {
        say(&format!("with every guard in its place: {line}"));
        missed += 1;
    }
    say("| guard | noticed as | s |\n|---|---|---|");
    for (n, mutant) in (1..).zip(&mutants) {
        if !only.is_empty() && !only.iter().any(|word| mutant.guard.starts_with(word.as_str())) {
            continue;
        }
        let begun = Instant::now();
        let untried = not.iter().find(|(at, _)| *at == n).map(|(_, why)| why);
        let found = noticed(&sim, n, &mutant.faults).filter(|_| untried.is_none());
        let said = match (&found, untried) {
            (Some(line), _) => line.split(" (").next().unwrap_or(line).replace('|', "/"),
            (None, Some(why)) => format!("**not tried**: {why}"),
            (None, None) => "**not noticed**".to_owned(),
        };
        missed += u32::from(found.is_none());
        say(&format!("| {} | {said} | {} |", mutant.guard, begun.elapsed().as_secs()));
    }
    if missed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_form_of_a_guard_has_its_switch() {
        let away = "canon::mutant(7)";
        for (from, to, with) in [
            ("if a == b {", "if c {", format!("if (if {away} {{ c }} else {{ a == b }}) {{")),
            ("let x = a;", "let x = b;", format!("let x = if {away} {{ b }} else {{ a }};")),
            (
                "let f = |k| a;",
                "let f = |k| b;",
                format!("let f = |k| if {away} {{ b }} else {{ a }};"),
            ),
            (
                "if let P = a {",
                "if let P = b {",
                format!("if let P = (if {away} {{ b }} else {{ a }}) {{"),
            ),
            ("A => x,", "A => y,", format!("A => if {away} {{ y }} else {{ x }},")),
            ("n: x,", "n: y,", format!("n: if {away} {{ y }} else {{ x }},")),
            ("go();", "stay();", format!("if {away} {{ stay(); }} else {{ go(); }}")),
            ("fn f() {", "fn f() { no();", format!("fn f() {{ if {away} {{  no(); }}")),
            ("go()", "stay()", format!("(if {away} {{ stay() }} else {{ go() }})")),
        ] {
            assert_eq!(switched(7, from, to), with);
        }
    }
}
