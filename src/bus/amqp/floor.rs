//! The raw floor a benchmark holds the carrier against: the same bytes published with confirms into
//! a quorum queue and consumed with acknowledgements, and nothing else.

use futures_util::StreamExt as _;
use lapin::options::{
    BasicAckOptions, BasicConsumeOptions, BasicPublishOptions, BasicQosOptions,
    ConfirmSelectOptions, QueueDeclareOptions, QueueDeleteOptions,
};
use lapin::types::{AMQPValue, FieldTable};
use lapin::{BasicProperties, Channel, Connection, ConnectionProperties};

use crate::BusError;

/// Unconfirmed messages, and unacknowledged ones.
const WINDOW: usize = 100;

/// A queue of its own on a broker.
pub struct Floor {
    connection: Connection,
    channel: Channel,
    queue: String,
}

impl Floor {
    /// Connects and declares.
    pub async fn open(url: &str, queue: &str) -> Result<Self, BusError> {
        let connection =
            Connection::connect(url, ConnectionProperties::default()).await.map_err(failed)?;
        let channel = connection.create_channel().await.map_err(failed)?;
        channel.confirm_select(ConfirmSelectOptions::default()).await.map_err(failed)?;
        let mut arguments = FieldTable::default();
        arguments.insert("x-queue-type".into(), AMQPValue::LongString("quorum".into()));
        let options = QueueDeclareOptions { durable: true, ..QueueDeclareOptions::default() };
        channel.queue_declare(queue.into(), options, arguments).await.map_err(failed)?;
        Ok(Self { connection, channel, queue: queue.to_owned() })
    }

    /// Publishes, at most a window unconfirmed.
    pub async fn publish(&self, frames: &[Vec<u8>]) -> Result<(), BusError> {
        for window in frames.chunks(WINDOW) {
            let mut confirms = Vec::with_capacity(window.len());
            for frame in window {
                let options = BasicPublishOptions { mandatory: true, ..Default::default() };
                let persistent = BasicProperties::default().with_delivery_mode(2);
                let sent = self.channel.basic_publish(
                    "".into(),
                    self.queue.as_str().into(),
                    options,
                    frame,
                    persistent,
                );
                confirms.push(sent.await.map_err(failed)?);
            }
            for confirm in confirms {
                confirm.await.map_err(failed)?;
            }
        }
        Ok(())
    }

    /// Consumes so many, acknowledging by windows.
    pub async fn consume(&self, count: usize) -> Result<(), BusError> {
        let prefetch = u16::try_from(2 * WINDOW).unwrap_or(u16::MAX);
        self.channel.basic_qos(prefetch, BasicQosOptions::default()).await.map_err(failed)?;
        let mut consumer = self
            .channel
            .basic_consume(
                self.queue.as_str().into(),
                "floor".into(),
                BasicConsumeOptions::default(),
                FieldTable::default(),
            )
            .await
            .map_err(failed)?;
        for nth in 1..=count {
            let Some(delivery) = consumer.next().await else {
                return Err(BusError::Unavailable("the floor's consumer ended".into()));
            };
            let delivery = delivery.map_err(failed)?;
            if nth % WINDOW == 0 || nth == count {
                delivery.ack(BasicAckOptions { multiple: true }).await.map_err(failed)?;
            }
        }
        Ok(())
    }

    /// Deletes the queue and hangs up.
    pub async fn close(self) -> Result<(), BusError> {
        let options = QueueDeleteOptions::default();
        self.channel.queue_delete(self.queue.as_str().into(), options).await.map_err(failed)?;
        self.connection.close(200, "done".into()).await.map_err(failed)
    }
}

fn failed(e: lapin::Error) -> BusError {
    BusError::Unavailable(e.to_string())
}
