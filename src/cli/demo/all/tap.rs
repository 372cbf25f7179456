//! A department's program: a sample's messages are what it says until the next round.

use std::path::PathBuf;

use adapt::Source;

use super::department::Department;
use super::drive::Unplayed;
use crate::demo::prepare::{not_written, write};
use crate::text::Failure;

/// A department's program.
pub(super) struct Tap {
    /// What it says.
    said: PathBuf,
    /// The messages of each round.
    rounds: Vec<Vec<u8>>,
}

impl Tap {
    pub(super) fn of(department: &Department, said: PathBuf) -> Result<Self, Unplayed> {
        let Source::Exec(_) = &department.package.source else {
            return Err(("it runs no program".into(), "该适配包不运行采集程序".into()));
        };
        let mut rounds = Vec::new();
        for files in department.package.samples.values() {
            for number in 1.. {
                let name = match number {
                    1 => "input.jsonl".to_owned(),
                    n => format!("input.{n}.jsonl"),
                };
                let Some(said) = files.get(&name) else { break };
                rounds.push(said.clone());
            }
        }
        // The program runs in a folder of its own.
        let said = std::path::absolute(&said).unwrap_or(said);
        Ok(Self { said, rounds })
    }

    pub(super) const fn rounds(&self) -> usize {
        self.rounds.len()
    }

    /// The lines of `[adapter.source]`: the shell takes `--state` and whatever else as its own.
    pub(super) fn config(&self) -> String {
        let said = self.said.display().to_string();
        format!("command = [\"/bin/sh\", \"-c\", 'exec /bin/cat \"$0\"', '''{said}''']\n")
    }

    /// Before it says anything it names its streams, as a program does that has no rows.
    pub(super) fn stand(&self) -> Result<(), Failure> {
        let first = self.rounds.first().map_or(&[][..], Vec::as_slice);
        let schemas = first.split_inclusive(|b| *b == b'\n').filter(|line| {
            let kind = serde_json::from_slice::<serde_json::Value>(line).unwrap_or_default();
            kind.get("type").is_some_and(|kind| kind == "SCHEMA")
        });
        write(&self.said, &schemas.collect::<Vec<_>>().concat())
    }

    pub(super) fn say(&self, round: usize) -> Result<(), Failure> {
        match self.rounds.get(round) {
            Some(said) => {
                // Whole at once: a run may begin at any time.
                let half = self.said.with_extension("half");
                write(&half, said)?;
                std::fs::rename(&half, &self.said).map_err(|e| not_written(&self.said, &e))
            }
            None => Ok(()),
        }
    }
}
