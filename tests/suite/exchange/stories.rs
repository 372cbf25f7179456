//! The stories. Each file is one; what must hold after all of them stands in `tests/world/check.rs`.

use tests::world::{Setup, World};

mod answered;
mod anywhere;
mod archived;
mod authority;
mod backfill;
mod baseline;
mod came_down;
mod causes;
mod company;
mod confidential;
mod county;
mod cured;
mod cut_off;
mod days;
mod delivered;
mod destinations;
mod doubled;
mod downward;
mod early_receipt;
mod editions;
mod entitled;
mod fair;
mod forged;
mod forwarded;
mod four_tiers;
mod gap;
mod gated;
mod healed;
mod impersonated;
mod instances;
mod keep;
mod leases;
mod narrowed;
mod one_file;
mod others;
mod outlet;
mod parcel_lost;
mod parents;
mod passed;
mod poison;
mod pulled;
mod quality;
mod rates;
mod receipt_lost;
mod refused_thrice;
mod resubmitted;
mod suites;
mod tampered;
mod vanished;
mod versions;

/// Four tiers over this mount's stores, lines at the township.
async fn world() -> World {
    world_of(Setup::default()).await
}

/// Four tiers over this mount's stores.
async fn world_of(setup: Setup) -> World {
    World::four_tiers(super::stores(), setup).await
}
