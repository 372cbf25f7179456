//! Two editions of a format side by side: each destination in its own, and one taking over from the other
//! in the middle of the work.

use std::path::Path;

use store::Place;
use tests::world::editions::{SECOND, second};
use tests::world::input::{cases, line};
use tests::world::kept_tables::KeptTables;
use tests::world::{self, CITY, Feed, PROVINCE, Setup, TIERS, TOWN, World};

/// Both editions in the same tables, in this folder.
fn tables(folder: &Path, name: &str) -> KeptTables {
    KeptTables { file: folder.join(name), formats: vec![world::format(), second()] }
}

/// What is answered once everything that a tier keeps is in its tables.
async fn cell(world: &World, tier: usize, tables: &KeptTables, sql: &str) -> String {
    tables.fill(world, tier).await;
    tables.ask(sql).await
}

#[tokio::test]
async fn one_source_fills_both() {
    let setup = Setup { feeds: vec![Feed::Second(TOWN)], ..Setup::default() };
    let mut world = super::world_of(setup).await;
    world.drop_lines("a.csv", &cases(1..=3));
    world.quiet().await;
    for tier in [CITY, PROVINCE] {
        assert_eq!(world.place_to(TIERS[tier], TOWN, "SB", 1, 1).await, Some(Place::Accepted));
        assert_eq!(world.store(tier).status().await.unwrap().kept, 6);
    }
    let folder = tempfile::tempdir().expect("a folder");
    let asked = "SELECT count(*) || ' ' || count(novelty) || ' ' || min(tg_format) || ' ' || max(tg_format) FROM application";
    let city = tables(folder.path(), "city.db");
    assert_eq!(
        cell(&world, CITY, &city, asked).await,
        "3 0 supervision/1 supervision/1",
        "its edition has no such field"
    );
    let province = tables(folder.path(), "province.db");
    assert_eq!(cell(&world, PROVINCE, &province, asked).await, format!("3 3 {SECOND} {SECOND}"));
    world.finish().await;
}

#[tokio::test]
async fn the_new_one_takes_over_in_the_middle() {
    let setup = Setup { feeds: vec![Feed::Earlier(TOWN)], ..Setup::default() };
    let mut world = super::world_of(setup).await;
    let province = world::code(TIERS[PROVINCE]);
    world.drop_lines("a.csv", &cases(1..=2));
    world.quiet().await;
    // What is sealed in the old edition is still on its way when the new one begins.
    world.bus.cut(&province, true);
    world.drop_lines("b.csv", &[line("SB", 3), line("SB", 4).bad()]);
    world.pass(3_000).await;
    world.restart_with(vec![Feed::Second(TOWN)]);
    world.bus.cut(&province, false);
    world.drop_lines("c.csv", &[line("SB", 1).text("更正"), line("SL", 3), line("SB", 4)]);
    world.pass(5_000).await;
    world.quiet().await;
    for (case, version) in [(1, 2), (2, 1), (3, 1), (4, 2)] {
        let place = world.place_to(TIERS[PROVINCE], TOWN, "SB", case, version).await;
        assert_eq!(place, Some(Place::Accepted), "case {case}");
    }
    assert_eq!(world.place_to(TIERS[PROVINCE], TOWN, "SL", 3, 1).await, Some(Place::Accepted));
    let folder = tempfile::tempdir().expect("a folder");
    let province = tables(folder.path(), "province.db");
    let asked = "SELECT group_concat(case_no || ' ' || tg_version || ' ' || substr(tg_format, 13) || ' ' || coalesce(novelty, '-'), '; ') FROM (SELECT * FROM application_current ORDER BY case_no)";
    let said = cell(&world, PROVINCE, &province, asked).await;
    let rows: Vec<&str> = said.split("; ").collect();
    assert_eq!(rows.len(), 4, "{said}");
    let editions: Vec<&str> = rows.iter().filter_map(|r| r.split(' ').nth(2)).collect();
    assert_eq!(editions, ["2", "1", "1", "2"], "{said}");
    assert!(rows[0].ends_with(" 更正") && rows[1].ends_with(" -"), "{said}");
    world.finish().await;
}
