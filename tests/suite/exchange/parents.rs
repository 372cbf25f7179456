//! A child never before its parent: it waits while the parent is unknown, quarantined or rejected, and goes up
//! when the parent does.

use exchange::Limits;
use store::Place;
use tests::world::input::{cases, line};
use tests::world::{self, COUNTY, Feed, Left, PROVINCE, Setup, TOWN};

#[tokio::test]
async fn a_child_before_its_parent_waits_and_is_released() {
    let mut world = super::world().await;
    world.drop_lines("a.csv", &[line("SL", 1), line("SL", 2), line("SB", 2)]);
    world.quiet().await;
    assert_eq!(world.place(TOWN, "SL", 1, 1).await, Some(Place::Waiting));
    assert_eq!(world.place(TOWN, "SL", 2, 1).await, Some(Place::Accepted), "the same file");
    world.drop_lines("b.csv", &[line("SB", 1)]);
    world.quiet().await;
    assert_eq!(world.place(TOWN, "SL", 1, 1).await, Some(Place::Accepted));
    assert_eq!(world.kept().await, 4);
    world.finish().await;
}

#[tokio::test]
async fn a_quarantined_parent_holds_its_child_until_the_owner_corrects_the_row() {
    let mut world = super::world().await;
    world.drop_lines("a.csv", &[line("SB", 1).bad(), line("SL", 1)]);
    world.quiet().await;
    assert_eq!(world.place(TOWN, "SB", 1, 1).await, Some(Place::Quarantined));
    assert_eq!(world.place(TOWN, "SL", 1, 1).await, Some(Place::Waiting));
    assert_eq!(world.rules(TOWN, "quarantined").await, ["field.check_digit"]);
    assert_eq!(world.kept().await, 0);

    world.drop_lines("b.csv", &cases([1]));
    world.quiet().await;
    assert_eq!(world.place(TOWN, "SB", 1, 2).await, Some(Place::Accepted), "a new version");
    assert_eq!(world.place(TOWN, "SL", 1, 1).await, Some(Place::Accepted));
    assert_eq!(world.kept().await, 2);
    let problem = world.problems(TOWN).await.remove(0);
    assert_eq!((problem.state.as_str(), problem.cured_by), ("cured", Some(2)));
    world.finish().await;
}

#[tokio::test]
async fn a_parent_still_wrong_stays_and_so_does_its_child() {
    let mut world = super::world().await;
    world.drop_lines("a.csv", &[line("SB", 1).bad(), line("SL", 1)]);
    world.quiet().await;
    world.drop_lines("b.csv", &[line("SB", 1).bad().text("又一次")]);
    world.quiet().await;
    assert_eq!(world.place(TOWN, "SB", 1, 2).await, Some(Place::Quarantined));
    world.finish_with(Left { waiting: 1, ..Left::default() }).await;
}

#[tokio::test]
async fn a_parent_rejected_above_makes_its_child_wait_and_both_go_up_once_it_is_right() {
    let mut world = super::world_of(Setup { region: "990103", ..Setup::default() }).await;
    world.drop_lines("a.csv", &[line("SB", 1).region("990199101"), line("SL", 1)]);
    world.quiet().await;
    assert_eq!(world.place(TOWN, "SB", 1, 1).await, Some(Place::Rejected));
    assert_eq!(world.rules(TOWN, "rejected").await, ["record.authority"]);
    assert_eq!(world.place(TOWN, "SL", 1, 1).await, Some(Place::Waiting), "parent-missing");
    assert_eq!(world.kept().await, 0, "nothing is parked above");
    world.pass(120_000).await;
    assert_eq!(world.bus.published("records", "town-1").len(), 1, "it is not tried in vain");

    world.drop_lines("b.csv", &[line("SB", 1)]);
    world.pass(120_000).await;
    assert_eq!(world.place(TOWN, "SB", 1, 2).await, Some(Place::Accepted));
    assert_eq!(world.place(TOWN, "SL", 1, 1).await, Some(Place::Accepted), "the same version");
    assert_eq!(world.kept().await, 2);
    world.finish().await;
}

fn short_wait() -> Setup {
    let limits = Limits { parent_wait: 30_000, ..world::limits() };
    Setup { limits, feeds: vec![Feed::Lines(TOWN), Feed::Lines(COUNTY)], ..Setup::default() }
}

#[tokio::test]
async fn a_parent_elsewhere_that_never_comes_is_missed_aloud() {
    let mut world = super::world_of(short_wait()).await;
    world.drop_lines("a.csv", &[line("SLX", 1)]);
    world.pass(15_000).await;
    let place = world.place(TOWN, "SL", 1, 1).await;
    assert!(matches!(place, Some(Place::Waiting | Place::InFlight)), "{place:?}");
    assert!(world.bus.published("records", "town-1").len() > 1, "tried again on the schedule");
    assert_eq!(world.kept().await, 0);
    world.pass(40_000).await;
    assert_eq!(world.place(TOWN, "SL", 1, 1).await, Some(Place::Accepted));
    assert_eq!(world.kept().await, 1);
    let receipt = world.bus.published("receipt", "province").pop().expect("a receipt");
    let receipt = String::from_utf8(world::forge::package(&receipt)).expect("UTF-8");
    assert!(receipt.contains("record.parent_absent"), "accepted with a warning");
    world.finish().await;
}

#[tokio::test]
async fn a_parent_elsewhere_that_comes_is_waited_for() {
    let mut world = super::world_of(short_wait()).await;
    world.drop_lines("a.csv", &[line("SLX", 1)]);
    world.pass(5_000).await;
    assert_eq!(world.kept().await, 0);
    world::input::drop_file(&world.drop_folder(COUNTY), "a.csv", &[line("SB", 1)]);
    world.pass(15_000).await;
    assert_eq!(world.place(COUNTY, "SB", 1, 1).await, Some(Place::Accepted));
    assert_eq!(world.place(TOWN, "SL", 1, 1).await, Some(Place::Accepted));
    let receipt = world.bus.published("receipt", "province").pop().expect("a receipt");
    let receipt = String::from_utf8(world::forge::package(&receipt)).expect("UTF-8");
    assert!(!receipt.contains("record.parent_absent"));
    assert_eq!(world.store(PROVINCE).status().await.unwrap().kept, 2);
    world.finish().await;
}
