//! What every worker is: one turn, given the time, saying how much it did.

use std::any::Any;
use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::task::Poll;

use canon::Millis;

use crate::error::WorkError;

/// How much one turn did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// Things done (records, parcels, receipts). Zero: nothing to do now.
    pub done: u64,
    /// More is waiting: take the next turn at once.
    pub more: bool,
}

impl Progress {
    /// Nothing to do.
    pub const IDLE: Self = Self { done: 0, more: false };

    /// `done` things, and maybe more.
    pub const fn some(done: u64, more: bool) -> Self {
        Self { done, more }
    }

    /// Both together.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self { done: self.done + other.done, more: self.more || other.more }
    }
}

/// A boxed turn.
pub type WorkFuture<'a> = Pin<Box<dyn Future<Output = Result<Progress, WorkError>> + Send + 'a>>;

/// Every worker of a node but those of its adapters and sinks, in the order of a record's way.
pub fn workers(node: &std::sync::Arc<crate::Node>) -> Vec<Box<dyn Worker>> {
    let n = || std::sync::Arc::clone(node);
    vec![
        Box::new(crate::seal::Seal::new(n())),
        Box::new(crate::dispatch::Dispatch::new(n())),
        Box::new(crate::receive::Receive::new(n())),
        Box::new(crate::accept::Accept::new(n())),
        Box::new(crate::relay::Relay::new(n())),
        Box::new(crate::settle::Settle::new(n())),
        Box::new(crate::reconcile::Reconcile::new(n())),
        Box::new(crate::sweep::Sweep::new(n())),
    ]
}

/// Ends when there may be something to do.
pub type Arrival = Pin<Box<dyn Future<Output = ()> + Send>>;

/// A worker of a node. The loop around it only sleeps and wakes.
pub trait Worker: Send {
    /// `seal`, `dispatch`, …; for an adapter or sink with its name behind a slash.
    fn name(&self) -> String;

    /// Takes one turn.
    fn run_once(&mut self, now: Millis) -> WorkFuture<'_>;

    /// Ends when something for it arrives from outside, where it can tell.
    fn arrival(&self) -> Arrival {
        Box::pin(std::future::pending())
    }
}

/// Takes one turn of a worker; a panic in it is a failure of this turn and of nothing else. What a
/// worker keeps in memory only saves reading, so it may go on: a parcel that makes it panic again
/// is found to be poison.
pub async fn turn(worker: &mut dyn Worker, now: Millis) -> Result<Progress, WorkError> {
    let name = worker.name();
    let mut turn = worker.run_once(now);
    poll_fn(|cx| match catch_unwind(AssertUnwindSafe(|| turn.as_mut().poll(cx))) {
        Ok(poll) => poll,
        Err(panic) => {
            let (worker, what) = (name.clone(), said(&*panic));
            Poll::Ready(Err(WorkError::Panicked { worker, what }))
        }
    })
    .await
}

fn said(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().copied();
    let text = text.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    text.unwrap_or("without a word").to_owned()
}
