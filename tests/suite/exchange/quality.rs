//! Records returned after acceptance: marked at their sender with a deadline, still accepted, answered by
//! their next version.

use canon::{Key, Millis};
use envelope::Kind;
use envelope::control::QualityNotice;
use exchange::Limits;
use exchange::returned::{self, Finding};
use store::Place;
use tests::world::input::{UNIT, case, cases, line};
use tests::world::{self, PROVINCE, Setup, TOWN, World};

fn deadline() -> Millis {
    Millis::parse("2026-11-25 18:00:00").unwrap()
}

fn finding(n: u32, version: Option<u32>) -> Finding {
    Finding {
        kind: "SB".into(),
        key: Key::new(UNIT, &[&case(n)]).to_string(),
        version,
        rule: "spot_check.phone".into(),
        field: Some("LXRSJ".into()),
        text: "联系人手机无法接通，请核实".into(),
        deadline: deadline(),
    }
}

async fn tell(world: &World, findings: &[Finding]) -> returned::Issued {
    returned::issue(world.store(PROVINCE), findings, "op-07", world.now).await.unwrap()
}

#[tokio::test]
async fn a_returned_record_stays_accepted_and_its_next_version_answers() {
    let mut world = super::world().await;
    world.drop_lines("a.csv", &cases(1..=2));
    world.quiet().await;
    assert_eq!(tell(&world, &[finding(1, None)]).await.told, 1);
    world.quiet().await;

    let listed = returned::list(world.store(TOWN)).await.unwrap();
    assert_eq!(listed.len(), 1);
    let one = &listed[0];
    assert_eq!((one.kind.as_str(), one.mark.version, one.answer), ("SB", 1, None));
    assert_eq!((one.mark.rule.as_str(), one.mark.by.as_str()), ("spot_check.phone", "province"));
    assert!(one.is_open() && !one.is_overdue(world.now) && one.is_overdue(deadline().plus(1)));
    assert_eq!(world.place(TOWN, "SB", 1, 1).await, Some(Place::Accepted), "S1");
    assert_eq!(world.count(TOWN, Place::Accepted).await, 4, "in every sum");
    let noted = ("notice.received".to_owned(), "notice.quality".to_owned());
    assert!(world.audited(TOWN).await.contains(&noted));

    world.drop_lines("b.csv", &[line("SB", 1).text("已核实更正")]);
    world.quiet().await;
    let listed = returned::list(world.store(TOWN)).await.unwrap();
    assert_eq!(listed[0].answer, Some((2, Place::Accepted)), "shown beside it");
    assert!(!listed[0].is_open(), "answered");
    world.finish().await;
}

#[tokio::test]
async fn answered_marks_go_in_time_and_open_ones_stay() {
    let limits = Limits { control_keep: 3_600_000, ..world::limits() };
    let mut world = super::world_of(Setup { limits, ..Setup::default() }).await;
    world.drop_lines("a.csv", &cases(1..=2));
    world.quiet().await;
    tell(&world, &[finding(1, None), finding(2, None)]).await;
    world.quiet().await;
    world.drop_lines("b.csv", &[line("SB", 1).text("已核实更正")]);
    world.quiet().await;
    assert_eq!(returned::list(world.store(TOWN)).await.unwrap().len(), 2);
    world.now = Millis::parse("2026-11-22 00:10:00").unwrap();
    world.pass(2_000).await;
    let listed = returned::list(world.store(TOWN)).await.unwrap();
    assert_eq!(listed.len(), 1);
    assert!(listed[0].is_open() && listed[0].key.number() == case(2));
    world.finish().await;
}

#[tokio::test]
async fn a_next_version_that_is_held_itself_is_no_answer() {
    let mut world = super::world().await;
    world.drop_lines("a.csv", &cases([1]));
    world.quiet().await;
    tell(&world, &[finding(1, Some(1))]).await;
    world.quiet().await;
    world.drop_lines("b.csv", &[line("SB", 1).bad()]);
    world.quiet().await;
    let listed = returned::list(world.store(TOWN)).await.unwrap();
    assert_eq!(listed[0].answer, Some((2, Place::Quarantined)));
    assert!(listed[0].is_open());
    world.finish().await;
}

#[tokio::test]
async fn what_is_not_kept_returns_nothing_and_is_audited() {
    let mut world = super::world().await;
    world.drop_lines("a.csv", &cases([1]));
    world.quiet().await;
    let issued = tell(&world, &[finding(7, None), finding(1, Some(9))]).await;
    assert_eq!((issued.told, issued.unknown.len()), (0, 2));
    let said = ("notice.quality".to_owned(), "notice.unknown_record".to_owned());
    assert!(world.audited(PROVINCE).await.contains(&said));
    world.quiet().await;
    assert!(returned::list(world.store(TOWN)).await.unwrap().is_empty());
    world.finish().await;
}

/// Sends a notice from one node to another, whoever it is.
async fn send(world: &World, from: usize, to: &str, version: u32) {
    let notice = QualityNotice {
        kind: "SB".into(),
        key: Key::new(UNIT, &[&case(1)]).to_string(),
        version,
        rule: "spot_check".into(),
        field: None,
        text: String::new(),
        deadline: deadline(),
    };
    let body = [notice.write()];
    let day = world.now.day();
    let content = exchange::control::content(Kind::Notice, &world::code(to), day, &body);
    world.store(from).queue_controls(vec![content], world.now).await.unwrap();
}

#[tokio::test]
async fn the_same_again_changes_nothing_and_nobody_returns_what_was_never_reported() {
    let mut world = super::world().await;
    world.drop_lines("a.csv", &cases([1]));
    world.quiet().await;
    tell(&world, &[finding(1, None)]).await;
    tell(&world, &[finding(1, None)]).await;
    send(&world, PROVINCE, "town-1", 5).await;
    world.quiet().await;
    let listed = returned::list(world.store(TOWN)).await.unwrap();
    assert_eq!((listed.len(), listed[0].mark.version), (1, 1));
    let said = ("notice.quality".to_owned(), "notice.unknown_record".to_owned());
    assert!(world.audited(TOWN).await.contains(&said), "version 5 was never reported");
    send(&world, TOWN, "province", 1).await;
    world.quiet().await;
    assert!(returned::list(world.store(PROVINCE)).await.unwrap().is_empty(), "not from below");
    world.finish().await;
}
