//! Inquiries and their answers: one fragment for each question, one for each answer.

use canon::{EnvelopeId, Millis, NodeCode, Route};

use super::narrow::{Named, Names, Narrow, Narrowed};
use super::restored::{JudgedPage, JudgedPart, Recall, Recalled};
use super::{strict_read, strict_write};
use crate::Refuse;
use crate::head::Skipped;
use crate::wire::{Scan, Writer, parse_envelope_id};
use crate::words::words;

/// One question to another node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Inquiry {
    /// What do you know of this envelope of mine?
    Status(EnvelopeId),
    /// These sequences of yours never came.
    Gap {
        /// Whose sequences.
        sender: NodeCode,
        /// In which epoch.
        epoch: u32,
        /// On which route.
        route: Route,
        /// First missing sequence.
        first: u64,
        /// Last missing sequence.
        last: u64,
    },
    /// A restored node asks for the highest versions of its records that you have.
    Versions {
        /// Record type, wire name.
        kind: String,
        /// Go on after this key; absent at the beginning.
        after: Option<String>,
    },
    /// A restored node asks how you, the destination, judged its envelopes.
    Judged {
        /// Its epoch since the restore.
        epoch: u32,
        /// Go on after this envelope; absent at the beginning.
        after: Option<EnvelopeId>,
    },
    /// A restored destination asks for what it lost.
    Recall(Recall),
    /// The sender of a window narrows a difference down.
    Narrow(Narrow),
    /// It asks for names.
    Names(Names),
}

impl Inquiry {
    /// The fragment.
    pub fn write(&self) -> Vec<u8> {
        strict_write!("Inquiry", |w: &mut Writer| match self {
            Self::Status(envelope) => w.show("Envelope", envelope),
            Self::Gap { sender, epoch, route, first, last } => {
                w.open("Gap");
                write_origin(w, sender, *epoch, route);
                w.num("First", *first);
                w.num("Last", *last);
                w.close("Gap");
            }
            Self::Versions { kind, after } => {
                w.open("Versions");
                w.text("Type", kind);
                w.opt("After", after.as_deref());
                w.close("Versions");
            }
            Self::Judged { epoch, after } => {
                w.open("Judged");
                w.num("Epoch", u64::from(*epoch));
                if let Some(after) = after {
                    w.show("After", after);
                }
                w.close("Judged");
            }
            Self::Recall(recall) => recall.write(w),
            Self::Narrow(narrow) => narrow.write(w),
            Self::Names(names) => names.write(w),
        })
    }

    /// Reads the fragment.
    pub fn read(fragment: &[u8]) -> Result<Self, Refuse> {
        strict_read!(fragment, "Inquiry", |s: &mut Scan<'_>| -> Result<Self, Refuse> {
            if s.try_open("Gap") {
                let (sender, epoch, route) = read_origin(s)?;
                let (first, last) = (s.parse("First")?, s.parse("Last")?);
                s.close("Gap")?;
                if first > last {
                    return Err(s.malformed("Gap: first to last"));
                }
                return Ok(Self::Gap { sender, epoch, route, first, last });
            }
            if s.try_open("Versions") {
                let (kind, after) = (s.text("Type")?.into_owned(), s.opt("After")?);
                s.close("Versions")?;
                return Ok(Self::Versions { kind, after });
            }
            if s.try_open("Judged") {
                let epoch = s.parse("Epoch")?;
                let after = s.with_opt("After", parse_envelope_id)?;
                s.close("Judged")?;
                return Ok(Self::Judged { epoch, after });
            }
            if s.try_open("Recall") {
                return Ok(Self::Recall(Recall::read(s)?));
            }
            if s.try_open("Narrow") {
                return Ok(Self::Narrow(Narrow::read(s)?));
            }
            if s.try_open("Names") {
                return Ok(Self::Names(Names::read(s)?));
            }
            Ok(Self::Status(s.with("Envelope", parse_envelope_id)?))
        })
    }
}

fn write_origin(w: &mut Writer, sender: &NodeCode, epoch: u32, route: &Route) {
    w.show("Sender", sender);
    w.num("Epoch", u64::from(epoch));
    w.show("Route", route);
}

fn read_origin(s: &mut Scan<'_>) -> Result<(NodeCode, u32, Route), Refuse> {
    Ok((s.with("Sender", NodeCode::new)?, s.parse("Epoch")?, s.parse("Route")?))
}

words! {
    /// Where an envelope stands at the node that answers.
    HeldState {
        /// Verified, not judged yet.
        Admitted = "admitted",
        /// Judged; the receipt comes, or comes again.
        Judged = "judged",
        /// Passed on, bytes kept.
        Relayed = "relayed",
        /// Waits for a person.
        AwaitingReview = "awaiting_review",
        /// Returned by a reviewing tier.
        Returned = "returned",
        /// Did not verify, or was set aside.
        Quarantined = "quarantined",
    }
}

/// The highest version a node has of one key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyVersion {
    /// Written form of the key.
    pub key: String,
    /// Highest version.
    pub version: u32,
}

/// One answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// I hold it, in this state.
    Held {
        /// The envelope.
        envelope: EnvelopeId,
        /// Where it stands.
        state: HeldState,
    },
    /// I never saw it, or keep nothing of it. From the destination this is final: send again.
    Unknown(EnvelopeId),
    /// Not now: send again after this time.
    Defer {
        /// The envelope.
        envelope: EnvelopeId,
        /// Not before, in whole seconds.
        until: Millis,
    },
    /// Those sequences of mine will never come.
    Skipped {
        /// Whose sequences.
        sender: NodeCode,
        /// In which epoch.
        epoch: u32,
        /// On which route.
        route: Route,
        /// Which, and why.
        skipped: Skipped,
    },
    /// Highest versions of one record type, in key order.
    Versions {
        /// Record type, wire name.
        kind: String,
        /// Keys and versions.
        rows: Vec<KeyVersion>,
        /// Whether there are more behind the last key.
        more: bool,
    },
    /// How one envelope of the asker was judged, or a part of it.
    Judged(JudgedPart),
    /// The end of a page of them.
    JudgedPage(JudgedPage),
    /// What was recalled goes up again.
    Recalled(Recalled),
    /// What of a window differs, and lists of the receiver's.
    Narrowed(Narrowed),
    /// Names of the receiver's records.
    Named(Named),
}

impl Answer {
    /// The fragment.
    pub fn write(&self) -> Vec<u8> {
        strict_write!("Answer", |w: &mut Writer| match self {
            Self::Held { envelope, state } => {
                w.show("Envelope", envelope);
                w.text("State", state.as_str());
            }
            Self::Unknown(envelope) => {
                w.show("Envelope", envelope);
                w.text("State", "unknown");
            }
            Self::Defer { envelope, until } => {
                w.show("Envelope", envelope);
                w.show("DeferUntil", until);
            }
            Self::Skipped { sender, epoch, route, skipped } => {
                write_origin(w, sender, *epoch, route);
                skipped.write(w);
            }
            Self::Versions { kind, rows, more } => {
                w.text("Type", kind);
                for row in rows {
                    w.open("Row");
                    w.text("Key", &row.key);
                    w.num("Version", u64::from(row.version));
                    w.close("Row");
                }
                w.text("More", if *more { "yes" } else { "no" });
            }
            Self::Judged(part) => part.write(w),
            Self::JudgedPage(page) => page.write(w),
            Self::Recalled(recalled) => recalled.write(w),
            Self::Narrowed(narrowed) => narrowed.write(w),
            Self::Named(named) => named.write(w),
        })
    }

    /// Reads the fragment.
    pub fn read(fragment: &[u8]) -> Result<Self, Refuse> {
        strict_read!(fragment, "Answer", |s: &mut Scan<'_>| -> Result<Self, Refuse> {
            if let Some(envelope) = s.with_opt("Envelope", parse_envelope_id)? {
                return read_state(s, envelope);
            }
            if let Some(kind) = s.opt("Type")? {
                return read_versions(s, kind);
            }
            if s.try_open("Judged") {
                return Ok(Self::Judged(JudgedPart::read(s)?));
            }
            if s.try_open("JudgedPage") {
                return Ok(Self::JudgedPage(JudgedPage::read(s)?));
            }
            if s.try_open("Recalled") {
                return Ok(Self::Recalled(Recalled::read(s)?));
            }
            if s.try_open("Narrowed") {
                return Ok(Self::Narrowed(Narrowed::read(s)?));
            }
            if s.try_open("Named") {
                return Ok(Self::Named(Named::read(s)?));
            }
            let (sender, epoch, route) = read_origin(s)?;
            s.open("Skipped")?;
            let skipped = Skipped::read(s)?;
            s.close("Skipped")?;
            if skipped.first > skipped.last {
                return Err(s.malformed("Skipped: first to last"));
            }
            Ok(Self::Skipped { sender, epoch, route, skipped })
        })
    }
}

fn read_state(s: &mut Scan<'_>, envelope: EnvelopeId) -> Result<Answer, Refuse> {
    if let Some(until) = s.with_opt("DeferUntil", Millis::parse)? {
        return Ok(Answer::Defer { envelope, until });
    }
    let state = s.with("State", |word| match word {
        "unknown" => Some(None),
        word => word.parse().ok().map(Some),
    })?;
    Ok(match state {
        Some(state) => Answer::Held { envelope, state },
        None => Answer::Unknown(envelope),
    })
}

fn read_versions(s: &mut Scan<'_>, kind: String) -> Result<Answer, Refuse> {
    let rows = s.repeated("Row", |s| {
        Ok(KeyVersion { key: s.text("Key")?.into_owned(), version: s.parse("Version")? })
    })?;
    let more = s.with("More", |w| match w {
        "yes" => Some(true),
        "no" => Some(false),
        _ => None,
    })?;
    Ok(Answer::Versions { kind, rows, more })
}
