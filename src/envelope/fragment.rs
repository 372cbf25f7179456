//! The shape every fragment has, whatever its format: a document by itself that declares its own
//! namespace, in the exact form, without `Id`, prefixes, DTD, comments, references to anything.

use canon::limits::{FRAGMENT_BYTES_MAX, XML_DEPTH_MAX};

use crate::Refuse;

/// Namespaces a fragment must not claim: they would let a body pose as a head or a signature.
const RESERVED: [&[u8]; 2] = [b"urn:tiergate:envelope:1", b"http://www.w3.org/2000/09/xmldsig#"];

const PLAIN: u8 = 0;
const NAME: u8 = 1;
const SPECIAL: u8 = 2;

/// What a byte may be: part of a name (1), stop and look (2), or any text (0).
static CLASS: [u8; 256] = classes();

const fn classes() -> [u8; 256] {
    let mut class = [PLAIN; 256];
    let mut b = 0;
    while b < 256 {
        let c = b as u8;
        if c.is_ascii_alphanumeric() || matches!(c, b'_' | b'-' | b'.') {
            class[b] = NAME;
        }
        if c < 0x20 || matches!(c, b'<' | b'>' | b'&' | b'"' | 0xef) {
            class[b] = SPECIAL;
        }
        b += 1;
    }
    class
}

/// Refuses a fragment that is not in the exact form. The caller has checked that it is UTF-8.
pub fn check_shape(fragment: &[u8]) -> Result<(), Refuse> {
    if fragment.len() > FRAGMENT_BYTES_MAX {
        let (size, max) = (fragment.len() as u64, FRAGMENT_BYTES_MAX as u64);
        return Err(Refuse::TooLarge { what: "fragment", size, max });
    }
    // Nearly every fragment passes here; what does not is looked at byte by byte, for the verdict
    // and the place.
    if is_plain(fragment) && Shape::new(fragment, true).check().is_ok() {
        return Ok(());
    }
    Shape::new(fragment, false).check()
}

/// Whether nothing in it needs more than a look for tags and quotes: no reference, no control
/// character, nothing near U+FFFE. Whole-slice passes, which the compiler turns into vectors.
fn is_plain(fragment: &[u8]) -> bool {
    let low = fragment.iter().fold(false, |any, b| any | (*b < 0x20) | (*b == b'&'));
    let next = fragment.get(1..).unwrap_or_default();
    let edge =
        fragment.iter().zip(next).fold(false, |any, (a, b)| any | (*a == 0xef) & (*b == 0xbf));
    !low && !edge
}

struct Shape<'a> {
    bytes: &'a [u8],
    at: usize,
    /// Where the names of open elements stand.
    open: [(usize, usize); XML_DEPTH_MAX],
    depth: usize,
    /// Set for plain fragments: text and values are skipped, not looked at.
    plain: bool,
    /// Tags so far: in a plain fragment the only places where `>` stands.
    tags: usize,
}

impl<'a> Shape<'a> {
    const fn new(bytes: &'a [u8], plain: bool) -> Self {
        Self { bytes, at: 0, open: [(0, 0); XML_DEPTH_MAX], depth: 0, plain, tags: 0 }
    }

    fn check(mut self) -> Result<(), Refuse> {
        self.start_tag()?;
        while self.depth > 0 {
            self.text()?;
            if self.byte(1) == Some(b'/') { self.end_tag()? } else { self.start_tag()? }
        }
        if self.at != self.bytes.len() {
            return Err(self.bad("one element"));
        }
        if self.plain && memchr::memchr_iter(b'>', self.bytes).count() != self.tags {
            return Err(self.bad("text in the exact form"));
        }
        Ok(())
    }

    const fn bad(&self, what: &'static str) -> Refuse {
        Refuse::Malformed { at: self.at, what }
    }

    fn byte(&self, ahead: usize) -> Option<u8> {
        self.bytes.get(self.at + ahead).copied()
    }

    fn literal(&mut self, bytes: &[u8], what: &'static str) -> Result<(), Refuse> {
        if !self.bytes.get(self.at..).is_some_and(|rest| rest.starts_with(bytes)) {
            return Err(self.bad(what));
        }
        self.at += bytes.len();
        Ok(())
    }

    /// Takes one byte.
    #[inline]
    fn take(&mut self, byte: u8, what: &'static str) -> Result<(), Refuse> {
        if self.byte(0) != Some(byte) {
            return Err(self.bad(what));
        }
        self.at += 1;
        Ok(())
    }

    /// Takes a name: an ASCII letter or `_`, then letters, digits, `_ - .`.
    fn name(&mut self) -> Result<(usize, usize), Refuse> {
        let from = self.at;
        if !self.byte(0).is_some_and(|b| b.is_ascii_alphabetic() || b == b'_') {
            return Err(self.bad("a name without prefix"));
        }
        let rest = self.bytes.get(from..).unwrap_or_default();
        let len = rest.iter().position(|b| CLASS[usize::from(*b)] != NAME);
        self.at += len.unwrap_or(rest.len());
        Ok((from, self.at))
    }

    fn slice(&self, (from, to): (usize, usize)) -> &[u8] {
        self.bytes.get(from..to).unwrap_or_default()
    }

    fn start_tag(&mut self) -> Result<(), Refuse> {
        self.take(b'<', "a tag")?;
        let name = self.name()?;
        let Some(slot) = self.open.get_mut(self.depth) else {
            let max = XML_DEPTH_MAX as u64;
            return Err(Refuse::TooLarge { what: "nesting", size: max + 1, max });
        };
        *slot = name;
        if self.depth == 0 {
            self.literal(b" xmlns=\"", "the fragment's own namespace")?;
            let from = self.at;
            self.value()?;
            if from == self.at || RESERVED.contains(&self.slice((from, self.at))) {
                return Err(self.bad("a namespace of records or control bodies"));
            }
            self.take(b'"', "end of value")?;
        }
        self.depth += 1;
        while self.byte(0) == Some(b' ') {
            self.attribute()?;
        }
        self.tags += 1;
        self.take(b'>', "end of tag")
    }

    fn attribute(&mut self) -> Result<(), Refuse> {
        self.at += 1;
        let name = self.name()?;
        if matches!(self.slice(name), b"Id" | b"xmlns") {
            return Err(self.bad("no Id and no second namespace in a fragment"));
        }
        self.literal(b"=\"", "a value")?;
        self.value()?;
        self.take(b'"', "end of value")
    }

    fn end_tag(&mut self) -> Result<(), Refuse> {
        self.take(b'<', "an end tag")?;
        self.take(b'/', "an end tag")?;
        self.depth -= 1;
        let (from, to) = self.open[self.depth];
        // Names are short: byte by byte is faster than a call to compare.
        let bytes = self.bytes;
        for name in bytes.get(from..to).unwrap_or_default() {
            self.take(*name, "the end tag of the open element")?;
        }
        self.tags += 1;
        self.take(b'>', "end of tag")
    }

    /// Takes text up to the next tag.
    fn text(&mut self) -> Result<(), Refuse> {
        if self.plain {
            let rest = self.bytes.get(self.at..).unwrap_or_default();
            self.at += memchr::memchr(b'<', rest).ok_or_else(|| self.bad("a tag"))?;
            return Ok(());
        }
        loop {
            self.skip_plain();
            match self.byte(0) {
                Some(b'<') => return Ok(()),
                Some(b'"' | b'\t' | b'\n') => self.at += 1,
                Some(b'&') => self.reference(&[b"&amp;", b"&lt;", b"&gt;", b"&#xD;"])?,
                Some(0xef) => self.character()?,
                _ => return Err(self.bad("text in the exact form")),
            }
        }
    }

    /// Takes an attribute value up to its closing quote.
    fn value(&mut self) -> Result<(), Refuse> {
        if self.plain {
            let rest = self.bytes.get(self.at..).unwrap_or_default();
            self.at += memchr::memchr2(b'"', b'<', rest).ok_or_else(|| self.bad("a quote"))?;
            return Ok(());
        }
        loop {
            self.skip_plain();
            match self.byte(0) {
                Some(b'"') => return Ok(()),
                Some(b'>') => self.at += 1,
                Some(b'&') => {
                    self.reference(&[b"&amp;", b"&lt;", b"&quot;", b"&#x9;", b"&#xA;", b"&#xD;"])?
                }
                Some(0xef) => self.character()?,
                _ => return Err(self.bad("a value in the exact form")),
            }
        }
    }

    fn skip_plain(&mut self) {
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        let len = rest.iter().position(|b| CLASS[usize::from(*b)] == SPECIAL);
        self.at += len.unwrap_or(rest.len());
    }

    fn reference(&mut self, known: &[&[u8]]) -> Result<(), Refuse> {
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        let found = known.iter().find(|k| rest.starts_with(k));
        let Some(found) = found else {
            return Err(self.bad("a reference of the exact form"));
        };
        self.at += found.len();
        Ok(())
    }

    /// A character that begins with EF: all but U+FFFE and U+FFFF, which XML cannot carry.
    fn character(&mut self) -> Result<(), Refuse> {
        if self.byte(1) == Some(0xbf) && self.byte(2).is_some_and(|b| b >= 0xbe) {
            return Err(self.bad("a character of XML"));
        }
        self.at += 3;
        Ok(())
    }
}
