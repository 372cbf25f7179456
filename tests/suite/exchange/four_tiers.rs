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
    let status = world.store(0).status().await.unwrap();
    println!("{status:#?}");
    let problems = world.store(0).problems(store::ProblemFilter { limit: 100, ..Default::default() }).await.unwrap();
    println!("{problems:#?}");
    println!("{:#?}", world.store(3).status().await.unwrap());
    assert!(world.count(0, Place::Accepted).await > 0);
    assert_eq!(world.count(0, Place::InFlight).await, 0);
}
