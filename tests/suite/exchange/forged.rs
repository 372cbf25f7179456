//! Parcels that are well formed and should not be: another head under a known number, another's key, another
//! environment, another way.

use bus::Parcel;
use canon::Environment;
use store::Place;
use tests::world::input::cases;
use tests::world::{self, CITY, COUNTY, PROVINCE, TOWN, World, forge};

/// A world in which one envelope went its way, and that envelope as it left a hop.
async fn settled(hop: &str) -> (World, Parcel) {
    let mut world = super::world().await;
    world.drop_lines("a.csv", &cases(1..=3));
    world.quiet().await;
    assert_eq!(world.count(TOWN, Place::Accepted).await, 6);
    let parcel = world.bus.published("records", hop).remove(0);
    (world, parcel)
}

/// Refused at a tier with `code`, and nothing else happened there.
async fn is_refused(mut world: World, tier: usize, parcel: Parcel, code: &str) {
    world.bus.inject(parcel).await;
    world.quiet().await;
    assert_eq!(world.rules(tier, "refused").await, [code]);
    let alarms = world.audited(tier).await;
    assert!(alarms.contains(&("parcel.refused".into(), code.into())), "{alarms:?}");
    assert_eq!(world.kept().await, 6, "S7");
    assert_eq!(world.count(TOWN, Place::Accepted).await, 6);
    world.finish().await;
}

#[tokio::test]
async fn a_known_number_with_other_bytes_is_an_alarm() {
    let (world, parcel) = settled("city-1").await;
    let forged = forge::resealed(&parcel, world.signer(TOWN), |h| {
        h.sealed_at = h.sealed_at.plus(1_000);
    });
    is_refused(world, PROVINCE, forged, "sender.cloned").await;
}

#[tokio::test]
async fn a_known_number_with_other_bytes_is_an_alarm_at_a_relay() {
    let (world, parcel) = settled("town-1").await;
    let forged = forge::resealed(&parcel, world.signer(TOWN), |h| {
        h.sealed_at = h.sealed_at.plus(1_000);
    });
    is_refused(world, COUNTY, forged, "sender.cloned").await;
}

#[tokio::test]
async fn another_nodes_key() {
    let (world, parcel) = settled("city-1").await;
    let forged = forge::resealed(&parcel, world.signer(COUNTY), |h| h.sequence = 2);
    is_refused(world, PROVINCE, forged, "sender.node_mismatch").await;
}

#[tokio::test]
async fn another_environment() {
    let (world, parcel) = settled("city-1").await;
    let forged = forge::resealed(&parcel, world.signer(TOWN), |h| {
        h.sequence = 2;
        h.environment = Environment::Formal;
    });
    is_refused(world, PROVINCE, forged, "sender.environment").await;
}

#[tokio::test]
async fn a_clock_too_far_ahead() {
    let (world, parcel) = settled("city-1").await;
    let forged = forge::resealed(&parcel, world.signer(TOWN), |h| {
        h.sequence = 2;
        h.sealed_at = h.sealed_at.plus(11 * 60_000);
    });
    is_refused(world, PROVINCE, forged, "sender.clock_ahead").await;
}

#[tokio::test]
async fn an_older_epoch() {
    let (world, parcel) = settled("city-1").await;
    let forged = forge::resealed(&parcel, world.signer(TOWN), |h| {
        h.sequence = 2;
        h.epoch = 0;
    });
    is_refused(world, PROVINCE, forged, "sender.epoch_old").await;
}

#[tokio::test]
async fn by_a_link_that_does_not_lead_to_its_sender() {
    let (world, parcel) = settled("county-1").await;
    let detour = Parcel { from: world::code("province"), ..parcel };
    is_refused(world, CITY, detour, "sender.link").await;
}

#[tokio::test]
async fn from_no_neighbour_it_is_noted_and_dropped() {
    let (mut world, parcel) = settled("city-1").await;
    world.bus.inject(Parcel { from: world::code("town-1"), ..parcel }).await;
    world.quiet().await;
    let audited = world.audited(PROVINCE).await;
    assert!(audited.iter().any(|(a, _)| a == "parcel.of_no_neighbour"), "{audited:?}");
    assert!(world.rules(PROVINCE, "refused").await.is_empty());
    world.finish().await;
}
