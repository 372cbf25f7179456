//! A page of source rows: one text arena with ranges, so that a row costs no allocation.

use std::fmt::Write as _;
use std::sync::Arc;

use adapt::{Row, RowFault};
use canon::{Digest, DigestAlg};

/// A value's place in the arena: first byte, and the byte after the last.
pub(crate) type Span = (u32, u32);

/// The value of a database NULL.
pub(crate) const NULL: Span = (u32::MAX, u32::MAX);

/// Rows of one table (or one file) after a cursor.
#[derive(Debug)]
pub struct Page {
    /// Index of the table among the source's tables; 0 for files.
    pub table: u16,
    /// What people call the place: the file's name or the table's.
    pub place: Arc<str>,
    /// Names of the cells, in order.
    pub columns: Arc<[Arc<str>]>,
    /// Rows that could not be read as rows at all.
    pub broken: Vec<BrokenRow>,
    /// Where the next read begins, once this page is durably committed. Commit it also with no rows.
    pub cursor: String,
    /// Another read would give more at once.
    pub more: bool,
    /// For tables read in full passes (`compare`): which pass, and whether this page ends it.
    pub pass: Option<Pass>,
    /// For tables read by modified times: which of the rows are dated ahead of the clock.
    pub ahead: Option<Ahead>,
    pub(crate) text: String,
    pub(crate) cells: Vec<Span>,
    pub(crate) keys: Vec<Span>,
    /// Modified times, for the cursor.
    #[cfg(feature = "sql")]
    pub(crate) order: Vec<Span>,
    pub(crate) lines: Vec<u64>,
    pub(crate) rows: usize,
}

/// A full pass over a table, from which vanished rows can be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pass {
    /// Counts the passes over this table, from 1.
    pub number: u64,
    /// This page ends the pass: a row not seen since it began is gone.
    pub complete: bool,
}

/// Rows that are dated ahead of the clock. They are collected, but their time is no mark to go on from:
/// they are read again and again until it comes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ahead {
    /// Rows of the page.
    pub rows: u64,
    /// The earliest of their times.
    pub first: Option<String>,
    /// This page ends the pass over its table.
    pub ended: bool,
}

impl Ahead {
    pub(crate) fn note(&mut self, time: &str) {
        self.rows += 1;
        if self.first.as_deref().is_none_or(|first| time < first) {
            self.first = Some(time.to_owned());
        }
    }
}

/// A row (or a whole file) that could not be read. Holds no row content.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BrokenRow {
    /// File and line, or table and row key: `window-20261121.csv:17`.
    pub reference: String,
    /// Line in the file, if it is one line.
    pub line: Option<u64>,
    /// Stable code, `source.*`.
    pub code: &'static str,
    /// Text for people, Chinese.
    pub zh: String,
    /// Text for people, English.
    pub en: String,
}

impl Page {
    /// A page without rows.
    pub(crate) fn empty(place: Arc<str>, columns: Arc<[Arc<str>]>, cursor: String) -> Self {
        Self {
            table: 0,
            place,
            columns,
            broken: Vec::new(),
            cursor,
            more: false,
            pass: None,
            ahead: None,
            text: String::new(),
            cells: Vec::new(),
            keys: Vec::new(),
            #[cfg(feature = "sql")]
            order: Vec::new(),
            lines: Vec::new(),
            rows: 0,
        }
    }

    /// One row that was read before: its cells by column, and what it was looked up by.
    pub fn of_row(
        table: u16,
        reference: &str,
        columns: Arc<[Arc<str>]>,
        cells: &[Option<String>],
    ) -> Self {
        let (place, at) = reference.split_once(':').unwrap_or((reference, ""));
        let mut page = Self::empty(place.into(), columns, String::new());
        page.table = table;
        for cell in cells {
            let span = cell.as_deref().map_or((u32::MAX, u32::MAX), |text| page.put(text));
            page.cells.push(span);
        }
        match at.parse() {
            Ok(line) => page.lines.push(line),
            Err(_) => {
                let key = page.put(at);
                page.keys.push(key);
            }
        }
        page.rows = 1;
        page
    }

    /// What is said of a row that a reader could not use.
    pub(crate) fn broken_row(&self, line: u64, fault: RowFault) -> BrokenRow {
        BrokenRow {
            reference: format!("{}:{line}", self.place),
            line: Some(line),
            code: fault.code(),
            zh: format!("第 {line} 行：{}", fault.zh()),
            en: format!("line {line}: {}", fault.en()),
        }
    }

    /// Sets a row without a key aside.
    #[cfg(any(feature = "sql", feature = "http", feature = "exec"))]
    pub(crate) fn without_key(&mut self) {
        self.broken.push(BrokenRow {
            reference: format!("{}:?", self.place),
            line: None,
            code: "source.key_missing",
            zh: "行没有主键".into(),
            en: "the row has no key".into(),
        });
    }

    /// How many rows.
    pub const fn len(&self) -> usize {
        self.rows
    }

    /// No rows (there may still be a new cursor, broken rows or the end of a pass).
    pub const fn is_empty(&self) -> bool {
        self.rows == 0
    }

    /// Puts a value into the arena.
    pub(crate) fn put(&mut self, value: &str) -> Span {
        let start = self.text.len() as u32;
        self.text.push_str(value);
        (start, self.text.len() as u32)
    }

    /// Bytes of text held.
    pub const fn text_bytes(&self) -> usize {
        self.text.len()
    }

    /// The rows, in order.
    pub fn rows(&self) -> impl ExactSizeIterator<Item = SourceRow<'_>> {
        (0..self.rows).map(|index| SourceRow { page: self, index })
    }

    /// One row.
    pub fn row(&self, index: usize) -> Option<SourceRow<'_>> {
        (index < self.rows).then_some(SourceRow { page: self, index })
    }

    pub(crate) fn span(&self, span: Span) -> Option<&str> {
        self.text.get(span.0 as usize..span.1 as usize)
    }
}

/// A borrowed row.
#[derive(Clone, Copy, Debug)]
pub struct SourceRow<'p> {
    page: &'p Page,
    index: usize,
}

impl<'p> SourceRow<'p> {
    fn spans(&self) -> &'p [Span] {
        let width = self.page.columns.len();
        self.page.cells.get(self.index * width..(self.index + 1) * width).unwrap_or(&[])
    }

    /// Index within the page.
    pub const fn index(&self) -> usize {
        self.index
    }

    /// One cell; none is a database NULL (or a column that is not there).
    pub fn cell(&self, column: usize) -> Option<&'p str> {
        self.page.span(*self.spans().get(column)?)
    }

    /// All cells, in the page's column order.
    pub fn cells(&self) -> impl ExactSizeIterator<Item = Option<&'p str>> {
        let page = self.page;
        self.spans().iter().map(move |s| page.span(*s))
    }

    /// Line in the file, the header being line 1.
    pub fn line(&self) -> Option<u64> {
        self.page.lines.get(self.index).copied()
    }

    /// Key of the row in its table, for write-back and `compare`; none for files that are not
    /// answered. Key
    /// columns are joined by `/`, with `/` and `%` inside them escaped.
    pub fn row_key(&self) -> Option<&'p str> {
        self.page.span(*self.page.keys.get(self.index)?)
    }

    /// What people look the row up by: file and line, or table and row key.
    pub fn reference(&self) -> String {
        let mut out = String::from(&*self.page.place);
        out.push(':');
        match (self.line(), self.row_key()) {
            (Some(line), _) => write!(out, "{line}").expect("writing to a string cannot fail"),
            (None, key) => out.push_str(key.unwrap_or("?")),
        }
        out
    }

    /// The row as a mapping takes it; nothing is copied.
    pub fn row(&self) -> Row<'p> {
        let number = self.line().unwrap_or(self.index as u64 + 1);
        Row::in_arena(&self.page.text, self.spans(), number)
    }

    /// Digest of the raw row (`rowdig`), NULL told from empty.
    pub fn digest(&self, alg: DigestAlg) -> Digest {
        self.row().digest(alg)
    }
}

/// Joins key parts so that they can be told apart again.
pub(crate) fn join_key(parts: &[&str], out: &mut String) {
    for (i, part) in parts.iter().enumerate() {
        if i > 0 {
            out.push('/');
        }
        for c in part.chars() {
            match c {
                '%' => out.push_str("%25"),
                '/' => out.push_str("%2F"),
                c => out.push(c),
            }
        }
    }
}

/// The parts of a joined key; none if their number is not `columns`.
pub(crate) fn split_key(key: &str, columns: usize) -> Option<Vec<String>> {
    let parts: Vec<String> =
        key.split('/').map(|p| p.replace("%2F", "/").replace("%25", "%")).collect();
    (parts.len() == columns).then_some(parts)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(rows: &[[Option<&str>; 2]]) -> Page {
        let columns: Arc<[Arc<str>]> = Arc::from(["a".into(), "b".into()]);
        let mut page = Page::empty("t".into(), columns, "{}".into());
        for row in rows {
            for cell in row {
                let span = cell.map_or(NULL, |c| page.put(c));
                page.cells.push(span);
            }
            page.rows += 1;
        }
        page
    }

    #[test]
    fn null_is_not_empty_and_cells_do_not_run_together() {
        let page = page(&[
            [Some("ab"), Some("")],
            [Some("a"), Some("b")],
            [Some("ab"), None],
            [Some("ab"), Some("")],
        ]);
        let digests: Vec<_> = page.rows().map(|r| r.digest(DigestAlg::Sha256)).collect();
        assert_eq!(digests[0], digests[3]);
        assert_ne!(digests[0], digests[1]);
        assert_ne!(digests[0], digests[2]);
        let row = page.row(2).unwrap().row();
        assert_eq!((row.get(0), row.get(1), row.len()), (Some("ab"), None, 2));
        assert!(page.row(4).is_none());
    }

    #[test]
    fn a_row_that_was_read_before_is_the_same_row() {
        let columns: Arc<[Arc<str>]> = Arc::from(["a".into(), "b".into()]);
        let cells = [Some("x".to_owned()), None];
        let before = page(&[[Some("x"), None]]);
        let again = Page::of_row(2, "day.csv:17", Arc::clone(&columns), &cells);
        let digest = |page: &Page| page.row(0).unwrap().digest(DigestAlg::Sha256);
        assert_eq!((again.len(), again.table, digest(&again)), (1, 2, digest(&before)));
        let row = again.row(0).unwrap();
        assert_eq!(
            (row.reference().as_str(), row.line(), row.row_key()),
            ("day.csv:17", Some(17), None)
        );
        let again = Page::of_row(0, "cases:K/1", columns, &cells);
        let row = again.row(0).unwrap();
        assert_eq!((row.reference().as_str(), row.row_key()), ("cases:K/1", Some("K/1")));
    }

    #[test]
    fn a_key_of_several_columns_comes_apart_again() {
        let mut key = String::new();
        join_key(&["a/b%", "", "c"], &mut key);
        assert_eq!(split_key(&key, 3).unwrap(), ["a/b%", "", "c"]);
        assert_eq!(split_key(&key, 2), None);
        key.clear();
        join_key(&["a/b"], &mut key);
        assert_eq!((key.as_str(), split_key(&key, 1).unwrap()), ("a%2Fb", vec!["a/b".to_owned()]));
    }
}
