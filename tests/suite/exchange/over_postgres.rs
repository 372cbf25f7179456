//! Stories over PostgreSQL: those in which several processes write, a store moves, a machine is
//! lost and comes back from an image or from nothing, records go both ways, or bodies are closed.

#[path = "confidential.rs"]
mod confidential;
#[path = "downward.rs"]
mod downward;
#[path = "drills.rs"]
mod drills;
#[path = "instances.rs"]
mod instances;
#[path = "moved.rs"]
mod moved;
#[path = "quality.rs"]
mod quality;

#[path = "outlet_stored.rs"]
mod outlet_stored;

use tests::world::{Setup, World};

/// Days between an image and the loss on which something happens: each costs some ten thousand trips to
/// the server.
const DRILL_DAYS: &[u32] = &[1, 3, 11, 29];

/// Where the nodes of a story keep their facts.
fn stores() -> Box<dyn tests::world::Stores> {
    Box::new(tests::world::Postgres::default())
}

/// Four tiers over PostgreSQL, lines at the township.
async fn world() -> World {
    world_of(Setup::default()).await
}

/// Four tiers over PostgreSQL.
async fn world_of(setup: Setup) -> World {
    World::four_tiers(stores(), setup).await
}
