//! The part of a guarded store that people's pages need.

use std::sync::Arc;

use canon::Day;

use crate::*;

use super::{Guarded, Hook};

impl<H: Hook> PageFacts for Guarded<H> {
    fn problem_groups(&self, filter: GroupFilter) -> StoreFuture<'_, Vec<ProblemGroup>> {
        self.guarded("problem_groups", move || self.inner.problem_groups(filter))
    }
    fn envelopes(&self, filter: EnvelopeFilter) -> StoreFuture<'_, Vec<EnvelopeRow>> {
        self.guarded("envelopes", move || self.inner.envelopes(filter))
    }
    fn records(&self, filter: RecordFilter) -> StoreFuture<'_, RecordPage> {
        self.guarded("records", move || self.inner.records(filter))
    }
    fn received(&self, filter: ReceivedFilter) -> StoreFuture<'_, Vec<ReceivedRow>> {
        self.guarded("received", move || self.inner.received(filter))
    }
    fn senders(&self, day: Day) -> StoreFuture<'_, Vec<SenderRow>> {
        self.guarded("senders", move || self.inner.senders(day))
    }
    fn case_adapters<'a>(&'a self, number: &'a str) -> StoreFuture<'a, Vec<Arc<str>>> {
        self.guarded("case_adapters", move || self.inner.case_adapters(number))
    }
}
