//! Why bytes from another node are refused: one stable code each, and a detail that never holds
//! what was in them.

/// A refusal. The envelope goes to quarantine whole, changes nothing else, and its sender is told
/// the [`Refuse::code`] along the link it came by.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Refuse {
    /// Not in the one exact form: where, and what was expected there.
    #[error("not in the envelope form at byte {at}: {what}; the sender must write edition 1")]
    Malformed {
        /// Byte offset within the part that was read.
        at: usize,
        /// What was expected.
        what: &'static str,
    },
    /// A size or count over its named limit.
    #[error("{what} is {size}, over the limit of {max}")]
    TooLarge {
        /// Which limit.
        what: &'static str,
        /// The declared or found size.
        size: u64,
        /// The limit.
        max: u64,
    },
    /// The parcel is not one zstd frame with its size declared.
    #[error("the parcel is not a frame: {what}")]
    Frame {
        /// What is wrong with it.
        what: &'static str,
    },
    /// Body bytes are not the ones under the head's Merkle root.
    #[error("the body is not the one under the signed root")]
    RootMismatch,
    /// Signature or digest value does not fit the head.
    #[error("signature does not verify: {what}")]
    SignatureInvalid {
        /// Which step failed.
        what: &'static str,
    },
    /// A suite or digest algorithm this node does not have.
    #[error("suite or algorithm unknown here; agree on a suite for this link")]
    SuiteUnknown,
    /// A suite that this node has and does not accept from that sender: a downgrade.
    #[error("suite `{suite}` is not accepted here from that sender; sign in an agreed one")]
    SuiteRefused {
        /// The suite of the envelope.
        suite: &'static str,
    },
    /// The certificate cannot be read or lacks what it must say.
    #[error("certificate not usable: {what}")]
    CertificateInvalid {
        /// What is missing or wrong.
        what: &'static str,
    },
    /// No path from the certificate to a trust anchor.
    #[error("certificate of no authority trusted here")]
    CertificateUntrusted,
    /// Outside its validity at the time of judgement.
    #[error("certificate expired or not yet valid")]
    CertificateExpired,
    /// Revoked by its authority, at the time of judgement or before.
    #[error("certificate revoked by its authority; ask for a new one with a new key")]
    CertificateRevoked,
    /// The certificate belongs to another node than the head says.
    #[error("certificate of another node than the head names")]
    NodeMismatch,
    /// Certificate, head and receiver are not of one environment.
    #[error("environment differs: formal, joint and demo are never mixed")]
    Environment,
    /// A confidential body that this node cannot open.
    #[error(
        "the body is closed: {what}; agree on keys with the sender, or have it sent in the clear"
    )]
    Closed {
        /// Which step failed.
        what: &'static str,
    },
    /// The head is sealed too far in the future.
    #[error("sealed {ahead_ms} ms ahead of this node's clock; set the sender's clock")]
    ClockAhead {
        /// How far ahead.
        ahead_ms: i64,
    },
}

impl Refuse {
    /// The stable code, in `canon::codes`.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Malformed { .. } => "envelope.malformed",
            Self::TooLarge { .. } => "envelope.too_large",
            Self::Frame { .. } => "envelope.frame",
            Self::RootMismatch => "envelope.root_mismatch",
            Self::SignatureInvalid { .. } => "sender.signature_invalid",
            Self::SuiteUnknown => "sender.suite_unknown",
            Self::SuiteRefused { .. } => "sender.suite_refused",
            Self::CertificateInvalid { .. } => "sender.certificate_invalid",
            Self::CertificateUntrusted => "sender.certificate_untrusted",
            Self::CertificateExpired => "sender.certificate_expired",
            Self::CertificateRevoked => "sender.certificate_revoked",
            Self::NodeMismatch => "sender.node_mismatch",
            Self::Environment => "sender.environment",
            Self::Closed { .. } => "receiver.confidential",
            Self::ClockAhead { .. } => "sender.clock_ahead",
        }
    }

    /// Whether the same bytes may verify later without anybody changing them (a certificate not
    /// yet valid, a clock set right, an anchor or suite added here).
    pub const fn may_pass_later(&self) -> bool {
        matches!(
            self,
            Self::SuiteUnknown
                | Self::SuiteRefused { .. }
                | Self::CertificateUntrusted
                | Self::CertificateExpired
                | Self::ClockAhead { .. }
        )
    }
}
