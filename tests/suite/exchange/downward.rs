//! What comes down as records: a card from the province, the county's reply and appeal, the decision.

use envelope::control::Side;
use store::Place;
use tests::world::card::CardLine;
use tests::world::{COUNTY, Feed, PROVINCE, Setup, TOWN, World};

fn setup() -> Setup {
    Setup { feeds: vec![Feed::Cards(COUNTY), Feed::Cards(PROVINCE)], ..Setup::default() }
}

const CARD: CardLine = CardLine("JCKP", 1, "990000", "2026-11-21 09:00:00", "请说明超时原因");
const REPLY: CardLine = CardLine("KPFK", 1, "990103", "2026-11-21 09:20:00", "已办结并说明原因");
const APPEAL: CardLine = CardLine("KPSS", 1, "990103", "2026-11-21 09:21:00", "特别程序未扣除");
const DECISION: CardLine = CardLine("SSCL", 1, "990000", "2026-11-21 09:25:00", "同意撤销");

async fn issued() -> World {
    let mut world = super::world_of(setup()).await;
    world.drop_cards(PROVINCE, "card.csv", &[CARD]);
    world.quiet().await;
    assert_eq!(world.card_place(PROVINCE, "JCKP", 1).await, Some(Place::Accepted));
    assert_eq!(world.kept_kinds(COUNTY).await, ["JCKP"], "the county keeps it");
    world
}

#[tokio::test]
async fn a_card_comes_down_its_reply_and_appeal_go_up_and_the_decision_comes_down() {
    let mut world = issued().await;
    world.drop_cards(COUNTY, "reply.csv", &[REPLY, APPEAL]);
    world.quiet().await;
    assert_eq!(world.card_place(COUNTY, "KPFK", 1).await, Some(Place::Accepted));
    assert_eq!(world.kept_kinds(PROVINCE).await, ["KPFK", "KPSS"]);
    let receipt = world.bus.published("receipt", "province").pop().expect("a receipt");
    let receipt = String::from_utf8(tests::world::forge::package(&receipt)).expect("UTF-8");
    assert!(!receipt.contains("record.parent_absent"), "the issuer knows its own card");
    world.drop_cards(PROVINCE, "decision.csv", &[DECISION]);
    world.quiet().await;
    assert_eq!(world.card_place(PROVINCE, "SSCL", 1).await, Some(Place::Accepted));
    assert_eq!(world.kept_kinds(COUNTY).await, ["JCKP", "SSCL"]);
    world.finish().await;
}

#[tokio::test]
async fn a_reply_from_before_its_card_is_held_where_the_card_is_kept() {
    let mut world = issued().await;
    let early = CardLine("KPFK", 1, "990103", "2026-11-21 08:00:00", "尚未发牌");
    world.drop_cards(COUNTY, "reply.csv", &[early]);
    world.quiet().await;
    assert_eq!(world.card_place(COUNTY, "KPFK", 1).await, Some(Place::Quarantined));
    assert_eq!(world.rules(COUNTY, "quarantined").await, ["case.order"]);
    world.finish().await;
}

#[tokio::test]
async fn a_reply_to_a_card_that_nobody_issued_waits_for_it() {
    let mut world = super::world_of(setup()).await;
    world.drop_cards(COUNTY, "reply.csv", &[REPLY]);
    world.pass(3_000).await;
    assert_ne!(world.card_place(COUNTY, "KPFK", 1).await, Some(Place::Accepted));
    assert!(world.kept_kinds(PROVINCE).await.is_empty(), "nothing is parked above");
    world.drop_cards(PROVINCE, "card.csv", &[CARD]);
    world.pass(15_000).await;
    assert_eq!(world.card_place(COUNTY, "KPFK", 1).await, Some(Place::Accepted));
    world.finish().await;
}

#[tokio::test]
async fn nobody_issues_for_a_region_above_its_own() {
    let feeds = vec![Feed::Cards(TOWN)];
    let mut world = super::world_of(Setup { feeds, region: "990103", ..Setup::default() }).await;
    world.drop_cards(TOWN, "card.csv", &[CARD]);
    world.quiet().await;
    assert_eq!(world.card_place(TOWN, "JCKP", 1).await, Some(Place::Rejected));
    assert_eq!(world.rules(TOWN, "rejected").await, ["record.authority"]);
    world.finish().await;
}

/// Two nodes that send to each other have two books of a day, and neither hides the other.
#[tokio::test]
async fn both_books_of_a_day_agree_where_both_send() {
    let mut world = issued().await;
    world.drop_cards(COUNTY, "reply.csv", &[REPLY]);
    world.quiet().await;
    let day = world.now.day();
    world.finish().await;
    let (county, province) = ("county-1", "province");
    for (tier, me) in [(COUNTY, county), (PROVINCE, province)] {
        let manifests = world.store(tier).manifests(day).await.unwrap();
        let mine = manifests.iter().find(|m| m.by.as_str() == me).expect("own books");
        assert!(mine.is_final, "{me}: {mine:?}");
        let theirs = manifests.iter().find(|m| m.by.as_str() != me).expect("the other's books");
        let lines = exchange::reconcile::read(&theirs.body);
        for side in [Side::Sender, Side::Receiver] {
            assert!(lines.iter().any(|l| l.side == side), "{side:?} at {me} is not overwritten");
        }
        assert_eq!(world.store(tier).discrepancies(day).await.unwrap(), []);
    }
}
