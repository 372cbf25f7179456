//! What the simulator found in machines that are lost and keys that change, through real nodes. More of
//! it stands in `recalled.rs`.

use canon::Day;
use exchange::Limits;
use exchange::standing::{self, BACKFILL, Backfill};
use store::Place;
use tests::world::input::{cases, line};
use tests::world::{self, PROVINCE, Rule, Setup, TOWN, Trick, When, code};

use super::drills::restored::{RESTORED, versions};

/// Seed 0x56e: an envelope of the time that the restore took away came when the province had told what it
/// knew. It was taken, and the restored township's own bytes of the same records were a conflict.
#[tokio::test]
async fn what_the_lost_time_still_had_on_its_way_takes_no_effect() {
    let mut world = super::world().await;
    world.drop_lines("a.csv", &cases([1]));
    world.quiet().await;
    world.image(TOWN, "old").await;
    let at = world.now;
    world.bus.rule(Rule::next("records", Trick::Hold).to("province"));
    world.drop_lines("b.csv", &cases([2]));
    world.pass(2_000).await;
    // The machine that comes next reads the same rows a minute later: other bytes.
    world.now = world.now.plus(60_000);
    world.lose(TOWN, Some("old"), at).await;
    let told = |world: &world::World| world.bus.published("answer", "province").len();
    while told(&world) == 0 {
        world.turn().await;
        world.now = world.now.plus(100);
    }
    assert_eq!(world.bus.release().await, 1);
    world.heal().await;
    assert_eq!(world.count(TOWN, Place::Accepted).await, 4);
    assert_eq!(world.kept().await, 4);
    assert_eq!(versions(&world, 2).await, [1]);
    assert_eq!(world.rules(PROVINCE, "refused").await, ["sender.epoch_old"]);
    assert_eq!(world.rules(TOWN, "rejected").await, [""; 0]);
    world.finish_with(RESTORED).await;
}

/// Seeds 0x4f4 and 0x4f2: both ends were restored, so that nobody has the parent's bytes any more, and its
/// child went up and was sent back as fast as both could.
#[tokio::test]
async fn a_child_whose_parent_both_ends_lost_goes_up_on_the_schedule() {
    let limits = Limits { parent_wait: 20_000, ..world::limits() };
    let mut world = super::world_of(Setup { limits, ..Setup::default() }).await;
    world.image(TOWN, "empty").await;
    world.image(PROVINCE, "empty above").await;
    let at = world.now;
    world.drop_lines("a.csv", &[line("SB", 1)]);
    world.quiet().await;
    world.lose(TOWN, Some("empty"), at).await;
    world.heal().await;
    assert_eq!(
        world.place(TOWN, "SB", 1, 1).await,
        Some(Place::Accepted),
        "adopted, without bytes"
    );
    world.lose(PROVINCE, Some("empty above"), at).await;
    world.heal().await;
    let given =
        world.audited(TOWN).await.into_iter().filter(|(action, _)| action == "recall.given");
    let said: Vec<String> = given.map(|(_, reason)| reason).collect();
    assert_eq!(said, ["0 records, 1 envelopes not here"], "it says what it cannot give");
    let before = world.bus.published("records", "town-1").len();
    world.drop_lines("b.csv", &[line("SL", 1)]);
    world.pass(40_000).await;
    let tries = world.bus.published("records", "town-1").len() - before;
    assert!((2..30).contains(&tries), "{tries} envelopes with one child");
    assert_eq!(world.place(TOWN, "SL", 1, 1).await, Some(Place::Accepted), "kept, with a warning");
    assert_eq!(world.kept().await, 1);
    // Its parent is accepted in one book and not in the other: nothing can put that right here.
    world.end_as_it_is();
}

/// Seed 0x75: numbered under one key, a crash, signed under the next: its head named a certificate that
/// had not signed it, and it was refused for ever.
#[tokio::test]
async fn what_was_numbered_under_one_key_is_signed_under_the_next() {
    let mut world = super::world().await;
    world.failed = Some(Vec::new());
    world.faults.die_in(&code("town-1"), "sealed", When::Before);
    world.drop_lines("a.csv", &cases([1]));
    world.quiet().await;
    assert!(world.faults.dead(), "numbered, and not sealed");
    world.rotate(TOWN);
    world.restart();
    world.heal().await;
    assert_eq!(world.count(TOWN, Place::Accepted).await, 2);
    assert_eq!(world.rules(PROVINCE, "refused").await, [""; 0]);
    world.finish().await;
}

/// Seed 0x9f: a restored province asked for ever for a sequence that its sender has a receipt for.
#[tokio::test]
async fn a_gap_that_is_settled_is_not_asked_for_for_ever() {
    let limits = Limits { envelope_records_max: 2, ..world::limits() };
    let mut world = super::world_of(Setup { limits, ..Setup::default() }).await;
    world.image(PROVINCE, "empty").await;
    let at = world.now;
    world.bus.rule(Rule::next("receipt", Trick::Hold).to("town-1"));
    world.drop_lines("a.csv", &cases([1]));
    world.pass(2_000).await;
    world.bus.rule(Rule::next("records", Trick::Hold).to("province"));
    world.drop_lines("b.csv", &cases([2]));
    world.pass(1_000).await;
    world.lose(PROVINCE, Some("empty"), at).await;
    // The receipt of the lost time, and the second number without the first.
    assert_eq!(world.bus.release().await, 2);
    world.heal().await;
    world.heal().await;
    assert_eq!(world.kept().await, 4, "everything came again");
    let asked = world.bus.published("inquiry", "province").len();
    world.pass(60_000).await;
    assert_eq!(world.bus.published("inquiry", "province").len(), asked, "and nothing is asked");
    world.finish().await;
}

/// Seeds 0x8c7 and 0xbee: doubled parcels were counted that the store had not added. The inbox seemed half
/// full for ever, and no history was taken off the carrier any more.
#[tokio::test]
async fn history_goes_on_where_parcels_were_doubled() {
    let limits = Limits { inbox_parcels_max: 4, envelope_records_max: 2, ..world::limits() };
    let mut world = super::world_of(Setup { limits, ..Setup::default() }).await;
    world.bus.rule(Rule::next("records", Trick::Double).to("province").times(3));
    world.drop_lines("a.csv", &cases(1..=3));
    world.quiet().await;
    assert_eq!(world.count(TOWN, Place::Accepted).await, 6);
    world.lay_old("window-20200115.csv", &cases([11, 12]));
    order_january(&world).await;
    world.heal().await;
    assert_eq!(world.count(TOWN, Place::Accepted).await, 10);
    world.finish().await;
}

/// A back-fill of January 2020 at the township.
async fn order_january(world: &world::World) {
    let job = Backfill {
        adapter: "line".into(),
        from: Day::parse("2020-01-01").expect("a day"),
        to: Day::parse("2020-01-31").expect("a day"),
        by: "op-07".into(),
        ordered: world.now,
        paused: false,
        total: None,
        ended: None,
    };
    let name = format!("{BACKFILL}{}", job.adapter);
    standing::put(world.store(TOWN), &name, &job, world.now).await.expect("an order");
}

/// Seed 0x2ca: a restored township went on with its back-fill before the province had told what it knew, and
/// used versions twice.
#[tokio::test]
async fn a_back_fill_waits_until_a_restored_sender_knows_its_versions() {
    let mut world = super::world().await;
    world.lay_old("window-20200115.csv", &cases([11, 12]));
    order_january(&world).await;
    world.image(TOWN, "old").await;
    let at = world.now;
    world.quiet().await;
    assert_eq!(world.count(TOWN, Place::Accepted).await, 4);
    world.now = world.now.plus(60_000);
    world.bus.rule(Rule::next("answer", Trick::Lose).to("town-1"));
    world.lose(TOWN, Some("old"), at).await;
    world.heal().await;
    world.heal().await;
    assert_eq!(world.rules(TOWN, "rejected").await, [""; 0]);
    assert_eq!(world.count(TOWN, Place::Accepted).await, 4);
    assert_eq!(world.kept().await, 4);
    world.finish_with(RESTORED).await;
}
