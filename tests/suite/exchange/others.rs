//! Bugs of other systems that no other story meets: a message larger than what carries it, and counters of one
//! job in another's.

use std::borrow::Cow;

use canon::Millis;
use edge::legacy_db::{Cell, LegacyDb};
use exchange::Limits;
use store::Place;
use tests::world::input::{BAD_ID, case, cases, county_case, line};
use tests::world::{COUNTY, Feed, Setup, TOWN, forge, limits};

/// Bytes of an envelope's records.
const SMALL: u64 = 8 << 10;

#[tokio::test]
async fn what_is_larger_than_one_envelope_goes_in_several_that_fit() {
    let limits = Limits { envelope_bytes_max: SMALL, ..limits() };
    let mut world = super::world_of(Setup { limits, ..Setup::default() }).await;
    world.drop_lines("a.csv", &cases(1..=60));
    world.quiet().await;
    let sent = world.bus.published("records", "town-1");
    assert!(sent.len() > 5, "{} parcels", sent.len());
    for parcel in &sent {
        let package = forge::package(parcel);
        let opened = envelope::open(&package).expect("a package");
        let records: usize = opened.fragments.iter().map(|f| f.len()).sum();
        assert!(records as u64 <= SMALL, "{records} bytes of records");
    }
    assert_eq!(world.count(TOWN, Place::Accepted).await, 120);
    world.finish().await;
}

#[tokio::test]
async fn what_one_adapter_counts_and_is_stopped_for_is_no_other_adapters() {
    let feeds = vec![Feed::Lines(COUNTY), Feed::County(COUNTY)];
    let mut world = super::world_of(Setup { feeds, ..Setup::default() }).await;
    let modified = Millis::parse("2026-11-21 08:00:00").expect("a time");
    let mut db = LegacyDb::open(&world.legacy(COUNTY)).await.expect("the database");
    for (n, id) in [(1, tests::world::input::ID), (2, BAD_ID)] {
        let (columns, row): (Vec<&str>, Vec<Cell>) = county_case(&case(n), id, modified)
            .into_iter()
            .map(|(column, text)| (column, Some(Cow::Owned(text))))
            .unzip();
        db.insert("approval_case", &columns, vec![row]).await.expect("a row");
    }
    db.commit().await.expect("rows");
    let bad = |n| line("SB", n).bad();
    world.drop_lines_at(COUNTY, "a.csv", &[bad(11), bad(12), bad(13), line("SB", 14)]);
    world.pass(4_000).await;
    let store = world.store(COUNTY).clone();
    let counts = async |name: &str| {
        let a = store.adapter(name).await.expect("an adapter");
        (a.records, a.quarantined, a.paused)
    };
    assert_eq!(counts("line").await, (1, 3, None));
    assert_eq!(counts("county_approval").await, (1, 1, None));
    // A header that is wrong stops the one, and not the other.
    store.pause_adapter("line", Some("adapter.header: x"), world.now).await.expect("paused");
    world.drop_lines_at(COUNTY, "b.csv", &[line("SB", 15)]);
    let mut db = LegacyDb::open(&world.legacy(COUNTY)).await.expect("the database");
    let later = world.now;
    let (columns, row): (Vec<&str>, Vec<Cell>) =
        county_case(&case(3), tests::world::input::ID, later)
            .into_iter()
            .map(|(column, text)| (column, Some(Cow::Owned(text))))
            .unzip();
    db.insert("approval_case", &columns, vec![row]).await.expect("a row");
    db.commit().await.expect("a row");
    world.pass(6_000).await;
    assert_eq!(counts("line").await, (1, 3, Some("adapter.header: x".into())));
    assert_eq!(counts("county_approval").await, (2, 1, None));
    world.end_as_it_is();
}
