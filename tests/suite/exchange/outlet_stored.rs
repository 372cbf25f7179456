//! An outlet whose node keeps its facts in PostgreSQL, behind it front tables in MariaDB and in
//! PostgreSQL; and deaths in the middle.

use exchange::Limits;
use store::Place;
use tests::world::input::{cases, line};
use tests::world::platform::{Act, Way};
use tests::world::{self, PROVINCE, Setup, TOWN, When, World};

async fn world_by(way: Way) -> World {
    let limits = Limits {
        envelope_records_max: 3,
        lease_ttl: 1_000,
        outlet_attempts_max: 4,
        ..world::limits()
    };
    super::world_of(Setup { outlet: Some(way), limits, ..Setup::default() }).await
}

async fn finish(mut world: World) {
    world.platform().mind.hold();
    let waits = world.store(PROVINCE).outlet_status().await.unwrap();
    assert_eq!(waits, store::OutletStatus::default(), "nothing waits any more");
    world.finish().await;
    world.platform().remove().await;
}

/// A refusal, an answer that is lost, and a death at the platform's node.
async fn told(way: Way, death: Option<(&'static str, When)>) {
    let mut world = world_by(way).await;
    world.platform().mind.rule("SB", 2, Act::Answer("-1", "必填项为空"), 1);
    world.platform().mind.lose(1);
    world.failed = Some(Vec::new());
    if let Some((call, when)) = death {
        world.faults.die_in(&world::code("province"), call, when);
    }
    world.drop_lines("a.csv", &cases(1..=2));
    world.quiet().await;
    if death.is_some() {
        assert!(world.faults.dead(), "{death:?} never came");
        world.restart();
    }
    world.quiet().await;
    world.drop_lines("b.csv", &[line("SB", 2).text("更正后的『名称』与\\反斜杠'")]);
    world.quiet().await;
    // Each turn of four tiers costs many trips to the server: no longer than it takes.
    for _ in 0..2 {
        if world.count(TOWN, Place::Accepted).await < 4 {
            world.heal().await;
        }
    }
    assert_eq!(world.count(TOWN, Place::Accepted).await, 4, "{way:?} {death:?}");
    assert_eq!(world.platform().mind.took().len(), 4, "{way:?} {death:?}");
    finish(world).await;
}

#[tokio::test]
async fn front_tables_of_mariadb_are_filled_from_a_store_in_postgresql() {
    told(Way::Mariadb, None).await;
}

#[tokio::test]
async fn front_tables_of_postgresql_are_filled_from_a_store_beside_them() {
    told(Way::Postgres, None).await;
}

#[tokio::test]
async fn a_death_before_the_answers_are_written_down_gives_nothing_twice() {
    told(Way::Mariadb, Some(("commit_submitted", When::Before))).await;
}

#[tokio::test]
async fn a_death_after_the_answers_are_written_down_gives_nothing_twice() {
    told(Way::Mariadb, Some(("commit_submitted", When::After))).await;
}

#[tokio::test]
async fn a_record_is_given_up_in_a_store_in_postgresql_too() {
    let mut world = world_by(Way::Mariadb).await;
    world.platform().mind.rule("SB", 1, Act::Hang, 1);
    world.drop_lines("a.csv", &cases(1..=1));
    world.pass(3_000).await;
    let key = canon::Key::new(world::input::UNIT, &[&world::input::case(1)]);
    let record = canon::RecordId { kind: "SB".into(), key, version: 1 };
    let store = world.store(PROVINCE).clone();
    let ordered = exchange::outlet::give_up(&store, &record, ("op-7", "停用"), world.now).await;
    assert_eq!(ordered.unwrap(), 1);
    world.quiet().await;
    assert_eq!(world.place(TOWN, "SB", 1, 1).await, Some(Place::Rejected));
    world.platform().mind.relent();
    world.drop_lines("b.csv", &[line("SB", 1).text("再报")]);
    world.quiet().await;
    if world.count(TOWN, Place::Accepted).await < 2 {
        world.heal().await;
    }
    assert_eq!(world.count(TOWN, Place::Accepted).await, 2);
    finish(world).await;
}
