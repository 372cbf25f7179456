//! What is awaited of a file's rows and what was said of them, line by line beside the processed
//! files; every line may be there twice, and of two that differ the later holds.
//!
//! A file may have a million rows and is told of in hundreds of pages, so nothing here holds their
//! texts: whether the answer is due is a set of row numbers, kept up to date line by line
//! ([`Tally`]), and an answer is written from where the lines lie ([`Places`]).

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;

use roaring::RoaringTreemap;
use serde::{Deserialize, Serialize};

/// The outcome of a row that could not be read.
pub(super) const UNREADABLE: &str = "unreadable";
/// Bytes of a line. The folder is another system's too: what is longer was not written here.
const LINE_MAX: u64 = 64 * 1024;

/// One line.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Line {
    /// A row gave records: their outcome is to come. With what is wrong here already.
    Awaits { part: String, row: u64, rule: String, text: String },
    /// The outcome of a row.
    Said { part: String, row: u64, flag: String, rule: String, text: String },
    /// The file is read to its end; the answer's name.
    Ends { answer: String },
}

impl Line {
    /// Lines as they are appended, each between two line ends: one that a crash left half written
    /// stays alone, and none begins at the beginning of the file.
    pub(super) fn text(lines: &[Self]) -> String {
        let mut text = String::new();
        for line in lines {
            text.push('\n');
            let line = serde_json::to_string(line);
            text.push_str(&line.expect("texts and numbers always serialize"));
        }
        text.push('\n');
        text
    }
}

/// Whether the answer to a file is due.
#[derive(Debug, Default)]
pub(super) struct Tally {
    /// Rows with an outcome to come, and those with one, by sheet.
    rows: BTreeMap<String, (RoaringTreemap, RoaringTreemap)>,
    /// The answer's name, once the file is read to its end.
    pub(super) ended: Option<String>,
}

impl Tally {
    /// Counts the lines of a file; one that is not there has none.
    pub(super) fn read(path: &Path) -> io::Result<Self> {
        let mut tally = Self::default();
        each_line(path, |_, line| tally.take(&line))?;
        Ok(tally)
    }

    /// Counts a line.
    pub(super) fn take(&mut self, line: &Line) {
        let (part, row, said) = match line {
            Line::Awaits { part, row, .. } => (part, *row, false),
            Line::Said { part, row, .. } => (part, *row, true),
            Line::Ends { answer } => {
                self.ended = Some(answer.clone());
                return;
            }
        };
        if !self.rows.contains_key(part) {
            self.rows.insert(part.clone(), Default::default());
        }
        let Some((awaits, outcomes)) = self.rows.get_mut(part) else { return };
        if said {
            outcomes.insert(row)
        } else {
            awaits.insert(row)
        };
    }

    /// Whether nothing is awaited any more.
    pub(super) fn is_whole(&self) -> bool {
        self.rows.values().all(|(awaits, outcomes)| awaits.is_subset(outcomes))
    }
}

/// What is known of a row.
#[derive(Debug, Default)]
pub(super) struct Known {
    /// The outcome, if there is one.
    pub(super) flag: Option<String>,
    /// The rule it broke.
    pub(super) rule: String,
    /// What is wrong, in words.
    pub(super) text: String,
}

/// Where the last line of each row lies: that it is awaited, and its outcome. 0 is none.
#[derive(Debug, Default)]
struct Part {
    rows: RoaringTreemap,
    places: Vec<(u64, u64)>,
}

impl Part {
    fn place(&mut self, row: u64) -> Option<&mut (u64, u64)> {
        // Rows come in order but for outcomes, which are of rows that are there.
        if self.rows.max().is_none_or(|max| max < row) {
            self.rows.insert(row);
            self.places.push((0, 0));
        }
        if !self.rows.contains(row) {
            let at = self.rows.rank(row);
            self.rows.insert(row);
            self.places.insert(usize::try_from(at).ok()?, (0, 0));
        }
        let at = usize::try_from(self.rows.rank(row)).ok()?.checked_sub(1)?;
        self.places.get_mut(at)
    }
}

/// Where the lines of a file's rows lie: sixteen bytes a row.
#[derive(Debug)]
pub(super) struct Places {
    parts: BTreeMap<String, Part>,
    awaits: LineAt,
    outcomes: LineAt,
}

impl Places {
    /// Looks where they lie.
    pub(super) fn read(path: &Path) -> io::Result<Self> {
        let mut parts = BTreeMap::<String, Part>::new();
        each_line(path, |at, line| {
            let (part, row, said) = match line {
                Line::Awaits { part, row, .. } => (part, row, false),
                Line::Said { part, row, .. } => (part, row, true),
                Line::Ends { .. } => return,
            };
            match parts.entry(part).or_default().place(row) {
                Some((_, outcome)) if said => *outcome = at,
                Some((awaits, _)) => *awaits = at,
                None => {}
            }
        })?;
        Ok(Self { parts, awaits: LineAt::open(path)?, outcomes: LineAt::open(path)? })
    }

    /// Gives each row in order, sheet by sheet.
    pub(super) fn each(
        mut self,
        mut tell: impl FnMut(&str, u64, Known) -> io::Result<()>,
    ) -> io::Result<()> {
        for (part, Part { rows, places }) in &self.parts {
            for (row, (awaits, outcome)) in rows.iter().zip(places) {
                let mut known = Known::default();
                if let Some(Line::Awaits { rule, text, .. }) = self.awaits.line(*awaits)? {
                    (known.rule, known.text) = (rule, text);
                }
                if let Some(Line::Said { flag, rule, text, .. }) = self.outcomes.line(*outcome)? {
                    if !rule.is_empty() {
                        known.rule = rule;
                    }
                    if !text.is_empty() || flag == "accepted" {
                        known.text = text;
                    }
                    known.flag = Some(flag);
                }
                tell(part, row, known)?;
            }
        }
        Ok(())
    }
}

/// Reads lines by their places; those that follow each other cost no seek.
#[derive(Debug)]
struct LineAt {
    file: BufReader<File>,
    at: u64,
    raw: Vec<u8>,
}

impl LineAt {
    fn open(path: &Path) -> io::Result<Self> {
        Ok(Self { file: BufReader::new(File::open(path)?), at: 0, raw: Vec::new() })
    }

    fn line(&mut self, place: u64) -> io::Result<Option<Line>> {
        if place == 0 {
            return Ok(None);
        }
        self.file.seek_relative(place.wrapping_sub(self.at).cast_signed())?;
        self.raw.clear();
        let read = (&mut self.file).take(LINE_MAX).read_until(b'\n', &mut self.raw)?;
        self.at = place + read as u64;
        Ok(serde_json::from_slice(&self.raw).ok())
    }
}

/// Gives each line that is one, with its place in the file.
fn each_line(path: &Path, mut take: impl FnMut(u64, Line)) -> io::Result<()> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(e) => return Err(e),
    };
    let (mut file, mut at, mut raw) = (BufReader::new(file), 0, Vec::new());
    loop {
        raw.clear();
        let read = (&mut file).take(LINE_MAX).read_until(b'\n', &mut raw)?;
        if read == 0 {
            return Ok(());
        }
        if let Ok(line) = serde_json::from_slice(&raw) {
            take(at, line);
        }
        at += read as u64;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn awaits(part: &str, row: u64) -> Line {
        Line::Awaits { part: part.into(), row, rule: "field.code".into(), text: "码".into() }
    }

    fn said(part: &str, row: u64, flag: &str, text: &str) -> Line {
        let (part, flag, text) = (part.into(), flag.into(), text.into());
        Line::Said { part, row, flag, rule: String::new(), text }
    }

    fn rows(path: &Path) -> Vec<String> {
        let mut rows = Vec::new();
        let tell = |part: &str, row: u64, known: Known| {
            let flag = known.flag.unwrap_or_default();
            rows.push(format!("{part} {row} {flag} {} {}", known.rule, known.text));
            Ok(())
        };
        Places::read(path).unwrap().each(tell).unwrap();
        rows
    }

    #[test]
    fn rows_come_in_order_whatever_order_they_were_told_in() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("lines");
        let mut lines = Vec::new();
        for row in [3, 4, 9, 2, 70_000, 5] {
            lines.push(awaits("乙", row));
        }
        lines.push(awaits("甲", 2));
        for row in [70_000, 2, 9, 4, 3] {
            lines.push(said("乙", row, "accepted", ""));
        }
        lines.push(said("甲", 2, "rejected", "区划不存在"));
        lines.push(said("乙", 9, "rejected", ""));
        std::fs::write(&path, Line::text(&lines)).unwrap();
        let told = Tally::read(&path).unwrap();
        assert!(!told.is_whole(), "row 5 is awaited");
        let want = [
            "乙 2 accepted field.code ",
            "乙 3 accepted field.code ",
            "乙 4 accepted field.code ",
            "乙 5  field.code 码",
            "乙 9 rejected field.code 码",
            "乙 70000 accepted field.code ",
            "甲 2 rejected field.code 区划不存在",
        ];
        assert_eq!(rows(&path), want);
    }

    #[test]
    fn a_half_line_and_a_foreign_one_are_passed_over() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("lines");
        let mut text = Line::text(&[awaits("", 1)]);
        text.push_str("\n{\"said\":{\"part\":\"\",\"row\":1,\"fl");
        text.push_str(&Line::text(&[said("", 1, "accepted", "")]));
        text.push_str(&"长".repeat(100_000));
        text.push_str(&Line::text(&[Line::Ends { answer: "a.csv".into() }]));
        std::fs::write(&path, text).unwrap();
        let told = Tally::read(&path).unwrap();
        assert!(told.is_whole());
        assert_eq!(told.ended.as_deref(), Some("a.csv"));
        assert_eq!(rows(&path), [" 1 accepted field.code "]);
    }

    #[test]
    fn counting_line_by_line_is_counting_all() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("lines");
        assert!(Tally::read(&path).unwrap().is_whole(), "nothing there, nothing awaited");
        let mut told = Tally::default();
        let mut text = String::new();
        for line in [awaits("", 2), awaits("", 3), said("", 3, "accepted", ""), awaits("", 2)] {
            told.take(&line);
            text.push_str(&Line::text(&[line]));
            std::fs::write(&path, &text).unwrap();
            assert_eq!(told.is_whole(), Tally::read(&path).unwrap().is_whole());
            assert!(!told.is_whole());
        }
        told.take(&said("", 2, "returned", "码"));
        assert!(told.is_whole());
    }
}
