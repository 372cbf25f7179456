//! What a restored node and its destination, or a restored destination and its senders, tell one
//! another: parts of inquiries and answers.

use canon::{Digest, EnvelopeId, NodeCode, Route};

use crate::Refuse;
use crate::outcome::Outcome;
use crate::wire::{Scan, Writer, parse_envelope_id};

/// How the destination judged one record of an envelope. Nothing personal: keys, digests, facts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JudgedRow {
    /// What it answered.
    pub outcome: Outcome,
    /// Record type, wire name.
    pub kind: String,
    /// Written form of the key.
    pub key: String,
    /// Version.
    pub version: u32,
    /// Digest of the fragment's bytes.
    pub digest: Digest,
    /// Content digest of its values, computed by the destination from the stored bytes.
    pub content: Digest,
    /// Whether the version voids the record.
    pub void: bool,
    /// Facts for cross-stage rules.
    pub facts: Option<String>,
    /// Why it was not accepted: stable code.
    pub code: Option<String>,
}

impl JudgedRow {
    pub(super) fn write(&self, w: &mut Writer) {
        w.open("Row");
        w.text("Result", self.outcome.as_str());
        w.text("Type", &self.kind);
        w.text("Key", &self.key);
        w.num("Version", u64::from(self.version));
        w.show("Digest", &self.digest);
        w.show("Content", &self.content);
        w.text("Void", yes_no(self.void));
        w.opt("Facts", self.facts.as_deref());
        w.opt("Code", self.code.as_deref());
        w.close("Row");
    }

    pub(super) fn read(s: &mut Scan<'_>) -> Result<Self, Refuse> {
        Ok(Self {
            outcome: s.with("Result", |word| word.parse().ok())?,
            kind: s.text("Type")?.into_owned(),
            key: s.text("Key")?.into_owned(),
            version: s.parse("Version")?,
            digest: s.parse("Digest")?,
            content: s.parse("Content")?,
            void: s.with("Void", said_yes)?,
            facts: s.opt("Facts")?,
            code: s.opt("Code")?,
        })
    }
}

/// One envelope of the asker, or a part of it, as the destination judged it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JudgedPart {
    /// The envelope.
    pub envelope: EnvelopeId,
    /// Digest of its head bytes.
    pub head: Digest,
    /// Merkle root in its head.
    pub root: Digest,
    /// Its window.
    pub day: canon::Day,
    /// The adapter in its head, if it names exactly one.
    pub adapter: Option<String>,
    /// Its records, in order.
    pub rows: Vec<JudgedRow>,
}

impl JudgedPart {
    pub(super) fn write(&self, w: &mut Writer) {
        w.open("Judged");
        w.show("Envelope", &self.envelope);
        w.show("HeadDigest", &self.head);
        w.show("Root", &self.root);
        w.show("Day", &self.day);
        w.opt("Adapter", self.adapter.as_deref());
        for row in &self.rows {
            row.write(w);
        }
        w.close("Judged");
    }

    pub(super) fn read(s: &mut Scan<'_>) -> Result<Self, Refuse> {
        let part = Self {
            envelope: s.with("Envelope", parse_envelope_id)?,
            head: s.parse("HeadDigest")?,
            root: s.parse("Root")?,
            day: s.with("Day", canon::Day::parse)?,
            adapter: s.opt("Adapter")?,
            rows: s.repeated("Row", JudgedRow::read)?,
        };
        s.close("Judged")?;
        Ok(part)
    }
}

/// The end of a page of judged envelopes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JudgedPage {
    /// The asker's epoch, as it asked.
    pub epoch: u32,
    /// The highest epoch of the asker that brought records here; 0 if none did.
    pub highest: u32,
    /// After which envelope the asker wanted to go on.
    pub after: Option<EnvelopeId>,
    /// The last envelope of this page; absent when there was none.
    pub last: Option<EnvelopeId>,
    /// Whether there are more behind it.
    pub more: bool,
}

impl JudgedPage {
    pub(super) fn write(&self, w: &mut Writer) {
        w.open("JudgedPage");
        w.num("Epoch", u64::from(self.epoch));
        w.num("Highest", u64::from(self.highest));
        if let Some(after) = &self.after {
            w.show("After", after);
        }
        if let Some(last) = &self.last {
            w.show("Last", last);
        }
        w.text("More", yes_no(self.more));
        w.close("JudgedPage");
    }

    pub(super) fn read(s: &mut Scan<'_>) -> Result<Self, Refuse> {
        let page = Self {
            epoch: s.parse("Epoch")?,
            highest: s.parse("Highest")?,
            after: s.with_opt("After", parse_envelope_id)?,
            last: s.with_opt("Last", parse_envelope_id)?,
            more: s.with("More", said_yes)?,
        };
        s.close("JudgedPage")?;
        Ok(page)
    }
}

/// Up to where a restored destination has the sequences of a sender's route.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Holding {
    /// Epoch of the sender.
    pub epoch: u32,
    /// Route.
    pub route: Route,
    /// Every sequence up to this one is here, or was final.
    pub through: u64,
}

impl Holding {
    pub(super) fn write(&self, w: &mut Writer) {
        w.open("Holding");
        w.num("Epoch", u64::from(self.epoch));
        w.show("Route", &self.route);
        w.num("Through", self.through);
        w.close("Holding");
    }

    pub(super) fn read(s: &mut Scan<'_>) -> Result<Self, Refuse> {
        Ok(Self {
            epoch: s.parse("Epoch")?,
            route: s.parse("Route")?,
            through: s.parse("Through")?,
        })
    }

    /// Whether an envelope is among what is held.
    pub fn covers(&self, id: &EnvelopeId) -> bool {
        self.epoch == id.epoch && self.route == id.route && id.sequence <= self.through
    }
}

/// A restored destination asks for what it lost.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recall {
    /// Its epoch since the restore.
    pub epoch: u32,
    /// Day of its image; manifests from this day on are issued again.
    pub since: canon::Day,
    /// What it holds of the sender; of routes that are not named, nothing.
    pub holdings: Vec<Holding>,
}

impl Recall {
    pub(super) fn write(&self, w: &mut Writer) {
        w.open("Recall");
        w.num("Epoch", u64::from(self.epoch));
        w.show("Since", &self.since);
        for holding in &self.holdings {
            holding.write(w);
        }
        w.close("Recall");
    }

    pub(super) fn read(s: &mut Scan<'_>) -> Result<Self, Refuse> {
        let recall = Self {
            epoch: s.parse("Epoch")?,
            since: s.with("Since", canon::Day::parse)?,
            holdings: s.repeated("Holding", Holding::read)?,
        };
        s.close("Recall")?;
        Ok(recall)
    }

    /// Whether the destination has an envelope.
    pub fn has(&self, id: &EnvelopeId) -> bool {
        self.holdings.iter().any(|h| h.covers(id))
    }
}

/// A sender's word that what was recalled goes up again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recalled {
    /// The epoch of the destination that asked.
    pub epoch: u32,
    /// Whose records come.
    pub sender: NodeCode,
}

impl Recalled {
    pub(super) fn write(&self, w: &mut Writer) {
        w.open("Recalled");
        w.num("Epoch", u64::from(self.epoch));
        w.show("Sender", &self.sender);
        w.close("Recalled");
    }

    pub(super) fn read(s: &mut Scan<'_>) -> Result<Self, Refuse> {
        let recalled = Self { epoch: s.parse("Epoch")?, sender: s.with("Sender", NodeCode::new)? };
        s.close("Recalled")?;
        Ok(recalled)
    }
}

const fn yes_no(yes: bool) -> &'static str {
    if yes { "yes" } else { "no" }
}

fn said_yes(word: &str) -> Option<bool> {
    match word {
        "yes" => Some(true),
        "no" => Some(false),
        _ => None,
    }
}
