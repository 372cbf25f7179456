//! The part of the trait that a restore needs.

use canon::{Day, EnvelopeId, Millis, NodeCode};

use super::handle::Handle;
use super::{adopt, restore};
use crate::api::StoreFuture;
use crate::api_restore::RestoreFacts;
use crate::plain::Plain;
use crate::types::*;

impl RestoreFacts for Handle {
    fn begin_epoch(&self, new: NewEpoch) -> StoreFuture<'_, ()> {
        fact!(self, restore::begin_epoch(self, &new))
    }

    fn destinations(&self) -> StoreFuture<'_, Vec<Destination>> {
        fact!(self, restore::destinations(self))
    }

    fn commit_adopted<'a>(&'a self, lease: &'a Lease, page: Adopted) -> StoreFuture<'a, u64> {
        fact!(self, page => adopt::commit(self, lease, &page))
    }

    fn judged_of<'a>(
        &'a self,
        sender: &'a NodeCode,
        after: Option<&'a EnvelopeId>,
        limit: u32,
    ) -> StoreFuture<'a, Vec<JudgedOf>> {
        fact!(self, restore::judged_of(self, sender, after, limit))
    }

    fn held_routes(&self) -> StoreFuture<'_, Vec<HeldRoute>> {
        fact!(self, restore::held_routes(self))
    }

    fn settled_to<'a>(
        &'a self,
        peer: &'a NodeCode,
        after: i64,
        limit: u32,
    ) -> StoreFuture<'a, Vec<(i64, OutEnvelope)>> {
        fact!(self, restore::settled_to(self, peer, after, limit))
    }

    fn give_again<'a>(&'a self, lease: &'a Lease, given: GivenAgain) -> StoreFuture<'a, u64> {
        fact!(self, restore::give_again(self, lease, &given))
    }

    fn reopen_windows<'a>(
        &'a self,
        peer: &'a NodeCode,
        since: Day,
        now: Millis,
    ) -> StoreFuture<'a, ()> {
        fact!(self, restore::reopen_windows(self, peer, since, now))
    }
}
