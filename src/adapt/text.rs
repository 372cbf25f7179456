//! Bytes of a delimited text file → rows: tolerant where it is safe, and never guessing a column.
//!
//! The reader is fed pieces of any size and keeps no more than one row and one piece in memory.

use canon::violation::{Severity, Violation};
use encoding_rs::{CoderResult, Decoder, GB18030, UTF_8};
use serde::{Deserialize, Serialize};

use crate::cut::{Cut, Outcome};
use crate::row::RowBuf;

/// Longest row, bytes of decoded text.
pub const ROW_BYTES_MAX: usize = 1 << 20;
/// Most columns of a header.
pub const COLUMNS_MAX: usize = 1_000;

/// How the bytes are to be read as text. A byte order mark always wins.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Encoding {
    /// UTF-8 where the first piece is valid UTF-8, else GB18030.
    #[default]
    Auto,
    /// UTF-8.
    Utf8,
    /// GB18030, which holds GBK and GB2312.
    Gb18030,
}

/// What a quote means.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Quote {
    /// A quoted value must be closed; anything after its closing quote is a fault.
    Strict,
    /// Stray quotes are part of the value; one that never closes does not swallow the next rows.
    #[default]
    Lenient,
    /// Quotes mean nothing.
    None,
}

/// How a file is cut into rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TextSettings {
    /// Bytes to text.
    pub encoding: Encoding,
    /// Between columns.
    pub delimiter: char,
    /// Quotes.
    pub quote: Quote,
}

impl Default for TextSettings {
    fn default() -> Self {
        Self { encoding: Encoding::Auto, delimiter: ',', quote: Quote::Lenient }
    }
}

/// What [`RowReader::next_row`] found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Next {
    /// A row; it is in the buffer.
    Row,
    /// A row that cannot be used; the values that could be read are in the buffer.
    Fault(RowFault),
    /// Feed more bytes.
    More,
    /// The file is finished.
    End,
}

/// What is wrong with a row of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RowFault {
    /// Bytes that are no text in the file's encoding.
    Undecodable,
    /// Another number of columns than the header.
    Width {
        /// Columns of the header.
        want: usize,
        /// Columns of the row.
        got: usize,
    },
    /// The file ends in the middle of this row.
    CutOff,
    /// A quote that never closes, or text after a closing one (`quote = "strict"`).
    Quote,
    /// Longer than [`ROW_BYTES_MAX`].
    TooLong,
    /// A column that is there twice, or is a list or an object.
    NotOneValue {
        /// Index of the column.
        column: usize,
    },
}

impl RowFault {
    /// Stable code.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Undecodable => "adapter.undecodable",
            Self::Width { .. } => "adapter.row_width",
            Self::CutOff => "adapter.cut_off",
            Self::Quote => "adapter.stray_quote",
            Self::TooLong => "adapter.row_too_long",
            Self::NotOneValue { .. } => "adapter.not_one_value",
        }
    }

    /// As a violation of the whole row.
    pub fn violation(self) -> Violation {
        Violation {
            rule: self.code().into(),
            field: "row".into(),
            severity: Severity::Error,
            zh: self.zh(),
            en: self.en(),
        }
    }

    /// Text in Chinese.
    pub fn zh(self) -> String {
        match self {
            Self::Undecodable => "含有无法按文件编码识别的字节，请核对编码后重新导出".into(),
            Self::Width { want, got } => format!("应有 {want} 列，实有 {got} 列"),
            Self::CutOff => "文件在本行中间中断，请重新传送完整文件".into(),
            Self::Quote => "引号不成对".into(),
            Self::TooLong => "一行过长".into(),
            Self::NotOneValue { column } => {
                format!("第 {} 个约定列重复出现或不是单个值", column + 1)
            }
        }
    }

    /// Text in English.
    pub fn en(self) -> String {
        match self {
            Self::Undecodable => {
                "bytes that are no text in the file's encoding; check it and export again".into()
            }
            Self::Width { want, got } => format!("{want} columns expected, {got} found"),
            Self::CutOff => "the file ends in the middle of this row; deliver it again".into(),
            Self::Quote => "a quote does not close".into(),
            Self::TooLong => "the row is too long".into(),
            Self::NotOneValue { column } => {
                format!("the agreed column {} is there twice or is no single value", column + 1)
            }
        }
    }
}

/// Cuts fed bytes into rows.
pub struct RowReader {
    settings: TextSettings,
    decoder: Option<Decoder>,
    text: String,
    at: usize,
    line: u64,
    last: bool,
    dirty: bool,
    width: Option<usize>,
}

impl RowReader {
    /// A reader at the start of a file.
    pub fn new(settings: TextSettings) -> Self {
        Self {
            settings,
            decoder: None,
            text: String::new(),
            at: 0,
            line: 1,
            last: false,
            dirty: false,
            width: None,
        }
    }

    /// Hands over the next piece; `last` says that nothing follows.
    pub fn feed(&mut self, bytes: &[u8], last: bool) {
        self.text.drain(..self.at);
        self.at = 0;
        self.last = last;
        let encoding = self.settings.encoding;
        let decoder = self.decoder.get_or_insert_with(|| match encoding {
            Encoding::Utf8 => UTF_8.new_decoder(),
            Encoding::Gb18030 => GB18030.new_decoder(),
            Encoding::Auto if looks_utf8(bytes) => UTF_8.new_decoder(),
            Encoding::Auto => GB18030.new_decoder(),
        });
        let mut rest = bytes;
        loop {
            let more = decoder.max_utf8_buffer_length(rest.len()).unwrap_or(rest.len() * 4 + 16);
            self.text.reserve(more);
            let (result, read, errors) = decoder.decode_to_string(rest, &mut self.text, last);
            self.dirty |= errors;
            rest = rest.get(read..).unwrap_or_default();
            if result == CoderResult::InputEmpty {
                return;
            }
        }
    }

    /// The line that comes next, from 1: how far the rows taken so far go.
    pub const fn line(&self) -> u64 {
        self.line
    }

    /// The header's column count: rows of another width are faults from here on.
    pub fn expect_columns(&mut self, columns: usize) {
        self.width = Some(columns);
    }

    /// The next row into `row`. Blank lines, and lines of delimiters only, are passed over.
    pub fn next_row(&mut self, row: &mut RowBuf) -> Next {
        loop {
            let next = self.one_row(row);
            let blank = matches!(next, Next::Row | Next::Fault(RowFault::Width { .. }))
                && row.row().is_blank();
            if !blank {
                return next;
            }
        }
    }

    fn one_row(&mut self, row: &mut RowBuf) -> Next {
        row.clear();
        row.number = self.line;
        let rest = self.text.get(self.at..).unwrap_or_default();
        if rest.is_empty() {
            return if self.last { Next::End } else { Next::More };
        }
        let (line, ended) = match rest.find('\n') {
            Some(n) => (rest.get(..n).unwrap_or_default(), true),
            None if self.last => (rest, false),
            None if rest.len() > ROW_BYTES_MAX => return self.give_up(),
            None => return Next::More,
        };
        let body = line.strip_suffix('\r').unwrap_or(line);
        let taken = line.len() + usize::from(ended);
        if self.settings.quote == Quote::None || !body.contains('"') {
            for value in body.split(self.settings.delimiter) {
                row.push(Some(value));
            }
            return self.took(row, taken, 1, ended, None);
        }
        let cut = Cut { text: rest, delimiter: self.settings.delimiter };
        // First as the rule book says, values over several lines included …
        match cut.row(row, rest.len(), self.settings.quote == Quote::Strict) {
            Outcome::Row { ended: false, .. } | Outcome::Open
                if !self.last && rest.len() <= ROW_BYTES_MAX =>
            {
                row.clear();
                return Next::More;
            }
            Outcome::Row { taken, lines, ended } if self.fits(row) => {
                return self.took(row, taken, lines, ended, None);
            }
            Outcome::Stray if self.settings.quote == Quote::Strict => {
                return self.took(row, taken, 1, ended, Some(RowFault::Quote));
            }
            _ => {}
        }
        // … and where that gives no row of the right width: this line alone, stray quotes kept.
        row.clear();
        let alone = Cut { text: body, delimiter: self.settings.delimiter };
        let fault = match alone.row(row, body.len(), false) {
            Outcome::Row { .. } => None,
            _ => {
                row.clear();
                alone.plain(row);
                (self.settings.quote == Quote::Strict).then_some(RowFault::Quote)
            }
        };
        self.took(row, taken, 1, ended, fault)
    }

    fn fits(&self, row: &RowBuf) -> bool {
        self.width.is_none_or(|want| want == row.row().len())
    }

    fn took(
        &mut self,
        row: &RowBuf,
        taken: usize,
        lines: usize,
        ended: bool,
        fault: Option<RowFault>,
    ) -> Next {
        let start = self.at;
        self.at += taken;
        self.line += lines as u64;
        let got = row.row().len();
        let raw = self.text.get(start..self.at).unwrap_or_default();
        match self.width {
            Some(want) if !ended && got < want => Next::Fault(RowFault::CutOff),
            _ if self.dirty && raw.contains('\u{fffd}') => Next::Fault(RowFault::Undecodable),
            _ if fault.is_some() => fault.map_or(Next::Row, Next::Fault),
            Some(want) if got != want => Next::Fault(RowFault::Width { want, got }),
            _ if taken > ROW_BYTES_MAX => Next::Fault(RowFault::TooLong),
            _ => Next::Row,
        }
    }

    /// A line longer than any row: what is here is thrown away, the file cannot be trusted.
    fn give_up(&mut self) -> Next {
        self.at = self.text.len();
        Next::Fault(RowFault::TooLong)
    }
}

/// Valid UTF-8, except that the piece may end inside a character.
fn looks_utf8(bytes: &[u8]) -> bool {
    match std::str::from_utf8(bytes) {
        Ok(_) => true,
        Err(e) => e.error_len().is_none(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Everything a reader says of `bytes`, fed in pieces of `piece` bytes.
    fn read(bytes: &[u8], settings: TextSettings, piece: usize) -> Vec<(u64, Vec<String>, String)> {
        let mut reader = RowReader::new(settings);
        let mut row = RowBuf::new();
        let mut out = Vec::new();
        let mut pieces = bytes.chunks(piece).peekable();
        loop {
            let next = reader.next_row(&mut row);
            let said = match &next {
                Next::More => {
                    let piece = pieces.next().unwrap_or_default();
                    reader.feed(piece, pieces.peek().is_none());
                    continue;
                }
                Next::End => return out,
                Next::Row => String::new(),
                Next::Fault(fault) => fault.code().to_owned(),
            };
            let view = row.row();
            if out.is_empty() {
                reader.expect_columns(view.len());
            }
            let values = (0..view.len()).map(|i| view.get(i).unwrap().to_owned()).collect();
            out.push((row.number, values, said));
        }
    }

    fn gb(text: &str) -> Vec<u8> {
        GB18030.encode(text).0.into_owned()
    }

    const LENIENT: TextSettings =
        TextSettings { encoding: Encoding::Gb18030, delimiter: ',', quote: Quote::Lenient };

    #[test]
    fn a_drop_reads_the_same_in_pieces_of_any_size() {
        let text = "姓名,说明,号\r\n甲,\"两行\r\n的,说明\",1\r\n\r\n,,\r\n\"乙\"\"某\",𠮷,2";
        for piece in [1, 2, 3, 7, 1000] {
            let rows = read(&gb(text), LENIENT, piece);
            let values: Vec<_> =
                rows.iter().map(|(n, v, f)| (*n, v.join("|"), f.as_str())).collect();
            assert_eq!(
                values,
                [
                    (1, "姓名|说明|号".to_owned(), ""),
                    (2, "甲|两行\r\n的,说明|1".to_owned(), ""),
                    (6, "乙\"某|𠮷|2".to_owned(), ""),
                ],
                "pieces of {piece}"
            );
        }
    }

    #[test]
    fn a_stray_quote_swallows_nothing() {
        let text = "a,b,c\n\"甲,x,1\n乙\"丙,y,2\n\"丁\"戊,z,3\n\"己\",\"庚,4\n辛,v,5\n";
        let rows = read(&gb(text), LENIENT, 5);
        let lines: Vec<_> =
            rows.iter().map(|(n, v, f)| format!("{n}:{}{f}", v.join("|"))).collect();
        assert_eq!(
            lines,
            [
                "1:a|b|c",
                "2:\"甲|x|1",
                "3:乙\"丙|y|2",
                "4:\"丁\"戊|z|3",
                "5:\"己\"|\"庚|4",
                "6:辛|v|5"
            ]
        );
    }

    #[test]
    fn what_cannot_be_used_is_named_and_the_next_row_is_read() {
        let mut bytes = gb("a,b,c\n甲,x\n");
        bytes.extend_from_slice(b"\xff\xff,y,2\n");
        bytes.extend_from_slice(&gb("乙,z,3\n丙,w"));
        let rows = read(&bytes, LENIENT, 1000);
        let faults: Vec<_> = rows.iter().map(|(n, _, f)| (*n, f.as_str())).collect();
        assert_eq!(
            faults,
            [
                (1, ""),
                (2, "adapter.row_width"),
                (3, "adapter.undecodable"),
                (4, ""),
                (5, "adapter.cut_off")
            ]
        );
    }

    #[test]
    fn a_byte_order_mark_wins_and_auto_tells_utf8_from_gb18030() {
        let bom = [b"\xef\xbb\xbf".as_slice(), "姓名\n甲\n".as_bytes()].concat();
        assert_eq!(read(&bom, LENIENT, 100)[0].1, ["姓名"]);
        let auto = TextSettings::default();
        assert_eq!(read("姓名\n甲\n".as_bytes(), auto, 100)[1].1, ["甲"]);
        assert_eq!(read(&gb("姓名\n甲\n"), auto, 100)[1].1, ["甲"]);
    }

    #[test]
    fn strict_quotes_refuse_what_lenient_keeps() {
        let strict = TextSettings { quote: Quote::Strict, ..TextSettings::default() };
        let rows = read("a,b\n\"x\"y,1\n\"z\",2\n".as_bytes(), strict, 100);
        let faults: Vec<_> = rows.iter().map(|(_, _, f)| f.as_str()).collect();
        assert_eq!(faults, ["", "adapter.stray_quote", ""]);
    }

    #[test]
    fn a_line_without_end_is_given_up_not_collected() {
        let mut reader = RowReader::new(TextSettings::default());
        let mut row = RowBuf::new();
        let mut given_up = false;
        for _ in 0..40 {
            reader.feed(&[b'x'; 100_000], false);
            given_up |= reader.next_row(&mut row) == Next::Fault(RowFault::TooLong);
        }
        assert!(given_up);
    }
}
