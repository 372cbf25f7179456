//! The part of the trait that a restore needs: a new epoch, adoption, records given again.

use canon::{Day, EnvelopeId, Millis, NodeCode};

use crate::api::StoreFuture;
use crate::types::*;

/// Facts of a restore, here or of a peer.
pub trait RestoreFacts: Send + Sync {
    /// A new epoch: sequences restart, leases run out, what follows stands, the audit has it. All or
    /// nothing; `Conflict` unless the epoch is higher than the one in force.
    fn begin_epoch(&self, new: NewEpoch) -> StoreFuture<'_, ()>;

    /// Where own records go or went, in node order.
    fn destinations(&self) -> StoreFuture<'_, Vec<Destination>>;

    /// Own envelopes that their destination judged and this store does not know: they are settled
    /// here without bytes, with their records, sums and problems. Older quarantined versions of an
    /// adopted key are cured; children of adopted parents are due for another look. Returns how many
    /// records were adopted.
    fn commit_adopted<'a>(&'a self, lease: &'a Lease, page: Adopted) -> StoreFuture<'a, u64>;

    /// Envelopes of a sender judged here as their destination, after one, in a fixed order.
    fn judged_of<'a>(
        &'a self,
        sender: &'a NodeCode,
        after: Option<&'a EnvelopeId>,
        limit: u32,
    ) -> StoreFuture<'a, Vec<JudgedOf>>;

    /// How far the sequences of every sender's route to this node are here.
    fn held_routes(&self) -> StoreFuture<'_, Vec<HeldRoute>>;

    /// Own settled records envelopes to a destination with their ordinals, after one, in the order
    /// in which they were numbered.
    fn settled_to<'a>(
        &'a self,
        peer: &'a NodeCode,
        after: i64,
        limit: u32,
    ) -> StoreFuture<'a, Vec<(i64, OutEnvelope)>>;

    /// The accepted and superseded records that a settled envelope still holds, or all that a dead one
    /// of an older epoch holds, are staged again, behind what is staged. Returns how many.
    fn give_again<'a>(&'a self, lease: &'a Lease, given: GivenAgain) -> StoreFuture<'a, u64>;

    /// Windows from a day on are reconciled with a peer again: our manifests are open, its answers
    /// are forgotten.
    fn reopen_windows<'a>(
        &'a self,
        peer: &'a NodeCode,
        since: Day,
        now: Millis,
    ) -> StoreFuture<'a, ()>;
}
