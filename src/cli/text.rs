//! What is said, in two languages for people and as JSON for programs.

use std::borrow::Cow;
use std::fmt::Display;
use std::io::{self, Write};

use serde::Serialize;

pub(crate) use crate::lang::Lang;

/// How a command ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    /// 0: done, nothing wrong.
    Fine = 0,
    /// 1: done, and what was looked at has problems.
    Problems = 1,
    /// 2: the command line is wrong.
    Usage = 2,
    /// 3: a file, a store or the system did not do its part.
    Environment = 3,
    /// 4: interrupted.
    Interrupted = 4,
}

/// A command that could not do its work: the exit code, and what to do, in both languages.
#[derive(Debug)]
pub(crate) struct Failure {
    /// Exit code.
    pub(crate) exit: Exit,
    /// English.
    pub(crate) en: String,
    /// Chinese.
    pub(crate) zh: String,
}

impl Failure {
    /// The command line asks for something that cannot be.
    pub(crate) fn usage(en: impl Into<String>, zh: impl Into<String>) -> Self {
        Self { exit: Exit::Usage, en: en.into(), zh: zh.into() }
    }

    /// A file, a store or the system did not do its part.
    pub(crate) fn environment(en: impl Into<String>, zh: impl Into<String>) -> Self {
        Self { exit: Exit::Environment, en: en.into(), zh: zh.into() }
    }
}

impl From<io::Error> for Failure {
    /// Only of writing the answer: who reads files says which.
    fn from(error: io::Error) -> Self {
        if error.kind() == io::ErrorKind::BrokenPipe {
            // The reader has what it wanted (`| head`): nothing is wrong.
            return Self { exit: Exit::Fine, en: String::new(), zh: String::new() };
        }
        let exit = match error.kind() {
            io::ErrorKind::Interrupted => Exit::Interrupted,
            _ => Exit::Environment,
        };
        let en = format!("the answer could not be written: {error}");
        Self { exit, en, zh: format!("无法写出结果：{error}") }
    }
}

/// What a command returns.
pub(crate) type Done = Result<Exit, Failure>;

/// Something wrong with what was looked at: the place, the rule, the next step.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Finding {
    /// File, as it was named.
    pub(crate) file: String,
    /// Line from 1, 0 for the whole file.
    pub(crate) line: u64,
    /// Column from 1, 0 if not known.
    pub(crate) column: u64,
    /// Stable code.
    pub(crate) code: String,
    /// Key, field or column.
    pub(crate) key: String,
    /// English.
    pub(crate) en: String,
    /// Chinese.
    pub(crate) zh: String,
    /// The nearest known word.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) hint: Option<String>,
}

impl Finding {
    /// One about a whole file.
    pub(crate) fn of(
        file: impl Display,
        code: &str,
        key: &str,
        en: impl Into<String>,
        zh: impl Into<String>,
    ) -> Self {
        Self {
            file: file.to_string(),
            code: code.into(),
            key: key.into(),
            en: en.into(),
            zh: zh.into(),
            ..Self::default()
        }
    }

    fn place(&self) -> String {
        match (self.line, self.column) {
            (0, _) => self.file.clone(),
            (line, 0) => format!("{}:{line}", self.file),
            (line, column) => format!("{}:{line}:{column}", self.file),
        }
    }

    /// As a line for people.
    pub(crate) fn line(&self, lang: Lang) -> String {
        let mut line = format!("{}: [{}] ", self.place(), self.code);
        if !self.key.is_empty() {
            line.push_str(&self.key);
            line.push_str(lang.of(": ", "："));
        }
        line.push_str(lang.of(&self.en, &self.zh));
        if let Some(hint) = &self.hint {
            line.push_str(
                &lang.of(format!(" (did you mean `{hint}`?)"), format!("（是否应为『{hint}』？）")),
            );
        }
        line
    }
}

impl From<exchange::config::Problem> for Finding {
    fn from(p: exchange::config::Problem) -> Self {
        Self {
            file: p.at.file.to_string(),
            line: p.at.line.into(),
            column: p.at.column.into(),
            code: p.code.into(),
            key: p.key,
            en: p.en,
            zh: p.zh,
            hint: p.hint,
        }
    }
}

/// Where answers go, and how.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Out {
    /// Language for people.
    pub(crate) lang: Lang,
    /// JSON for programs.
    pub(crate) json: bool,
}

impl Out {
    /// The text in the language of this output.
    pub(crate) fn of<T>(&self, en: T, zh: T) -> T {
        self.lang.of(en, zh)
    }

    /// One line for people; nothing for programs.
    pub(crate) fn say(&self, en: impl Display, zh: impl Display) -> io::Result<()> {
        if self.json {
            return Ok(());
        }
        match self.lang {
            Lang::En => self.text(en),
            Lang::Zh => self.text(zh),
        }
    }

    /// A line as it is.
    pub(crate) fn text(&self, text: impl Display) -> io::Result<()> {
        writeln!(io::stdout().lock(), "{}", harmless(&text.to_string()))
    }

    /// A line in the place of the one before, for progress on a terminal.
    pub(crate) fn rewrite(&self, text: &str) -> io::Result<()> {
        let mut out = io::stdout().lock();
        write!(out, "\r\x1b[K{text}")?;
        out.flush()
    }

    /// The whole answer for programs; nothing for people.
    pub(crate) fn value(&self, value: &impl Serialize) -> io::Result<()> {
        if !self.json {
            return Ok(());
        }
        let mut out = io::stdout().lock();
        serde_json::to_writer_pretty(&mut out, value).map_err(io::Error::from)?;
        writeln!(out)
    }

    /// The answer of a check: one good sentence, or everything found.
    pub(crate) fn verdict(&self, found: &[Finding], en: String, zh: String) -> Done {
        self.value(&serde_json::json!({ "ok": found.is_empty(), "problems": found }))?;
        if found.is_empty() {
            self.say(en, zh)?;
            return Ok(Exit::Fine);
        }
        if !self.json {
            for finding in found {
                self.text(finding.line(self.lang))?;
            }
            let n = found.len();
            self.say(
                format_args!("{n} problem{}", if n == 1 { "" } else { "s" }),
                format_args!("共 {n} 个问题"),
            )?;
        }
        Ok(Exit::Problems)
    }

    /// A line about something that goes on; nobody needs to be listening.
    pub(crate) fn warn(&self, text: impl Display) {
        let written = writeln!(io::stderr().lock(), "tiergate: {}", harmless(&text.to_string()));
        // Standard error may be closed; the store has the facts.
        drop(written);
    }

    /// Says why a command could not do its work.
    pub(crate) fn failure(&self, failure: &Failure) -> io::Result<()> {
        if failure.en.is_empty() {
            return Ok(());
        }
        if self.json {
            let error = serde_json::json!({
                "ok": false, "exit": failure.exit as i32, "en": failure.en, "zh": failure.zh,
            });
            return self.value(&error);
        }
        let text = self.of(&failure.en, &failure.zh);
        writeln!(io::stderr().lock(), "tiergate: {}", harmless(text))
    }
}

/// Columns for people: Chinese characters take two cells.
#[derive(Debug, Default)]
pub(crate) struct Table {
    rows: Vec<Vec<String>>,
}

impl Table {
    /// A table under a header.
    pub(crate) fn new(header: impl IntoIterator<Item = impl Into<String>>) -> Self {
        let mut table = Self::default();
        table.row(header);
        table
    }

    /// Adds a row.
    pub(crate) fn row(&mut self, cells: impl IntoIterator<Item = impl Into<String>>) {
        self.rows.push(cells.into_iter().map(Into::into).collect());
    }

    /// Whether there is more than a header.
    pub(crate) fn is_empty(&self) -> bool {
        self.rows.len() < 2
    }

    /// The lines, columns aligned, nothing trailing.
    pub(crate) fn lines(&self) -> Vec<String> {
        let columns = self.rows.iter().map(Vec::len).max().unwrap_or(0);
        let widest = |n: usize| self.rows.iter().filter_map(|r| r.get(n)).map(|c| width(c)).max();
        let widths: Vec<usize> = (0..columns).map(|n| widest(n).unwrap_or(0)).collect();
        let line = |row: &Vec<String>| {
            let mut line = String::new();
            for (cell, wide) in row.iter().zip(&widths) {
                line.push_str(cell);
                line.push_str(&" ".repeat(wide - width(cell) + 2));
            }
            line.trim_end().to_owned()
        };
        self.rows.iter().map(line).collect()
    }
}

/// Cells a text takes in a terminal.
pub(crate) fn width(text: &str) -> usize {
    let wide = |c: char| {
        matches!(c, '\u{1100}'..='\u{115f}' | '\u{2e80}'..='\u{a4cf}' | '\u{ac00}'..='\u{d7a3}'
            | '\u{f900}'..='\u{faff}' | '\u{fe30}'..='\u{fe4f}' | '\u{ff00}'..='\u{ff60}'
            | '\u{ffe0}'..='\u{ffe6}' | '\u{20000}'..='\u{3fffd}')
    };
    text.chars().map(|c| if wide(c) { 2 } else { 1 }).sum()
}

/// The text as a terminal may show it: what moves a cursor, rings, changes colours or turns the
/// direction of writing is shown as a sign. Texts come from other people's systems.
fn harmless(text: &str) -> Cow<'_, str> {
    let harmful = |c: char| {
        (c.is_control() && c != '\n' && c != '\t')
            || matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    if !text.contains(harmful) {
        return Cow::Borrowed(text);
    }
    Cow::Owned(text.chars().map(|c| if harmful(c) { '\u{fffd}' } else { c }).collect())
}

/// How long ago, in the two largest words: `3 min 5 s`, `3 分 5 秒`.
pub(crate) fn age(ms: i64, lang: Lang) -> String {
    let seconds = ms.max(0) / 1000;
    let parts = [
        (seconds / 86_400, lang.of("d", "天")),
        (seconds / 3600 % 24, lang.of("h", "时")),
        (seconds / 60 % 60, lang.of("min", "分")),
        (seconds % 60, lang.of("s", "秒")),
    ];
    let first = parts.iter().position(|(n, _)| *n > 0).unwrap_or(parts.len() - 1);
    let shown: Vec<String> = parts
        .iter()
        .skip(first)
        .take(2)
        .enumerate()
        .filter(|(at, (n, _))| *at == 0 || *n > 0)
        .map(|(_, (n, word))| format!("{n} {word}"))
        .collect();
    shown.join(" ")
}

/// A suite on the command line.
pub(crate) fn suite(text: &str) -> Result<envelope::Suite, String> {
    text.parse().map_err(|_| {
        let all: Vec<_> = envelope::Suite::ALL.iter().map(|s| s.name()).collect();
        format!("no suite of this build; there are {}", all.join(", "))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_locale_variable_that_is_set_decides() {
        let vars = |pairs: &'static [(&'static str, &'static str)]| {
            Lang::of_locale(move |name| {
                pairs.iter().find(|(n, _)| *n == name).map(|(_, v)| (*v).to_owned())
            })
        };
        assert_eq!(vars(&[("LANG", "zh_CN.UTF-8")]), Lang::Zh);
        assert_eq!(vars(&[("LC_ALL", "C"), ("LANG", "zh_CN.UTF-8")]), Lang::En);
        assert_eq!(vars(&[("LC_ALL", ""), ("LC_MESSAGES", "ZH")]), Lang::Zh);
        assert_eq!(vars(&[]), Lang::En);
    }

    #[test]
    fn a_finding_names_place_rule_and_next_step() {
        let finding = Finding {
            line: 3,
            column: 7,
            hint: Some("url".into()),
            ..Finding::of(
                "node.toml",
                "config.unknown_key",
                "store.ulr",
                "no such key",
                "没有这个键",
            )
        };
        assert_eq!(
            finding.line(Lang::En),
            "node.toml:3:7: [config.unknown_key] store.ulr: no such key (did you mean `url`?)"
        );
        assert_eq!(
            finding.line(Lang::Zh),
            "node.toml:3:7: [config.unknown_key] store.ulr：没有这个键（是否应为『url』？）"
        );
    }

    #[test]
    fn a_text_of_others_does_nothing_to_a_terminal() {
        let evil = "甲\u{1b}]0;x\u{7}\u{1b}[2J\r\u{202e}乙\u{2066}\u{9b}31m\n\t丙";
        assert_eq!(
            harmless(evil),
            "甲\u{fffd}]0;x\u{fffd}\u{fffd}[2J\u{fffd}\u{fffd}乙\u{fffd}\u{fffd}31m\n\t丙"
        );
        assert!(matches!(harmless("办件 1\n\t正常"), Cow::Borrowed(_)));
    }

    #[test]
    fn columns_align_by_cells() {
        let mut table = Table::new(["链路", "n"]);
        assert!(table.is_empty());
        table.row(["up", "3"]);
        assert_eq!(table.lines(), ["链路  n", "up    3"]);
    }

    #[test]
    fn ages_have_at_most_two_words() {
        assert_eq!(age(0, Lang::En), "0 s");
        assert_eq!(age(185_000, Lang::En), "3 min 5 s");
        assert_eq!(age(180_000, Lang::Zh), "3 分");
        assert_eq!(age(90_061_000, Lang::Zh), "1 天 1 时");
        assert_eq!(age(-5, Lang::En), "0 s");
    }
}
