//! What a source that runs a program is told.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use adapt::{ExecSource, Form};

/// Limits of a program, each with a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ExecLimits {
    /// Longest run, ms.
    pub run_max: i64,
    /// Longest silence within a run, ms.
    pub silence_max: i64,
    /// Longest wait of one turn: a stop waits no longer.
    pub turn_max: Duration,
    /// Bytes of text of one page.
    pub page_bytes_max: usize,
    /// Lines of a run that are no message.
    pub strange_lines_max: u64,
}

impl Default for ExecLimits {
    fn default() -> Self {
        Self {
            run_max: 3_600_000,
            silence_max: 300_000,
            turn_max: Duration::from_secs(5),
            page_bytes_max: 4 << 20,
            strange_lines_max: 100,
        }
    }
}

/// Settings of a source that runs a program.
#[derive(Clone)]
pub struct Settings {
    /// Adapter id, for messages.
    pub adapter: String,
    /// The program.
    pub program: PathBuf,
    /// What it is given before `--config`, `--catalog` and `--state`.
    pub arguments: Vec<String>,
    /// Its whole environment.
    pub environment: Vec<(String, String)>,
    /// What stands in its configuration file; may hold secrets.
    pub config: Option<String>,
    /// Its catalogue.
    pub catalog: Option<PathBuf>,
    /// A folder of its own, where configuration and state are laid for it.
    pub folder: PathBuf,
    /// The package's source.
    pub source: ExecSource,
    /// Limits.
    pub limits: ExecLimits,
    /// Hours of the day in which it may run, as of a database.
    pub hours: Vec<(u16, u16)>,
}

impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Settings").field("adapter", &self.adapter).finish_non_exhaustive()
    }
}

impl Settings {
    /// The settings a package gives for a program, with the usual limits.
    pub fn of(adapter: &str, program: PathBuf, folder: PathBuf, source: &ExecSource) -> Self {
        Self {
            adapter: adapter.into(),
            program,
            arguments: Vec::new(),
            environment: Vec::new(),
            config: None,
            catalog: None,
            folder,
            source: source.clone(),
            limits: ExecLimits::default(),
            hours: Vec::new(),
        }
    }

    /// The program as people call it.
    pub(super) fn name(&self) -> String {
        let name = self.program.file_name().unwrap_or(self.program.as_os_str());
        name.to_string_lossy().into_owned()
    }

    pub(super) fn streams(&self) -> &[String] {
        match &self.source.read.form {
            Form::Singer(streams) => streams,
            _ => &[],
        }
    }

    pub(super) fn columns(&self) -> Vec<Arc<[Arc<str>]>> {
        let queries = self.source.read.queries.iter();
        queries.map(|q| q.columns.iter().map(|c| Arc::from(c.text.as_str())).collect()).collect()
    }
}
