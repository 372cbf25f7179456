//! The part of a guarded store that reconciliation needs.

use crate::*;
use canon::{Day, NodeCode, Prefix, RecordId};

use super::{Guarded, Hook};

impl<H: Hook> WindowFacts for Guarded<H> {
    fn buckets<'a>(
        &'a self,
        window: &'a Window,
        under: &'a [Prefix],
    ) -> StoreFuture<'a, Vec<[Bucket; 16]>> {
        self.guarded("buckets", move || self.inner.buckets(window, under))
    }
    fn leaves<'a>(
        &'a self,
        window: &'a Window,
        under: &'a [Prefix],
        limit: u32,
    ) -> StoreFuture<'a, Vec<Leaf>> {
        self.guarded("leaves", move || self.inner.leaves(window, under, limit))
    }
    fn fold_leaves(&self, limit: u32) -> StoreFuture<'_, u64> {
        self.guarded("fold_leaves", move || self.inner.fold_leaves(limit))
    }
    fn forget_leaves(&self, before: Day, limit: u32) -> StoreFuture<'_, u64> {
        self.guarded("forget_leaves", move || self.inner.forget_leaves(before, limit))
    }
    fn commit_step(&self, step: Step) -> StoreFuture<'_, ()> {
        self.guarded("commit_step", move || self.inner.commit_step(step))
    }
    fn outstanding(&self, day: Day, limit: u32) -> StoreFuture<'_, Vec<Outstanding>> {
        self.guarded("outstanding", move || self.inner.outstanding(day, limit))
    }
    fn rows_seen<'a>(
        &'a self,
        adapter: &'a str,
        prefix: &'a str,
        since: u64,
    ) -> StoreFuture<'a, u64> {
        self.guarded("rows_seen", move || self.inner.rows_seen(adapter, prefix, since))
    }
    fn locate<'a>(
        &'a self,
        to: &'a NodeCode,
        ids: &'a [RecordId],
    ) -> StoreFuture<'a, Vec<Option<Located>>> {
        self.guarded("locate", move || self.inner.locate(to, ids))
    }
}
