//! `demo-all.toml`: how far the demo of every package has come.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::demo::prepare;
use crate::demo::suites::Suites;
use crate::files::{self, CONFIG_BYTES_MAX};
use crate::text::Failure;

/// File of the state, in the data folder.
pub(super) const NAME: &str = "demo-all.toml";
/// Edition of the file.
const VERSION: u32 = 1;

/// How far it has come. Every change is written before the next thing is done.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct State {
    version: u32,
    /// What the demo's clock differs from the system's by, ms.
    pub(super) offset: i64,
    /// The nodes' folders, keys and packages, and the departments' databases, are complete.
    pub(super) prepared: bool,
    /// Rounds of the departments' systems that are answered.
    pub(super) rounds: usize,
    /// It came to its end, and everything agreed.
    pub(super) finished: bool,
    /// In which suites the nodes sign.
    #[serde(default)]
    pub(super) suites: Suites,
    /// `--keep`: the next start leaves the data as it is.
    pub(super) keep: bool,
    #[serde(skip)]
    path: PathBuf,
}

impl State {
    /// One that begins now.
    pub(super) fn new(folder: &Path, offset: i64) -> Self {
        let path = folder.join(NAME);
        Self {
            version: VERSION,
            offset,
            prepared: false,
            rounds: 0,
            finished: false,
            suites: Suites::default(),
            keep: false,
            path,
        }
    }

    /// What a folder says of itself; none if no such demo was begun there.
    pub(super) fn read(folder: &Path) -> Result<Option<Self>, Failure> {
        let path = folder.join(NAME);
        if !path.exists() {
            return Ok(None);
        }
        let shown = path.display();
        let text = files::text(&path, CONFIG_BYTES_MAX)?;
        let state = toml::from_str::<Self>(&text).ok().filter(|s| s.version == VERSION);
        let Some(state) = state else {
            return Err(Failure::environment(
                format!(
                    "{shown} is not of this program; delete the folder, or name another one with --data"
                ),
                format!("{shown} 不是本程序所写；请删除该目录，或用 --data 指定其他目录"),
            ));
        };
        Ok(Some(Self { path, ..state }))
    }

    /// Writes it whole, or not at all.
    pub(super) fn save(&self) -> Result<(), Failure> {
        let text = toml::to_string(self).expect("numbers always serialize");
        let half = self.path.with_extension("half");
        let written = std::fs::write(&half, text).and_then(|()| std::fs::rename(&half, &self.path));
        written.map_err(|e| prepare::not_written(&self.path, &e))
    }
}
