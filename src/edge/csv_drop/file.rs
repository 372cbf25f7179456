//! One file of a drop folder: its digest, its header, a page of its rows.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;
use std::sync::Arc;

use canon::DigestAlg;

use super::lines::{Encoding, Splitter, decode};
use super::{CsvLimits, Settings};
use crate::page::{BrokenRow, Page, Span};

const BOM: &[u8] = b"\xEF\xBB\xBF";
const REPLACEMENT: char = '\u{FFFD}';

/// What is wrong with a whole file.
#[derive(Clone, Debug)]
pub(super) struct Wrong {
    pub(super) code: &'static str,
    pub(super) zh: String,
    pub(super) en: String,
}

/// The header as read: where the wanted columns stand, where the rows begin.
#[derive(Clone, Debug)]
pub(super) struct Header {
    pub(super) encoding: Encoding,
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
    let mut block = vec![0; 1 << 20];
    file.seek(SeekFrom::Start(0))?;
    loop {
        let n = fill(file, &mut block)?;
        if n == 0 {
            break;
        }
        sums.extend_from_slice(&alg.of(&[&block[..n]]).bytes);
    }
    Ok(alg.of(&[&sums]).to_string())
}

fn fill(file: &mut File, block: &mut [u8]) -> io::Result<usize> {
    let mut n = 0;
    while n < block.len() {
        match file.read(&mut block[n..]) {
            Ok(0) => break,
            Ok(m) => n += m,
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(e) => return Err(e),
        }
    }
    Ok(n)
}

/// Reads at most `max` bytes from `offset`.
fn read_at(file: &mut File, offset: u64, max: usize) -> io::Result<Vec<u8>> {
    file.seek(SeekFrom::Start(offset))?;
    let mut raw = Vec::new();
    file.take(max as u64).read_to_end(&mut raw)?;
    Ok(raw)
}

/// Reads the header line and finds the wanted columns in it.
pub(super) fn header(file: &mut File, settings: &Settings) -> io::Result<Result<Header, Wrong>> {
    let raw = read_at(file, 0, settings.limits.row_bytes_max)?;
    let (line, offset) = match memchr::memchr(b'\n', &raw) {
        Some(end) => (&raw[..end], end as u64 + 1),
        None => (&raw[..], raw.len() as u64),
    };
    let (line, bom) = match line.strip_prefix(BOM) {
        Some(rest) => (rest, true),
        None => (line, false),
    };
    let candidates: &[Encoding] = match (settings.encoding, bom) {
        (_, true) | (Encoding::Utf8, _) => &[Encoding::Utf8],
        (Encoding::Gb18030, _) => &[Encoding::Gb18030],
        (Encoding::Auto, _) => &[Encoding::Utf8, Encoding::Gb18030],
    };
    let mut wrong = None;
    for encoding in candidates {
        match find_columns(*encoding, line, settings) {
            Ok((width, pick)) => {
                return Ok(Ok(Header { encoding: *encoding, width, pick, offset }));
            }
            Err(w) => wrong = wrong.or(Some(w)),
        }
    }
    let mut wrong = wrong.expect("there is at least one candidate");
    let other = if candidates[0] == Encoding::Utf8 { Encoding::Gb18030 } else { Encoding::Utf8 };
    if candidates.len() == 1 && find_columns(other, line, settings).is_ok() {
        wrong.code = "source.encoding_wrong";
        wrong.zh = format!("文件编码与约定不符，约定为 {}", encoding_name(candidates[0]));
        wrong.en = format!("the file is not in the agreed {}", encoding_name(candidates[0]));
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
    encoding: Encoding,
    line: &[u8],
    settings: &Settings,
) -> Result<(usize, Vec<usize>), Wrong> {
    let (text, _) = decode(encoding, line);
    let mut arena = text.trim_end_matches('\r').to_owned();
    let mut splitter = Splitter::new(settings.delimiter);
    let end = arena.len() as u32;
    splitter.split(&mut arena, &[(0, end)], 0, true);
    let names: Vec<&str> = splitter
        .fields
        .iter()
        .map(|s| arena.get(s.start as usize..(s.start + s.len) as usize).unwrap_or_default().trim())
        .collect();
    let mut pick = Vec::with_capacity(settings.columns.len());
    let mut missing = Vec::new();
    for column in settings.columns.iter() {
        let mut places = names.iter().enumerate().filter(|(_, n)| **n == &**column);
        match (places.next(), places.next()) {
            (Some((at, _)), None) => pick.push(at),
            (Some(_), Some(_)) => {
                return Err(Wrong {
                    code: "source.header_wrong",
                    zh: format!("表头中『{column}』出现两次"),
                    en: format!("the header names `{column}` twice"),
                });
            }
            (None, _) => missing.push(&**column),
        }
    }
    if missing.is_empty() {
        return Ok((names.len(), pick));
    }
    Err(if pick.is_empty() {
        Wrong {
            code: "source.header_missing",
            zh: "首行不是约定的表头".into(),
            en: "the first line is not the agreed header".into(),
        }
    } else {
        Wrong {
            code: "source.header_wrong",
            zh: format!("表头缺少：{}", missing.join("、")),
            en: format!("the header lacks: {}", missing.join(", ")),
        }
    })
}

/// Reads the next page of rows into `page`.
pub(super) fn read_page(
    open: &mut OpenFile,
    settings: &Settings,
    (offset, line, size): (u64, u64, u64),
    limit: usize,
    page: &mut Page,
) -> io::Result<Step> {
    let CsvLimits { page_bytes_max, row_bytes_max, .. } = settings.limits;
    let raw = read_at(&mut open.file, offset, page_bytes_max.max(row_bytes_max))?;
    let eof = offset + raw.len() as u64 >= size;
    let whole_end = memchr::memrchr(b'\n', &raw).map_or(0, |at| at + 1);
    let usable = if eof { raw.len() } else { whole_end };
    if usable == 0 {
        if eof {
            return Ok(Step { offset, line, eof: true, cut_off: false });
        }
        let next = skip_line(&mut open.file, offset)?;
        page.broken.push(too_long(page, line + 1, row_bytes_max));
        return Ok(Step { offset: next, line: line + 1, eof: next >= size, cut_off: false });
    }
    let (text, had_errors) = decode(open.header.encoding, &raw[..usable]);
    let text = text.into_owned();
    let ends: Vec<usize> = memchr::memchr_iter(b'\n', &raw[..usable]).map(|at| at + 1).collect();
    let ends_newline = whole_end == usable;
    let run = Run { open, settings, first: line + 1, had_errors, eof, ends_newline };
    let (used, cut_off) = run.records(text, limit, page);
    let at = if used > ends.len() { usable } else { used.checked_sub(1).map_or(0, |n| ends[n]) };
    let offset = offset + at as u64;
    Ok(Step { offset, line: line + used as u64, eof: offset >= size, cut_off })
}

fn too_long(page: &Page, line: u64, max: usize) -> BrokenRow {
    broken(
        page,
        line,
        "source.row_too_long",
        &format!("长度超过 {max} 字节"),
        &format!("longer than {max} bytes"),
    )
}

pub(super) fn broken(page: &Page, line: u64, code: &'static str, zh: &str, en: &str) -> BrokenRow {
    BrokenRow {
        reference: format!("{}:{line}", page.place),
        line: Some(line),
        code,
        zh: format!("第 {line} 行{zh}"),
        en: format!("line {line}: {en}"),
    }
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

/// One pass over the decoded lines of a page.
struct Run<'a> {
    open: &'a OpenFile,
    settings: &'a Settings,
    /// Number of the first line.
    first: u64,
    had_errors: bool,
    /// Nothing comes after these lines.
    eof: bool,
    /// The last line has its line end.
    ends_newline: bool,
}

impl Run<'_> {
    /// Splits lines into rows of the page; gives the lines used and whether the file is cut off.
    fn records(&self, text: String, limit: usize, page: &mut Page) -> (usize, bool) {
        let lines = line_ranges(&text);
        let mut splitter = Splitter::new(self.settings.delimiter);
        page.text = text;
        let (mut used, mut cut_off) = (0, false);
        while used < lines.len() && page.rows + page.broken.len() < limit {
            let rest = &lines[used..];
            let number = self.first + used as u64;
            let long = (rest[0].1 - rest[0].0) as usize > self.settings.limits.row_bytes_max;
            if long {
                page.broken.push(too_long(page, number, self.settings.limits.row_bytes_max));
                used += 1;
                continue;
            }
            let all = self.eof || used == 0;
            let Some(record) = splitter.split(&mut page.text, rest, self.open.header.width, all)
            else {
                break;
            };
            let last = used + record.lines == lines.len() && self.eof && !self.ends_newline;
            match self.judge(&splitter.fields, page, last && record.unclosed, last) {
                Judged::Row => self.push(&splitter.fields, number, page),
                Judged::Blank => {}
                Judged::Broken(code, zh, en) => {
                    cut_off |= code == "source.cut_off";
                    page.broken.push(broken(page, number, code, &zh, &en));
                }
            }
            used += record.lines;
        }
        (used, cut_off)
    }

    fn judge(&self, fields: &[Span], page: &Page, unclosed_at_end: bool, last: bool) -> Judged {
        let text = |s: &Span| {
            page.text.get(s.start as usize..(s.start + s.len) as usize).unwrap_or_default()
        };
        let width = self.open.header.width;
        let blank = |s: &Span| s.len == 0 || text(s).trim().is_empty();
        if fields.iter().all(blank) {
            return Judged::Blank;
        }
        let lost = self.had_errors && fields.iter().any(|s| text(s).contains(REPLACEMENT));
        if last && (fields.len() < width || unclosed_at_end || lost) {
            return Judged::Broken(
                "source.cut_off",
                "不完整，文件在此中断".into(),
                "not whole, the file is cut off here".into(),
            );
        }
        if fields.len() < width || !fields.get(width..).unwrap_or(&[]).iter().all(blank) {
            return Judged::Broken(
                "source.columns",
                format!("应有 {width} 列，实有 {} 列", fields.len()),
                format!("expected {width} columns, found {}", fields.len()),
            );
        }
        if lost {
            return Judged::Broken(
                "source.encoding",
                format!("含有不属于 {} 的字节", encoding_name(self.open.header.encoding)),
                format!("has bytes that are not {}", encoding_name(self.open.header.encoding)),
            );
        }
        Judged::Row
    }

    fn push(&self, fields: &[Span], line: u64, page: &mut Page) {
        page.cells.extend(self.open.header.pick.iter().map(|at| fields[*at]));
        page.lines.push(line);
        page.rows += 1;
    }
}

enum Judged {
    Row,
    Blank,
    Broken(&'static str, String, String),
}

/// Lines without their ends (`\n` or `\r\n`).
fn line_ranges(text: &str) -> Vec<(u32, u32)> {
    let bytes = text.as_bytes();
    let mut lines = Vec::with_capacity(bytes.len() / 200 + 1);
    let mut from = 0;
    let mut push = |from: usize, end: usize| {
        let end = if end > from && bytes[end - 1] == b'\r' { end - 1 } else { end };
        lines.push((from as u32, end as u32));
    };
    for at in memchr::memchr_iter(b'\n', bytes) {
        push(from, at);
        from = at + 1;
    }
    if from < bytes.len() {
        push(from, bytes.len());
    }
    lines
}

/// Opens a file for reading rows.
pub(super) fn open(path: &Path) -> io::Result<File> {
    File::open(path)
}

/// The names of the cells, for pages.
pub(super) fn column_names(settings: &Settings) -> Arc<[Arc<str>]> {
    settings.columns.clone()
}
