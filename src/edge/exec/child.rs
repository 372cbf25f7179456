//! The running program: its group, its lines, its last words, its end.

use std::io;
use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use adapt::form::singer::LINE_BYTES_MAX;
use rustix::process::{Pid, Signal, kill_process_group};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, BufReader};
use tokio::process::{Child, ChildStderr, ChildStdout, Command};
use tokio::time::timeout;

use super::Settings;
use crate::error::{SourceError, without_quotes};
use crate::os;

/// What is kept of what it says beside its messages, bytes.
const WORDS_MAX: usize = 4 << 10;
/// What an error repeats of it, characters.
const SAID_MAX: usize = 200;
/// How long a program that has closed its output may take to end.
const END_MAX: Duration = Duration::from_secs(10);
/// What is read of it at once.
const BUFFER_BYTES: usize = 64 << 10;

/// What came of waiting for a line.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Heard {
    /// A line; it is in [`Program::line`].
    Line,
    /// A line that is longer than one may be; it was passed over.
    TooLong,
    /// Nothing for so long.
    Silence,
    /// It has closed its output.
    End,
}

/// A program at work. Dropped, its whole group is killed and what was laid for it removed.
pub(super) struct Program {
    child: Child,
    group: Option<Pid>,
    out: BufReader<ChildStdout>,
    err: Option<ChildStderr>,
    words: Vec<u8>,
    laid: Vec<PathBuf>,
    /// The last line.
    pub(super) line: Vec<u8>,
    too_long: bool,
}

impl Program {
    /// Starts it, with the state in a file where there is one.
    pub(super) fn start(settings: &Settings, state: &str) -> Result<Self, SourceError> {
        let failed = |path: &PathBuf, e: &io::Error| {
            SourceError::io(&settings.adapter, "prepare a program in", path, e)
        };
        os::private_dir(&settings.folder).map_err(|e| failed(&settings.folder, &e))?;
        let mut command = Command::new(&settings.program);
        command.args(&settings.arguments);
        let mut laid = Vec::new();
        let files = [
            ("--config", "config.json", settings.config.as_deref().unwrap_or_default()),
            ("--state", "state.json", state),
        ];
        for (option, name, text) in files {
            if text.is_empty() {
                continue;
            }
            let path = settings.folder.join(name);
            os::write_private(&path, text.as_bytes()).map_err(|e| failed(&path, &e))?;
            command.arg(option).arg(&path);
            laid.push(path);
        }
        if let Some(catalog) = &settings.catalog {
            command.arg("--catalog").arg(catalog);
        }
        let spawned = command
            .env_clear()
            .envs(settings.environment.iter().map(|(name, value)| (name, value)))
            .current_dir(&settings.folder)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .kill_on_drop(true)
            .spawn();
        let mut child = spawned.map_err(|e| SourceError::Setting {
            adapter: settings.adapter.clone(),
            detail: format!("cannot start `{}`: {e}; see `command`", settings.program.display()),
        })?;
        let group = child.id().and_then(|id| Pid::from_raw(i32::try_from(id).ok()?));
        let (out, err) = (child.stdout.take(), child.stderr.take());
        let out = out.expect("its output is piped");
        Ok(Self {
            child,
            group,
            out: BufReader::with_capacity(BUFFER_BYTES, out),
            err,
            words: Vec::new(),
            laid,
            line: Vec::new(),
            too_long: false,
        })
    }

    /// The next line, or what there is instead of one within `longest`.
    pub(super) async fn hear(&mut self, longest: Duration) -> io::Result<Heard> {
        match timeout(longest, self.next()).await {
            Ok(heard) => heard,
            Err(_) => Ok(Heard::Silence),
        }
    }

    /// May be given up and begun again: what was read of a line stays.
    async fn next(&mut self) -> io::Result<Heard> {
        if self.line.ends_with(b"\n") {
            self.line.clear();
        }
        let mut words = [0; 1024];
        loop {
            let Self { out, err, .. } = self;
            tokio::select! {
                chunk = out.fill_buf() => {
                    let chunk = chunk?;
                    let end = memchr::memchr(b'\n', chunk).map(|at| at + 1);
                    let taken = end.unwrap_or(chunk.len());
                    let over = chunk.is_empty();
                    if self.line.len() + taken <= LINE_BYTES_MAX {
                        self.line.extend_from_slice(chunk.get(..taken).unwrap_or_default());
                    } else {
                        self.too_long = true;
                    }
                    self.out.consume(taken);
                    if end.is_some() || over {
                        return Ok(self.whole(over));
                    }
                }
                said = listen(err, &mut words) => {
                    self.keep(words.get(..said).unwrap_or_default());
                }
            }
        }
    }

    /// A line has ended, or the output.
    fn whole(&mut self, over: bool) -> Heard {
        if std::mem::take(&mut self.too_long) {
            self.line.clear();
            return Heard::TooLong;
        }
        if over && self.line.is_empty() {
            return Heard::End;
        }
        if over {
            // The last line has no end: the next one must not be put behind it.
            self.line.push(b'\n');
        }
        Heard::Line
    }

    fn keep(&mut self, said: &[u8]) {
        self.words.extend_from_slice(said);
        let over = self.words.len().saturating_sub(WORDS_MAX);
        self.words.drain(..over);
    }

    /// Its output has ended: how it went.
    pub(super) async fn end(&mut self) -> io::Result<Option<ExitStatus>> {
        let ended = timeout(END_MAX, async {
            let mut words = [0; 1024];
            while let Some(err) = &mut self.err {
                match err.read(&mut words).await? {
                    0 => self.err = None,
                    n => {
                        let said = words.get(..n).unwrap_or_default().to_vec();
                        self.keep(&said);
                    }
                }
            }
            self.child.wait().await
        });
        match ended.await {
            Ok(status) => {
                // Its number may be another's from now on.
                self.group = None;
                status.map(Some)
            }
            Err(_) => Ok(None),
        }
    }

    /// Its last line of words, without what it quotes: that may be out of a record.
    pub(super) fn last_words(&self) -> String {
        let text = String::from_utf8_lossy(&self.words);
        let last = text.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or_default();
        without_quotes(last.trim()).chars().take(SAID_MAX).collect()
    }
}

/// Words beside the messages; never ready once there are no more.
async fn listen(err: &mut Option<ChildStderr>, words: &mut [u8]) -> usize {
    if let Some(open) = err {
        match open.read(words).await {
            Ok(n) if n > 0 => return n,
            _ => *err = None,
        }
    }
    std::future::pending().await
}

impl Drop for Program {
    fn drop(&mut self) {
        if let Some(group) = self.group {
            // It may be gone already, which is as good.
            let _gone = kill_process_group(group, Signal::KILL);
        }
        for path in &self.laid {
            drop(os::remove(path));
        }
    }
}
