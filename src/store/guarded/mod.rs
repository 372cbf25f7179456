//! A store with a guard before every call: it says what goes wrong there, and hears what was
//! committed. The simulator's faults and checkers stand on it, the stories' faults, and the demo's lost record.

mod account;
mod archive;
mod figures;
mod outlet;
mod pages;
mod restore;
mod store;
mod window;

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use crate::*;
use canon::EnvelopeId;

/// What goes wrong at a call, and on which side of the fact.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    /// Nothing was committed.
    Before,
    /// It was committed, and nobody heard.
    After,
    /// Nothing was committed; whoever called panics.
    Panic,
    /// It is committed, but others come first: the call waits once.
    Pause,
}

/// A fact that a guard may want to hear of.
#[derive(Clone, Copy, Debug)]
pub enum Fact<'a> {
    /// A page of a source.
    Collected(&'a Collected),
    /// Envelopes that took their numbers.
    Numbered(&'a [NewEnvelope]),
    /// Frames that were stored.
    Sealed(&'a [Sealed]),
    /// Parcels handed to the carrier.
    Attempted(&'a [Attempted]),
    /// Parcels in the inbox.
    Admitted(&'a [Arrived]),
    /// An inbox row consumed, with what it asked for.
    Consumed(i64),
    /// An envelope judged.
    Judged(&'a Judged),
    /// A duplicate that gets its receipt again.
    Duplicate(i64, &'a EnvelopeId),
    /// A parcel set aside.
    Refused(&'a RefusedParcel),
    /// A parcel passed on.
    Relayed(&'a Relayed),
    /// A receipt applied.
    Settled(&'a Settlement),
    /// Another step of an own envelope.
    Event(&'a EnvelopeId, &'a EventOn),
    /// A sink's watermark.
    Delivered(&'a str, i64),
    /// A manifest, ours or one that came (with its inbox row).
    Manifest(&'a ManifestRow, Option<i64>),
    /// Something that the audit chain holds.
    Acted(&'a AuditEvent),
}

/// Runs once a fact was committed; it is told whether it had an effect.
pub type After = Box<dyn FnOnce(bool) + Send>;

/// Who stands before a store.
pub trait Hook: Send + Sync {
    /// What goes wrong at this call, if anything does.
    fn strike(&self, method: &'static str) -> Option<When>;

    /// What to do once this fact is committed.
    fn about(&self, fact: Fact<'_>) -> Option<After> {
        let _ = fact;
        None
    }

    /// What the disk makes of a judgement.
    fn harmed(&self, judged: Judged) -> Judged {
        judged
    }

    /// Inbox rows that a worker claimed.
    fn claimed(&self, parcels: &[InboxParcel]) {
        let _ = parcels;
    }
}

/// The store.
pub struct Guarded<H> {
    inner: SharedStore,
    hook: H,
}

impl<H: Hook + 'static> Guarded<H> {
    /// Puts a guard before a node's store.
    pub fn over(inner: SharedStore, hook: H) -> SharedStore {
        Arc::new(Self { inner, hook })
    }
}

impl<H: Hook> Guarded<H> {
    fn guarded<'a, T: Send + 'a>(
        &'a self,
        method: &'static str,
        call: impl FnOnce() -> StoreFuture<'a, T> + Send + 'a,
    ) -> StoreFuture<'a, T> {
        let error = move || StoreError::Unavailable(format!("a fault at {method}"));
        match self.hook.strike(method) {
            None => call(),
            Some(When::Before) => Box::pin(async move { Err(error()) }),
            Some(When::Panic) => panic!("a panic at {method}"),
            Some(When::After) => Box::pin(async move {
                call().await?;
                Err(error())
            }),
            Some(When::Pause) => Box::pin(async move {
                Once::default().await;
                call().await
            }),
        }
    }

    fn told<'a, T: Send + 'a>(
        &'a self,
        method: &'static str,
        after: Option<After>,
        took: fn(&T) -> bool,
        call: impl FnOnce() -> StoreFuture<'a, T> + Send + 'a,
    ) -> StoreFuture<'a, T> {
        match after {
            None => self.guarded(method, call),
            Some(after) => self.guarded(method, move || {
                Box::pin(async move {
                    let out = call().await?;
                    after(took(&out));
                    Ok(out)
                })
            }),
        }
    }

    /// As [`Guarded::told`] of a fact that always has its effect.
    fn noted<'a, T: Send + 'a>(
        &'a self,
        method: &'static str,
        after: Option<After>,
        call: impl FnOnce() -> StoreFuture<'a, T> + Send + 'a,
    ) -> StoreFuture<'a, T> {
        self.told(method, after, |_| true, call)
    }

    fn claimed<'a>(
        &'a self,
        call: impl FnOnce() -> StoreFuture<'a, Vec<InboxParcel>> + Send + 'a,
    ) -> StoreFuture<'a, Vec<InboxParcel>> {
        self.guarded("claim_inbox", move || {
            Box::pin(async move {
                let parcels = call().await?;
                self.hook.claimed(&parcels);
                Ok(parcels)
            })
        })
    }
}

impl Judged {
    /// Its store loses a record: the receipt says `accepted`, and neither the record nor the books know
    /// it. Gives what was lost.
    pub fn lose(&mut self, at: usize) -> Option<NewKept> {
        if at >= self.kept.len() {
            return None;
        }
        let lost = self.kept.remove(at);
        if let Some(count) = self.counts.iter_mut().find(|c| c.kind == lost.id.kind) {
            count.accepted -= 1;
            count.sum.remove(&lost.digest);
        }
        Some(lost)
    }
}

/// Is not ready once.
#[derive(Default)]
pub struct Once(bool);

impl Future for Once {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        if std::mem::replace(&mut self.0, true) {
            return Poll::Ready(());
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}
