//! Traps measured with other clients and brokers, each with a peer that sets it.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use canon::Lane;
use tokio::io::AsyncReadExt;
use tokio::net::TcpListener;
use tokio::time::{Instant, sleep, timeout};

use super::fake::{Fake, Manner};
use super::services::limits;
use crate::amqp::connect::connect;
use crate::amqp::{AmqpBus, Endpoint, Limits, Secrets, Settings};
use crate::contract::{PATIENCE, node, parcel};
use crate::topology::Names;
use crate::{Bus, Condition, Confirmation};

/// Settings that need no service.
fn settings() -> Settings {
    let secrets = Secrets { password: Some("a-password".into()), ..Secrets::default() };
    Settings {
        name: "test".into(),
        node: node("a"),
        endpoint: Endpoint { tls: false, host: "127.0.0.1".into(), port: 1, vhost: "/".into() },
        user: "a".into(),
        names: Names::new("t"),
        secrets: Arc::new(move || Ok(secrets.clone())),
        limits: Limits { confirm_timeout: Duration::from_millis(300), ..limits() },
        seed: 1,
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn amqps_is_tls_from_the_first_byte() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let endpoint = Endpoint { tls: true, host: "localhost".into(), port, vhost: "/".into() };
    let limits = Limits { connect_timeout: Duration::from_secs(2), ..limits() };
    let dialling = tokio::spawn(async move {
        connect(&Settings { endpoint, limits, ..settings() }, "test").await.map(drop)
    });
    let (mut stream, _) = timeout(PATIENCE, listener.accept()).await.unwrap().unwrap();
    let mut wire = [0; 64];
    timeout(PATIENCE, stream.read_exact(&mut wire)).await.unwrap().unwrap();
    assert_eq!(wire[0], 0x16, "a handshake record: {wire:02x?}");
    assert!(!wire.windows(4).any(|w| w == b"AMQP"), "{wire:02x?}");
    drop(stream);
    let obstacle = dialling.await.unwrap().expect_err("the peer hung up");
    assert!(obstacle.detail.contains("TLS"), "{obstacle}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_confirm_that_never_comes_has_its_own_timeout() {
    let fake = Fake::start(Manner::Silent).await;
    let bus = AmqpBus::start(fake.settings(settings()));
    timeout(PATIENCE, bus.up()).await.expect("the peer is polite so far");
    let three = (1..=3).map(|n| parcel("b", Lane::Live, n)).collect();
    let said = timeout(Duration::from_secs(5), bus.publish(three)).await.expect("in time").unwrap();
    assert_eq!(said, vec![Confirmation::Unreachable("bus.unconfirmed"); 3]);
    assert_eq!(fake.published.load(Ordering::Relaxed), 3, "all were handed over together");
    // The connection is given up and made anew.
    timeout(PATIENCE, bus.up()).await.expect("another connection");
    assert!(fake.connections.load(Ordering::Relaxed) >= 3);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broker_that_blocks_is_obeyed_shown_and_used_again() {
    let fake = Fake::start(Manner::Blocks).await;
    let mut patient = settings();
    patient.limits.confirm_timeout = PATIENCE;
    let bus = AmqpBus::start(fake.settings(patient));
    timeout(PATIENCE, bus.up()).await.expect("the peer is polite so far");
    let publish =
        |n| timeout(Duration::from_secs(5), bus.publish(vec![parcel("b", Lane::Live, n)]));
    let said = publish(1).await.expect("it does not hang").unwrap();
    assert_eq!(said, [Confirmation::Unreachable("bus.blocked")]);
    let Condition::Blocked { reason } = &bus.health()[0].condition else {
        panic!("{:?}", bus.health())
    };
    assert_eq!(reason, "low on memory");
    let published = fake.published.load(Ordering::Relaxed);
    assert_eq!(publish(2).await.unwrap().unwrap(), [Confirmation::Unreachable("bus.blocked")]);
    assert_eq!(fake.published.load(Ordering::Relaxed), published, "nothing more is handed over");
    fake.free();
    timeout(PATIENCE, bus.up()).await.expect("it takes parcels again");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_peer_that_never_greets_costs_a_timeout_and_its_socket() {
    let fake = Fake::start(Manner::Mute).await;
    let limits = Limits { connect_timeout: Duration::from_millis(100), ..limits() };
    let _bus = AmqpBus::start(fake.settings(Settings { limits, ..settings() }));
    let until = Instant::now() + PATIENCE;
    while fake.connections.load(Ordering::Relaxed) < 6 {
        assert!(Instant::now() < until, "it is tried again and again");
        sleep(Duration::from_millis(20)).await;
    }
    // The sockets of the tries that failed are closed: two sides try at a time, no more are held.
    let until = Instant::now() + PATIENCE;
    while fake.open.load(Ordering::Relaxed) > 2 {
        assert!(Instant::now() < until, "sockets are left behind");
        sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broker_that_is_down_at_the_first_connect_is_reached_when_it_comes() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    drop(listener);
    let mut down = settings();
    down.endpoint.port = port;
    let bus = AmqpBus::start(down);
    let said = timeout(Duration::from_secs(1), bus.publish(vec![parcel("b", Lane::Live, 1)])).await;
    let said = said.expect("publishing never waits for a connection").unwrap();
    assert_eq!(said, [Confirmation::Unreachable("bus.unreachable")]);
    let until = Instant::now() + PATIENCE;
    while !matches!(&bus.health()[0].condition, Condition::Down { detail, .. } if detail.contains("refused"))
    {
        assert!(Instant::now() < until, "{:?}", bus.health());
        sleep(Duration::from_millis(10)).await;
    }
}
