//! The definitions on the real broker: what a node may, and what it may not.

use std::collections::BTreeMap;
use std::process::Command;

use canon::Lane;
use lapin::options::{BasicConsumeOptions, BasicPublishOptions, QueueDeclareOptions};
use lapin::types::FieldTable;
use lapin::{BasicProperties, Channel};
use tokio::time::timeout;

use super::services::{prefix, service, settings};
use crate::amqp::connect::{Line, connect};
use crate::amqp::definitions::definitions;
use crate::amqp::{AmqpBus, Secrets, Settings, outside};
use crate::contract::{PATIENCE, node, parcel, sequences};
use crate::topology::{Names, Part, Place, QueueLimits, Topology};
use crate::{Bus, Confirmation};

const LIVE: Part = Part::Lane(Lane::Live);
/// The password `secret` under the salt 0x01020304, as the broker's manual makes it.
const HASH: &str = "AQIDBDB9kM21iEUzN1lZ+6VReCsdNqS0sERdAQTcY6Xs3PMz";

fn ctl(args: &[&str]) {
    let out = Command::new(service("TIERGATE_TEST_RABBITMQCTL")).args(args).output();
    let out = out.expect("rabbitmqctl runs");
    let text = String::from_utf8_lossy(&out.stderr).into_owned();
    assert!(out.status.success(), "{args:?}: {text}");
}

/// A virtual host of its own with two users who are `a` and `b` on the wire, imported as an
/// administrator would, and gone at the end.
struct Site {
    vhost: String,
    topology: Topology,
    a: String,
    b: String,
}

impl Site {
    fn import() -> Self {
        let vhost = prefix();
        let (a, b) = (format!("{vhost}-a"), format!("{vhost}-b"));
        let place = |peer: &str| Place { user: String::new(), peers: [node(peer)].into() };
        let mut nodes: BTreeMap<_, _> = [(node(&a), place(&b)), (node(&b), place(&a))].into();
        for (code, place) in &mut nodes {
            place.user = code.to_string();
        }
        let limits = QueueLimits { parcels: 100, bytes: 1 << 20 };
        let topology = Topology { names: Names::new("tiergate"), nodes, limits };
        let hashes = [(a.clone(), HASH.to_owned()), (b.clone(), HASH.to_owned())].into();
        let text = definitions(&topology, &vhost, &hashes).to_string();
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("definitions.json");
        std::fs::write(&path, text).expect("a file");
        ctl(&["import_definitions", path.to_str().expect("a name")]);
        Self { vhost, topology, a, b }
    }

    fn settings(&self, code: &str) -> Settings {
        let mut settings = settings(&node(code), "tiergate");
        settings.endpoint.vhost = self.vhost.clone();
        settings.user = code.to_owned();
        let secrets = Secrets { password: Some("secret".into()), ..Secrets::default() };
        settings.secrets = std::sync::Arc::new(move || Ok(secrets.clone()));
        settings
    }

    async fn channel(&self, code: &str) -> (Line, Channel) {
        let line = connect(&self.settings(code), "test").await.expect("the login is right");
        let channel = line.channel().await.expect("a channel");
        (line, channel)
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        ctl(&["delete_vhost", &self.vhost]);
        ctl(&["delete_user", &self.a]);
        ctl(&["delete_user", &self.b]);
    }
}

/// What the broker answers to a message of `a` with these properties under this key.
async fn publish(site: &Site, key: &str, properties: BasicProperties) -> lapin::Result<()> {
    let (_line, channel) = site.channel(&site.a).await;
    channel.confirm_select(Default::default()).await?;
    let options = BasicPublishOptions { mandatory: true, immediate: false };
    let sent = channel.basic_publish("tiergate".into(), key.into(), options, b"x", properties);
    timeout(PATIENCE, sent.await?).await.expect("an answer").map(drop)
}

fn refused(said: lapin::Result<impl Sized>) -> String {
    said.map(drop).expect_err("the broker must refuse it").to_string()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_speaks_only_as_itself_to_its_neighbours_and_reads_only_its_own() {
    let site = Site::import();
    let names = &site.topology.names;
    let as_itself = || BasicProperties::default().with_user_id(site.a.as_str().into());

    // What it may: hand parcels to its neighbour, take its own.
    let (a, b) = (AmqpBus::start(site.settings(&site.a)), AmqpBus::start(site.settings(&site.b)));
    for bus in [&a, &b] {
        assert!(timeout(PATIENCE, bus.up()).await.is_ok(), "{:?}", bus.health());
    }
    let mut sent = parcel(&site.b, Lane::Live, 1);
    sent.from = node(&site.a);
    assert_eq!(a.publish(vec![sent.clone()]).await.unwrap(), [Confirmation::Confirmed]);
    let mut found = Vec::new();
    while found.is_empty() {
        timeout(PATIENCE, b.arrival(&node(&site.b))).await.expect("it comes");
        found = b.take(&node(&site.b), Lane::Live, 1).await.unwrap();
    }
    assert_eq!(sequences(&found), [1]);

    // What it may not.
    let forged = outside::properties(&sent, &site.b);
    let said = refused(publish(&site, &names.key(&node(&site.b), LIVE), forged).await);
    assert!(said.contains("user_id"), "in another's name: {said}");
    let said = refused(publish(&site, &names.key(&node("stranger"), LIVE), as_itself()).await);
    assert!(said.contains("ACCESS_REFUSED"), "to a stranger: {said}");
    let (_line, channel) = site.channel(&site.a).await;
    let queue = names.queue(&node(&site.b), LIVE, 1);
    let options = BasicConsumeOptions::default();
    let read = channel.basic_consume(queue.into(), "".into(), options, FieldTable::default()).await;
    let said = refused(read);
    assert!(said.contains("ACCESS_REFUSED"), "another's queue: {said}");
    let (_line, channel) = site.channel(&site.a).await;
    let own = names.queue(&node(&site.a), LIVE, 2);
    let options = QueueDeclareOptions { durable: true, ..QueueDeclareOptions::default() };
    let said = refused(channel.queue_declare(own.into(), options, FieldTable::default()).await);
    assert!(said.contains("ACCESS_REFUSED"), "configuring: {said}");
}
