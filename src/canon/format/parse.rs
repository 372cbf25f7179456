//! Reads a fragment, strictly: exactly the bytes the renderer would write for it. Everything else
//! is refused with a stable code before anything much is allocated.

use super::scan::{Scan, refuse};
use super::{
    Attributes, Format, NAMESPACE_MAX, RecordType, TOKEN_MAX, TypeIx, VERSION_MAX, Values,
    is_token, time,
};
use crate::limits::{ATTRIBUTES_BYTES_MAX, FRAGMENT_BYTES_MAX};
use crate::violation::Violation;

/// A fragment read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parsed {
    /// Record type.
    pub ty: TypeIx,
    /// Attribute group.
    pub attrs: Attributes,
    /// Values.
    pub values: Values,
}

impl Parsed {
    /// An empty buffer for [`Format::parse_into`].
    pub fn blank() -> Self {
        Self { ty: TypeIx(0), attrs: Attributes::blank(), values: Values::new() }
    }
}

impl Format {
    /// Parses one fragment; it must be in the exact canonical form.
    pub fn parse(&self, fragment: &[u8]) -> Result<Parsed, Violation> {
        let mut parsed = Parsed::blank();
        self.parse_into(fragment, &mut parsed)?;
        Ok(parsed)
    }

    /// As [`Format::parse`], into a buffer that the caller reuses. After an error the buffer holds
    /// nothing of use.
    pub fn parse_into(&self, fragment: &[u8], out: &mut Parsed) -> Result<(), Violation> {
        if fragment.len() > FRAGMENT_BYTES_MAX {
            return Err(refuse("xml.too_large", "", fragment.len(), "fragment"));
        }
        let Ok(text) = std::str::from_utf8(fragment) else {
            return Err(refuse("xml.encoding", "", 0, "UTF-8"));
        };
        let mut scan = Scan { bytes: fragment, at: 0 };
        out.ty = self.root(&mut scan)?;
        let record = self.get(out.ty);
        attributes(&mut scan, record, &mut out.attrs)?;
        out.values.clear();
        elements(&mut scan, text, record, &mut out.values)?;
        if scan.at != fragment.len() {
            return Err(refuse("xml.trailing", &record.wire, scan.at, &record.wire));
        }
        Ok(())
    }

    /// `<WIRE xmlns="…" v="`.
    fn root(&self, scan: &mut Scan<'_>) -> Result<TypeIx, Violation> {
        match scan.bytes {
            [b'<', b'!', ..] | [b'<', b'?', ..] => {
                return Err(refuse("xml.declaration", "", 0, "<"));
            }
            [b'<', ..] => {}
            _ => return Err(refuse("xml.form", "", 0, "<")),
        }
        let name = Scan { bytes: scan.bytes, at: 1 }.name();
        let wire = std::str::from_utf8(name).unwrap_or("");
        let ty =
            self.type_by_wire(wire).ok_or_else(|| refuse("xml.unknown_type", wire, 1, wire))?;
        if scan.take(self.get(ty).open_tag.as_bytes()) {
            return Ok(ty);
        }
        let ns = format!("<{wire} xmlns=\"{}\"", self.namespace());
        if scan.take(ns.as_bytes()) {
            return Err(refuse("xml.attribute", wire, scan.at, "v"));
        }
        Err(refuse("xml.namespace", wire, wire.len() + 1, self.namespace()))
    }
}

/// The group after `v="`, through `>`.
fn attributes(
    scan: &mut Scan<'_>,
    record: &RecordType,
    out: &mut Attributes,
) -> Result<(), Violation> {
    let start = scan.at;
    let bad = |at: usize, name: &str| refuse("xml.attribute", &record.wire, at, name);
    let v = value(scan).ok_or_else(|| bad(start, "v"))?;
    out.version = version(v).ok_or_else(|| bad(start, "v"))?;
    let mut reader = Group { scan, record };
    out.op = reader.required("op", |t| t.parse().ok())?;
    out.nature = reader.required("nature", |t| t.parse().ok())?;
    reader.shared("system", TOKEN_MAX, &mut out.system)?;
    out.entered = reader.optional("entered", |t| time::check(t).is_ok())?;
    out.collected = reader.required("collected", time::millis)?;
    out.row_digest = reader.required("rowdig", |t| t.parse().ok())?;
    out.amended = reader.required("amended", |t| t.parse().ok())?;
    reader.shared("ns", NAMESPACE_MAX, &mut out.namespace)?;
    out.reason = reader.optional("reason", |t| is_token(t, TOKEN_MAX))?;
    out.by = reader.optional("by", |t| is_token(t, TOKEN_MAX))?;
    if !scan.take(b">") {
        return Err(bad(scan.at, ">"));
    }
    if scan.at - start > ATTRIBUTES_BYTES_MAX {
        return Err(refuse("xml.too_large", &record.wire, scan.at, "attributes"));
    }
    Ok(())
}

struct Group<'s, 'a> {
    scan: &'s mut Scan<'a>,
    record: &'s RecordType,
}

impl<'a> Group<'_, 'a> {
    /// The value of the attribute if it is the next one.
    fn next(&mut self, name: &str) -> Result<Option<&'a str>, Violation> {
        let rest = self.scan.rest();
        let here = rest.strip_prefix(b" ").and_then(|r| r.strip_prefix(name.as_bytes()));
        if !here.is_some_and(|r| r.starts_with(b"=\"")) {
            return Ok(None);
        }
        self.scan.at += name.len() + 3;
        value(self.scan).map(Some).ok_or_else(|| self.bad(name))
    }

    fn bad(&self, name: &str) -> Violation {
        refuse("xml.attribute", &self.record.wire, self.scan.at, name)
    }

    fn required<T>(
        &mut self,
        name: &str,
        read: impl Fn(&str) -> Option<T>,
    ) -> Result<T, Violation> {
        self.next(name)?.and_then(read).ok_or_else(|| self.bad(name))
    }

    fn optional(
        &mut self,
        name: &str,
        legal: impl Fn(&str) -> bool,
    ) -> Result<Option<String>, Violation> {
        match self.next(name)? {
            None => Ok(None),
            Some(text) if legal(text) => Ok(Some(text.to_owned())),
            Some(_) => Err(self.bad(name)),
        }
    }

    /// A token that is mostly the same from record to record: kept if it did not change.
    fn shared(
        &mut self,
        name: &str,
        max: usize,
        out: &mut std::sync::Arc<str>,
    ) -> Result<(), Violation> {
        let text = self.next(name)?.filter(|t| is_token(t, max)).ok_or_else(|| self.bad(name))?;
        if &**out != text {
            *out = text.into();
        }
        Ok(())
    }
}

/// An attribute value through its closing quote. None of ours needs escapes.
fn value<'a>(scan: &mut Scan<'a>) -> Option<&'a str> {
    let raw = scan.until(b'"', 128)?;
    std::str::from_utf8(raw).ok()
}

/// A version as the renderer writes it: from 1, no leading zero.
fn version(text: &str) -> Option<u32> {
    let plain = !text.starts_with(['0', '+']);
    text.parse().ok().filter(|v| plain && *v <= VERSION_MAX)
}

/// Elements in schema order, through the end tag of the record.
fn elements(
    scan: &mut Scan<'_>,
    text: &str,
    record: &RecordType,
    values: &mut Values,
) -> Result<(), Violation> {
    let mut next = 0;
    loop {
        if scan.take(record.close_tag.as_bytes()) {
            return Ok(());
        }
        let found = record.fields.get(next..).unwrap_or(&[]).iter();
        let Some(skipped) =
            found.map(|f| f.open_tag.as_bytes()).position(|tag| scan.rest().starts_with(tag))
        else {
            return Err(misplaced(scan, record, next));
        };
        let ix = next + skipped;
        let field = &record.fields[ix];
        scan.at += field.open_tag.len();
        content(scan, text, &field.wire, ix, values)?;
        if !scan.take(field.close_tag.as_bytes()) {
            return Err(refuse("xml.form", &field.wire, scan.at, &field.close_tag));
        }
        next = ix + 1;
    }
}

/// Why none of the fields that may still come stands here.
fn misplaced(scan: &Scan<'_>, record: &RecordType, next: usize) -> Violation {
    let code = |code, what: &str| refuse(code, what, scan.at, what);
    match scan.rest() {
        [b'<', b'!' | b'?', ..] => return code("xml.declaration", &record.wire),
        [b'<', b'/', ..] | [] => return code("xml.form", &record.wire),
        [b'<', ..] => {}
        _ => return code("xml.stray_text", &record.wire),
    }
    let name = Scan { bytes: scan.bytes, at: scan.at + 1 }.name();
    let wire = std::str::from_utf8(name).unwrap_or("");
    match record.field_by_wire(wire) {
        None => code("xml.unknown_field", wire),
        Some(ix) if ix + 1 == next => code("xml.duplicate_field", wire),
        Some(ix) if ix < next => code("xml.field_order", wire),
        Some(_) => code("xml.form", wire),
    }
}

/// Bytes that end a run of plain text: markup, and control characters but tab and line feed.
const STOP: [bool; 256] = {
    let mut stop = [false; 256];
    let mut c = 0;
    while c < 0x20 {
        stop[c] = c != b'\t' as usize && c != b'\n' as usize;
        c += 1;
    }
    stop[b'<' as usize] = true;
    stop[b'>' as usize] = true;
    stop[b'&' as usize] = true;
    stop[0xef] = true;
    stop
};

/// Text up to `<`, unescaped into the slot.
fn content(
    scan: &mut Scan<'_>,
    text: &str,
    wire: &str,
    ix: usize,
    values: &mut Values,
) -> Result<(), Violation> {
    values.begin(ix);
    let start = scan.at;
    let mut from = start;
    loop {
        let rest = scan.rest();
        let Some(run) = rest.iter().position(|b| STOP[usize::from(*b)]) else {
            return Err(refuse("xml.form", wire, scan.at, "end"));
        };
        scan.at += run;
        let here = rest.get(run..).unwrap_or(&[]);
        if let [0xef, b1, b2, ..] = here {
            if *b1 == 0xbf && *b2 >= 0xbe {
                return Err(refuse("xml.character", wire, scan.at, "U+FFFE"));
            }
            scan.at += 3;
            continue;
        }
        values.push(text.get(from..scan.at).unwrap_or(""));
        match here {
            [b'<', ..] => break,
            [b'&', ..] => {
                let (entity, with) = ENTITIES
                    .iter()
                    .find(|(entity, _)| here.starts_with(entity.as_bytes()))
                    .ok_or_else(|| refuse("xml.entity", wire, scan.at, "&amp; &lt; &gt; &#xD;"))?;
                values.push(with);
                scan.at += entity.len();
                from = scan.at;
            }
            [b'>' | b'\r', ..] => return Err(refuse("xml.form", wire, scan.at, "escape")),
            _ => return Err(refuse("xml.character", wire, scan.at, "control")),
        }
    }
    if scan.at == start {
        let code = if scan.rest().starts_with(b"</") { "xml.empty" } else { "xml.form" };
        return Err(refuse(code, wire, scan.at, wire));
    }
    values.end(ix);
    Ok(())
}

/// The only entities the renderer writes.
const ENTITIES: [(&str, &str); 4] = [("&amp;", "&"), ("&lt;", "<"), ("&gt;", ">"), ("&#xD;", "\r")];
