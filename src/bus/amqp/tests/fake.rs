//! A peer that speaks just enough of the protocol to misbehave in it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

use crate::amqp::{Endpoint, Settings};

/// What the peer does once somebody publishes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Manner {
    /// Never confirms.
    Silent,
    /// Blocks the connection; confirms everything once it is let go.
    Blocks,
    /// Does not even answer the first greeting.
    Mute,
}

/// A listening peer.
pub(super) struct Fake {
    port: u16,
    /// Connections taken.
    pub(super) connections: Arc<AtomicU32>,
    /// Connections that are still open.
    pub(super) open: Arc<AtomicU32>,
    /// Parcels that were published to it.
    pub(super) published: Arc<AtomicU32>,
    free: watch::Sender<bool>,
}

impl Fake {
    pub(super) async fn start(manner: Manner) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let (connections, open, published) = (Arc::default(), Arc::default(), Arc::default());
        let (free, freed) = watch::channel(false);
        let fake = Self { port, connections, open, published, free };
        let (connections, open, published) =
            (Arc::clone(&fake.connections), Arc::clone(&fake.open), Arc::clone(&fake.published));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                connections.fetch_add(1, Ordering::Relaxed);
                open.fetch_add(1, Ordering::Relaxed);
                let (open, published, freed) =
                    (Arc::clone(&open), Arc::clone(&published), freed.clone());
                tokio::spawn(async move {
                    // A client that hangs up ends the conversation.
                    drop(Peer { stream, manner, published, freed }.talk().await);
                    open.fetch_sub(1, Ordering::Relaxed);
                });
            }
        });
        fake
    }

    /// Settings that lead here instead.
    pub(super) fn settings(&self, settings: Settings) -> Settings {
        let endpoint =
            Endpoint { tls: false, host: "127.0.0.1".into(), port: self.port, vhost: "/".into() };
        Settings { endpoint, ..settings }
    }

    /// A blocking peer takes parcels again.
    pub(super) fn free(&self) {
        self.free.send_replace(true);
    }
}

struct Peer {
    stream: TcpStream,
    manner: Manner,
    published: Arc<AtomicU32>,
    freed: watch::Receiver<bool>,
}

impl Peer {
    async fn talk(mut self) -> std::io::Result<()> {
        let mut greeting = [0; 8];
        self.stream.read_exact(&mut greeting).await?;
        assert_eq!(&greeting[..4], b"AMQP");
        if self.manner == Manner::Mute {
            // Says nothing until the client hangs up.
            return self.stream.read_exact(&mut greeting).await.map(drop);
        }
        // Version 0.9, no properties, the mechanisms, the locale.
        let mut start = vec![0, 9, 0, 0, 0, 0];
        start.extend(long(b"PLAIN EXTERNAL"));
        start.extend(long(b"en_US"));
        self.say(0, 10, 10, &start).await?;
        let mut tag: u64 = 0;
        let mut bodies = 0;
        let mut freed = self.freed.clone();
        loop {
            let waits = self.manner == Manner::Blocks && tag > 0;
            let mut first = [0];
            let released = tokio::select! {
                ready = self.stream.peek(&mut first) => { ready?; false }
                () = until(&mut freed), if waits => true,
            };
            if released {
                self.manner = Manner::Silent;
                self.say(0, 10, 61, &[]).await?;
                let mut ack = tag.to_be_bytes().to_vec();
                ack.push(1);
                self.say(1, 60, 80, &ack).await?;
                continue;
            }
            let mut head = [0; 7];
            self.stream.read_exact(&mut head).await?;
            let channel = u16::from_be_bytes([head[1], head[2]]);
            let size = u32::from_be_bytes([head[3], head[4], head[5], head[6]]) as usize;
            let mut payload = vec![0; size + 1];
            self.stream.read_exact(&mut payload).await?;
            if head[0] == 3 {
                bodies += 1;
                self.published.store(bodies, Ordering::Relaxed);
                continue;
            }
            if head[0] != 1 {
                continue;
            }
            let method = |at: usize| u16::from_be_bytes([payload[at], payload[at + 1]]);
            match (method(0), method(2)) {
                // Start-ok: tune to 2047 channels, frames of 128 KiB, no heartbeat.
                (10, 11) => self.say(0, 10, 30, &[7, 255, 0, 2, 0, 0, 0, 0]).await?,
                (10, 40) => self.say(0, 10, 41, &[0]).await?,
                (10, 50) => self.say(0, 10, 51, &[]).await?,
                (20, 10) => self.say(channel, 20, 11, &[0, 0, 0, 0]).await?,
                (20, 40) => self.say(channel, 20, 41, &[]).await?,
                (40, 10) => self.say(channel, 40, 11, &[]).await?,
                (60, 10) => self.say(channel, 60, 11, &[]).await?,
                (60, 20) => self.say(channel, 60, 21, &consumer_tag(&payload)).await?,
                (85, 10) => self.say(channel, 85, 11, &[]).await?,
                (60, 40) => {
                    tag += 1;
                    if self.manner == Manner::Blocks && tag == 1 {
                        self.say(0, 10, 60, &short(b"low on memory")).await?;
                    }
                }
                _ => {}
            }
        }
    }

    async fn say(
        &mut self,
        channel: u16,
        class: u16,
        method: u16,
        rest: &[u8],
    ) -> std::io::Result<()> {
        let mut frame = vec![1];
        frame.extend(channel.to_be_bytes());
        frame.extend((rest.len() as u32 + 4).to_be_bytes());
        frame.extend(class.to_be_bytes());
        frame.extend(method.to_be_bytes());
        frame.extend(rest);
        frame.push(0xce);
        self.stream.write_all(&frame).await
    }
}

async fn until(freed: &mut watch::Receiver<bool>) {
    drop(freed.wait_for(|free| *free).await);
}

/// The consumer tag of a consume, behind ticket and queue name, as it is sent back.
fn consumer_tag(payload: &[u8]) -> Vec<u8> {
    let queue = usize::from(payload[6]);
    let at = 7 + queue;
    payload[at..=at + usize::from(payload[at])].to_vec()
}

fn long(text: &[u8]) -> Vec<u8> {
    [&(text.len() as u32).to_be_bytes(), text].concat()
}

fn short(text: &[u8]) -> Vec<u8> {
    [&[text.len() as u8], text].concat()
}
