//! `demo.toml`: what was begun in a data folder and how far it has come, so that a second start goes
//! on where the first one stopped.

use std::path::{Path, PathBuf};

use canon::Millis;
use serde::{Deserialize, Serialize};

use super::suites::Suites;
use crate::files::{self, CONFIG_BYTES_MAX};
use crate::text::Failure;

/// File of the state, in the data folder.
const NAME: &str = "demo.toml";
/// Edition of the file.
const VERSION: u32 = 1;

/// How far a demo has come. Every change is written before the next thing is done.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct State {
    /// Edition of this file.
    version: u32,
    /// Seed of the legacy data.
    pub(crate) seed: u64,
    /// Cases of the legacy data.
    pub(crate) cases: u64,
    /// In which suites the nodes sign.
    #[serde(default)]
    pub(crate) suites: Suites,
    /// Bodies are encrypted for the province.
    #[serde(default)]
    pub(crate) confidential: bool,
    /// Parcels are lost and doubled on their way, and the process dies once.
    #[serde(default)]
    pub(crate) sabotage: bool,
    /// It has died.
    #[serde(default)]
    pub(crate) crashed: bool,
    /// How many parcels were lost and doubled until then.
    #[serde(default)]
    pub(crate) robbed: (u64, u64),
    /// The record that the province lost though it had answered `accepted`, and whose it was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) lost: Option<(String, String)>,
    /// The moment at which the legacy systems were looked at first, ms.
    pub(crate) started: i64,
    /// What the demo's clock differs from the system's by, ms.
    pub(crate) offset: i64,
    /// The node folders, keys and legacy data are complete.
    pub(crate) prepared: bool,
    /// Scenes played to their end.
    pub(crate) scenes: usize,
    /// The whole story was played.
    pub(crate) finished: bool,
    /// `--keep`: the next start leaves the data as it is.
    pub(crate) keep: bool,
    /// A township case that passes all four tiers.
    pub(crate) township_case: String,
    /// A county case with every stage.
    pub(crate) county_case: String,
    /// The township's first file; its line 17 is the one that is shown.
    pub(crate) first_file: String,
    /// Records the province answered in the first scene.
    pub(crate) records: u64,
    /// How long it took them, ms.
    pub(crate) millis: u64,
    /// A county case that was changed later.
    pub(crate) changed_case: String,
    /// A county case that was withdrawn later.
    pub(crate) voided_case: String,
    /// The steps of the legacy systems after the first look.
    #[serde(default, rename = "step")]
    pub(crate) steps: Vec<Step>,
    #[serde(skip)]
    path: PathBuf,
}

/// A step of the legacy systems.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Step {
    /// Its number.
    pub(crate) number: u32,
    /// Its moment, ms; the same at every attempt.
    pub(crate) at: i64,
    /// Whether all of it is there.
    pub(crate) done: bool,
}

impl State {
    /// A demo that begins now.
    pub(crate) fn new(folder: &Path, seed: u64, cases: u64, suites: Suites, now: Millis) -> Self {
        let started = story_begins(now);
        Self {
            version: VERSION,
            seed,
            cases,
            suites,
            confidential: false,
            sabotage: false,
            crashed: false,
            robbed: (0, 0),
            lost: None,
            started: started.0,
            offset: started.0 - now.0,
            prepared: false,
            scenes: 0,
            finished: false,
            keep: false,
            township_case: String::new(),
            county_case: String::new(),
            first_file: String::new(),
            records: 0,
            millis: 0,
            changed_case: String::new(),
            voided_case: String::new(),
            steps: Vec::new(),
            path: folder.join(NAME),
        }
    }

    /// What a folder says of itself; none if no demo was begun there.
    pub(crate) fn read(folder: &Path) -> Result<Option<Self>, Failure> {
        let path = folder.join(NAME);
        if !path.exists() {
            return Ok(None);
        }
        let text = files::text(&path, CONFIG_BYTES_MAX)?;
        let shown = path.display();
        let state: Self = toml::from_str(&text).map_err(|e| {
            let e = e.message().to_owned();
            Failure::environment(
                format!("{shown}: {e}; delete the folder, or name another one with --data"),
                format!("{shown}：{e}；请删除该目录，或用 --data 指定其他目录"),
            )
        })?;
        if state.version != VERSION {
            let version = state.version;
            return Err(Failure::environment(
                format!(
                    "{shown} is of edition {version}, this program knows {VERSION}; name another folder with --data"
                ),
                format!(
                    "{shown} 为第 {version} 版，本程序只认第 {VERSION} 版；请用 --data 指定其他目录"
                ),
            ));
        }
        Ok(Some(Self { path, ..state }))
    }

    /// Writes it whole, or not at all.
    pub(crate) fn save(&self) -> Result<(), Failure> {
        let text = toml::to_string(self).expect("numbers and texts always serialize");
        let part = self.path.with_extension("part");
        let failed = |e: std::io::Error| {
            let path = self.path.display();
            Failure::environment(
                format!("{path} could not be written: {e}"),
                format!("无法写入 {path}：{e}"),
            )
        };
        std::fs::write(&part, text).map_err(failed)?;
        std::fs::rename(&part, &self.path).map_err(failed)
    }

    /// The moment of a step: the one it was begun with, or `now`, noted before anything is done.
    pub(crate) fn begin_step(
        &mut self,
        number: u32,
        now: Millis,
    ) -> Result<Option<Millis>, Failure> {
        if let Some(step) = self.steps.iter().find(|s| s.number == number) {
            return Ok((!step.done).then_some(Millis(step.at)));
        }
        self.steps.push(Step { number, at: now.0, done: false });
        self.save()?;
        Ok(Some(now))
    }

    /// The step is there.
    pub(crate) fn end_step(&mut self, number: u32) -> Result<(), Failure> {
        if let Some(step) = self.steps.iter_mut().find(|s| s.number == number) {
            step.done = true;
        }
        self.save()
    }
}

const HOUR: i64 = 3_600_000;

/// The story plays yesterday, far enough from both midnights, so that the clock can move past the
/// day's end without ever being ahead of the system's: what `tiergate run` does with these stores
/// afterwards is later than all that is in them.
fn story_begins(now: Millis) -> Millis {
    let yesterday = Millis(now.plus(-24 * HOUR).0 / 1000 * 1000);
    let into = yesterday.since(yesterday.day().start());
    if into > 22 * HOUR {
        yesterday.plus(22 * HOUR - into)
    } else if into < HOUR {
        yesterday.plus(-3 * HOUR)
    } else {
        yesterday
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_story_begins_yesterday_and_far_from_midnight() {
        for now in ["2026-11-21 00:10:00", "2026-11-21 12:34:56", "2026-11-21 23:59:59"] {
            let now = Millis::parse(now).unwrap();
            let begins = story_begins(now);
            let into = begins.since(begins.day().start());
            assert!((HOUR..=22 * HOUR).contains(&into), "{begins}");
            assert!(begins.day().end().plus(HOUR) < now.plus(2 * HOUR), "{begins}");
            assert!(begins.day().end() <= now, "the day it plays on is over");
            assert!(
                State::new(Path::new("x"), 1, 100, Suites::default(), now).offset <= -24 * HOUR
            );
        }
    }

    #[test]
    fn a_state_reads_back_and_a_step_keeps_its_moment() {
        let dir = tempfile::tempdir().unwrap();
        assert!(State::read(dir.path()).unwrap().is_none());
        let mut state = State::new(
            dir.path(),
            7,
            300,
            Suites::Mixed,
            Millis::parse("2026-11-21 12:00:00").unwrap(),
        );
        assert_eq!(state.begin_step(1, Millis(5)).unwrap(), Some(Millis(5)));
        let mut again = State::read(dir.path()).unwrap().unwrap();
        assert_eq!((again.seed, again.cases), (7, 300));
        assert_eq!(again.begin_step(1, Millis(9)).unwrap(), Some(Millis(5)), "begun before");
        again.end_step(1).unwrap();
        assert_eq!(again.begin_step(1, Millis(9)).unwrap(), None, "done before");
    }

    #[test]
    fn a_file_of_another_program_is_refused_with_the_next_step() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join(NAME), "version = 1\n").unwrap();
        let failure = State::read(dir.path()).unwrap_err();
        assert!(failure.en.contains("--data"), "{failure:?}");
    }
}
