//! `tiergate demo --all`: every adapter package through the four tiers into the province's tables.
//!
//! Each package is a department. Its samples, one after another, are what its system says, over the
//! carrier that its source has in real life; what comes of them is held against what the samples say.

mod contents;
mod department;
mod drive;
mod posts;
mod report;
mod service;
mod setup;
mod state;
mod tables;
mod tap;

use std::path::PathBuf;
use std::time::Instant;

use adapt::sample;
use canon::Millis;
use canon::format::supervision_1;

use super::prepare::Folder;
use super::show::{Show, count, plural};
use super::world::{LOOK, Numbers, QUIET, World, essence};
use super::{Demo, lock, stopped};
use crate::os;
use crate::text::{Done, Failure, Out};
use department::Department;
use drive::{Live, Unplayed};
use setup::Places;
use state::State;

/// Folder, if nothing is said.
const DATA: &str = "./tiergate-demo-all";
/// Longest wait for a round of which something does not come.
const MISSED_AFTER: std::time::Duration = std::time::Duration::from_secs(8);

/// The demo under way.
struct Play<'a> {
    world: &'a World,
    show: Show,
    state: State,
    /// The departments at work, in the order of the world's first nodes.
    playing: Vec<(&'a Department, Live)>,
    /// Those whose system cannot be played.
    unplayed: Vec<(&'a Department, Unplayed)>,
    places: &'a Places,
    /// Rounds in which something did not come: package and round.
    missed: Vec<(String, usize)>,
}

/// The command.
pub(super) async fn demo(args: &Demo, out: &Out) -> Done {
    let folder = Folder(args.data.clone().unwrap_or_else(|| PathBuf::from(DATA)));
    let _lock = lock(&folder.0)?;
    let mut show = Show::new(*out, args.fast);
    let places = Places::parse(args.postgres.as_deref(), args.mysql.as_deref(), &folder)?;
    let departments = department::all(args.adapters.as_deref(), &supervision_1())?;
    let (playing, unplayed) = cast(&departments, &folder, &places);
    let started = Millis::parse(sample::COLLECTED).expect("the constant is a time");
    let mut state = begin(args, &folder, started)?;
    opening(&mut show, &folder, &playing, &unplayed)?;
    let interrupted = os::interrupted();
    tokio::pin!(interrupted);
    let making = prepare(&mut state, &folder, &places, &playing, started);
    tokio::select! {
        biased;
        caught = &mut interrupted => return stopped(caught, &show, &folder),
        made = making => made?,
    }
    let world = World::of(folder.clone(), &setup::configs(&folder), state.offset).await?;
    let told = {
        let (world, places) = (&world, &places);
        let mut play = Play { world, show, state, playing, unplayed, places, missed: Vec::new() };
        tokio::select! {
            biased;
            caught = &mut interrupted => stopped(caught, &play.show, &folder),
            told = tell(&mut play) => told,
        }
    };
    world.stop().await;
    told
}

type Cast<'a> = (Vec<(&'a Department, Live)>, Vec<(&'a Department, Unplayed)>);

/// Who can be played, and who cannot.
fn cast<'a>(departments: &'a [Department], folder: &Folder, places: &Places) -> Cast<'a> {
    let (mut playing, mut unplayed) = (Vec::new(), Vec::new());
    let township = folder.0.join(setup::TOWNSHIP);
    for department in departments {
        match drive::live(department, &township, &places.databases) {
            Ok(live) => playing.push((department, live)),
            Err(why) => unplayed.push((department, why)),
        }
    }
    (playing, unplayed)
}

/// The state to go on from: what lies there, or a new one.
fn begin(args: &Demo, folder: &Folder, started: Millis) -> Result<State, Failure> {
    let Some(mut state) = State::read(&folder.0)? else {
        super::foreign(&folder.0)?;
        let mut state = State::new(&folder.0, started.0 - os::now().0);
        state.keep = args.keep;
        state.save()?;
        return Ok(state);
    };
    if state.finished && !state.keep && !args.keep {
        state = State::new(&folder.0, started.0 - os::now().0);
    }
    state.keep |= args.keep;
    state.save()?;
    Ok(state)
}

/// Makes everything, if it is not there yet.
async fn prepare(
    state: &mut State,
    folder: &Folder,
    places: &Places,
    playing: &[(&Department, Live)],
    started: Millis,
) -> Result<(), Failure> {
    if state.prepared {
        return setup::same(folder, places, playing);
    }
    setup::make(folder, places, playing, started, os::now()).await?;
    state.prepared = true;
    state.save()
}

fn opening(
    show: &mut Show,
    folder: &Folder,
    playing: &[(&Department, Live)],
    unplayed: &[(&Department, Unplayed)],
) -> Result<(), Failure> {
    let (dir, n) = (folder.0.display(), playing.len());
    let departments = plural(n as u64, "department");
    show.line(show.out.of(
        format!("Every package: {departments} → county → city → province's tables, in {dir}"),
        format!("全部适配包演示：{n} 个部门 → 县 → 市 → 省平台库表，目录 {dir}"),
    ))?;
    for (department, (en, zh)) in unplayed {
        let name = &department.name;
        show.say(format!("{name}: NOT played: {en}"), format!("{name}：未演示：{zh}"))?;
    }
    Ok(())
}

/// Round by round, then the day's end and the verdict.
async fn tell(play: &mut Play<'_>) -> Done {
    let rounds = play.playing.iter().map(|(_, live)| live.rounds()).max().unwrap_or(0);
    for round in play.state.rounds..rounds {
        for (_, live) in &play.playing {
            live.say(round, play.world.now(), play.world.listener()).await?;
        }
        let numbers = rest(play, round).await?;
        play.state.rounds = round + 1;
        play.state.save()?;
        said(play, round, rounds, &numbers)?;
    }
    report::tell(play).await
}

/// A line about a finished round.
fn said(
    play: &mut Play<'_>,
    round: usize,
    rounds: usize,
    numbers: &Numbers,
) -> Result<(), Failure> {
    let about = play.playing.iter().filter(|(_, live)| live.rounds() > round).count();
    let own = || numbers.iter().take(play.playing.len()).flat_map(|n| &n.adapters);
    let records = count(own().map(|a| a.records).sum());
    let problems = count(own().map(|a| a.quarantined).sum());
    let (round, departments) = (round + 1, plural(about as u64, "department"));
    Ok(play.show.say(
        format!(
            "round {round} of {rounds}, {departments}: so far {records} records up, {problems} problem data"
        ),
        format!(
            "第 {round}/{rounds} 轮（{about} 个部门）：累计上报 {records} 条，问题数据 {problems} 条"
        ),
    )?)
}

/// Waits until everything that was said up to a round is read, brought up and answered; what does
/// not come is noted.
async fn rest(play: &mut Play<'_>, round: usize) -> Result<Numbers, Failure> {
    let (mut last, mut quiet, mut moved) = (Vec::new(), 0, Instant::now());
    loop {
        let numbers = play.world.numbers().await?;
        let late = late(play, &numbers, round);
        let now = essence(&numbers);
        let same = now == last;
        let idle = same && late.is_empty() && !play.world.moving(&numbers);
        quiet = if idle { quiet + 1 } else { 0 };
        if quiet >= QUIET {
            return Ok(numbers);
        }
        if !same {
            moved = Instant::now();
        } else if moved.elapsed() > MISSED_AFTER {
            play.missed.extend(late.into_iter().map(|name| (name, round + 1)));
            return Ok(numbers);
        }
        last = now;
        tokio::time::sleep(LOOK).await;
    }
}

/// The packages of which something is still to come.
fn late(play: &Play<'_>, numbers: &Numbers, round: usize) -> Vec<String> {
    let mut late = Vec::new();
    for ((department, live), n) in play.playing.iter().zip(numbers) {
        let got: u64 = n.adapters.iter().map(|a| a.records + a.quarantined).sum();
        let until = &department.expected.until;
        let want = until.get(round).or(until.last()).copied().unwrap_or(0);
        if got < want || !live.is_read() {
            late.push(department.name.clone());
        }
    }
    late
}
