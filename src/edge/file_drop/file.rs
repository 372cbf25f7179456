//! One file of a drop folder: its digest, its header, a page of its rows.
//!
//! Bytes become rows in `adapt`, so that a preview and the real run cannot differ; here are the
//! offsets. A line end is never part of a longer character in UTF-8 or GB18030, so pages are cut on
//! raw bytes.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;

use adapt::form::{FileFault, pick_columns};
use adapt::{
    Encoding, Next, QUOTED_LINES_MAX, Quote, ROW_BYTES_MAX, RowBuf, RowFault, RowReader,
    TextSettings,
};
use canon::DigestAlg;

use super::Settings;
use crate::page::Page;

const BOM: &[u8] = b"\xEF\xBB\xBF";

/// The header as read: where the wanted columns stand, where the rows begin.
#[derive(Clone, Debug)]
pub(super) struct Header {
    /// With the encoding decided.
    text: TextSettings,
    /// How many fields the header has.
    width: usize,
    /// For each wanted column its field.
    pick: Vec<usize>,
    /// First byte after the header line.
    pub(super) offset: u64,
}

/// A file open for reading, kept between pages.
pub(super) struct OpenFile {
    pub(super) file: File,
    pub(super) header: Header,
    /// Bytes of a row, as the last page found them.
    row_bytes: usize,
}

impl OpenFile {
    pub(super) const fn new(file: File, header: Header) -> Self {
        Self { file, header, row_bytes: 512 }
    }
}

/// How far a page came.
pub(super) struct Step {
    pub(super) offset: u64,
    pub(super) line: u64,
    pub(super) eof: bool,
    /// The last line is not whole.
    pub(super) cut_off: bool,
}

/// Digest of the content, in constant memory.
pub(super) fn content_digest(alg: DigestAlg, file: &mut File) -> io::Result<String> {
    // A digest of digests of fixed blocks: the same bytes always give the same text.
    let mut sums = Vec::new();
    let mut offset = 0;
    loop {
        let block = read_at(file, offset, 1 << 20)?;
        if block.is_empty() {
            return Ok(alg.of(&[&sums]).to_string());
        }
        offset += block.len() as u64;
        sums.extend_from_slice(&alg.of(&[&block]).bytes);
    }
}

/// Reads at most `max` bytes from `offset`.
fn read_at(file: &mut File, offset: u64, max: usize) -> io::Result<Vec<u8>> {
    file.seek(SeekFrom::Start(offset))?;
    let mut raw = Vec::new();
    file.take(max as u64).read_to_end(&mut raw)?;
    Ok(raw)
}

/// Opens a file for reading.
pub(super) fn open(path: &Path) -> io::Result<File> {
    File::open(path)
}

/// Reads the header line and finds the wanted columns in it.
pub(super) fn header(
    file: &mut File,
    settings: &Settings,
    agreed: TextSettings,
) -> io::Result<Result<Header, FileFault>> {
    let raw = read_at(file, 0, ROW_BYTES_MAX)?;
    let offset = memchr::memchr(b'\n', &raw).map_or(raw.len(), |end| end + 1);
    let line = &raw[..offset];
    let candidates: &[Encoding] = match agreed.encoding {
        _ if line.starts_with(BOM) => &[Encoding::Utf8],
        Encoding::Utf8 => &[Encoding::Utf8],
        Encoding::Gb18030 => &[Encoding::Gb18030],
        Encoding::Auto => &[Encoding::Utf8, Encoding::Gb18030],
    };
    let mut wrong = None;
    for encoding in candidates {
        let text = TextSettings { encoding: *encoding, ..agreed };
        match find_columns(text, line, settings) {
            Ok((width, pick)) => {
                return Ok(Ok(Header { text, width, pick, offset: offset as u64 }));
            }
            Err(w) => wrong = wrong.or(Some(w)),
        }
    }
    let mut wrong = wrong.expect("there is at least one candidate");
    let other = if candidates[0] == Encoding::Utf8 { Encoding::Gb18030 } else { Encoding::Utf8 };
    let other = TextSettings { encoding: other, ..agreed };
    if candidates.len() == 1 && find_columns(other, line, settings).is_ok() {
        let name = encoding_name(candidates[0]);
        wrong.code = "source.encoding_wrong";
        wrong.zh = format!("文件编码与约定不符，约定为 {name}");
        wrong.en = format!("the file is not in the agreed {name}");
    }
    Ok(Err(wrong))
}

const fn encoding_name(encoding: Encoding) -> &'static str {
    match encoding {
        Encoding::Auto => "UTF-8 / GB18030",
        Encoding::Gb18030 => "GB18030",
        Encoding::Utf8 => "UTF-8",
    }
}

fn find_columns(
    text: TextSettings,
    line: &[u8],
    settings: &Settings,
) -> Result<(usize, Vec<usize>), FileFault> {
    let mut reader = RowReader::new(text);
    reader.feed(line, true);
    let mut row = RowBuf::new();
    reader.next_row(&mut row);
    let row = row.row();
    let names: Vec<String> =
        (0..row.len()).map(|i| row.get(i).unwrap_or_default().to_owned()).collect();
    let columns = settings.source.queries.iter().flat_map(|q| &q.columns);
    let pick = pick_columns(&names, columns.map(|c| c.text.as_str()))?;
    Ok((names.len(), pick))
}

/// Reads the next page of rows into `page`, from (offset, lines before it) of a file of `size`.
pub(super) fn read_page(
    open: &mut OpenFile,
    settings: &Settings,
    (offset, line, size): (u64, u64, u64),
    limit: usize,
    page: &mut Page,
) -> io::Result<Step> {
    // What the rows will probably take; where that is not enough for one, all that a page may hold,
    // which is larger than a row.
    let most = settings.limits.page_bytes_max.max(2 * ROW_BYTES_MAX);
    let rows = limit.saturating_add(QUOTED_LINES_MAX);
    let some = rows.saturating_mul(open.row_bytes + open.row_bytes / 8).clamp(64 << 10, most);
    for size_read in [some, most] {
        let raw = read_at(&mut open.file, offset, size_read)?;
        let eof = offset + raw.len() as u64 >= size;
        let whole_end = memchr::memrchr(b'\n', &raw).map_or(0, |at| at + 1);
        let usable = &raw[..if eof { raw.len() } else { whole_end }];
        if usable.is_empty() && eof {
            return Ok(Step { offset, line, eof: true, cut_off: false });
        }
        let open_end = whole_end < usable.len();
        let run = Run { header: &open.header, before: line, eof, open_end };
        let (lines, cut_off) = run.rows(usable, limit, page);
        if lines == 0 {
            continue;
        }
        let mut ends = memchr::memchr_iter(b'\n', usable);
        let used = ends.nth(lines as usize - 1).map_or(usable.len(), |at| at + 1);
        open.row_bytes = used / page.rows.max(1);
        let offset = offset + used as u64;
        return Ok(Step { offset, line: line + lines, eof: offset >= size, cut_off });
    }
    let next = skip_line(&mut open.file, offset)?;
    page.broken.push(page.broken_row(line + 1, RowFault::TooLong));
    Ok(Step { offset: next, line: line + 1, eof: next >= size, cut_off: false })
}

/// First byte after the line that begins at `offset`, in constant memory.
fn skip_line(file: &mut File, offset: u64) -> io::Result<u64> {
    let mut at = offset;
    loop {
        let raw = read_at(file, at, 1 << 20)?;
        match memchr::memchr(b'\n', &raw) {
            Some(end) => return Ok(at + end as u64 + 1),
            None if raw.is_empty() => return Ok(at),
            None => at += raw.len() as u64,
        }
    }
}

/// One pass over the whole lines of a page.
struct Run<'a> {
    header: &'a Header,
    /// Lines before this page.
    before: u64,
    /// Nothing comes after these lines.
    eof: bool,
    /// The last line has no line end.
    open_end: bool,
}

impl Run<'_> {
    /// Puts rows into the page; gives the lines used and whether the file is cut off.
    fn rows(&self, usable: &[u8], limit: usize, page: &mut Page) -> (u64, bool) {
        let mut reader = RowReader::new(self.header.text);
        reader.expect_columns(self.header.width);
        reader.feed(usable, self.eof);
        page.text.reserve(usable.len() + usable.len() / 2);
        let mut row = RowBuf::new();
        let mut cut_off = false;
        let last_line = memchr::memchr_iter(b'\n', usable).count() as u64 + 1;
        while page.rows + page.broken.len() < limit {
            let next = reader.next_row(&mut row);
            let line = self.before + row.number;
            let at_end = self.open_end && reader.line() > last_line;
            match next {
                Next::Row if at_end && self.unclosed(&row) => {
                    cut_off = true;
                    page.broken.push(page.broken_row(line, RowFault::CutOff));
                }
                Next::Row => self.push(&row, line, page),
                // Half a character at the very end is no wrong encoding.
                Next::Fault(RowFault::CutOff | RowFault::Undecodable) if at_end => {
                    cut_off = true;
                    page.broken.push(page.broken_row(line, RowFault::CutOff));
                }
                Next::Fault(RowFault::Width { got, .. }) if self.padded(&row, got) => {
                    self.push(&row, line, page);
                }
                Next::Fault(fault) => page.broken.push(page.broken_row(line, fault)),
                Next::More | Next::End => break,
            }
        }
        (reader.line() - 1, cut_off)
    }

    /// A quote opened in the last line was never closed: the file ends within the value.
    fn unclosed(&self, row: &RowBuf) -> bool {
        let row = row.row();
        let quoted = self.header.text.quote != Quote::None;
        quoted && (0..row.len()).any(|i| row.get(i).is_some_and(|v| v.starts_with('"')))
    }

    /// Only empty values stand beyond the header's columns, as spreadsheets leave them.
    fn padded(&self, row: &RowBuf, got: usize) -> bool {
        let row = row.row();
        got > self.header.width
            && (self.header.width..got).all(|i| row.get(i).is_none_or(|v| v.trim().is_empty()))
    }

    fn push(&self, row: &RowBuf, line: u64, page: &mut Page) {
        let row = row.row();
        for at in &self.header.pick {
            let span = page.put(row.get(*at).unwrap_or_default());
            page.cells.push(span);
        }
        page.lines.push(line);
        page.rows += 1;
    }
}
