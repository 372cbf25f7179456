//! JSON files: an array under a path, objects one after the other (JSON lines), or a single object.
//! Each object is a row, its columns are paths; a number stays as it is written.

use std::borrow::Cow;
use std::cell::Cell;
use std::collections::BTreeMap;
use std::io::{BufReader, Read};
use std::rc::Rc;

use encoding_rs::UTF_8;
use encoding_rs_io::DecodeReaderBytesBuilder;
use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use super::fault::{FileFault, FormError, damaged};
use super::limits::Metered;
use super::look::Looked;
use super::{FormLimits, Item, Take, Told};
use crate::row::RowBuf;
use crate::source::{FileSource, Form};
use crate::text::RowFault;

/// What is read from the file at once.
const BUFFER_BYTES: usize = 64 << 10;
/// What is looked at of a file for a first look.
const LOOK_BYTES: u64 = 4 << 20;

pub(super) fn read(
    file: &mut impl Read,
    record: &str,
    source: &FileSource,
    limits: &FormLimits,
    take: &mut Take<'_>,
) -> Result<Told, FormError> {
    let decoded = DecodeReaderBytesBuilder::new()
        .encoding(Some(UTF_8))
        .bom_override(true)
        .strip_bom(true)
        .build(file);
    let max = limits.token_bytes_max.saturating_add(BUFFER_BYTES as u64);
    let (metered, since) = Metered::new(decoded, max);
    let mut told = Told::default();
    if take(Item::Part { query: 0, name: "" }).is_break() {
        return Ok(told);
    }
    let columns = source.queries.iter().flat_map(|q| &q.columns);
    let mut rows = Rows {
        columns: columns.map(|c| c.text.split('/').collect()).collect(),
        take,
        since,
        number: 0,
        found: false,
        enough: false,
        out: RowBuf::new(),
    };
    let path: Vec<&str> = record.split('/').filter(|s| !s.is_empty()).collect();
    let mut json =
        serde_json::Deserializer::from_reader(BufReader::with_capacity(BUFFER_BYTES, metered));
    // Objects one after the other are as good as an array of them.
    while json.end().is_err() {
        let walked = Walk { path: &path, rows: &mut rows }.deserialize(&mut json);
        if rows.enough {
            return Ok(told);
        }
        match walked {
            Ok(()) => {}
            Err(e) if e.is_eof() && rows.found => {
                told.cut_off = true;
                let number = rows.number + 1;
                if (rows.take)(Item::Fault { number, fault: RowFault::CutOff }).is_break() {
                    return Ok(told);
                }
                break;
            }
            Err(e) if e.is_io() => return Err(std::io::Error::from(e).into()),
            Err(e) => {
                let (line, column) = (e.line(), e.column());
                return Err(damaged(&format!("JSON, line {line}, column {column}")).into());
            }
        }
    }
    if rows.found { Ok(told) } else { Err(nothing(record).into()) }
}

fn nothing(record: &str) -> FileFault {
    FileFault {
        code: "source.header_missing",
        zh: format!("文件中没有约定的记录路径『{record}』"),
        en: format!("the file has no records at the agreed path `{record}`"),
    }
}

/// Gives rows as they come.
struct Rows<'r, 't> {
    columns: Vec<Vec<&'r str>>,
    take: &'r mut Take<'t>,
    since: Rc<Cell<u64>>,
    number: u64,
    /// The path was there.
    found: bool,
    /// Whoever takes them has enough.
    enough: bool,
    out: RowBuf,
}

impl Rows<'_, '_> {
    fn give<E: serde::de::Error>(
        &mut self,
        entries: &[(Cow<'_, str>, Cow<'_, RawValue>)],
    ) -> Result<(), E> {
        self.number += 1;
        self.out.clear();
        self.out.number = self.number;
        let item = match put(entries, &self.columns, &mut self.out) {
            Err(fault) => Item::Fault { number: self.number, fault },
            Ok(()) => Item::Row(&self.out),
        };
        if (self.take)(item).is_break() {
            self.enough = true;
            return Err(E::custom("enough"));
        }
        Ok(())
    }
}

/// Puts the values at these paths into a row.
fn put<P: AsRef<str>>(
    entries: &[(Cow<'_, str>, Cow<'_, RawValue>)],
    columns: &[Vec<P>],
    out: &mut RowBuf,
) -> Result<(), RowFault> {
    let mut fault = None;
    for (column, path) in columns.iter().enumerate() {
        match value(entries, path) {
            Ok(Some(text)) if text.contains('\u{fffd}') => fault = Some(RowFault::Undecodable),
            Ok(text) => out.push(text.as_deref()),
            Err(NotOne) => fault = fault.or(Some(RowFault::NotOneValue { column })),
        }
    }
    fault.map_or(Ok(()), Err)
}

/// Puts a record, a JSON text, into a row.
pub(super) fn put_record(
    record: &str,
    columns: &[Vec<String>],
    out: &mut RowBuf,
) -> Result<(), RowFault> {
    let object: Object<'_> =
        serde_json::from_str(record).map_err(|_| RowFault::NotOneValue { column: 0 })?;
    put(&object.0, columns, out)
}

/// Single values of an answer.
pub(super) fn fields(body: &[u8], paths: &[&str]) -> Result<Vec<Option<String>>, FormError> {
    let text = std::str::from_utf8(body).map_err(|_| damaged("JSON that is not UTF-8"))?;
    let text = text.trim_start_matches('\u{feff}').trim_start();
    if paths.is_empty() || !text.starts_with('{') {
        return Ok(vec![None; paths.len()]);
    }
    let object: Object<'_> = serde_json::from_str(text).map_err(|e| {
        let (line, column) = (e.line(), e.column());
        damaged(&format!("JSON, line {line}, column {column}"))
    })?;
    let one = |path: &&str| {
        let parts: Vec<&str> = path.split('/').collect();
        value(&object.0, &parts).map_err(|_| damaged(&format!("`{path}` is not one value")).into())
    };
    paths.iter().map(one).collect()
}

/// Nested, or there twice.
struct NotOne;

/// The text at a path of an object; none where it is not there or null.
fn value(
    entries: &[(Cow<'_, str>, Cow<'_, RawValue>)],
    path: &[impl AsRef<str>],
) -> Result<Option<String>, NotOne> {
    let Some((first, rest)) = path.split_first() else { return Ok(None) };
    let mut found = entries.iter().filter(|(key, _)| key == first.as_ref());
    let Some((_, raw)) = found.next() else { return Ok(None) };
    if found.next().is_some() {
        return Err(NotOne);
    }
    let raw = raw.get();
    match raw.as_bytes().first() {
        Some(b'n') => Ok(None),
        Some(b'{') if !rest.is_empty() => {
            let inner: Object<'_> = serde_json::from_str(raw).map_err(|_| NotOne)?;
            value(&inner.0, rest)
        }
        _ if !rest.is_empty() => Err(NotOne),
        Some(b'"') => serde_json::from_str(raw).map(Some).map_err(|_| NotOne),
        Some(b'{' | b'[') | None => Err(NotOne),
        // A number, true or false, as it is written.
        Some(_) => Ok(Some(raw.to_owned())),
    }
}

/// An object's entries, in order, doubled keys and all.
struct Object<'o>(Vec<(Cow<'o, str>, Cow<'o, RawValue>)>);

impl<'de> serde::Deserialize<'de> for Object<'de> {
    fn deserialize<D: Deserializer<'de>>(de: D) -> Result<Self, D::Error> {
        struct Entries;
        impl<'de> Visitor<'de> for Entries {
            type Value = Object<'de>;
            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("an object")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Object<'de>, A::Error> {
                let mut out = Vec::new();
                while let Some((key, raw)) = map.next_entry::<String, &'de RawValue>()? {
                    out.push((Cow::Owned(key), Cow::Borrowed(raw)));
                }
                Ok(Object(out))
            }
        }
        de.deserialize_map(Entries)
    }
}

/// Goes down the path to the records.
struct Walk<'w, 'r, 't> {
    path: &'w [&'w str],
    rows: &'w mut Rows<'r, 't>,
}

impl<'de> DeserializeSeed<'de> for Walk<'_, '_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, de: D) -> Result<(), D::Error> {
        de.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Walk<'_, '_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("records")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        if !self.path.is_empty() {
            return Err(serde::de::Error::custom("the path leads into an array"));
        }
        self.rows.found = true;
        self.rows.since.set(0);
        while seq.next_element_seed(Record { rows: &mut *self.rows })?.is_some() {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let Some((first, rest)) = self.path.split_first() else {
            self.rows.found = true;
            return Record { rows: self.rows }.visit_map(map);
        };
        while let Some(key) = map.next_key::<String>()? {
            self.rows.since.set(0);
            if key == *first {
                map.next_value_seed(Walk { path: rest, rows: &mut *self.rows })?;
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(())
    }

    // An empty answer has null where its records would be, or around them.
    fn visit_unit<E>(self) -> Result<(), E> {
        self.rows.found = true;
        Ok(())
    }
}

/// One record.
struct Record<'w, 'r, 't> {
    rows: &'w mut Rows<'r, 't>,
}

impl<'de> DeserializeSeed<'de> for Record<'_, '_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, de: D) -> Result<(), D::Error> {
        de.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Record<'_, '_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a record: an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        self.rows.since.set(0);
        let mut entries = Vec::new();
        while let Some((key, raw)) = map.next_entry::<String, Box<RawValue>>()? {
            entries.push((Cow::Owned(key), Cow::Owned(raw)));
        }
        self.rows.give(&entries)
    }
}

/// The first array of objects, and what its first objects hold.
pub(super) fn looked(file: &mut impl Read) -> Result<Looked, FormError> {
    let mut head = Vec::new();
    let mut decoded = DecodeReaderBytesBuilder::new().encoding(Some(UTF_8)).build(file);
    Read::by_ref(&mut decoded).take(LOOK_BYTES).read_to_end(&mut head)?;
    let head = String::from_utf8_lossy(&head);
    let mut shape = Shape::default();
    // The text may end in the middle: what was seen until then counts.
    let mut json = serde_json::Deserializer::from_str(head.trim_start_matches('\u{feff}'));
    while json.end().is_err() {
        let seen = Seen { path: Vec::new(), shape: &mut shape };
        if seen.deserialize(&mut json).is_err() {
            break;
        }
    }
    let mut paths: Vec<(usize, String)> = shape.leaves.into_iter().map(|(p, n)| (n, p)).collect();
    paths.sort_unstable();
    let record = shape.record.unwrap_or_default();
    let below = |path: &str| {
        let rest = path.strip_prefix(record.as_str())?;
        (!rest.is_empty()).then(|| rest.trim_start_matches('/').to_owned())
    };
    let header: Vec<String> = paths.iter().filter_map(|(_, path)| below(path)).collect();
    if header.is_empty() {
        return Err(nothing(&record).into());
    }
    Ok(Looked { form: Form::Json(record), part: None, header })
}

/// What was seen of a file.
#[derive(Default)]
struct Shape {
    /// Path of the first array with objects in it.
    record: Option<String>,
    /// Path of a value → in which order it came first.
    leaves: BTreeMap<String, usize>,
}

struct Seen<'s> {
    path: Vec<String>,
    shape: &'s mut Shape,
}

impl Seen<'_> {
    fn leaf(&mut self) {
        let order = self.shape.leaves.len();
        self.shape.leaves.entry(self.path.join("/")).or_insert(order);
    }
}

impl<'de> DeserializeSeed<'de> for Seen<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, de: D) -> Result<(), D::Error> {
        de.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Seen<'_> {
    type Value = ();

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a value")
    }

    fn visit_bool<E>(mut self, _: bool) -> Result<(), E> {
        self.leaf();
        Ok(())
    }

    fn visit_i64<E>(mut self, _: i64) -> Result<(), E> {
        self.leaf();
        Ok(())
    }

    fn visit_u64<E>(mut self, _: u64) -> Result<(), E> {
        self.leaf();
        Ok(())
    }

    fn visit_f64<E>(mut self, _: f64) -> Result<(), E> {
        self.leaf();
        Ok(())
    }

    fn visit_str<E>(mut self, _: &str) -> Result<(), E> {
        self.leaf();
        Ok(())
    }

    fn visit_unit<E>(mut self) -> Result<(), E> {
        self.leaf();
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        let here = self.path.join("/");
        let inner = self.shape.record.as_ref().is_some_and(|record| *record != here);
        let record = self.shape.record.get_or_insert(here);
        if inner && !record.is_empty() {
            // An array within a record has no one value.
            while seq.next_element::<IgnoredAny>()?.is_some() {}
            return Ok(());
        }
        loop {
            let seen = Seen { path: self.path.clone(), shape: &mut *self.shape };
            if seq.next_element_seed(seen)?.is_none() {
                return Ok(());
            }
        }
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(key) = map.next_key::<String>()? {
            let mut path = self.path.clone();
            path.push(key);
            map.next_value_seed(Seen { path, shape: &mut *self.shape })?;
        }
        Ok(())
    }
}
