//! Files of open code lists, read at the start and taken up again while a service runs, whole, once they
//! have stood unchanged for a look.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use canon::Millis;
use canon::format::OpenLists;
use exchange::{Node, Progress, WorkError, WorkFuture, Worker};
use store::AuditEvent;

use crate::files::{self, PACKAGE_DEPTH_MAX};
use crate::text::Failure;

/// Largest file of a code list, bytes.
pub(crate) const CODE_LIST_BYTES_MAX: u64 = 64 << 20;
/// How often the files are looked at, ms.
const LOOKED_EVERY: i64 = 2_000;

/// Open code lists: `NAME.csv` or `NAME@EDITION.csv`, each line `code,name` under a header.
pub(crate) fn open(paths: &[PathBuf]) -> Result<OpenLists, Failure> {
    let mut lists = OpenLists::new();
    for path in paths {
        let mut texts: BTreeMap<String, String> = BTreeMap::new();
        if path.is_dir() {
            for (name, bytes) in files::folder(path)? {
                texts.insert(name, String::from_utf8_lossy(&bytes).into_owned());
            }
        } else {
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            texts.insert(name, files::text(path, CODE_LIST_BYTES_MAX)?);
        }
        for (file, text) in texts {
            if let Some((name, edition)) = named(&file) {
                lists.insert(name, edition, codes(&text));
            }
        }
    }
    Ok(lists)
}

/// List and edition of a file of this name.
pub(crate) fn named(file: &str) -> Option<(&str, &str)> {
    let stem = file.strip_suffix(".csv")?;
    Some(stem.split_once('@').unwrap_or((stem, "1")))
}

/// Codes and labels of a list's file.
pub(crate) fn codes(text: &str) -> impl Iterator<Item = (&str, &str)> {
    text.lines().skip(1).filter_map(|line| line.trim().split_once(','))
}

/// How the files stand: path, length, time of the last change.
type Look = Vec<(PathBuf, u64, SystemTime)>;

fn look(path: &Path, depth: usize, found: &mut Look) -> io::Result<()> {
    let meta = std::fs::metadata(path)?;
    if meta.is_dir() {
        for entry in std::fs::read_dir(path)? {
            if depth < PACKAGE_DEPTH_MAX {
                look(&entry?.path(), depth + 1, found)?;
            }
        }
        found.sort();
    } else {
        found.push((path.to_owned(), meta.len(), meta.modified()?));
    }
    Ok(())
}

/// The worker.
pub(crate) struct ListFiles {
    node: Arc<Node>,
    files: Vec<PathBuf>,
    last: Option<Look>,
    taken: Option<Look>,
    next: Millis,
}

impl ListFiles {
    /// Watches the files of a node; they are in force as they are now.
    pub(crate) fn new(node: Arc<Node>, files: &[PathBuf]) -> Self {
        Self { node, files: files.to_vec(), last: None, taken: None, next: Millis(i64::MIN) }
    }

    async fn turn(&mut self, now: Millis) -> Result<Progress, WorkError> {
        if self.files.is_empty() || now < self.next {
            return Ok(Progress::IDLE);
        }
        self.next = now.plus(LOOKED_EVERY);
        let mut seen = Look::new();
        for path in &self.files {
            let wrong =
                |e: io::Error| WorkError::CodeLists { what: format!("{}: {e}", path.display()) };
            look(path, 0, &mut seen).map_err(wrong)?;
        }
        // What is being copied would be half a list: it has to stand still for a look.
        if self.last.as_ref() != Some(&seen) || self.taken.as_ref() == Some(&seen) {
            self.last = Some(seen);
            return Ok(Progress::IDLE);
        }
        let first = self.taken.is_none();
        self.taken = Some(seen);
        let lists = open(&self.files).map_err(|e| WorkError::CodeLists { what: e.en })?;
        let editions = lists.editions(now.day());
        self.node.lists.files_are(lists);
        // At the start they were read with the configuration; what changes is worth a line.
        if !first {
            let event = AuditEvent {
                at: now,
                who: "code_lists".into(),
                action: "code_list.files_taken_up".into(),
                subject: format!("{} files", self.taken.as_ref().map_or(0, Vec::len)),
                reason: editions,
                ok: true,
            };
            self.node.store.audit(event).await?;
        }
        Ok(Progress::some(u64::from(!first), false))
    }
}

impl Worker for ListFiles {
    fn name(&self) -> String {
        "code_lists".into()
    }

    fn run_once(&mut self, now: Millis) -> WorkFuture<'_> {
        Box::pin(self.turn(now))
    }
}
