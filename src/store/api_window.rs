//! The part of the trait that reconciliation needs below the sums of a day: leaves by prefix, what is
//! outstanding.

use canon::{Day, NodeCode, Prefix, RecordId};

use crate::api::StoreFuture;
use crate::types::*;

/// Most prefixes of one question.
pub const PREFIXES_MAX: usize = 512;
/// Leaves held at one prefix from which on they are handed down to its sixteen children.
pub const LEAVES_HELD_MAX: u64 = 4096;

/// Facts of reconciliation below the sums of a day.
pub trait WindowFacts: Send + Sync {
    /// For each of at most [`PREFIXES_MAX`] prefixes, the buckets of its sixteen children. Costs what
    /// is asked for, not what the window holds.
    fn buckets<'a>(
        &'a self,
        window: &'a Window,
        under: &'a [Prefix],
    ) -> StoreFuture<'a, Vec<[Bucket; 16]>>;

    /// The leaves under each of at most [`PREFIXES_MAX`] prefixes, in order of their places, at most
    /// `limit` in all.
    fn leaves<'a>(
        &'a self,
        window: &'a Window,
        under: &'a [Prefix],
        limit: u32,
    ) -> StoreFuture<'a, Vec<Leaf>>;

    /// Hands leaves down to where they are found quickly, at at most `limit` prefixes. Returns at how
    /// many. It changes no answer, only what an answer costs.
    fn fold_leaves(&self, limit: u32) -> StoreFuture<'_, u64>;

    /// Forgets the leaves of windows before a day, a bounded number of rows. Returns how many rows
    /// went.
    fn forget_leaves(&self, before: Day, limit: u32) -> StoreFuture<'_, u64>;

    /// A step of a correspondence.
    fn commit_step(&self, step: Step) -> StoreFuture<'_, ()>;

    /// Own records of a day that are not accepted or superseded, by place and id, at most `limit`.
    fn outstanding(&self, day: Day, limit: u32) -> StoreFuture<'_, Vec<Outstanding>>;

    /// How many rows of a source whose key begins with `prefix` (those of one table) were last seen in
    /// this full pass or a later one.
    fn rows_seen<'a>(
        &'a self,
        adapter: &'a str,
        prefix: &'a str,
        since: u64,
    ) -> StoreFuture<'a, u64>;

    /// Where own record versions are on their way to a destination; none for those that are not known.
    fn locate<'a>(
        &'a self,
        to: &'a NodeCode,
        ids: &'a [RecordId],
    ) -> StoreFuture<'a, Vec<Option<Located>>>;
}
