//! A relay that keeps: it verifies and keeps a copy for its own use, and passes the same bytes on.

use exchange::config::Treatment;
use store::Place;
use tests::world::input::{cases, line};
use tests::world::{self, CITY, PROVINCE, Rule, Setup, TOWN, Trick};

fn keeping() -> Setup {
    let limits = exchange::Limits { envelope_records_max: 2, ..world::limits() };
    Setup { city: Treatment::Keep, limits, ..Setup::default() }
}

#[tokio::test]
async fn keeps_what_it_passes_on_and_only_the_destination_answers() {
    let mut world = super::world_of(keeping()).await;
    world.drop_lines("a.csv", &cases(1..=3));
    world.quiet().await;
    assert_eq!(world.count(TOWN, Place::Accepted).await, 6);
    assert_eq!(world.store(CITY).status().await.unwrap().kept, 6);
    assert_eq!(world.kept().await, 6);
    assert!(world.bus.published("receipt", "province").len() == 3);
    let city = world::code("city-1");
    let by_the_city = world.bus.published("receipt", "city-1");
    assert!(by_the_city.iter().all(|p| p.id.sender != city), "a copy answers nothing");
    world.finish().await;
}

#[tokio::test]
async fn keeps_once_what_comes_again() {
    let mut world = super::world_of(keeping()).await;
    world.bus.rule(Rule::next("records", Trick::Lose).to("province").times(2));
    world.drop_lines("a.csv", &cases(1..=3));
    world.quiet().await;
    world.heal().await;
    assert_eq!(world.count(TOWN, Place::Accepted).await, 6);
    assert_eq!(world.store(CITY).status().await.unwrap().kept, 6);
    world.finish().await;
}

#[tokio::test]
async fn does_not_ask_for_gaps_in_what_it_only_passes_on() {
    let limits = exchange::Limits {
        envelope_records_max: 2,
        receipt_overdue: 60_000,
        gap_grace: 5_000,
        ..world::limits()
    };
    let mut world = super::world_of(Setup { limits, ..keeping() }).await;
    world.bus.rule(Rule::next("records", Trick::Lose).to("city-1"));
    world.drop_lines("a.csv", &cases(1..=3));
    world.pass(30_000).await;
    let town = world::code("town-1");
    let asked = world.bus.published("inquiry", "city-1");
    let city = world::code("city-1");
    assert!(asked.iter().all(|p| p.id.sender != city), "the city asks {town} for nothing");
    assert_eq!(world.count(TOWN, Place::Accepted).await, 6, "the destination asked");
    assert!(world.rules(TOWN, "refused").await.is_empty());
    world.finish().await;
}

#[tokio::test]
async fn keeps_what_it_would_itself_judge_otherwise_apart_from_the_answer() {
    let mut world = super::world_of(Setup { region: "990103", ..keeping() }).await;
    world.drop_lines("a.csv", &[line("SB", 1), line("SB", 2).region("990199101")]);
    world.quiet().await;
    assert_eq!(world.count(TOWN, Place::Accepted).await, 1);
    assert_eq!(world.count(TOWN, Place::Rejected).await, 1);
    assert_eq!(world.store(CITY).status().await.unwrap().kept, 1);
    assert_eq!(world.store(PROVINCE).status().await.unwrap().kept, 1);
    world.finish().await;
}
