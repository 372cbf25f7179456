//! The receiver's books of a day are not the sender's: the two nodes narrow the difference down over
//! every tier between them, until each record is named; what is lacking goes again.

use canon::{Day, Millis};
use exchange::Limits;
use exchange::reconcile::named::{self, Difference, cause};
use exchange::reconcile::{heal, report};
use store::Place;
use tests::world::faults::{Harm, When};
use tests::world::input::{case, cases};
use tests::world::{PROVINCE, Rule, Setup, TOWN, Trick, World, code};

fn day() -> Day {
    Millis::parse("2026-11-21 12:00:00").expect("a time").day()
}

/// A world where nothing is healed by itself.
async fn by_order() -> World {
    let limits = Limits { heal_records_max: 0, ..tests::world::limits() };
    super::world_of(Setup { limits, ..Setup::default() }).await
}

fn harm(world: &World, kind: &'static str, n: u32, harm: Harm, times: u32) {
    world.faults.harm(&code("province"), (kind, &case(n)), harm, times);
}

/// Past the end of the day, until the books were exchanged and narrowed down.
async fn close(world: &mut World) {
    world.now = Millis::parse("2026-11-22 00:31:00").expect("a time");
    for _ in 0..4 {
        world.pass(10_000).await;
        world.quiet().await;
    }
}

async fn named(world: &World, tier: usize) -> Vec<Difference> {
    let found = named::of_day(world.store(tier), day()).await.expect("what is named");
    found.into_iter().flat_map(|n| n.rows).collect()
}

async fn verdict(world: &World) -> report::Verdict {
    let (store, town) = (world.store(TOWN), code("town-1"));
    let report = report::of_day(store, &town, (day(), world.now)).await.expect("a report");
    report.windows[0].verdict
}

fn record(kind: &str, n: u32) -> String {
    format!("{kind}:{}", case(n))
}

/// Causes by the beginning of the record's id.
fn of<'a>(rows: &'a [Difference], record: &str) -> Vec<&'a str> {
    rows.iter().filter(|d| d.record.starts_with(record)).map(|d| &*d.cause).collect()
}

#[tokio::test]
async fn down_to_the_records_on_both_sides() {
    let mut world = by_order().await;
    harm(&world, "SB", 3, Harm::Lose, 1);
    harm(&world, "SL", 5, Harm::Change, 1);
    harm(&world, "SL", 7, Harm::Add, 1);
    // Neither a lost question nor a doubled answer, nor one that comes late, changes what is found.
    world.bus.rule(Rule::next("inquiry", Trick::Lose).from("town-1"));
    world.bus.rule(Rule::every("answer", Trick::Double).to("town-1"));
    world.drop_lines("a.csv", &cases(1..=60));
    world.quiet().await;
    assert_eq!(world.count(TOWN, Place::Accepted).await, 120, "the receipts say so");
    close(&mut world).await;
    world.pass(120_000).await;
    for tier in [TOWN, PROVINCE] {
        let rows = named(&world, tier).await;
        assert_eq!(rows.len(), 3, "at tier {tier}: {rows:?}");
        assert_eq!(of(&rows, &record("SB", 3)), [cause::MISSING], "{rows:?}");
        assert_eq!(of(&rows, &record("SL", 5)), [cause::DIFFERS], "{rows:?}");
        assert_eq!(rows.iter().filter(|d| d.cause == cause::EXTRA).count(), 1, "{rows:?}");
    }
    assert_eq!(verdict(&world).await, report::Verdict::Differs);
    // Nothing was sent again, and nothing goes on being asked.
    assert_eq!(world.count(TOWN, Place::Accepted).await, 120);
    let asked = world.bus.published("inquiry", "town-1").len();
    world.pass(120_000).await;
    assert_eq!(world.bus.published("inquiry", "town-1").len(), asked);
    world.end_as_it_is();
}

#[tokio::test]
async fn what_is_lacking_goes_again_by_itself_and_the_day_agrees() {
    let mut world = super::world().await;
    for n in [2, 4, 30] {
        harm(&world, "SL", n, Harm::Lose, 1);
    }
    world.drop_lines("a.csv", &cases(1..=30));
    world.quiet().await;
    let kept = world.kept().await;
    close(&mut world).await;
    for _ in 0..6 {
        world.pass(20_000).await;
    }
    assert_eq!(world.kept().await, kept + 3);
    assert_eq!(verdict(&world).await, report::Verdict::Agrees);
    assert!(named(&world, TOWN).await.is_empty() && named(&world, PROVINCE).await.is_empty());
    let audited = world.audited(TOWN).await;
    let parts = audited.iter().filter(|(action, _)| action == "reconcile.heal_part").count();
    assert_eq!(parts, 2, "one, then the others");
    assert!(audited.iter().any(|(action, _)| action == "reconcile.healed"));
    world.finish().await;
}

#[tokio::test]
async fn a_record_that_is_lost_again_stops_it() {
    let mut world = by_order().await;
    for n in 1..=20 {
        harm(&world, "SL", n, Harm::Lose, u32::MAX);
    }
    world.drop_lines("a.csv", &cases(1..=20));
    world.quiet().await;
    close(&mut world).await;
    assert_eq!(named(&world, TOWN).await.len(), 20);
    let (town, province) = (code("town-1"), code("province"));
    let order = (&town, &province);
    heal::order(world.store(TOWN), day(), order, ("op1", "ordered"), world.now).await.unwrap();
    for _ in 0..4 {
        world.pass(20_000).await;
    }
    let known = heal::known(world.store(TOWN), day(), order).await.unwrap().expect("it stands");
    let stopped = known.stopped.expect("it stopped");
    assert!(stopped.starts_with("missing_again SL:"), "{stopped}");
    assert_eq!((known.parts, known.healed.len()), (1, 1), "one record was tried");
    let audited = world.audited(TOWN).await;
    let said = |wanted: &str| audited.iter().filter(|(action, _)| action == wanted).count();
    assert_eq!(said("reconcile.heal_stopped"), 1);
    assert_eq!((said("reconcile.heal"), said("reconcile.heal_part")), (1, 1));
    assert_eq!(verdict(&world).await, report::Verdict::Differs);
    world.end_as_it_is();
}

#[tokio::test]
async fn it_goes_on_where_a_death_interrupted_it() {
    let mut world = super::world().await;
    for n in 1..=12 {
        harm(&world, "SL", n, Harm::Lose, 1);
    }
    world.drop_lines("a.csv", &cases(1..=40));
    world.quiet().await;
    let kept = world.kept().await;
    world.failed = Some(Vec::new());
    // The sender dies with the answer's step committed, then before another; the receiver in between.
    world.faults.die_in(&code("town-1"), "commit_step", When::After);
    world.faults.die_in(&code("province"), "commit_step", When::Before);
    world.faults.die_in(&code("town-1"), "commit_step", When::Before);
    world.faults.die_in(&code("town-1"), "give_again", When::After);
    world.now = Millis::parse("2026-11-22 00:31:00").expect("a time");
    for _ in 0..14 {
        world.pass(20_000).await;
        if world.faults.dead() {
            world.restart();
        }
    }
    assert_eq!(world.faults.unspent(), 0, "every death was met");
    assert_eq!(world.kept().await, kept + 12);
    assert_eq!(verdict(&world).await, report::Verdict::Agrees);
    world.finish().await;
}

#[tokio::test]
async fn very_many_are_listed_and_named_in_bounded_questions() {
    let mut world = by_order().await;
    for n in 1..=150 {
        harm(&world, "SB", n, Harm::Lose, 1);
        harm(&world, "SL", n, Harm::Lose, 1);
    }
    world.drop_lines("a.csv", &cases(1..=150));
    world.quiet().await;
    close(&mut world).await;
    let rows = named(&world, TOWN).await;
    assert_eq!(rows.len(), 300);
    assert!(rows.iter().all(|d| d.cause == cause::MISSING));
    // Everything differs: lists instead of going down digit by digit.
    let asked = world.bus.published("inquiry", "town-1").len();
    assert!(asked <= 2, "{asked} questions");
    let (town, province) = (code("town-1"), code("province"));
    let order = ((&town, &province), ("op1", "ordered"));
    heal::order(world.store(TOWN), day(), order.0, order.1, world.now).await.unwrap();
    for _ in 0..14 {
        world.pass(20_000).await;
    }
    assert_eq!(verdict(&world).await, report::Verdict::Agrees);
    let audited = world.audited(TOWN).await;
    let parts: Vec<&String> = audited
        .iter()
        .filter(|(action, _)| action == "reconcile.heal_part")
        .map(|(_, reason)| reason)
        .collect();
    assert_eq!(parts.len(), 4, "1, 10, 100, all: {parts:?}");
    world.finish().await;
}
