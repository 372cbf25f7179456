//! The menu of faults, and how often each really happened.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

/// A fault that a seed may turn on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Fault {
    /// A parcel is lost, and the carrier says that it does not have it.
    Lost,
    /// A parcel is lost after the carrier confirmed it.
    LostConfirmed,
    /// A parcel arrives, and nobody says so.
    ConfirmLost,
    /// A parcel arrives twice.
    Doubled,
    /// A parcel arrives late, behind others.
    Late,
    /// A queue is full.
    Full,
    /// No queue takes it.
    Unroutable,
    /// A byte of a parcel is changed on the way.
    Damaged,
    /// The carrier gives up delivering, and lays the parcel aside.
    DeadLetter,
    /// The acknowledgement of a delivery is lost.
    AckLost,
    /// A node does not reach the carrier for a while.
    Partition,
    /// The carrier takes nothing for a while.
    Blocked,
    /// A node dies before a fact.
    CrashBefore,
    /// A node dies after a fact.
    CrashAfter,
    /// A node stands still for long.
    Silent,
    /// A store is busy: nothing was committed, the node lives on.
    Busy,
    /// A fact was committed and nobody heard: the node lives on.
    Unheard,
    /// A panic at a fact.
    Panic,
    /// Two instances on one store; one stands still in the middle of a turn until its leases have
    /// run out.
    Stalled,
    /// A clock jumps ahead.
    ClockAhead,
    /// A clock jumps back.
    ClockBack,
    /// Clocks differ.
    Skew,
    /// A node gets another key; the one before is revoked.
    Rotation,
    /// A forged envelope, in a neighbour's name or a receiver's.
    Forged,
    /// Two senders report one case.
    Shared,
    /// Lines that break a rule.
    Invalid,
    /// A child's line comes before its parent's.
    Orphan,
    /// A line again, with other words.
    Correction,
    /// A record is withdrawn.
    Void,
    /// The same lines once more.
    Again,
    /// A person returns, resubmits or voids a problem.
    Desk,
    /// A person gives an envelope up, and reopens it.
    Reopen,
    /// A person pauses a link, and resumes it.
    Pause,
    /// Old bytes are purged soon.
    Purge,
    /// A sender is restored from an older backup.
    RestoreSender,
    /// The receiver is restored from an older backup.
    RestoreReceiver,
    /// Midnight comes in the middle of the storm: manifests go in bad weather.
    Night,
    /// A case that another node began: a parent elsewhere, or one that never comes.
    Elsewhere,
    /// Old rows are back-filled while today's go up.
    Backfill,
    /// A sender goes over to another edition of the format.
    Edition,
    /// Tiers between keep copies of what they pass on.
    Keeper,
    /// A certified node lies: receipts that are not its own to give, others' envelopes under its key.
    Insider,
    /// A second machine has a node's key and a copy of its store.
    Cloned,
    /// A person sends again what has no receipt yet.
    Resend,
    /// A person orders what a receiver lacks of a day.
    Heal,
    /// A person withdraws what waits for its parent.
    Withdraw,
    /// The receiver returns what it accepted.
    Quality,
    /// A tier above says that it is under maintenance.
    Maintenance,
}

impl Fault {
    /// All of them.
    pub const ALL: [Self; 48] = [
        Self::Lost,
        Self::LostConfirmed,
        Self::ConfirmLost,
        Self::Doubled,
        Self::Late,
        Self::Full,
        Self::Unroutable,
        Self::Damaged,
        Self::DeadLetter,
        Self::AckLost,
        Self::Partition,
        Self::Blocked,
        Self::CrashBefore,
        Self::CrashAfter,
        Self::Silent,
        Self::Busy,
        Self::Unheard,
        Self::Panic,
        Self::Stalled,
        Self::ClockAhead,
        Self::ClockBack,
        Self::Skew,
        Self::Rotation,
        Self::Forged,
        Self::Shared,
        Self::Invalid,
        Self::Orphan,
        Self::Correction,
        Self::Void,
        Self::Again,
        Self::Desk,
        Self::Reopen,
        Self::Pause,
        Self::Purge,
        Self::RestoreSender,
        Self::RestoreReceiver,
        Self::Night,
        Self::Elsewhere,
        Self::Backfill,
        Self::Edition,
        Self::Keeper,
        Self::Insider,
        Self::Cloned,
        Self::Resend,
        Self::Heal,
        Self::Withdraw,
        Self::Quality,
        Self::Maintenance,
    ];

    /// Its word on the command line and in figures.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Lost => "lost",
            Self::LostConfirmed => "lost-confirmed",
            Self::ConfirmLost => "confirm-lost",
            Self::Doubled => "doubled",
            Self::Late => "late",
            Self::Full => "full",
            Self::Unroutable => "unroutable",
            Self::Damaged => "damaged",
            Self::DeadLetter => "dead-letter",
            Self::AckLost => "ack-lost",
            Self::Partition => "partition",
            Self::Blocked => "blocked",
            Self::CrashBefore => "crash-before",
            Self::CrashAfter => "crash-after",
            Self::Silent => "silent",
            Self::Busy => "busy",
            Self::Unheard => "unheard",
            Self::Panic => "panic",
            Self::Stalled => "stalled",
            Self::ClockAhead => "clock-ahead",
            Self::ClockBack => "clock-back",
            Self::Skew => "skew",
            Self::Rotation => "rotation",
            Self::Forged => "forged",
            Self::Shared => "shared",
            Self::Invalid => "invalid",
            Self::Orphan => "orphan",
            Self::Correction => "correction",
            Self::Void => "void",
            Self::Again => "again",
            Self::Desk => "desk",
            Self::Reopen => "reopen",
            Self::Pause => "pause",
            Self::Purge => "purge",
            Self::RestoreSender => "restore-sender",
            Self::RestoreReceiver => "restore-receiver",
            Self::Night => "night",
            Self::Elsewhere => "elsewhere",
            Self::Backfill => "backfill",
            Self::Edition => "edition",
            Self::Keeper => "keeper",
            Self::Insider => "insider",
            Self::Cloned => "cloned",
            Self::Resend => "resend",
            Self::Heal => "heal",
            Self::Withdraw => "withdraw",
            Self::Quality => "quality",
            Self::Maintenance => "maintenance",
        }
    }

    /// The fault of this word.
    pub fn by_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|f| f.word() == word)
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// How often each fault really happened; those of parcels by kind (`late receipt`).
#[derive(Clone, Debug, Default)]
pub struct Happened(Arc<Mutex<BTreeMap<String, u64>>>);

impl Happened {
    /// It happened.
    pub fn note(&self, fault: Fault) {
        self.add(fault.word().to_owned(), 1);
    }

    /// It happened to a parcel of this kind.
    pub fn note_of(&self, fault: Fault, kind: &str) {
        self.add(fault.word().to_owned(), 1);
        self.add(format!("{fault} {kind}"), 1);
    }

    /// All of another run.
    pub fn join(&self, other: &Self) {
        for (name, count) in other.counts() {
            self.add(name, count);
        }
    }

    /// Every one that happened.
    pub fn counts(&self) -> BTreeMap<String, u64> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn add(&self, name: String, count: u64) {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *counts.entry(name).or_default() += count;
    }
}
