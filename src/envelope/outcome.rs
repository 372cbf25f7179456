//! The body of a receipt: one small fragment for each record, so that one can be shown alone.

use canon::EnvelopeId;

use crate::Refuse;
use crate::wire::{Scan, Writer, exact, parse_envelope_id};
use crate::words::words;

const OPEN: &str = r#"<Outcome xmlns="urn:tiergate:control:1">"#;
const CLOSE: &str = "</Outcome>";

words! {
    /// What became of one record.
    Outcome {
        /// Committed exactly as sent, perhaps with warnings.
        Accepted = "accepted",
        /// A higher version is kept; final, no effect.
        Superseded = "superseded",
        /// Not kept, with a code.
        Rejected = "rejected",
        /// The parent is not here; not final.
        ParentMissing = "parent-missing",
    }
}

impl Outcome {
    /// Whether nothing more will be said of this record by this destination.
    pub const fn is_final(self) -> bool {
        !matches!(self, Self::ParentMissing)
    }
}

/// A warning of an accepted record, or a further violation of a rejected one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Note {
    /// Stable code.
    pub code: String,
    /// Wire name of the field; may be empty.
    pub field: String,
    /// Chinese text; may be empty.
    pub text: String,
}

/// The outcome of the record at one position. An empty text is the same as none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutcomeLine {
    /// Position in the envelope, from 0.
    pub position: u32,
    /// What became of it.
    pub outcome: Outcome,
    /// Stable code; always there when rejected.
    pub code: Option<String>,
    /// Wire name of the field the code is about.
    pub field: Option<String>,
    /// Chinese text for people.
    pub text: Option<String>,
    /// Warnings, or further violations.
    pub notes: Vec<Note>,
    /// The envelope that brought this record first, when it was accepted before.
    pub first: Option<EnvelopeId>,
    /// The platform's own words, in receipts of an outlet.
    pub said: Option<String>,
}

impl OutcomeLine {
    /// Accepted without a warning.
    pub const fn accepted(position: u32) -> Self {
        Self {
            position,
            outcome: Outcome::Accepted,
            code: None,
            field: None,
            text: None,
            notes: Vec::new(),
            first: None,
            said: None,
        }
    }

    /// Another outcome with its code.
    pub fn with_code(position: u32, outcome: Outcome, code: &str) -> Self {
        Self { outcome, code: Some(code.to_owned()), ..Self::accepted(position) }
    }
}

/// The fragment of one outcome; its exact bytes are a leaf of the receipt.
pub fn write_outcome(line: &OutcomeLine) -> Vec<u8> {
    let mut w = Writer::with_capacity(192);
    w.raw(OPEN);
    w.num("Position", u64::from(line.position));
    w.text("Result", line.outcome.as_str());
    w.opt("Code", line.code.as_deref());
    w.opt("Field", line.field.as_deref());
    w.opt("Text", line.text.as_deref());
    for note in &line.notes {
        w.open("Note");
        w.text("Code", &note.code);
        w.text("Field", &note.field);
        w.text("Text", &note.text);
        w.close("Note");
    }
    if let Some(first) = &line.first {
        w.show("First", first);
    }
    w.opt("Said", line.said.as_deref());
    w.raw(CLOSE);
    w.finish()
}

/// Reads the fragment of one outcome; refuses anything [`write_outcome`] would not have written.
pub fn read_outcome(fragment: &[u8]) -> Result<OutcomeLine, Refuse> {
    let mut s = Scan::new(fragment);
    s.literal(OPEN, "Outcome")?;
    let line = OutcomeLine {
        position: s.parse("Position")?,
        outcome: s.parse("Result")?,
        code: s.opt("Code")?,
        field: s.opt("Field")?,
        text: s.opt("Text")?,
        notes: s.repeated("Note", |s| {
            Ok(Note { code: s.owned("Code")?, field: s.owned("Field")?, text: s.owned("Text")? })
        })?,
        first: s.with_opt("First", parse_envelope_id)?,
        said: s.opt("Said")?,
    };
    s.literal(CLOSE, "end of Outcome")?;
    s.end()?;
    exact(fragment, &write_outcome(&line))?;
    if line.outcome == Outcome::Rejected && line.code.is_none() {
        return Err(s.malformed("Code of a rejected record"));
    }
    Ok(line)
}
