//! Hop receipts laid before a node that cannot know them: when others had an envelope.

use canon::EnvelopeId;

use super::{strict_read, strict_write};
use crate::Refuse;
use crate::evidence::{Passed, Signed};
use crate::limits::TEXT_BYTES_MAX;
use crate::wire::{Scan, Writer, parse_envelope_id};

/// One hop receipt for an envelope, whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VouchedFor {
    /// The envelope.
    pub envelope: EnvelopeId,
    /// The hop receipt.
    pub passed: Passed,
}

impl VouchedFor {
    /// Whether it can be written: each of its texts within the limit, however it is escaped.
    pub fn fits(&self) -> bool {
        let Passed { signed, content } = &self.passed;
        [&signed.head, &signed.signature, content].iter().all(|t| t.len() <= TEXT_BYTES_MAX / 2)
    }

    /// The fragment.
    pub fn write(&self) -> Vec<u8> {
        strict_write!("Vouched", |w: &mut Writer| {
            w.show("Envelope", &self.envelope);
            w.text("Head", &self.passed.signed.head);
            w.text("Signature", &self.passed.signed.signature);
            w.text("Content", &self.passed.content);
        })
    }

    /// Reads the fragment.
    pub fn read(fragment: &[u8]) -> Result<Self, Refuse> {
        strict_read!(fragment, "Vouched", |s: &mut Scan<'_>| -> Result<Self, Refuse> {
            let envelope = s.with("Envelope", parse_envelope_id)?;
            let (head, signature) =
                (s.text("Head")?.into_owned(), s.text("Signature")?.into_owned());
            let content = s.text("Content")?.into_owned();
            let passed = Passed { signed: Signed { head, signature }, content };
            Ok(Self { envelope, passed })
        })
    }
}
