//! DBF tables (dBASE III and IV, FoxPro): a header of fixed size, records of fixed width.
//!
//! Values are the texts that stand in the file: numbers are not made numbers and back, so no digit
//! of a long one is lost.

use std::io::{self, BufReader, Read};

use encoding_rs::{BIG5, DecoderResult, Encoding as Decoding, GB18030, UTF_8};

use super::fault::{FormError, damaged, limit, not_this};
use super::memo::{self, Memo};
use super::{FileDyn, FormLimits, Item, Take, Told, header, number};
use crate::row::RowBuf;
use crate::source::FileSource;
use crate::text::{COLUMNS_MAX, Encoding, ROW_BYTES_MAX, RowFault};

/// Versions that are read: dBASE and FoxPro with and without memo files.
const VERSIONS: &[u8] =
    &[0x02, 0x03, 0x04, 0x05, 0x30, 0x31, 0x32, 0x43, 0x63, 0x83, 0x8b, 0x8e, 0xcb, 0xf5, 0xfb];
/// The mark of a deleted record.
const DELETED: u8 = b'*';
/// The mark after the last record.
const END: u8 = 0x1a;
/// The day 1970-01-01 as FoxPro counts days.
const EPOCH_JULIAN: i64 = 2_440_588;

/// A column of the table.
struct Field {
    name: String,
    kind: u8,
    from: usize,
    length: usize,
}

/// What lies beside the table.
pub(super) struct Beside<'a> {
    pub(super) memo: Option<&'a mut dyn FileDyn>,
    pub(super) limits: &'a FormLimits,
}

struct Table {
    /// The first byte: which program wrote it, and so its memo file.
    version: u8,
    fields: Vec<Field>,
    records: u64,
    record_bytes: usize,
    decoding: &'static Decoding,
}

pub(super) fn read(
    file: &mut impl Read,
    encoding: Encoding,
    source: &FileSource,
    beside: Beside<'_>,
    take: &mut Take<'_>,
) -> Result<Told, FormError> {
    let mut file = BufReader::with_capacity(256 << 10, file);
    let table = table(&mut file, encoding)?;
    let names: Vec<String> = table.fields.iter().map(|f| f.name.clone()).collect();
    let columns = source.queries.iter().flat_map(|q| &q.columns).map(|c| c.text.as_str());
    let pick = header::pick_columns(&names, columns)?;
    let pick: Vec<&Field> = pick.iter().filter_map(|at| table.fields.get(*at)).collect();
    if let Some(other) = pick.iter().find(|f| !f.is_text()) {
        return Err(memo::no_text(&other.name).into());
    }
    let mut memo = match (pick.iter().find(|f| f.kind == b'M'), beside.memo) {
        (None, _) => None,
        (Some(_), Some(file)) => Some(Memo::open(file, table.version, beside.limits)?),
        (Some(field), None) => return Err(memo::missing(&field.name).into()),
    };
    let (mut told, mut row) = (Told::default(), RowBuf::new());
    let mut record = vec![0; table.record_bytes];
    if take(Item::Part { query: 0, name: "" }).is_break() {
        return Ok(told);
    }
    for number in 1..=table.records {
        if !whole(&mut file, &mut record)? {
            told.cut_off = true;
            if take(Item::Fault { number, fault: RowFault::CutOff }).is_break() {
                return Ok(told);
            }
            break;
        }
        if record.first() == Some(&DELETED) {
            continue;
        }
        row.clear();
        row.number = number;
        let item = match fill(&mut row, &pick, &record, memo.as_mut(), table.decoding)? {
            Err(fault) => Item::Fault { number, fault },
            Ok(()) if row.row().is_blank() => continue,
            Ok(()) => Item::Row(&row),
        };
        if take(item).is_break() {
            return Ok(told);
        }
    }
    Ok(told)
}

/// Puts a record's values into the row; or why it cannot be used.
fn fill(
    row: &mut RowBuf,
    pick: &[&Field],
    record: &[u8],
    mut memo: Option<&mut Memo<'_>>,
    decoding: &'static Decoding,
) -> Result<Result<(), RowFault>, FormError> {
    let (mut text, mut bytes) = (Vec::new(), 0);
    for field in pick {
        let put = match memo.as_mut().filter(|_| field.kind == b'M') {
            None => put(field, record, decoding, row),
            Some(memo) => memo.text(field.raw(record), &mut text)?.and_then(|()| {
                bytes += text.len();
                if bytes > ROW_BYTES_MAX {
                    Err(RowFault::TooLong)
                } else {
                    long(&text, decoding, row)
                }
            }),
        };
        if put.is_err() {
            return Ok(put);
        }
    }
    Ok(Ok(()))
}

/// The table's columns that can be read, for a first look.
pub(super) fn columns(file: &mut impl Read, encoding: Encoding) -> Result<Vec<String>, FormError> {
    let table = table(file, encoding)?;
    Ok(table.fields.into_iter().filter(Field::is_text).map(|f| f.name).collect())
}

/// Fills the record; not where the file ends before.
fn whole(file: &mut impl Read, record: &mut [u8]) -> io::Result<bool> {
    match file.read_exact(record) {
        Ok(()) => Ok(record.first() != Some(&END)),
        Err(e) if e.kind() == io::ErrorKind::UnexpectedEof => Ok(false),
        Err(e) => Err(e),
    }
}

fn table(file: &mut impl Read, encoding: Encoding) -> Result<Table, FormError> {
    let mut head = [0; 32];
    if file.read_exact(&mut head).is_err() || !VERSIONS.contains(&head[0]) {
        return Err(not_this("DBF").into());
    }
    let records = u64::from(u32::from_le_bytes([head[4], head[5], head[6], head[7]]));
    let header_bytes = usize::from(u16::from_le_bytes([head[8], head[9]]));
    let record_bytes = usize::from(u16::from_le_bytes([head[10], head[11]]));
    let decoding = match encoding {
        Encoding::Utf8 => UTF_8,
        Encoding::Gb18030 => GB18030,
        // What exports of this country leave out or get wrong is taken for what they write.
        Encoding::Auto => match head[29] {
            0x4f | 0x78 => BIG5,
            0xf0 => UTF_8,
            _ => GB18030,
        },
    };
    if header_bytes < 65 || record_bytes < 2 {
        return Err(damaged("the header's sizes").into());
    }
    let mut rest = vec![0; header_bytes - 32];
    file.read_exact(&mut rest)?;
    let (mut fields, mut from) = (Vec::new(), 1);
    for field in rest.chunks_exact(32).take_while(|f| f.first() != Some(&0x0d)) {
        let field = Field::of(field, from, decoding);
        from += field.length;
        fields.push(field);
        if fields.len() > COLUMNS_MAX {
            return Err(limit("COLUMNS_MAX", COLUMNS_MAX as u64).into());
        }
    }
    // FoxPro may keep bits of its own behind the fields.
    if from > record_bytes || fields.is_empty() || record_bytes > ROW_BYTES_MAX {
        return Err(damaged("the fields do not fit into a record").into());
    }
    Ok(Table { version: head[0], fields, records, record_bytes, decoding })
}

impl Field {
    fn of(bytes: &[u8], from: usize, decoding: &'static Decoding) -> Self {
        let byte = |at: usize| bytes.get(at).copied().unwrap_or(0);
        let name = bytes.get(..11).unwrap_or_default();
        let name = name.split(|b| *b == 0).next().unwrap_or_default();
        let kind = byte(11).to_ascii_uppercase();
        // Clipper keeps the length of long texts where numbers have their decimals.
        let long = if kind == b'C' { usize::from(byte(17)) << 8 } else { 0 };
        Self {
            name: decoding.decode_without_bom_handling(name).0.trim().to_owned(),
            kind,
            from,
            length: usize::from(byte(16)) + long,
        }
    }

    /// Not a picture, an object, bytes or a varying field.
    const fn is_text(&self) -> bool {
        !matches!(self.kind, b'G' | b'P' | b'W' | b'Q' | b'V')
    }

    /// The field's bytes of a record.
    fn raw<'r>(&self, record: &'r [u8]) -> &'r [u8] {
        record.get(self.from..self.from + self.length).unwrap_or_default()
    }
}

/// Puts a text of the memo file into the row; not where its bytes are no text.
fn long(raw: &[u8], decoding: &'static Decoding, row: &mut RowBuf) -> Result<(), RowFault> {
    let mut decoder = decoding.new_decoder_without_bom_handling();
    let (mut text, mut at) = (String::new(), 0);
    loop {
        let rest = raw.get(at..).unwrap_or_default();
        text.reserve(decoder.max_utf8_buffer_length_without_replacement(rest.len()).unwrap_or(0));
        let (result, read) = decoder.decode_to_string_without_replacement(rest, &mut text, true);
        at += read;
        match result {
            DecoderResult::InputEmpty => break,
            // Where dBASE broke a line by itself it left a mark that is no character.
            DecoderResult::Malformed(1, 0) if raw.get(at - 1..=at) == Some(&[0x8d, b'\n']) => {}
            DecoderResult::Malformed(..) | DecoderResult::OutputFull => {
                return Err(RowFault::Undecodable);
            }
        }
    }
    row.push(Some(text.trim_matches(['\0', ' ', '\r', '\n', '\u{1a}'])));
    Ok(())
}

/// Puts a field's text into the row; not where its bytes are no text.
fn put(
    field: &Field,
    record: &[u8],
    decoding: &'static Decoding,
    row: &mut RowBuf,
) -> Result<(), RowFault> {
    let raw = field.raw(record);
    let int = |at: usize| {
        let bytes = raw.get(at..at + 4)?;
        Some(i64::from(i32::from_le_bytes(bytes.try_into().ok()?)))
    };
    let eight = || Some(<[u8; 8]>::try_from(raw.get(..8)?).unwrap_or_default());
    match field.kind {
        b'I' | b'+' if raw.len() == 4 => {
            row.push(int(0).map(|n| n.to_string()).as_deref());
        }
        b'Y' if raw.len() == 8 => {
            let n = i64::from_le_bytes(eight().unwrap_or_default());
            let sign = if n < 0 { "-" } else { "" };
            let n = n.unsigned_abs();
            row.push(Some(&format!("{sign}{}.{:04}", n / 10_000, n % 10_000)));
        }
        b'B' | b'O' if raw.len() == 8 => {
            let n = f64::from_le_bytes(eight().unwrap_or_default());
            row.push_with(|out| number::put(n, number::Look::Plain, false, out));
        }
        b'T' | b'@' if raw.len() == 8 => {
            row.push(Some(&moment(int(0).unwrap_or(0), int(4).unwrap_or(0))));
        }
        _ => {
            let (text, failed) = decoding.decode_without_bom_handling(raw);
            let text = text.trim_matches(['\0', ' ']);
            match field.kind {
                b'D' => row.push(Some(&day(text))),
                b'L' => row.push(Some(match text {
                    "T" | "t" | "Y" | "y" => "T",
                    "F" | "f" | "N" | "n" => "F",
                    _ => "",
                })),
                _ => row.push(Some(text)),
            }
            if failed {
                return Err(RowFault::Undecodable);
            }
        }
    }
    Ok(())
}

/// `20261121` as `2026-11-21`; anything else as it stands.
fn day(text: &str) -> String {
    match (text.get(..4), text.get(4..6), text.get(6..8)) {
        (Some(y), Some(m), Some(d)) if text.len() == 8 => format!("{y}-{m}-{d}"),
        _ => text.to_owned(),
    }
}

fn moment(julian: i64, millis: i64) -> String {
    if julian == 0 {
        return String::new();
    }
    let (year, month, day) = number::civil(julian - EPOCH_JULIAN);
    let second = millis.div_euclid(1000);
    let (h, m, s) = (second / 3600, second / 60 % 60, second % 60);
    format!("{year:04}-{month:02}-{day:02} {h:02}:{m:02}:{s:02}")
}
