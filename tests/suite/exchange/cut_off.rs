//! A node is cut off: the backlog grows, no attempts are burnt, and everything drains afterwards, nothing
//! twice.

use store::Place;
use tests::world::input::cases;
use tests::world::{self, PROVINCE, Setup, TOWN};

fn setup() -> Setup {
    let limits =
        exchange::Limits { envelope_records_max: 2, receipt_overdue: 600_000, ..world::limits() };
    Setup { limits, ..Setup::default() }
}

#[tokio::test]
async fn the_next_hop() {
    let mut world = super::world_of(setup()).await;
    let county = world::code("county-1");
    world.bus.cut(&county, true);
    for n in 0..3 {
        world.drop_lines(&format!("{n}.csv"), &cases(n * 5 + 1..=n * 5 + 5));
        world.pass(20_000).await;
        assert_eq!(world.count(TOWN, Place::InFlight).await, u64::from(n + 1) * 10, "the backlog");
    }
    for envelope in world.sent(TOWN).await {
        assert!(envelope.attempts <= 1, "{} burnt {} attempts", envelope.id, envelope.attempts);
    }
    let status = world.store(TOWN).status().await.unwrap();
    let link = status.links.iter().find(|l| l.link == "parent").expect("the link");
    assert_eq!(link.reason.as_deref(), Some("bus.unreachable"));
    assert_eq!(link.due, 30);

    world.bus.cut(&county, false);
    world.pass(5_000).await;
    world.quiet().await;
    assert_eq!(world.count(TOWN, Place::Accepted).await, 30);
    assert_eq!(world.kept().await, 30);
    assert_eq!(world.store(PROVINCE).status().await.unwrap().judged, 15);
    let status = world.store(TOWN).status().await.unwrap();
    assert!(status.links.iter().all(|l| l.reason.is_none()), "no stale reason");
    world.finish().await;
}

#[tokio::test]
async fn the_destination() {
    let mut world = super::world_of(setup()).await;
    let province = world::code("province");
    world.bus.cut(&province, true);
    for n in 0..3 {
        world.drop_lines(&format!("{n}.csv"), &cases(n * 5 + 1..=n * 5 + 5));
        world.pass(20_000).await;
    }
    assert_eq!(world.count(TOWN, Place::InFlight).await, 30);
    assert_eq!(world.count(TOWN, Place::Accepted).await, 0, "a hop receipt is not a receipt");
    let status = world.store(world::CITY).status().await.unwrap();
    let link = status.links.iter().find(|l| l.link == "parent").expect("the link");
    assert_eq!((link.due, link.reason.as_deref()), (30, Some("bus.unreachable")));

    world.bus.cut(&province, false);
    world.pass(5_000).await;
    world.quiet().await;
    assert_eq!(world.count(TOWN, Place::Accepted).await, 30);
    assert_eq!(world.kept().await, 30);
    assert_eq!(world.bus.published("records", "town-1").len(), 15, "nothing was sent twice");
    world.finish().await;
}
