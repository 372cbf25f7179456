//! What is wrong with a package: every problem in one pass, each with its place and a hint.

use std::fmt;

/// A place in a text file, both counted from 1; 0 where the whole file is meant.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Pos {
    /// Line.
    pub line: u32,
    /// Column, in characters.
    pub column: u32,
}

/// One thing wrong with an adapter package, or between a package and a format or a header.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Problem {
    /// File within the package, such as `adapter.toml` or `tables/doc_type.csv`.
    pub file: String,
    /// Where in it.
    pub pos: Pos,
    /// Stable code, such as `adapter.unknown_verb`.
    pub code: &'static str,
    /// What is meant: `record[2].fields.accepted_at`.
    pub key: String,
    /// Text for people, English: what is wrong and what to do.
    pub en: String,
    /// Text for people, Chinese.
    pub zh: String,
    /// The nearest known word, where there is one near enough.
    pub hint: Option<String>,
}

impl fmt::Display for Problem {
    /// `file:line:column: [code] key: text (did you mean `x`?)`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.file)?;
        if self.pos.line > 0 {
            write!(f, ":{}:{}", self.pos.line, self.pos.column)?;
        }
        write!(f, ": [{}] ", self.code)?;
        if !self.key.is_empty() {
            write!(f, "{}: ", self.key)?;
        }
        f.write_str(&self.en)?;
        match &self.hint {
            Some(hint) => write!(f, " (did you mean `{hint}`?)"),
            None => Ok(()),
        }
    }
}

/// Collects problems of one file.
#[derive(Debug)]
pub(crate) struct Problems {
    file: String,
    pub(crate) list: Vec<Problem>,
}

impl Problems {
    pub(crate) fn of(file: &str) -> Self {
        Self { file: file.into(), list: Vec::new() }
    }

    pub(crate) fn push(
        &mut self,
        code: &'static str,
        pos: Pos,
        key: impl Into<String>,
        en: impl Into<String>,
        zh: impl Into<String>,
    ) -> &mut Problem {
        self.list.push(Problem {
            file: self.file.clone(),
            pos,
            code,
            key: key.into(),
            en: en.into(),
            zh: zh.into(),
            hint: None,
        });
        self.list.last_mut().expect("one was just pushed")
    }

    /// Sorted by place, so that a list reads like the file.
    pub(crate) fn sorted(mut self) -> Vec<Problem> {
        self.list.sort();
        self.list.dedup();
        self.list
    }
}

/// The known word nearest to `word`: one edit for every three characters, at least one.
pub fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<String> {
    let length = word.chars().count();
    let allowed = (length / 3).max(1);
    known
        .into_iter()
        .map(|k| (strsim::osa_distance(word, k), k))
        .filter(|(distance, k)| *distance <= allowed && *distance < k.chars().count())
        .min()
        .map(|(_, k)| k.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_word_is_near() {
        assert_eq!(nearest("datetiem", ["date", "datetime"]), Some("datetime".into()));
        assert_eq!(nearest("身份证", ["身份证号", "姓名"]), Some("身份证号".into()));
        assert_eq!(nearest("xyz", ["trim", "date"]), None);
        assert_eq!(nearest("a", ["b"]), None);
    }

    #[test]
    fn a_problem_reads_like_a_compiler_message() {
        let mut problems = Problems::of("adapter.toml");
        problems
            .push("adapter.unknown_key", Pos { line: 3, column: 1 }, "source.enc", "no key", "")
            .hint = Some("encoding".into());
        assert_eq!(
            problems.list[0].to_string(),
            "adapter.toml:3:1: [adapter.unknown_key] source.enc: no key (did you mean `encoding`?)"
        );
    }
}
