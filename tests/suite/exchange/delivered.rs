//! The province's sink gets every kept record once, whatever happens between its file and its watermark.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use edge::db;
use edge::tables::{Settings, TablesSink};
use exchange::Worker as _;
use exchange::deliver::{Deliver, From, Kept, Replayed};
use store::Place;
use tests::world::input::cases;
use tests::world::{self, PROVINCE, TOWN, When, World};

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

fn tables(file: &Path) -> TablesSink {
    let settings = Settings {
        name: "province/tables".into(),
        place: db::Place::Sqlite(file.to_owned()),
        prefix: String::new(),
        statement_timeout: Duration::from_secs(60),
        lock_timeout: Duration::from_secs(10),
    };
    TablesSink::new(settings, world::format()).expect("tables of SQLite")
}

/// Delivers to tables until nothing is left.
async fn deliver(world: &World, file: &Path) {
    let node = Arc::clone(&world.nodes[PROVINCE].node);
    let mut worker = Deliver::new(node, "tables", Box::new(tables(file)));
    while worker.run_once(world.now).await.expect("a turn").done > 0 {}
}

/// Applications and acceptances that stand in the tables.
async fn rows(file: &Path) -> (u64, u64) {
    let session = db::Session {
        read_only: true,
        statement_timeout: Duration::from_secs(10),
        lock_timeout: Duration::from_secs(10),
        isolation: db::Isolation::ReadCommitted,
        stored: db::Stored::Declared,
        create: false,
    };
    let opened = db::Connection::open(&db::Place::Sqlite(file.to_owned()), &session).await;
    let mut opened = opened.expect("the tables");
    let applications = opened.count("SELECT count(*) FROM application_current".into()).await;
    let acceptances = opened.count("SELECT count(*) FROM acceptance_current".into()).await;
    (applications.expect("a count"), acceptances.expect("a count"))
}

#[tokio::test]
async fn tables_take_each_record_once_and_lost_ones_are_filled_up() {
    let mut world = super::world().await;
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("kept.db");
    world.drop_lines("a.csv", &cases(1..=3));
    world.quiet().await;
    deliver(&world, &file).await;
    assert_eq!(rows(&file).await, (3, 3));
    // The database is lost: the store says that all was delivered, the tables say that nothing was.
    std::fs::remove_file(&file).expect("the database");
    world.drop_lines("b.csv", &cases(4..=5));
    world.quiet().await;
    deliver(&world, &file).await;
    assert_eq!(rows(&file).await, (5, 5));
    // A replay beside it changes nothing that is right.
    let node = &world.nodes[PROVINCE].node;
    let package_bytes_max = node.limits.package_bytes_max;
    let kept = Kept { formats: &node.formats, package_bytes_max, opens: &*node.opens };
    let mut sink = tables(&file);
    for (from, given) in [
        (From::Day(world.now.day()), 10),
        (From::Watermark(0), 10),
        (From::Day(canon::Day(world.now.day().0 + 1)), 0),
    ] {
        let mut done = Replayed::default();
        kept.replay(&node.store, &mut sink, from, &mut done).await.expect("a replay");
        assert_eq!(done.records, given, "{from:?}");
    }
    assert_eq!(rows(&file).await, (5, 5));
    world.finish().await;
}
