//! Drills: a machine is lost and comes back from an old image, or from nothing.

use tests::world::{Setup, World};

use super::{DRILL_DAYS, stores};

mod recalled;
pub(super) mod restored;

/// Four tiers over this mount's stores, lines at the township.
async fn world() -> World {
    world_of(Setup::default()).await
}

/// Four tiers over this mount's stores.
async fn world_of(setup: Setup) -> World {
    World::four_tiers(stores(), setup).await
}

/// The next morning of which a drill tells, so many days after `first`; the books of the days before
/// are exchanged.
async fn morning(world: &mut World, first: canon::Day, day: u32) {
    let day = canon::Day(first.0 + i32::try_from(day).expect("a month"));
    let morning = format!("{day} 09:30:00");
    world.now = canon::Millis::parse(&morning).expect("a time");
    world.pass(12_000).await;
    world.quiet().await;
}
