//! The broker is killed, stands still, takes nothing, loses a queue.

use std::time::Duration;

use store::Place;

use super::{Size, Sweep, administrator, proxied, stream};
use crate::world::flow::{Flow, Plan};
use crate::world::services::{self, Private, Service};

/// RabbitMQ 3.10 writes down which queues there are every three minutes only (see
/// `queue_without_a_leader`). This makes it do so now: queues as old as an installation's.
fn written_down(broker: &Private) {
    broker.ctl(&["eval", "[dets:sync(Table) || Table <- dets:all()]."]);
}

/// SIGKILL of RabbitMQ in the middle, and a start.
pub async fn killed(size: Size) {
    let broker = Private::start(Service::Rabbitmq);
    let mut flow = Flow::new(Plan::two(administrator(&broker))).await;
    flow.declare();
    written_down(&broker);
    flow.start_all();
    stream(&mut flow, size).await;
    flow.until_kept(1, size.settle).await;
    broker.kill();
    stream(&mut flow, size).await;
    broker.start_again();
    stream(&mut flow, size).await;
    flow.finish("RabbitMQ killed", size.settle).await;
}

/// SIGSTOP of RabbitMQ for a while: connections stand, nobody answers.
pub async fn frozen(size: Size) {
    let broker = Private::start(Service::Rabbitmq);
    let mut flow = Flow::new(Plan::two(administrator(&broker))).await;
    flow.declare();
    flow.start_all();
    stream(&mut flow, size).await;
    flow.until_kept(1, size.settle).await;
    broker.freeze();
    stream(&mut flow, size).await;
    tokio::time::sleep(size.pause).await;
    broker.thaw();
    stream(&mut flow, size).await;
    flow.finish(&format!("RabbitMQ stopped for {} s", size.pause.as_secs()), size.settle).await;
}

/// The memory alarm: the broker reads nothing from who publishes, and says so.
pub async fn blocking(size: Size) {
    let broker = Private::start(Service::Rabbitmq);
    let mut flow = Flow::new(Plan::two(administrator(&broker))).await;
    flow.declare();
    flow.start_all();
    stream(&mut flow, size).await;
    flow.until_settled(size.settle).await;
    broker.alarm(true);
    let before = flow.attempted();
    stream(&mut flow, size).await;
    flow.until("the alarm is the reason why nothing goes", size.settle, async |flow| {
        flow.reasons(0).await.contains("bus.blocked")
    })
    .await;
    assert_eq!(flow.kept().await, before, "nothing passes a broker that blocks");
    broker.alarm(false);
    flow.finish("RabbitMQ blocks publishers", size.settle).await;
}

/// The province's live queue is deleted while all run; the topology is declared again.
pub async fn queue_deleted(size: Size) {
    let (_proxy, login) = proxied();
    let mut flow = Flow::new(Plan::two(login)).await;
    let _sweep = Sweep::of(&flow);
    flow.declare();
    flow.start_all();
    stream(&mut flow, size).await;
    flow.until_kept(1, size.settle).await;
    services::rabbitmqctl(&["delete_queue", &format!("{}.province.live.g1", flow.prefix())]);
    stream(&mut flow, size).await;
    flow.until("parcels come back", size.settle, async |flow| {
        flow.reasons(0).await.contains("bus.unroutable")
    })
    .await;
    flow.repair();
    stream(&mut flow, size).await;
    flow.finish("queue deleted", size.settle).await;
}

/// RabbitMQ is killed shortly after its queues were declared: 3.10 forgets their names, so that they
/// stand without a leader and what was confirmed is gone. `--repair` puts new ones in their place.
pub async fn queue_without_a_leader(size: Size) {
    let broker = Private::start(Service::Rabbitmq);
    let mut flow = Flow::new(Plan::two(administrator(&broker))).await;
    flow.declare();
    written_down(&broker);
    // What is declared after that is forgotten: the queue everything goes through, filled at once.
    broker.ctl(&["delete_queue", &format!("{}.province.live.g1", flow.prefix())]);
    flow.start(0);
    stream(&mut flow, size).await;
    flow.declare();
    flow.until("all is confirmed by the broker, none received", size.settle, async |flow| {
        flow.count(0, Place::InFlight).await == Some(flow.attempted())
    })
    .await;
    broker.kill();
    broker.start_again();
    flow.start(1);
    tokio::time::sleep(Duration::from_secs(3)).await;
    println!("kept before the repair: {} of {}", flow.kept().await, flow.attempted());
    let repaired = flow.repair();
    assert!(repaired.contains("replaced by"), "a queue had no leader:\n{repaired}");
    stream(&mut flow, size).await;
    flow.finish("queue without a leader", size.settle).await;
}
