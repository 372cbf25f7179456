//! What a new package begins with: a file as it was looked at, and the lines of its `[source]`.

use std::fmt::Write as _;
use std::io::Cursor;
use std::ops::ControlFlow;

use crate::form::{self, FileDyn, FormError, FormLimits, Item, Looked, Reading, Scratch};
use crate::row::RowBuf;
use crate::scaffold::quoted;
use crate::source::{Detect, FileSource, Form, Query, Vanished};
use crate::text::{Encoding, Next, Quote, RowReader, TextSettings};
use crate::tree::Text;

/// A file as it was looked at.
#[derive(Debug)]
pub struct Begin {
    /// The file's name.
    pub file: String,
    /// How it is read.
    pub form: Form,
    /// Further sheets that it has.
    pub sheets: Vec<String>,
    /// Column names.
    pub header: Vec<String>,
    /// The first rows.
    pub rows: Vec<RowBuf>,
}

/// What a file is at a first look.
#[derive(Debug)]
pub enum Seen {
    /// A file of a form of its own.
    Form(Begin),
    /// Plain text: see [`Begin::of_text`].
    Text,
    /// It has no such sheet; these it has.
    NoSheet(Vec<String>),
}

impl Begin {
    /// Looks at a file of any form but plain text: its form, its columns, its first rows.
    ///
    /// # Errors
    /// The file is of a known form and cannot be read.
    pub fn of_file(
        opened: &mut dyn FileDyn,
        memo: Option<&mut dyn FileDyn>,
        file: &str,
        sheet: Option<&str>,
        rows_max: usize,
    ) -> Result<Seen, FormError> {
        let limits = FormLimits::default();
        let mut scratch = || Ok(Box::new(Cursor::new(Vec::new())) as Box<dyn Scratch>);
        let found = form::look(opened, file, &limits, &mut scratch)?;
        let Some(found) = found else { return Ok(Seen::Text) };
        let sheets: Vec<String> = found.iter().filter_map(|l| l.part.clone()).collect();
        let chosen = match sheet {
            None => found.into_iter().next(),
            Some(sheet) => found.into_iter().find(|l| l.part.as_deref().is_none_or(|p| p == sheet)),
        };
        let Some(Looked { form, part, header }) = chosen else { return Ok(Seen::NoSheet(sheets)) };
        let sheets = sheets.into_iter().filter(|s| part.as_ref() != Some(s)).collect();
        let source = FileSource::of(form, vec![whole_row(&header)]);
        let mut rows: Vec<RowBuf> = Vec::new();
        let mut scratch = || Ok(Box::new(Cursor::new(Vec::new())) as Box<dyn Scratch>);
        let (scratch, limits) = (&mut scratch, &limits);
        let memo = memo.map(|m| m as &mut dyn FileDyn);
        let reading = Reading { source: &source, limits, scratch, memo };
        form::read(opened, reading, &mut |item| {
            if let Item::Row(row) = item {
                rows.push(row.clone());
            }
            if rows.len() < rows_max { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        })?;
        Ok(Seen::Form(Self { file: file.into(), form: source.form, sheets, header, rows }))
    }

    /// Looks at the head of a text: its encoding, its delimiter, its columns, its first rows. None has
    /// no header of several columns.
    pub fn of_text(bytes: &[u8], file: &str, rows_max: usize) -> Option<Self> {
        let encoding = match std::str::from_utf8(bytes) {
            Ok(_) => Encoding::Utf8,
            // The head of a long file may end within a character.
            Err(e) if e.error_len().is_none() => Encoding::Utf8,
            Err(_) => Encoding::Gb18030,
        };
        let first = bytes.split(|b| *b == b'\n').next().unwrap_or_default();
        let count = |d: &char| first.iter().filter(|b| **b == *d as u8).count();
        let delimiter = [',', '\t', ';', '|'].into_iter().rev().max_by_key(count).unwrap_or(',');
        let text = TextSettings { encoding, delimiter, quote: Quote::Lenient };
        let mut reader = RowReader::new(text);
        reader.feed(bytes, true);
        let mut header = Vec::new();
        let mut rows: Vec<RowBuf> = Vec::new();
        let mut row = RowBuf::new();
        while rows.len() < rows_max {
            match reader.next_row(&mut row) {
                Next::End | Next::More => break,
                Next::Row if header.is_empty() => {
                    let view = row.row();
                    header = (0..view.len()).filter_map(|n| view.get(n)).map(clean).collect();
                    reader.expect_columns(header.len());
                }
                Next::Row => rows.push(row.clone()),
                Next::Fault(_) => {}
            }
        }
        let (file, form, sheets) = (file.to_owned(), Form::Csv(text), Vec::new());
        (header.len() > 1).then_some(Self { file, form, sheets, header, rows })
    }

    /// The form as people call it: its encoding, or its kind.
    pub const fn form_word(&self) -> &'static str {
        match &self.form {
            Form::Csv(text) => encoding_word(text.encoding),
            Form::Workbook(_) => "xlsx",
            Form::Dbf(_) => "dbf",
            Form::Xml(_) | Form::Soap(_) => "xml",
            Form::Json(_) => "json",
            Form::Singer(_) => "singer",
        }
    }

    /// What it is called: the file, and the sheet where it has several.
    pub fn title(&self) -> String {
        let sheet = match &self.form {
            Form::Workbook(book) => book.sheets.iter().find_map(|s| s.sheet.as_deref()),
            _ => None,
        };
        format!("{} {}", self.file, sheet.unwrap_or_default())
    }

    /// The rows as texts.
    pub fn texts(&self) -> Vec<Vec<String>> {
        let cells = |row: &RowBuf| {
            let row = row.row();
            (0..row.len()).map(|i| row.get(i).unwrap_or_default().to_owned()).collect()
        };
        self.rows.iter().map(cells).collect()
    }

    /// The lines of `[source]` up to `key` and `columns`.
    pub fn source(&self) -> String {
        let mut out = String::from("[source]\n");
        lines(&self.form, &mut out);
        put(&mut out, format_args!("files = {}", quoted(&pattern(&self.file))));
        put(&mut out, format_args!("done = \"done\"\nfailed = \"failed\"\nsettle_seconds = 5"));
        out
    }
}

/// The one query of a file, with every column that the file has.
fn whole_row(header: &[String]) -> Query {
    let text = |text: &String| Text { text: text.clone(), ..Text::default() };
    Query {
        name: Text::default(),
        sql: String::new(),
        sql_for: Default::default(),
        columns: header.iter().map(text).collect(),
        key: Vec::new(),
        detect: Detect::File,
        history: None,
        vanished: Vanished::Ignore,
        write_back: None,
    }
}

fn clean(name: &str) -> String {
    let blank = |c: char| c.is_whitespace() || matches!(c, '"' | '\u{feff}' | '\u{3000}');
    name.trim_matches(blank).to_owned()
}

const fn encoding_word(encoding: Encoding) -> &'static str {
    match encoding {
        Encoding::Auto => "auto",
        Encoding::Utf8 => "utf-8",
        Encoding::Gb18030 => "gb18030",
    }
}

fn put(text: &mut String, line: std::fmt::Arguments<'_>) {
    writeln!(text, "{line}").expect("a String takes all text");
}

/// The lines of `[source]` that say how a file is read.
fn lines(form: &Form, out: &mut String) {
    match form {
        Form::Csv(text) => {
            let (encoding, delimiter) =
                (encoding_word(text.encoding), quoted(&text.delimiter.to_string()));
            put(out, format_args!("kind = \"csv\"\nencoding = \"{encoding}\""));
            put(out, format_args!("delimiter = {delimiter}\nquote = \"lenient\""));
        }
        Form::Workbook(book) => {
            put(out, format_args!("kind = \"xlsx\""));
            for sheet in &book.sheets {
                if let Some(name) = &sheet.sheet {
                    put(out, format_args!("sheet = {}", quoted(name)));
                }
                let (row, rows) = (sheet.header_row, sheet.header_rows);
                put(out, format_args!("header_row = {row}\nheader_rows = {rows}"));
                if rows > 1 {
                    put(
                        out,
                        format_args!(
                            "# fill_down = [\"…\"]   columns whose merged cells mean every row they cover"
                        ),
                    );
                }
                put(
                    out,
                    format_args!("# stop = [\"合计\"]   reading ends at a row that begins so"),
                );
            }
        }
        Form::Dbf(encoding) => {
            let encoding = encoding_word(*encoding);
            put(out, format_args!("kind = \"dbf\"\nencoding = \"{encoding}\""));
        }
        Form::Xml(record) => {
            put(out, format_args!("kind = \"xml\"\nrecord = {}", quoted(record)));
        }
        Form::Json(record) => {
            put(out, format_args!("kind = \"json\"\nrecord = {}", quoted(record)));
        }
        // A file that was only looked at is never taken for a call.
        Form::Soap(_) => {}
        Form::Singer(_) => put(out, format_args!("kind = \"exec\"")),
    }
}

/// The file's name with each run of digits as `*`: the next day's file has other digits.
fn pattern(file: &str) -> String {
    let mut out = String::new();
    for c in file.chars() {
        if !c.is_ascii_digit() {
            out.push(c);
        } else if !out.ends_with('*') {
            out.push('*');
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_days_file_fits_the_pattern() {
        assert_eq!(pattern("drop-20261121.csv"), "drop-*.csv");
        assert_eq!(pattern("办件2026年11月.xlsx"), "办件*年*月.xlsx");
    }
}
