//! The part of the trait that an outlet needs: envelopes that wait for a platform's answers.

use canon::{EnvelopeId, Millis};

use crate::api::StoreFuture;
use crate::types::*;

/// Facts of records on their way through an outlet.
///
/// An envelope that waits keeps its row of the inbox, which is in no claim and in no depth from then
/// on; whatever consumes that row (the judgement) takes its submissions away by the same fact.
pub trait OutletFacts: Send + Sync {
    /// An envelope waits for the platform, behind all that wait already. Records that are listed stand as listed, unless the platform
    /// was spoken to about them already; held ones that are not listed any more are forgotten.
    fn submit<'a>(&'a self, lease: &'a Lease, submit: Submit) -> StoreFuture<'a, ()>;

    /// The waiting parcel of an envelope.
    fn awaiting<'a>(&'a self, id: &'a EnvelopeId) -> StoreFuture<'a, Option<InboxParcel>>;

    /// The parcel of an inbox row.
    fn inbox_parcel(&self, inbox_id: i64) -> StoreFuture<'_, Option<InboxParcel>>;

    /// Submissions of these cases ([`canon::Key::root`]), in the order in which they came.
    fn submissions<'a>(&'a self, roots: &'a [&'a str]) -> StoreFuture<'a, Vec<Submission>>;

    /// Submissions to speak to the platform about, the longest due first.
    fn submissions_due(&self, now: Millis, limit: u32) -> StoreFuture<'_, Vec<Submission>>;

    /// What became of submissions. A `Conflict` if one of them is gone.
    fn commit_submitted<'a>(
        &'a self,
        lease: &'a Lease,
        done: Vec<Submitted>,
        now: Millis,
    ) -> StoreFuture<'a, ()>;

    /// Waiting envelopes that may go on, in the order in which they came: what a held record stood on
    /// is answered or gone; or all records are answered and none stands on a record of another
    /// envelope that still waits.
    fn ripe(&self, limit: u32) -> StoreFuture<'_, Vec<InboxParcel>>;

    /// What waits, for people.
    fn outlet_status(&self) -> StoreFuture<'_, OutletStatus>;
}
