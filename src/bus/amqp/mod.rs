//! The carrier over RabbitMQ: quorum queues, publisher confirms, manual acknowledgements.
//!
//! Nothing relies on the client library's recovery. Each side (publishing, consuming) has a
//! supervisor that holds one connection: connect, check what must stand, work; any error or a
//! confirm that does not come in time ends the connection, and another is made after a wait with
//! jitter. Publishing never waits for a connection: while there is none, it says so at once, and the
//! schedule in the store decides what happens next. A confirm that did not come counts as not sent.

mod connect;
mod consume;
mod definitions;
mod floor;
pub mod manage;
mod obstacle;
mod outside;
mod probe;
mod publish;
mod settings;
mod state;
mod supervise;
#[cfg(test)]
mod tests;

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use canon::{Lane, NodeCode};
use tokio::sync::watch;

use crate::{Bus, BusFuture, Confirmation, Delivery, Health, Parcel, Trouble};
use consume::Consumer;
use publish::Publisher;
use state::State;

pub use definitions::definitions;
pub use floor::Floor;
pub use obstacle::Obstacle;
pub use probe::{Probe, Step, probe};
pub use settings::{Endpoint, Limits, ReadSecrets, Secrets, Settings};

/// One node's login to one broker, as a carrier.
pub struct AmqpBus {
    settings: Arc<Settings>,
    publisher: Arc<Publisher>,
    consumer: Arc<Consumer>,
    state: Arc<State>,
    stop: watch::Sender<bool>,
}

impl AmqpBus {
    /// Starts both sides on the runtime this is called on; returns at once. Dropping it ends them.
    pub fn start(settings: Settings) -> Self {
        let settings = Arc::new(settings);
        let state = Arc::new(State::new());
        let (stop, stopped) = watch::channel(false);
        let publisher = Arc::new(Publisher::new(Arc::clone(&settings), Arc::clone(&state)));
        let consumer = Arc::new(Consumer::new(Arc::clone(&settings), Arc::clone(&state)));
        tokio::spawn(Arc::clone(&publisher).supervise(stopped.clone()));
        tokio::spawn(Arc::clone(&consumer).supervise(stopped));
        Self { settings, publisher, consumer, state, stop }
    }

    /// Resolves once both sides are up.
    pub async fn up(&self) {
        self.state.up().await;
    }

    /// Parcels the broker handed over that are not acknowledged yet.
    pub fn depth(&self) -> usize {
        self.consumer.open()
    }
}

impl Drop for AmqpBus {
    fn drop(&mut self) {
        self.stop.send_replace(true);
    }
}

impl Bus for AmqpBus {
    fn publish(&self, parcels: Vec<Parcel>) -> BusFuture<'_, Vec<Confirmation>> {
        Box::pin(async move { Ok(self.publisher.publish(&parcels).await) })
    }

    fn take<'a>(
        &'a self,
        node: &'a NodeCode,
        lane: Lane,
        max: usize,
    ) -> BusFuture<'a, Vec<Delivery>> {
        let own = *node == self.settings.node;
        let taken = if own { self.consumer.take(lane, max) } else { Vec::new() };
        Box::pin(std::future::ready(Ok(taken)))
    }

    fn ack<'a>(&'a self, _: &'a NodeCode, tags: &'a [u64]) -> BusFuture<'a, ()> {
        Box::pin(async move {
            self.consumer.ack(tags).await;
            Ok(())
        })
    }

    fn give_back<'a>(&'a self, _: &'a NodeCode, tags: &'a [u64]) -> BusFuture<'a, ()> {
        self.consumer.give_back(tags);
        Box::pin(std::future::ready(Ok(())))
    }

    fn arrival<'a>(&'a self, _: &'a NodeCode) -> Pin<Box<dyn Future<Output = ()> + Send + 'a>> {
        Box::pin(self.consumer.arrival())
    }

    fn open(&self, _: &NodeCode) -> usize {
        self.depth()
    }

    fn troubles(&self, _: &NodeCode) -> Vec<Trouble> {
        self.consumer.strays()
    }

    fn health(&self) -> Vec<Health> {
        vec![self.state.health(&self.settings.name)]
    }
}
