//! A closed day: signed books both ways, zero reports, agreement, and every difference named.

use canon::{Day, Millis};
use envelope::control::{ManifestLine, Side};
use store::Place;
use tests::world::input::{cases, line};
use tests::world::{Left, PROVINCE, Setup, TOWN, World, code};

fn day() -> Day {
    Millis::parse("2026-11-21 12:00:00").expect("a time").day()
}

async fn book(world: &World, tier: usize, side: Side) -> Vec<ManifestLine> {
    let manifests = world.store(tier).manifests(day()).await.expect("manifests");
    let books = manifests.iter().map(|m| exchange::reconcile::read(&m.body));
    books.into_iter().find(|b| b.first().is_some_and(|l| l.side == side)).expect("a book")
}

/// Past the end of the day and the exchange of the books.
async fn close(world: &mut World) {
    world.now = Millis::parse("2026-11-22 00:31:00").expect("a time");
    world.pass(10_000).await;
    world.quiet().await;
}

#[tokio::test]
async fn agrees_and_silence_is_a_zero() {
    let mut world = super::world().await;
    world.drop_lines("a.csv", &cases(1..=3));
    world.quiet().await;
    world.now = Millis::parse("2026-11-22 00:29:00").expect("a time");
    world.quiet().await;
    assert!(world.store(TOWN).manifests(day()).await.unwrap().is_empty(), "not within the grace");
    close(&mut world).await;
    let own = book(&world, TOWN, Side::Sender).await;
    let of = |book: &[ManifestLine], kind: &str| {
        let line = book.iter().find(|l| l.kind == kind).expect("a line of each type");
        (line.counts.accepted, line.sum, line.is_final)
    };
    for other in
        [book(&world, TOWN, Side::Receiver).await, book(&world, PROVINCE, Side::Sender).await]
    {
        for (kind, count) in [("SB", 3), ("SL", 3), ("BJ", 0)] {
            assert_eq!(of(&own, kind), of(&other, kind), "{kind}");
            assert_eq!(of(&own, kind).0, count);
        }
    }
    assert_eq!(of(&own, "BJ").1, canon::HashSum::default(), "零报告");
    assert!(world.store(TOWN).discrepancies(day()).await.unwrap().is_empty());
    let open = world.store(TOWN).open_days(day()).await.unwrap();
    assert!(open.is_empty(), "{open:?}");
    let before = world.bus.published("manifest", "town-1").len();
    world.pass(60_000).await;
    assert_eq!(world.bus.published("manifest", "town-1").len(), before, "final is final");
    world.finish().await;
}

#[tokio::test]
async fn names_what_still_waits_and_agrees_once_it_came() {
    let mut world = super::world().await;
    world.drop_lines("a.csv", &[line("SB", 1), line("SL", 1), line("SL", 2), line("SB", 3).bad()]);
    world.quiet().await;
    close(&mut world).await;
    for tier in [TOWN, PROVINCE] {
        let named = world.store(tier).discrepancies(day()).await.unwrap();
        let named: Vec<(&str, &str, u64)> =
            named.iter().map(|d| (d.kind.as_str(), d.cause.as_str(), d.count)).collect();
        assert_eq!(named, [("SB", "quarantined", 1), ("SL", "waiting", 1)], "at tier {tier}");
        assert!(book(&world, tier, Side::Sender).await.iter().all(|l| !l.is_final));
    }
    // The parent comes the next day; the child counts in the day it was collected.
    world.drop_lines("b.csv", &[line("SB", 2)]);
    world.pass(10_000).await;
    assert_eq!(world.place(TOWN, "SL", 2, 1).await, Some(Place::Accepted));
    let own = book(&world, TOWN, Side::Sender).await;
    assert!(own.iter().all(|l| l.is_final && l.revision >= 2), "{own:?}");
    let sl = own.iter().find(|l| l.kind == "SL").expect("a line");
    assert_eq!(sl.counts.accepted, 2);
    world.finish().await;
}

#[tokio::test]
async fn is_not_final_while_something_waits() {
    let mut world = super::world().await;
    world.drop_lines("a.csv", &[line("SL", 1)]);
    world.quiet().await;
    close(&mut world).await;
    world.finish_with(Left { waiting: 1, ..Left::default() }).await;
}

#[tokio::test]
async fn waits_for_a_destination_that_is_cut_off() {
    let mut world = super::world().await;
    world.drop_lines("a.csv", &cases(1..=2));
    world.quiet().await;
    world.drop_lines("b.csv", &cases(3..=4));
    world.bus.cut(&code("province"), true);
    world.pass(3_000).await;
    world.now = Millis::parse("2026-11-22 00:31:00").expect("a time");
    world.pass(10_000).await;
    let named = world.store(TOWN).discrepancies(day()).await.unwrap();
    assert!(named.iter().all(|d| d.cause == "in_flight" && d.count == 2), "{named:?}");
    assert_eq!(named.len(), 2);
    world.bus.cut(&code("province"), false);
    world.heal().await;
    world.finish().await;
    assert!(world.store(TOWN).discrepancies(day()).await.unwrap().is_empty());
}

#[tokio::test]
async fn lists_the_rejected_beside_it() {
    let mut world = super::world_of(Setup { region: "990103", ..Setup::default() }).await;
    let mut lines = cases(1..=2);
    lines.push(line("SB", 3).region("990199101"));
    world.drop_lines("a.csv", &lines);
    world.quiet().await;
    close(&mut world).await;
    let named = world.store(PROVINCE).discrepancies(day()).await.unwrap();
    assert_eq!(named.len(), 1);
    assert_eq!((named[0].cause.as_str(), named[0].count), ("rejected", 1));
    world.finish().await;
}
