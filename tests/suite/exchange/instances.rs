//! Two instances of one node share its work.

use canon::NodeCode;
use store::{Place, SLOTS, slot_of_sender};
use tests::world::input::cases;
use tests::world::{COUNTY, PROVINCE, Setup, TOWN, World, limits};

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
