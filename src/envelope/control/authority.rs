//! The authority table on its way down: one document with its signature, in parts.

use super::{strict_read, strict_write};
use crate::Refuse;
use crate::authority::AUTHORITY_BYTES_MAX;
use crate::limits::{SIGNATURE_BYTES_MAX, TEXT_BYTES_MAX};
use crate::wire::{Scan, Writer};

/// Bytes of text in one part: whatever is escaped in it, it stays below [`TEXT_BYTES_MAX`].
const PART_BYTES: usize = TEXT_BYTES_MAX / 8;

/// One part of the table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuthorityPart {
    /// The edition.
    pub edition: u32,
    /// Its number, from 1; the first ones are the document, the last ones its signature.
    pub part: u32,
    /// How many there are.
    pub parts: u32,
    /// How many of them are the signature.
    pub signature: u32,
    /// The text.
    pub text: String,
}

impl AuthorityPart {
    /// The parts of a signed document.
    pub fn split(edition: u32, document: &str, signature: &str) -> Vec<Self> {
        let (document, tail) = (cut(document), cut(signature));
        let (parts, signature) = ((document.len() + tail.len()) as u32, tail.len() as u32);
        let numbered = (1..).zip(document.into_iter().chain(tail));
        numbered
            .map(|(part, text)| Self { edition, part, parts, signature, text: text.to_owned() })
            .collect()
    }

    /// The document and its signature, if all parts are there in their order.
    pub fn join(parts: &[Self]) -> Option<(String, String)> {
        let first = parts.first()?;
        let whole = parts.len() == first.parts as usize && first.signature <= first.parts;
        let in_order = (1..).zip(parts).all(|(n, p)| {
            p.part == n
                && (p.edition, p.parts, p.signature)
                    == (first.edition, first.parts, first.signature)
        });
        if !whole || !in_order {
            return None;
        }
        let (document, tail) = parts.split_at((first.parts - first.signature) as usize);
        let size = |parts: &[Self]| parts.iter().map(|p| p.text.len()).sum::<usize>();
        if size(document) > AUTHORITY_BYTES_MAX || size(tail) > SIGNATURE_BYTES_MAX {
            return None;
        }
        let text = |parts: &[Self]| parts.iter().map(|p| p.text.as_str()).collect();
        Some((text(document), text(tail)))
    }

    /// The fragment.
    pub fn write(&self) -> Vec<u8> {
        strict_write!("Authority", |w: &mut Writer| {
            w.num("Edition", u64::from(self.edition));
            w.num("Part", u64::from(self.part));
            w.num("Parts", u64::from(self.parts));
            w.num("Signature", u64::from(self.signature));
            w.text("Text", &self.text);
        })
    }

    /// Reads the fragment.
    pub fn read(fragment: &[u8]) -> Result<Self, Refuse> {
        strict_read!(fragment, "Authority", |s: &mut Scan<'_>| -> Result<Self, Refuse> {
            Ok(Self {
                edition: s.parse("Edition")?,
                part: s.parse("Part")?,
                parts: s.parse("Parts")?,
                signature: s.parse("Signature")?,
                text: s.text("Text")?.into_owned(),
            })
        })
    }
}

/// A text in pieces, none empty, cut between characters.
fn cut(text: &str) -> Vec<&str> {
    let mut pieces = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        let (piece, after) = rest.split_at(rest.floor_char_boundary(PART_BYTES.min(rest.len())));
        pieces.push(piece);
        rest = after;
    }
    pieces
}
