//! Some stories over PostgreSQL: those in which several processes write, and one of each sort.

#[path = "four_tiers.rs"]
mod four_tiers;
#[path = "instances.rs"]
mod instances;
#[path = "moved.rs"]
mod moved;
#[path = "versions.rs"]
mod versions;

use tests::world::{Setup, World};

/// Deaths tried in one test that dies anywhere.
const DEATHS: u64 = 1;

/// Four tiers over PostgreSQL, lines at the township.
async fn world() -> World {
    world_of(Setup::default()).await
}

/// Four tiers over PostgreSQL.
async fn world_of(setup: Setup) -> World {
    World::four_tiers(Box::new(tests::world::Postgres::default()), setup).await
}
