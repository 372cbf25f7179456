//! The answer to a file: a file of outcomes for the department that dropped it, row by row, written
//! when the outcome of every record of it is final, and written anew when one of them changes.
//!
//! What is awaited and what was said lies line by line beside the processed files
//! ([`super::answer_lines`]).

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use canon::Millis;

use super::answer_lines::{Line, Places, Tally, UNREADABLE};
use super::cursor::Finish;
use super::{FileDrop, Settings};
use crate::error::SourceError;
use crate::os;
use crate::page::{Page, join_key, split_key};
use crate::source::{Awaited, WriteBack};

/// Begins the name of every file of lines.
const PREFIX: &str = ".answer-";
/// Parts of a row's key: content, sheet, row.
const KEY_PARTS: usize = 3;
/// Ends the name of an answer.
const ENDING: &str = "结果.csv";
/// Lets a spreadsheet read the answer as UTF-8.
const BOM: &str = "\u{feff}";
/// Files whose rows are counted in memory; one more, and all are counted anew when they are next told of.
const TALLIES_MAX: usize = 64;

/// What tells contents apart in names and keys.
pub(super) fn mark(digest: &str) -> String {
    digest.rsplit(':').next().unwrap_or_default().chars().take(32).collect()
}

fn lines_of(settings: &Settings, mark: &str) -> PathBuf {
    settings.folder.join(&settings.source.done).join(format!("{PREFIX}{mark}"))
}

/// Days that the lines behind an answer are kept after the last of them: until then an outcome that
/// changes writes the answer anew.
pub(super) const ANSWER_LINES_DAYS_MAX: i64 = 400;

/// Removes the lines of answers that nothing can change any more.
pub(super) fn clear(settings: &Settings, now: Millis) -> io::Result<()> {
    let done = settings.folder.join(&settings.source.done);
    let oldest = now.plus(-ANSWER_LINES_DAYS_MAX * 86_400_000).0.unsigned_abs();
    for name in os::files(&done)?.iter().filter(|n| n.starts_with(PREFIX)) {
        let path = done.join(name);
        // A system that keeps no times has nothing cleared.
        let old = |s: &os::Stat| s.mtime > 0 && s.mtime / 1_000_000 < oldest;
        if os::stat(&path)?.as_ref().is_some_and(old) {
            os::remove(&path)?;
        }
    }
    Ok(())
}

/// Names the rows of a page, so that their outcomes find back.
pub(super) fn name_rows(page: &mut Page, digest: &str) {
    let mark = mark(digest);
    let place = std::sync::Arc::clone(&page.place);
    let part = place.split_once('/').map_or("", |(_, part)| part);
    let lines = std::mem::take(&mut page.lines);
    let mut key = String::new();
    for line in &lines {
        key.clear();
        join_key(&[&mark, part, &line.to_string()], &mut key);
        let span = page.put(&key);
        page.keys.push(span);
    }
    page.lines = lines;
}

impl FileDrop {
    /// Keeps which rows of a page have an outcome to come, before the page is committed.
    pub(super) fn keep_awaited(
        &mut self,
        page: &Page,
        rows: &[Awaited<'_>],
    ) -> Result<(), SourceError> {
        let (Some(mark), Some(_)) = (self.reading.clone(), &self.settings.source.answer) else {
            return Ok(());
        };
        let part = page.place.split_once('/').map_or("", |(_, part)| part);
        let mut lines = Vec::new();
        for row in rows {
            let Some(key) = split_key(row.row_key, KEY_PARTS) else { continue };
            let [_, part, number] = key.as_slice() else { continue };
            lines.push(Line::Awaits {
                part: part.clone(),
                row: number.parse().unwrap_or(0),
                rule: row.rule.to_owned(),
                text: row.text.to_owned(),
            });
        }
        lines.extend(page.broken.iter().map(|broken| Line::Said {
            part: part.to_owned(),
            row: broken.line.unwrap_or(0),
            flag: UNREADABLE.into(),
            rule: broken.code.into(),
            text: broken.zh.clone(),
        }));
        self.tell(&mark, &lines).map(drop)
    }

    /// The file is read to its end and moved: its answer may be due.
    pub(super) fn ends(&mut self, finish: &Finish) -> Result<(), SourceError> {
        let Some(folder) = &self.settings.source.answer else { return Ok(()) };
        if finish.to == super::To::Duplicate || finish.digest.is_empty() {
            return Ok(());
        }
        let folder = self.settings.folder.join(folder);
        let mark = mark(&finish.digest);
        let mut lines = Vec::new();
        if self.tell(&mark, &[])?.ended.is_none() {
            let plain = format!("{}.{ENDING}", finish.name);
            let taken = os::stat(&folder.join(&plain)).map_err(self.io("look at", &folder))?;
            let short: String = mark.chars().take(12).collect();
            let answer = match taken {
                None => plain,
                Some(_) => format!("{}.{short}.{ENDING}", finish.name),
            };
            lines.push(Line::Ends { answer });
        }
        self.tell(&mark, &lines)?;
        self.answer(&mark)
    }

    /// Keeps outcomes and writes the answers that are whole with them.
    pub(super) fn say(
        &mut self,
        items: &[WriteBack],
    ) -> Result<Vec<Result<(), SourceError>>, SourceError> {
        let mut by_mark: BTreeMap<String, Vec<Line>> = BTreeMap::new();
        for item in items {
            let Some(key) = split_key(&item.row_key, KEY_PARTS) else { continue };
            let [mark, part, number] = key.as_slice() else { continue };
            let (text, rule) = parted(&item.text);
            by_mark.entry(mark.clone()).or_default().push(Line::Said {
                part: part.clone(),
                row: number.parse().unwrap_or(0),
                flag: item.flag.clone(),
                rule: rule.into(),
                text: text.into(),
            });
        }
        for (mark, lines) in by_mark {
            let path = lines_of(&self.settings, &mark);
            // A row of a back-fill: its file lies elsewhere and nobody waits for an answer.
            if os::stat(&path).map_err(self.io("look at", &path))?.is_some() {
                self.tell(&mark, &lines)?;
                self.answer(&mark)?;
            }
        }
        Ok(items.iter().map(|_| Ok(())).collect())
    }

    /// Keeps lines of a file, durably, and what its rows come to with them.
    fn tell(&mut self, mark: &str, lines: &[Line]) -> Result<&Tally, SourceError> {
        let path = lines_of(&self.settings, mark);
        // Taken out: what could not be written is counted anew.
        let tally = self.tallies.remove(mark).map_or_else(|| Tally::read(&path), Ok);
        let mut tally = tally.map_err(self.io("read", &path))?;
        if !lines.is_empty() {
            let text = Line::text(lines);
            os::append(&path, text.as_bytes()).map_err(self.io("append to", &path))?;
            lines.iter().for_each(|line| tally.take(line));
        }
        if self.tallies.len() >= TALLIES_MAX {
            self.tallies.clear();
        }
        Ok(self.tallies.entry(mark.to_owned()).or_insert(tally))
    }

    /// Writes the answer, if the file is read and nothing is awaited any more.
    fn answer(&mut self, mark: &str) -> Result<(), SourceError> {
        let Some(folder) = self.settings.source.answer.clone() else { return Ok(()) };
        let tally = self.tell(mark, &[])?;
        let Some(name) = tally.ended.clone().filter(|_| tally.is_whole()) else { return Ok(()) };
        let lines = lines_of(&self.settings, mark);
        let path = self.settings.folder.join(folder).join(name);
        os::write_whole_with(&path, |out| table(&lines, out)).map_err(self.io("write", &path))
    }
}

/// A text and the rule behind it: `… [record.authority]`; no rule where there is none.
fn parted(text: &str) -> (&str, &str) {
    let plain = |rule: &&str| {
        rule.contains('.')
            && rule
                .bytes()
                .all(|b| b.is_ascii_lowercase() || matches!(b, b'.' | b'_' | b'0'..=b'9'))
    };
    let found = text.strip_suffix(']').and_then(|t| t.rsplit_once(" ["));
    found.filter(|(_, rule)| plain(rule)).unwrap_or((text, ""))
}

/// The answer as a table, from the lines of a file: row by row, never the file at once.
fn table(lines: &Path, out: &mut dyn Write) -> io::Result<()> {
    out.write_all(BOM.as_bytes())?;
    let mut out = csv::WriterBuilder::new().terminator(csv::Terminator::CRLF).from_writer(out);
    out.write_record(["工作表", "行", "结果", "规则", "说明"])?;
    Places::read(lines)?.each(|part, row, known| {
        let flag = known.flag.as_deref().unwrap_or_default();
        let outcome = match flag {
            "accepted" => "已接收",
            "rejected" => "已驳回",
            "returned" => "退回来源单位",
            UNREADABLE => "无法读取",
            other => other,
        };
        let rule = if flag == "accepted" { "" } else { &known.rule };
        let number = if row == 0 { String::new() } else { row.to_string() };
        // The name of a sheet, and words of a platform: neither is ours.
        let (part, text) = (plain(part), plain(&known.text));
        Ok(out.write_record([&*part, number.as_str(), outcome, rule, &*text])?)
    })?;
    out.flush()
}

/// A cell that no spreadsheet takes for a formula: what begins like one gets an apostrophe, which
/// spreadsheets do not show.
fn plain(text: &str) -> Cow<'_, str> {
    match text.trim_start().chars().next() {
        Some('=' | '+' | '-' | '@' | '＝' | '＋' | '－' | '＠') => {
            Cow::Owned(format!("'{text}"))
        }
        _ => Cow::Borrowed(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_holds_no_formula() {
        let said = |part: &str, row, text: &str| Line::Said {
            part: part.into(),
            row,
            flag: "rejected".into(),
            rule: "field.pattern".into(),
            text: text.into(),
        };
        let lines = [
            said("=cmd|'/C calc'!A0", 1, "=HYPERLINK(\"http://x\")"),
            said("一", 2, "@SUM(1+1)*cmd|' /C calc'!A0"),
            said("二", 3, "\t-2+3+cmd"),
            said("三", 4, "＝1+1"),
            said("四", 5, "办结早于受理 = 错误"),
        ];
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("lines");
        std::fs::write(&path, Line::text(&lines)).unwrap();
        let mut text = Vec::new();
        table(&path, &mut text).unwrap();
        let text = String::from_utf8(text).unwrap();
        let mut cells = csv::ReaderBuilder::new().from_reader(text.as_bytes());
        let begins = |c: &str| c.trim_start().starts_with(['=', '+', '-', '@', '＝']);
        let mut quoted = 0;
        for row in cells.records().map(Result::unwrap) {
            assert!(row.iter().all(|cell| !begins(cell)), "{row:?}");
            quoted += row.iter().filter(|cell| cell.starts_with('\'')).count();
        }
        assert_eq!(quoted, 5, "{text}");
        assert!(text.contains("办结早于受理 = 错误"), "what begins like a text is left alone");
    }

    #[test]
    fn the_rule_behind_a_text_has_a_column_of_its_own() {
        assert_eq!(
            parted("无权报送该记录 [record.authority]"),
            ("无权报送该记录", "record.authority")
        );
        for plain in ["无权报送", "见附表 [2]", "[a.b]", "x [A.b]", "", "x [a.b] y"] {
            assert_eq!(parted(plain), (plain, ""));
        }
    }
}
