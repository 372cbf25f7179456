//! The lifecycle of an own envelope: one total function, applied inside the store's transaction.
//!
//! It stands beside the store because every commit that moves an envelope applies it there; the
//! workers only say which event happened.

use std::fmt;

/// State of an own envelope. A retry is an attempt row with a reason and a next time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum OutState {
    /// Sequence, head and records are fixed; not signed yet.
    Numbered,
    /// Signed; due at the carrier.
    Sealed,
    /// The carrier confirmed it; a receipt is awaited.
    Sent,
    /// The last attempt failed or was refused; due again at its next time.
    RetryWait,
    /// The receipt is overdue; an inquiry comes before a resend.
    Unknown,
    /// A verified receipt has an outcome for every record (or: a control parcel was confirmed).
    Settled,
    /// A verified receipt declined the whole envelope.
    Declined,
    /// Given up with a reason; stays counted; an operator may reopen it.
    Dead,
}

/// What happens to an own envelope.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum OutEvent {
    /// The signature was stored.
    Signed,
    /// The carrier confirmed the parcel.
    Confirmed,
    /// The carrier did not take it, or nobody answered in time.
    NotConfirmed,
    /// The receiver refused it (did not verify there).
    Refused,
    /// The receiver did not take it in: its sender is over its quota and comes again later. The
    /// attempt does not count.
    Deferred,
    /// The receipt is overdue, or still overdue after an inquiry.
    Overdue,
    /// The peer answered an inquiry: it does not have it; send it again.
    Resend,
    /// A verified receipt with an outcome for every record.
    Receipted,
    /// A verified receipt declining the whole.
    Declining,
    /// Attempts exhausted, or a named person gave it up.
    GivenUp,
    /// An operator reopened it.
    Reopened,
}

impl OutState {
    /// Every state.
    pub const ALL: [Self; 8] = [
        Self::Numbered,
        Self::Sealed,
        Self::Sent,
        Self::RetryWait,
        Self::Unknown,
        Self::Settled,
        Self::Declined,
        Self::Dead,
    ];

    /// The word in stores, on pages and in `--json`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Numbered => "numbered",
            Self::Sealed => "sealed",
            Self::Sent => "sent",
            Self::RetryWait => "retry_wait",
            Self::Unknown => "unknown",
            Self::Settled => "settled",
            Self::Declined => "declined",
            Self::Dead => "dead",
        }
    }

    /// The state of this word.
    pub fn by_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|s| s.as_str() == name)
    }

    /// Nothing more will happen by itself.
    pub const fn is_final(self) -> bool {
        matches!(self, Self::Settled | Self::Declined)
    }

    /// The next state; none where the event changes nothing (a late or doubled message), which is
    /// never an error.
    pub const fn next(self, event: OutEvent) -> Option<Self> {
        use OutEvent as E;
        use OutState as S;
        match (self, event) {
            (S::Numbered, E::Signed) => Some(S::Sealed),
            (S::Sealed | S::RetryWait, E::Confirmed) => Some(S::Sent),
            // A receiver over its quota defers also what is overdue here.
            (
                S::Sealed | S::RetryWait | S::Sent | S::Unknown,
                E::NotConfirmed | E::Refused | E::Deferred,
            ) => Some(S::RetryWait),
            (S::Sent | S::Unknown, E::Overdue) => Some(S::Unknown),
            (S::Unknown | S::Sent, E::Resend) | (S::Dead, E::Reopened) => Some(S::Sealed),
            // A receipt settles whenever it comes: before the carrier's confirm, late, or after
            // the envelope was given up.
            (S::Sealed | S::Sent | S::RetryWait | S::Unknown | S::Dead, E::Receipted) => {
                Some(S::Settled)
            }
            (S::Sealed | S::Sent | S::RetryWait | S::Unknown | S::Dead, E::Declining) => {
                Some(S::Declined)
            }
            (S::Sealed | S::Sent | S::RetryWait | S::Unknown, E::GivenUp) => Some(S::Dead),
            (
                S::Numbered
                | S::Sealed
                | S::Sent
                | S::RetryWait
                | S::Unknown
                | S::Settled
                | S::Declined
                | S::Dead,
                E::Signed
                | E::Confirmed
                | E::NotConfirmed
                | E::Refused
                | E::Deferred
                | E::Overdue
                | E::Resend
                | E::Receipted
                | E::Declining
                | E::GivenUp
                | E::Reopened,
            ) => None,
        }
    }
}

impl fmt::Display for OutState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::{OutEvent as E, OutState as S};

    const EVENTS: [E; 11] = [
        E::Signed,
        E::Confirmed,
        E::NotConfirmed,
        E::Refused,
        E::Deferred,
        E::Overdue,
        E::Resend,
        E::Receipted,
        E::Declining,
        E::GivenUp,
        E::Reopened,
    ];

    /// The whole table, a row a state, a letter an event in the order of `EVENTS`.
    #[test]
    fn every_state_under_every_event() {
        let table = [
            (S::Numbered, "s.........."),
            (S::Sealed, ".trrr..SDx."),
            (S::Sent, "..rrrusSDx."),
            (S::RetryWait, ".trrr..SDx."),
            (S::Unknown, "..rrrusSDx."),
            (S::Settled, "..........."),
            (S::Declined, "..........."),
            (S::Dead, ".......SD.s"),
        ];
        for (state, row) in table {
            for (event, letter) in EVENTS.into_iter().zip(row.chars()) {
                let expected = match letter {
                    's' => Some(S::Sealed),
                    't' => Some(S::Sent),
                    'r' => Some(S::RetryWait),
                    'u' => Some(S::Unknown),
                    'S' => Some(S::Settled),
                    'D' => Some(S::Declined),
                    'x' => Some(S::Dead),
                    _ => None,
                };
                assert_eq!(state.next(event), expected, "{state} under {event:?}");
            }
            assert_eq!(S::by_name(state.as_str()), Some(state));
        }
    }

    #[test]
    fn what_is_final_stays() {
        for state in S::ALL.into_iter().filter(|s| s.is_final()) {
            assert!(EVENTS.into_iter().all(|e| state.next(e).is_none()));
        }
    }
}
