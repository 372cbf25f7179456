//! The rows of a page, out of the database and into the arena.
//!
//! Over SQLite a value at a time is what makes reading slow (an allocation and two thread hand-overs
//! each), so a page is asked for as one JSON text and taken apart here. Where bytes are no text, or
//! the page is too big for one value, it is asked for again row by row, as from any other database.

use std::borrow::Cow;
use std::fmt;

use encoding_rs::GB18030;
use serde::de::{DeserializeSeed, Deserializer, Error as _, SeqAccess, Visitor};

use super::cursor::At;
use super::statement::{self, From};
use super::{Query, Settings, failure};
use crate::db::{Connection, DbError, Rows, Stored, Trouble};
use crate::error::SourceError;
use crate::page::{BrokenRow, NULL, Page, Span, join_key};

/// Most values of a row that one JSON array takes.
const ARRAY_MAX: usize = 120;
/// Rows of a page that is too big for one value.
const BIG_ROWS: usize = 100;

/// What a page brought, before the cursor is moved.
pub(super) struct Fetched {
    /// There may be more after it.
    pub(super) full: bool,
    /// The last row's key and time.
    pub(super) last: Option<At>,
}

/// Fetches the page that begins there.
pub(super) async fn fetch(
    settings: &Settings,
    connection: &mut Connection,
    query: &Query,
    from: &From,
    limit: usize,
    page: &mut Page,
) -> Result<Fetched, SourceError> {
    let d = connection.dialect();
    let timed = query.detect.order().is_some();
    let failed = |e: DbError| failure::statement(settings, &query.name, e);
    let mut taker = Taker { settings, query, timed, page, rows: 0, last: None };
    let mut limit = limit;
    if statement::as_json(d, query, ARRAY_MAX) {
        let asked = statement::page_as_json(d, query, from, limit);
        match connection.rows(asked, usize::MAX).await {
            Ok(text) => {
                let text = text.cell(0, 0).and_then(|t| std::str::from_utf8(t).ok());
                match text.map(|text| taker.all(text)) {
                    Some(Ok(())) => return Ok(taker.fetched(limit, false)),
                    Some(Err(_)) => taker.forget(),
                    // No UTF-8: which row, and which column, is found one by one.
                    None => {}
                }
            }
            Err(e) if e.trouble == Trouble::TooBig => limit = limit.min(BIG_ROWS),
            Err(e) => return Err(failed(e)),
        }
    }
    let asked = statement::page(d, query, from, limit);
    let rows = connection.rows(asked, settings.fetch_bytes_max).await.map_err(failed)?;
    for row in 0..rows.len() {
        taker.one(&rows, row);
    }
    Ok(taker.fetched(limit, rows.cut))
}

/// A value as text; none if its bytes are none.
fn decoded(stored: Stored, bytes: &[u8]) -> Option<Cow<'_, str>> {
    match stored {
        Stored::Declared => std::str::from_utf8(bytes).ok().map(Cow::Borrowed),
        Stored::Gb18030 => GB18030.decode_without_bom_handling_and_without_replacement(bytes),
    }
}

/// Puts rows into a page.
struct Taker<'a> {
    settings: &'a Settings,
    query: &'a Query,
    timed: bool,
    page: &'a mut Page,
    rows: usize,
    last: Option<At>,
}

impl Taker<'_> {
    fn fetched(self, limit: usize, cut: bool) -> Fetched {
        Fetched { full: cut || self.rows >= limit, last: self.last }
    }

    /// Takes back what a text that could not be taken apart has left.
    fn forget(&mut self) {
        let (place, columns) = (self.page.place.clone(), self.page.columns.clone());
        let table = self.page.table;
        *self.page = Page::empty(place, columns, String::new());
        self.page.table = table;
        (self.rows, self.last) = (0, None);
    }

    /// A page as JSON: an array of arrays of texts and nulls.
    fn all(&mut self, json: &str) -> Result<(), serde_json::Error> {
        self.page.text.reserve(json.len());
        let mut reader = serde_json::Deserializer::from_str(json);
        reader.deserialize_seq(AllRows(self))?;
        reader.end()
    }

    /// A row as the driver gives it.
    fn one(&mut self, rows: &Rows, row: usize) {
        let mark = self.mark();
        let mut spans = Vec::with_capacity(rows.width());
        let mut bad = None;
        for at in 0..rows.width() {
            let value = rows.cell(row, at).map(|bytes| decoded(self.settings.stored, bytes));
            match value {
                None => spans.push(NULL),
                Some(Some(text)) => spans.push(self.page.put(&text)),
                Some(None) => {
                    spans.push(NULL);
                    bad = bad.or(Some(at));
                }
            }
        }
        let first = self.query.key.len() + usize::from(self.timed);
        let column = bad.and_then(|at| self.query.columns.get(at.checked_sub(first)?));
        self.add(&spans, mark, column.map(String::as_str));
    }

    const fn mark(&self) -> usize {
        self.page.text.len()
    }

    /// Adds a row whose values stand in the arena from `mark` on; `bad` is a column that is no text.
    fn add(&mut self, spans: &[Span], mark: usize, bad: Option<&str>) {
        self.rows += 1;
        let keys = self.query.key.len();
        let (head, cells) = spans.split_at(keys + usize::from(self.timed));
        let key: Option<Vec<&str>> = head.iter().take(keys).map(|s| self.page.span(*s)).collect();
        let Some(key) = key else {
            self.page.without_key();
            self.page.text.truncate(mark);
            return;
        };
        let mut joined = String::new();
        join_key(&key, &mut joined);
        let time = head.get(keys).copied();
        let at = time.and_then(|t| self.page.span(t)).unwrap_or_default();
        let key = key.iter().map(|k| (*k).to_owned()).collect();
        self.last = Some(At { time: at.to_owned(), key, high: None });
        let max = self.settings.row_bytes_max;
        let too_long = self.page.text.len() - mark > max;
        if let Some(name) = bad {
            let zh = format!("列 {name} 含有无法识别的字节");
            let en = format!("column {name} has bytes that are no text");
            self.broken(&joined, "source.encoding", &zh, &en);
        } else if too_long {
            let (zh, en) = (format!("长度超过 {max} 字节"), format!("longer than {max} bytes"));
            self.broken(&joined, "source.row_too_long", &zh, &en);
        }
        if bad.is_some() || too_long {
            self.page.text.truncate(mark);
            return;
        }
        self.page.cells.extend_from_slice(cells);
        let key = self.page.put(&joined);
        self.page.keys.push(key);
        self.page.order.extend(time);
        self.page.rows += 1;
    }

    fn broken(&mut self, key: &str, code: &'static str, zh: &str, en: &str) {
        let reference = format!("{}:{key}", self.page.place);
        let (zh, en) = (zh.to_owned(), en.to_owned());
        self.page.broken.push(BrokenRow { reference, line: None, code, zh, en });
    }
}

/// The array of rows.
struct AllRows<'a, 'p>(&'a mut Taker<'p>);

impl<'de> Visitor<'de> for AllRows<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array of rows")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut rows: A) -> Result<(), A::Error> {
        let mut spans = Vec::new();
        while rows.next_element_seed(OneRow { taker: self.0, spans: &mut spans })?.is_some() {}
        Ok(())
    }
}

/// One row: an array of values.
struct OneRow<'a, 'p> {
    taker: &'a mut Taker<'p>,
    spans: &'a mut Vec<Span>,
}

impl<'de> DeserializeSeed<'de> for OneRow<'_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, row: D) -> Result<(), D::Error> {
        row.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for OneRow<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array of values")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut values: A) -> Result<(), A::Error> {
        let Self { taker, spans } = self;
        let mark = taker.mark();
        spans.clear();
        while let Some(span) = values.next_element_seed(OneValue(taker.page))? {
            spans.push(span);
        }
        if spans.len() != statement::width(taker.query) {
            return Err(A::Error::invalid_length(spans.len(), &"a value for each column"));
        }
        taker.add(spans, mark, None);
        Ok(())
    }
}

/// One value, put into the arena: a text or null.
struct OneValue<'a>(&'a mut Page);

impl<'de> DeserializeSeed<'de> for OneValue<'_> {
    type Value = Span;

    fn deserialize<D: Deserializer<'de>>(self, value: D) -> Result<Span, D::Error> {
        value.deserialize_any(self)
    }
}

impl Visitor<'_> for OneValue<'_> {
    type Value = Span;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a text or null")
    }

    fn visit_str<E>(self, text: &str) -> Result<Span, E> {
        Ok(self.0.put(text))
    }

    fn visit_unit<E>(self) -> Result<Span, E> {
        Ok(NULL)
    }
}
