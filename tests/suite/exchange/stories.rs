//! The stories. Each file is one; what must hold after all of them stands in `tests/world/check.rs`.

use tests::world::{Setup, World};

mod four_tiers;

/// Four tiers over this mount's stores, lines at the township.
async fn world() -> World {
    world_of(Setup::default()).await
}

/// Four tiers over this mount's stores.
async fn world_of(setup: Setup) -> World {
    World::four_tiers(super::stores(), setup).await
}
