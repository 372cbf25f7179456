//! The form `xml`: the opened package as it was signed, so that a gate can read what passes, with
//! what the file is in a comment behind it. On the other side it is compressed again; the signed
//! bytes are the same, and so is the envelope.
//!
//! A gate that takes comments away leaves enough: head and link say the rest. A part of a larger
//! package is a document of its own with the text in it, readable too.

use canon::Lane;
use envelope::Kind;

use super::form::Reading;
use super::outside::OUTSIDE_BYTES_MAX;
use super::{Outside, Piece};
use crate::Parcel;

pub(super) const BEGIN: &[u8] = b"<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Pa";
const PART_OPEN: &[u8] =
    b"<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Part xmlns=\"urn:tiergate:spool:1\"><![CDATA[";
const PART_CLOSE: &[u8] = b"]]></Part>";
/// What may not stand in a CDATA section, and how it is written there.
const CDATA_END: &[u8] = b"]]>";
const CDATA_BREAK: &[u8] = b"]]]]><![CDATA[>";
const COMMENT: &[u8] = b"\n<!--TIERGATE-END ";
const COMMENT_CLOSE: &[u8] = b"-->\n";
const PACKAGE_CLOSE: &[u8] = b"</Package>";

pub(super) fn is_one(bytes: &[u8]) -> bool {
    bytes.starts_with(BEGIN)
}

/// Pieces of at most `room` bytes as they are written, each whole UTF-8.
pub(super) fn cut(payload: &[u8], room: usize) -> Vec<&[u8]> {
    let mut pieces = Vec::new();
    let mut rest = payload;
    while !rest.is_empty() {
        let mut at = rest.len().min(room);
        // Back to a character's beginning; a package is UTF-8, so three steps at most.
        while at > 1 && at < rest.len() && rest.get(at).is_some_and(|b| b & 0xc0 == 0x80) {
            at -= 1;
        }
        // What grows when it is written needs more room.
        while at > 16 && at + breaks(rest.get(..at).unwrap_or_default()) * 12 > room {
            at /= 2;
            while at > 1 && rest.get(at).is_some_and(|b| b & 0xc0 == 0x80) {
                at -= 1;
            }
        }
        let (piece, after) = rest.split_at(at.max(1));
        pieces.push(piece);
        rest = after;
    }
    pieces
}

fn breaks(bytes: &[u8]) -> usize {
    bytes.windows(CDATA_END.len()).filter(|w| *w == CDATA_END).count()
}

pub(super) fn write(outside: &Outside, bytes: &[u8]) -> Vec<u8> {
    let mut file = Vec::with_capacity(bytes.len() + 2_048);
    if outside.parts > 1 {
        file.extend_from_slice(PART_OPEN);
        file.extend_from_slice(&replaced(bytes, CDATA_END, CDATA_BREAK));
        file.extend_from_slice(PART_CLOSE);
    } else {
        file.extend_from_slice(bytes);
    }
    file.extend_from_slice(COMMENT);
    // Two hyphens may not stand in a comment.
    file.extend_from_slice(outside.to_line().replace('-', "\\u002d").as_bytes());
    file.extend_from_slice(COMMENT_CLOSE);
    file
}

pub(super) fn read(file: &[u8]) -> Reading {
    let window = file.len().saturating_sub(2 * OUTSIDE_BYTES_MAX);
    let tail = file.get(window..).unwrap_or_default();
    let Some(at) = rfind(tail, COMMENT) else { return without_comment(file) };
    let (document, comment) = file.split_at(window + at);
    let said = comment.strip_prefix(COMMENT).unwrap_or_default().trim_ascii_end();
    let Some(line) = said.strip_suffix(b"-->") else {
        return Reading::Incomplete("its last line is cut");
    };
    let Some(outside) = Outside::from_line(line).filter(|o| o.opened) else {
        return Reading::Foreign("its last line does not say what it is");
    };
    let bytes = if outside.parts > 1 {
        let inner = document.strip_prefix(PART_OPEN).and_then(|d| d.strip_suffix(PART_CLOSE));
        let Some(inner) = inner else { return Reading::Damaged("no part of a package") };
        replaced(inner, CDATA_BREAK, CDATA_END)
    } else {
        document.to_vec()
    };
    match outside.holds(&bytes) {
        true => Reading::Piece(Box::new(Piece { outside, bytes })),
        false => Reading::Damaged("its digest is another"),
    }
}

/// A gate took the comment away: the signed head says what it is. Which hop it came from only the
/// link knows: the sender and the destination stand in for the hops until it says.
fn without_comment(file: &[u8]) -> Reading {
    let document = file.trim_ascii_end();
    if !document.ends_with(PACKAGE_CLOSE) {
        return Reading::Incomplete("an XML document without its end");
    }
    let Ok(opened) = envelope::open(document) else {
        return Reading::Damaged("an XML document that is no package");
    };
    let head = &opened.head;
    let lane = if head.kind == Kind::Records { head.route.lane } else { Lane::Control };
    let parcel = Parcel {
        from: head.from.clone(),
        hop: head.to.clone(),
        lane,
        id: head.id(),
        kind: head.kind.as_str().into(),
        to: head.to.clone(),
        frame: Vec::new().into(),
    };
    let outside = Outside::of(&parcel, document, true, "");
    Reading::Piece(Box::new(Piece { outside, bytes: document.to_vec() }))
}

fn rfind(bytes: &[u8], what: &[u8]) -> Option<usize> {
    bytes.windows(what.len()).rposition(|w| w == what)
}

fn replaced(bytes: &[u8], what: &[u8], by: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len());
    let mut rest = bytes;
    while let Some(at) = rest.windows(what.len()).position(|w| w == what) {
        let (before, after) = rest.split_at(at);
        out.extend_from_slice(before);
        out.extend_from_slice(by);
        rest = after.get(what.len()..).unwrap_or_default();
    }
    out.extend_from_slice(rest);
    out
}
