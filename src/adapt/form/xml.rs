//! XML files: an element at a path is a row, elements and attributes below it are its columns.

use std::collections::BTreeMap;
use std::io::{Read, Seek, SeekFrom};

use encoding_rs::{Encoding, GB18030, GBK, UTF_8};
use encoding_rs_io::{DecodeReaderBytes, DecodeReaderBytesBuilder};
use quick_xml::events::{BytesStart, Event};

use super::fault::{FileFault, FormError, damaged};
use super::limits::FormLimits;
use super::xml_read::{Xml, XmlError, put_text};
use super::{Item, Take, Told};
use crate::row::RowBuf;
use crate::source::FileSource;
use crate::text::{ROW_BYTES_MAX, RowFault};

/// Single values of an answer, from its outermost element.
pub(super) fn fields(
    body: &[u8],
    record: &str,
    paths: &[&str],
    limits: &FormLimits,
) -> Result<Vec<Option<String>>, FormError> {
    let root = record.split('/').find(|s| !s.is_empty()).unwrap_or_default();
    let mut file = std::io::Cursor::new(body);
    let mut xml = Xml::new(decoded(&mut file)?, limits);
    let mut records = Records::new(root, paths.iter().copied());
    while let Some(event) = xml.next()? {
        if records.event(&event)? {
            let item = records.item();
            let Item::Row(row) = item else { return Err(damaged("a value is not one").into()) };
            let row = row.row();
            return Ok((0..row.len()).map(|i| row.get(i).map(str::to_owned)).collect());
        }
    }
    match records.missing() {
        Some(fault) => Err(fault.into()),
        None => Err(damaged("the answer is not whole").into()),
    }
}

/// Where a declaration must have ended.
const DECLARATION_BYTES: usize = 1024;

pub(super) fn read(
    file: &mut (impl Read + Seek),
    record: &str,
    source: &FileSource,
    limits: &FormLimits,
    take: &mut Take<'_>,
) -> Result<Told, FormError> {
    rows(decoded(file)?, record, source, limits, take)
}

/// The rows of a document that is UTF-8 already.
pub(super) fn rows(
    text: impl Read,
    record: &str,
    source: &FileSource,
    limits: &FormLimits,
    take: &mut Take<'_>,
) -> Result<Told, FormError> {
    let mut xml = Xml::new(text, limits);
    let columns = source.queries.iter().flat_map(|q| &q.columns).map(|c| c.text.as_str());
    let mut records = Records::new(record, columns);
    let mut told = Told::default();
    if take(Item::Part { query: 0, name: "" }).is_break() {
        return Ok(told);
    }
    loop {
        let done = match xml.next() {
            Ok(None) => break,
            Ok(Some(event)) => records.event(&event),
            Err(e) => Err(e),
        };
        match done {
            Ok(false) => {}
            Ok(true) => {
                if take(records.item()).is_break() {
                    return Ok(told);
                }
            }
            Err(XmlError::Cut) if records.root_right => {
                told.cut_off = true;
                let number = records.number + 1;
                if take(Item::Fault { number, fault: RowFault::CutOff }).is_break() {
                    return Ok(told);
                }
                break;
            }
            Err(e) => return Err(e.into()),
        }
    }
    match records.missing() {
        Some(fault) if !told.cut_off => Err(fault.into()),
        _ => Ok(told),
    }
}

/// The file as UTF-8, whatever its mark or its declaration says it is.
pub(super) fn decoded<F: Read + Seek>(
    file: &mut F,
) -> Result<DecodeReaderBytes<&mut F, Vec<u8>>, FormError> {
    let encoding = encoding(file)?;
    let mut builder = DecodeReaderBytesBuilder::new();
    builder.encoding(Some(encoding)).bom_override(true).strip_bom(true);
    Ok(builder.build(file))
}

/// The encoding of the declaration; GB2312 and GBK are read as what holds them.
fn encoding(file: &mut (impl Read + Seek)) -> Result<&'static Encoding, FormError> {
    let mut head = Vec::new();
    Read::by_ref(file).take(DECLARATION_BYTES as u64).read_to_end(&mut head)?;
    file.seek(SeekFrom::Start(0))?;
    let text = String::from_utf8_lossy(&head);
    let declaration = text.trim_start_matches('\u{feff}').split("?>").next().unwrap_or_default();
    if !declaration.starts_with("<?xml") {
        return Ok(UTF_8);
    }
    let Some((_, after)) = declaration.split_once("encoding") else { return Ok(UTF_8) };
    let label: String = after
        .trim_start_matches([' ', '\t', '\r', '\n', '=', '"', '\''])
        .chars()
        .take_while(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | ':'))
        .collect();
    match Encoding::for_label(label.as_bytes()) {
        Some(known) if known == GBK => Ok(GB18030),
        Some(known) => Ok(known),
        None => Err(damaged("the declared encoding is unknown").into()),
    }
}

/// An element within the record.
struct Level {
    /// Length of the path before it.
    before: usize,
    /// The column that it is.
    column: Option<usize>,
}

/// Puts records together from events.
struct Records {
    record: Vec<String>,
    /// Path below the record → column.
    columns: BTreeMap<String, usize>,
    values: Vec<Option<String>>,
    /// How deep, and how much of the record's path the elements so far are.
    depth: usize,
    matched: usize,
    root_right: bool,
    /// The element around the records was there, and something else within it.
    around: bool,
    strange: bool,
    inside: bool,
    path: String,
    levels: Vec<Level>,
    bytes: usize,
    fault: Option<RowFault>,
    number: u64,
    out: RowBuf,
}

impl Records {
    fn new<'c>(record: &str, columns: impl Iterator<Item = &'c str>) -> Self {
        let columns: BTreeMap<String, usize> =
            columns.enumerate().map(|(i, c)| (c.to_owned(), i)).collect();
        Self {
            record: record.split('/').filter(|s| !s.is_empty()).map(str::to_owned).collect(),
            values: vec![None; columns.len()],
            columns,
            depth: 0,
            matched: 0,
            root_right: false,
            around: false,
            strange: false,
            inside: false,
            path: String::new(),
            levels: Vec::new(),
            bytes: 0,
            fault: None,
            number: 0,
            out: RowBuf::new(),
        }
    }

    /// A file whose records are elsewhere must not pass for one without records.
    fn missing(&self) -> Option<FileFault> {
        let path = self.record.join("/");
        let found = self.number > 0 || (self.root_right && self.around && !self.strange);
        (!found).then(|| FileFault {
            code: "source.header_missing",
            zh: format!("文件中没有约定的记录元素『{path}』"),
            en: format!("the file has no element at the agreed path `{path}`"),
        })
    }

    /// Takes an event; whether a record is whole with it.
    fn event(&mut self, event: &Event<'_>) -> Result<bool, XmlError> {
        match event {
            Event::Start(start) => self.start(start)?,
            Event::End(_) if self.inside => return Ok(self.end()),
            Event::End(_) => {
                self.depth = self.depth.saturating_sub(1);
                self.matched = self.matched.min(self.depth);
            }
            event if self.inside => {
                let Some(Level { column: Some(column), .. }) = self.levels.last() else {
                    return Ok(false);
                };
                if let Some(Some(value)) = self.values.get_mut(*column) {
                    let before = value.len();
                    put_text(event, value)?;
                    self.bytes += value.len() - before;
                    if self.bytes > ROW_BYTES_MAX {
                        // What there is of it is not kept; the rest is passed over.
                        value.clear();
                        self.fault = Some(RowFault::TooLong);
                        self.bytes = 0;
                    }
                }
            }
            // An entity of the file's own is refused wherever it stands.
            event @ Event::GeneralRef(_) => put_text(event, &mut String::new())?,
            _ => {}
        }
        Ok(false)
    }

    fn start(&mut self, start: &BytesStart<'_>) -> Result<(), XmlError> {
        let name = start.local_name();
        let name: &str = name.as_ref();
        if self.inside {
            let before = self.path.len();
            if before > 0 {
                self.path.push('/');
            }
            self.path.push_str(name);
            let column = self.columns.get(&self.path).copied();
            if let Some(column) = column {
                self.put(column, String::new());
            }
            self.levels.push(Level { before, column });
            return self.attributes(start);
        }
        let right = self.matched == self.depth
            && self.record.get(self.depth).is_some_and(|want| want == name);
        let within = self.matched == self.depth && self.depth + 1 == self.record.len();
        self.around |= within;
        self.strange |= within && !right;
        self.depth += 1;
        if right {
            self.matched = self.depth;
            self.root_right = true;
            self.around |= self.depth + 1 == self.record.len();
        }
        if right && self.matched == self.record.len() {
            self.inside = true;
            (self.bytes, self.fault) = (0, None);
            self.path.clear();
            self.values.fill(None);
            return self.attributes(start);
        }
        Ok(())
    }

    fn attributes(&mut self, start: &BytesStart<'_>) -> Result<(), XmlError> {
        for attribute in start.attributes() {
            let attribute = attribute.map_err(|_| damaged("an attribute"))?;
            let name = attribute.key.local_name();
            let slash = if self.path.is_empty() { "" } else { "/" };
            let name: &str = name.as_ref();
            let path = format!("{}{slash}@{name}", self.path);
            if let Some(column) = self.columns.get(&path).copied() {
                let value = quick_xml::escape::unescape(&attribute.value);
                let value = value.map_err(|_| super::fault::document_type())?;
                self.put(column, value.into_owned());
            }
        }
        Ok(())
    }

    /// A column that is there twice has no one value.
    fn put(&mut self, column: usize, value: String) {
        if let Some(slot) = self.values.get_mut(column) {
            if slot.is_some() {
                self.fault = self.fault.or(Some(RowFault::NotOneValue { column }));
            }
            *slot = Some(value);
        }
    }

    /// The end of an element within the record, or of the record.
    fn end(&mut self) -> bool {
        match self.levels.pop() {
            Some(level) => {
                self.path.truncate(level.before);
                false
            }
            None => {
                self.inside = false;
                self.depth -= 1;
                self.matched = self.depth;
                self.number += 1;
                true
            }
        }
    }

    /// The record that is whole now.
    fn item(&mut self) -> Item<'_> {
        let undecodable = |v: &Option<String>| v.as_ref().is_some_and(|v| v.contains('\u{fffd}'));
        let fault = self
            .fault
            .or_else(|| self.values.iter().any(undecodable).then_some(RowFault::Undecodable));
        if let Some(fault) = fault {
            return Item::Fault { number: self.number, fault };
        }
        self.out.clear();
        self.out.number = self.number;
        for value in &self.values {
            self.out.push(value.as_deref());
        }
        Item::Row(&self.out)
    }
}
