//! Red, blue and what lies between them: a node certified by the same authority that speaks in another's
//! name, about another's envelopes, or with another's bytes. Nothing it says has an effect on red.

use bus::Parcel;
use canon::{EnvelopeId, Millis};
use envelope::control::{Answer, Hop, Inquiry, Refusal, Stage};
use envelope::{By, Kind, OutcomeLine, ReceiptFor, write_outcome};
use store::{OutState, Place};
use tests::world::blue::{BLUE, Blue, RED_REGION, said};
use tests::world::input::cases;
use tests::world::{self, COUNTY, PROVINCE, Rule, Setup, TIERS, TOWN, Trick, World, forge};

async fn with_blue() -> (World, Blue) {
    let setup = Setup { blue: true, region: RED_REGION, ..Setup::default() };
    let mut world = super::world_of(setup).await;
    let blue = world.blue();
    (world, blue)
}

/// Red's envelope went its way and is settled.
async fn red_settled() -> (World, Blue, Parcel) {
    let (mut world, blue) = with_blue().await;
    world.drop_lines("a.csv", &cases(1..=3));
    world.quiet().await;
    assert_eq!(world.count(TOWN, Place::Accepted).await, 6);
    let parcel = world.bus.published("records", "town-1").remove(0);
    (world, blue, parcel)
}

/// Red's envelope is on its way and lost before the province: the county has passed it on, and red waits.
async fn red_waits() -> (World, Blue, Parcel) {
    let (mut world, blue) = with_blue().await;
    world.bus.rule(Rule::next("records", Trick::Lose).to("province"));
    world.drop_lines("a.csv", &cases(1..=3));
    world.pass(2_000).await;
    let parcel = world.bus.published("records", "town-1").remove(0);
    assert_eq!(world.sent(TOWN).await[0].state, OutState::Sent);
    (world, blue, parcel)
}

/// In spite of everything red's records arrive, once.
async fn red_is_whole(mut world: World) {
    world.heal().await;
    assert_eq!(world.count(TOWN, Place::Accepted).await, 6);
    assert_eq!(world.kept().await, 6);
    world.finish().await;
}

fn answered(parcel: &Parcel, at: Millis) -> ReceiptFor {
    let package = forge::package(parcel);
    let opened = envelope::open(&package).expect("a package");
    ReceiptFor {
        envelope: opened.head.id(),
        head: opened.head_digest(),
        root: opened.head.root,
        received_at: Millis(at.0 - at.0.rem_euclid(1000)),
        by: By::Node,
        decline: None,
    }
}

fn accepted(count: u32) -> Vec<Vec<u8>> {
    (0..count).map(|i| write_outcome(&OutcomeLine::accepted(i))).collect()
}

fn refusal(parcel: &Parcel, code: &str, at: Millis) -> Vec<u8> {
    Refusal {
        parcel: canon::DigestAlg::default().of(&[&parcel.frame]),
        claimed: Some(parcel.id.clone()),
        code: code.into(),
        text: String::new(),
        at: Millis(at.0 - at.0.rem_euclid(1000)),
    }
    .write()
}

async fn refused_at_the_county(mut world: World, parcel: Parcel, code: &str) {
    world.bus.inject(parcel).await;
    world.quiet().await;
    assert_eq!(world.rules(COUNTY, "refused").await, [code]);
    let event = ("parcel.refused".to_owned(), code.to_owned());
    assert!(world.audited(COUNTY).await.contains(&event));
    red_is_whole(world).await;
}

// ── in red's name ────────────────────────────────────────────────────────────────────────────

#[tokio::test]
async fn blue_as_red_with_its_own_key() {
    let (world, blue, parcel) = red_settled().await;
    let forged = forge::resealed(&parcel, blue.signer(), |h| h.sequence = 2);
    refused_at_the_county(world, forged, "sender.node_mismatch").await;
}

#[tokio::test]
async fn blue_as_red_by_blues_own_link() {
    let (world, blue, parcel) = red_settled().await;
    let forged = forge::resealed(&parcel, world.signer(TOWN), |h| h.sequence = 2);
    refused_at_the_county(world, blue.passes_on(&forged), "sender.link").await;
}

#[tokio::test]
async fn blue_replays_reds_envelope_as_it_is() {
    let (world, blue, parcel) = red_settled().await;
    refused_at_the_county(world, blue.passes_on(&parcel), "sender.link").await;
}

#[tokio::test]
async fn red_outside_and_blue_inside() {
    let (world, blue, parcel) = red_settled().await;
    let own = blue.takes_as_its_own(&parcel, |h| h.sequence = 2);
    let id = EnvelopeId { sequence: 2, ..parcel.id };
    let forged = Parcel { id, from: world::code("town-1"), ..own };
    refused_at_the_county(world, forged, "sender.outside_differs").await;
}

// ── two senders ──────────────────────────────────────────────────────────────────────────────

/// The same epoch, route and sequence from two senders are two envelopes; the records in the second
/// belong to whose they were first.
#[tokio::test]
async fn the_same_number_from_two_senders() {
    let (mut world, blue, parcel) = red_settled().await;
    let same = blue.takes_as_its_own(&parcel, |_| ());
    assert_eq!((same.id.epoch, same.id.sequence), (parcel.id.epoch, parcel.id.sequence));
    world.bus.inject(same).await;
    world.quiet().await;
    let status = world.store(PROVINCE).status().await.unwrap();
    assert_eq!((status.judged, status.kept), (2, 6), "judged by itself, and nothing kept of it");
    let answer = world.bus.published("receipt", "province").pop().expect("a receipt");
    assert_eq!(answer.to.as_str(), BLUE);
    let package = forge::package(&answer);
    let lines = envelope::open(&package).expect("a receipt").fragments;
    let codes: Vec<_> = lines.iter().map(|l| envelope::read_outcome(l).unwrap().code).collect();
    assert_eq!(codes, vec![Some("record.authority".to_owned()); 6]);
    world.finish_with(world::Left { foreign: 1, ..Default::default() }).await;
}

// ── receipts ─────────────────────────────────────────────────────────────────────────────────

/// Refused at red with that code, and red's envelope goes on waiting for the true answer.
async fn receipt_is_refused(world: World, parcel: Parcel, code: &str) {
    refused_at_red(world, parcel, &[code]).await;
}

async fn refused_at_red(mut world: World, parcel: Parcel, codes: &[&str]) {
    world.bus.inject(parcel).await;
    world.pass(1_000).await;
    assert_eq!(world.rules(TOWN, "refused").await, codes);
    assert_eq!(world.count(TOWN, Place::Accepted).await, 0, "not by that");
    let sent = world.sent(TOWN).await;
    assert_eq!((sent[0].state, sent[0].refusals), (OutState::Sent, 0));
    red_is_whole(world).await;
}

#[tokio::test]
async fn a_receipt_from_another_node() {
    let (world, mut blue, parcel) = red_waits().await;
    let forged = blue.answers("town-1", &accepted(6), answered(&parcel, world.now));
    receipt_is_refused(world, forged, "receipt.wrong_node").await;
}

/// A parcel as the province would send it, by the county's link.
fn from_the_province(world: &World, fragments: &[Vec<u8>], answers: ReceiptFor) -> Parcel {
    let from = (world::code("province"), 900);
    let to = world::code("town-1");
    let signer = world.signer(PROVINCE);
    let said = said(signer, from, (Kind::Receipt, &to), fragments, Some(answers), world.now);
    Parcel { from: world::code("county-1"), ..said }
}

#[tokio::test]
async fn a_receipt_that_was_never_asked_for() {
    let (world, _, parcel) = red_waits().await;
    let mut answers = answered(&parcel, world.now);
    answers.envelope.sequence = 7;
    let forged = from_the_province(&world, &accepted(6), answers);
    receipt_is_refused(world, forged, "receipt.not_asked").await;
}

#[tokio::test]
async fn a_receipt_for_another_nodes_envelope() {
    let (world, blue, parcel) = red_waits().await;
    let blues = blue.takes_as_its_own(&parcel, |_| ());
    let forged = from_the_province(&world, &accepted(6), answered(&blues, world.now));
    receipt_is_refused(world, forged, "receipt.not_asked").await;
}

#[tokio::test]
async fn a_receipt_without_an_outcome_for_every_record() {
    let (world, _, parcel) = red_waits().await;
    let forged = from_the_province(&world, &accepted(5), answered(&parcel, world.now));
    receipt_is_refused(world, forged, "receipt.incomplete").await;
}

#[tokio::test]
async fn a_receipt_for_other_bytes_after_the_true_one() {
    let (mut world, _, parcel) = red_settled().await;
    let mut answers = answered(&parcel, world.now);
    answers.root = answers.head;
    let forged = from_the_province(&world, &accepted(6), answers);
    world.bus.inject(forged).await;
    world.quiet().await;
    assert_eq!(world.rules(TOWN, "refused").await, ["receipt.other_bytes"]);
    red_is_whole(world).await;
}

/// What passes a relay and looks like the destination's word does not end the keeping of the bytes.
#[tokio::test]
async fn a_forged_receipt_does_not_make_a_relay_forget() {
    let (mut world, mut blue, parcel) = red_waits().await;
    let kept = |world: &World| world.store(COUNTY).clone();
    let before = kept(&world).relay_row(&parcel.id).await.unwrap().expect("a row").state;
    let forged = blue.answers("province", &accepted(6), answered(&parcel, world.now));
    world.bus.inject(forged).await;
    world.pass(1_000).await;
    let after = kept(&world).relay_row(&parcel.id).await.unwrap().expect("a row").state;
    assert_eq!((before.as_str(), after), ("hop_receipted", before.clone()));
    assert_eq!(world.rules(PROVINCE, "refused").await, ["receipt.not_asked"]);
    red_is_whole(world).await;
}

// ── hop receipts ─────────────────────────────────────────────────────────────────────────────

fn hop(parcel: &Parcel, at: Millis) -> Vec<u8> {
    let answers = answered(parcel, at);
    Hop {
        envelope: answers.envelope,
        head: answers.head,
        stage: Stage::Relayed,
        verified: true,
        at: answers.received_at,
        next: None,
        by: None,
    }
    .write()
}

#[tokio::test]
async fn a_forged_hop_receipt_at_its_origin() {
    let (world, mut blue, parcel) = red_waits().await;
    let forged = blue.says(Kind::Hop, "town-1", &[hop(&parcel, world.now)]);
    refused_at_red(world, forged, &["hop.not_on_the_way"]).await;
}

#[tokio::test]
async fn a_hop_receipt_of_other_bytes() {
    let (world, _, parcel) = red_waits().await;
    let other =
        forge::resealed(&parcel, world.signer(TOWN), |h| h.sealed_at = h.sealed_at.plus(1_000));
    let body = [hop(&other, world.now)];
    let from = (world::code("county-1"), 900);
    let to = world::code("town-1");
    let forged = said(world.signer(COUNTY), from, (Kind::Hop, &to), &body, None, world.now);
    refused_at_red(world, forged, &["hop.not_on_the_way"]).await;
}

/// The county's row waits for the city's word; blue's does not stop it from being sent again.
#[tokio::test]
async fn a_forged_hop_receipt_at_a_relay() {
    let (mut world, mut blue) = with_blue().await;
    world.bus.rule(Rule::next("records", Trick::Lose).to("city-1"));
    world.drop_lines("a.csv", &cases(1..=3));
    world.pass(2_000).await;
    let parcel = world.bus.published("records", "town-1").remove(0);
    let state = |world: &World| {
        let store = world.store(COUNTY).clone();
        let id = parcel.id.clone();
        async move { store.relay_row(&id).await.unwrap().expect("a row").state }
    };
    assert_eq!(state(&world).await, "sent");
    let forged = blue.says(Kind::Hop, "county-1", &[hop(&parcel, world.now)]);
    world.bus.inject(forged).await;
    world.pass(1_000).await;
    assert_eq!(state(&world).await, "sent", "not by blue's word");
    assert_eq!(world.rules(COUNTY, "refused").await, ["hop.not_on_the_way"]);
    red_is_whole(world).await;
}

/// Whoever speaks of what never was here fills nothing.
#[tokio::test]
async fn hop_receipts_of_envelopes_unknown_here() {
    let (mut world, mut blue, parcel) = red_waits().await;
    let kept = |world: &World| world.store(COUNTY).clone();
    let before = kept(&world).standing("passed/").await.unwrap().len();
    for (sender, sequence) in [("town-1", 77), (BLUE, 78), ("city-1", 79), ("county-1", 80)] {
        let id = EnvelopeId { sender: world::code(sender), sequence, ..parcel.id.clone() };
        let body = Hop { envelope: id, ..Hop::read(&hop(&parcel, world.now)).unwrap() }.write();
        world.bus.inject(blue.says(Kind::Hop, "county-1", &[body])).await;
    }
    world.pass(1_000).await;
    assert_eq!(kept(&world).standing("passed/").await.unwrap().len(), before);
    assert_eq!(kept(&world).standing("hop/").await.unwrap(), []);
    red_is_whole(world).await;
}

// ── words about red's envelopes ──────────────────────────────────────────────────────────────

/// A stranger's refusals stop nothing: neither the link nor the node.
#[tokio::test]
async fn forged_refusals_neither_pause_nor_halt() {
    let (mut world, mut blue, parcel) = red_waits().await;
    for code in ["sender.cloned", "sender.epoch_old", "sender.suite_refused"] {
        for _ in 0..4 {
            let body = [refusal(&parcel, code, world.now)];
            let forged = blue.says(Kind::Refusal, "town-1", &body);
            world.bus.inject(forged).await;
        }
    }
    world.pass(1_000).await;
    assert_eq!(world.store(TOWN).standing("halted").await.unwrap(), []);
    assert_eq!(world.store(TOWN).standing("twin").await.unwrap(), []);
    let status = world.store(TOWN).status().await.unwrap();
    assert!(status.links.iter().all(|l| l.paused.is_none()));
    let sent = world.sent(TOWN).await;
    assert_eq!((sent[0].state, sent[0].refusals), (OutState::Sent, 0));
    let audited = world.audited(TOWN).await;
    let told = audited.iter().filter(|(action, _)| action == "refusal.not_on_the_way");
    assert_eq!(told.count(), 12, "each is in the audit chain");
    red_is_whole(world).await;
}

/// Nobody but those who may lie on the way makes a route wait, and nobody answers for another.
#[tokio::test]
async fn forged_answers_change_nothing() {
    let (mut world, mut blue, parcel) = red_waits().await;
    let until = Millis::parse("2026-11-22 09:00:00").unwrap();
    let id = &parcel.id;
    let skipped = envelope::Skipped { first: 1, last: 9, cause: "skipped.given_up".into() };
    let answers = [
        Answer::Defer { envelope: id.clone(), until },
        Answer::Unknown(id.clone()),
        Answer::Skipped {
            sender: id.sender.clone(),
            epoch: id.epoch,
            route: id.route.clone(),
            skipped,
        },
    ];
    for to in ["town-1", "province"] {
        let body: Vec<_> = answers.iter().map(Answer::write).collect();
        world.bus.inject(blue.says(Kind::Answer, to, &body)).await;
    }
    world.pass(1_000).await;
    let waits = exchange::standing::Waits::read(world.store(TOWN)).await.unwrap();
    assert_eq!(waits, exchange::standing::Waits::default());
    assert_eq!(world.sent(TOWN).await[0].state, OutState::Sent);
    let skipped = ("gap.skipped", world.audited(PROVINCE).await);
    assert!(skipped.1.iter().all(|(action, _)| action != skipped.0), "red's gap is red's to close");
    red_is_whole(world).await;
}

#[tokio::test]
async fn inquiries_about_anothers_parcels() {
    let (mut world, mut blue, parcel) = red_settled().await;
    let id = parcel.id;
    let gap = Inquiry::Gap {
        sender: id.sender.clone(),
        epoch: id.epoch,
        route: id.route.clone(),
        first: 1,
        last: 1,
    };
    let sent = world.bus.published("records", "town-1").len();
    let status = blue.says(Kind::Inquiry, "province", &[Inquiry::Status(id).write()]);
    world.bus.inject(status).await;
    let gap = blue.says(Kind::Inquiry, "town-1", &[gap.write()]);
    world.bus.inject(gap).await;
    world.quiet().await;
    for tier in [TOWN, PROVINCE] {
        assert_eq!(world.rules(tier, "refused").await, ["inquiry.not_yours"], "{}", TIERS[tier]);
    }
    assert_eq!(world.bus.published("records", "town-1").len(), sent, "nothing is sent to order");
    red_is_whole(world).await;
}

#[tokio::test]
async fn books_in_anothers_name() {
    let (mut world, mut blue, _) = red_settled().await;
    let day = world.now.day();
    world.close(&[day]).await;
    let rows = world.store(TOWN).manifests(day).await.unwrap();
    let mine = rows.iter().find(|m| m.by.as_str() == "town-1").expect("red's books");
    let lines = exchange::reconcile::read(&mine.body);
    let body: Vec<_> = lines.iter().map(envelope::control::ManifestLine::write).collect();
    world.bus.inject(blue.says(Kind::Manifest, "province", &body)).await;
    world.quiet().await;
    assert_eq!(world.rules(PROVINCE, "refused").await, ["manifest.not_yours"]);
    red_is_whole(world).await;
}
