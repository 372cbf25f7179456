//! A folder into which another system drops files.
//!
//! A file is read once its size and time have stood still for `settle_for`; a page at a time; then it
//! moves to `done/`, or to `failed/` with a reason beside it. No file is lost, none is read twice.

mod answer;
mod answer_lines;
mod back;
mod beside;
mod cursor;
mod file;
mod finish;
mod laid;
mod probe;
mod settings;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod tests_beside;

use std::collections::{BTreeMap, HashSet};
use std::path::{Path, PathBuf};

use adapt::form::{FileFault, FormError};
use canon::Millis;

use crate::error::SourceError;
use crate::os::{self, Stat};
use crate::page::{BrokenRow, Page};
use crate::source::{Awaited, BoxFuture, Source, WriteBack};
pub use back::take_back;
use cursor::{Cursor, Open, REASONS_MAX, To, Why};
use file::OpenFile;
use laid::{After, LaidRows, Part};
pub use probe::{Lies, lies, probe, unmatched};
pub use settings::{FileLimits, Settings};

/// A file's last look, and since when it has looked so.
#[derive(Clone, Copy, Debug)]
struct Seen {
    stat: Stat,
    since: Millis,
}

/// A file being read, kept between pages.
enum Held {
    /// Text, read where it lies.
    Text(Box<OpenFile>),
    /// Anything else, through the rows laid down beside it.
    Rows(LaidRows),
}

/// The source. See the module.
pub struct FileDrop {
    settings: Settings,
    /// Digests of the contents already read.
    known: HashSet<String>,
    settling: BTreeMap<String, Seen>,
    open: Option<(String, Held)>,
    /// Mark of the content that the last page is of, for its answer.
    reading: Option<String>,
    /// How far the answers are of files that were told of lately.
    tallies: BTreeMap<String, answer_lines::Tally>,
    /// Held from the first read on: who only stands by with the same adapter holds nothing.
    lock: Option<os::DirLock>,
    /// The day on which leftovers were cleared away.
    swept: Option<canon::Day>,
}

impl FileDrop {
    /// A source over the folder. The folder is held against other processes once reading begins.
    pub fn open(settings: Settings) -> Result<Self, SourceError> {
        let adapter = settings.adapter.as_str();
        if settings.source.queries.iter().any(|q| q.columns.is_empty()) {
            return Err(SourceError::Setting {
                adapter: adapter.into(),
                detail: "no columns; name those of the header that the mapping uses".into(),
            });
        }
        Ok(Self {
            settings,
            known: HashSet::new(),
            settling: BTreeMap::new(),
            open: None,
            reading: None,
            tallies: BTreeMap::new(),
            lock: None,
            swept: None,
        })
    }

    /// Makes `done/` and `failed/`, takes the lock and learns what was read before, once.
    fn hold(&mut self) -> Result<(), SourceError> {
        if self.lock.is_some() {
            return Ok(());
        }
        let adapter = self.settings.adapter.as_str();
        let adapt::FileSource { done, failed, answer, .. } = &self.settings.source;
        for dir in [done, failed].into_iter().chain(answer) {
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
        self.reading = None;
        let Some(open) = open.map_or_else(|| self.begin(&settled), |open| Ok(Some(Ok(open))))?
        else {
            self.sweep(now)?;
            return Ok(self.page("", &cursor));
        };
        let name = match &open {
            Ok(open) => open.name.clone(),
            Err((open, _)) => open.name.clone(),
        };
        let (Ok(now_open) | Err((now_open, _))) = &open;
        self.reading = Some(answer::mark(&now_open.digest)).filter(|mark| !mark.is_empty());
        let mut page = match open {
            Ok(open) => self.rows(open, limit.max(1))?,
            Err((open, wrong)) => self.refuse(open, wrong),
        };
        page.more |= settled.iter().any(|(other, _)| *other != name);
        Ok(page)
    }

    /// Clears away what nobody reads any more, once a day, while no file is being read.
    fn sweep(&mut self, now: Millis) -> Result<(), SourceError> {
        if self.swept == Some(now.day()) {
            return Ok(());
        }
        let done = self.settings.folder.join(&self.settings.source.done);
        laid::clear(&self.settings).map_err(self.io("clear", &done))?;
        answer::clear(&self.settings, now).map_err(self.io("clear", &done))?;
        self.tallies.clear();
        self.swept = Some(now.day());
        Ok(())
    }

    fn page(&self, name: &str, cursor: &Cursor) -> Page {
        Page::empty(name.into(), self.settings.columns(0), cursor.text())
    }

    /// Files whose look has not changed for long enough, in name order.
    fn settled(&mut self, now: Millis) -> Result<Vec<(String, Stat)>, SourceError> {
        let folder = self.settings.folder.clone();
        let names = os::files(&folder).map_err(self.io("list", &folder))?;
        let mut next = BTreeMap::new();
        let mut settled = Vec::new();
        for name in names {
            if !self.settings.takes(&name) {
                continue;
            }
            let path = self.path(&name);
            let stat = beside::stat(&self.settings.source, &path);
            let Some(stat) = stat.map_err(self.io("look at", &path))? else { continue };
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
        let stat = beside::stat(&self.settings.source, &path);
        let same = stat.map_err(self.io("look at", &path))? == Some(open.stat());
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
    ) -> Result<Option<Result<Open, (Open, FileFault)>>, SourceError> {
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
            part: None,
        };
        if stat.size > self.settings.limits.file_bytes_max {
            let max = self.settings.limits.file_bytes_max;
            let wrong = FileFault {
                code: "source.file_too_large",
                zh: format!("文件超过 {max} 字节"),
                en: format!("the file is larger than {max} bytes"),
            };
            return Ok(Some(Err((open, wrong))));
        }
        let path = self.path(name);
        let digest = beside::digest(&self.settings.source, &path);
        open.digest = digest.map_err(self.io("read", &path))?;
        if self.known.contains(&open.digest) {
            return Ok(Some(Ok(open)));
        }
        match self.opened(&path, &open.digest)? {
            Err(wrong) => Ok(Some(Err((open, wrong)))),
            Ok(held) => {
                match &held {
                    Held::Text(text) => open.offset = text.header.offset,
                    Held::Rows(_) => open.part = Some(Part::default()),
                }
                open.line = 1;
                self.open = Some((name.clone(), held));
                Ok(Some(Ok(open)))
            }
        }
    }

    /// A file from its beginning, or what is wrong with all of it.
    fn opened(&self, path: &Path, digest: &str) -> Result<Result<Held, FileFault>, SourceError> {
        if let Some(text) = self.settings.source.text() {
            let mut file = file::open(path).map_err(self.io("open", path))?;
            let header = file::header(&mut file, &self.settings, text);
            let header = header.map_err(self.io("read", path))?;
            return Ok(header.map(|header| Held::Text(Box::new(OpenFile::new(file, header)))));
        }
        match laid::of(&self.settings, path, digest) {
            Ok(rows) => Ok(Ok(Held::Rows(rows))),
            Err(FormError::Wrong(wrong)) => Ok(Err(wrong)),
            Err(FormError::Io(e)) => Err(self.io("read", path)(e)),
        }
    }

    /// A file that cannot be read at all: one broken entry, then to `failed/`.
    fn refuse(&self, mut open: Open, wrong: FileFault) -> Page {
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
        let (step, after) = match &mut held {
            Held::Text(text) => {
                let at = (open.offset, open.line, open.size);
                let step = file::read_page(text, &self.settings, at, limit, &mut page);
                step.map(|step| (step, After::default()))
            }
            Held::Rows(rows) => {
                let part = open.part.get_or_insert_default();
                let at = (open.offset, open.line);
                rows.read_page(&self.settings, at, part, limit, &mut page)
            }
        }
        .map_err(self.io("read", &path))?;
        if !self.unchanged(&open)? {
            // It grew under our eyes: nothing of this page counts, it settles again.
            return Ok(self.page(&open.name, &Cursor::idle()));
        }
        if self.settings.source.answer.is_some() {
            answer::name_rows(&mut page, &open.digest);
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
            let mut finish = open.finish(if failed { To::Failed } else { To::Done });
            finish.notes = after.notes;
            cursor.finish = Some(finish);
        } else {
            self.open = Some((open.name.clone(), held));
            cursor.open = Some(open);
            page.more = true;
        }
        page.cursor = cursor.text();
        Ok(page)
    }

    /// The open file of this name, opened again after a restart.
    fn held(&mut self, open: &Open, path: &Path) -> Result<Held, SourceError> {
        if let Some((name, held)) = self.open.take()
            && name == open.name
        {
            return Ok(held);
        }
        let again = self.opened(path, &open.digest)?.and_then(|held| {
            // The package has another form now: an offset in one is none in the other.
            let same = matches!(held, Held::Rows(_)) == open.part.is_some();
            let other = || FileFault {
                code: "source.form_wrong",
                zh: "来源格式已改".into(),
                en: "the form was another".into(),
            };
            if same { Ok(held) } else { Err(other()) }
        });
        again.map_err(|wrong| SourceError::Setting {
            adapter: self.settings.adapter.clone(),
            detail: format!(
                "`{}` was begun with other columns: {}; move the file away and back to read it afresh",
                open.name, wrong.en
            ),
        })
    }
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

    fn awaiting<'a>(
        &'a mut self,
        page: &'a Page,
        rows: &'a [Awaited<'a>],
    ) -> BoxFuture<'a, Result<(), SourceError>> {
        Box::pin(async move { self.keep_awaited(page, rows) })
    }

    fn write_back<'a>(
        &'a mut self,
        items: &'a [WriteBack],
    ) -> BoxFuture<'a, Result<Vec<Result<(), SourceError>>, SourceError>> {
        Box::pin(async move {
            if self.settings.source.answer.is_none() {
                let adapter = self.settings.adapter.clone();
                return Err(SourceError::NoWriteBack { adapter, kind: "file_drop" });
            }
            self.hold()?;
            self.say(items)
        })
    }

    fn let_go(&mut self) {
        self.lock = None;
        self.open = None;
        self.settling.clear();
        self.known.clear();
        self.tallies.clear();
    }
}
