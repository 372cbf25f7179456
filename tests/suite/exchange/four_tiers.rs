//! A record's way through four tiers, and its receipt's way back.

use store::Place;
use tests::world::{self, Feed, Setup, TOWN};

#[tokio::test]
async fn every_record_of_a_file_is_accepted_by_the_province_and_settled() {
    let mut world =
        super::world_of(Setup { feeds: vec![Feed::Township(TOWN)], ..Setup::default() }).await;
    let from = world::root().join("adapters/township_window/samples/ordinary/input.csv");
    std::fs::copy(from, world.drop_folder(TOWN).join("window-20261121.csv")).expect("the sample");
    world.quiet().await;
    assert_eq!(world.count(TOWN, Place::Accepted).await, 12);
    assert_eq!(world.kept().await, 12);
    world.finish().await;
}
