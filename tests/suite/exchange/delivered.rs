//! The province's sink gets every kept record once, whatever happens between its file and its watermark.

use store::Place;
use tests::world::input::cases;
use tests::world::{self, TOWN, When};

#[tokio::test]
async fn what_was_written_and_not_noted_is_not_written_again() {
    let mut world = super::world().await;
    world.failed = Some(Vec::new());
    let province = world::code("province");
    world.faults.fail(&province, "commit_delivered", 0, 2, When::Before);
    world.drop_lines("a.csv", &cases(1..=3));
    world.quiet().await;
    assert_eq!(world.failed.as_ref().map(Vec::len), Some(2));
    assert_eq!(world.count(TOWN, Place::Accepted).await, 6);
    world.finish().await;
}

#[tokio::test]
async fn nor_after_the_process_died_between_the_two() {
    let mut world = super::world().await;
    world.failed = Some(Vec::new());
    let province = world::code("province");
    world.faults.die_in(&province, "commit_delivered", When::Before);
    world.drop_lines("a.csv", &cases(1..=3));
    world.quiet().await;
    assert!(world.faults.dead());
    world.restart();
    world.drop_lines("b.csv", &cases(4..=5));
    world.quiet().await;
    world.heal().await;
    assert_eq!(world.count(TOWN, Place::Accepted).await, 10);
    world.finish().await;
}
