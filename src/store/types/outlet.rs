//! Records on their way through an outlet: handed over to a platform that does not run Tiergate, and
//! what it said.

use std::sync::Arc;

use canon::{Digest, EnvelopeId, Millis, RecordId};
use serde::Serialize;

/// How far a record is at a platform.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum SubmissionStep {
    /// Waits for another record, its parent or an earlier version, to be answered.
    Held,
    /// To be handed over at its time.
    Due,
    /// Handed over, or perhaps: nothing final was heard. Asked or handed over again at its time.
    Sending,
    /// The platform's last word is there.
    Answered,
}

impl SubmissionStep {
    /// Every step, by its number in a store.
    pub const ALL: [Self; 4] = [Self::Held, Self::Due, Self::Sending, Self::Answered];

    /// Whether the platform has still to be spoken to.
    pub const fn is_open(self) -> bool {
        matches!(self, Self::Due | Self::Sending)
    }
}

/// What a platform's answer comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// The platform has the record.
    Taken,
    /// It will never take this version.
    Refused,
    /// It did not take it this time.
    Again,
}

impl Verdict {
    /// Every verdict, by its number in a store.
    pub const ALL: [Self; 3] = [Self::Taken, Self::Refused, Self::Again];
}

/// A platform's answer for one record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PlatformAnswer {
    /// What it comes to.
    pub verdict: Verdict,
    /// Our stable code, empty when taken.
    pub code: String,
    /// The platform's own words, as they came.
    pub said: String,
    /// When this node heard it.
    pub at: Millis,
}

/// A record of an envelope that waits for a platform.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewSubmission {
    /// Position in its envelope.
    pub position: u32,
    /// Type, key, version.
    pub id: RecordId,
    /// Record digest.
    pub digest: Digest,
    /// Facts.
    pub facts: Arc<str>,
    /// The id under which the platform gets it, the same each time.
    pub message: String,
    /// `Held` or `Due`.
    pub step: SubmissionStep,
    /// The record it stands on: inbox row and position.
    pub after: Option<(i64, u32)>,
    /// When it is handed over.
    pub due_at: Millis,
}

/// An envelope that waits for a platform.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Submit {
    /// Its inbox row.
    pub inbox_id: i64,
    /// The envelope: its sequence is no gap any more.
    pub id: EnvelopeId,
    /// Settled-below of its head.
    pub settled_below: u64,
    /// Records the platform has the word on.
    pub records: Vec<NewSubmission>,
    /// Now.
    pub now: Millis,
}

/// A record on its way through an outlet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Submission {
    /// Inbox row of its envelope.
    pub inbox_id: i64,
    /// Which envelope began to wait before which.
    pub turn: i64,
    /// Its envelope.
    pub envelope: EnvelopeId,
    /// Position in it.
    pub position: u32,
    /// Type, key, version.
    pub id: RecordId,
    /// Record digest.
    pub digest: Digest,
    /// Facts.
    pub facts: Arc<str>,
    /// The id under which the platform gets it.
    pub message: String,
    /// How far it is.
    pub step: SubmissionStep,
    /// The record it stands on.
    pub after: Option<(i64, u32)>,
    /// How often it was handed over.
    pub attempts: u32,
    /// When the platform is spoken to next.
    pub due_at: Millis,
    /// The last answer.
    pub answer: Option<PlatformAnswer>,
}

/// What became of a submission.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Submitted {
    /// Inbox row of its envelope.
    pub inbox_id: i64,
    /// Position in it.
    pub position: u32,
    /// How far it is now.
    pub step: SubmissionStep,
    /// How often it was handed over by now.
    pub attempts: u32,
    /// When the platform is spoken to next.
    pub due_at: Millis,
    /// What it said, if anything; none keeps what it said before.
    pub answer: Option<PlatformAnswer>,
}

/// What an outlet has before it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct OutletStatus {
    /// Envelopes that wait for answers.
    pub envelopes: u64,
    /// Records by step: held, due, sending, answered.
    pub steps: [u64; 4],
    /// When the oldest of these envelopes came.
    pub oldest: Option<Millis>,
}
