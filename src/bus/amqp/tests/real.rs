//! Against the real broker.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use canon::Lane;
use lapin::options::{BasicPublishOptions, QueueDeleteOptions};
use lapin::types::{AMQPValue, FieldTable};
use lapin::{BasicProperties, Channel};
use tokio::time::{Instant, sleep, timeout};

use super::services::{AmqpRig, limits, place, prefix, service, settings, tls};
use crate::amqp::connect::{Line, connect};
use crate::amqp::manage::{self, How};
use crate::amqp::{AmqpBus, Limits, Secrets, Settings};
use crate::contract::{PATIENCE, Rig, node, sequences};
use crate::topology::{Names, Part, Place, QueueLimits, Topology};
use crate::{Bus, Condition, Confirmation};

const LIVE: Part = Part::Lane(Lane::Live);

async fn channel(settings: &Settings) -> (Line, Channel) {
    let line = connect(settings, "test").await.expect("the broker is reached");
    let channel = line.channel().await.expect("a channel");
    (line, channel)
}

async fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let until = Instant::now() + PATIENCE;
    while !holds() {
        assert!(Instant::now() < until, "waited in vain: {what}");
        sleep(Duration::from_millis(10)).await;
    }
}

fn code_of(bus: &AmqpBus) -> Option<&'static str> {
    match &bus.health()[0].condition {
        Condition::Down { code, .. } => Some(code),
        _ => None,
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_not_acknowledged_comes_again_after_a_crash() {
    let mut rig = AmqpRig::open(false).await;
    let three = (1..=3).map(|n| rig.parcel(Lane::Live, n)).collect();
    rig.bus("a").publish(three).await.unwrap();
    let taken = rig.taken("b", Lane::Live, 3).await;
    rig.bus("b").ack(&node("b"), &[taken[0].tag]).await.unwrap();
    // The acknowledgement is on its way when the connection ends; give it time to arrive.
    sleep(Duration::from_millis(200)).await;
    let old: Vec<u64> = taken.iter().map(|d| d.tag).collect();
    rig.crash_b().await;
    let again = rig.taken("b", Lane::Live, 2).await;
    let mut found = sequences(&again);
    found.sort_unstable();
    assert_eq!(found, [2, 3]);
    // Tags of the dead carrier acknowledge nothing by accident.
    let depth = rig.amqp("b").depth();
    let unknown: Vec<u64> = old.iter().map(|tag| tag + 1_000).collect();
    rig.bus("b").ack(&node("b"), &unknown).await.unwrap();
    assert_eq!(rig.amqp("b").depth(), depth);
    rig.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn declaring_twice_changes_nothing_and_what_differs_is_said() {
    let rig = AmqpRig::open(false).await;
    let again = manage::declare(&rig.admin, &rig.topology).await.unwrap();
    assert!(again.iter().all(|i| i.how == How::Stands), "{again:#?}");
    let mut other = rig.topology.clone();
    other.limits.parcels += 1;
    let found = manage::compare(&rig.admin, &other).await.unwrap();
    let differ = found.iter().filter(|i| matches!(i.how, How::Differs(_))).count();
    assert_eq!(differ, 8, "every queue of both nodes: {found:#?}");
    let mut more = rig.topology.clone();
    more.nodes.insert(node("c"), Place::default());
    let found = manage::compare(&rig.admin, &more).await.unwrap();
    assert_eq!(found.iter().filter(|i| i.how == How::Missing).count(), 4, "{found:#?}");
    rig.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_without_its_queues_says_what_to_do() {
    let bus = AmqpBus::start(settings(&node("b"), &prefix()));
    until("the lack is noticed", || code_of(&bus) == Some("bus.topology")).await;
    let Condition::Down { detail, .. } = &bus.health()[0].condition else { panic!() };
    assert!(detail.contains("tiergate bus declare"), "{detail}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_queue_deleted_under_us_is_noticed_and_after_declaring_it_works_again() {
    let rig = AmqpRig::open(false).await;
    let (_line, channel) = channel(&rig.admin).await;
    let name = rig.topology.names.queue(&node("b"), LIVE, 1);
    channel.queue_delete(name.into(), QueueDeleteOptions::default()).await.unwrap();
    until("the consumer notices", || code_of(rig.amqp("b")) == Some("bus.topology")).await;
    let lost = rig.bus("a").publish(vec![rig.parcel(Lane::Live, 1)]).await.unwrap();
    assert_eq!(lost, [Confirmation::Returned], "nothing takes it, and it is not called sent");
    manage::declare(&rig.admin, &rig.topology).await.unwrap();
    rig.up().await;
    let said = rig.bus("a").publish(vec![rig.parcel(Lane::Live, 2)]).await.unwrap();
    assert_eq!(said, [Confirmation::Confirmed]);
    assert_eq!(sequences(&rig.taken("b", Lane::Live, 1).await), [2]);
    rig.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_running_consumer_follows_to_the_next_generation() {
    let rig = AmqpRig::open(false).await;
    // As a repair does it, with a queue that does answer.
    let what = (&node("b"), LIVE, 1);
    let items = manage::replace(&rig.admin, &rig.topology, what, "test").await.unwrap();
    assert!(items.iter().all(|i| i.how.fine()), "{items:#?}");
    assert!(!manage::stands(&rig.admin, &node("b"), LIVE, 1).await.unwrap());
    assert!(manage::stands(&rig.admin, &node("b"), LIVE, 2).await.unwrap());
    let said = rig.bus("a").publish(vec![rig.parcel(Lane::Live, 1)]).await.unwrap();
    assert_eq!(said, [Confirmation::Confirmed]);
    assert_eq!(sequences(&rig.taken("b", Lane::Live, 1).await), [1]);
    // Declaring and repairing leave a healthy second generation alone.
    let items = manage::declare(&rig.admin, &rig.topology).await.unwrap();
    assert!(items.iter().all(|i| i.how == How::Stands), "{items:#?}");
    assert!(manage::repair(&rig.admin, &rig.topology).await.unwrap().is_empty());
    rig.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_nothing_can_be_made_of_ends_in_the_dead_letter_queue_and_is_counted() {
    let rig = AmqpRig::open(false).await;
    let (_line, channel) = channel(&rig.admin).await;
    let publish = async |properties: BasicProperties| {
        let key = rig.topology.names.key(&node("b"), LIVE);
        let options = BasicPublishOptions::default();
        let exchange = rig.topology.names.exchange();
        channel
            .basic_publish(exchange.into(), key.into(), options, b"x", properties)
            .await
            .unwrap();
    };
    publish(BasicProperties::default()).await;
    until("it is counted", || rig.amqp("b").health()[0].unreadable == 1).await;
    let said = rig.bus("b").troubles(&node("b"));
    assert_eq!((said.len(), said[0].code), (1, "bus.unreadable"), "{said:?}");
    // Readable, but of another lane than its queue: set aside, and attributed.
    let stray = rig.parcel(Lane::Bulk, 7);
    publish(crate::amqp::outside::properties(&stray, &rig.admin.user)).await;
    let dead = rig.taken("b", Lane::Bulk, 1).await;
    assert!(dead[0].dead);
    assert_eq!(dead[0].parcel.id, stray.id);
    rig.bus("b").ack(&node("b"), &[dead[0].tag]).await.unwrap();
    // One that says it is from another node than its publisher.
    let mut headers = FieldTable::default();
    headers.insert("from".into(), AMQPValue::LongString("a".into()));
    publish(BasicProperties::default().with_headers(headers)).await;
    until("it is counted too", || rig.amqp("b").health()[0].unreadable == 2).await;
    rig.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_frame_over_the_limit_is_laid_aside_without_its_bytes() {
    let client = Limits { frame_bytes_max: 1_000, ..limits() };
    let rig = AmqpRig::with(QueueLimits { parcels: 100, bytes: 1 << 30 }, client).await;
    let mut big = rig.parcel(Lane::Live, 1);
    big.frame = Arc::from(vec![7; 1_001]);
    rig.bus("a").publish(vec![big.clone()]).await.unwrap();
    let dead = rig.taken("b", Lane::Live, 1).await;
    assert!(dead[0].dead && dead[0].parcel.frame.is_empty());
    assert_eq!(dead[0].parcel.id, big.id);
    rig.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_more_than_the_prefetch_is_at_hand() {
    let client = Limits { prefetch: 3, ..limits() };
    let rig = AmqpRig::with(QueueLimits { parcels: 100, bytes: 1 << 30 }, client).await;
    let ten = (1..=10).map(|n| rig.parcel(Lane::Live, n)).collect();
    rig.bus("a").publish(ten).await.unwrap();
    let first = rig.taken("b", Lane::Live, 3).await;
    sleep(Duration::from_millis(100)).await;
    assert_eq!(rig.amqp("b").depth(), 3);
    let tags: Vec<u64> = first.iter().map(|d| d.tag).collect();
    rig.bus("b").ack(&node("b"), &tags).await.unwrap();
    assert_eq!(sequences(&rig.taken("b", Lane::Live, 3).await), [4, 5, 6]);
    rig.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wrong_password_is_said_in_clear_words_and_not_tried_again_soon() {
    let mut settings = settings(&node("b"), &prefix());
    let tries = Arc::new(std::sync::atomic::AtomicU32::new(0));
    let counted = Arc::clone(&tries);
    settings.secrets = Arc::new(move || {
        counted.fetch_add(1, Ordering::Relaxed);
        Ok(Secrets { password: Some("not it".into()), ..Secrets::default() })
    });
    let bus = AmqpBus::start(settings);
    until("the refusal is said", || code_of(&bus) == Some("bus.login")).await;
    let health = bus.health().remove(0);
    let Condition::Down { detail, next, .. } = health.condition else { panic!() };
    assert!(detail.contains("ACCESS_REFUSED"), "{detail}");
    assert!(!detail.contains("not it"), "{detail}");
    assert!(next >= Duration::from_secs(30), "{next:?}");
    sleep(Duration::from_millis(600)).await;
    assert!(tries.load(Ordering::Relaxed) <= 2, "one try a side, no storm");
    // Meanwhile publishing says so at once.
    let parcel = crate::contract::parcel("b", Lane::Live, 1);
    let said = timeout(Duration::from_millis(100), bus.publish(vec![parcel])).await;
    assert_eq!(said.unwrap().unwrap(), [Confirmation::Unreachable("bus.login")]);
}

/// A login over TLS, with or without a certificate of its own.
fn over_tls(code: &str, prefix: &str, identity: Option<&str>, password: bool) -> Settings {
    let (endpoint, user, word) = place(&service("TIERGATE_TEST_AMQPS"));
    let identity = identity.map(|name| (tls(&format!("{name}.pem")), tls(&format!("{name}.key"))));
    let password = password.then_some(word);
    let secrets = Secrets { password, ca: Some(tls("ca.pem")), identity };
    Settings {
        endpoint,
        user,
        secrets: Arc::new(move || Ok(secrets.clone())),
        ..settings(&node(code), prefix)
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_login_by_certificate_needs_no_password() {
    let prefix = prefix();
    let admin = settings(&node("b"), &prefix);
    let place = Place { user: admin.user.clone(), peers: Default::default() };
    let limits = QueueLimits { parcels: 10, bytes: 1 << 20 };
    let topology =
        Topology { names: Names::new(&prefix), nodes: [(node("b"), place)].into(), limits };
    manage::declare(&admin, &topology).await.unwrap();
    for settings in [
        over_tls("b", &prefix, Some("client"), false),
        over_tls("b", &prefix, Some("client"), true),
        over_tls("b", &prefix, None, true),
    ] {
        let bus = AmqpBus::start(settings);
        let up = timeout(PATIENCE, bus.up()).await;
        assert!(up.is_ok(), "{:?}", bus.health());
    }
    manage::remove(&admin, &topology).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn certificates_nobody_should_believe_are_refused_in_clear_words() {
    let prefix = prefix();
    // The broker does not believe ours: it is over, or its name is no user's.
    for (name, code) in [("client-expired", "bus.certificate"), ("client-unknown", "bus.login")] {
        let refused = connect(&over_tls("b", &prefix, Some(name), false), "test").await;
        let obstacle = refused.map(drop).expect_err(name);
        assert_eq!(obstacle.code, code, "{name}: {obstacle}");
        assert!(obstacle.slow());
    }
    // We do not believe the broker's: another authority, or another name.
    let mut settings = over_tls("b", &prefix, None, true);
    let stranger = Secrets { ca: Some(tls("client-unknown.pem")), ..Secrets::default() };
    let known = settings.secrets.clone();
    settings.secrets = Arc::new(move || Ok(stranger.clone()));
    let obstacle = connect(&settings, "test").await.map(drop).expect_err("an unknown authority");
    assert_eq!(obstacle.code, "bus.certificate", "{obstacle}");
    settings.secrets = known;
    settings.endpoint.host = "127.0.0.2".into();
    let obstacle = connect(&settings, "test").await.map(drop).expect_err("another name");
    assert!(matches!(obstacle.code, "bus.certificate" | "bus.unreachable"), "{obstacle}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_changed_certificate_is_taken_up_without_losing_anything() {
    let rig = AmqpRig::open(false).await;
    let prefix = rig.topology.names.exchange();
    let old = over_tls("a", &prefix, Some("client"), false);
    let changed = Arc::new(AtomicBool::new(false));
    let (before, seen) = ((old.secrets)().unwrap(), Arc::clone(&changed));
    let after = Secrets { ca: Some(format!("{}\n", tls("ca.pem"))), ..before.clone() };
    let loaded = Arc::new(std::sync::atomic::AtomicU32::new(0));
    let count = Arc::clone(&loaded);
    let secrets = Arc::new(move || {
        if !seen.load(Ordering::Relaxed) {
            return Ok(before.clone());
        }
        count.fetch_add(1, Ordering::Relaxed);
        Ok(after.clone())
    });
    let bus = AmqpBus::start(Settings { secrets, ..old });
    timeout(PATIENCE, bus.up()).await.expect("up with the first certificate");
    let mut sent = 0;
    let mut publish = async |bus: &AmqpBus| {
        let said = bus.publish(vec![rig.parcel(Lane::Live, sent + 1)]).await.unwrap();
        // Between two connections it is unreachable for a moment; nothing is called sent then.
        match said[0] {
            Confirmation::Confirmed => sent += 1,
            _ => assert!(matches!(said[0], Confirmation::Unreachable(_)), "{said:?}"),
        }
        sent
    };
    changed.store(true, Ordering::Relaxed);
    let until = Instant::now() + PATIENCE;
    while loaded.load(Ordering::Relaxed) < 8 || publish(&bus).await < 20 {
        assert!(Instant::now() < until, "the new certificate is not taken up");
        sleep(Duration::from_millis(5)).await;
    }
    timeout(PATIENCE, bus.up()).await.expect("up with the second certificate");
    let sent = publish(&bus).await;
    let found = rig.taken("b", Lane::Live, usize::try_from(sent).unwrap()).await;
    assert_eq!(sequences(&found), (1..=sent).collect::<Vec<_>>(), "nothing lost, nothing doubled");
    rig.close().await;
}
