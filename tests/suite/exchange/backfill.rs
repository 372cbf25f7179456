//! Old rows go up month by month as history, whatever happens on the way.

use std::borrow::Cow;

use canon::{Day, Lane};
use edge::legacy_db::{Cell, LegacyDb};
use exchange::Limits;
use exchange::standing::{self, BACKFILL, Backfill};
use store::{AdapterProgress, Place};
use tests::world::input::{ID, cases, county_case, line};
use tests::world::{self, COUNTY, Feed, PROVINCE, Setup, TOWN, World};

fn day(text: &str) -> Day {
    Day::parse(text).unwrap()
}

fn order(adapter: &str, from: &str, to: &str, world: &World) -> Backfill {
    Backfill {
        adapter: adapter.into(),
        from: day(from),
        to: day(to),
        by: "op-7".into(),
        ordered: world.now,
        paused: false,
        total: None,
        ended: None,
    }
}

async fn put(world: &World, tier: usize, job: &Backfill) {
    let name = format!("{BACKFILL}{}", job.adapter);
    standing::put(world.store(tier), &name, job, world.now).await.unwrap();
}

async fn state(world: &World, tier: usize) -> (Backfill, AdapterProgress) {
    let found = standing::read::<Backfill>(world.store(tier), BACKFILL).await.unwrap();
    let (_, job) = found.into_iter().next().expect("a back-fill");
    let progress = world.store(tier).adapter(&job.progress_name()).await.unwrap();
    (job, progress)
}

#[tokio::test]
async fn files_of_each_month_go_up_as_history_by_its_own_profile() {
    let mut world = super::world().await;
    world.lay_old("window-20200115.csv", &cases([11, 12]));
    world.lay_old("window-20200229.csv", &[line("SB", 13).bad(), line("SL", 13)]);
    world.lay_old("window-20200301.csv", &cases([14]));
    world.lay_old("window-20210101.csv", &cases([15]));
    world.drop_lines("today.csv", &[line("SB", 1).bad()]);
    put(&world, TOWN, &order("line", "2020-01-01", "2020-03-31", &world)).await;
    world.quiet().await;
    assert_eq!(world.count(TOWN, Place::Accepted).await, 8, "the check digit is a warning there");
    assert_eq!(world.count(TOWN, Place::Quarantined).await, 1, "and an error today");
    assert_eq!(world.place(TOWN, "SB", 15, 1).await, None, "2021 was not asked for");
    let lanes: Vec<Lane> = world.sent(TOWN).await.iter().map(|e| e.id.route.lane).collect();
    assert!(lanes.iter().all(|lane| *lane == Lane::Bulk), "{lanes:?}");
    let (job, progress) = state(&world, TOWN).await;
    assert!(job.ended.is_some());
    assert_eq!((progress.rows_read, progress.records), (8, 8));
    for frame in world.bus.published("records", "town-1") {
        let package = envelope::open_frame(&frame.frame, 64 << 20).unwrap();
        let text = String::from_utf8(package).unwrap();
        assert!(text.contains("nature=\"history\"") && !text.contains("nature=\"live\""));
    }
    world.finish().await;
}

#[tokio::test]
async fn a_killed_back_fill_goes_on_where_it_was() {
    let limits = Limits { page_rows_max: 3, ..world::limits() };
    let mut world = super::world_of(Setup { limits, ..Setup::default() }).await;
    for month in 1..=6 {
        let lines = cases((0..10).map(|n| 100 * month + n));
        world.lay_old(&format!("window-2020{month:02}10.csv"), &lines);
    }
    world.one_turn = true;
    put(&world, TOWN, &order("line", "2020-01-01", "2020-06-30", &world)).await;
    let mut kills = 0;
    while state(&world, TOWN).await.0.ended.is_none() {
        for _ in 0..7 {
            world.turn().await;
        }
        world.restart();
        kills += 1;
        assert!(kills < 100, "it never ends");
    }
    assert!(kills > 3, "killed {kills} times");
    world.one_turn = false;
    world.heal().await;
    assert_eq!(world.count(TOWN, Place::Accepted).await, 120);
    assert_eq!(world.kept().await, 120, "nothing lost, nothing twice");
    let (_, progress) = state(&world, TOWN).await;
    assert_eq!(progress.records, 120);
    world.finish().await;
}

#[tokio::test]
async fn a_held_back_fill_waits_and_one_that_is_ahead_waits_for_the_seal() {
    let limits = Limits { page_rows_max: 4, backfill_ahead: 8, ..world::limits() };
    let mut world = super::world_of(Setup { limits, ..Setup::default() }).await;
    world.lay_old("window-20200115.csv", &cases(1..=40));
    let mut job = order("line", "2020-01-01", "2020-12-31", &world);
    put(&world, TOWN, &job).await;
    for _ in 0..30 {
        world.work(TOWN, "backfill/line").await.unwrap();
        world.now = world.now.plus(1_000);
    }
    let staged = world.count(TOWN, Place::Staged).await;
    assert!((8..12).contains(&staged), "nobody sealed, so it waits: {staged}");
    job.paused = true;
    put(&world, TOWN, &job).await;
    world.pass(2_000).await;
    world.quiet().await;
    let accepted = world.count(TOWN, Place::Accepted).await;
    world.pass(5_000).await;
    assert_eq!(world.count(TOWN, Place::Accepted).await, accepted, "held");
    assert!(accepted < 80);
    job.paused = false;
    put(&world, TOWN, &job).await;
    world.pass(2_000).await;
    world.quiet().await;
    assert_eq!(world.count(TOWN, Place::Accepted).await, 80);
    world.finish().await;
}

#[tokio::test]
async fn tables_are_taken_by_the_month_of_their_case_and_counted_before() {
    let mut world =
        super::world_of(Setup { feeds: vec![Feed::County(COUNTY)], ..Setup::default() }).await;
    let mut db = LegacyDb::open(&world.legacy(COUNTY)).await.unwrap();
    for (number, time) in [
        ("990103202001150001", "2020-01-15 08:00:00"),
        ("990103202002290001", "2020-02-29 23:59:59"),
        ("990103202003010001", "2020-03-01 00:00:00"),
    ] {
        let mut case = county_case(number, ID, world.now);
        for (column, text) in &mut case {
            if *column == "submit_time" || *column == "created_time" {
                *text = time.to_owned();
            }
        }
        let (columns, row): (Vec<&str>, Vec<Cell>) =
            case.into_iter().map(|(column, text)| (column, Some(Cow::Owned(text)))).unzip();
        db.insert("approval_case", &columns, vec![row]).await.unwrap();
    }
    db.commit().await.unwrap();
    // Today's worker would read them first: only the back-fill is asked here.
    put(&world, COUNTY, &order("county_approval", "2020-01-01", "2020-02-29", &world)).await;
    for _ in 0..40 {
        world.work(COUNTY, "backfill/county_approval").await.unwrap();
        world.now = world.now.plus(1_000);
    }
    let (job, progress) = state(&world, COUNTY).await;
    assert!(job.ended.is_some());
    assert_eq!((job.total, progress.rows_read), (Some(2), 2));
    assert_eq!(world.count(COUNTY, Place::Staged).await, 2);
    world.quiet().await;
    assert_eq!(world.store(PROVINCE).status().await.unwrap().kept, 3, "the third one is today's");
    world.finish().await;
}
