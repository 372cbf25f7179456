//! The part of a guarded store that an outlet needs.

use crate::*;
use canon::{EnvelopeId, Millis};

use super::{Guarded, Hook};

impl<H: Hook> OutletFacts for Guarded<H> {
    fn submit<'a>(&'a self, lease: &'a Lease, submit: Submit) -> StoreFuture<'a, ()> {
        self.guarded("submit", move || self.inner.submit(lease, submit))
    }

    fn awaiting<'a>(&'a self, id: &'a EnvelopeId) -> StoreFuture<'a, Option<InboxParcel>> {
        self.guarded("awaiting", move || self.inner.awaiting(id))
    }

    fn inbox_parcel(&self, inbox_id: i64) -> StoreFuture<'_, Option<InboxParcel>> {
        self.guarded("inbox_parcel", move || self.inner.inbox_parcel(inbox_id))
    }

    fn submissions<'a>(&'a self, roots: &'a [&'a str]) -> StoreFuture<'a, Vec<Submission>> {
        self.guarded("submissions", move || self.inner.submissions(roots))
    }

    fn submissions_due(&self, now: Millis, limit: u32) -> StoreFuture<'_, Vec<Submission>> {
        self.guarded("submissions_due", move || self.inner.submissions_due(now, limit))
    }

    fn commit_submitted<'a>(
        &'a self,
        lease: &'a Lease,
        done: Vec<Submitted>,
        now: Millis,
    ) -> StoreFuture<'a, ()> {
        self.guarded("commit_submitted", move || self.inner.commit_submitted(lease, done, now))
    }

    fn ripe(&self, limit: u32) -> StoreFuture<'_, Vec<InboxParcel>> {
        self.guarded("ripe", move || self.inner.ripe(limit))
    }

    fn outlet_status(&self) -> StoreFuture<'_, OutletStatus> {
        self.guarded("outlet_status", move || self.inner.outlet_status())
    }
}
