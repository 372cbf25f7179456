//! Fairness: hours of lanes, quotas of senders, whose turn it is, what never comes, maintenance.

use canon::{EnvelopeId, Lane, Millis, NodeCode};
use envelope::Kind;
use envelope::control::Notice;
use exchange::config::{LaneBudget, Quota};
use exchange::standing::Waits;
use exchange::{Fairness, Limits};
use store::{EventOn, OutEvent, OutState, Place};
use tests::world::input::{cases, line};
use tests::world::{self, COUNTY, Feed, PROVINCE, Setup, TOWN, World};

fn at(time: &str) -> Millis {
    Millis::parse(&format!("2026-11-21 {time}")).unwrap()
}

/// The township's bulk lane in the hours and within the budget of this text.
fn bulk_lane(text: &str) -> Fairness {
    let budget = LaneBudget::parse(text).unwrap();
    Fairness::new([(("parent".into(), Lane::Bulk), budget)], [])
}

fn with_history(fair: fn(usize) -> Fairness) -> Setup {
    Setup { feeds: vec![Feed::Lines(TOWN), Feed::History(TOWN)], fair, ..Setup::default() }
}

#[tokio::test]
async fn a_lane_waits_outside_its_hours_and_goes_by_itself() {
    let hours = |tier| {
        if tier == TOWN { bulk_lane("20:00-07:00, 2 Mbit/s") } else { Fairness::default() }
    };
    let mut world = super::world_of(with_history(hours)).await;
    world.drop_lines("a.csv", &cases([1]));
    world.drop_history("old.csv", &cases([11, 12]));
    world.quiet().await;
    assert_eq!(world.count(TOWN, Place::Accepted).await, 2, "today's cases go at once");
    assert_eq!(world.count(TOWN, Place::InFlight).await, 4, "history is sealed and waits");
    let closed = world.nodes[TOWN].node.fair.closed_until(&"parent".into(), Lane::Bulk, world.now);
    assert_eq!(closed, Some(at("20:00:00")), "and it can be said until when");
    world.now = at("19:59:00");
    world.pass(59_000).await;
    assert_eq!(world.count(TOWN, Place::InFlight).await, 4);
    for sent in world.sent(TOWN).await.iter().filter(|e| e.id.route.lane == Lane::Bulk) {
        assert_eq!((sent.attempts, sent.state), (0, OutState::Sealed), "nothing was tried");
    }
    world.pass(5_000).await;
    assert_eq!(world.count(TOWN, Place::Accepted).await, 6);
    world.finish().await;
}

/// What the province takes from the township.
fn ten_records_a_second(tier: usize) -> Fairness {
    let quota = Quota { records_per_second: 10, ..Quota::usual(&Limits::default()) };
    Fairness::new([], (tier == PROVINCE).then(|| (world::code("town-1"), quota)))
}

#[tokio::test]
async fn a_sender_over_its_quota_is_asked_to_wait_and_burns_no_attempt() {
    let limits = Limits { envelope_records_max: 20, claim_max: 4, ..world::limits() };
    let setup = Setup { limits, fair: ten_records_a_second, ..Setup::default() };
    let mut world = super::world_of(setup).await;
    world.one_turn = true;
    let began = world.now;
    world.drop_lines("a.csv", &cases(1..=100));
    loop {
        world.turn().await;
        let waits = Waits::read(world.store(TOWN)).await.unwrap();
        if let Some((until, reason)) = waits.of(&world::live(), world.now) {
            assert!(until > world.now && reason == "receiver.defer", "{until} {reason}");
            break;
        }
        assert!(world.now.since(began) < 10_000, "the route is never asked to wait");
    }
    while world.count(TOWN, Place::Accepted).await < 200 {
        world.turn().await;
        assert!(world.now.since(began) < 60_000, "200 records at 10 a second take 20 s");
    }
    assert!(world.now.since(began) >= 10_000, "not faster than the quota");
    for sent in world.sent(TOWN).await {
        assert_eq!(sent.attempts, 1, "only the attempt that was taken in counts: {}", sent.id);
    }
    world.pass(61_000).await;
    let waits = Waits::read(world.store(TOWN)).await.unwrap();
    assert_eq!(waits, Waits::default(), "what is over stands no more");
    world.one_turn = false;
    world.finish().await;
}

#[tokio::test]
async fn the_quota_of_a_day_outlives_a_restart_and_ends_with_the_day() {
    let fair = |tier| {
        let quota = Quota { records_per_day: 40, ..Quota::usual(&Limits::default()) };
        Fairness::new([], (tier == PROVINCE).then(|| (world::code("town-1"), quota)))
    };
    let limits = Limits { envelope_records_max: 20, defer_max: 86_400_000, ..world::limits() };
    let mut world = super::world_of(Setup { limits, fair, ..Setup::default() }).await;
    world.drop_lines("a.csv", &cases(1..=20));
    world.quiet().await;
    assert_eq!(world.count(TOWN, Place::Accepted).await, 40, "the day's quota");
    world.pass(6_000).await;
    world.restart();
    world.drop_lines("b.csv", &cases(21..=30));
    world.pass(60_000).await;
    assert_eq!(world.count(TOWN, Place::Accepted).await, 40);
    let waits = Waits::read(world.store(TOWN)).await.unwrap();
    let (until, _) = waits.of(&world::live(), world.now).expect("the route waits");
    assert_eq!(until.to_string(), "2026-11-22 00:00:00");
    world.now = until;
    world.pass(10_000).await;
    assert_eq!(world.count(TOWN, Place::Accepted).await, 60);
    world.finish().await;
}

/// Single cases whose time is taken.
const CASES: u32 = 6;

/// Given time until each of the township's single cases is accepted, one after the other, while the
/// county brings `flood` cases.
async fn latencies(world: &mut World, flood: u32) -> Vec<i64> {
    world.one_turn = true;
    if flood > 0 {
        let lines = cases((0..flood).map(|n| 1_000 + n));
        world::input::drop_file(&world.drop_folder(COUNTY), "flood.csv", &lines);
        for _ in 0..20 {
            world.turn().await;
        }
    }
    let mut waited = Vec::new();
    for n in 1..=CASES {
        let (began, before) = (world.now, world.count(TOWN, Place::Accepted).await);
        world.drop_lines(&format!("{n}.csv"), &[line("SB", n)]);
        while world.count(TOWN, Place::Accepted).await == before {
            world.turn().await;
            assert!(world.now.since(began) < 600_000, "case {n} never came");
        }
        waited.push(world.now.since(began));
    }
    waited
}

#[tokio::test]
async fn one_sender_at_a_hundred_times_does_not_move_the_others() {
    let setup = || Setup {
        limits: Limits {
            envelope_records_max: 1,
            inbox_parcels_max: 32,
            claim_max: 4,
            in_flight_max: 4,
            page_rows_max: 200,
            receipt_overdue: 3_600_000,
            ..world::limits()
        },
        feeds: vec![Feed::Lines(TOWN), Feed::Lines(COUNTY)],
        ..Setup::default()
    };
    let mut calm = super::world_of(setup()).await;
    let alone = latencies(&mut calm, 0).await;
    calm.one_turn = false;
    calm.finish().await;

    let mut busy = super::world_of(setup()).await;
    let beside = latencies(&mut busy, 300).await;
    let left = busy.count(COUNTY, Place::Accepted).await;
    assert!(left < 600, "the flood was still running: {left}");
    let worst = |of: &[i64]| of.iter().copied().max().unwrap();
    assert!(worst(&beside) <= 2 * worst(&alone), "alone {alone:?}, beside {beside:?}");
    busy.one_turn = false;
    busy.pass(30_000).await;
    busy.quiet().await;
    busy.finish().await;
}

#[tokio::test]
async fn a_live_case_overtakes_history_in_bounded_turns() {
    let setup = || {
        let limits =
            Limits { envelope_records_max: 20, receipt_overdue: 600_000, ..world::limits() };
        Setup { limits, ..with_history(|_| Fairness::default()) }
    };
    let mut calm = super::world_of(setup()).await;
    let alone = latencies(&mut calm, 0).await;
    calm.one_turn = false;
    calm.finish().await;

    let mut busy = super::world_of(setup()).await;
    busy.drop_history("old.csv", &cases(1_000..2_500));
    busy.one_turn = true;
    for _ in 0..12 {
        busy.turn().await;
    }
    let history = async |world: &World| world.store(PROVINCE).status().await.unwrap().kept;
    let (before, began) = (history(&busy).await, busy.now);
    assert!(before > 0, "history is on its way");
    let mut waited = Vec::new();
    for n in 1..=CASES {
        busy.drop_lines(&format!("{n}.csv"), &[line("SB", n)]);
        let begun = busy.now;
        while busy.place(TOWN, "SB", n, 1).await != Some(Place::Accepted) {
            busy.turn().await;
            assert!(busy.now.since(begun) < 600_000, "case {n} never came");
        }
        waited.push(busy.now.since(begun));
    }
    assert!(busy.now > began);
    let after = history(&busy).await;
    assert!(
        after > before + u64::from(CASES) && after < 3_000,
        "history went on meanwhile: {before} {after}"
    );
    let worst = |of: &[i64]| of.iter().copied().max().unwrap();
    assert!(worst(&waited) <= 2 * worst(&alone), "alone {alone:?}, beside history {waited:?}");
    busy.one_turn = false;
    busy.quiet().await;
    assert_eq!(history(&busy).await, 3_000 + u64::from(CASES));
    busy.finish().await;
}

async fn give_up(world: &World, id: &EnvelopeId, event: OutEvent) -> bool {
    let store = world.store(TOWN);
    let lease = store.lease("operator", "operator", world.now, 60_000).await.unwrap().unwrap();
    let on = EventOn {
        event,
        reason: Some("operator".into()),
        due_at: None,
        controls: Vec::new(),
        inbox_id: None,
        now: world.now,
    };
    store.commit_event(&lease, id, on).await.unwrap()
}

#[tokio::test]
async fn what_never_comes_is_said_and_its_gap_is_closed() {
    let limits = Limits {
        envelope_records_max: 2,
        receipt_overdue: 60_000,
        gap_grace: 5_000,
        ..world::limits()
    };
    let mut world = super::world_of(Setup { limits, ..Setup::default() }).await;
    world.bus.cut(&world::code("county-1"), true);
    world.drop_lines("a.csv", &cases(1..=3));
    world.quiet().await;
    let sent: Vec<EnvelopeId> = world.sent(TOWN).await.into_iter().map(|e| e.id).collect();
    assert!(give_up(&world, &sent[0], OutEvent::GivenUp).await);
    world.bus.cut(&world::code("county-1"), false);
    world.pass(40_000).await;
    assert_eq!(world.kept().await, 4);
    assert_eq!(world.bus.published("inquiry", "province").len(), 1, "asked once");
    assert!(world.store(PROVINCE).gaps(world.now, 9).await.unwrap().is_empty());
    let said = ("gap.skipped".to_owned(), "skipped.given_up".to_owned());
    assert!(world.audited(PROVINCE).await.contains(&said), "kept in the audit");
    assert!(give_up(&world, &sent[0], OutEvent::Reopened).await, "an operator thinks again");
    world.heal().await;
    assert_eq!(world.kept().await, 6);
    world.finish().await;
}

async fn announce(world: &World, to: &NodeCode, from: Millis, until: Millis) {
    let notice = Notice {
        code: exchange::MAINTENANCE.into(),
        text: "机房搬迁".into(),
        about: None,
        from: Some(from),
        until: Some(until),
    };
    let body = [notice.write()];
    let content = exchange::control::content(Kind::Notice, to, world.now.day(), &body);
    world.store(PROVINCE).queue_controls(vec![content], world.now).await.unwrap();
}

#[tokio::test]
async fn maintenance_above_silences_what_lies_below_and_ends_by_itself() {
    let limits = Limits { receipt_overdue: 5_000, ..world::limits() };
    let mut world = super::world_of(Setup { limits, ..Setup::default() }).await;
    for tier in ["town-1", "county-1", "city-1"] {
        announce(&world, &world::code(tier), at("10:00:00"), at("12:00:00")).await;
    }
    world.quiet().await;
    world.drop_lines("a.csv", &cases([1]));
    world.quiet().await;
    assert_eq!(world.count(TOWN, Place::Accepted).await, 2, "not before it begins");

    world.now = at("10:00:00");
    world.bus.cut(&world::code("province"), true);
    world.drop_lines("b.csv", &cases([2]));
    world.pass(60_000).await;
    let waits = Waits::read(world.store(TOWN)).await.unwrap();
    let (node, maintenance) = &waits.maintenance[0];
    assert_eq!((node.as_str(), maintenance.text.as_str()), ("province", "机房搬迁"));
    assert_eq!(waits.of(&world::live(), world.now), Some((at("12:00:00"), "peer.maintenance")));
    let sent = world.sent(TOWN).await;
    assert_eq!((sent[1].attempts, sent[1].state), (0, OutState::Sealed), "nothing is tried");
    assert!(world.bus.published("inquiry", "town-1").is_empty(), "and nobody is asked");
    let status = world.store(TOWN).status().await.unwrap();
    assert_eq!((status.links[0].unknown, status.links[0].reason.as_deref()), (0, None));

    world.bus.cut(&world::code("province"), false);
    world.now = at("12:00:00");
    world.pass(70_000).await;
    assert_eq!(world.count(TOWN, Place::Accepted).await, 4, "it ends by itself");
    let waits = Waits::read(world.store(TOWN)).await.unwrap();
    assert_eq!(waits, Waits::default());
    world.finish().await;
}

#[tokio::test]
async fn nobody_below_silences_a_node() {
    let mut world = super::world().await;
    let notice = Notice {
        code: exchange::MAINTENANCE.into(),
        text: String::new(),
        about: None,
        from: None,
        until: Some(at("23:00:00")),
    };
    let body = [notice.write()];
    let to = world::code("province");
    let content = exchange::control::content(Kind::Notice, &to, world.now.day(), &body);
    world.store(TOWN).queue_controls(vec![content], world.now).await.unwrap();
    world.quiet().await;
    assert_eq!(Waits::read(world.store(PROVINCE)).await.unwrap(), Waits::default());
    let noted = ("notice.received".to_owned(), "notice.maintenance".to_owned());
    assert!(world.audited(PROVINCE).await.contains(&noted), "it is noted");
    world.finish().await;
}
