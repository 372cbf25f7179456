//! What stops a worker's turn, and what happens next.

use store::Disposition;

/// A failure of one turn of a worker. Bad data never is one.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WorkError {
    /// The store failed.
    #[error(transparent)]
    Store(#[from] store::StoreError),
    /// The carrier failed.
    #[error(transparent)]
    Bus(#[from] bus::BusError),
    /// The source failed.
    #[error("adapter `{adapter}`: {source}")]
    Source {
        /// Which adapter.
        adapter: String,
        /// What happened.
        source: edge::SourceError,
    },
    /// The sink failed.
    #[error("sink `{sink}`: {source}")]
    Sink {
        /// Which sink.
        sink: String,
        /// What happened.
        source: edge::SinkError,
    },
    /// The signing key failed.
    #[error("signing as `{node}`: {source}; check `tiergate keys show`")]
    Sign {
        /// Which node.
        node: String,
        /// What happened.
        source: envelope::SignError,
    },
    /// Records stand staged for a suite of which this identity has no key.
    #[error(
        "`{node}` has no key of suite `{suite}` and records wait for it; give it one in [[identity]] or [[identity.also]]"
    )]
    NoKey {
        /// Which node.
        node: String,
        /// Which suite.
        suite: String,
    },
    /// Staged records of a closed route do not open with any pair that is configured.
    #[error(
        "records of `{node}` for {route} rest under a pair for encryption that is gone; name it again as [[identity.former]]"
    )]
    Asleep {
        /// Which node.
        node: String,
        /// Which route.
        route: String,
    },
    /// Revocation lists are not right; those before stay in force.
    #[error("revocation lists not taken up, those before stay in force: {what}")]
    Revocation {
        /// Which file, and what is wrong with it.
        what: String,
    },
    /// Files of code lists are not right; those before stay in force.
    #[error("code lists not taken up, those before stay in force: {what}")]
    CodeLists {
        /// Which file, and what is wrong with it.
        what: String,
    },
    /// The archive cannot be written, or read back; nothing is purged meanwhile.
    #[error("archive: {what}; nothing is purged, it is tried again")]
    Archive {
        /// Which file, and what is wrong with it.
        what: String,
    },
    /// The collector of the audit chain does not take; the chain itself is whole.
    #[error("audit chain not forwarded: {what}; nothing is lost, it is tried again")]
    Forward {
        /// What happened.
        what: String,
    },
    /// The worker panicked: a bug. The turn counts as failed.
    #[error("{worker} panicked: {what}; please report it, the worker tries again")]
    Panicked {
        /// Which worker.
        worker: String,
        /// What it said.
        what: String,
    },
    /// A document this node wrote itself cannot be read back. A bug or a damaged store.
    #[error("own document unreadable: {0}")]
    Own(String),
}

impl WorkError {
    /// What the loop around the worker does next.
    pub fn disposition(&self) -> Disposition {
        match self {
            Self::Store(e) => e.disposition(),
            Self::Bus(_)
            | Self::Sign { .. }
            | Self::NoKey { .. }
            | Self::Asleep { .. }
            | Self::Revocation { .. }
            | Self::CodeLists { .. }
            | Self::Archive { .. }
            | Self::Forward { .. }
            | Self::Source { .. }
            | Self::Sink { .. }
            | Self::Panicked { .. } => Disposition::Retry,
            Self::Own(_) => Disposition::Halt,
        }
    }
}
