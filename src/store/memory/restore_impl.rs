//! The part of the trait that a restore needs.

use canon::{Day, EnvelopeId, Millis, NodeCode};

use super::MemoryStore;
use crate::api::StoreFuture;
use crate::api_restore::RestoreFacts;
use crate::plain::Plain;
use crate::types::*;

impl RestoreFacts for MemoryStore {
    fn begin_epoch(&self, new: NewEpoch) -> StoreFuture<'_, ()> {
        self.with(move |s| s.begin_epoch(new))
    }
    fn destinations(&self) -> StoreFuture<'_, Vec<Destination>> {
        self.tell(|s| s.destinations())
    }
    fn commit_adopted<'a>(&'a self, lease: &'a Lease, page: Adopted) -> StoreFuture<'a, u64> {
        self.with(move |s| s.commit_adopted(lease, page.plain()))
    }
    fn judged_of<'a>(
        &'a self,
        sender: &'a NodeCode,
        after: Option<&'a EnvelopeId>,
        limit: u32,
    ) -> StoreFuture<'a, Vec<JudgedOf>> {
        self.tell(move |s| s.judged_of(sender, after, limit))
    }
    fn held_routes(&self) -> StoreFuture<'_, Vec<HeldRoute>> {
        self.tell(|s| s.held_routes())
    }
    fn settled_to<'a>(
        &'a self,
        peer: &'a NodeCode,
        after: i64,
        limit: u32,
    ) -> StoreFuture<'a, Vec<(i64, OutEnvelope)>> {
        self.tell(move |s| s.settled_to(peer, after, limit))
    }
    fn give_again<'a>(&'a self, lease: &'a Lease, given: GivenAgain) -> StoreFuture<'a, u64> {
        self.with(move |s| s.give_again(lease, given))
    }
    fn reopen_windows<'a>(
        &'a self,
        peer: &'a NodeCode,
        since: Day,
        now: Millis,
    ) -> StoreFuture<'a, ()> {
        self.tell(move |s| s.reopen_windows(peer, since, now))
    }
}
