//! What a file says of itself: the outside of its parcel, and which piece of it the file holds.

use std::sync::Arc;

use canon::{Digest, DigestAlg, EnvelopeId, Lane, NodeCode};
use serde::{Deserialize, Serialize};

use super::{Named, PARTS_MAX, PAYLOAD_BYTES_MAX};
use crate::Parcel;

/// Longest written outside, bytes.
pub const OUTSIDE_BYTES_MAX: usize = 4 << 10;

/// The outside of a parcel and the piece of it in one file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outside {
    /// The hop it comes from.
    pub from: NodeCode,
    /// The hop it goes to.
    pub hop: NodeCode,
    /// Lane.
    pub lane: Lane,
    /// Envelope id.
    pub id: EnvelopeId,
    /// Kind word.
    pub kind: Arc<str>,
    /// Final destination.
    pub to: NodeCode,
    /// The payload is the opened package, not the frame.
    pub opened: bool,
    /// Bytes of the whole payload.
    pub bytes: usize,
    /// Digest of the whole payload.
    pub digest: Digest,
    /// Which part of it, from 1.
    pub part: u32,
    /// Of how many.
    pub parts: u32,
    /// Digest of this part.
    pub part_digest: Digest,
    /// Bytes of this part.
    pub part_bytes: usize,
    /// The handing-over that wrote it: copies of one are the same, a resend is another.
    pub issue: String,
}

/// One file's piece of a parcel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Piece {
    /// What it says of itself.
    pub outside: Outside,
    /// The bytes.
    pub bytes: Vec<u8>,
}

/// As written: one line of JSON.
#[derive(Serialize, Deserialize)]
struct Wire {
    spool: u32,
    from: String,
    hop: String,
    lane: Lane,
    id: String,
    kind: String,
    to: String,
    holds: Holds,
    bytes: usize,
    digest: String,
    part: u32,
    parts: u32,
    part_bytes: usize,
    part_digest: String,
    issue: String,
}

#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Holds {
    Frame,
    Package,
}

/// The edition of the written form.
const EDITION: u32 = 1;

impl Outside {
    /// The outside of the whole payload of a parcel.
    pub fn of(parcel: &Parcel, payload: &[u8], opened: bool, issue: &str) -> Self {
        let digest = DigestAlg::default().of(&[payload]);
        Self {
            from: parcel.from.clone(),
            hop: parcel.hop.clone(),
            lane: parcel.lane,
            id: parcel.id.clone(),
            kind: Arc::clone(&parcel.kind),
            to: parcel.to.clone(),
            opened,
            bytes: payload.len(),
            digest,
            part: 1,
            parts: 1,
            part_digest: digest,
            part_bytes: payload.len(),
            issue: issue.to_owned(),
        }
    }

    /// The same parcel's outside for one of its parts.
    #[must_use]
    pub fn part(&self, part: u32, parts: u32, bytes: &[u8]) -> Self {
        let part_digest = DigestAlg::default().of(&[bytes]);
        Self { part, parts, part_digest, part_bytes: bytes.len(), ..self.clone() }
    }

    /// As one line of JSON, without the line's end.
    pub fn to_line(&self) -> String {
        let wire = Wire {
            spool: EDITION,
            from: self.from.to_string(),
            hop: self.hop.to_string(),
            lane: self.lane,
            id: self.id.to_string(),
            kind: self.kind.to_string(),
            to: self.to.to_string(),
            holds: if self.opened { Holds::Package } else { Holds::Frame },
            bytes: self.bytes,
            digest: self.digest.to_string(),
            part: self.part,
            parts: self.parts,
            part_bytes: self.part_bytes,
            part_digest: self.part_digest.to_string(),
            issue: self.issue.clone(),
        };
        serde_json::to_string(&wire).expect("texts and numbers always have a JSON form")
    }

    /// From one line; none if it is not one of ours or says what cannot be.
    pub fn from_line(line: &[u8]) -> Option<Self> {
        if line.len() > OUTSIDE_BYTES_MAX {
            return None;
        }
        let wire: Wire = serde_json::from_slice(line).ok()?;
        let node = |code: &str| NodeCode::new(code);
        let word = |c: char| c.is_ascii_lowercase() || c == '_';
        let kind_is_word = (1..=32).contains(&wire.kind.len()) && wire.kind.chars().all(word);
        let sizes = wire.bytes <= PAYLOAD_BYTES_MAX && wire.part_bytes <= wire.bytes;
        let parts = (1..=PARTS_MAX).contains(&wire.parts) && (1..=wire.parts).contains(&wire.part);
        if wire.spool != EDITION || !kind_is_word || !sizes || !parts || wire.issue.len() > 64 {
            return None;
        }
        Some(Self {
            from: node(&wire.from)?,
            hop: node(&wire.hop)?,
            lane: wire.lane,
            id: envelope::parse_envelope_id(&wire.id)?,
            kind: wire.kind.into(),
            to: node(&wire.to)?,
            opened: wire.holds == Holds::Package,
            bytes: wire.bytes,
            digest: wire.digest.parse().ok()?,
            part: wire.part,
            parts: wire.parts,
            part_digest: wire.part_digest.parse().ok()?,
            part_bytes: wire.part_bytes,
            issue: wire.issue,
        })
    }

    /// What its file is named by.
    pub fn named(&self, copy: u32) -> Named {
        Named {
            from: self.from.clone(),
            to: self.to.clone(),
            hop: self.hop.clone(),
            lane: self.lane,
            kind: Arc::clone(&self.kind),
            epoch: self.id.epoch,
            sequence: self.id.sequence,
            digest: self.digest,
            part: self.part,
            parts: self.parts,
            copy,
        }
    }

    /// Whether `bytes` are the part that this says.
    pub fn holds(&self, bytes: &[u8]) -> bool {
        bytes.len() == self.part_bytes && self.part_digest.alg.of(&[bytes]) == self.part_digest
    }

    /// Whether `payload` is the whole that this says.
    pub fn is_whole(&self, payload: &[u8]) -> bool {
        payload.len() == self.bytes && self.digest.alg.of(&[payload]) == self.digest
    }

    /// The parcel of a whole payload.
    pub fn parcel(&self, frame: Vec<u8>) -> Parcel {
        Parcel {
            from: self.from.clone(),
            hop: self.hop.clone(),
            lane: self.lane,
            id: self.id.clone(),
            kind: Arc::clone(&self.kind),
            to: self.to.clone(),
            frame: frame.into(),
        }
    }
}
