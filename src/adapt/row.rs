//! A source row: one text and the spans of its values, so that a reader can reuse both.

use canon::{Digest, DigestAlg};

/// Marks a value that is NULL in the source.
const NULL: u32 = u32::MAX;

/// A row's values in column order. Readers fill one again and again.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RowBuf {
    text: String,
    spans: Vec<(u32, u32)>,
    /// Line of the file (from 1) or number of the row in the query: for messages.
    pub number: u64,
}

impl RowBuf {
    /// An empty row.
    pub fn new() -> Self {
        Self::default()
    }

    /// A row of these values.
    pub fn of<'v>(number: u64, values: impl IntoIterator<Item = Option<&'v str>>) -> Self {
        let mut row = Self { number, ..Self::default() };
        for value in values {
            row.push(value);
        }
        row
    }

    /// Forgets the values, keeps the memory.
    pub fn clear(&mut self) {
        self.text.clear();
        self.spans.clear();
    }

    /// Appends a value; none is NULL.
    pub fn push(&mut self, value: Option<&str>) {
        let start = small(self.text.len());
        match value {
            Some(value) => {
                self.text.push_str(value);
                self.spans.push((start, small(self.text.len())));
            }
            None => self.spans.push((start, NULL)),
        }
    }

    /// Appends a value piece by piece: what `write` adds to the text is the value.
    pub fn push_with(&mut self, write: impl FnOnce(&mut String)) {
        let start = small(self.text.len());
        write(&mut self.text);
        self.spans.push((start, small(self.text.len())));
    }

    /// The row to map.
    pub fn row(&self) -> Row<'_> {
        Row { text: &self.text, spans: &self.spans, number: self.number }
    }
}

/// Offsets fit: a row's text is limited far below 4 GiB by the readers.
fn small(n: usize) -> u32 {
    u32::try_from(n).unwrap_or(NULL - 1)
}

/// A borrowed row.
#[derive(Clone, Copy, Debug)]
pub struct Row<'a> {
    text: &'a str,
    spans: &'a [(u32, u32)],
    /// Line of the file or number of the row in the query.
    pub number: u64,
}

impl<'a> Row<'a> {
    /// A row within a reader's page: each value is a range (start, end) of `text`, NULL has the end
    /// [`u32::MAX`].
    pub const fn in_arena(text: &'a str, spans: &'a [(u32, u32)], number: u64) -> Self {
        Self { text, spans, number }
    }

    /// The value of a column; none where it is NULL or not there.
    pub fn get(&self, column: usize) -> Option<&'a str> {
        let (start, end) = *self.spans.get(column)?;
        self.text.get(start as usize..end as usize)
    }

    /// How many values.
    pub fn len(&self) -> usize {
        self.spans.len()
    }

    /// Whether the row has no values at all.
    pub fn is_empty(&self) -> bool {
        self.spans.is_empty()
    }

    /// Whether every value is NULL or blank, as in a spreadsheet's trailing lines.
    pub fn is_blank(&self) -> bool {
        (0..self.len()).all(|i| self.get(i).is_none_or(|v| v.chars().all(is_blank)))
    }

    /// Digest of the raw row (`rowdig`): each value with its length, NULL apart from empty.
    pub fn digest(&self, alg: DigestAlg) -> Digest {
        let mut bytes = Vec::with_capacity(self.text.len() + self.spans.len() * 4);
        for i in 0..self.len() {
            match self.get(i) {
                Some(value) => {
                    bytes.extend_from_slice(&small(value.len()).to_be_bytes());
                    bytes.extend_from_slice(value.as_bytes());
                }
                None => bytes.extend_from_slice(&NULL.to_be_bytes()),
            }
        }
        alg.of(&[&bytes])
    }
}

/// A blank of any width, also the invisible ones that spreadsheets and web forms leave behind.
pub(crate) fn is_blank(c: char) -> bool {
    c.is_whitespace() || matches!(c, '\u{200b}' | '\u{feff}' | '\u{2060}' | '\0')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn null_is_not_empty_and_no_two_rows_share_a_digest() {
        let a = RowBuf::of(1, [Some("ab"), None, Some("")]);
        let b = RowBuf::of(1, [Some("a"), Some("b"), None]);
        assert_eq!(a.row().get(0), Some("ab"));
        assert_eq!(a.row().get(1), None);
        assert_eq!(a.row().get(2), Some(""));
        assert_eq!(a.row().get(3), None);
        assert_ne!(a.row().digest(DigestAlg::Sha256), b.row().digest(DigestAlg::Sha256));
        assert!(RowBuf::of(1, [Some("\u{3000} "), None]).row().is_blank());
    }
}
