//! What a receiver lacks goes again: within its cap, at the lane's pace, and no further than the first sign
//! that it does harm.

use canon::{Day, Lane, Millis};
use exchange::config::LaneBudget;
use exchange::reconcile::{heal, named, report};
use exchange::{Fairness, Limits};
use store::Place;
use tests::world::faults::Harm;
use tests::world::input::{case, cases};
use tests::world::{PROVINCE, Rule, Setup, TOWN, Trick, World, code};

fn day() -> Day {
    Millis::parse("2026-11-21 12:00:00").expect("a time").day()
}

/// A world that heals at most so many by itself, whose day is closed while the province lacks some.
async fn lacking(setup: Setup, by_itself: usize, lost: std::ops::RangeInclusive<u32>) -> World {
    let limits = Limits { heal_records_max: by_itself, ..tests::world::limits() };
    let mut world = super::world_of(Setup { limits, ..setup }).await;
    for n in lost.clone() {
        world.faults.harm(&code("province"), ("SL", &case(n)), Harm::Lose, 1);
    }
    world.drop_lines("a.csv", &cases(1..=*lost.end()));
    world.quiet().await;
    world.now = Millis::parse("2026-11-22 00:31:00").expect("a time");
    world.pass(40_000).await;
    world
}

async fn ordered(world: &World) {
    let (town, province) = (code("town-1"), code("province"));
    let by = ("op1", "ordered");
    heal::order(world.store(TOWN), day(), (&town, &province), by, world.now).await.unwrap();
}

async fn healing(world: &World) -> Option<heal::Healing> {
    let (town, province) = (code("town-1"), code("province"));
    heal::known(world.store(TOWN), day(), (&town, &province)).await.unwrap()
}

async fn seen(world: &World) -> report::WindowReport {
    let (store, town) = (world.store(TOWN), code("town-1"));
    let report = report::of_day(store, &town, (day(), world.now)).await.expect("a report");
    report.windows.into_iter().next().expect("a window")
}

async fn parts(world: &World) -> usize {
    let audited = world.audited(TOWN).await;
    audited.iter().filter(|(action, _)| action == "reconcile.heal_part").count()
}

#[tokio::test]
async fn more_than_the_cap_waits_for_a_person() {
    let mut world = lacking(Setup::default(), 2, 1..=3).await;
    let kept = world.kept().await;
    world.pass(60_000).await;
    assert_eq!((world.kept().await, parts(&world).await), (kept, 0));
    assert_eq!(healing(&world).await, None);
    let named = named::of_day(world.store(TOWN), day()).await.unwrap();
    assert_eq!(named[0].rows.len(), 3, "named all the same");
    ordered(&world).await;
    world.pass(120_000).await;
    assert_eq!((world.kept().await, parts(&world).await), (kept + 3, 2));
    assert_eq!(seen(&world).await.verdict, report::Verdict::Agrees);
    let done = healing(&world).await.expect("it stands");
    assert_eq!((done.by.as_str(), done.healed.len()), ("op1", 3));
    assert!(done.done_at.is_some() && done.stopped.is_none());
    world.finish().await;
}

#[tokio::test]
async fn it_stops_when_more_differs_than_before() {
    // What goes again is kept with other content.
    let mut world = lacking(Setup::default(), 0, 1..=12).await;
    for n in 1..=12 {
        world.faults.harm(&code("province"), ("SL", &case(n)), Harm::Change, 1);
    }
    ordered(&world).await;
    world.pass(120_000).await;
    let stopped = healing(&world).await.expect("it stands").stopped.expect("it stopped");
    assert!(stopped.starts_with("more_differs"), "{stopped}");
    assert_eq!(parts(&world).await, 1, "after the first, of one record");
    let kept = world.kept().await;
    world.pass(60_000).await;
    assert_eq!(world.kept().await, kept, "and it stays so");
    world.end_as_it_is();
}

/// What the township gives its live lane.
fn five_a_second(tier: usize) -> Fairness {
    let budget = LaneBudget::parse("5 records/s").expect("a budget");
    let own = (tier == TOWN).then(|| (("parent".into(), Lane::Live), budget));
    Fairness::new(own, [])
}

#[tokio::test]
async fn it_goes_at_the_lanes_own_pace() {
    let setup = Setup { fair: five_a_second, ..Setup::default() };
    let mut world = lacking(setup, 0, 1..=120).await;
    let sent = || async { world.bus.published("records", "town-1").len() };
    assert!(sent().await > 0);
    ordered(&world).await;
    let began = world.now;
    while world.count(TOWN, Place::Accepted).await < 240
        || seen(&world).await.verdict != report::Verdict::Agrees
    {
        world.pass(2_000).await;
        assert!(world.now.since(began) < 600_000, "it never came to its end");
    }
    assert_eq!(parts(&world).await, 4, "1, 10, 100, all");
    let took = world.now.since(began);
    assert!(took >= 100 / 5 * 1_000, "120 records at 5 a second in {took} ms");
    world.finish().await;
}

#[tokio::test]
async fn a_receiver_that_does_not_know_the_question_is_asked_ever_more_seldom() {
    let mut world = super::world_of(Setup {
        limits: Limits { heal_records_max: 0, ..tests::world::limits() },
        ..Setup::default()
    })
    .await;
    world.faults.harm(&code("province"), ("SL", &case(2)), Harm::Lose, 1);
    world.drop_lines("a.csv", &cases(1..=5));
    world.quiet().await;
    // An older edition sets such a question aside without a word.
    world.bus.rule(Rule::every("inquiry", Trick::Lose).to("province"));
    world.now = Millis::parse("2026-11-22 00:31:00").expect("a time");
    world.pass(150_000).await;
    let asked = world.bus.published("inquiry", "town-1").len();
    assert!((3..=9).contains(&asked), "{asked} times, where every 5 s would be 30");
    let window = seen(&world).await;
    assert!(window.narrowing.unanswered >= 2, "{:?}", window.narrowing);
    let next = exchange::reconcile::sheets::next(&window, exchange::reconcile::sheets::Tongue::En);
    assert!(next.contains("older edition"), "{next}");
    assert_eq!(window.verdict, report::Verdict::Differs);
    // It is brought up to date: the next question is answered.
    world.bus.no_rules();
    world.pass(60_000).await;
    let named = named::of_day(world.store(PROVINCE), day()).await.unwrap();
    assert_eq!(named[0].rows.len(), 1);
    assert_eq!(seen(&world).await.narrowing.unanswered, 0);
    world.end_as_it_is();
}
