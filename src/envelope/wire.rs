//! Writing and reading the one exact XML form of heads and control bodies.
//!
//! Start and end tags only, no white space between elements, `&amp; &lt; &gt; &#xD;` in text: what
//! exclusive C14N would write. An element is never empty: what has no value is left out.

use std::borrow::Cow;
use std::fmt::{Display, Write as _};
use std::str::FromStr;

use canon::{EnvelopeId, NodeCode};

use crate::Refuse;
use crate::limits::{REPEATED_MAX, TEXT_BYTES_MAX};

/// Appends elements to a byte string.
pub(crate) struct Writer {
    out: Vec<u8>,
}

impl Writer {
    pub(crate) fn with_capacity(bytes: usize) -> Self {
        Self { out: Vec::with_capacity(bytes) }
    }

    pub(crate) fn raw(&mut self, bytes: &str) {
        self.out.extend_from_slice(bytes.as_bytes());
    }

    pub(crate) fn open(&mut self, name: &str) {
        self.out.push(b'<');
        self.raw(name);
        self.out.push(b'>');
    }

    pub(crate) fn close(&mut self, name: &str) {
        self.raw("</");
        self.raw(name);
        self.out.push(b'>');
    }

    /// An element with text; nothing at all where the text is empty.
    pub(crate) fn text(&mut self, name: &str, text: &str) {
        if text.is_empty() {
            return;
        }
        self.open(name);
        escape(text, &mut self.out);
        self.close(name);
    }

    pub(crate) fn opt(&mut self, name: &str, text: Option<&str>) {
        self.text(name, text.unwrap_or_default());
    }

    pub(crate) fn num(&mut self, name: &str, value: u64) {
        self.open(name);
        self.digits(value);
        self.close(name);
    }

    pub(crate) fn show(&mut self, name: &str, value: &impl Display) {
        self.text(name, &value.to_string());
    }

    /// Numbers separated by one blank; nothing at all where there are none.
    pub(crate) fn list(&mut self, name: &str, values: &[u32]) {
        let Some((first, rest)) = values.split_first() else { return };
        self.open(name);
        self.digits(u64::from(*first));
        for value in rest {
            self.out.push(b' ');
            self.digits(u64::from(*value));
        }
        self.close(name);
    }

    pub(crate) fn digits(&mut self, mut value: u64) {
        let mut buffer = [0_u8; 20];
        let mut at = buffer.len();
        loop {
            at -= 1;
            buffer[at] = b'0' + (value % 10) as u8;
            value /= 10;
            if value == 0 {
                break;
            }
        }
        self.out.extend_from_slice(&buffer[at..]);
    }

    pub(crate) fn finish(self) -> Vec<u8> {
        self.out
    }
}

/// Escapes text as C14N does. Characters that XML 1.0 cannot carry become U+FFFD.
fn escape(text: &str, out: &mut Vec<u8>) {
    let plain = |b: u8| !matches!(b, b'&' | b'<' | b'>' | 0..=0x1f | 0xef);
    if text.bytes().all(plain) {
        out.extend_from_slice(text.as_bytes());
        return;
    }
    let mut utf8 = [0; 4];
    for c in text.chars() {
        match c {
            '&' => out.extend_from_slice(b"&amp;"),
            '<' => out.extend_from_slice(b"&lt;"),
            '>' => out.extend_from_slice(b"&gt;"),
            '\r' => out.extend_from_slice(b"&#xD;"),
            '\t' | '\n' => out.push(c as u8),
            '\0'..='\x1f' | '\u{fffe}' | '\u{ffff}' => {
                out.extend_from_slice("\u{fffd}".as_bytes());
            }
            c => out.extend_from_slice(c.encode_utf8(&mut utf8).as_bytes()),
        }
    }
}

/// A cursor over bytes that must be in the exact form.
#[derive(Clone)]
pub(crate) struct Scan<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Scan<'a> {
    pub(crate) const fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    pub(crate) const fn malformed(&self, what: &'static str) -> Refuse {
        Refuse::Malformed { at: self.at, what }
    }

    fn rest(&self) -> &'a [u8] {
        self.bytes.get(self.at..).unwrap_or_default()
    }

    pub(crate) fn literal(&mut self, text: &str, what: &'static str) -> Result<(), Refuse> {
        if !self.rest().starts_with(text.as_bytes()) {
            return Err(self.malformed(what));
        }
        self.at += text.len();
        Ok(())
    }

    /// Takes `<name>` if it is next.
    pub(crate) fn try_open(&mut self, name: &str) -> bool {
        let rest = self.rest();
        let found = rest.first() == Some(&b'<')
            && rest.get(1..).is_some_and(|r| r.starts_with(name.as_bytes()))
            && rest.get(name.len() + 1) == Some(&b'>');
        if found {
            self.at += name.len() + 2;
        }
        found
    }

    pub(crate) fn open(&mut self, name: &'static str) -> Result<(), Refuse> {
        if self.try_open(name) { Ok(()) } else { Err(self.malformed(name)) }
    }

    pub(crate) fn close(&mut self, name: &'static str) -> Result<(), Refuse> {
        let rest = self.rest();
        let found = rest.starts_with(b"</")
            && rest.get(2..).is_some_and(|r| r.starts_with(name.as_bytes()))
            && rest.get(name.len() + 2) == Some(&b'>');
        if !found {
            return Err(self.malformed(name));
        }
        self.at += name.len() + 3;
        Ok(())
    }

    /// The raw bytes up to the next `<`, at most `max` of them and at least one.
    pub(crate) fn until_tag(&mut self, max: usize) -> Result<&'a [u8], Refuse> {
        let rest = self.rest();
        let window = rest.get(..max + 1).unwrap_or(rest);
        let Some(len) = window.iter().position(|b| *b == b'<') else {
            return Err(if rest.len() > max {
                Refuse::TooLarge { what: "text", size: rest.len() as u64, max: max as u64 }
            } else {
                self.malformed("end of text")
            });
        };
        if len == 0 {
            return Err(self.malformed("text (an element is never empty)"));
        }
        self.at += len;
        window.get(..len).ok_or(Refuse::Malformed { at: self.at, what: "text" })
    }

    /// The raw bytes of an attribute's value, up to its closing quote.
    pub(crate) fn until_quote(&mut self, what: &'static str) -> Result<&'a [u8], Refuse> {
        let len = self.rest().iter().take(256).position(|b| *b == b'"');
        let len = len.ok_or_else(|| self.malformed(what))?;
        let value = self.rest().get(..len).unwrap_or_default();
        self.at += len;
        Ok(value)
    }

    /// `<name>text</name>` if it is next.
    pub(crate) fn try_text(&mut self, name: &'static str) -> Result<Option<Cow<'a, str>>, Refuse> {
        if !self.try_open(name) {
            return Ok(None);
        }
        let at = self.at;
        let raw = self.until_tag(TEXT_BYTES_MAX)?;
        let text = unescape(raw).ok_or(Refuse::Malformed { at, what: name })?;
        self.close(name)?;
        Ok(Some(text))
    }

    pub(crate) fn text(&mut self, name: &'static str) -> Result<Cow<'a, str>, Refuse> {
        let at = self.at;
        self.try_text(name)?.ok_or(Refuse::Malformed { at, what: name })
    }

    /// A text that may be left out, then empty.
    pub(crate) fn owned(&mut self, name: &'static str) -> Result<String, Refuse> {
        Ok(self.try_text(name)?.map(Cow::into_owned).unwrap_or_default())
    }

    pub(crate) fn opt(&mut self, name: &'static str) -> Result<Option<String>, Refuse> {
        Ok(self.try_text(name)?.map(Cow::into_owned))
    }

    pub(crate) fn parse<T: FromStr>(&mut self, name: &'static str) -> Result<T, Refuse> {
        let at = self.at;
        self.text(name)?.parse().map_err(|_| Refuse::Malformed { at, what: name })
    }

    pub(crate) fn parse_opt<T: FromStr>(
        &mut self,
        name: &'static str,
    ) -> Result<Option<T>, Refuse> {
        let at = self.at;
        let Some(text) = self.try_text(name)? else { return Ok(None) };
        text.parse().map(Some).map_err(|_| Refuse::Malformed { at, what: name })
    }

    /// A value read by its own function, such as a time.
    pub(crate) fn with<T>(
        &mut self,
        name: &'static str,
        read: impl FnOnce(&str) -> Option<T>,
    ) -> Result<T, Refuse> {
        let at = self.at;
        read(&self.text(name)?).ok_or(Refuse::Malformed { at, what: name })
    }

    pub(crate) fn with_opt<T>(
        &mut self,
        name: &'static str,
        read: impl FnOnce(&str) -> Option<T>,
    ) -> Result<Option<T>, Refuse> {
        let at = self.at;
        let Some(text) = self.try_text(name)? else { return Ok(None) };
        read(&text).map(Some).ok_or(Refuse::Malformed { at, what: name })
    }

    /// Every `<name>…</name>` that follows, each read by `read` between its tags.
    pub(crate) fn repeated<T>(
        &mut self,
        name: &'static str,
        mut read: impl FnMut(&mut Self) -> Result<T, Refuse>,
    ) -> Result<Vec<T>, Refuse> {
        let mut all = Vec::new();
        while self.try_open(name) {
            if all.len() == REPEATED_MAX {
                let (size, max) = (all.len() as u64 + 1, REPEATED_MAX as u64);
                return Err(Refuse::TooLarge { what: name, size, max });
            }
            all.push(read(self)?);
            self.close(name)?;
        }
        Ok(all)
    }

    pub(crate) fn end(&self) -> Result<(), Refuse> {
        if self.at == self.bytes.len() { Ok(()) } else { Err(self.malformed("the end")) }
    }

    pub(crate) const fn at(&self) -> usize {
        self.at
    }
}

/// The text behind C14N's escapes; none if it is not UTF-8 or has any other reference.
fn unescape(raw: &[u8]) -> Option<Cow<'_, str>> {
    let text = std::str::from_utf8(raw).ok()?;
    if !raw.contains(&b'&') {
        return Some(Cow::Borrowed(text));
    }
    let mut out = String::with_capacity(text.len());
    let mut parts = text.split('&');
    out.push_str(parts.next()?);
    for part in parts {
        let (name, rest) = part.split_once(';')?;
        out.push(match name {
            "amp" => '&',
            "lt" => '<',
            "gt" => '>',
            "#xD" => '\r',
            _ => return None,
        });
        out.push_str(rest);
    }
    Some(Cow::Owned(out))
}

/// Holds that `bytes` are exactly what the writer writes for what was read from them.
pub(crate) fn exact(bytes: &[u8], written: &[u8]) -> Result<(), Refuse> {
    if bytes == written {
        return Ok(());
    }
    let at = bytes.iter().zip(written).take_while(|(a, b)| a == b).count();
    Err(Refuse::Malformed { at, what: "the exact form" })
}

/// Reads the written form of an envelope id, `sender/epoch/route/sequence`.
pub fn parse_envelope_id(text: &str) -> Option<EnvelopeId> {
    let (sender, rest) = text.split_once('/')?;
    let (epoch, rest) = rest.split_once('/')?;
    let (route, sequence) = rest.rsplit_once('/')?;
    let id = EnvelopeId {
        sender: NodeCode::new(sender)?,
        epoch: epoch.parse().ok()?,
        route: route.parse().ok()?,
        sequence: sequence.parse().ok()?,
    };
    let mut written = String::with_capacity(text.len());
    write!(written, "{id}").ok()?;
    (written == text).then_some(id)
}
