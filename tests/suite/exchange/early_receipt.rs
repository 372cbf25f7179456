//! The receipt is there before the carrier's confirm: it settles all the same.

use canon::Millis;
use exchange::Limits;
use store::{OutState, Place};
use tests::world::input::cases;
use tests::world::{self, Rule, Setup, TOWN, Trick, When};

#[tokio::test]
async fn settles_an_envelope_that_was_never_confirmed() {
    let limits = Limits { retry_min: 600_000, retry_max: 600_000, ..world::limits() };
    let mut world = super::world_of(Setup { limits, ..Setup::default() }).await;
    world.bus.rule(Rule::next("records", Trick::Unconfirmed).from("town-1"));
    world.drop_lines("a.csv", &cases(1..=3));
    world.quiet().await;
    assert_eq!(world.count(TOWN, Place::Accepted).await, 6);
    let sent = world.sent(TOWN).await;
    assert_eq!((sent[0].state, sent[0].attempts, sent[0].sent_at), (OutState::Settled, 1, None));
    assert_eq!(world.bus.published("records", "town-1").len(), 1);
    // The link counts as down until its next try; only then the manifest goes.
    world.now = Millis::parse("2026-11-22 01:00:00").expect("a time");
    world.quiet().await;
    world.finish().await;
}

#[tokio::test]
async fn settles_an_envelope_whose_attempt_row_was_lost() {
    let mut world = super::world().await;
    world.failed = Some(Vec::new());
    let town = world::code("town-1");
    // Its three control-free turns of dispatch: the carrier has the parcel, the store does not know.
    world.faults.fail(&town, "attempted", 0, 3, When::Before);
    world.drop_lines("a.csv", &cases(1..=3));
    world.quiet().await;
    assert_eq!(world.failed.take().map(|f| f.len()), Some(3));
    assert_eq!(world.count(TOWN, Place::Accepted).await, 6);
    assert_eq!(world.kept().await, 6, "sent more than once, in effect once");
    world.finish().await;
}
