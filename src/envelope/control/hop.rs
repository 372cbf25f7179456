//! Hop receipts, and refusals.

use canon::{Digest, EnvelopeId, Millis, NodeCode};

use super::{strict_read, strict_write};
use crate::Refuse;
use crate::wire::{Scan, Writer, parse_envelope_id};
use crate::words::words;

words! {
    /// How far a holder on the way has brought an envelope.
    Stage {
        /// Taken over, to be passed on.
        Relayed = "relayed",
        /// A copy kept for own use, to be passed on.
        Kept = "kept",
        /// Waits for a person.
        AwaitingReview = "awaiting_review",
        /// Released by a person, to be passed on.
        Released = "released",
    }
}

/// A hop receipt: shows progress, settles nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hop {
    /// The envelope.
    pub envelope: EnvelopeId,
    /// Digest of its head: which bytes are held.
    pub head: Digest,
    /// What this holder did.
    pub stage: Stage,
    /// Whether this holder verified the origin's signature, or has no anchor or suite for it.
    pub verified: bool,
    /// When, by the holder's clock, in whole seconds.
    pub at: Millis,
    /// Where it goes next.
    pub next: Option<NodeCode>,
    /// Operator code of the person who released it.
    pub by: Option<String>,
}

impl Hop {
    /// The fragment.
    pub fn write(&self) -> Vec<u8> {
        strict_write!("Hop", |w: &mut Writer| {
            w.show("Envelope", &self.envelope);
            w.show("HeadDigest", &self.head);
            w.text("Stage", self.stage.as_str());
            w.text("Verified", if self.verified { "yes" } else { "no" });
            w.show("At", &self.at);
            w.opt("Next", self.next.as_ref().map(NodeCode::as_str));
            w.opt("By", self.by.as_deref());
        })
    }

    /// Reads the fragment.
    pub fn read(fragment: &[u8]) -> Result<Self, Refuse> {
        strict_read!(fragment, "Hop", |s: &mut Scan<'_>| -> Result<Self, Refuse> {
            Ok(Self {
                envelope: s.with("Envelope", parse_envelope_id)?,
                head: s.parse("HeadDigest")?,
                stage: s.parse("Stage")?,
                verified: s.with("Verified", |w| match w {
                    "yes" => Some(true),
                    "no" => Some(false),
                    _ => None,
                })?,
                at: s.with("At", Millis::parse)?,
                next: s.with_opt("Next", NodeCode::new)?,
                by: s.opt("By")?,
            })
        })
    }
}

/// Says along the link that a parcel did not verify. Settles nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// Digest of the parcel's bytes as they came.
    pub parcel: Digest,
    /// The id the parcel claimed, if that could be read; nothing vouches for it.
    pub claimed: Option<EnvelopeId>,
    /// Stable code.
    pub code: String,
    /// Chinese text for people.
    pub text: String,
    /// When, by the refusing node's clock, in whole seconds.
    pub at: Millis,
}

impl Refusal {
    /// The fragment.
    pub fn write(&self) -> Vec<u8> {
        strict_write!("Refusal", |w: &mut Writer| {
            w.show("Parcel", &self.parcel);
            if let Some(claimed) = &self.claimed {
                w.show("Claimed", claimed);
            }
            w.text("Code", &self.code);
            w.text("Text", &self.text);
            w.show("At", &self.at);
        })
    }

    /// Reads the fragment.
    pub fn read(fragment: &[u8]) -> Result<Self, Refuse> {
        strict_read!(fragment, "Refusal", |s: &mut Scan<'_>| -> Result<Self, Refuse> {
            Ok(Self {
                parcel: s.parse("Parcel")?,
                claimed: s.with_opt("Claimed", parse_envelope_id)?,
                code: s.text("Code")?.into_owned(),
                text: s.owned("Text")?,
                at: s.with("At", Millis::parse)?,
            })
        })
    }
}
