//! A hop receipt as it is kept: that another node had an envelope, and when.

use std::sync::Arc;

use canon::{Digest, EnvelopeId, Millis, leaf_hash};
use serde::{Deserialize, Serialize};

use super::{EvidenceError, Signed, text};
use crate::control::Hop;
use crate::trust::verify_head;
use crate::{Head, Kind, Opened, Refuse, SenderCert, Trust, merkle_root};

/// Head, signature and the one fragment of a hop receipt, exact.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Passed {
    /// Its head and signature.
    pub signed: Signed,
    /// Its one fragment.
    pub content: String,
}

/// What a hop receipt proves.
#[derive(Clone, Debug)]
pub struct Vouched {
    /// Who had the envelope.
    pub by: Arc<SenderCert>,
    /// What it says.
    pub hop: Hop,
}

impl Passed {
    /// The hop receipt of an opened package.
    ///
    /// # Errors
    /// It has no fragment, or is not text.
    pub fn of(receipt: &Opened<'_>) -> Result<Self, EvidenceError> {
        let fragment = receipt.fragments.first().ok_or(EvidenceError::NoSuchPosition(0))?;
        Ok(Self { signed: Signed::of(receipt)?, content: text(fragment)? })
    }

    /// What it proves of this envelope: another node than its sender verified it and had it. Its own
    /// certificate is judged at `at`; none is the time that its head says.
    ///
    /// # Errors
    /// The signature does not hold, or it is about something else.
    pub fn vouches(
        &self,
        (id, head): (&EnvelopeId, Digest),
        trust: &Trust,
        at: Option<Millis>,
    ) -> Result<Vouched, Refuse> {
        let malformed = |what| Refuse::Malformed { at: 0, what };
        let bytes = self.signed.head.as_bytes();
        let read = Head::read(bytes)?;
        let content = self.content.as_bytes();
        let root = merkle_root(read.digest_alg, &[leaf_hash(read.digest_alg, content)]);
        if read.kind != Kind::Hop || read.count() != 1 || read.root != root {
            return Err(malformed("the head of a hop receipt"));
        }
        let at = at.unwrap_or(read.sealed_at);
        let by = verify_head(&read, bytes, self.signed.signature.as_bytes(), trust, at)?;
        let hop = Hop::read(content)?;
        // A time after its own signature would be none of its knowledge.
        let knows = hop.verified && hop.at <= read.sealed_at && by.node != id.sender;
        if !knows || hop.envelope != *id || hop.head != head {
            return Err(malformed("a hop receipt for this envelope"));
        }
        Ok(Vouched { by, hop })
    }
}
