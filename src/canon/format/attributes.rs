//! The attribute group every fragment carries (protocol §2), part of its bytes.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::digest::{Digest, DigestAlg};
use crate::node::{UnknownWord, words};
use crate::time::Millis;

words! {
    /// What a record version does.
    Op {
        /// States the values.
        Put = "put",
        /// Says that the record should never have been; repeats the last version's values.
        Void = "void",
    }
}

words! {
    /// How a record came to be reported.
    Nature {
        /// In the ordinary course.
        Live = "live",
        /// After its time.
        Late = "late",
        /// From before the exchange began.
        History = "history",
        /// Because something was wrong before.
        Correction = "correction",
    }
}

words! {
    /// Who changed the source's values on the way.
    Amended {
        /// Nobody.
        None = "none",
        /// The gateway, by named rules of form only.
        Normalised = "normalised",
        /// The owning unit, in the gateway's own intake.
        Owner = "owner",
    }
}

/// The attribute group. `system`, `namespace`, `reason` and `by` are plain tokens
/// (`A-Z a-z 0-9 . _ -`, see [`token_max`]), so that attributes never need escaping.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attributes {
    /// Version (`v`), from 1.
    pub version: u32,
    /// Put or void.
    pub op: Op,
    /// How the record came to be reported.
    pub nature: Nature,
    /// The adapter's id.
    pub system: Arc<str>,
    /// When the source recorded it; absent if the source cannot tell.
    pub entered: Option<String>,
    /// When the gateway collected it. The written form holds whole seconds.
    pub collected: Millis,
    /// Digest of the raw row (`rowdig`).
    pub row_digest: Digest,
    /// Who changed values on the way.
    pub amended: Amended,
    /// Unit code or namespace of the key (`ns`).
    pub namespace: Arc<str>,
    /// Reason code, with `op=void` only.
    pub reason: Option<String>,
    /// Operator code (never a name), with `op=void` only.
    pub by: Option<String>,
}

impl Attributes {
    /// A live first version of a row, collected at `collected`.
    pub fn live(system: &str, namespace: &str, collected: Millis, row_digest: Digest) -> Self {
        Self {
            version: 1,
            op: Op::Put,
            nature: Nature::Live,
            system: system.into(),
            entered: None,
            collected,
            row_digest,
            amended: Amended::None,
            namespace: namespace.into(),
            reason: None,
            by: None,
        }
    }

    /// Placeholder values, for a buffer that `parse_into` fills.
    pub fn blank() -> Self {
        let digest = Digest { alg: DigestAlg::Sha256, bytes: [0; 32] };
        Self::live("", "", Millis(0), digest)
    }
}

/// Highest version: nine digits, as the XSD says.
pub const VERSION_MAX: u32 = 999_999_999;
/// Longest `ns`; with [`TOKEN_MAX`] it keeps the group within `ATTRIBUTES_BYTES_MAX`.
pub const NAMESPACE_MAX: usize = 48;
/// Longest `system`, `reason` and `by`.
pub const TOKEN_MAX: usize = 32;

/// Longest token of an attribute.
pub const fn token_max(attribute: &str) -> usize {
    if matches!(attribute.as_bytes(), b"ns") { NAMESPACE_MAX } else { TOKEN_MAX }
}

/// Whether an attribute's text is a legal token.
pub fn is_token(text: &str, max: usize) -> bool {
    !text.is_empty()
        && text.len() <= max
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-'))
}
