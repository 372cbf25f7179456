//! Quality notices: what the receiver found wrong with a record after it had accepted it.

use canon::Millis;

use super::{strict_read, strict_write};
use crate::Refuse;
use crate::wire::{Scan, Writer};

/// One record returned to its owner, after acceptance: it stays accepted, and its next version answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QualityNotice {
    /// Record type, wire name.
    pub kind: String,
    /// Written form of the key.
    pub key: String,
    /// The version that was found wrong.
    pub version: u32,
    /// The rule: a stable code, or the receiver's own word for it.
    pub rule: String,
    /// The field, wire name; none if it is the whole record.
    pub field: Option<String>,
    /// Text for people.
    pub text: String,
    /// Until when an answer is asked for; in whole seconds.
    pub deadline: Millis,
}

impl QualityNotice {
    /// The fragment.
    pub fn write(&self) -> Vec<u8> {
        strict_write!("QualityNotice", |w: &mut Writer| {
            w.text("Type", &self.kind);
            w.text("Key", &self.key);
            w.num("Version", u64::from(self.version));
            w.text("Rule", &self.rule);
            w.opt("Field", self.field.as_deref());
            w.text("Text", &self.text);
            w.show("Deadline", &self.deadline);
        })
    }

    /// Reads the fragment.
    pub fn read(fragment: &[u8]) -> Result<Self, Refuse> {
        strict_read!(fragment, "QualityNotice", |s: &mut Scan<'_>| -> Result<Self, Refuse> {
            Ok(Self {
                kind: s.text("Type")?.into_owned(),
                key: s.text("Key")?.into_owned(),
                version: s.parse("Version")?,
                rule: s.text("Rule")?.into_owned(),
                field: s.opt("Field")?,
                text: s.owned("Text")?,
                deadline: s.with("Deadline", Millis::parse)?,
            })
        })
    }
}
