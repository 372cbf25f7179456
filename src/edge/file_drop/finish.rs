//! Moving a finished file, repeatably: index, reason, move, in this order.

use std::collections::HashSet;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use super::cursor::{Finish, To};
use super::{FileDrop, Settings, beside, laid};
use crate::error::SourceError;
use crate::os::{self, Stat};

/// Contents already read, one `digest name` a line, beside the processed files.
pub(super) const INDEX: &str = ".digests";

/// Reads the index; a half-written last line is passed over.
pub(super) fn known(settings: &Settings) -> Result<HashSet<String>, SourceError> {
    let path = settings.folder.join(&settings.source.done).join(INDEX);
    let raw = match std::fs::read(&path) {
        Ok(raw) => raw,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(HashSet::new()),
        Err(e) => return Err(SourceError::io(&settings.adapter, "read", &path, &e)),
    };
    let text = String::from_utf8_lossy(&raw);
    Ok(text
        .split_inclusive('\n')
        .filter(|line| line.ends_with('\n'))
        .filter_map(|line| line.split_whitespace().next())
        .map(str::to_owned)
        .collect())
}

impl FileDrop {
    /// Moves a file whose rows are committed. Repeating it changes nothing.
    pub(super) fn finish(&mut self, finish: &Finish) -> Result<(), SourceError> {
        if self.open.as_ref().is_some_and(|(name, _)| *name == finish.name) {
            self.open = None;
        }
        if finish.rows > 0 && finish.to != To::Duplicate && !self.known.contains(&finish.digest) {
            let path = self.settings.folder.join(&self.settings.source.done).join(INDEX);
            let name: String = finish.name.chars().filter(|c| !c.is_control()).collect();
            // The line end first: a line that a crash left half written stays alone.
            let line = format!("\n{} {name}\n", finish.digest);
            os::append(&path, line.as_bytes()).map_err(self.io("append to", &path))?;
            self.known.insert(finish.digest.clone());
        }
        let from = self.path(&finish.name);
        let source = &self.settings.source;
        let stat = beside::stat(source, &from).map_err(self.io("look at", &from))?;
        let was = Stat { size: finish.size, mtime: finish.mtime };
        if stat.is_none() {
            // A crash between the two moves of a table and its memo file.
            for to in self.targets(finish) {
                beside::follow(source, &from, &to, was).map_err(self.io("move", &from))?;
            }
        }
        if stat != Some(was) {
            // Moved before the crash; or its writer has put new content under the name, which is
            // another file then.
            return self.ends(finish);
        }
        let to = self.target(finish)?;
        if let Some((path, text)) = note(finish, &to) {
            os::write_whole(&path, text.as_bytes()).map_err(self.io("write", &path))?;
        }
        beside::put_away(source, &from, &to).map_err(self.io("move", &from))?;
        if self.settings.source.text().is_none() {
            laid::forget(&self.settings, &finish.digest).map_err(self.io("clear", &to))?;
        }
        self.settling.remove(&finish.name);
        self.ends(finish)
    }

    /// A free name in the folder; another content of the same name gets its digest's beginning.
    fn target(&self, finish: &Finish) -> Result<PathBuf, SourceError> {
        let [plain, marked] = self.targets(finish);
        let free = beside::is_free(&self.settings.source, &plain);
        Ok(if free.map_err(self.io("look at", &plain))? { plain } else { marked })
    }

    /// The names it may have there.
    fn targets(&self, finish: &Finish) -> [PathBuf; 2] {
        let adapt::FileSource { done, failed, .. } = &self.settings.source;
        let dir = if finish.to == To::Failed { failed } else { done };
        let dir = self.settings.folder.join(dir);
        let mark: String =
            finish.digest.rsplit(':').next().unwrap_or_default().chars().take(12).collect();
        let mark = if mark.is_empty() { format!("{}", finish.mtime) } else { mark };
        let marked = match finish.name.rsplit_once('.') {
            Some((stem, ext)) => format!("{stem}.{mark}.{ext}"),
            None => format!("{}.{mark}", finish.name),
        };
        [dir.join(&finish.name), dir.join(marked)]
    }
}

/// The text that stands beside a failed or duplicated file.
fn note(finish: &Finish, to: &Path) -> Option<(PathBuf, String)> {
    let (ending, mut text) = match finish.to {
        To::Done if finish.notes.is_empty() => return None,
        To::Done => (".note.txt", noted(finish)),
        To::Duplicate => (
            ".duplicate",
            "内容与已读取的文件完全相同，未再次读取。\n\
             The same content was read before; it was not read again.\n"
                .to_owned(),
        ),
        To::Failed => (".reason.txt", String::new()),
    };
    if finish.to == To::Failed {
        let Finish { name, rows, broken, .. } = finish;
        let lines = |pick: fn(&super::Why) -> &str| {
            finish.why.iter().fold(String::new(), |mut all, why| {
                writeln!(all, "  {} [{}]", pick(why), why.code).expect("a string takes all text");
                all
            })
        };
        text = noted(finish);
        write!(
            text,
            "文件：{name}\n已读取 {rows} 行，未能读取 {broken} 处：\n{}\
             处理：请来源单位改正后重新导出整个文件，放回收件目录；已读取的行不会重复上报。\n\n\
             File: {name}\n{rows} rows were read, {broken} could not be:\n{}\
             Next step: have the whole file exported again and drop it here; rows already read are \
             not reported twice.\n",
            lines(|w| &w.zh),
            lines(|w| &w.en),
        )
        .expect("a string takes all text");
    }
    let mut path = to.as_os_str().to_owned();
    path.push(ending);
    Some((path.into(), text))
}

/// What is to be said of a file beside its rows.
fn noted(finish: &Finish) -> String {
    finish.notes.iter().map(|(zh, en)| format!("{zh}\n{en}\n")).collect()
}
