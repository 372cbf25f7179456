//! What never breaks: ids and words as in ARCHITECTURE.md, a test holds them together.

use std::fmt;

use canon::Millis;

/// An invariant of the whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Invariant {
    /// Conservation.
    S1,
    /// At most once.
    S2,
    /// Same bytes.
    S3,
    /// Honest receipts.
    S4,
    /// Cursors.
    S5,
    /// Order.
    S6,
    /// The gate.
    S7,
    /// Bounds.
    S8,
    /// Audit.
    S9,
    /// Everything ends.
    L1,
    /// Every day agrees, or says why not.
    L2,
}

impl Invariant {
    /// All of them.
    pub const ALL: [Self; 11] = [
        Self::S1,
        Self::S2,
        Self::S3,
        Self::S4,
        Self::S5,
        Self::S6,
        Self::S7,
        Self::S8,
        Self::S9,
        Self::L1,
        Self::L2,
    ];

    /// Its sentence.
    pub const fn says(self) -> &'static str {
        match self {
            Self::S1 => {
                "every collected record, on each route, is in exactly one place: quarantined, waiting, staged, in flight, awaiting review, accepted, superseded, rejected, voided, dead"
            }
            Self::S2 => {
                "no (sender, epoch, route, sequence) takes effect twice; a duplicate gets the same receipt again"
            }
            Self::S3 => {
                "the bytes kept upstream are the bytes the origin signed; the same id with other bytes is an alarm"
            }
            Self::S4 => {
                "an `accepted` in a receipt means the receiver has committed exactly that record"
            }
            Self::S5 => "a cursor is never ahead of what is committed",
            Self::S6 => {
                "versions of one record take effect in increasing order; a child never before its parent, unless kept with a warning"
            }
            Self::S7 => {
                "an envelope that does not verify changes nothing but quarantine, audit and its refusal"
            }
            Self::S8 => "everything has a limit with a name",
            Self::S9 => "the audit chain is unbroken and has every operator action",
            Self::L1 => {
                "once faults stop, every envelope is settled, declined, or dead with a reason"
            }
            Self::L2 => {
                "once faults stop, every closed window reconciles, or names its discrepancies"
            }
        }
    }
}

impl fmt::Display for Invariant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self:?}")
    }
}

/// An invariant that did not hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Broken {
    /// Which.
    pub invariant: Invariant,
    /// At which node.
    pub node: String,
    /// What was found.
    pub what: String,
    /// At which step.
    pub step: u64,
    /// When, by the world's clock.
    pub at: Millis,
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { invariant, node, what, step, at } = self;
        write!(f, "{invariant} broken at {node}, step {step}, {at}: {what} ({})", invariant.says())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn architecture_says_the_same_of_each() {
        let page = include_str!("../../ARCHITECTURE.md");
        for invariant in Invariant::ALL {
            let row = format!("| {invariant} | {} |", invariant.says());
            assert!(page.lines().any(|line| line == row), "ARCHITECTURE.md has no row `{row}`");
        }
    }
}
