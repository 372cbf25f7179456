//! Every parser over its corpus, its seeds, and seeded changes of both; `make fuzz` goes further.
#![expect(clippy::print_stderr, reason = "a failure says which input, and how to see it again")]

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

use tests::fuzz::chance::Chance;
use tests::fuzz::targets::{TARGETS, Target};
use tests::world::{files, root};

/// Changes of each parser's inputs.
const CHANGES: u64 = 400;
/// Largest seed that is changed, bytes: larger ones cost time and no new paths.
const SEED_BYTES_MAX: usize = 64 << 10;
/// A parser is given no more than this beside its corpus; two cores run many at once.
const TIME_MAX: Duration = Duration::from_secs(6);

fn corpus(target: &Target) -> Vec<(String, Vec<u8>)> {
    let folder = root().join("tests/fuzz/corpus").join(target.name);
    if folder.is_dir() { files(&folder).into_iter().collect() } else { Vec::new() }
}

#[track_caller]
fn feed(target: &Target, what: &str, bytes: &[u8]) {
    let fed = catch_unwind(AssertUnwindSafe(|| (target.run)(bytes)));
    if let Err(panic) = fed {
        let file = std::env::temp_dir().join(format!("fuzz-{}", target.name));
        if std::fs::write(&file, bytes).is_ok() {
            eprintln!("{}: {what}; the input lies in {}", target.name, file.display());
        }
        std::panic::resume_unwind(panic);
    }
}

/// What was found once, by whomever, stays in the corpus for ever.
#[test]
fn every_input_of_the_corpus_and_the_museum_is_survived() {
    for target in TARGETS {
        for (name, bytes) in corpus(target) {
            feed(target, &name, &bytes);
        }
        let seeds = (target.seeds)();
        assert!(!seeds.is_empty(), "{} begins with something", target.name);
        for seed in seeds {
            feed(target, "a seed", &seed);
            feed(target, "a seed cut in half", seed.get(..seed.len() / 2).unwrap_or_default());
        }
        for bytes in [&b""[..], b"\0", b"<", b"{", b"\xff\xfe", b"PK\x03\x04"] {
            feed(target, "next to nothing", bytes);
        }
    }
}

#[test]
fn every_folder_of_the_corpus_is_of_a_parser() {
    for name in files(&root().join("tests/fuzz/corpus")).keys() {
        let folder = name.split('/').next().unwrap_or_default();
        assert!(TARGETS.iter().any(|t| t.name == folder) || folder == "README.md", "{name}");
    }
}

fn changed(target: &Target) {
    let mut all = (target.seeds)();
    all.extend(corpus(target).into_iter().map(|(_, bytes)| bytes));
    all.retain(|seed| seed.len() <= SEED_BYTES_MAX);
    let began = Instant::now();
    for seed in 0..CHANGES {
        let n = seed as usize;
        let (one, other) = (&all[n % all.len()], &all[(n * 7 + 3) % all.len()]);
        let mut bytes = one.clone();
        Chance::new(seed).change(&mut bytes, other);
        feed(target, &format!("change {seed}"), &bytes);
        if began.elapsed() > TIME_MAX {
            break;
        }
    }
}

macro_rules! changed {
    ($($name:ident),+ $(,)?) => {
        #[test]
        fn every_parser_is_changed() {
            assert_eq!(TARGETS.iter().map(|t| t.name).collect::<Vec<_>>(), [$(stringify!($name)),+]);
        }
        mod changes {
            use super::*;
            $(#[test]
            fn $name() {
                changed(TARGETS.iter().find(|t| t.name == stringify!($name)).expect("a parser"));
            })+
        }
    };
}

changed!(
    frame,
    package,
    head,
    signature,
    control,
    record,
    closed,
    archive,
    evidence,
    certificate,
    names,
    spool,
    format,
    adapter,
    node,
    csv,
    workbook,
    dbf,
    memo,
    xml,
    json,
    soap,
    singer,
    look,
);
