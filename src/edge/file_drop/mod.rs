//! A folder into which another system drops files.
//!
//! A file is read once its size and time have stood still for `settle_for`; a page at a time; then it
//! moves to `done/`, or to `failed/` with a reason beside it. No file is lost, none is read twice.

mod back;
mod cursor;
mod file;
mod finish;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use adapt::{Form, TextSettings};
use canon::{Day, DigestAlg, Millis};

use crate::error::SourceError;
use crate::os::{self, Stat};
use crate::page::{BrokenRow, Page};
use crate::source::{BoxFuture, Source, TableCount, WriteBack};
pub use back::take_back;
use cursor::{Cursor, Open, REASONS_MAX, To, Why};
use file::{OpenFile, Wrong};

/// Limits of a drop folder, each with a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FileLimits {
    /// Largest file that is read, bytes.
    pub file_bytes_max: u64,
    /// Bytes of one page: what is held in memory of a file. At least twice
    /// [`adapt::ROW_BYTES_MAX`].
    pub page_bytes_max: usize,
}

impl Default for FileLimits {
    fn default() -> Self {
        Self { file_bytes_max: 4 << 30, page_bytes_max: 4 << 20 }
    }
}

/// Settings of a drop folder.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Adapter id, for messages.
    pub adapter: String,
    /// The folder.
    pub folder: PathBuf,
    /// Which names: `*` any characters, `?` one.
    pub pattern: String,
    /// What the files are; a BOM overrides the encoding of text.
    pub form: Form,
    /// Where a processed file goes, below the folder.
    pub done: String,
    /// Where a broken one goes.
    pub failed: String,
    /// The columns to give, by header name, in this order. Others in the file are passed over.
    pub columns: Arc<[Arc<str>]>,
    /// How long size and time must stand still, milliseconds.
    pub settle_for_ms: i64,
    /// Only files whose name says a day in this range (`20261121` or `2026-11-21`), first and last
    /// day included, and those whose name says none.
    pub between: Option<(Day, Day)>,
    /// Limits.
    pub limits: FileLimits,
}

impl Settings {
    /// The folder's lock; none if another process has it.
    fn lock(&self) -> Result<Option<os::DirLock>, SourceError> {
        let path = self.folder.join(&self.done).join(".lock");
        os::lock(&path).map_err(|e| SourceError::io(&self.adapter, "lock", &path, &e))
    }

    const fn text(&self) -> TextSettings {
        match self.form {
            Form::Csv(text) => text,
        }
    }

    /// The settings an adapter gives for a folder, with the usual limits.
    pub fn of(adapter: &str, folder: PathBuf, source: &adapt::FileSource) -> Self {
        let queries = source.queries.iter();
        let columns = queries.flat_map(|q| &q.columns).map(|c| Arc::from(c.text.as_str()));
        Self {
            adapter: adapter.into(),
            folder,
            pattern: source.files.clone(),
            form: source.form.clone(),
            done: source.done.clone(),
            failed: source.failed.clone(),
            columns: columns.collect(),
            settle_for_ms: i64::try_from(source.settle_seconds)
                .unwrap_or(i64::MAX)
                .saturating_mul(1000),
            between: None,
            limits: FileLimits::default(),
        }
    }
}

/// A file's last look, and since when it has looked so.
#[derive(Clone, Copy, Debug)]
struct Seen {
    stat: Stat,
    since: Millis,
}

/// The source. See the module.
pub struct FileDrop {
    settings: Settings,
    /// Digests of the contents already read.
    known: HashSet<String>,
    settling: BTreeMap<String, Seen>,
    open: Option<(String, OpenFile)>,
    /// Held from the first read on: who only stands by with the same adapter holds nothing.
    lock: Option<os::DirLock>,
}

impl FileDrop {
    /// A source over the folder. The folder is held against other processes once reading begins.
    pub fn open(settings: Settings) -> Result<Self, SourceError> {
        let adapter = settings.adapter.as_str();
        if settings.columns.is_empty() {
            return Err(SourceError::Setting {
                adapter: adapter.into(),
                detail: "no columns; name those of the header that the mapping uses".into(),
            });
        }
        let (known, settling) = (HashSet::new(), BTreeMap::new());
        Ok(Self { settings, known, settling, open: None, lock: None })
    }

    /// Makes `done/` and `failed/`, takes the lock and learns what was read before, once.
    fn hold(&mut self) -> Result<(), SourceError> {
        if self.lock.is_some() {
            return Ok(());
        }
        let adapter = self.settings.adapter.as_str();
        for dir in [&self.settings.done, &self.settings.failed] {
            let dir = self.settings.folder.join(dir);
            os::make_dir(&dir).map_err(|e| SourceError::io(adapter, "make", &dir, &e))?;
        }
        let lock = self.settings.lock()?.ok_or_else(|| SourceError::Busy {
            adapter: adapter.into(),
            place: self.settings.folder.display().to_string(),
        })?;
        self.known = finish::known(&self.settings)?;
        self.lock = Some(lock);
        Ok(())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.settings.folder.join(name)
    }

    fn io(&self, what: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> SourceError {
        let (adapter, path) = (self.settings.adapter.clone(), path.to_owned());
        move |e| SourceError::io(&adapter, what, &path, &e)
    }

    fn read_now(
        &mut self,
        cursor: Option<&str>,
        now: Millis,
        limit: usize,
    ) -> Result<Page, SourceError> {
        self.hold()?;
        let mut cursor = Cursor::parse(&self.settings.adapter, cursor)?;
        // A crash between the commit and the move: the file is moved now.
        if let Some(finish) = cursor.finish.take() {
            self.finish(&finish)?;
        }
        let settled = self.settled(now)?;
        let open = match cursor.open.take() {
            Some(open) if self.unchanged(&open)? => Some(open),
            _ => None,
        };
        let Some(open) = open.map_or_else(|| self.begin(&settled), |open| Ok(Some(Ok(open))))?
        else {
            return Ok(self.page("", &cursor));
        };
        let name = match &open {
            Ok(open) => open.name.clone(),
            Err((open, _)) => open.name.clone(),
        };
        let mut page = match open {
            Ok(open) => self.rows(open, limit.max(1))?,
            Err((open, wrong)) => self.refuse(open, wrong),
        };
        page.more |= settled.iter().any(|(other, _)| *other != name);
        Ok(page)
    }

    fn page(&self, name: &str, cursor: &Cursor) -> Page {
        Page::empty(name.into(), self.settings.columns.clone(), cursor.text())
    }

    /// Files whose look has not changed for long enough, in name order.
    fn settled(&mut self, now: Millis) -> Result<Vec<(String, Stat)>, SourceError> {
        let folder = self.settings.folder.clone();
        let names = os::files(&folder).map_err(self.io("list", &folder))?;
        let mut next = BTreeMap::new();
        let mut settled = Vec::new();
        for name in names {
            let outside =
                |(from, to): (Day, Day)| day_in(&name).is_some_and(|d| d < from || d > to);
            if !matches(&self.settings.pattern, &name) || self.settings.between.is_some_and(outside)
            {
                continue;
            }
            let path = self.path(&name);
            let Some(stat) = os::stat(&path).map_err(self.io("look at", &path))? else { continue };
            let since = match self.settling.get(&name) {
                Some(seen) if seen.stat == stat => seen.since,
                _ => now,
            };
            if now.since(since) >= self.settings.settle_for_ms {
                settled.push((name.clone(), stat));
            }
            next.insert(name, Seen { stat, since });
        }
        self.settling = next;
        Ok(settled)
    }

    /// The file is as it was when its reading began; otherwise it is settled and read afresh.
    fn unchanged(&mut self, open: &Open) -> Result<bool, SourceError> {
        let path = self.path(&open.name);
        let same = os::stat(&path).map_err(self.io("look at", &path))? == Some(open.stat());
        if !same {
            self.open = None;
            self.settling.remove(&open.name);
        }
        Ok(same)
    }

    /// Takes the next settled file: to be read, or wrong as a whole.
    #[expect(clippy::type_complexity, reason = "none, a file to read, or a file with its fault")]
    fn begin(
        &mut self,
        settled: &[(String, Stat)],
    ) -> Result<Option<Result<Open, (Open, Wrong)>>, SourceError> {
        let Some((name, stat)) = settled.first() else { return Ok(None) };
        let mut open = Open {
            name: name.clone(),
            size: stat.size,
            mtime: stat.mtime,
            digest: String::new(),
            offset: 0,
            line: 0,
            rows: 0,
            broken: 0,
            why: Vec::new(),
        };
        if stat.size > self.settings.limits.file_bytes_max {
            let max = self.settings.limits.file_bytes_max;
            let wrong = Wrong {
                code: "source.file_too_large",
                zh: format!("文件超过 {max} 字节"),
                en: format!("the file is larger than {max} bytes"),
            };
            return Ok(Some(Err((open, wrong))));
        }
        let path = self.path(name);
        let mut file = file::open(&path).map_err(self.io("open", &path))?;
        open.digest = file::content_digest(DigestAlg::default(), &mut file)
            .map_err(self.io("read", &path))?;
        if self.known.contains(&open.digest) {
            return Ok(Some(Ok(open)));
        }
        match file::header(&mut file, &self.settings).map_err(self.io("read", &path))? {
            Err(wrong) => Ok(Some(Err((open, wrong)))),
            Ok(header) => {
                (open.offset, open.line) = (header.offset, 1);
                self.open = Some((name.clone(), OpenFile::new(file, header)));
                Ok(Some(Ok(open)))
            }
        }
    }

    /// A file that cannot be read at all: one broken entry, then to `failed/`.
    fn refuse(&self, mut open: Open, wrong: Wrong) -> Page {
        let name = open.name.clone();
        open.broken = 1;
        open.why.push(Why { code: wrong.code.into(), zh: wrong.zh.clone(), en: wrong.en.clone() });
        let cursor = Cursor { v: 1, open: None, finish: Some(open.finish(To::Failed)) };
        let mut page = self.page(&name, &cursor);
        page.broken.push(BrokenRow {
            reference: name,
            line: None,
            code: wrong.code,
            zh: wrong.zh,
            en: wrong.en,
        });
        page
    }

    /// The next page of a file, and its move at the end.
    fn rows(&mut self, mut open: Open, limit: usize) -> Result<Page, SourceError> {
        if open.line == 0 {
            let name = open.name.clone();
            let cursor = Cursor { v: 1, open: None, finish: Some(open.finish(To::Duplicate)) };
            return Ok(self.page(&name, &cursor));
        }
        let path = self.path(&open.name);
        let mut held = self.held(&open, &path)?;
        let mut page = self.page(&open.name, &Cursor::idle());
        let at = (open.offset, open.line, open.size);
        let step = file::read_page(&mut held, &self.settings, at, limit, &mut page)
            .map_err(self.io("read", &path))?;
        if !self.unchanged(&open)? {
            // It grew under our eyes: nothing of this page counts, it settles again.
            return Ok(self.page(&open.name, &Cursor::idle()));
        }
        open.offset = step.offset;
        open.line = step.line;
        open.rows += page.rows as u64;
        open.broken += page.broken.len() as u64;
        let room = REASONS_MAX.saturating_sub(open.why.len());
        open.why.extend(page.broken.iter().take(room).map(|b| Why {
            code: b.code.into(),
            zh: b.zh.clone(),
            en: b.en.clone(),
        }));
        let mut cursor = Cursor::idle();
        if step.eof {
            let failed = step.cut_off || (open.rows == 0 && open.broken > 0);
            cursor.finish = Some(open.finish(if failed { To::Failed } else { To::Done }));
        } else {
            self.open = Some((open.name.clone(), held));
            cursor.open = Some(open);
            page.more = true;
        }
        page.cursor = cursor.text();
        Ok(page)
    }

    /// The open file of this name, opened again after a restart.
    fn held(&mut self, open: &Open, path: &Path) -> Result<OpenFile, SourceError> {
        if let Some((name, held)) = self.open.take()
            && name == open.name
        {
            return Ok(held);
        }
        let mut file = file::open(path).map_err(self.io("open", path))?;
        let header = file::header(&mut file, &self.settings).map_err(self.io("read", path))?;
        let header = header.map_err(|wrong| SourceError::Setting {
            adapter: self.settings.adapter.clone(),
            detail: format!(
                "`{}` was begun with other columns: {}; move the file away and back to read it afresh",
                open.name, wrong.en
            ),
        })?;
        Ok(OpenFile::new(file, header))
    }
}

/// The first day that a file's name says: `20261121`, `2026-11-21` or `2026_11_21`.
fn day_in(name: &str) -> Option<Day> {
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

/// `*` any characters, `?` one.
fn matches(pattern: &str, name: &str) -> bool {
    let (p, n): (Vec<char>, Vec<char>) = (pattern.chars().collect(), name.chars().collect());
    let (mut i, mut j, mut star) = (0, 0, None);
    while j < n.len() {
        if p.get(i) == Some(&'*') {
            star = Some((i, j));
            i += 1;
        } else if p.get(i).is_some_and(|c| *c == '?' || *c == n[j]) {
            (i, j) = (i + 1, j + 1);
        } else if let Some((s, from)) = star {
            star = Some((s, from + 1));
            (i, j) = (s + 1, from + 1);
        } else {
            return false;
        }
    }
    p[i..].iter().all(|c| *c == '*')
}

impl Source for FileDrop {
    fn read<'a>(
        &'a mut self,
        cursor: Option<&'a str>,
        now: Millis,
        limit: usize,
    ) -> BoxFuture<'a, Result<Page, SourceError>> {
        Box::pin(async move { self.read_now(cursor, now, limit) })
    }

    fn committed<'a>(&'a mut self, cursor: &'a str) -> BoxFuture<'a, Result<(), SourceError>> {
        Box::pin(async move {
            self.hold()?;
            match Cursor::parse(&self.settings.adapter, Some(cursor))?.finish {
                Some(finish) => self.finish(&finish),
                None => Ok(()),
            }
        })
    }

    fn write_back<'a>(
        &'a mut self,
        _items: &'a [WriteBack],
    ) -> BoxFuture<'a, Result<Vec<Result<(), SourceError>>, SourceError>> {
        let adapter = self.settings.adapter.clone();
        Box::pin(async move { Err(SourceError::NoWriteBack { adapter, kind: "file_drop" }) })
    }

    fn count<'a>(&'a mut self) -> BoxFuture<'a, Result<Vec<TableCount>, SourceError>> {
        Box::pin(async { Ok(Vec::new()) })
    }

    fn let_go(&mut self) {
        self.lock = None;
        self.open = None;
        self.settling.clear();
        self.known.clear();
    }
}
