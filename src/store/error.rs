//! What can go wrong in a store, and what happens next.

/// What a worker does about a failure. Every failure has exactly one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Disposition {
    /// The same call may succeed later.
    Retry,
    /// The input is at fault: answer its sender.
    Reject,
    /// Set aside for a person.
    Quarantine,
    /// Give up on this one, listed as dead.
    Bury,
    /// Stop this worker: going on could break an invariant.
    Halt,
}

/// A failure of the store.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The database is busy, full or unreachable; nothing was changed. Environment at fault.
    #[error("store unavailable: {0}; nothing was changed, the worker tries again")]
    Unavailable(String),
    /// Others changed the same rows at the same time, as often as the store tries by itself;
    /// nothing was changed.
    #[error("store contended: {0}; nothing was changed, the worker tries again")]
    Contended(String),
    /// Another holder has taken the lease over; this worker's commit was refused.
    #[error("lease `{0}` was taken over; this commit was refused, the new holder goes on")]
    LeaseLost(String),
    /// The fact was built on something that has changed meanwhile (sequence, state); the worker
    /// reads again.
    #[error("store conflict on {what}: {detail}")]
    Conflict {
        /// Which fact.
        what: &'static str,
        /// What was found instead.
        detail: String,
    },
    /// A statement changed another number of rows than its fact says. A bug or a damaged file.
    #[error("{what}: expected {expected} rows to change, {actual} did; run `tiergate status`")]
    RowsAffected {
        /// Which statement.
        what: &'static str,
        /// How many should have.
        expected: u64,
        /// How many did.
        actual: u64,
    },
    /// Stored bytes cannot be read back. A damaged file.
    #[error("store damaged: {0}")]
    Damaged(String),
    /// The file belongs to a newer edition of this program, or to another node.
    #[error("store refused: {0}")]
    Refused(String),
}

/// A fact built on something that has changed.
#[cfg(any(feature = "sqlite", feature = "postgres"))]
pub(crate) const fn conflict(what: &'static str, detail: String) -> StoreError {
    StoreError::Conflict { what, detail }
}

impl StoreError {
    /// What the worker does next.
    pub const fn disposition(&self) -> Disposition {
        match self {
            Self::Unavailable(_) | Self::Conflict { .. } => Disposition::Retry,
            Self::Contended(_) | Self::LeaseLost(_) => Disposition::Retry,
            Self::RowsAffected { .. } | Self::Damaged(_) | Self::Refused(_) => Disposition::Halt,
        }
    }
}
