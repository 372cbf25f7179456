//! Stories of machines that are lost and come back from an image: over the stores that images are
//! taken of here.

use tests::world::{Setup, World};

use super::{DRILL_DAYS, stores};

#[path = "drills.rs"]
mod drills;
mod found;
mod restore_traps;
mod twins;

/// Four tiers over this mount's stores, lines at the township.
async fn world() -> World {
    world_of(Setup::default()).await
}

/// Four tiers over this mount's stores.
async fn world_of(setup: Setup) -> World {
    World::four_tiers(stores(), setup).await
}
