//! What is wrong with a configuration: every problem in one pass, each with its place and what to do.

use std::fmt;
use std::sync::Arc;

use serde::Serialize;

/// Where a value stands: file, line and column from 1 (0: the file as a whole), or the name of the
/// environment variable that gave it.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct At {
    /// File as it was named, or `environment TIERGATE__…`.
    pub file: Arc<str>,
    /// Line, 0 for the whole.
    pub line: u32,
    /// Column in characters.
    pub column: u32,
}

impl fmt::Display for At {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.file)?;
        if self.line > 0 {
            write!(f, ":{}:{}", self.line, self.column)?;
        }
        Ok(())
    }
}

/// One thing wrong with a configuration.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Problem {
    /// Where.
    pub at: At,
    /// Stable code, such as `config.unknown_key`.
    pub code: &'static str,
    /// The key meant: `link[2].peer`.
    pub key: String,
    /// English: what is wrong and what to do.
    pub en: String,
    /// Chinese.
    pub zh: String,
    /// The nearest known word, where there is one near enough.
    pub hint: Option<String>,
}

impl fmt::Display for Problem {
    /// `file:line:column: [code] key: text (did you mean `x`?)`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: [{}] ", self.at, self.code)?;
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

/// Collects problems.
#[derive(Debug, Default)]
pub struct Problems {
    list: Vec<Problem>,
}

impl Problems {
    /// Adds one; the result takes a hint.
    pub fn push(
        &mut self,
        code: &'static str,
        at: &At,
        key: impl Into<String>,
        en: impl Into<String>,
        zh: impl Into<String>,
    ) -> &mut Problem {
        self.list.push(Problem {
            at: at.clone(),
            code,
            key: key.into(),
            en: en.into(),
            zh: zh.into(),
            hint: None,
        });
        self.list.last_mut().expect("one was just pushed")
    }

    /// Replaces the text of the last problem, keeping its place and hint.
    pub(crate) fn shorten(&mut self, en: &str, zh: &str) {
        if let Some(last) = self.list.last_mut() {
            last.en = en.to_owned();
            last.zh = zh.to_owned();
        }
    }

    /// All, by file and place, so that the list reads like the files.
    pub fn sorted(mut self) -> Vec<Problem> {
        self.list.sort();
        self.list.dedup();
        self.list
    }
}

/// The known word nearest to `word`: one edit for every three characters, at least one.
pub fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<String> {
    let allowed = (word.chars().count() / 3).max(1);
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
    fn a_problem_reads_like_a_compiler_message() {
        let mut problems = Problems::default();
        let at = At { file: "node.toml".into(), line: 3, column: 1 };
        problems.push("config.unknown_key", &at, "[store] ulr", "no such key", "没有这个键").hint =
            nearest("ulr", ["url"]);
        assert_eq!(
            problems.sorted()[0].to_string(),
            "node.toml:3:1: [config.unknown_key] [store] ulr: no such key (did you mean `url`?)"
        );
    }

    #[test]
    fn the_nearest_word_is_near() {
        assert_eq!(nearest("certifcate", ["code", "certificate"]), Some("certificate".into()));
        assert_eq!(nearest("xyz", ["code", "key"]), None);
    }
}
