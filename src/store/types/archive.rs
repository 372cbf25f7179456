//! What an archive asks of a store.

use canon::{Day, EnvelopeId, Millis};

/// Whose envelopes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ArchiveSide {
    /// Records envelopes sealed here.
    Own,
    /// Envelopes judged here.
    Received,
}

/// An envelope whose bytes are here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ArchiveRow {
    /// Its number here; rises in the order of sealing, of judging.
    pub number: i64,
    /// Envelope id.
    pub id: EnvelopeId,
    /// Its window.
    pub day: Day,
    /// When it was judged; none for own ones.
    pub judged: Option<Millis>,
    /// Own: final. Received: its receipt is sealed and here.
    pub closed: bool,
}

/// What was given back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Released {
    /// Envelopes.
    pub envelopes: u64,
    /// Bytes of their frames and receipts.
    pub bytes: u64,
}

/// The room a store takes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Space {
    /// Bytes on disk, all identities together; none in memory.
    pub bytes: u64,
    /// Those of them that are free for the store's own use.
    pub free: u64,
}
