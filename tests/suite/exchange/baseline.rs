//! What the old job reported is marked and never sent; what changes later goes up.

use canon::Key;
use exchange::reconcile;
use store::{BaselineRow, Place};
use tests::world::input::{self, cases, line};
use tests::world::{PROVINCE, TOWN, World};

async fn mark(world: &World, kind: &str, case: u32, version: u32) -> u64 {
    let row = BaselineRow {
        kind: kind.into(),
        key: Key::new(input::UNIT, &[&input::case(case)]),
        destination: None,
        version,
        content: None,
        reported: None,
        day: world.now.day(),
    };
    world.store(TOWN).import_baseline(vec![row], world.now).await.unwrap()
}

#[tokio::test]
async fn is_never_sent_and_its_change_is() {
    let mut world = super::world().await;
    let today = world.now.day();
    for case in [1, 2] {
        assert_eq!(mark(&world, "SB", case, 4).await, 1);
        assert_eq!(mark(&world, "SL", case, 1).await, 1);
    }
    world.drop_lines("a.csv", &cases(1..=3));
    world.quiet().await;
    assert_eq!(world.kept().await, 2, "only what was never reported goes up");
    assert_eq!(world.place(TOWN, "SB", 1, 1).await, None, "in no place");

    world.drop_lines("b.csv", &cases(1..=3));
    world.quiet().await;
    assert_eq!(world.kept().await, 2, "read again, still the same");

    world.drop_lines("c.csv", &[line("SB", 1).text("更正后的项目"), line("SL", 1)]);
    world.quiet().await;
    assert_eq!(world.place(TOWN, "SB", 1, 5).await, Some(Place::Accepted), "the next version");
    assert_eq!(world.kept().await, 3);
    assert_eq!(mark(&world, "SB", 1, 9).await, 0, "collected by now: no baseline any more");
    world.drop_lines("d.csv", &[line("SB", 1).text("再更正"), line("SL", 1)]);
    world.quiet().await;
    assert_eq!(world.place(TOWN, "SB", 1, 6).await, Some(Place::Accepted));

    world.finish().await;
    for (tier, side) in [(TOWN, "sender"), (PROVINCE, "receiver")] {
        let manifests = world.store(tier).manifests(today).await.unwrap();
        let own = manifests.iter().find(|m| m.by.as_str() == "town-1").expect(side);
        let lines = reconcile::read(&own.body);
        let marks: Vec<(&str, u64)> =
            lines.iter().map(|l| (l.kind.as_str(), l.baseline)).filter(|l| l.1 > 0).collect();
        assert_eq!(marks, [("SB", 2), ("SL", 2)], "a line of its own at the {side}");
        let collected: u64 = lines.iter().map(|l| l.counts.collected()).sum();
        assert_eq!(collected, 4, "outside the places");
    }
}

#[tokio::test]
async fn a_child_of_one_goes_up_without_its_parent() {
    let mut world = super::world().await;
    mark(&world, "SB", 4, 1).await;
    world.drop_lines("a.csv", &cases([4]));
    world.quiet().await;
    assert_eq!(world.place(TOWN, "SL", 4, 1).await, Some(Place::Accepted));
    assert_eq!(world.kept().await, 1, "the parent is not here, and nobody waits for it");
    world.finish().await;
}

#[tokio::test]
async fn one_that_is_voided_goes_up_as_its_next_version() {
    let mut world = super::world().await;
    mark(&world, "SB", 7, 2).await;
    world.drop_lines("a.csv", &[line("SB", 7).void(), line("SB", 8).void()]);
    world.quiet().await;
    assert_eq!(world.place(TOWN, "SB", 7, 3).await, Some(Place::Accepted));
    assert_eq!(world.kept().await, 1, "what never was is not voided");
    world.finish().await;
}
