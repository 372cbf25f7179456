//! What a restore must not do: use a number twice, send before the answer, believe a clock that is behind,
//! or stumble over what comes late, twice or not at all.

use canon::Millis;
use store::Place;
use tests::world::input::{cases, line};
use tests::world::{PROVINCE, Rule, Setup, TOWN, Trick, code};

use super::drills::restored::{RESTORED, versions};

#[tokio::test]
async fn restored_twice_from_one_image_uses_no_number_twice() {
    let mut world = super::world().await;
    world.drop_lines("a.csv", &cases([1]));
    world.quiet().await;
    world.image(TOWN, "old").await;
    let at = world.now;
    world.drop_lines("b.csv", &cases([2]));
    world.quiet().await;
    let one = world.lose(TOWN, Some("old"), at).await;
    world.heal().await;
    world.drop_lines("c.csv", &cases([3]));
    world.quiet().await;
    world.now = world.now.plus(60_000);
    let two = world.lose(TOWN, Some("old"), at).await;
    assert!(two > one, "{two} after {one}");
    world.drop_lines("d.csv", &[line("SB", 3).text("第二版")]);
    world.heal().await;
    assert_eq!(versions(&world, 3).await, [1, 2]);
    assert_eq!(world.count(TOWN, Place::Accepted).await, 7);
    assert!(world.rules(PROVINCE, "refused").await.is_empty());
    world.finish_with(RESTORED).await;
}

#[tokio::test]
async fn what_was_on_its_way_in_the_image_is_finished_first() {
    let mut world = super::world().await;
    world.drop_lines("a.csv", &cases([1]));
    world.quiet().await;
    world.bus.cut(&code("province"), true);
    world.drop_lines("b.csv", &cases([2]));
    world.pass(2_000).await;
    world.image(TOWN, "old").await;
    let at = world.now;
    world.lose(TOWN, Some("old"), at).await;
    world.drop_lines("c.csv", &cases([3]));
    world.pass(6_000).await;
    assert_eq!(world.place(TOWN, "SB", 3, 1).await, None, "nothing is collected before the answer");
    world.bus.cut(&code("province"), false);
    world.heal().await;
    let sent = world.bus.published("records", "town-1");
    let epochs: Vec<u32> = sent.iter().map(|p| p.id.epoch).collect();
    assert!(epochs.is_sorted(), "the old epoch first: {epochs:?}");
    assert_eq!(world.count(TOWN, Place::Accepted).await, 6);
    assert!(world.rules(PROVINCE, "refused").await.is_empty());
    world.finish_with(RESTORED).await;
}

#[tokio::test]
async fn receipts_of_the_lost_time_come_late_and_harm_nothing() {
    let mut world = super::world().await;
    world.drop_lines("a.csv", &cases([1]));
    world.quiet().await;
    world.image(TOWN, "old").await;
    let at = world.now;
    world.bus.rule(Rule::next("receipt", Trick::Hold).to("town-1"));
    world.drop_lines("b.csv", &cases([2]));
    world.pass(2_000).await;
    world.bus.cut(&code("province"), true);
    world.lose(TOWN, Some("old"), at).await;
    assert_eq!(world.bus.release().await, 1);
    world.pass(2_000).await;
    assert!(world.audited(TOWN).await.iter().any(|(a, _)| a == "receipt.of_lost_time"));
    assert!(world.rules(TOWN, "refused").await.is_empty());
    world.bus.cut(&code("province"), false);
    world.heal().await;
    assert_eq!(world.place(TOWN, "SB", 2, 1).await, Some(Place::Accepted));
    world.finish_with(RESTORED).await;
}

#[tokio::test]
async fn the_answer_is_asked_for_again_and_a_doubled_one_is_taken_once() {
    let limits = exchange::Limits { envelope_records_max: 2, ..tests::world::limits() };
    let mut world = super::world_of(Setup { limits, ..Setup::default() }).await;
    world.drop_lines("a.csv", &cases(1..=20));
    world.quiet().await;
    world.bus.rule(Rule::next("inquiry", Trick::Lose).from("town-1"));
    world.bus.rule(Rule::next("answer", Trick::Lose).to("town-1"));
    world.bus.rule(Rule::every("answer", Trick::Double).to("town-1"));
    world.lose(TOWN, None, Millis(0)).await;
    world.heal().await;
    world.heal().await;
    assert_eq!(world.count(TOWN, Place::Accepted).await, 40, "page after page");
    let asked = world.bus.published("inquiry", "town-1").len();
    assert!(asked >= 4, "{asked}");
    world.finish_with(RESTORED).await;
}

#[tokio::test]
async fn an_epoch_that_the_destination_knows_stops_before_anything_is_sent() {
    let mut world = super::world().await;
    let at = world.now;
    world.image(TOWN, "old").await;
    world.lose(TOWN, Some("old"), at).await;
    world.drop_lines("a.csv", &cases([1]));
    world.heal().await;
    assert_eq!(world.count(TOWN, Place::Accepted).await, 2);
    // The clock of the next machine is far behind.
    let right = world.now.plus(60_000);
    world.now = at.plus(-3_600_000);
    world.lose(TOWN, Some("old"), at).await;
    world.now = right;
    world.drop_lines("b.csv", &cases([2]));
    world.heal().await;
    let standing = world.store(TOWN).standing("restore/adopt/").await.unwrap();
    assert!(standing[0].text.contains("restore.epoch_known"), "{standing:?}");
    assert_eq!(world.count(TOWN, Place::Accepted).await, 0, "it waits for a person");
    // Restored again with a right clock, over the same store.
    world.restored(TOWN, at).await;
    world.heal().await;
    assert_eq!(world.count(TOWN, Place::Accepted).await, 4);
    world.finish_with(RESTORED).await;
}
