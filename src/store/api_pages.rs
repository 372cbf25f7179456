//! The part of the trait that people's pages need: lists that cost what they show, not what is there.

use std::sync::Arc;

use canon::Day;

use crate::api::StoreFuture;
use crate::types::*;

/// Facts for pages. Nothing of it changes anything; every list is bounded and goes on at a [`Mark`].
pub trait PageFacts: Send + Sync {
    /// Problems (问题数据) counted by adapter, class, rule of the first violation and state.
    fn problem_groups(&self, filter: GroupFilter) -> StoreFuture<'_, Vec<ProblemGroup>>;

    /// Own records envelopes, the last numbered first.
    fn envelopes(&self, filter: EnvelopeFilter) -> StoreFuture<'_, Vec<EnvelopeRow>>;

    /// Own records, the last collected first, at most [`ENTRIES_READ_MAX`] looked through: a page may
    /// be short, or empty, and still go on. Quarantined, rejected and withdrawn ones are found through the
    /// problems they are, and stand at their times.
    fn records(&self, filter: RecordFilter) -> StoreFuture<'_, RecordPage>;

    /// Envelopes judged here, the last first.
    fn received(&self, filter: ReceivedFilter) -> StoreFuture<'_, Vec<ReceivedRow>>;

    /// Every node whose records envelopes were judged here, or whose parcels were passed on, in the
    /// order of their codes, with what was judged of a window day.
    fn senders(&self, day: Day) -> StoreFuture<'_, Vec<SenderRow>>;

    /// The adapters through which own records of a case number came, in name order.
    fn case_adapters<'a>(&'a self, number: &'a str) -> StoreFuture<'a, Vec<Arc<str>>>;
}
