//! What lies in a relay's queues and files while a tier stands still: where bodies are closed, nothing of a
//! person.

use std::sync::Mutex;

use lapin::options::BasicGetOptions;
use lapin::{Connection, ConnectionProperties};
use store::Place;

use super::{Size, Sweep};
use crate::world::flow::{Flow, Login, Plan};
use crate::world::process::sample_lines;
use crate::world::search::{in_database, in_files, stands};
use crate::world::services::{self, Address};
use crate::world::{COUNTY, PROVINCE, TIERS, TOWN};

/// The id number of the sample that every case of a flow is made of.
fn number() -> String {
    let lines = sample_lines();
    let is =
        |cell: &&str| cell.len() == 18 && cell.starts_with("99") && !cell.starts_with("9901030");
    lines[1].split(',').find(is).expect("an id number in the sample").to_owned()
}

/// The messages of a tier's queue, headers and bodies; they stay there.
async fn messages(flow: &Flow, tier: usize) -> Vec<Vec<u8>> {
    let properties = ConnectionProperties::default();
    let broker = Connection::connect(&services::amqp(), properties).await.expect("the broker");
    let channel = broker.create_channel().await.expect("a channel");
    let queue = format!("{}.{}.live.g1", flow.prefix(), TIERS[tier]);
    let mut found = Vec::new();
    while let Some(message) = channel
        .basic_get(queue.as_str().into(), BasicGetOptions::default())
        .await
        .expect("the queue")
    {
        found.push(format!("{:?}", message.delivery.properties).into_bytes());
        found.push(message.delivery.data.clone());
    }
    // None was acknowledged: they go back.
    broker.close(200, "looked".into()).await.expect("closed");
    found
}

/// Township, county and province as processes over the broker; what is found of the number in the queue
/// of the county, in its files, and in the queue it fills.
async fn searched(confidential: bool, size: Size) -> [usize; 3] {
    let login = Login::Password(Address::of(&services::amqp()));
    let plan = Plan { confidential, ..Plan::of(vec![TOWN, COUNTY, PROVINCE], login) };
    let mut flow = Flow::new(plan).await;
    let _sweep = Sweep::of(&flow);
    let number = number();
    flow.declare();
    flow.start(0);
    flow.feed(size.rows).await;
    flow.until("all is in the county's queue", size.settle, async |flow| {
        flow.count(0, Place::InFlight).await == Some(flow.attempted())
    })
    .await;
    let holds = |all: &[Vec<u8>]| {
        assert!(!all.is_empty(), "nothing lies there");
        all.iter().filter(|bytes| stands(&number, bytes)).count()
    };
    let own = holds(&messages(&flow, COUNTY).await);
    flow.start(1);
    // Looked at once: what was just looked at is on its way back into the queue.
    let passed = Mutex::new(Vec::new());
    flow.until("the county passed all on", size.settle, async |flow| {
        let Some(store) = flow.store(1).await else { return false };
        let Ok(status) = store.status().await else { return false };
        if status.inbox > 0 || status.links.iter().any(|l| l.due > 0) {
            return false;
        }
        let found = messages(flow, PROVINCE).await;
        let some = !found.is_empty();
        *passed.lock().expect("one looks") = found;
        some
    })
    .await;
    let file = flow.data(1).join("node.db");
    let files = in_files(&flow.of(1), &number).len() + in_database(&file, &number).await.len();
    let above = holds(&passed.into_inner().expect("one looked"));
    flow.start(2);
    flow.finish("a relay's queues searched", size.settle).await;
    [own, files, above]
}

/// A relay's queue, its files and the queue it fills have nothing of a person.
pub async fn closed(size: Size) {
    assert_eq!(searched(true, size).await, [0, 0, 0]);
}

/// The same search, in the clear, finds it in all three.
pub async fn clear(size: Size) {
    let found = searched(false, size).await;
    assert!(found.iter().all(|n| *n > 0), "{found:?}");
}
