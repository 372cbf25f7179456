//! The process dies before or after any fact of any node, is started again, and nothing is lost, doubled or
//! unexplained.

use store::Place;
use tests::world::input::{cases, line};
use tests::world::{self, Setup, TOWN, When, World};

/// Deaths tried in one test.
const DEATHS: u64 = 24;

fn setup() -> Setup {
    let limits = exchange::Limits { envelope_records_max: 3, lease_ttl: 1_000, ..world::limits() };
    Setup { limits, ..Setup::default() }
}

async fn flow(world: &mut World) {
    let mut lines = cases(1..=3);
    lines.extend([line("SL", 4), line("SB", 5).bad()]);
    world.drop_lines("a.csv", &lines);
    world.quiet().await;
}

async fn dies(call: u64, when: When) {
    let mut world = super::world_of(setup()).await;
    world.failed = Some(Vec::new());
    world.faults.die_at(call, when);
    flow(&mut world).await;
    assert!(world.faults.dead(), "call {call} never came");
    world.restart();
    world.drop_lines("b.csv", &[line("SB", 4)]);
    world.quiet().await;
    world.heal().await;
    assert_eq!(world.count(TOWN, Place::Accepted).await, 8, "dead at call {call}, {when:?}");
    assert_eq!(world.count(TOWN, Place::Quarantined).await, 1);
    assert_eq!(world.kept().await, 8);
    world.finish().await;
}

async fn everywhere(when: When) {
    let mut world = super::world_of(setup()).await;
    flow(&mut world).await;
    let calls = world.faults.calls();
    world.finish_with(world::Left { waiting: 1, ..Default::default() }).await;
    assert!(calls > DEATHS);
    // The first turns hold the flow, the rest is the quiet after it.
    let busy = calls / 3;
    for n in 0..DEATHS {
        dies(1 + n * busy / DEATHS, when).await;
    }
}

#[tokio::test]
async fn before_a_fact() {
    everywhere(When::Before).await;
}

#[tokio::test]
async fn after_a_fact() {
    everywhere(When::After).await;
}
