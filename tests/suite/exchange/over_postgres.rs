//! Stories over PostgreSQL: those in which several processes write, or a store moves.

#[path = "instances.rs"]
mod instances;
#[path = "moved.rs"]
mod moved;

use tests::world::{Setup, World};

/// Four tiers over PostgreSQL.
async fn world_of(setup: Setup) -> World {
    World::four_tiers(Box::new(tests::world::Postgres::default()), setup).await
}
