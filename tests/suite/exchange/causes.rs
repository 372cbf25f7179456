//! Every record that is not accepted stands under exactly one cause, in the report and in its sheets, and
//! nothing that is accepted does.

use std::collections::BTreeMap;

use canon::{Day, Millis};
use exchange::Limits;
use exchange::counted::{COUNTED, Counted};
use exchange::reconcile::causes::CAUSES;
use exchange::reconcile::report::{self, DayReport, Verdict};
use exchange::reconcile::sheets::{self, Cell, Tongue};
use store::{AuditEvent, EventOn, OutEvent, OutState, ProblemAction};
use tests::world::faults::Harm;
use tests::world::input::{case, cases, line};
use tests::world::{PROVINCE, Rule, Setup, TOWN, Trick, World, code};

fn day() -> Day {
    Millis::parse("2026-11-21 12:00:00").expect("a time").day()
}

async fn seen(world: &World) -> DayReport {
    let (store, town) = (world.store(TOWN), code("town-1"));
    report::of_day(store, &town, (day(), world.now)).await.expect("a report")
}

/// The causes of each record, as the sheet of details names them, by stable word.
fn named(report: &DayReport) -> BTreeMap<String, Vec<&'static str>> {
    let mut found: BTreeMap<String, Vec<&'static str>> = BTreeMap::new();
    for row in &sheets::of_day(report, Tongue::Zh)[1].rows {
        let word = CAUSES.iter().find(|c| c.zh == row[3].plain()).expect("a cause").word;
        found.entry(row[2].plain()).or_default().push(word);
    }
    found
}

/// Records under each cause, as the sheet of causes counts them.
fn counted(report: &DayReport) -> BTreeMap<&'static str, u64> {
    let mut found = BTreeMap::new();
    for row in &sheets::of_day(report, Tongue::Zh)[2].rows {
        let word = CAUSES.iter().find(|c| c.zh == row[2].plain()).expect("a cause").word;
        let Cell::Number(n) = row[3] else { panic!("a number: {row:?}") };
        *found.entry(word).or_default() += n;
    }
    found
}

fn record(kind: &str, n: u32) -> String {
    format!("{kind}:{}", case(n))
}

/// Exactly these records are named, each under its one cause, and counted so.
fn assert_causes(report: &DayReport, wanted: &[(String, &'static str)]) {
    let found = named(report);
    let mut counts: BTreeMap<&str, u64> = BTreeMap::new();
    for (record, cause) in wanted {
        let of: Vec<&Vec<&str>> =
            found.iter().filter(|(r, _)| r.starts_with(record)).map(|(_, c)| c).collect();
        assert_eq!(of, [&vec![*cause]], "{record}: {found:?}");
        *counts.entry(cause).or_default() += 1;
    }
    assert_eq!(found.len(), wanted.len(), "{found:?}");
    assert_eq!(counted(report), counts);
}

async fn by_hand(world: &World, event: OutEvent) {
    let open = |state| matches!(state, OutState::Sealed | OutState::RetryWait);
    let sent = world.sent(TOWN).await;
    let id = &sent.iter().rfind(|e| open(e.state)).expect("an open envelope").id;
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
    assert!(store.commit_event(&lease, id, on).await.unwrap());
}

#[tokio::test]
async fn each_stands_under_exactly_one() {
    let limits = Limits { heal_records_max: 0, ..tests::world::limits() };
    let setup = Setup { region: "990103", limits, ..Setup::default() };
    let mut world = super::world_of(setup).await;
    for (n, harm) in [(10, Harm::Lose), (11, Harm::Change), (12, Harm::Add)] {
        world.faults.harm(&code("province"), ("SL", &case(n)), harm, 1);
    }
    let wrong = [line("SB", 1).bad(), line("SL", 1), line("SB", 2).region("990199101")];
    world.drop_lines("a.csv", &[&wrong[..], &[line("SB", 3).bad()], &cases(10..=14)].concat());
    world.quiet().await;
    // A named person withdraws one.
    let problems = world.problems(TOWN).await;
    let held = problems.iter().find(|p| p.record.as_ref().is_some_and(|r| r.contains(&case(3))));
    let audit = AuditEvent {
        at: world.now,
        who: "op-7".into(),
        action: "quarantine.void".into(),
        subject: case(3),
        reason: "重复受理".into(),
        ok: true,
    };
    let number = held.expect("a problem").number;
    let voided =
        world.store(TOWN).act_on_problems(&[number], ProblemAction::Void, audit).await.unwrap();
    assert_eq!(voided, 1);
    // One is given up, one is sent and its receipt never comes.
    world.bus.cut(&code("county-1"), true);
    world.drop_lines("b.csv", &[line("SB", 4)]);
    world.pass(2_000).await;
    by_hand(&world, OutEvent::GivenUp).await;
    world.bus.cut(&code("county-1"), false);
    world.bus.rule(Rule::every("receipt", Trick::Lose).to("town-1"));
    world.drop_lines("c.csv", &[line("SB", 5)]);
    world.pass(3_000).await;
    // One is only collected.
    world.drop_lines("d.csv", &[line("SB", 6)]);
    world.work(TOWN, "collect/line").await.unwrap();
    let own = [
        (record("SB", 1), "quarantined"),
        (record("SL", 1), "waiting"),
        (record("SB", 2), "rejected"),
        (record("SB", 3), "voided"),
        (record("SB", 4), "dead"),
        (record("SB", 5), "in_flight"),
        (record("SB", 6), "staged"),
    ];
    assert_causes(&seen(&world).await, &own);

    // The day closes, receipts come again; what the two books tell otherwise is named.
    world.bus.no_rules();
    world.now = Millis::parse("2026-11-22 00:31:00").expect("a time");
    world.pass(60_000).await;
    world.quiet().await;
    let report = seen(&world).await;
    assert_eq!(report.windows[0].verdict, Verdict::Differs);
    let extra = "SL:".to_owned() + &case(12) + "@nobody";
    let extra = named(&report).into_keys().find(|r| r.contains("nobody")).unwrap_or(extra);
    let all = [
        &own[..5],
        &[(record("SL", 10), "missing"), (record("SL", 11), "differs"), (extra, "extra")],
    ]
    .concat();
    assert_causes(&report, &all);
    let province = (code("province"), (day(), world.now));
    let above = report::of_day(world.store(PROVINCE), &province.0, province.1).await.unwrap();
    let rows = above.windows[0].named.as_ref().map(|n| n.rows.len());
    assert_eq!(rows, Some(3), "the receiver has the names too");
    world.end_as_it_is();
}

#[tokio::test]
async fn rows_that_the_source_has_and_nobody_read_are_a_cause_of_their_own() {
    let mut world = super::world().await;
    world.drop_lines("a.csv", &cases(1..=2));
    world.quiet().await;
    assert_causes(&seen(&world).await, &[]);
    let (adapter, table) = ("line".to_owned(), "application".to_owned());
    let said = Counted { adapter, table, at: world.now, rows: 9, seen: 6 };
    let name = format!("{COUNTED}line/0");
    exchange::standing::put(world.store(TOWN), &name, &said, world.now).await.unwrap();
    let report = seen(&world).await;
    assert_eq!(counted(&report), BTreeMap::from([("not_extracted", 3)]));
    assert!(named(&report).is_empty(), "nobody knows their keys");
    world.finish().await;
}
