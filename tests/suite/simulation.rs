//! The simulator over everything: seeds that are kept for a reason, three hundred others, a death at
//! calls all along one envelope's life, and that a seed is a course of events.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::Value;
use sim::campaign::{Summary, many};
use sim::guarded::When;
use sim::{Fault, Scenario, exhaustive, run};

/// Seeds of `make test`. `make sim` runs ten thousand.
const SEEDS: u64 = 300;
/// Of the calls of one life, every so manieth is a death here; `make sim` tries each.
const STRIDE: usize = 23;
/// Side by side, as on the machines that CI has.
const THREADS: usize = 2;

#[track_caller]
fn holds(summary: &Summary) {
    if let Some(failing) = summary.broken.first() {
        let broken = failing.broken.as_ref().map(ToString::to_string).unwrap_or_default();
        panic!("{broken}\n{}\nreplay: {}", failing.scenario, failing.scenario.replay());
    }
}

fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
}

/// The corpus: what the seed says, but for what is said beside it.
fn corpus() -> Vec<Scenario> {
    let text = std::fs::read_to_string(root().join("tests/data/seeds.toml")).expect("the corpus");
    let table: BTreeMap<String, Vec<Value>> = toml::from_str(&text).expect("a list of seeds");
    let one = |of: &Value| {
        let why = of["why"].as_str().expect("each seed says why it is kept");
        assert!(why.len() > 10, "each seed says why it is kept");
        let mut scenario = Scenario::of(of["seed"].as_u64().expect("a seed"));
        if let Some(tiers) = of["tiers"].as_array() {
            scenario.tiers = tiers.iter().filter_map(|n| Some(n.as_u64()? as usize)).collect();
        }
        scenario.lines = of["lines"].as_u64().unwrap_or(scenario.lines);
        scenario.steps = of["steps"].as_u64().unwrap_or(scenario.steps);
        if let Some(faults) = of["faults"].as_array() {
            let word = |f: &Value| Fault::by_word(f.as_str().unwrap_or_default()).expect("a fault");
            scenario.faults = faults.iter().map(word).collect();
        }
        scenario
    };
    table["seed"].iter().map(one).collect()
}

#[test]
fn every_seed_that_is_kept_holds() {
    holds(&many(corpus().into_iter(), THREADS));
}

#[track_caller]
fn hold_and_every_fault_happens(first: u64, count: u64) {
    let summary = many((first..first + count).map(Scenario::of), THREADS);
    holds(&summary);
    assert_eq!(summary.runs, count);
    assert_eq!(summary.never(), [], "a fault that never happens was no drill");
    assert!(summary.lives > 5 * count, "{} envelopes settled", summary.lives);
}

// Two tests of one thing: none may take longer than twenty seconds.

#[test]
fn the_first_half_of_three_hundred_seeds_holds_and_every_fault_happens() {
    hold_and_every_fault_happens(1, SEEDS / 2);
}

#[test]
fn the_second_half_of_three_hundred_seeds_holds_and_every_fault_happens() {
    hold_and_every_fault_happens(1 + SEEDS / 2, SEEDS / 2);
}

#[test]
fn a_seed_is_a_course_of_events() {
    for seed in [3, 0x75, 0x9f] {
        let scenario = Scenario::of(seed);
        let (one, other) = (run(&scenario), run(&scenario));
        assert_eq!(one.trace, other.trace, "{scenario}");
        assert_eq!(one.calls, other.calls, "{scenario}");
    }
    assert_ne!(run(&Scenario::of(3)).trace, run(&Scenario::of(4)).trace);
}

#[test]
fn a_death_at_any_call_loses_nothing() {
    let calls = exhaustive::calls(1);
    assert!(calls > 100, "{calls} calls in one envelope's life");
    let all = (1..=calls).flat_map(|call| [(call, When::Before), (call, When::After)]);
    let some: Vec<(u64, When)> = all.step_by(STRIDE).collect();
    let broken = exhaustive::all(1, &some);
    let first = broken.first().map(|(call, when, outcome)| (call, when, &outcome.broken));
    assert!(first.is_none(), "{first:?}");
}

#[test]
fn every_mutant_applies_once() {
    let text = std::fs::read_to_string(root().join("src/sim/mutants/list.toml")).expect("the list");
    let table: BTreeMap<String, Vec<Value>> = toml::from_str(&text).expect("a list of mutants");
    assert!(table["mutant"].len() >= 20);
    for mutant in &table["mutant"] {
        let [file, from, to] = ["file", "from", "to"].map(|n| mutant[n].as_str().expect("a text"));
        let text = std::fs::read_to_string(root().join(file)).expect("a file of the tree");
        assert_eq!(text.matches(from).count(), 1, "`{from}` in {file}");
        assert_ne!(from, to);
    }
}
