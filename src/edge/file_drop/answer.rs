//! The answer to a file: a file of outcomes for the department that dropped it, row by row, written
//! when the outcome of every record of it is final, and written anew when one of them changes.
//!
//! What is awaited and what was said lies line by line beside the processed files; every line may be
//! there twice.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::path::PathBuf;

use canon::Millis;
use serde::{Deserialize, Serialize};

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
/// The outcome of a row that could not be read.
const UNREADABLE: &str = "unreadable";

/// One line.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Line {
    /// A row gave records: their outcome is to come. With what is wrong here already.
    Awaits { part: String, row: u64, rule: String, text: String },
    /// The outcome of a row.
    Said { part: String, row: u64, flag: String, rule: String, text: String },
    /// The file is read to its end; the answer's name.
    Ends { answer: String },
}

/// What is known of a row.
#[derive(Default)]
struct Known {
    awaited: bool,
    flag: Option<String>,
    rule: String,
    text: String,
}

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
pub(super) fn clear(settings: &Settings, now: Millis) -> std::io::Result<()> {
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
        &self,
        page: &Page,
        rows: &[Awaited<'_>],
    ) -> Result<(), SourceError> {
        let (Some(mark), Some(_)) = (&self.reading, &self.settings.source.answer) else {
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
        self.append(mark, &lines)
    }

    /// The file is read to its end and moved: its answer may be due.
    pub(super) fn ends(&self, finish: &Finish) -> Result<(), SourceError> {
        let Some(folder) = &self.settings.source.answer else { return Ok(()) };
        if finish.to == super::To::Duplicate || finish.digest.is_empty() {
            return Ok(());
        }
        let mark = mark(&finish.digest);
        let (_, ended) = self.known_of(&mark)?;
        if ended.is_none() {
            let folder = self.settings.folder.join(folder);
            let plain = format!("{}.{ENDING}", finish.name);
            let taken = os::stat(&folder.join(&plain)).map_err(self.io("look at", &folder))?;
            let short: String = mark.chars().take(12).collect();
            let answer = match taken {
                None => plain,
                Some(_) => format!("{}.{short}.{ENDING}", finish.name),
            };
            self.append(&mark, &[Line::Ends { answer }])?;
        }
        self.answer(&mark)
    }

    /// Keeps outcomes and writes the answers that are whole with them.
    pub(super) fn say(
        &self,
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
                self.append(&mark, &lines)?;
                self.answer(&mark)?;
            }
        }
        Ok(items.iter().map(|_| Ok(())).collect())
    }

    fn append(&self, mark: &str, lines: &[Line]) -> Result<(), SourceError> {
        if lines.is_empty() {
            return Ok(());
        }
        let mut text = String::new();
        for line in lines {
            // The line end first: a line that a crash left half written stays alone.
            text.push('\n');
            text.push_str(
                &serde_json::to_string(line).expect("texts and numbers always serialize"),
            );
        }
        text.push('\n');
        let path = lines_of(&self.settings, mark);
        os::append(&path, text.as_bytes()).map_err(self.io("append to", &path))
    }

    /// What is known of a file's rows, and the answer's name once the file is read to its end.
    #[expect(clippy::type_complexity, reason = "rows by sheet and number, and a name")]
    fn known_of(
        &self,
        mark: &str,
    ) -> Result<(BTreeMap<(String, u64), Known>, Option<String>), SourceError> {
        let path = lines_of(&self.settings, mark);
        let raw = match std::fs::read(&path) {
            Ok(raw) => raw,
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => Vec::new(),
            Err(e) => return Err(self.io("read", &path)(e)),
        };
        let (mut rows, mut ended) = (BTreeMap::<(String, u64), Known>::new(), None);
        for line in String::from_utf8_lossy(&raw).lines() {
            match serde_json::from_str(line) {
                Ok(Line::Awaits { part, row, rule, text }) => {
                    let known = rows.entry((part, row)).or_default();
                    known.awaited = true;
                    (known.rule, known.text) = (rule, text);
                }
                Ok(Line::Said { part, row, flag, rule, text }) => {
                    let known = rows.entry((part, row)).or_default();
                    if !rule.is_empty() {
                        known.rule = rule;
                    }
                    if !text.is_empty() || flag == "accepted" {
                        known.text = text;
                    }
                    known.flag = Some(flag);
                }
                Ok(Line::Ends { answer }) => ended = Some(answer),
                Err(_) => {}
            }
        }
        Ok((rows, ended))
    }

    /// Writes the answer, if the file is read and nothing is awaited any more.
    fn answer(&self, mark: &str) -> Result<(), SourceError> {
        let Some(folder) = &self.settings.source.answer else { return Ok(()) };
        let (rows, Some(name)) = self.known_of(mark)? else { return Ok(()) };
        if rows.values().any(|known| known.awaited && known.flag.is_none()) {
            return Ok(());
        }
        let path = self.settings.folder.join(folder).join(name);
        let text = table(&rows).map_err(self.io("write", &path))?;
        os::write_whole(&path, &text).map_err(self.io("write", &path))
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

/// The answer as a table.
fn table(rows: &BTreeMap<(String, u64), Known>) -> std::io::Result<Vec<u8>> {
    let mut out = csv::WriterBuilder::new()
        .terminator(csv::Terminator::CRLF)
        .from_writer(BOM.as_bytes().to_vec());
    out.write_record(["工作表", "行", "结果", "规则", "说明"])?;
    for ((part, row), known) in rows {
        let flag = known.flag.as_deref().unwrap_or_default();
        let outcome = match flag {
            "accepted" => "已接收",
            "rejected" => "已驳回",
            "returned" => "退回来源单位",
            UNREADABLE => "无法读取",
            other => other,
        };
        let rule = if flag == "accepted" { "" } else { &known.rule };
        let number = if *row == 0 { String::new() } else { row.to_string() };
        // The name of a sheet, and words of a platform: neither is ours.
        let (part, text) = (plain(part), plain(&known.text));
        out.write_record([&*part, number.as_str(), outcome, rule, &*text])?;
    }
    out.into_inner().map_err(|e| std::io::Error::other(e.to_string()))
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
        let said = |text: &str| Known {
            awaited: true,
            flag: Some("rejected".into()),
            rule: "field.pattern".into(),
            text: text.into(),
        };
        let rows = BTreeMap::from([
            (("=cmd|'/C calc'!A0".to_owned(), 1), said("=HYPERLINK(\"http://x\")")),
            (("一".to_owned(), 2), said("@SUM(1+1)*cmd|' /C calc'!A0")),
            (("二".to_owned(), 3), said("\t-2+3+cmd")),
            (("三".to_owned(), 4), said("＝1+1")),
            (("四".to_owned(), 5), said("办结早于受理 = 错误")),
        ]);
        let text = String::from_utf8(table(&rows).unwrap()).unwrap();
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
