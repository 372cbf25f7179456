//! Parcels between nodes: the trait every carrier obeys, and the carriers.
//!
//! A carrier may lose, double, delay and reorder. Correctness rests on store, receipts and
//! reconciliation; a carrier only says honestly what it confirmed.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use canon::{EnvelopeId, Lane, NodeCode};

#[cfg(feature = "amqp")]
pub mod amqp;
pub mod local;
pub mod sim;
pub mod spool;
pub mod switch;
pub mod topology;

#[cfg(test)]
mod contract;

pub use local::LocalBus;
pub use sim::SimBus;
pub use switch::Switch;

/// What every method returns: boxed, `Send`, ready at first poll in memory.
pub type BusFuture<'a, T> = Pin<Box<dyn Future<Output = Result<T, BusError>> + Send + 'a>>;

/// One parcel on one hop: the sealed frame and what its outside says.
#[derive(Clone, Debug)]
pub struct Parcel {
    /// The hop it comes from.
    pub from: NodeCode,
    /// The hop it goes to.
    pub hop: NodeCode,
    /// Lane (its queue).
    pub lane: Lane,
    /// Envelope id: the message id.
    pub id: EnvelopeId,
    /// Kind word of the head.
    pub kind: Arc<str>,
    /// Final destination.
    pub to: NodeCode,
    /// The frame, untouched.
    pub frame: Arc<[u8]>,
}

/// What a carrier says of one published parcel. Only `Confirmed` means that it has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Confirmation {
    /// The carrier has it.
    Confirmed,
    /// No queue takes it (`bus.unroutable`).
    Returned,
    /// The carrier refused it (`bus.full`, …).
    Nacked(&'static str),
    /// Nobody answered in time, or the peer cannot be reached.
    Unreachable(&'static str),
}

/// A parcel taken off a carrier, to be acknowledged after the inbox commit and not before.
#[derive(Clone, Debug)]
pub struct Delivery {
    /// The carrier's number of this delivery.
    pub tag: u64,
    /// The parcel.
    pub parcel: Parcel,
    /// The carrier gave up on it and laid it aside (a dead-letter queue): it is set aside here too,
    /// and its sender is asked for it again.
    pub dead: bool,
}

/// What a carrier says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Health {
    /// Its name in the configuration.
    pub carrier: String,
    /// How it is.
    pub condition: Condition,
    /// For how long it has been so.
    pub since: Duration,
    /// Tries that failed since it carried last.
    pub failed: u32,
    /// Parcels nothing could be made of (no readable outside), dropped since the start.
    pub unreadable: u64,
}

/// How a carrier is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Condition {
    /// It carries.
    Up,
    /// It is reached and takes nothing for now (a broker short of memory or disk).
    Blocked {
        /// What it says.
        reason: String,
    },
    /// It is not reached.
    Down {
        /// Stable code.
        code: &'static str,
        /// What was found, never a secret.
        detail: String,
        /// Until the next try.
        next: Duration,
    },
}

/// Something that a carrier found and no parcel could be made of, for people: a file that was cut, a
/// part that never came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trouble {
    /// Stable code.
    pub code: &'static str,
    /// What it is about: a file's name, an envelope id.
    pub subject: String,
    /// What was found, never content.
    pub detail: String,
}

/// A failure of the carrier itself.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BusError {
    /// The carrier cannot be reached; the worker tries again. Environment at fault.
    #[error("carrier unavailable: {0}; nothing was taken or acknowledged, the worker tries again")]
    Unavailable(String),
}

/// A carrier, as one node sees it.
pub trait Bus: Send + Sync {
    /// Hands parcels over, one confirmation each, in order.
    fn publish(&self, parcels: Vec<Parcel>) -> BusFuture<'_, Vec<Confirmation>>;

    /// Takes at most `max` parcels of one lane of `node`'s queues, without waiting.
    fn take<'a>(
        &'a self,
        node: &'a NodeCode,
        lane: Lane,
        max: usize,
    ) -> BusFuture<'a, Vec<Delivery>>;

    /// Acknowledges deliveries: the inbox has them.
    fn ack<'a>(&'a self, node: &'a NodeCode, tags: &'a [u64]) -> BusFuture<'a, ()>;

    /// Gives deliveries back, to be delivered again.
    fn give_back<'a>(&'a self, node: &'a NodeCode, tags: &'a [u64]) -> BusFuture<'a, ()>;

    /// Resolves when a parcel may have come for `node`. Spurious wake-ups are legal.
    fn arrival<'a>(&'a self, node: &'a NodeCode) -> Pin<Box<dyn Future<Output = ()> + Send + 'a>>;

    /// What was found since the last asking that no parcel could be made of. Most carriers bring
    /// parcels or nothing.
    fn troubles(&self, node: &NodeCode) -> Vec<Trouble> {
        let _: &NodeCode = node;
        Vec::new()
    }

    /// Parcels at this end that are not acknowledged, as far as the carrier knows; for whoever waits
    /// until everything has come to rest.
    fn open(&self, node: &NodeCode) -> usize {
        let _: &NodeCode = node;
        0
    }

    /// How it is, for people; nothing for a carrier that cannot be otherwise than well.
    fn health(&self) -> Vec<Health> {
        Vec::new()
    }
}
