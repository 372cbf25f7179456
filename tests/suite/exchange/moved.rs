//! A node moves from its SQLite file into PostgreSQL in the middle of its work, and goes on.

use store::postgres::move_from_sqlite;
use store::{Place, SqliteStore, StoreError};
use tests::world::input::{cases, line};
use tests::world::{Postgres, Rule, Setup, Sqlite, TIERS, TOWN, Trick, World};

#[tokio::test]
async fn everything_is_there_after_a_move_and_the_file_is_not_started_again() {
    let folder = tempfile::tempdir().unwrap();
    let files = Sqlite::at(folder.path());
    let mut world = World::four_tiers(Box::new(files), Setup::default()).await;
    let mut lines = cases(1..=4);
    // Something of everything: settled, quarantined, waiting, in flight, staged.
    lines.push(line("SB", 5).bad());
    lines.push(line("SL", 6));
    world.drop_lines("a.csv", &lines);
    world.quiet().await;
    world.bus.rule(Rule::every("records", Trick::Lose).from("town-1"));
    world.drop_lines("b.csv", &cases(7..=8));
    world.pass(1_000).await;
    world.bus.no_rules();
    world.drop_lines("c.csv", &cases(9..=9));
    world.work(TOWN, "collect/line").await.unwrap();
    let mut before = Vec::new();
    for tier in 0..TIERS.len() {
        let store = world.store(tier);
        before.push((store.census().await.unwrap(), store.audit_after(0, 999).await.unwrap()));
    }
    let there = Postgres::default();
    let settings: Vec<_> = TIERS.iter().map(|tier| there.settings(tier)).collect();
    world
        .stores_change(Box::new(there), async || {
            for (tier, to) in TIERS.iter().zip(&settings) {
                let file = folder.path().join(format!("{tier}.sqlite"));
                let moved = move_from_sqlite(&file, to).await.unwrap();
                assert_eq!(moved.identities, [*tier]);
                assert!(!moved.only_marked);
                // Once more changes nothing and says so; another file is refused.
                let again = move_from_sqlite(&file, to).await.unwrap();
                assert_eq!((again.only_marked, again.census), (true, moved.census));
                let refused = SqliteStore::open(&file).await;
                assert!(matches!(refused, Err(StoreError::Refused(_))), "{refused:?}");
            }
            let first = folder.path().join("town-1.sqlite");
            let refused = move_from_sqlite(&first, &settings[1]).await;
            assert!(matches!(refused, Err(StoreError::Refused(_))), "{refused:?}");
        })
        .await;
    for (tier, (census, audit)) in before.into_iter().enumerate() {
        let store = world.store(tier);
        assert_eq!(store.census().await.unwrap(), census, "S1 of tier {tier}");
        assert_eq!(store.status().await.unwrap().places, census);
        let moved = store.audit_after(0, 999).await.unwrap();
        assert_eq!(format!("{moved:?}"), format!("{audit:?}"));
    }
    world.heal().await;
    world.drop_lines("d.csv", &cases(10..=11));
    // The application that a child waits for, and the row that was wrong.
    world.drop_lines("e.csv", &[line("SB", 6), line("SB", 5)]);
    world.quiet().await;
    world.heal().await;
    assert_eq!(world.count(TOWN, Place::Accepted).await, 8 + 2 + 4 + 2 + 4 + 1);
    world.finish().await;
}
