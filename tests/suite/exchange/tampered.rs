//! One byte changed in transit: refused with a code, the refusal travels back, nothing else happens, and the
//! right bytes settle it.

use store::{OutState, Place};
use tests::world::input::cases;
use tests::world::{PROVINCE, Rule, TIERS, TOWN, Trick, forge};

/// Changed before it comes to `tier`; refused there with `code`.
async fn refused_at(tier: usize, trick: Trick, code: &str) {
    let mut world = super::world().await;
    world.bus.rule(Rule::next("records", trick).to(TIERS[tier]));
    world.drop_lines("a.csv", &cases(1..=3));
    let mut reason = None;
    for _ in 0..40 {
        world.turn().await;
        let sent = world.sent(TOWN).await;
        if let Some(waits) = sent.iter().find(|e| e.state == OutState::RetryWait) {
            reason.clone_from(&waits.reason);
            assert_eq!(world.kept().await, 0, "S7");
            break;
        }
    }
    assert_eq!(reason.as_deref(), Some(code), "the refusal came back to the origin");
    world.quiet().await;
    assert_eq!(world.rules(tier, "refused").await, [code]);
    let audited = world.audited(tier).await;
    assert!(audited.contains(&("parcel.refused".into(), code.into())), "{audited:?}");
    assert_eq!(world.count(TOWN, Place::Accepted).await, 6);
    let sent = world.bus.published("records", "town-1");
    assert_eq!(sent.len(), 2);
    assert_eq!(sent[0].frame, sent[1].frame, "the same bytes again");
    world.finish().await;
}

#[tokio::test]
async fn in_the_signature_at_the_first_hop() {
    refused_at(1, forge::signature_changed(), "sender.signature_invalid").await;
}

#[tokio::test]
async fn in_the_signature_at_the_destination() {
    refused_at(PROVINCE, forge::signature_changed(), "sender.signature_invalid").await;
}

#[tokio::test]
async fn in_the_head() {
    let trick = forge::replaced("<SealedAt>2026-11-21 09:3", "<SealedAt>2026-11-21 09:2");
    refused_at(PROVINCE, trick, "sender.signature_invalid").await;
}

#[tokio::test]
async fn in_a_record() {
    let trick = forge::replaced("<SLSJ>2026-11-21 09", "<SLSJ>2026-11-20 09");
    refused_at(PROVINCE, trick, "envelope.root_mismatch").await;
}

#[tokio::test]
async fn in_the_number() {
    let trick = forge::replaced("<Sequence>1<", "<Sequence>7<");
    refused_at(2, trick, "sender.outside_differs").await;
}

#[tokio::test]
async fn in_the_packing() {
    refused_at(1, forge::frame_damaged(), "envelope.frame").await;
}

#[tokio::test]
async fn or_given_up_by_the_carrier_on_the_way() {
    refused_at(1, Trick::Dead, "bus.dead_lettered").await;
}

#[tokio::test]
async fn or_given_up_by_the_carrier_at_the_end() {
    refused_at(PROVINCE, Trick::Dead, "bus.dead_lettered").await;
}
