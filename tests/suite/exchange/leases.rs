//! Another process takes over in the middle: the old holder's commits are refused.

use std::sync::Arc;

use exchange::{WorkError, Worker};
use store::{Place, StoreError};
use tests::world::input::cases;
use tests::world::{PROVINCE, TOWN};

async fn refused_commit(worker: &mut dyn Worker, at: canon::Millis) {
    let said = worker.run_once(at).await;
    let lost = matches!(&said, Err(WorkError::Store(StoreError::LeaseLost(_))));
    assert!(lost, "an old holder of {} commits: {said:?}", worker.name());
}

#[tokio::test]
async fn an_old_holder_of_seal_numbers_nothing() {
    let mut world = super::world().await;
    let ttl = world.nodes[TOWN].node.limits.lease_ttl;
    let other = Arc::new(world.node(TOWN, "other"));
    // The old holder has its lease in hand, and then stands still for longer than it lasts.
    let then = world.now;
    world.nodes[TOWN].node.lease("seal", then).await.unwrap().expect("nobody has it");
    world.drop_lines("a.csv", &cases(1..=3));
    world.work(TOWN, "collect/line").await.unwrap();
    assert!(other.lease("seal", then.plus(1_000)).await.unwrap().is_none(), "not before its end");
    other.lease("seal", then.plus(ttl + 1_000)).await.unwrap().expect("it ran out");
    let mut old = exchange::seal::Seal::new(Arc::clone(&world.nodes[TOWN].node));
    refused_commit(&mut old, then.plus(2_000)).await;
    assert_eq!(world.count(TOWN, Place::Staged).await, 6, "nothing was numbered");
    // It asks the store again, and goes on when the other one is gone.
    world.nodes[TOWN].node.forget_leases();
    assert_eq!(old.run_once(then.plus(ttl + 2_000)).await.unwrap().done, 0);
    world.now = then.plus(3 * ttl);
    world.quiet().await;
    assert_eq!(world.count(TOWN, Place::Accepted).await, 6);
    world.finish().await;
}

#[tokio::test]
async fn an_old_holder_of_accept_keeps_nothing() {
    let mut world = super::world().await;
    let ttl = world.nodes[PROVINCE].node.limits.lease_ttl;
    let other = Arc::new(world.node(PROVINCE, "other"));
    world.drop_lines("a.csv", &cases(1..=3));
    while world.store(PROVINCE).status().await.unwrap().inbox == 0 {
        for tier in 0..PROVINCE {
            for name in ["collect/line", "seal", "dispatch", "receive", "relay"] {
                if tier == TOWN || name != "collect/line" {
                    world.work(tier, name).await.unwrap();
                }
            }
        }
        world.work(PROVINCE, "receive").await.unwrap();
    }
    let then = world.now;
    let node = Arc::clone(&world.nodes[PROVINCE].node);
    node.lease("accept", then).await.unwrap().expect("nobody has it");
    other.lease("accept", then.plus(ttl + 1_000)).await.unwrap().expect("it ran out");
    let mut old = exchange::accept::Accept::new(Arc::clone(&node));
    refused_commit(&mut old, then.plus(2_000)).await;
    assert_eq!(world.kept().await, 0);
    let mut new = exchange::accept::Accept::new(other);
    new.run_once(then.plus(ttl + 1_500)).await.unwrap();
    assert_eq!(world.kept().await, 6, "the new holder goes on");
    node.forget_leases();
    world.now = then.plus(4 * ttl);
    world.quiet().await;
    world.heal().await;
    assert_eq!(world.count(TOWN, Place::Accepted).await, 6);
    world.finish().await;
}
