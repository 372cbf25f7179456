//! A parcel whose every claim ends without an outcome is set aside alone, and its sender is told.

use store::Place;
use tests::world::input::cases;
use tests::world::{self, PROVINCE, Rule, Setup, TOWN, Trick, When};

fn setup() -> Setup {
    let limits = exchange::Limits { envelope_records_max: 2, ..world::limits() };
    Setup { limits, ..Setup::default() }
}

#[tokio::test]
async fn set_aside_alone_after_three_claims() {
    set_aside_alone(When::Before).await;
}

#[tokio::test]
async fn set_aside_alone_after_three_panics() {
    set_aside_alone(When::Panic).await;
}

async fn set_aside_alone(when: When) {
    let mut world = super::world_of(setup()).await;
    world.failed = Some(Vec::new());
    let province = world::code("province");
    world.faults.fail(&province, "commit_judged", 0, 3, when);
    world.bus.rule(Rule::next("records", Trick::Hold).to("province").times(6));
    world.drop_lines("a.csv", &cases(1..=6));
    world.pass(3_000).await;
    assert_eq!(world.bus.release().await, 6, "they come together");
    world.quiet().await;
    assert_eq!(world.failed.take().map(|f| f.len()), Some(3));
    assert_eq!(world.rules(PROVINCE, "refused").await, ["node.poison"], "the others are sound");
    assert_eq!(world.count(TOWN, Place::Accepted).await, 12, "sent again, and sound by now");
    world.finish().await;
}

#[tokio::test]
async fn counted_also_when_it_kills_the_process() {
    let mut world = super::world_of(setup()).await;
    world.failed = Some(Vec::new());
    let province = world::code("province");
    world.bus.rule(Rule::next("records", Trick::Hold).to("province").times(6));
    world.drop_lines("a.csv", &cases(1..=6));
    world.pass(3_000).await;
    world.bus.release().await;
    for _ in 0..3 {
        world.faults.die_in(&province, "commit_judged", When::Before);
        world.heal().await;
        assert!(world.faults.dead());
        world.restart();
    }
    world.quiet().await;
    world.heal().await;
    assert_eq!(world.rules(PROVINCE, "refused").await, ["node.poison"]);
    assert_eq!(world.count(TOWN, Place::Accepted).await, 12);
    world.finish().await;
}

#[tokio::test]
async fn a_receipt_that_cannot_be_settled_is_poison_too() {
    let mut world = super::world_of(setup()).await;
    world.failed = Some(Vec::new());
    let town = world::code("town-1");
    world.faults.fail(&town, "commit_settled", 0, 3, When::Before);
    world.drop_lines("a.csv", &cases(1..=6));
    world.quiet().await;
    assert_eq!(world.rules(TOWN, "refused").await, ["node.poison"]);
    world.heal().await;
    assert_eq!(world.count(TOWN, Place::Accepted).await, 12, "asked for again");
    world.finish().await;
}
