//! The part of a guarded store that a restore needs.

use crate::*;
use canon::{Day, EnvelopeId, Millis, NodeCode};

use super::{Fact, Guarded, Hook};

impl<H: Hook> RestoreFacts for Guarded<H> {
    fn begin_epoch(&self, new: NewEpoch) -> StoreFuture<'_, ()> {
        self.told(
            "begin_epoch",
            self.hook.about(Fact::Acted(&new.audit)),
            |_| true,
            move || self.inner.begin_epoch(new),
        )
    }

    fn destinations(&self) -> StoreFuture<'_, Vec<Destination>> {
        self.guarded("destinations", move || self.inner.destinations())
    }

    fn commit_adopted<'a>(&'a self, lease: &'a Lease, page: Adopted) -> StoreFuture<'a, u64> {
        self.guarded("commit_adopted", move || self.inner.commit_adopted(lease, page))
    }

    fn judged_of<'a>(
        &'a self,
        sender: &'a NodeCode,
        after: Option<&'a EnvelopeId>,
        limit: u32,
    ) -> StoreFuture<'a, Vec<JudgedOf>> {
        self.guarded("judged_of", move || self.inner.judged_of(sender, after, limit))
    }

    fn held_routes(&self) -> StoreFuture<'_, Vec<HeldRoute>> {
        self.guarded("held_routes", move || self.inner.held_routes())
    }

    fn settled_to<'a>(
        &'a self,
        peer: &'a NodeCode,
        after: i64,
        limit: u32,
    ) -> StoreFuture<'a, Vec<(i64, OutEnvelope)>> {
        self.guarded("settled_to", move || self.inner.settled_to(peer, after, limit))
    }

    fn give_again<'a>(&'a self, lease: &'a Lease, given: GivenAgain) -> StoreFuture<'a, u64> {
        self.guarded("give_again", move || self.inner.give_again(lease, given))
    }

    fn reopen_windows<'a>(
        &'a self,
        peer: &'a NodeCode,
        since: Day,
        now: Millis,
    ) -> StoreFuture<'a, ()> {
        self.guarded("reopen_windows", move || self.inner.reopen_windows(peer, since, now))
    }
}
