//! A record of an idle route goes at once; while its route is busy, records wait for company.

use tests::world::input::cases;
use tests::world::{Setup, TOWN, limits};

#[tokio::test]
async fn the_first_goes_at_once_and_the_next_ones_together() {
    let limits = exchange::Limits { seal_delay: 1_000, ..limits() };
    let mut world = super::world_of(Setup { limits, ..Setup::default() }).await;
    world.drop_lines("a.csv", &cases(1..=1));
    world.turn().await;
    assert_eq!(world.sent(TOWN).await.len(), 1, "nothing was on its way, so nobody waits");
    world.drop_lines("b.csv", &cases(2..=2));
    world.turn().await;
    world.drop_lines("c.csv", &cases(3..=3));
    world.turn().await;
    assert_eq!(world.sent(TOWN).await.len(), 1, "a batch was sealed within the delay");
    world.pass(1_000).await;
    let sent = world.sent(TOWN).await;
    assert_eq!(sent.len(), 2, "both in one: {sent:?}");
    world.quiet().await;
    world.finish().await;
}
