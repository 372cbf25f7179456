//! XML events with limits: no document type, no entities, so deep and so large and no further.

use std::cell::Cell;
use std::io::{BufReader, Read};
use std::rc::Rc;

use quick_xml::Reader;
use quick_xml::events::{BytesRef, BytesStart, Event};

use super::fault::{self, FormError, damaged};
use super::limits::{FormLimits, Metered};

/// What is read from the file at once.
const BUFFER_BYTES: usize = 64 << 10;

/// A reader of events.
pub(super) struct Xml<R: Read> {
    reader: Reader<BufReader<Metered<R>>>,
    since: Rc<Cell<u64>>,
    buf: Vec<u8>,
    depth: u64,
    depth_max: u64,
}

impl<R: Read> Xml<R> {
    pub(super) fn new(inner: R, limits: &FormLimits) -> Self {
        // One buffer more: it is filled ahead of the token.
        let max = limits.token_bytes_max.saturating_add(BUFFER_BYTES as u64);
        let (metered, since) = Metered::new(inner, max);
        let mut reader = Reader::from_reader(BufReader::with_capacity(BUFFER_BYTES, metered));
        reader.config_mut().expand_empty_elements = true;
        Self { reader, since, buf: Vec::new(), depth: 0, depth_max: limits.depth_max }
    }

    /// The next event; none at the end.
    pub(super) fn next(&mut self) -> Result<Option<Event<'_>>, XmlError> {
        self.buf.clear();
        self.since.set(0);
        let event = self.reader.read_event_into(&mut self.buf).map_err(XmlError::of)?;
        match &event {
            Event::DocType(_) => return Err(fault::document_type().into()),
            Event::Start(_) => {
                self.depth += 1;
                if self.depth > self.depth_max {
                    return Err(fault::limit("depth_max", self.depth_max).into());
                }
            }
            Event::End(_) => self.depth = self.depth.saturating_sub(1),
            Event::Eof if self.depth > 0 => return Err(XmlError::Cut),
            Event::Eof => return Ok(None),
            _ => {}
        }
        Ok(Some(event))
    }
}

/// Why there is no event.
#[derive(Debug)]
pub(super) enum XmlError {
    /// The text ends within an element or a tag.
    Cut,
    /// Anything else.
    Form(FormError),
}

impl XmlError {
    fn of(e: quick_xml::Error) -> Self {
        match e {
            quick_xml::Error::Io(e) => {
                let inner = e.get_ref().and_then(|inner| inner.downcast_ref::<fault::FileFault>());
                match inner {
                    Some(fault) => Self::Form(FormError::Wrong(fault.clone())),
                    None => Self::Form(std::io::Error::new(e.kind(), e.to_string()).into()),
                }
            }
            quick_xml::Error::Syntax(_) => Self::Cut,
            e => Self::Form(damaged(&e.to_string()).into()),
        }
    }
}

impl From<fault::FileFault> for XmlError {
    fn from(fault: fault::FileFault) -> Self {
        Self::Form(fault.into())
    }
}

impl From<XmlError> for FormError {
    fn from(e: XmlError) -> Self {
        match e {
            XmlError::Cut => damaged("XML ends too early").into(),
            XmlError::Form(e) => e,
        }
    }
}

/// Appends the text that an event is; other events add nothing.
pub(super) fn put_text(event: &Event<'_>, out: &mut String) -> Result<(), XmlError> {
    match event {
        Event::Text(text) => out.push_str(&text.xml10_content()),
        Event::CData(text) => out.push_str(&text.xml10_content()),
        Event::GeneralRef(reference) => put_reference(reference, out)?,
        _ => {}
    }
    Ok(())
}

fn put_reference(reference: &BytesRef<'_>, out: &mut String) -> Result<(), XmlError> {
    let wrong = |_| XmlError::from(damaged("a character reference"));
    if let Some(c) = reference.resolve_char_ref().map_err(wrong)? {
        out.push(c);
        return Ok(());
    }
    let name = reference.xml10_content();
    let text = quick_xml::escape::resolve_predefined_entity(&name);
    out.push_str(text.ok_or_else(fault::document_type)?);
    Ok(())
}

/// An attribute by its local name, unescaped.
pub(super) fn attribute(start: &BytesStart<'_>, name: &str) -> Result<Option<String>, XmlError> {
    for attribute in start.attributes() {
        let attribute = attribute.map_err(|_| damaged("an attribute"))?;
        if attribute.key.local_name().as_ref() == name {
            let value = quick_xml::escape::unescape(&attribute.value);
            return Ok(Some(value.map_err(|_| damaged("an attribute"))?.into_owned()));
        }
    }
    Ok(None)
}
