//! What a drop folder is told: where, which files, in what form, within which limits.

use std::path::PathBuf;
use std::sync::Arc;

use adapt::FileSource;
use adapt::form::FormLimits;
use canon::Day;

use super::beside;
use super::laid::Part;
use crate::error::SourceError;
use crate::os;
use crate::page::Page;

/// Limits of a drop folder, each with a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FileLimits {
    /// Largest file that is read, bytes.
    pub file_bytes_max: u64,
    /// Bytes of one page: what is held in memory of a file. At least twice
    /// [`adapt::ROW_BYTES_MAX`].
    pub page_bytes_max: usize,
    /// Bytes that the rows of a workbook, DBF, XML or JSON file may come to, laid down beside it.
    pub rows_bytes_max: u64,
    /// From this size on what a reader has to remember goes to the disk.
    pub scratch_memory_max: usize,
    /// Limits of the readers.
    pub form: FormLimits,
}

impl Default for FileLimits {
    fn default() -> Self {
        Self {
            file_bytes_max: 4 << 30,
            page_bytes_max: 4 << 20,
            rows_bytes_max: 16 << 30,
            scratch_memory_max: 8 << 20,
            form: FormLimits::default(),
        }
    }
}

/// Settings of a drop folder.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Adapter id, for messages.
    pub adapter: String,
    /// The folder.
    pub folder: PathBuf,
    /// The package's source: form, names, columns, where finished files go. A BOM overrides the
    /// encoding of text; columns beyond those named are passed over.
    pub source: FileSource,
    /// How long size and time must stand still, milliseconds.
    pub settle_for_ms: i64,
    /// Only files whose name says a day in this range (`20261121` or `2026-11-21`), first and last
    /// day included, and those whose name says none.
    pub between: Option<(Day, Day)>,
    /// Limits.
    pub limits: FileLimits,
    /// The columns of each query.
    columns: Vec<Arc<[Arc<str>]>>,
}

impl Settings {
    /// The settings an adapter gives for a folder, with the usual limits.
    pub fn of(adapter: &str, folder: PathBuf, source: &FileSource) -> Self {
        let names =
            |q: &adapt::Query| q.columns.iter().map(|c| Arc::from(c.text.as_str())).collect();
        let settle = i64::try_from(source.settle_seconds).unwrap_or(i64::MAX);
        Self {
            adapter: adapter.into(),
            folder,
            source: source.clone(),
            settle_for_ms: settle.saturating_mul(1000),
            between: None,
            limits: FileLimits::default(),
            columns: source.queries.iter().map(names).collect(),
        }
    }

    /// The folder's lock; none if another process has it.
    pub(super) fn lock(&self) -> Result<Option<os::DirLock>, SourceError> {
        let path = self.folder.join(&self.source.done).join(".lock");
        os::lock(&path).map_err(|e| SourceError::io(&self.adapter, "lock", &path, &e))
    }

    /// The columns of a query.
    pub(super) fn columns(&self, query: u16) -> Arc<[Arc<str>]> {
        self.columns.get(usize::from(query)).cloned().unwrap_or_else(|| Arc::from([]))
    }

    /// Makes an empty page one of this part: `file/sheet`.
    pub(super) fn shape(&self, page: &mut Page, part: &Part) {
        page.table = part.query;
        page.columns = self.columns(part.query);
        if !part.name.is_empty() {
            let file = page.place.split('/').next().unwrap_or_default();
            page.place = format!("{file}/{}", part.name).into();
        }
    }

    /// Whether a file of this name is one to read.
    pub(super) fn takes(&self, name: &str) -> bool {
        let outside = |(from, to): (Day, Day)| day_in(name).is_some_and(|d| d < from || d > to);
        // What an office program or a file manager keeps for itself while a file is open.
        let own = name.starts_with("~$") || name.starts_with('.');
        // It is read with its table.
        let own = own || beside::is_memo(&self.source, name);
        let named = adapt::form::matches(&self.source.files, name);
        named && !own && !self.between.is_some_and(outside)
    }
}

/// The first day that a file's name says: `20261121`, `2026-11-21` or `2026_11_21`.
pub(super) fn day_in(name: &str) -> Option<Day> {
    let digit = |c: char| c.is_ascii_digit();
    let digits = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
    let begins = |at: &usize| name.get(..*at).is_some_and(|before| !before.ends_with(digit));
    let mut starts = name.char_indices().map(|(at, _)| at).filter(begins);
    starts.find_map(|at| {
        let ends = name.get(at + 8..).is_some_and(|rest| !rest.starts_with(digit));
        let plain = name.get(at..at + 8).filter(|t| ends && digits(t));
        if let Some(t) = plain {
            return Day::parse(&format!("{}-{}-{}", t.get(..4)?, t.get(4..6)?, t.get(6..)?));
        }
        let t = name.get(at..at + 10)?;
        let (year, month, day) = (t.get(..4)?, t.get(5..7)?, t.get(8..)?);
        let marks = (t.get(4..5)?, t.get(7..8)?);
        let right = matches!(marks, ("-", "-") | ("_", "_") | (".", "."));
        let numbers = digits(year) && digits(month) && digits(day);
        (right && numbers).then(|| Day::parse(&format!("{year}-{month}-{day}"))).flatten()
    })
}
