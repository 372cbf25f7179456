//! A receipt is lost: the sender asks, and gets the same receipt again.

use store::Place;
use tests::world::input::cases;
use tests::world::{PROVINCE, Rule, TOWN, Trick, forge};

#[tokio::test]
async fn is_asked_for_and_comes_again() {
    let mut world = super::world().await;
    world.bus.rule(Rule::next("receipt", Trick::Lose).from("province"));
    world.drop_lines("a.csv", &cases(1..=3));
    world.pass(3_000).await;
    assert_eq!(world.kept().await, 6);
    assert_eq!(world.count(TOWN, Place::InFlight).await, 6, "nothing is green before a receipt");
    world.heal().await;
    assert_eq!(world.count(TOWN, Place::Accepted).await, 6);
    assert_eq!(world.bus.published("inquiry", "town-1").len(), 1);
    assert_eq!(world.bus.published("records", "town-1").len(), 1, "nothing is sent again");
    let receipts = world.bus.published("receipt", "province");
    assert_eq!(receipts.len(), 2);
    assert_eq!(receipts[0].frame, receipts[1].frame, "the same receipt");
    world.finish().await;
}

#[tokio::test]
async fn on_the_last_hop_is_asked_for_too() {
    let mut world = super::world().await;
    world.bus.rule(Rule::next("receipt", Trick::Lose).to("town-1"));
    world.drop_lines("a.csv", &cases(1..=3));
    world.quiet().await;
    world.heal().await;
    assert_eq!(world.count(TOWN, Place::Accepted).await, 6);
    world.finish().await;
}

#[tokio::test]
async fn and_the_inquiry_too_then_the_next_inquiry_finds_it() {
    let mut world = super::world().await;
    world.bus.rule(Rule::next("receipt", Trick::Lose).from("province"));
    world.bus.rule(Rule::next("inquiry", Trick::Lose).to("province").times(2));
    world.drop_lines("a.csv", &cases(1..=3));
    world.quiet().await;
    world.heal().await;
    world.heal().await;
    assert_eq!(world.count(TOWN, Place::Accepted).await, 6);
    assert_eq!(world.bus.published("inquiry", "town-1").len(), 3);
    world.finish().await;
}

#[tokio::test]
async fn or_changed_on_the_way_settles_nothing() {
    let mut world = super::world().await;
    world.bus.rule(Rule::next("receipt", forge::replaced(">accepted<", ">rejected<")).to("town-1"));
    world.drop_lines("a.csv", &cases(1..=3));
    world.pass(3_000).await;
    assert_eq!(world.rules(TOWN, "refused").await, ["envelope.root_mismatch"]);
    assert_eq!(world.count(TOWN, Place::InFlight).await, 6);
    world.heal().await;
    assert_eq!(world.count(TOWN, Place::Accepted).await, 6);
    assert_eq!(world.count(TOWN, Place::Rejected).await, 0);
    assert!(world.rules(PROVINCE, "refused").await.is_empty(), "no refusal answers a control");
    world.finish().await;
}
