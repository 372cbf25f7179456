//! Every sample of every adapter package is a test, and so is every broken package.
//!
//! `adapters/<name>/samples/<sample>` must give its `expected.json`;
//! `tests/data/broken_adapters/<name>` must be refused with exactly the lines of its `expected.txt`.
//! A new folder is a new test, and each package must run as a renamed copy too. `cargo test -p tests --test adapters -- --bless` writes what is given
//! now; read the difference before it is committed.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use adapt::{Mapping, Package, Problem, sample};
use canon::format::supervision_1;

type Outcome = Result<(), String>;
type Run = Box<dyn Fn(bool) -> Outcome>;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let bless = arguments.iter().any(|a| a == "--bless");
    let list = arguments.iter().any(|a| a == "--list");
    let filter = arguments.iter().find(|a| !a.starts_with('-'));
    let tests: Vec<(String, Run)> = all()
        .into_iter()
        .filter(|(name, _)| filter.is_none_or(|f| name.contains(f.as_str())))
        .collect();
    let mut failed = 0;
    for (name, run) in &tests {
        if list {
            println!("{name}: test");
            continue;
        }
        match run(bless) {
            Ok(()) => println!("test {name} ... ok"),
            Err(why) => {
                failed += 1;
                println!("test {name} ... FAILED\n{why}");
            }
        }
    }
    if !list {
        println!("\ntest result: {} passed; {failed} failed\n", tests.len() - failed);
    }
    if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("tests/ lies in the tree").to_path_buf()
}

fn all() -> Vec<(String, Run)> {
    let mut tests: Vec<(String, Run)> = Vec::new();
    for folder in folders(&root().join("adapters")) {
        let name = name_of(&folder);
        let checked = folder.clone();
        tests.push((format!("{name}::package"), Box::new(move |_| whole(&checked))));
        let copied = folder.clone();
        tests.push((format!("{name}::renamed"), Box::new(move |_| renamed(&copied))));
        for sample in folders(&folder.join("samples")) {
            let (package, sample) = (folder.clone(), name_of(&sample));
            let test = format!("{name}::{sample}");
            tests.push((test, Box::new(move |bless| run_sample(&package, &sample, bless))));
        }
    }
    let sound = tests.len();
    for folder in folders(&root().join("tests/data/broken_adapters")) {
        let name = format!("broken::{}", name_of(&folder));
        tests.push((name, Box::new(move |bless| refused(&folder, bless))));
    }
    let broken = tests.len() - sound;
    tests.push(("every_record_type_is_in_a_package".into(), Box::new(|_| every_type())));
    tests.push(("every_kind_has_a_broken_package".into(), Box::new(|_| every_kind())));
    tests.push((
        "there_are_tests".into(),
        Box::new(move |_| match (sound, broken) {
            (135.., 27..) => Ok(()),
            _ => Err(format!("{sound} tests of packages, {broken} broken ones: some are lost")),
        }),
    ));
    tests
}

/// The plans' systems: whatever the format knows, some package brings.
fn every_type() -> Outcome {
    let format = supervision_1();
    let mut missing: BTreeSet<&str> = format.types().iter().map(|t| t.name.as_str()).collect();
    for folder in folders(&root().join("adapters")) {
        let package = Package::read(&files(&folder)).map_err(|p| lines(&p))?;
        for block in &package.records {
            let named = block.ty.as_str();
            let ty = format.type_by_name(named).or_else(|| format.type_by_wire(named));
            missing.remove(ty.map_or(named, |ty| format.get(ty).name.as_str()));
        }
    }
    if missing.is_empty() { Ok(()) } else { Err(format!("no package maps {missing:?}")) }
}

/// What a kind of source may get wrong is shown by a broken package of that kind.
fn every_kind() -> Outcome {
    let kinds = |folder: &str| -> BTreeSet<String> {
        let texts = folders(&root().join(folder)).into_iter();
        let texts = texts.filter_map(|f| fs::read_to_string(f.join("adapter.toml")).ok());
        let kind = |text: String| {
            let line = text.lines().find_map(|l| l.strip_prefix("kind = "))?;
            Some(line.trim_matches('"').to_owned())
        };
        texts.filter_map(kind).collect()
    };
    let (used, broken) = (kinds("adapters"), kinds("tests/data/broken_adapters"));
    let missing: Vec<_> = used.difference(&broken).collect();
    if missing.is_empty() { Ok(()) } else { Err(format!("no broken package of {missing:?}")) }
}

fn folders(path: &Path) -> Vec<PathBuf> {
    let mut found: Vec<PathBuf> = fs::read_dir(path)
        .map(|entries| entries.filter_map(|e| Some(e.ok()?.path())).collect())
        .unwrap_or_default();
    found.retain(|p| p.is_dir());
    found.sort();
    found
}

fn name_of(path: &Path) -> String {
    path.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default()
}

fn files(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut out = BTreeMap::new();
    let mut open = vec![folder.to_path_buf()];
    while let Some(at) = open.pop() {
        for entry in fs::read_dir(&at).expect("a package's folder can be read") {
            let path = entry.expect("its entries too").path();
            if path.is_dir() {
                open.push(path);
            } else {
                let name = path.strip_prefix(folder).expect("it lies below").to_string_lossy();
                out.insert(name.into_owned(), fs::read(&path).expect("its files too"));
            }
        }
    }
    out
}

fn lines(problems: &[Problem]) -> String {
    problems.iter().map(|p| format!("{p}\n")).collect()
}

/// The package is sound and every word of it fits the format.
fn whole(folder: &Path) -> Outcome {
    let package = Package::read(&files(folder)).map_err(|p| lines(&p))?;
    Mapping::compile(&package, &supervision_1()).map_err(|p| lines(&p))?;
    Ok(())
}

/// A copy under another name runs with no edit at all: nothing in a package says what it is called.
fn renamed(folder: &Path) -> Outcome {
    let place = tempfile::tempdir().map_err(|e| e.to_string())?;
    let copy = place.path().join(format!("copy_of_{}", name_of(folder)));
    for (name, bytes) in files(folder) {
        let path = copy.join(name);
        fs::create_dir_all(path.parent().expect("a file lies in a folder"))
            .and_then(|()| fs::write(&path, bytes))
            .map_err(|e| e.to_string())?;
    }
    whole(&copy)?;
    adapt::check(&files(&copy), &supervision_1()).map_err(|p| lines(&p))?;
    for sample in folders(&copy.join("samples")) {
        run_sample(&copy, &name_of(&sample), false)?;
    }
    Ok(())
}

fn run_sample(folder: &Path, name: &str, bless: bool) -> Outcome {
    let package = Package::read(&files(folder)).map_err(|p| lines(&p))?;
    let format = supervision_1();
    if bless {
        let got = sample::run(&package, &format, name).map_err(|p| lines(&p))?;
        let path = folder.join("samples").join(name).join("expected.json");
        fs::write(path, format!("{got:#}\n")).map_err(|e| e.to_string())?;
        return Ok(());
    }
    sample::check(&package, &format, name).map_err(|p| lines(&p))
}

fn refused(folder: &Path, bless: bool) -> Outcome {
    let got = match adapt::check(&files(folder), &supervision_1()) {
        Ok(_) => return Err("a broken package was taken".into()),
        Err(problems) => lines(&problems),
    };
    let path = folder.join("expected.txt");
    if bless {
        return fs::write(path, got).map_err(|e| e.to_string());
    }
    let want = fs::read_to_string(&path).map_err(|e| format!("{}: {e}", path.display()))?;
    if got == want { Ok(()) } else { Err(format!("expected:\n{want}\ngiven:\n{got}")) }
}
