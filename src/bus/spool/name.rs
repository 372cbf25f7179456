//! Names of outgoing files: a pattern with placeholders, always ASCII, within the gate's length.

use std::fmt;
use std::sync::Arc;

use canon::{Digest, Lane, NodeCode};

/// Shortest length limit a name can keep to.
pub const NAME_MIN: usize = 48;
/// Longest length limit of a name.
pub const NAME_MAX: usize = 200;

/// The placeholders a pattern may have.
const WORDS: [&str; 10] =
    ["from", "to", "hop", "lane", "kind", "epoch", "sequence", "digest", "part", "copy"];

/// Digits of the digest in a name.
const DIGEST_DIGITS: usize = 16;

/// What is wrong with a pattern.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PatternFault {
    /// A placeholder that nobody knows.
    Unknown(String),
    /// A character that a gate might not pass.
    Character(char),
    /// Without `{digest}` two parcels could have one name.
    NoDigest,
    /// The limit is not within [`NAME_MIN`] and [`NAME_MAX`].
    Length,
    /// The extension is not 1 to 10 ASCII letters and digits.
    Extension,
}

impl fmt::Display for PatternFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown(word) => {
                write!(f, "`{{{word}}}` is no placeholder; there are: {}", WORDS.join(", "))
            }
            Self::Character(c) => {
                write!(f, "`{c}` may not stand in a name; A-Z a-z 0-9 . _ - may")
            }
            Self::NoDigest => f.write_str("must have {digest}, or two parcels could share a name"),
            Self::Length => {
                write!(f, "the length limit must lie between {NAME_MIN} and {NAME_MAX}")
            }
            Self::Extension => f.write_str("an extension is 1 to 10 of A-Z a-z 0-9"),
        }
    }
}

/// What a file is named by.
#[derive(Clone, Debug)]
pub struct Named {
    /// The hop it comes from.
    pub from: NodeCode,
    /// Final destination.
    pub to: NodeCode,
    /// The hop it goes to.
    pub hop: NodeCode,
    /// Lane.
    pub lane: Lane,
    /// Kind word.
    pub kind: Arc<str>,
    /// The sender's epoch.
    pub epoch: u32,
    /// Sequence on its route.
    pub sequence: u64,
    /// Digest of the whole payload.
    pub digest: Digest,
    /// Which part, from 1.
    pub part: u32,
    /// Of how many.
    pub parts: u32,
    /// Which copy, from 1.
    pub copy: u32,
}

/// A checked name pattern with its extension and length limit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pattern {
    parts: Vec<Part>,
    extension: String,
    max: usize,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Text(String),
    Word(&'static str),
}

/// The pattern of a link that says nothing.
pub const NAME_DEFAULT: &str = "{from}_{to}_{lane}_{sequence}_{digest}";

impl Default for Pattern {
    fn default() -> Self {
        Self::new(NAME_DEFAULT, "tgp", 120).expect("the default keeps its own rules")
    }
}

impl Pattern {
    /// Checks a pattern such as `{from}_{to}_{lane}_{sequence}_{digest}`.
    pub fn new(pattern: &str, extension: &str, max: usize) -> Result<Self, PatternFault> {
        if !(NAME_MIN..=NAME_MAX).contains(&max) {
            return Err(PatternFault::Length);
        }
        let legal = (1..=10).contains(&extension.len());
        if !legal || !extension.chars().all(|c| c.is_ascii_alphanumeric()) {
            return Err(PatternFault::Extension);
        }
        let mut parts = Vec::new();
        let mut rest = pattern;
        while let Some((text, after)) = rest.split_once('{') {
            push_text(&mut parts, text)?;
            let (word, after) = after.split_once('}').ok_or(PatternFault::Character('{'))?;
            let known = WORDS.into_iter().find(|known| *known == word);
            parts.push(Part::Word(known.ok_or_else(|| PatternFault::Unknown(word.to_owned()))?));
            rest = after;
        }
        push_text(&mut parts, rest)?;
        if !parts.contains(&Part::Word("digest")) {
            return Err(PatternFault::NoDigest);
        }
        Ok(Self { parts, extension: extension.to_owned(), max })
    }

    /// The name of one file. Parts and copies that the pattern does not name are named at its end,
    /// and a name that grows too long loses its beginning, never what tells it apart.
    pub fn name(&self, named: &Named) -> String {
        let digest = digest_digits(&named.digest);
        let Named { part, parts, copy, .. } = *named;
        let mut base = String::new();
        for one in &self.parts {
            match one {
                Part::Text(text) => base.push_str(text),
                Part::Word(word) => base.push_str(&word_of(word, named, &digest)),
            }
        }
        let mut tail = String::new();
        if parts > 1 && !self.parts.contains(&Part::Word("part")) {
            tail.push_str(&format!("-p{part:04}of{parts:04}"));
        }
        if copy > 1 && !self.parts.contains(&Part::Word("copy")) {
            tail.push_str(&format!("-c{copy}"));
        }
        let mut base: String = base.chars().map(|c| if legal(c) { c } else { '-' }).collect();
        // Ends and lengths of names mean something to file systems and gates.
        if base.starts_with(['.', '-']) {
            base.insert(0, 'x');
        }
        let room = self.max.saturating_sub(tail.len() + self.extension.len() + 1);
        if base.len() > room {
            tail = format!("-{digest}-p{part}-c{copy}");
            let room = self.max.saturating_sub(tail.len() + self.extension.len() + 1);
            base.truncate(room);
        }
        format!("{base}{tail}.{}", self.extension)
    }
}

fn digest_digits(digest: &Digest) -> String {
    let digits = digest.to_string();
    let digits = digits.split_once(':').map_or(digits.as_str(), |(_, d)| d);
    digits.chars().take(DIGEST_DIGITS).collect()
}

fn word_of(word: &str, named: &Named, digest: &str) -> String {
    match word {
        "from" => named.from.to_string(),
        "to" => named.to.to_string(),
        "hop" => named.hop.to_string(),
        "lane" => named.lane.to_string(),
        "kind" => named.kind.to_string(),
        "epoch" => named.epoch.to_string(),
        "sequence" => format!("{:010}", named.sequence),
        "part" => format!("{:04}of{:04}", named.part, named.parts),
        "copy" => named.copy.to_string(),
        _ => digest.to_owned(),
    }
}

fn push_text(parts: &mut Vec<Part>, text: &str) -> Result<(), PatternFault> {
    if let Some(c) = text.chars().find(|c| !legal(*c)) {
        return Err(PatternFault::Character(c));
    }
    if !text.is_empty() {
        parts.push(Part::Text(text.to_owned()));
    }
    Ok(())
}

const fn legal(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-')
}
