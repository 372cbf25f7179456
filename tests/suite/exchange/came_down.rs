//! Code tables that come down as records: the county puts in force what its publisher sent whole, from its day
//! on, and nothing else.

use canon::Millis;
use canon::format::OpenLists;
use exchange::code_tables::{self, State};
use store::Place;
use tests::world::code_table::Edition;
use tests::world::input::line;
use tests::world::{CITY, COUNTY, Feed, PROVINCE, Setup, World};

/// A region that only the new edition has.
const NEW: &str = "990104101";
/// A region that it has no more.
const OLD: &str = "990105101";

/// The county has the first edition; the province, which wrote the second, has both as files.
fn lists(tier: usize) -> OpenLists {
    let mut lists = OpenLists::new();
    let label = |code: &'static str| (code, "测试区划");
    lists.insert("regions", "2026-01-01", ["990000", "990103", "990105"].map(label));
    if tier != COUNTY {
        lists.insert("regions", "2026-11-22", ["990000", "990103", "990104"].map(label));
    }
    lists
}

fn edition() -> Edition {
    let codes = vec!["990000", "990103", "990104"];
    Edition { name: "2026-2", from: "2026-11-22", codes }
}

async fn county(sends: usize) -> World {
    let feeds = vec![Feed::Lines(COUNTY), Feed::Tables(sends)];
    let publisher = Some((COUNTY, PROVINCE));
    super::world_of(Setup { feeds, lists, publisher, ..Setup::default() }).await
}

async fn held(world: &mut World, n: u64) {
    let lines: Vec<_> = (1..=12).map(|n| line("SB", n).region(NEW)).collect();
    world.drop_lines_at(COUNTY, "a.csv", &lines);
    world.quiet().await;
    assert_eq!(world.count(COUNTY, Place::Quarantined).await, n);
}

async fn tomorrow(world: &mut World) {
    world.now = Millis::parse("2026-11-22 00:30:00").unwrap();
    world.pass(30_000).await;
    world.quiet().await;
}

async fn state(world: &World) -> State {
    let mut states = code_tables::states(world.store(COUNTY)).await.unwrap();
    assert_eq!(states.len(), 1, "{states:?}");
    states.remove(0)
}

async fn said(world: &World, action: &str) -> Vec<String> {
    let all = world.audited(COUNTY).await;
    all.into_iter().filter(|(a, _)| a == action).map(|(_, reason)| reason).collect()
}

#[tokio::test]
async fn an_edition_comes_down_and_from_its_day_cures_what_was_held() {
    let mut world = county(PROVINCE).await;
    held(&mut world, 12).await;
    world.drop_edition(PROVINCE, &edition());
    world.quiet().await;
    let state = state(&world).await;
    assert!(state.code.is_none() && state.used.is_some(), "{state:?}");
    assert_eq!((state.have, state.count), (3, 3));
    assert_eq!(said(&world, "code_table.taken_up").await.len(), 1);
    assert_eq!(world.count(COUNTY, Place::Quarantined).await, 12, "not in force yet");

    tomorrow(&mut world).await;
    assert_eq!(world.count(COUNTY, Place::Accepted).await, 12);
    assert_eq!(said(&world, "code_list.cured").await, ["12 rows up again"]);
    let sent = world.bus.published("records", "county-1").pop().expect("an envelope");
    let sent = String::from_utf8(tests::world::forge::package(&sent)).expect("UTF-8");
    assert!(sent.contains("regions=2026-2"), "the head names the edition");

    // It stands in the store: started again, the county judges as before.
    world.restart();
    world.drop_lines_at(COUNTY, "b.csv", &[line("SB", 40).region(NEW), line("SB", 41).region(OLD)]);
    world.quiet().await;
    assert_eq!(world.count(COUNTY, Place::Accepted).await, 13);
    assert_eq!(
        world.rules(COUNTY, "quarantined").await.pop().as_deref(),
        Some("field.code_unknown")
    );
    assert_eq!(said(&world, "code_table.taken_up").await.len(), 1, "nothing new");
    world.finish().await;
}

#[tokio::test]
async fn an_edition_of_another_node_is_kept_and_not_used() {
    let mut world = county(CITY).await;
    held(&mut world, 12).await;
    world.drop_edition(CITY, &edition());
    world.quiet().await;
    assert!(world.kept_kinds(COUNTY).await.contains(&"DMBB".to_owned()), "a record like any other");
    assert!(code_tables::states(world.store(COUNTY)).await.unwrap().is_empty());
    assert!(!said(&world, "code_table.not_used").await.is_empty());
    tomorrow(&mut world).await;
    assert_eq!(world.count(COUNTY, Place::Quarantined).await, 12);
    world.finish().await;
}

#[tokio::test]
async fn half_an_edition_is_not_in_force_until_the_rest_is_there() {
    let mut world = county(PROVINCE).await;
    held(&mut world, 12).await;
    world.drop_half(PROVINCE, &edition(), &["990103", "990104"]);
    tomorrow(&mut world).await;
    let half = state(&world).await;
    assert_eq!((half.code.as_deref(), half.have), (Some("table.incomplete"), 2));
    assert_eq!(world.count(COUNTY, Place::Quarantined).await, 12);
    world.drop_codes(PROVINCE, &edition(), &["990000"]);
    world.pass(30_000).await;
    world.quiet().await;
    assert_eq!(state(&world).await.code, None);
    assert_eq!(world.count(COUNTY, Place::Accepted).await, 12);
    world.finish().await;
}

#[tokio::test]
async fn a_code_that_its_publisher_did_not_count_is_not_let_in() {
    let mut world = county(PROVINCE).await;
    held(&mut world, 12).await;
    world.drop_half(PROVINCE, &edition(), &["990000", "990103", "990199"]);
    tomorrow(&mut world).await;
    assert_eq!(state(&world).await.code.as_deref(), Some("table.digest"));
    assert_eq!(said(&world, "code_table.not_used").await, ["table.digest"]);
    assert_eq!(world.count(COUNTY, Place::Quarantined).await, 12);
    world.finish().await;
}

#[tokio::test]
async fn what_was_collected_before_an_edition_took_its_code_away_is_accepted_after() {
    let mut world = county(PROVINCE).await;
    world.drop_edition(PROVINCE, &edition());
    world.quiet().await;
    world.drop_lines_at(COUNTY, "a.csv", &[line("SB", 1).region(OLD)]);
    let collected = world.work(COUNTY, "collect/line").await.unwrap();
    assert_eq!(collected.done, 1);
    tomorrow(&mut world).await;
    assert_eq!(world.count(COUNTY, Place::Accepted).await, 1, "judged by the edition of its day");
    world.drop_lines_at(COUNTY, "b.csv", &[line("SB", 2).region(OLD)]);
    world.quiet().await;
    assert_eq!(world.count(COUNTY, Place::Quarantined).await, 1);
    world.finish().await;
}
