//! A code list's new edition comes into force: rows that were held for a code it did not have go up again by
//! themselves, a few at first; others stay.

use canon::Millis;
use canon::format::OpenLists;
use store::Place;
use tests::world::input::line;
use tests::world::{PROVINCE, Setup, TOWN, World};

/// A region that the list has from tomorrow on.
const NEW: &str = "990104101";

fn lists(editions: &[(&str, &str)]) -> OpenLists {
    let mut lists = OpenLists::new();
    for (edition, code) in editions {
        lists.insert("regions", edition, [("990103", "甲"), (*code, "乙")]);
    }
    lists
}

fn both(_: usize) -> OpenLists {
    lists(&[("2026-01-01", "990105"), ("2026-11-22", "990104")])
}

/// The province was not told.
fn not_above(tier: usize) -> OpenLists {
    if tier == PROVINCE { lists(&[("2026-01-01", "990105")]) } else { both(tier) }
}

async fn held(lists: fn(usize) -> OpenLists) -> World {
    let mut world = super::world_of(Setup { lists, ..Setup::default() }).await;
    let mut lines: Vec<_> = (1..=30).map(|n| line("SB", n).region(NEW)).collect();
    lines.extend([line("SB", 40), line("SB", 41).region("990106101")]);
    lines.push(line("SB", 42).region(NEW).bad());
    world.drop_lines("a.csv", &lines);
    world.quiet().await;
    assert_eq!(world.count(TOWN, Place::Quarantined).await, 32);
    assert_eq!(world.count(TOWN, Place::Accepted).await, 1);
    world
}

async fn tomorrow(world: &mut World) {
    world.now = Millis::parse("2026-11-22 00:30:00").unwrap();
    world.pass(30_000).await;
    world.quiet().await;
}

#[tokio::test]
async fn the_rows_it_cures_go_up_and_the_others_stay() {
    let mut world = held(both).await;
    tomorrow(&mut world).await;
    assert_eq!(world.count(TOWN, Place::Accepted).await, 31);
    let open: Vec<_> =
        world.problems(TOWN).await.into_iter().filter(|p| p.state == "held").collect();
    assert_eq!(open.len(), 2, "one of an unknown region, one with another fault beside");
    let asked = world.audited(TOWN).await;
    let orders: Vec<_> = asked.iter().filter(|(a, _)| a == "quarantine.resubmit").collect();
    assert_eq!(orders.len(), 3, "1, 10 and the rest: {orders:?}");
    assert!(orders[0].1.contains("regions=2026-11-22"), "{orders:?}");
    assert!(asked.iter().any(|(a, r)| a == "code_list.cured" && r == "30 rows up again"));
    let runs = exchange::cure::list(world.store(TOWN)).await.unwrap();
    assert!(runs[0].1.ended && runs[0].1.stopped.is_none(), "{runs:?}");

    // Started again, it has nothing more to do.
    world.restart();
    world.quiet().await;
    assert_eq!(world.audited(TOWN).await.len(), asked.len());
    world.finish().await;
}

#[tokio::test]
async fn the_first_that_is_refused_again_stops_it() {
    let mut world = held(not_above).await;
    tomorrow(&mut world).await;
    assert_eq!(world.count(TOWN, Place::Rejected).await, 1, "one was tried");
    assert_eq!(world.count(TOWN, Place::Accepted).await, 1);
    let runs = exchange::cure::list(world.store(TOWN)).await.unwrap();
    assert_eq!((runs[0].1.again, runs[0].1.stopped.is_some()), (1, true), "{runs:?}");
    let said = world.audited(TOWN).await;
    assert!(said.iter().any(|(action, _)| action == "code_list.stopped"), "{said:?}");
    world.finish().await;
}

#[tokio::test]
async fn a_death_between_two_facts_of_it_forgets_no_row() {
    let mut whole = held(both).await;
    let before = whole.faults.calls();
    tomorrow(&mut whole).await;
    let calls = whole.faults.calls() - before;
    whole.finish().await;
    for n in 0..super::super::DEATHS.min(6) {
        let mut world = held(both).await;
        world.failed = Some(Vec::new());
        world.faults.die_at(1 + n * calls / 40, tests::world::When::After);
        tomorrow(&mut world).await;
        world.restart();
        world.quiet().await;
        world.heal().await;
        assert_eq!(world.count(TOWN, Place::Accepted).await, 31, "death {n}");
        world.finish().await;
    }
}
