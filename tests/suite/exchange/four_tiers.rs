//! A record's way through four tiers, and its receipt's way back.

use store::Place;
use store::memory::MemoryStore;
use tests::world::{self, World};

fn drop_file(folder: &std::path::Path) {
    let from = world::root().join("adapters/township_window/samples/ordinary/input.csv");
    std::fs::copy(from, folder.join("window-20261121.csv")).expect("the sample");
}

#[tokio::test]
async fn every_record_of_a_file_is_accepted_by_the_province_and_settled() {
    let folder = tempfile::tempdir().expect("a folder");
    drop_file(folder.path());
    let mut world = World::four_tiers(|c| MemoryStore::new(c).shared(), &world::limits());
    world.township(0, folder.path());
    world.quiet().await;
    assert_eq!(world.count(0, Place::Accepted).await, 12);
    assert_eq!(world.store(3).status().await.unwrap().kept, 12);
    assert_eq!(
        world.store(0).census().await.unwrap(),
        world.store(0).status().await.unwrap().places
    );
}
