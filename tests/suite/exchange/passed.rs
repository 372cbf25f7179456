//! A certificate that ends in the middle of a backlog: what others have had before stays valid, by their
//! hop receipts; what nobody vouches for does not.

use envelope::evidence::Passed;
use exchange::passages;
use store::{OutState, Place};
use tests::world::carrier::{Rule, Trick};
use tests::world::input::cases;
use tests::world::{COUNTY, Left, PROVINCE, TOWN, World};

/// An envelope that the county has and nobody above: its sender's key was replaced meanwhile.
async fn rotated(lost_from: &'static str) -> World {
    let mut world = super::world().await;
    world.bus.rule(Rule::next("records", Trick::Lose).from(lost_from));
    world.drop_lines("a.csv", &cases(1..=2));
    world.quiet().await;
    assert_eq!(world.count(TOWN, Place::Accepted).await, 0);
    world.now = world.now.plus(1_000);
    world.rotate(TOWN);
    world
}

async fn kept(world: &World, tier: usize) -> Vec<Passed> {
    let sent = world.sent(TOWN).await;
    let records = sent.iter().find(|e| &*e.kind == "records").unwrap();
    passages::of(world.store(tier), &records.id).await.unwrap()
}

#[tokio::test]
async fn what_a_relay_had_before_the_end_is_valid_after_it() {
    let mut world = rotated("county-1").await;
    assert_eq!(
        kept(&world, TOWN).await.len(),
        1,
        "the county's hop receipt is stored at the origin"
    );
    assert!(kept(&world, PROVINCE).await.is_empty());
    world.heal().await;
    world.heal().await;
    assert_eq!(world.count(TOWN, Place::Accepted).await, 4);
    let codes = world.rules(PROVINCE, "refused").await;
    assert_eq!(codes, ["sender.certificate_revoked"], "refused first, then vouched for");
    let laid = ("notice.received".to_owned(), "hop.laid".to_owned());
    assert!(world.audited(PROVINCE).await.contains(&laid));
    assert!(!kept(&world, PROVINCE).await.is_empty(), "and stored at the destination");
    assert!(!kept(&world, COUNTY).await.is_empty(), "and along the way");
    // What is sealed under the new key goes its way as ever.
    world.drop_lines("b.csv", &cases([3]));
    world.quiet().await;
    assert_eq!(world.count(TOWN, Place::Accepted).await, 6);
    world.finish().await;
}

#[tokio::test]
async fn what_nobody_had_before_the_end_is_not_believed_by_its_own_time() {
    let mut world = rotated("town-1").await;
    assert!(kept(&world, TOWN).await.is_empty());
    world.pass(20_000).await;
    let codes = world.rules(COUNTY, "refused").await;
    assert!(
        !codes.is_empty() && codes.iter().all(|c| c == "sender.certificate_revoked"),
        "{codes:?}"
    );
    assert_eq!(world.kept().await, 0);
    let sent = world.sent(TOWN).await;
    let records = sent.iter().find(|e| &*e.kind == "records").unwrap();
    assert!(!matches!(records.state, OutState::Settled | OutState::Declined), "S1: still owed");
    world.finish_with(Left { unsettled: 1, day_open: true, ..Left::default() }).await;
}

/// The receipt was lost, the key replaced, the envelope sent again: the same receipt, no refusal.
#[tokio::test]
async fn a_duplicate_under_an_ended_certificate_gets_the_same_receipt_again() {
    let mut world = super::world().await;
    world.bus.rule(Rule::next("receipt", Trick::Lose).from("province"));
    world.drop_lines("a.csv", &cases(1..=2));
    world.quiet().await;
    let parcel = world.bus.published("records", "city-1").remove(0);
    world.now = world.now.plus(1_000);
    world.rotate(TOWN);
    world.bus.inject(parcel).await;
    world.heal().await;
    assert_eq!(world.count(TOWN, Place::Accepted).await, 4);
    assert!(world.rules(PROVINCE, "refused").await.is_empty());
    world.finish().await;
}

/// What was laid before a node is over when its envelope had the time to come again.
#[tokio::test]
async fn what_was_laid_before_a_node_is_not_kept_for_ever() {
    let mut world = rotated("county-1").await;
    world.heal().await;
    world.heal().await;
    let laid = |world: &World| world.store(PROVINCE).clone();
    assert_eq!(world.count(TOWN, Place::Accepted).await, 4);
    assert!(!laid(&world).standing(passages::LAID).await.unwrap().is_empty());
    world.now = world.now.plus(world.nodes[PROVINCE].node.limits.control_keep + 120_000);
    world.quiet().await;
    for prefix in [passages::LAID, passages::PASSED] {
        assert_eq!(laid(&world).standing(prefix).await.unwrap(), [], "{prefix}");
    }
    assert_eq!(kept(&world, TOWN).await.len(), 2, "evidence stays as long as its envelope");
    world.finish().await;
}
