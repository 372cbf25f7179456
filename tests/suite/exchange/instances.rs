//! Two instances of one node share its work; either may die anywhere, and nothing is lost or doubled.

use canon::NodeCode;
use store::{Place, SLOTS, slot_of_sender};
use tests::world::input::{cases, line};
use tests::world::{COUNTY, PROVINCE, Setup, TOWN, When, World, limits};

/// Short leases: a look is taken every half second of the given clock.
async fn shared() -> World {
    let limits = exchange::Limits { lease_ttl: 3_000, ..limits() };
    super::world_of(Setup { limits, shared: true, ..Setup::default() }).await
}

/// Who holds what at a tier: parts of a name, at most one holder each.
async fn parts(world: &World, tier: usize, stage: &str) -> Vec<(String, String)> {
    let rows = world.store(tier).lease_rows().await.unwrap();
    let rows = rows.into_iter().filter(|r| r.until > world.now && r.name.starts_with(stage));
    rows.map(|r| (r.name, r.holder)).collect()
}

#[tokio::test]
async fn a_second_instance_takes_its_share_and_both_work() {
    let mut world = shared().await;
    world.drop_lines("a.csv", &cases(1..=3));
    world.quiet().await;
    world.join(PROVINCE, "second");
    world.join(COUNTY, "second");
    world.pass(3_000).await;
    for stage in ["accept/", "seal/"] {
        let held = parts(&world, PROVINCE, stage).await;
        assert_eq!(held.len(), usize::from(SLOTS));
        let second = held.iter().filter(|(_, holder)| holder == "second").count();
        assert_eq!(second, held.len() / 2, "{stage}: {held:?}");
    }
    world.drop_lines("b.csv", &cases(4..=9));
    world.quiet().await;
    assert_eq!(world.count(TOWN, Place::Accepted).await, 18);
    let town = NodeCode::new("town-1").unwrap();
    let slot = format!("accept/{}", slot_of_sender(&town));
    let holder = parts(&world, PROVINCE, &slot).await;
    assert!(!holder.is_empty(), "the sender's slot has a holder");
    assert!(world.beside.iter().any(|b| b.done > 0), "the second one did something");
    world.finish().await;
}

#[tokio::test]
async fn an_instance_that_dies_anywhere_loses_and_doubles_nothing() {
    for death in 0..super::DEATHS.min(6) {
        let when = if death.is_multiple_of(2) { When::Before } else { When::After };
        for tier in [TOWN, COUNTY, PROVINCE] {
            let mut world = shared().await;
            world.join(tier, "second");
            world.drop_lines("a.csv", &cases(1..=2));
            world.pass(3_000).await;
            world.dies_at(20 + death * 37, when);
            for n in 0..20 {
                world.drop_lines(&format!("b{n}.csv"), &[line("SB", 100 + n)]);
                world.pass(500).await;
            }
            let died = world.alive_beside(tier) == 0;
            assert!(died, "death {death} at tier {tier} never came");
            let at = world.now;
            // Its parts run out and are taken over within a lease's life and two looks.
            world.pass(3_000 + 2 * 500 + 250).await;
            let held = parts(&world, tier, "accept/").await;
            assert_eq!(held.len(), usize::from(SLOTS), "since {at:?}");
            assert!(held.iter().all(|(_, holder)| holder == "test"), "{held:?}");
            world.heal().await;
            assert_eq!(world.count(TOWN, Place::Accepted).await, 4 + 20);
            world.finish().await;
        }
    }
}

#[tokio::test]
async fn the_first_instance_stops_and_the_second_goes_on_at_once() {
    let mut world = shared().await;
    world.join(TOWN, "second");
    world.drop_lines("a.csv", &cases(1..=2));
    world.pass(1_000).await;
    let first = std::sync::Arc::clone(&world.nodes[TOWN].node);
    first.give_back(world.now).await.unwrap();
    // It stands still from now on: only the second one works at the township.
    let stopped = world.nodes.remove(TOWN);
    let second = world.beside.remove(0);
    world.nodes.insert(TOWN, second.node);
    drop(stopped);
    world.drop_lines("b.csv", &cases(3..=4));
    world.pass(1_500).await;
    let held = parts(&world, TOWN, "collect/").await;
    assert_eq!(held, [("collect/line".to_owned(), "second".to_owned())]);
    world.quiet().await;
    assert_eq!(world.count(TOWN, Place::Accepted).await, 8);
    world.finish().await;
}

#[tokio::test]
async fn an_adapter_runs_in_one_instance_at_a_time() {
    let mut world = shared().await;
    world.join(TOWN, "second");
    let mut holders = std::collections::BTreeSet::new();
    for n in 0..12 {
        world.drop_lines(&format!("c{n}.csv"), &[line("SB", 200 + n)]);
        let first = std::sync::Arc::clone(&world.nodes[TOWN].node);
        let second = std::sync::Arc::clone(&world.beside[0].node.node);
        let a = first.lease("collect/line", world.now).await.unwrap();
        let b = second.lease("collect/line", world.now).await.unwrap();
        assert!(a.is_none() || b.is_none(), "two run it: {a:?} and {b:?}");
        holders.insert((a.is_some(), b.is_some()));
        if n == 5 {
            first.give_back(world.now).await.unwrap();
        }
        world.pass(1_000).await;
    }
    world.quiet().await;
    assert_eq!(world.count(TOWN, Place::Accepted).await, 12, "each line once");
    world.finish().await;
}
