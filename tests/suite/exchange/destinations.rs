//! One source record to two destinations: each has its own records, receipts and books; the row is told the
//! worst once both have answered.

use store::Place;
use tests::world::input::{cases, line};
use tests::world::{self, CITY, Feed, Left, PROVINCE, Setup, TIERS, TOWN, When, World};

/// Deaths tried in one test.
const DEATHS: u64 = super::super::DEATHS;

fn setup() -> Setup {
    Setup { feeds: vec![Feed::Both(TOWN)], ..Setup::default() }
}

/// Records of the township on their way to a tier, in a place.
async fn there(world: &World, tier: usize, place: Place) -> u64 {
    let status = world.store(TOWN).status().await.unwrap();
    let of = status.destinations.iter().find(|d| d.destination.as_str() == TIERS[tier]);
    of.map_or(0, |d| d.places[place as usize])
}

#[tokio::test]
async fn both_take_it_and_both_books_agree() {
    let mut world = super::world_of(setup()).await;
    world.drop_lines("a.csv", &cases(1..=5));
    world.quiet().await;
    for tier in [CITY, PROVINCE] {
        assert_eq!(there(&world, tier, Place::Accepted).await, 10);
        assert_eq!(world.store(tier).status().await.unwrap().kept, 10);
    }
    // A correction is a version of its own at each.
    world.drop_lines("b.csv", &[line("SB", 1).text("更正")]);
    world.quiet().await;
    for to in [TIERS[CITY], TIERS[PROVINCE]] {
        assert_eq!(world.place_to(to, TOWN, "SB", 1, 2).await, Some(Place::Accepted));
    }
    world.finish().await;
}

#[tokio::test]
async fn one_is_down_for_long_while_the_other_goes_on() {
    let limits = exchange::Limits { receipt_overdue: 600_000, ..world::limits() };
    let mut world = super::world_of(Setup { limits, ..setup() }).await;
    let province = world::code("province");
    world.bus.cut(&province, true);
    for n in 0..4 {
        world.drop_lines(&format!("{n}.csv"), &cases(n * 5 + 1..=n * 5 + 5));
        world.pass(20_000).await;
        let done = u64::from(n + 1) * 10;
        assert_eq!(there(&world, CITY, Place::Accepted).await, done, "it waits for nobody");
        assert_eq!(there(&world, PROVINCE, Place::InFlight).await, done);
    }
    world.bus.cut(&province, false);
    world.pass(5_000).await;
    world.quiet().await;
    assert_eq!(there(&world, PROVINCE, Place::Accepted).await, 40);
    world.finish().await;
}

#[tokio::test]
async fn one_rejects_and_the_other_accepts() {
    let feeds = vec![Feed::AnsweredBoth(TOWN)];
    let mut world = super::world_of(Setup { feeds, edition: "supervision/2", ..setup() }).await;
    world.drop_lines("a.csv", &[line("SB", 1), line("SL", 1)]);
    world.quiet().await;
    assert_eq!(there(&world, CITY, Place::Accepted).await, 2);
    assert_eq!(there(&world, PROVINCE, Place::Rejected).await, 2, "it knows another edition");
    let problems = world.problems(TOWN).await;
    assert!(problems.iter().all(|p| p.destination == Some(world::code("province"))));
    assert_eq!(problems.len(), 2);

    let answer = world.drop_folder(TOWN).join("结果/a.csv.结果.csv");
    let text = std::fs::read_to_string(answer).expect("both have answered");
    let lines: Vec<&str> = text.lines().skip(1).collect();
    assert_eq!(lines.len(), 2, "{text}");
    assert!(
        lines.iter().all(|l| l.contains("【province】") && !l.contains("【city-1】")),
        "{text}"
    );
    world.finish().await;
}

#[tokio::test]
async fn what_is_bad_for_both_is_held_and_cured_for_both() {
    let mut world = super::world_of(setup()).await;
    world.drop_lines("a.csv", &[line("SB", 1).bad(), line("SL", 1)]);
    world.quiet().await;
    assert_eq!(world.problems(TOWN).await.len(), 2, "one for each destination");
    assert_eq!(world.count(TOWN, Place::Waiting).await, 2, "and its child waits at each");
    world.drop_lines("b.csv", &[line("SB", 1)]);
    world.quiet().await;
    for to in [TIERS[CITY], TIERS[PROVINCE]] {
        assert_eq!(world.place_to(to, TOWN, "SB", 1, 2).await, Some(Place::Accepted));
        assert_eq!(world.place_to(to, TOWN, "SL", 1, 1).await, Some(Place::Accepted));
    }
    assert!(world.problems(TOWN).await.iter().all(|p| p.state == "cured"));
    world.finish().await;
}

#[tokio::test]
async fn a_destination_that_is_added_later_begins_from_then_on() {
    let mut world = super::world().await;
    world.drop_lines("a.csv", &[line("SB", 1)]);
    world.quiet().await;
    world.restart_with(vec![Feed::Both(TOWN)]);
    // The child of an older case goes without its parent, which the new destination may never see.
    world.drop_lines("b.csv", &[line("SL", 1), line("SB", 2), line("SL", 2)]);
    world.quiet().await;
    assert_eq!(there(&world, PROVINCE, Place::Accepted).await, 4);
    assert_eq!(there(&world, CITY, Place::Accepted).await, 3);
    assert_eq!(world.place_to(TIERS[CITY], TOWN, "SB", 1, 1).await, None, "older than the wish");
    // The whole line again, as a back-fill brings it: only the new destination hears of it.
    world.drop_lines("c.csv", &[line("SB", 1), line("SB", 2)]);
    world.quiet().await;
    assert_eq!(world.place_to(TIERS[CITY], TOWN, "SB", 1, 1).await, Some(Place::Accepted));
    assert_eq!(world.place(TOWN, "SB", 1, 2).await, None, "the province has it");
    world.finish().await;
}

#[tokio::test]
async fn a_destination_that_is_removed_keeps_what_is_on_its_way() {
    let mut world = super::world_of(setup()).await;
    let city = world::code(TIERS[CITY]);
    let province = world::code("province");
    world.bus.cut(&city, true);
    world.drop_lines("a.csv", &[line("SB", 1), line("SL", 3)]);
    world.pass(3_000).await;
    assert_eq!(there(&world, CITY, Place::InFlight).await, 1);
    assert_eq!(there(&world, CITY, Place::Waiting).await, 1);
    world.restart_with(vec![Feed::Lines(TOWN)]);
    world.bus.cut(&city, false);
    world.bus.cut(&province, false);
    world.drop_lines("b.csv", &[line("SB", 2), line("SB", 3)]);
    world.pass(5_000).await;
    world.quiet().await;
    assert_eq!(there(&world, PROVINCE, Place::Accepted).await, 4);
    assert_eq!(there(&world, CITY, Place::Accepted).await, 1, "what was sealed is settled");
    assert_eq!(world.place_to(TIERS[CITY], TOWN, "SB", 2, 1).await, None, "nothing new");
    assert_eq!(there(&world, CITY, Place::Waiting).await, 1, "named, not dropped");
    // A named person withdraws it: it stays counted, and the day agrees with both.
    let audit = store::AuditEvent {
        at: world.now,
        who: "op-7".into(),
        action: "destination.withdraw".into(),
        subject: city.to_string(),
        reason: "不再向其报送".into(),
        ok: true,
    };
    assert_eq!(world.store(TOWN).withdraw_waiting(&city, audit).await.unwrap(), 1);
    assert_eq!(there(&world, CITY, Place::Waiting).await, 0);
    assert_eq!(there(&world, CITY, Place::Voided).await, 1);
    world.finish().await;
}

async fn dies(call: u64, when: When) {
    let limits = exchange::Limits { envelope_records_max: 3, lease_ttl: 1_000, ..world::limits() };
    let mut world = super::world_of(Setup { limits, ..setup() }).await;
    world.failed = Some(Vec::new());
    world.faults.die_at(call, when);
    flow(&mut world).await;
    assert!(world.faults.dead(), "call {call} never came");
    world.restart();
    world.drop_lines("b.csv", &[line("SB", 4)]);
    world.quiet().await;
    world.heal().await;
    for tier in [CITY, PROVINCE] {
        let accepted = there(&world, tier, Place::Accepted).await;
        assert_eq!(accepted, 6, "to {} dead at call {call}, {when:?}", TIERS[tier]);
        assert_eq!(there(&world, tier, Place::Quarantined).await, 1);
    }
    world.finish().await;
}

async fn flow(world: &mut World) {
    let mut lines = cases(1..=2);
    lines.extend([line("SL", 4), line("SB", 5).bad()]);
    world.drop_lines("a.csv", &lines);
    world.quiet().await;
}

async fn everywhere(when: When) {
    let mut world = super::world_of(setup()).await;
    flow(&mut world).await;
    let calls = world.faults.calls();
    world.finish_with(Left { waiting: 2, ..Left::default() }).await;
    let busy = calls / 3;
    for n in 0..DEATHS {
        dies(1 + n * busy / DEATHS, when).await;
    }
}

#[tokio::test]
async fn a_death_before_any_fact_loses_nothing_of_either() {
    everywhere(When::Before).await;
}

#[tokio::test]
async fn a_death_after_any_fact_doubles_nothing_of_either() {
    everywhere(When::After).await;
}
