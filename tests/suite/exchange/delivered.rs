//! The province's sink gets every kept record once, whatever happens between its file and its watermark.

use std::path::Path;
use std::sync::Arc;

use edge::{BoxFuture, KeptRecord, SetAside, Sink, SinkError};
use exchange::Worker as _;
use exchange::deliver::{Deliver, From, Kept, Replayed};
use store::Place;
use tests::world::input::cases;
use tests::world::kept_tables::KeptTables;
use tests::world::{self, PROVINCE, Setup, TOWN, When};

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

fn tables(folder: &Path) -> KeptTables {
    KeptTables { file: folder.join("kept.db"), formats: vec![world::format()] }
}

/// Applications and acceptances that stand in the tables.
async fn rows(tables: &KeptTables) -> String {
    let asked = "SELECT (SELECT count(*) FROM application_current) || ' ' || (SELECT count(*) FROM acceptance_current)";
    tables.ask(asked).await
}

#[tokio::test]
async fn tables_take_each_record_once_and_lost_ones_are_filled_up() {
    let mut world = super::world().await;
    let folder = tempfile::tempdir().expect("a folder");
    let tables = tables(folder.path());
    world.drop_lines("a.csv", &cases(1..=3));
    world.quiet().await;
    tables.fill(&world, PROVINCE).await;
    assert_eq!(rows(&tables).await, "3 3");
    // The database is lost: the store says that all was delivered, the tables say that nothing was.
    std::fs::remove_file(&tables.file).expect("the database");
    world.drop_lines("b.csv", &cases(4..=5));
    world.quiet().await;
    tables.fill(&world, PROVINCE).await;
    assert_eq!(rows(&tables).await, "5 5");
    // A replay beside it changes nothing that is right.
    let node = &world.nodes[PROVINCE].node;
    let package_bytes_max = node.limits.package_bytes_max;
    let kept = Kept { formats: &node.formats, package_bytes_max, opens: &*node.opens };
    let mut sink = tables.sink();
    for (from, given) in [
        (From::Day(world.now.day()), 10),
        (From::Watermark(0), 10),
        (From::Day(canon::Day(world.now.day().0 + 1)), 0),
    ] {
        let mut done = Replayed::default();
        kept.replay(&node.store, &mut sink, from, &mut done).await.expect("a replay");
        assert_eq!(done.records, given, "{from:?}");
    }
    assert_eq!(rows(&tables).await, "5 5");
    world.finish().await;
}

/// A place that refuses every second record, once each, like a service that is posted to.
#[derive(Default)]
struct Picky {
    taken: Option<u64>,
    aside: Vec<SetAside>,
}

impl Sink for Picky {
    fn deliver<'a>(
        &'a mut self,
        batch: &'a [KeptRecord<'a>],
    ) -> BoxFuture<'a, Result<(), SinkError>> {
        for record in batch {
            if self.taken.is_some_and(|taken| record.watermark <= taken) {
                continue;
            }
            self.taken = Some(record.watermark);
            if record.watermark % 2 == 0 {
                self.aside.push(SetAside {
                    watermark: record.watermark,
                    record: record.id.to_string(),
                    code: "their.code".into(),
                    text: "无此事项".into(),
                });
            }
        }
        Box::pin(std::future::ready(Ok(())))
    }

    fn again<'a>(
        &'a mut self,
        batch: &'a [KeptRecord<'a>],
    ) -> BoxFuture<'a, Result<(), SinkError>> {
        self.deliver(batch)
    }

    fn look_again(&mut self) -> BoxFuture<'_, Result<(), SinkError>> {
        *self = Self::default();
        Box::pin(std::future::ready(Ok(())))
    }

    fn set_aside(&mut self) -> Vec<SetAside> {
        std::mem::take(&mut self.aside)
    }
}

#[tokio::test]
async fn what_was_refused_is_listed_whatever_the_store_does_between() {
    let mut world = super::world().await;
    world.drop_lines("a.csv", &cases(1..=3));
    world.quiet().await;
    let node = Arc::clone(&world.nodes[PROVINCE].node);
    let mut worker = Deliver::new(Arc::clone(&node), "picky", Box::new(Picky::default()));
    let province = world::code("province");
    for (method, skip) in [("stand", 1), ("audit", 0)] {
        world.faults.fail(&province, method, skip, 1, When::Before);
        assert!(worker.run_once(world.now).await.is_err(), "{method}");
    }
    assert!(worker.run_once(world.now).await.expect("a turn").done > 0);
    assert_eq!(world.faults.unspent(), 0);
    let listed = exchange::sink_state::refused(&node.store, "picky").await.unwrap();
    assert_eq!(listed.len(), 3, "{listed:?}");
    world.finish().await;
}

#[tokio::test]
async fn a_sink_stops_when_too_many_records_stand_refused() {
    let limits = exchange::config::Limits { sink_refused_max: 3, ..world::limits() };
    let mut world = super::world_of(Setup { limits, ..Setup::default() }).await;
    world.drop_lines("a.csv", &cases(1..=3));
    world.quiet().await;
    let node = Arc::clone(&world.nodes[PROVINCE].node);
    let mut worker = Deliver::new(Arc::clone(&node), "picky", Box::new(Picky::default()));
    assert!(worker.run_once(world.now).await.expect("a turn").done > 0);
    world.drop_lines("b.csv", &cases(4..=4));
    world.quiet().await;
    let error = worker.run_once(world.now).await.expect_err("the list is full").to_string();
    assert!(error.contains("`picky`: 3 records") && error.contains("sink_refused_max"), "{error}");
    let seen = exchange::sink_state::seen(&node.store, "picky").await.unwrap().expect("it says so");
    assert_eq!((&*seen.code, seen.halted), ("source.sink_full", true));
    assert_eq!(worker.run_once(world.now).await.expect("a turn").done, 0, "nobody is asked");
    // Somebody has seen to it.
    let listed = exchange::sink_state::refused(&node.store, "picky").await.unwrap();
    let marks = listed.iter().map(|aside| aside.watermark).collect();
    exchange::sink_state::taken(&node.store, "picky", &marks, world.now).await.unwrap();
    assert_eq!(exchange::sink_state::resume(&node.store, "picky", world.now).await.unwrap(), 1);
    assert!(worker.run_once(world.now).await.expect("a turn").done > 0);
    let listed = exchange::sink_state::refused(&node.store, "picky").await.unwrap();
    assert_eq!(listed.len(), 1);
    world.finish().await;
}
