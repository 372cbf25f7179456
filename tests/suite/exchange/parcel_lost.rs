//! A parcel is lost in the carrier: the destination says that it does not have it, and it is sent again.

use store::Place;
use tests::world::input::cases;
use tests::world::{Rule, TOWN, Trick};

async fn lost_before(hop: &'static str) {
    let mut world = super::world().await;
    world.bus.rule(Rule::next("records", Trick::Lose).to(hop));
    world.drop_lines("a.csv", &cases(1..=3));
    world.pass(3_000).await;
    assert_eq!(world.kept().await, 0);
    world.heal().await;
    assert_eq!(world.count(TOWN, Place::Accepted).await, 6);
    let sent = world.bus.published("records", "town-1");
    assert_eq!(sent.len(), 2);
    assert_eq!(sent[0].frame, sent[1].frame, "sealed once");
    world.finish().await;
}

#[tokio::test]
async fn on_the_first_hop() {
    lost_before("county-1").await;
}

#[tokio::test]
async fn on_the_second_hop() {
    lost_before("city-1").await;
}

#[tokio::test]
async fn on_the_last_hop() {
    lost_before("province").await;
}

#[tokio::test]
async fn again_and_again_with_everything_else() {
    let mut world = super::world().await;
    for kind in ["records", "receipt", "hop", "inquiry", "answer"] {
        world.bus.rule(Rule::next(kind, Trick::Lose).times(2));
    }
    world.drop_lines("a.csv", &cases(1..=3));
    world.quiet().await;
    for _ in 0..4 {
        world.heal().await;
    }
    assert_eq!(world.count(TOWN, Place::Accepted).await, 6);
    world.finish().await;
}

#[tokio::test]
async fn and_so_is_a_manifest_that_is_issued_again() {
    let mut world = super::world().await;
    world.bus.rule(Rule::next("manifest", Trick::Lose).from("town-1"));
    world.bus.rule(Rule::next("manifest", Trick::Lose).from("province"));
    world.drop_lines("a.csv", &cases(1..=3));
    world.quiet().await;
    world.now = world.now.plus(86_400_000);
    world.pass(20_000).await;
    world.finish().await;
}
