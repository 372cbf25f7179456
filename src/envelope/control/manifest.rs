//! The manifest of a closed day: one fragment for each record type on each route, so that zero is
//! said and not left out.

use canon::{Day, HashSum, NodeCode, Route};

use super::{strict_read, strict_write};
use crate::Refuse;
use crate::wire::{Scan, Writer};
use crate::words::words;

words! {
    /// Whose books these are.
    Side {
        /// What was collected, place by place.
        Sender = "sender",
        /// What was answered.
        Receiver = "receiver",
    }
}

/// How many record versions of the day stand in each place; a version is in exactly one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Held back at the sender with violations.
    pub quarantined: u64,
    /// Waiting for a parent.
    pub waiting: u64,
    /// Rendered, not yet in an envelope.
    pub staged: u64,
    /// In an envelope that is not settled.
    pub in_flight: u64,
    /// At a reviewing tier.
    pub awaiting_review: u64,
    /// Accepted by a verified receipt.
    pub accepted: u64,
    /// Superseded by a verified receipt.
    pub superseded: u64,
    /// Rejected.
    pub rejected: u64,
    /// Never accepted and withdrawn by a named person.
    pub voided: u64,
    /// In a dead envelope.
    pub dead: u64,
}

impl Counts {
    /// Places and counts, in the order they are written.
    pub const fn places(&self) -> [(&'static str, u64); 10] {
        [
            ("Quarantined", self.quarantined),
            ("Waiting", self.waiting),
            ("Staged", self.staged),
            ("InFlight", self.in_flight),
            ("AwaitingReview", self.awaiting_review),
            ("Accepted", self.accepted),
            ("Superseded", self.superseded),
            ("Rejected", self.rejected),
            ("Voided", self.voided),
            ("Dead", self.dead),
        ]
    }

    /// All that was collected: the sum of the places.
    pub fn collected(&self) -> u64 {
        self.places().iter().fold(0, |sum, (_, n)| sum.saturating_add(*n))
    }

    /// Whether nothing is waiting, staged, in flight or awaiting review.
    pub const fn is_settled(&self) -> bool {
        self.waiting == 0 && self.staged == 0 && self.in_flight == 0 && self.awaiting_review == 0
    }
}

/// One line of a manifest: a record type on a route on a day.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ManifestLine {
    /// The day.
    pub day: Day,
    /// Rises with every issue of the day's manifest.
    pub revision: u32,
    /// Whether all in the manifest is final.
    pub is_final: bool,
    /// Whose books.
    pub side: Side,
    /// Whose records.
    pub sender: NodeCode,
    /// Record type, wire name.
    pub kind: String,
    /// The route, which names the destination.
    pub route: Route,
    /// Epoch of the sequences.
    pub epoch: u32,
    /// Places and counts.
    pub counts: Counts,
    /// Sum over the digests of accepted and superseded versions.
    pub sum: HashSum,
    /// First sequence of the route that carries the day; none when nothing was sent.
    pub first: Option<u64>,
    /// Last sequence of the route that carries the day.
    pub last: Option<u64>,
    /// Records marked on this day as reported before the exchange began: in no place, not in the
    /// sum. Not written when there are none.
    pub baseline: u64,
}

impl ManifestLine {
    /// The fragment.
    pub fn write(&self) -> Vec<u8> {
        strict_write!("ManifestLine", |w: &mut Writer| {
            w.show("Day", &self.day);
            w.num("Revision", u64::from(self.revision));
            w.text("Final", if self.is_final { "yes" } else { "no" });
            w.text("Side", self.side.as_str());
            w.show("Sender", &self.sender);
            w.text("Type", &self.kind);
            w.show("Route", &self.route);
            w.num("Epoch", u64::from(self.epoch));
            w.num("Collected", self.counts.collected());
            for (place, count) in self.counts.places() {
                w.num(place, count);
            }
            w.show("Sum", &self.sum);
            if let Some(first) = self.first {
                w.num("First", first);
            }
            if let Some(last) = self.last {
                w.num("Last", last);
            }
            if self.baseline > 0 {
                w.num("Baseline", self.baseline);
            }
        })
    }

    /// Reads the fragment.
    pub fn read(fragment: &[u8]) -> Result<Self, Refuse> {
        strict_read!(fragment, "ManifestLine", |s: &mut Scan<'_>| -> Result<Self, Refuse> {
            Ok(Self {
                day: s.with("Day", Day::parse)?,
                revision: s.parse("Revision")?,
                is_final: s.with("Final", |w| match w {
                    "yes" => Some(true),
                    "no" => Some(false),
                    _ => None,
                })?,
                side: s.parse("Side")?,
                sender: s.with("Sender", NodeCode::new)?,
                kind: s.text("Type")?.into_owned(),
                route: s.parse("Route")?,
                epoch: s.parse("Epoch")?,
                counts: read_counts(s)?,
                sum: s.parse("Sum")?,
                first: s.parse_opt("First")?,
                last: s.parse_opt("Last")?,
                baseline: s.parse_opt("Baseline")?.unwrap_or(0),
            })
        })
    }
}

/// `Collected` is not kept: the exact-form check holds it against the sum of the places.
fn read_counts(s: &mut Scan<'_>) -> Result<Counts, Refuse> {
    let _: u64 = s.parse("Collected")?;
    Ok(Counts {
        quarantined: s.parse("Quarantined")?,
        waiting: s.parse("Waiting")?,
        staged: s.parse("Staged")?,
        in_flight: s.parse("InFlight")?,
        awaiting_review: s.parse("AwaitingReview")?,
        accepted: s.parse("Accepted")?,
        superseded: s.parse("Superseded")?,
        rejected: s.parse("Rejected")?,
        voided: s.parse("Voided")?,
        dead: s.parse("Dead")?,
    })
}
