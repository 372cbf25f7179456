//! A record changes, is voided, or is only read again.

use store::Place;
use tests::world::input::{cases, line};
use tests::world::{PROVINCE, TOWN};

#[tokio::test]
async fn a_changed_case_goes_up_as_version_2() {
    let mut world = super::world().await;
    world.drop_lines("a.csv", &cases([1]));
    world.quiet().await;
    world.drop_lines("b.csv", &[line("SB", 1).text("更正后的项目"), line("SL", 1)]);
    world.quiet().await;
    assert_eq!(world.place(TOWN, "SB", 1, 2).await, Some(Place::Accepted));
    assert_eq!(world.place(TOWN, "SL", 1, 2).await, None, "the other record did not change");
    assert_eq!(world.kept().await, 3, "receivers keep every version");
    world.finish().await;
}

#[tokio::test]
async fn a_change_is_noticed_while_the_first_version_is_still_on_its_way() {
    let mut world = super::world().await;
    world.drop_lines("a.csv", &cases([1]));
    world.drop_lines("b.csv", &[line("SB", 1).text("甲")]);
    world.drop_lines("c.csv", &[line("SB", 1).text("乙")]);
    world.quiet().await;
    assert_eq!(world.count(TOWN, Place::Accepted).await, 4);
    assert_eq!(world.place(TOWN, "SB", 1, 3).await, Some(Place::Accepted));
    world.finish().await;
}

#[tokio::test]
async fn a_voided_case_is_marked_and_never_deleted() {
    let mut world = super::world().await;
    world.drop_lines("a.csv", &cases([1, 2]));
    world.quiet().await;
    world.drop_lines("b.csv", &[line("SL", 1).void(), line("SB", 1).void()]);
    world.quiet().await;
    assert_eq!(world.place(TOWN, "SB", 1, 2).await, Some(Place::Accepted), "its own version");
    assert_eq!(world.place(TOWN, "SL", 1, 2).await, Some(Place::Accepted));
    assert_eq!(world.kept().await, 6);
    let key = canon::Key::new(tests::world::input::UNIT, &[&tests::world::input::case(1)]);
    let kept = world.store(PROVINCE).kept_cases(&[key.root()]).await.unwrap();
    let voided: Vec<u32> = kept.iter().filter(|k| k.voided).map(|k| k.id.version).collect();
    assert_eq!(voided, [2, 2]);
    world.drop_lines("c.csv", &[line("SL", 1).void(), line("SB", 1).void(), line("SB", 9).void()]);
    world.quiet().await;
    assert_eq!(world.kept().await, 6, "voided once; what never was is not voided");
    world.finish().await;
}

#[tokio::test]
async fn the_same_file_twice_and_the_same_lines_in_another_file_are_no_news() {
    let mut world = super::world().await;
    let lines = cases(1..=3);
    world.drop_lines("a.csv", &lines);
    world.quiet().await;
    world.drop_lines("copy of a.csv", &lines);
    world.quiet().await;
    let mut other = lines.clone();
    other.reverse();
    world.drop_lines("b.csv", &other);
    world.quiet().await;
    assert_eq!(world.count(TOWN, Place::Accepted).await, 6);
    assert_eq!(world.kept().await, 6);
    assert_eq!(world.bus.published("records", "town-1").len(), 1);
    world.finish().await;
}
