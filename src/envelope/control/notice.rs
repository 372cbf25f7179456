//! Notices: a text for the other node's people. The only upward thing with a lifetime.

use canon::{EnvelopeId, Millis};

use super::{strict_read, strict_write};
use crate::Refuse;
use crate::wire::{Scan, Writer, parse_envelope_id};

/// A notice.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notice {
    /// Stable code of what it is about.
    pub code: String,
    /// Text for people.
    pub text: String,
    /// The envelope it is about.
    pub about: Option<EnvelopeId>,
    /// From when it holds; at once if it does not say. In whole seconds.
    pub from: Option<Millis>,
    /// Of no use after this time; in whole seconds.
    pub until: Option<Millis>,
}

impl Notice {
    /// The fragment.
    pub fn write(&self) -> Vec<u8> {
        strict_write!("Notice", |w: &mut Writer| {
            w.text("Code", &self.code);
            w.text("Text", &self.text);
            if let Some(about) = &self.about {
                w.show("About", about);
            }
            if let Some(from) = &self.from {
                w.show("From", from);
            }
            if let Some(until) = &self.until {
                w.show("Until", until);
            }
        })
    }

    /// Reads the fragment.
    pub fn read(fragment: &[u8]) -> Result<Self, Refuse> {
        strict_read!(fragment, "Notice", |s: &mut Scan<'_>| -> Result<Self, Refuse> {
            Ok(Self {
                code: s.text("Code")?.into_owned(),
                text: s.owned("Text")?,
                about: s.with_opt("About", parse_envelope_id)?,
                from: s.with_opt("From", Millis::parse)?,
                until: s.with_opt("Until", Millis::parse)?,
            })
        })
    }
}
