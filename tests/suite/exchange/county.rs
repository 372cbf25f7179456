//! The legacy database: outcomes come back to the rows; problems are returned, corrected, resubmitted.

use std::borrow::Cow;

use canon::Millis;
use edge::legacy_db::{Cell, LegacyDb};
use store::{AuditEvent, Place, ProblemAction};
use tests::world::input::{BAD_ID, ID, case, county_case, county_step};
use tests::world::{COUNTY, Feed, Setup, World};

fn setup() -> Setup {
    Setup { feeds: vec![Feed::County(COUNTY)], ..Setup::default() }
}

async fn insert(world: &World, n: u32, id: &str) {
    let modified = Millis::parse("2026-11-21 08:00:00").expect("a time");
    let cells = county_case(&case(n), id, modified);
    let mut db = LegacyDb::open(&world.legacy(COUNTY)).await.expect("the database");
    let (columns, row): (Vec<&str>, Vec<Cell>) =
        cells.into_iter().map(|(column, text)| (column, Some(Cow::Owned(text)))).unzip();
    db.insert("approval_case", &columns, vec![row]).await.expect("a row");
    db.commit().await.expect("a row");
}

async fn cell(world: &World, n: u32, column: &str) -> Option<String> {
    let mut db = LegacyDb::open(&world.legacy(COUNTY)).await.expect("the database");
    let cell = db.cell("approval_case", column, ("case_id", &case(n))).await.expect("a cell");
    db.commit().await.expect("closed");
    cell
}

async fn correct(world: &World, n: u32, column: &str, value: &str, at: &str) {
    let mut db = LegacyDb::open(&world.legacy(COUNTY)).await.expect("the database");
    let set: Vec<(&str, Cell)> = vec![
        (column, Some(Cow::Owned(value.to_owned()))),
        ("modified_time", Some(Cow::Owned(at.to_owned()))),
    ];
    assert!(db.update("approval_case", ("case_id", &case(n)), set).await.expect("an update"));
    db.commit().await.expect("an update");
}

fn by_hand(at: Millis, action: &str) -> AuditEvent {
    AuditEvent {
        at,
        who: "op-01".into(),
        action: action.into(),
        subject: "1".into(),
        reason: "test".into(),
        ok: true,
    }
}

#[tokio::test]
async fn an_accepted_row_is_flagged_and_the_touched_row_is_no_news() {
    let mut world = super::world_of(setup()).await;
    insert(&world, 1, ID).await;
    world.quiet().await;
    assert_eq!(world.place(COUNTY, "SB", 1, 1).await, Some(Place::Accepted));
    assert_eq!(cell(&world, 1, "sync_flag").await.as_deref(), Some("1"));
    world.pass(20_000).await;
    assert_eq!(world.place(COUNTY, "SB", 1, 2).await, None, "its trigger moved the time on");
    assert_eq!(world.kept().await, 1);
    world.finish().await;
}

#[tokio::test]
async fn every_row_of_a_compared_table_was_read_says_the_source_itself() {
    let mut world = super::world_of(setup()).await;
    insert(&world, 1, ID).await;
    let mut db = LegacyDb::open(&world.legacy(COUNTY)).await.expect("the database");
    let (columns, row): (Vec<&str>, Vec<Cell>) = county_step(&case(1))
        .into_iter()
        .map(|(column, text)| (column, Some(Cow::Owned(text))))
        .unzip();
    db.insert("approval_step", &columns, vec![row]).await.expect("a row");
    db.commit().await.expect("a row");
    // A compared table is read for ever.
    world.pass(3_000).await;
    let counted = exchange::counted::all(world.store(COUNTY)).await.expect("what sources said");
    assert!(counted.iter().any(|c| c.table == "step" && (c.rows, c.seen) == (1, 1)), "{counted:?}");
    assert!(counted.iter().all(|c| c.unextracted() == 0), "{counted:?}");
    world.end_as_it_is();
}

#[tokio::test]
async fn a_returned_row_is_flagged_and_its_correction_goes_up_as_a_new_version() {
    let mut world = super::world_of(setup()).await;
    insert(&world, 1, BAD_ID).await;
    world.quiet().await;
    assert_eq!(world.place(COUNTY, "SB", 1, 1).await, Some(Place::Quarantined));
    let problem = world.problems(COUNTY).await.remove(0);
    assert_eq!((problem.class.as_str(), problem.state.as_str()), ("quarantined", "held"));

    let deadline = world.now.plus(3 * 86_400_000);
    let audit = by_hand(world.now, "quarantine.return");
    let action = ProblemAction::Return { deadline };
    let changed = world.store(COUNTY).act_on_problems(&[problem.number], action, audit).await;
    assert_eq!(changed.unwrap(), 1);
    world.quiet().await;
    assert_eq!(cell(&world, 1, "sync_flag").await.as_deref(), Some("4"), "returned to its owner");
    assert!(cell(&world, 1, "sync_error").await.is_some_and(|t| !t.is_empty()), "with the rule");
    assert!(world.audited(COUNTY).await.iter().any(|(a, _)| a == "quarantine.return"));

    correct(&world, 1, "cert_no", ID, &world.now.to_string()).await;
    world.pass(5_000).await;
    assert_eq!(world.place(COUNTY, "SB", 1, 2).await, Some(Place::Accepted));
    assert_eq!(cell(&world, 1, "sync_flag").await.as_deref(), Some("1"));
    assert_eq!(world.problems(COUNTY).await.remove(0).state, "cured");
    world.finish().await;
}

#[tokio::test]
async fn a_resubmitted_row_is_collected_as_a_new_version() {
    let mut world = super::world_of(setup()).await;
    insert(&world, 1, BAD_ID).await;
    world.pass(1_000).await;
    let number = world.problems(COUNTY).await.remove(0).number;
    let audit = by_hand(world.now, "quarantine.resubmit");
    let changed =
        world.store(COUNTY).act_on_problems(&[number], ProblemAction::Resubmit, audit).await;
    assert_eq!(changed.unwrap(), 1);
    world.pass(5_000).await;
    // Still in the overlap that every pass reads again. The rule was not mended: it is held again, as its next version.
    assert_eq!(world.place(COUNTY, "SB", 1, 2).await, Some(Place::Quarantined));
    world.finish().await;
}

#[tokio::test]
async fn a_rejected_row_is_flagged_with_the_text_and_corrected() {
    let mut world = super::world_of(setup()).await;
    insert(&world, 1, ID).await;
    correct(&world, 1, "area_code", "880103101", "2026-11-21 08:10:00").await;
    world.quiet().await;
    assert_eq!(world.place(COUNTY, "SB", 1, 1).await, Some(Place::Rejected));
    assert_eq!(cell(&world, 1, "sync_flag").await.as_deref(), Some("3"));
    let said = cell(&world, 1, "sync_error").await.unwrap();
    assert!(said.starts_with("证书不含该区划") && said.contains("880103101"), "{said}");
    assert!(said.ends_with(" [record.authority]"), "{said}");
    correct(&world, 1, "area_code", "990103101", &world.now.to_string()).await;
    world.pass(5_000).await;
    assert_eq!(world.place(COUNTY, "SB", 1, 2).await, Some(Place::Accepted));
    assert_eq!(cell(&world, 1, "sync_flag").await.as_deref(), Some("1"));
    world.finish().await;
}

#[tokio::test]
async fn a_write_back_that_was_not_noted_is_written_again() {
    let mut world = super::world_of(setup()).await;
    world.failed = Some(Vec::new());
    let county = tests::world::code("county-1");
    world.faults.fail(&county, "commit_write_backs", 0, 2, tests::world::When::Before);
    insert(&world, 1, ID).await;
    world.quiet().await;
    assert_eq!(cell(&world, 1, "sync_flag").await.as_deref(), Some("1"));
    let status = world.store(COUNTY).status().await.unwrap();
    assert_eq!(status.adapters[0].write_backs, 0, "drained");
    world.finish().await;
}
