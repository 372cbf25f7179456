//! Parcels come twice, late and in any order: in effect once, and a duplicate gets the same receipt.

use store::Place;
use tests::world::input::cases;
use tests::world::{self, PROVINCE, Rule, Setup, TOWN, Trick};

#[tokio::test]
async fn every_parcel_twice_on_every_hop() {
    let mut world = super::world().await;
    for kind in ["records", "receipt", "hop", "manifest", "inquiry", "answer", "refusal"] {
        world.bus.rule(Rule::every(kind, Trick::Double));
    }
    world.drop_lines("a.csv", &cases(1..=3));
    world.quiet().await;
    assert_eq!(world.count(TOWN, Place::Accepted).await, 6);
    assert_eq!(world.kept().await, 6);
    assert_eq!(world.store(PROVINCE).status().await.unwrap().judged, 1);
    assert!(world.rules(PROVINCE, "refused").await.is_empty(), "a duplicate is no error");
    world.finish().await;
}

#[tokio::test]
async fn duplicates_do_not_fill_the_inbox_for_ever() {
    let limits =
        exchange::Limits { envelope_records_max: 2, inbox_parcels_max: 4, ..world::limits() };
    let mut world = super::world_of(Setup { limits, ..Setup::default() }).await;
    world.bus.rule(Rule::every("records", Trick::Double));
    world.drop_lines("a.csv", &cases(1..=20));
    world.pass(30_000).await;
    assert_eq!(world.count(TOWN, Place::Accepted).await, 40);
    world.finish().await;
}

#[tokio::test]
async fn a_duplicate_after_the_answer_gets_the_same_receipt() {
    let mut world = super::world().await;
    world.drop_lines("a.csv", &cases(1..=3));
    world.quiet().await;
    let late = world.bus.published("records", "city-1");
    assert_eq!(late.len(), 1);
    world.bus.inject(late[0].clone()).await;
    world.quiet().await;
    let receipts = world.bus.published("receipt", "province");
    assert_eq!(receipts.len(), 2);
    assert_eq!(receipts[0].frame, receipts[1].frame);
    assert_eq!(world.kept().await, 6);
    world.finish().await;
}

#[tokio::test]
async fn a_receipt_twice_settles_once() {
    let mut world = super::world().await;
    world.bus.rule(Rule::next("receipt", Trick::Double).to("town-1"));
    world.drop_lines("a.csv", &cases(1..=3));
    world.quiet().await;
    let again = world.bus.published("receipt", "county-1");
    world.bus.inject(again[0].clone()).await;
    world.quiet().await;
    assert_eq!(world.count(TOWN, Place::Accepted).await, 6);
    assert!(world.rules(TOWN, "refused").await.is_empty());
    world.finish().await;
}

#[tokio::test]
async fn the_last_first() {
    let limits = exchange::Limits { envelope_records_max: 2, ..world::limits() };
    let mut world = super::world_of(Setup { limits, ..Setup::default() }).await;
    world.bus.rule(Rule::next("records", Trick::Hold).to("province").times(5));
    world.drop_lines("a.csv", &cases(1..=5));
    world.pass(2_000).await;
    assert_eq!(world.bus.release().await, 5);
    world.quiet().await;
    world.heal().await;
    assert_eq!(world.count(TOWN, Place::Accepted).await, 10);
    world.finish().await;
}

#[tokio::test]
async fn a_changed_case_before_its_first_version_supersedes_it() {
    let mut world = super::world().await;
    world.bus.rule(Rule::next("records", Trick::Hold).to("province"));
    world.drop_lines("a.csv", &cases([1]));
    world.pass(2_000).await;
    world.drop_lines("b.csv", &[world::input::line("SB", 1).text("更正")]);
    world.pass(3_500).await;
    assert_eq!(world.place(TOWN, "SB", 1, 2).await, Some(Place::Accepted));
    world.bus.release().await;
    world.quiet().await;
    assert_eq!(world.place(TOWN, "SB", 1, 1).await, Some(Place::Superseded));
    assert_eq!(world.place(TOWN, "SL", 1, 1).await, Some(Place::Accepted));
    assert_eq!(world.kept().await, 2);
    world.finish().await;
}
