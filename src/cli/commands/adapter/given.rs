//! What a new package begins with: a file or a table as it was looked at, and the lines of its
//! `[source]`.

use std::fmt::Write as _;

use adapt::{Encoding, Form, RowBuf};

/// A file as it was looked at.
#[derive(Debug)]
pub(crate) struct Input {
    /// The adapter's name.
    pub(crate) name: String,
    /// The file's name.
    pub(crate) file: String,
    /// How it is read.
    pub(crate) form: Form,
    /// Further sheets that it has.
    pub(crate) sheets: Vec<String>,
    /// Column names.
    pub(crate) header: Vec<String>,
    /// The first rows.
    pub(crate) rows: Vec<RowBuf>,
}

impl Input {
    /// The form as people call it: its encoding, or its kind.
    pub(crate) const fn form_word(&self) -> &'static str {
        match &self.form {
            Form::Csv(text) => encoding_word(text.encoding),
            Form::Workbook(_) => "xlsx",
            Form::Dbf(_) => "dbf",
            Form::Xml(_) | Form::Soap(_) => "xml",
            Form::Json(_) => "json",
            Form::Singer(_) => "singer",
        }
    }
}

const fn encoding_word(encoding: Encoding) -> &'static str {
    match encoding {
        Encoding::Auto => "auto",
        Encoding::Utf8 => "utf-8",
        Encoding::Gb18030 => "gb18030",
    }
}

impl Input {
    /// The rows as texts.
    pub(crate) fn texts(&self) -> Vec<Vec<String>> {
        let cells = |row: &RowBuf| {
            let row = row.row();
            (0..row.len()).map(|i| row.get(i).unwrap_or_default().to_owned()).collect()
        };
        self.rows.iter().map(cells).collect()
    }

    /// The lines of `[source]` up to `key` and `columns`.
    pub(crate) fn source(&self) -> String {
        let mut out = String::from("[source]\n");
        form(&self.form, &mut out);
        put(&mut out, format_args!("files = {}", quoted(&pattern(&self.file))));
        put(&mut out, format_args!("done = \"done\"\nfailed = \"failed\"\nsettle_seconds = 5"));
        out
    }
}

fn put(text: &mut String, line: std::fmt::Arguments<'_>) {
    writeln!(text, "{line}").expect("a String takes all text");
}

/// A TOML string.
pub(crate) fn quoted(text: &str) -> String {
    toml::Value::String(text.to_owned()).to_string()
}

/// The lines of `[source]` that say how a file is read.
fn form(form: &Form, out: &mut String) {
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
