//! Writes a fragment in its one canonical form (protocol §4).

use super::{Attributes, Format, TypeIx, Values, time};

impl Format {
    /// Appends the record's fragment: its own `xmlns`, attributes in fixed order, start and end
    /// tags, no white space, `&amp; &lt; &gt; &#xD;` escaped. Values and attributes must have been
    /// validated: a character that XML cannot hold is dropped here rather than written.
    pub fn render(&self, ty: TypeIx, values: &Values, attrs: &Attributes, out: &mut Vec<u8>) {
        let record = self.get(ty);
        out.extend_from_slice(record.open_tag.as_bytes());
        attributes(attrs, out);
        for (ix, field) in record.fields.iter().enumerate() {
            if let Some(value) = values.get(ix) {
                out.extend_from_slice(field.open_tag.as_bytes());
                escape(value, out);
                out.extend_from_slice(field.close_tag.as_bytes());
            }
        }
        out.extend_from_slice(record.close_tag.as_bytes());
    }
}

/// The group after `v="`, through the closing `>`.
fn attributes(a: &Attributes, out: &mut Vec<u8>) {
    number(a.version, out);
    pair("op", a.op.as_str(), out);
    pair("nature", a.nature.as_str(), out);
    pair("system", &a.system, out);
    if let Some(entered) = &a.entered {
        pair("entered", entered, out);
    }
    out.extend_from_slice(b"\" collected=\"");
    time::write(a.collected, out);
    out.extend_from_slice(b"\" rowdig=\"");
    out.extend_from_slice(a.row_digest.alg.name().as_bytes());
    out.push(b':');
    for b in a.row_digest.bytes {
        const HEX: &[u8; 16] = b"0123456789abcdef";
        out.extend_from_slice(&[HEX[usize::from(b >> 4)], HEX[usize::from(b & 15)]]);
    }
    pair("amended", a.amended.as_str(), out);
    pair("ns", &a.namespace, out);
    if let Some(reason) = &a.reason {
        pair("reason", reason, out);
    }
    if let Some(by) = &a.by {
        pair("by", by, out);
    }
    out.extend_from_slice(b"\">");
}

/// Closes the attribute before and opens the next one.
fn pair(name: &str, value: &str, out: &mut Vec<u8>) {
    out.extend_from_slice(b"\" ");
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b"=\"");
    out.extend_from_slice(value.as_bytes());
}

fn number(n: u32, out: &mut Vec<u8>) {
    let mut digits = [0; 10];
    let (mut at, mut n) = (digits.len(), n);
    loop {
        at -= 1;
        digits[at] = b'0' + (n % 10) as u8;
        n /= 10;
        if n == 0 {
            break;
        }
    }
    out.extend_from_slice(&digits[at..]);
}

/// Bytes that are not copied as they are: markup, and what only looks like text.
const SPECIAL: [bool; 256] = {
    let mut special = [false; 256];
    let mut c = 0;
    while c < 0x20 {
        special[c] = c != b'\t' as usize && c != b'\n' as usize;
        c += 1;
    }
    special[b'&' as usize] = true;
    special[b'<' as usize] = true;
    special[b'>' as usize] = true;
    // First byte of U+FFFE and U+FFFF, among many others.
    special[0xef] = true;
    special
};

fn escape(value: &str, out: &mut Vec<u8>) {
    let bytes = value.as_bytes();
    let mut from = 0;
    for (at, &b) in bytes.iter().enumerate() {
        if !SPECIAL[usize::from(b)] {
            continue;
        }
        let (with, len): (&[u8], usize) = match b {
            b'&' => (b"&amp;", 1),
            b'<' => (b"&lt;", 1),
            b'>' => (b"&gt;", 1),
            b'\r' => (b"&#xD;", 1),
            0xef if matches!(bytes.get(at..at + 3), Some([_, 0xbf, 0xbe | 0xbf])) => (b"", 3),
            0xef => continue,
            _ => (b"", 1),
        };
        out.extend_from_slice(&bytes[from..at]);
        out.extend_from_slice(with);
        from = at + len;
    }
    out.extend_from_slice(&bytes[from..]);
}
