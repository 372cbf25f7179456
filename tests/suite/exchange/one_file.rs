//! A county machine hosts its township: two identities in one store, each with its own key and sequences.

use store::Place;
use tests::world::input::{cases, drop_file};
use tests::world::{COUNTY, Feed, Setup, TOWN};

#[tokio::test]
async fn two_identities_share_a_file_and_nothing_else() {
    let feeds = vec![Feed::Lines(TOWN), Feed::Lines(COUNTY)];
    let mut world = super::world_of(Setup { feeds, one_file: true, ..Setup::default() }).await;
    world.drop_lines("a.csv", &cases(1..=3));
    drop_file(&world.drop_folder(COUNTY), "b.csv", &cases(11..=12));
    world.quiet().await;
    assert_eq!(world.count(TOWN, Place::Accepted).await, 6);
    assert_eq!(world.count(COUNTY, Place::Accepted).await, 4);
    assert_eq!(world.place(COUNTY, "SB", 1, 1).await, None, "the township's, not the county's");
    assert_eq!(world.place(TOWN, "SB", 11, 1).await, None);
    assert_eq!(world.kept().await, 10);
    for tier in [TOWN, COUNTY] {
        let sequences: Vec<u64> = world.sent(tier).await.iter().map(|e| e.id.sequence).collect();
        assert_eq!(sequences, [1], "sequences of its own at tier {tier}");
    }
    world.restart();
    world.drop_lines("c.csv", &cases(4..=5));
    world.quiet().await;
    assert_eq!(world.count(TOWN, Place::Accepted).await, 10);
    world.finish().await;
}
