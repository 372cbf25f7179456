//! The signed head of a package. What it says cannot be added later, so it says all of protocol §4.

use canon::{Day, Digest, DigestAlg, EnvelopeId, Environment, Millis, NodeCode, Route};

use crate::words::words;

words! {
    /// What a package carries.
    Kind {
        /// Record fragments.
        Records = "records",
        /// One outcome for each record of one envelope.
        Receipt = "receipt",
        /// A holder on the way says how far an envelope has come.
        Hop = "hop",
        /// A parcel did not verify.
        Refusal = "refusal",
        /// Where is this envelope, where is this gap.
        Inquiry = "inquiry",
        /// The answer to an inquiry or gap report.
        Answer = "answer",
        /// The counts and sums of one day.
        Manifest = "manifest",
        /// A text for the other node's people.
        Notice = "notice",
    }
}

impl Kind {
    /// Whether it travels in the control lane and has no receipt of its own.
    pub const fn is_control(self) -> bool {
        !matches!(self, Self::Records)
    }
}

/// Sequences that will never come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Skipped {
    /// First sequence.
    pub first: u64,
    /// Last sequence, not below `first`.
    pub last: u64,
    /// Stable code of the cause.
    pub cause: String,
}

/// Who made the statement of a receipt.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum By {
    /// The node that signs it, as receiver or reviewing tier. Not written.
    #[default]
    Node,
    /// A platform that does not run Tiergate; the signing node recorded its answer.
    Outlet,
}

/// What a receipt answers: the envelope, named by id, head digest and root.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReceiptFor {
    /// Id of the envelope.
    pub envelope: EnvelopeId,
    /// Digest over the exact bytes of its head.
    pub head: Digest,
    /// Merkle root of its body.
    pub root: Digest,
    /// When the receiver had it, by the receiver's clock, in whole seconds.
    pub received_at: Millis,
    /// Whose statement this is.
    pub by: By,
    /// Set: the whole envelope is declined with this code, and there are no outcomes.
    pub decline: Option<String>,
}

/// A key wrapped for one recipient of a confidential body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recipient {
    /// The node that can open it.
    pub node: NodeCode,
    /// Digest of the certificate the key is wrapped for.
    pub certificate: Digest,
    /// The wrapped key, base64.
    pub key: String,
}

/// How a confidential body is closed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Confidential {
    /// Cipher, such as `aes-256-gcm`.
    pub cipher: String,
    /// Digest of the ciphertext.
    pub ciphertext: Digest,
    /// Each recipient's wrapped key.
    pub recipients: Vec<Recipient>,
}

/// The head. Empty texts and lists are left out of the written form, everything else is always
/// there, in the order of the fields here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Head {
    /// What the body holds.
    pub kind: Kind,
    /// Formal, joint or demo.
    pub environment: Environment,
    /// Who signs.
    pub from: NodeCode,
    /// Whose receipt settles; the route's destination.
    pub to: NodeCode,
    /// The sender's epoch.
    pub epoch: u32,
    /// Destination, edition, suite and lane.
    pub route: Route,
    /// Sequence on the route in the epoch, from 1.
    pub sequence: u64,
    /// Every lower sequence is final at the sender.
    pub settled_below: u64,
    /// Sequences that will never come, ascending.
    pub skipped: Vec<Skipped>,
    /// When it was numbered, in whole seconds (the written form has no more).
    pub sealed_at: Millis,
    /// The one natural day its records were collected in.
    pub window: Day,
    /// Format edition of the fragments, such as `supervision/1`.
    pub format: String,
    /// Edition of the code tables used.
    pub code_tables: String,
    /// Edition of the authority table used.
    pub authority: String,
    /// Adapters and their versions.
    pub adapters: Vec<(String, String)>,
    /// Algorithm of record digests and root.
    pub digest_alg: DigestAlg,
    /// Byte length of each fragment; written with their count.
    pub lengths: Vec<u32>,
    /// Merkle root over the fragments' leaf hashes.
    pub root: Digest,
    /// Digest of the signing certificate.
    pub certificate: Digest,
    /// Positions (from 0) of records to keep without their parent, ascending.
    pub keep_orphans: Vec<u32>,
    /// Set when the body is encrypted.
    pub confidential: Option<Confidential>,
    /// What a receipt answers; set exactly for receipts.
    pub answers: Option<ReceiptFor>,
}

impl Head {
    /// The envelope id.
    pub fn id(&self) -> EnvelopeId {
        EnvelopeId {
            sender: self.from.clone(),
            epoch: self.epoch,
            route: self.route.clone(),
            sequence: self.sequence,
        }
    }

    /// How many fragments the body has.
    pub fn count(&self) -> usize {
        self.lengths.len()
    }

    /// Digest over the exact bytes of a written head, in its suite's algorithm: what receipts
    /// name, and what tells apart two envelopes of one id.
    pub fn digest(alg: DigestAlg, head_bytes: &[u8]) -> Digest {
        alg.of(&[head_bytes])
    }
}
