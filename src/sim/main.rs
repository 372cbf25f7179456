//! The simulator's command line: one seed, many, those that are kept for a reason, fresh ones for a
//! while, or every place where a process can die.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{Write as _, stdout};
use std::process::ExitCode;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use clap::Parser;
use sim::campaign::{Summary, all, many};
use sim::guarded::When;
use sim::world::{PROVINCE, run_day};
use sim::{Fault, Outcome, Scenario, exhaustive, run, run_told, shrink};

/// A province in memory, under a seed, in a storm.
#[derive(Debug, Parser)]
#[command(name = "sim")]
struct Args {
    /// One course of events; what is said after it makes it smaller.
    #[arg(long, value_parser = number)]
    seed: Option<u64>,
    /// So many seeds, from `--from` on.
    #[arg(long)]
    seeds: Option<u64>,
    /// The first of them.
    #[arg(long, value_parser = number, default_value = "1")]
    from: u64,
    /// Seeds that nobody has tried, for so many seconds.
    #[arg(long)]
    fresh: Option<u64>,
    /// One envelope between two nodes, and a death at every call.
    #[arg(long)]
    exhaustive: bool,
    /// A working day of a whole province, nothing going wrong: `--lines` cases of each township at each of
    /// `--steps` readings.
    #[arg(long)]
    day: bool,
    /// Threads.
    #[arg(long, default_value = "2")]
    threads: usize,
    /// Nodes of each tier, the province first: `1,2,3`.
    #[arg(long, value_delimiter = ',')]
    tiers: Option<Vec<usize>>,
    /// Lines that departments write.
    #[arg(long)]
    lines: Option<u64>,
    /// Steps of the storm.
    #[arg(long)]
    steps: Option<u64>,
    /// Faults that are on, and no others.
    #[arg(long, value_delimiter = ',', value_parser = fault)]
    faults: Option<Vec<Fault>>,
    /// Tells every fact of the one seed.
    #[arg(long)]
    diary: bool,
    /// Goes on behind a failing run, to the last seed.
    #[arg(long)]
    go_on: bool,
    /// A failing run is told as it is, not made small.
    #[arg(long)]
    as_it_is: bool,
}

fn number(text: &str) -> Result<u64, String> {
    let parsed = match text.strip_prefix("0x") {
        Some(hex) => u64::from_str_radix(hex, 16),
        None => text.parse(),
    };
    parsed.map_err(|e| e.to_string())
}

fn fault(text: &str) -> Result<Fault, String> {
    Fault::by_word(text).ok_or_else(|| format!("no fault `{text}`"))
}

fn say(line: &str) {
    // A pipe that was closed ends the program by itself.
    let _written = writeln!(stdout().lock(), "{line}");
}

fn main() -> ExitCode {
    // A panic that was planned is none to be told of; what else panics is told by its checker.
    std::panic::set_hook(Box::new(|_| {}));
    let args = Args::parse();
    if args.exhaustive {
        return everywhere(args.from, args.threads);
    }
    if args.day {
        return day(&args);
    }
    let begun = now();
    let summary = match (args.seed, args.seeds, args.fresh) {
        (Some(seed), ..) => one(&args, seed),
        (None, Some(seeds), _) => {
            let scenarios = (args.from..args.from + seeds).map(|s| args.of(s));
            if args.go_on { all(scenarios, args.threads) } else { many(scenarios, args.threads) }
        }
        (None, None, Some(seconds)) => fresh(&args, Duration::from_secs(seconds)),
        (None, None, None) => {
            say("say --seed, --seeds, --fresh or --exhaustive; --help says more");
            return ExitCode::from(2);
        }
    };
    say(&summary.to_string());
    let spent = begun.elapsed().as_secs_f64();
    let each = summary.lives as f64 / spent / args.threads.max(1) as f64;
    say(&format!("{spent:.1} s; {each:.0} envelope-lives a second and core"));
    verdict(&args, &summary)
}

impl Args {
    fn of(&self, seed: u64) -> Scenario {
        let mut scenario = Scenario::of(seed);
        if let Some(tiers) = &self.tiers {
            scenario.tiers.clone_from(tiers);
        }
        scenario.lines = self.lines.unwrap_or(scenario.lines);
        scenario.steps = self.steps.unwrap_or(scenario.steps);
        if let Some(faults) = &self.faults {
            scenario.faults = faults.iter().copied().collect::<BTreeSet<_>>();
        }
        scenario
    }
}

fn one(args: &Args, seed: u64) -> Summary {
    let scenario = args.of(seed);
    let outcome = if args.diary { run_told(&scenario) } else { run(&scenario) };
    outcome.diary.iter().for_each(|line| say(line));
    say(&format!("{}\ntrace {:016x}", outcome.scenario, outcome.trace));
    let mut summary = Summary::default();
    summary.add(outcome);
    summary
}

#[expect(clippy::disallowed_methods, reason = "the command line is where a clock is read")]
fn now() -> Instant {
    Instant::now()
}

#[expect(clippy::disallowed_methods, reason = "fresh seeds come from the time of day")]
fn fresh(args: &Args, lasts: Duration) -> Summary {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let (base, begun) = (since.as_nanos() as u64, now());
    let seeds = (0..).map(|n: u64| base.wrapping_add(n.wrapping_mul(0x9e37_79b9_7f4a_7c15)));
    let in_time = seeds.take_while(move |_| begun.elapsed() < lasts);
    many(in_time.map(|seed| args.of(seed)), args.threads)
}

/// A day of the province, and what it came to.
fn day(args: &Args) -> ExitCode {
    let tiers = args.tiers.clone().unwrap_or_else(|| PROVINCE.to_vec());
    let (readings, cases) = (args.steps.unwrap_or(4) as u32, args.lines.unwrap_or(2));
    let begun = now();
    let day = run_day(&Scenario::calm(args.seed.unwrap_or(1), tiers, 0), readings, cases);
    let spent = begun.elapsed().as_secs_f64();
    let lives = day.outcome.lives;
    say(&format!(
        "{} nodes, {} records in {lives} envelopes, {readings} readings, {} rounds, {spent:.1} s",
        day.nodes, day.records, day.rounds
    ));
    say(&format!("{:.0} envelope-lives a second and core", lives as f64 / spent));
    say(&format!(
        "the province: at most {} parcels in its inbox, {} routes of senders remembered",
        day.deepest, day.held_routes
    ));
    let mut kinds: BTreeMap<(&str, &str), (u64, u64)> = BTreeMap::new();
    for ((kind, from, hop), (count, bytes)) in &day.carried {
        let place = match (from.as_str(), hop.as_str()) {
            (_, "province") => "to the province",
            ("province", _) => "from the province",
            _ => "below",
        };
        let sum = kinds.entry((place, kind)).or_default();
        *sum = (sum.0 + count, sum.1 + bytes);
    }
    for ((place, kind), (count, bytes)) in kinds {
        let (each, of) = (bytes / count.max(1), count as f64 / lives.max(1) as f64);
        say(&format!("  {place:18} {kind:9} {count:8} of {each:5} bytes, {of:.2} an envelope"));
    }
    tell(&day.outcome);
    if day.outcome.broken.is_none() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Tells what broke, made small.
fn verdict(args: &Args, summary: &Summary) -> ExitCode {
    for failing in &summary.broken {
        tell(&if args.as_it_is { failing.clone() } else { shrink::shrink(failing) });
    }
    match summary.broken.is_empty() {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    }
}

fn tell(outcome: &Outcome) {
    let Some(broken) = &outcome.broken else { return };
    say(&format!("{broken}\n{}\nreplay: {}", outcome.scenario, outcome.scenario.replay()));
}

/// A death before and after every single call.
fn everywhere(seed: u64, threads: usize) -> ExitCode {
    let calls = exhaustive::calls(seed);
    let tries: Vec<(u64, When)> =
        (1..=calls).flat_map(|call| [When::Before, When::After].map(|when| (call, when))).collect();
    let begun = now();
    let parts = tries.len().div_ceil(threads.max(1));
    let broken: Vec<(u64, When, Outcome)> = std::thread::scope(|scope| {
        let halves: Vec<_> = tries
            .chunks(parts.max(1))
            .map(|part| scope.spawn(move || exhaustive::all(seed, part)))
            .collect();
        halves.into_iter().filter_map(|half| half.join().ok()).flatten().collect()
    });
    let spent = begun.elapsed().as_secs_f64();
    say(&format!("{calls} calls, {} deaths, {spent:.1} s", tries.len()));
    for (call, when, outcome) in broken.iter().take(5) {
        let what = outcome.broken.as_ref().map(ToString::to_string).unwrap_or_default();
        say(&format!("died {when:?} call {call} ({:?}): {what}", outcome.struck));
    }
    if broken.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
