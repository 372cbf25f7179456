//! A gap in a sender's sequences is asked for and filled, long before any receipt is overdue.

use exchange::Limits;
use store::Place;
use tests::world::input::cases;
use tests::world::{self, Rule, Setup, TOWN, Trick};

fn patient() -> Setup {
    let limits = Limits {
        envelope_records_max: 2,
        receipt_overdue: 3_600_000,
        gap_grace: 5_000,
        ..world::limits()
    };
    Setup { limits, ..Setup::default() }
}

#[tokio::test]
async fn is_asked_for_and_filled() {
    let mut world = super::world_of(patient()).await;
    world.bus.rule(Rule::next("records", Trick::Lose).to("province").times(2));
    world.drop_lines("a.csv", &cases(1..=4));
    world.pass(3_000).await;
    assert_eq!(world.kept().await, 4);
    assert!(world.bus.published("inquiry", "province").is_empty(), "not within the grace");
    world.pass(10_000).await;
    assert_eq!(world.count(TOWN, Place::Accepted).await, 8);
    assert_eq!(world.bus.published("inquiry", "province").len(), 1, "one inquiry for the gap");
    world.finish().await;
}

#[tokio::test]
async fn is_asked_for_again_when_the_inquiry_is_lost() {
    let mut world = super::world_of(patient()).await;
    world.bus.rule(Rule::next("records", Trick::Lose).to("province"));
    world.bus.rule(Rule::next("inquiry", Trick::Lose).to("town-1"));
    world.drop_lines("a.csv", &cases(1..=4));
    world.pass(25_000).await;
    assert_eq!(world.count(TOWN, Place::Accepted).await, 8);
    world.finish().await;
}
