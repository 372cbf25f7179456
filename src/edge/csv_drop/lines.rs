//! Bytes to records: decoding, lines, quotes. Pure; a page of lines at a time.
//!
//! `\n`, `"` and every delimiter we allow are never part of a longer character in GB18030 or UTF-8,
//! so lines are cut on raw bytes and decoded together.

use std::borrow::Cow;

use crate::page::Span;

/// How many lines one quoted field may span; beyond that an opening quote is taken for a stray one.
pub const QUOTED_LINES_MAX: usize = 16;

/// Encoding of a file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Encoding {
    /// UTF-8 if the header reads so, GB18030 otherwise.
    #[default]
    Auto,
    /// GB18030 (and so GBK, GB2312).
    Gb18030,
    /// UTF-8, with or without a BOM.
    Utf8,
}

/// Decodes whole lines; `true` if some bytes were no character (each became U+FFFD).
pub(super) fn decode(encoding: Encoding, raw: &[u8]) -> (Cow<'_, str>, bool) {
    let encoding = match encoding {
        Encoding::Gb18030 => encoding_rs::GB18030,
        Encoding::Auto | Encoding::Utf8 => encoding_rs::UTF_8,
    };
    encoding.decode_without_bom_handling(raw)
}

/// One record's place in the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Record {
    /// Lines it took.
    pub(super) lines: usize,
    /// A quote was opened and never closed; it was taken as a plain character.
    pub(super) unclosed: bool,
}

/// Splits records out of decoded text; escaped quotes are resolved into the end of the arena.
pub(super) struct Splitter {
    delimiter: u8,
    /// Fields of the last record.
    pub(super) fields: Vec<Span>,
}

impl Splitter {
    pub(super) fn new(delimiter: u8) -> Self {
        Self { delimiter, fields: Vec::with_capacity(64) }
    }

    /// Splits the record that begins with `lines[0]`. `lines` are the ranges of the following lines
    /// without their ends; `width` is how many fields the header has; `all` says that no line comes
    /// after them. None: more lines are needed to tell.
    pub(super) fn split(
        &mut self,
        arena: &mut String,
        lines: &[(u32, u32)],
        width: usize,
        all: bool,
    ) -> Option<Record> {
        let (start, end) = lines[0];
        let bytes = &arena.as_bytes()[start as usize..end as usize];
        if memchr::memchr(b'"', bytes).is_none() {
            self.plain(bytes, start);
            return Some(Record { lines: 1, unclosed: false });
        }
        let mark = arena.len();
        if self.quoted(arena, start, end, false) {
            return Some(Record { lines: 1, unclosed: false });
        }
        for n in 2..=QUOTED_LINES_MAX.min(lines.len()) {
            arena.truncate(mark);
            if self.quoted(arena, start, lines[n - 1].1, false) && self.fields.len() == width {
                return Some(Record { lines: n, unclosed: false });
            }
        }
        if lines.len() < QUOTED_LINES_MAX && !all {
            return None;
        }
        arena.truncate(mark);
        self.quoted(arena, start, end, true);
        Some(Record { lines: 1, unclosed: true })
    }

    fn plain(&mut self, bytes: &[u8], start: u32) {
        self.fields.clear();
        let mut from = 0;
        for at in memchr::memchr_iter(self.delimiter, bytes) {
            self.fields.push(Span { start: start + from as u32, len: (at - from) as u32 });
            from = at + 1;
        }
        self.fields.push(Span { start: start + from as u32, len: (bytes.len() - from) as u32 });
    }

    /// Splits `start..end` with quotes. `false` if a quoted field does not end (not with `literal`,
    /// which takes such a quote as a character). A quote that is closed and then goes on with other
    /// text (`"a"b`) makes the field plain text too: the source did not mean to quote.
    fn quoted(&mut self, arena: &mut String, start: u32, end: u32, literal: bool) -> bool {
        self.fields.clear();
        let (mut at, end) = (start as usize, end as usize);
        loop {
            let bytes = arena.as_bytes();
            let closed = if at < end && bytes[at] == b'"' {
                match close(&bytes[at + 1..end], self.delimiter) {
                    Close::At { len, escaped } => Some((len, escaped)),
                    Close::Never if !literal => return false,
                    Close::Never | Close::Stray => None,
                }
            } else {
                None
            };
            match closed {
                Some((len, escaped)) => {
                    let from = at + 1;
                    let span = if escaped {
                        let value = arena
                            .get(from..from + len)
                            .expect("quotes are whole characters")
                            .replace("\"\"", "\"");
                        let span = Span { start: arena.len() as u32, len: value.len() as u32 };
                        arena.push_str(&value);
                        span
                    } else {
                        Span { start: from as u32, len: len as u32 }
                    };
                    self.fields.push(span);
                    at = from + len + 1;
                }
                None => {
                    let len = memchr::memchr(self.delimiter, &bytes[at..end]).unwrap_or(end - at);
                    self.fields.push(Span { start: at as u32, len: len as u32 });
                    at += len;
                }
            }
            if at >= end {
                return true;
            }
            at += 1;
        }
    }
}

enum Close {
    /// The quote closes after `len` bytes, before a delimiter or the end.
    At { len: usize, escaped: bool },
    /// It closes in the middle of a field.
    Stray,
    /// It does not close.
    Never,
}

/// Where the quoted field ends whose opening quote stands before `bytes`.
fn close(bytes: &[u8], delimiter: u8) -> Close {
    let (mut from, mut escaped) = (0, false);
    while let Some(i) = memchr::memchr(b'"', &bytes[from..]) {
        let at = from + i;
        match bytes.get(at + 1) {
            Some(b'"') => {
                escaped = true;
                from = at + 2;
            }
            Some(&c) if c != delimiter => return Close::Stray,
            _ => return Close::At { len: at, escaped },
        }
    }
    Close::Never
}

#[cfg(test)]
mod tests {
    use super::*;

    fn split(text: &str, width: usize) -> (Vec<String>, Record) {
        let mut arena = text.to_owned();
        let mut lines = Vec::new();
        let mut from = 0u32;
        for line in text.split('\n') {
            lines.push((from, from + line.len() as u32));
            from += line.len() as u32 + 1;
        }
        let mut splitter = Splitter::new(b',');
        let record = splitter.split(&mut arena, &lines, width, true).unwrap();
        let fields = splitter
            .fields
            .iter()
            .map(|s| arena.get(s.start as usize..(s.start + s.len) as usize).unwrap().to_owned())
            .collect();
        (fields, record)
    }

    #[test]
    fn quotes_stray_or_meant() {
        let one = |t: &str, w| split(t, w).0;
        assert_eq!(one("a,b,,c", 4), ["a", "b", "", "c"]);
        assert_eq!(one(r#""a,1","b""c","""""#, 3), ["a,1", "b\"c", "\""]);
        assert_eq!(one(r#"张"三,"李"四,"王五""#, 3), ["张\"三", "\"李\"四", "王五"]);
        assert_eq!(one(r#""a","#, 2), ["a", ""]);
        assert_eq!(one(r#""","""#, 2), ["", ""]);
    }

    #[test]
    fn a_field_over_lines_is_taken_only_if_it_makes_a_whole_record() {
        let (fields, record) = split("1,\"x\ny\",3\n4,5,6", 3);
        assert_eq!((fields[1].as_str(), record.lines, record.unclosed), ("x\ny", 2, false));
        // A stray opening quote must not swallow the next rows.
        let (fields, record) = split("1,\"x,3\n4,\"5\",6", 3);
        assert_eq!((fields.len(), fields[1].as_str()), (3, "\"x"));
        assert_eq!((record.lines, record.unclosed), (1, true));
    }

    #[test]
    fn it_waits_for_more_lines_before_it_judges_a_quote() {
        let mut arena = String::from("1,\"x");
        let mut splitter = Splitter::new(b',');
        assert_eq!(splitter.split(&mut arena, &[(0, 4)], 2, false), None);
        assert_eq!(arena, "1,\"x");
    }
}
