//! Messages of the Singer protocol, one JSON object a line: RECORD is a row of its stream, STATE says
//! how far the tap is, SCHEMA what a stream has. ACTIVATE_VERSION and whatever else there is are
//! passed over: nothing is ever taken back because a tap says so.

use std::io::{BufRead, BufReader, Read};

use serde::Deserialize;
use serde_json::value::RawValue;

use super::fault::{FormError, damaged};
use super::json::put_record;
use super::{Item, Take, Told};
use crate::row::RowBuf;
use crate::source::FileSource;
use crate::text::{ROW_BYTES_MAX, RowFault};

/// Longest line of a tap, bytes: a SCHEMA may be long, a RECORD may have [`ROW_BYTES_MAX`].
pub const LINE_BYTES_MAX: usize = 4 << 20;

/// What a line says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Message {
    /// The row of a query: it is in the reader's buffer.
    Row(usize),
    /// A row of a query that cannot be used.
    Fault(usize, RowFault),
    /// How far the tap is: JSON text.
    State(String),
    /// What the stream of a query has: names of its properties; none where it does not say.
    Schema(usize, Option<Vec<String>>),
    /// Rows of a query in files beside the messages, which are not read.
    Batch,
    /// Of a stream that no query reads, or of a kind that says nothing here.
    Passed,
    /// No message at all.
    None,
}

#[derive(Deserialize)]
struct Line<'l> {
    #[serde(rename = "type")]
    kind: &'l str,
    #[serde(borrow, default)]
    stream: std::borrow::Cow<'l, str>,
    #[serde(borrow, default)]
    record: Option<&'l RawValue>,
    #[serde(borrow, default)]
    value: Option<&'l RawValue>,
    #[serde(borrow, default)]
    schema: Option<&'l RawValue>,
}

#[derive(Deserialize)]
struct Schema {
    properties: Option<serde_json::Map<String, serde_json::Value>>,
}

/// Reads lines.
#[derive(Clone, Debug)]
pub struct Singer {
    streams: Vec<String>,
    columns: Vec<Vec<Vec<String>>>,
    /// The row of the last [`Message::Row`].
    pub row: RowBuf,
}

impl Singer {
    /// For the streams and queries of this source.
    pub fn new(streams: &[String], source: &FileSource) -> Self {
        let path = |text: &str| text.split('/').map(str::to_owned).collect();
        let columns = source.queries.iter();
        let columns = columns.map(|q| q.columns.iter().map(|c| path(&c.text)).collect()).collect();
        Self { streams: streams.to_vec(), columns, row: RowBuf::new() }
    }

    /// What a line says.
    pub fn line(&mut self, line: &str) -> Message {
        let Ok(said) = serde_json::from_str::<Line<'_>>(line) else { return Message::None };
        let query = self.streams.iter().position(|s| *s == said.stream);
        match (said.kind, query) {
            ("STATE", _) => match said.value {
                Some(value) => Message::State(value.get().to_owned()),
                None => Message::None,
            },
            ("RECORD", Some(query)) => self.record(query, said.record),
            ("SCHEMA", Some(query)) => {
                let schema = said.schema.and_then(|s| serde_json::from_str(s.get()).ok());
                let properties = schema.and_then(|s: Schema| s.properties);
                let names = properties.map(|p| p.into_iter().map(|(name, _)| name).collect());
                Message::Schema(query, names)
            }
            ("BATCH", Some(_)) => Message::Batch,
            _ => Message::Passed,
        }
    }

    fn record(&mut self, query: usize, record: Option<&RawValue>) -> Message {
        let columns = self.columns.get(query).map_or(&[][..], Vec::as_slice);
        self.row.clear();
        match record {
            None => Message::None,
            Some(record) if record.get().len() > ROW_BYTES_MAX => {
                Message::Fault(query, RowFault::TooLong)
            }
            Some(record) => match put_record(record.get(), columns, &mut self.row) {
                Ok(()) => Message::Row(query),
                Err(fault) => Message::Fault(query, fault),
            },
        }
    }
}

/// What a tap said, kept in a file.
pub(super) fn read(
    file: &mut impl Read,
    streams: &[String],
    source: &FileSource,
    take: &mut Take<'_>,
) -> Result<Told, FormError> {
    let mut singer = Singer::new(streams, source);
    let mut lines = BufReader::new(file);
    let (mut line, mut number, mut part) = (Vec::new(), 0, None);
    loop {
        line.clear();
        let max = LINE_BYTES_MAX as u64 + 1;
        if Read::by_ref(&mut lines).take(max).read_until(b'\n', &mut line)? == 0 {
            break;
        }
        number += 1;
        if line.len() > LINE_BYTES_MAX {
            return Err(super::fault::limit("LINE_BYTES_MAX", LINE_BYTES_MAX as u64).into());
        }
        let text = std::str::from_utf8(&line).unwrap_or_default().trim_start_matches('\u{feff}');
        if text.trim().is_empty() && !line.iter().any(|b| *b >= 0x80) {
            continue;
        }
        let (query, fault) = match singer.line(text) {
            Message::Row(query) => (query, None),
            Message::Fault(query, fault) => (query, Some(fault)),
            Message::None | Message::Batch => {
                return Err(damaged(&format!("Singer, line {number}")).into());
            }
            Message::State(_) | Message::Schema(..) | Message::Passed => continue,
        };
        if part.replace(query) != Some(query) && take(Item::Part { query, name: "" }).is_break() {
            break;
        }
        singer.row.number = number;
        let item = match fault {
            Some(fault) => Item::Fault { number, fault },
            None => Item::Row(&singer.row),
        };
        if take(item).is_break() {
            break;
        }
    }
    Ok(Told::default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::{Form, Query};
    use crate::tree::Text;

    #[test]
    fn lines_are_told_apart_and_numbers_stay_as_they_are_written() {
        let text = |t: &str| Text { text: t.into(), ..Text::default() };
        let query = Query {
            name: text("orders"),
            sql: String::new(),
            sql_for: std::collections::BTreeMap::new(),
            columns: vec![text("id"), text("who/name")],
            key: vec![text("id")],
            detect: crate::Detect::Feed,
            history: None,
            vanished: crate::Vanished::Ignore,
            write_back: None,
        };
        let streams = vec!["public-orders".to_owned()];
        let source = FileSource::of(Form::Singer(streams.clone()), vec![query]);
        let mut singer = Singer::new(&streams, &source);
        let row = r#"{"type":"RECORD","stream":"public-orders","record":{"id":1.10,"who":{"name":"甲"}}}"#;
        assert_eq!(singer.line(row), Message::Row(0));
        assert_eq!((singer.row.row().get(0), singer.row.row().get(1)), (Some("1.10"), Some("甲")));
        let twice = r#"{"type":"RECORD","stream":"public-orders","record":{"id":1,"id":2}}"#;
        assert_eq!(singer.line(twice), Message::Fault(0, RowFault::NotOneValue { column: 0 }));
        for (line, says) in [
            (r#"{"type":"STATE","value":{"a": 1}}"#, Message::State(r#"{"a": 1}"#.into())),
            (
                r#"{"type":"SCHEMA","stream":"public-orders","schema":{"properties":{"id":{}}}}"#,
                Message::Schema(0, Some(vec!["id".into()])),
            ),
            (r#"{"type":"SCHEMA","stream":"public-orders","schema":{}}"#, Message::Schema(0, None)),
            (r#"{"type":"RECORD","stream":"other","record":{}}"#, Message::Passed),
            (
                r#"{"type":"ACTIVATE_VERSION","stream":"public-orders","version":1}"#,
                Message::Passed,
            ),
            (r#"{"type":"BATCH","stream":"public-orders","manifest":[]}"#, Message::Batch),
            (r#"{"type":"RECORD","stream":"public-orders"}"#, Message::None),
            (r#"{"type":"RECORD","stream":"public-orders","record":[1]}"#, Message::None),
            ("loading …", Message::None),
            ("{}", Message::None),
        ] {
            let got = singer.line(line);
            let fault = matches!(got, Message::Fault(0, _)) && line.contains("[1]");
            assert!(got == says || fault, "{line}: {got:?}");
        }
    }
}
