//! Confidential envelopes: read by whom the head names and by nobody between; declined with a code where
//! nobody can open them, never judged.

use bus::Parcel;
use envelope::Suite;
use store::{Place, Slots};
use tests::world::input::{BAD_ID, ID, cases, line};
use tests::world::{
    CITY, COUNTY, PROVINCE, Rule, Setup, TIERS, TOWN, Trick, When, World, code, forge, live,
};

/// The next envelope of the township, closed for a key that the province does not have.
fn closed(world: &mut World, parcel: &Parcel, sequence: u64) -> Parcel {
    let reader = world.lost_reader(PROVINCE);
    forge::closed(parcel, world.signer(TOWN), reader, |head| head.sequence = sequence)
}

async fn is_declined(setup: Setup) {
    let mut world = super::world_of(setup).await;
    world.bus.rule(Rule::next("records", Trick::Lose).to("county-1"));
    world.drop_lines("a.csv", &cases(1..=3));
    world.turn().await;
    let parcel = world.bus.published("records", "town-1").remove(0);
    let parcel = closed(&mut world, &parcel, 2);
    world.bus.inject(parcel).await;
    world.pass(3_000).await;
    assert_eq!(world.kept().await, 0, "never judged");
    assert_eq!(world.store(CITY).status().await.unwrap().kept, 0, "and no copy on the way");
    let receipt = world.bus.published("receipt", "province").remove(0);
    let answer = forge::package(&receipt);
    let answer = envelope::open(&answer).expect("a receipt").head.answers.expect("an answer");
    assert_eq!(answer.decline.as_deref(), Some("receiver.confidential"));
    assert_eq!(answer.envelope.sequence, 2);
    // The receipt is for an envelope that this township never sealed.
    assert_eq!(world.rules(TOWN, "refused").await, ["receipt.not_asked"]);
    world.heal().await;
    assert_eq!(world.count(TOWN, Place::Accepted).await, 6);
    let judged = world.store(PROVINCE).status().await.unwrap().judged;
    assert_eq!(judged, 2);
    world.finish_with(tests::world::Left { foreign: 1, ..Default::default() }).await;
}

#[tokio::test]
async fn by_its_destination() {
    is_declined(Setup::default()).await;
}

#[tokio::test]
async fn and_a_relay_that_keeps_only_passes_it_on() {
    let city = exchange::config::Treatment::Keep;
    is_declined(Setup { city, ..Setup::default() }).await;
}

/// Whether a text stands in any of these.
fn stands(text: &str, all: &[Vec<u8>]) -> bool {
    all.iter().any(|bytes| bytes.windows(text.len()).any(|w| w == text.as_bytes()))
}

/// A world whose township closes its bodies, in these suites; `further` tiers read them too.
fn closing(suites: [Suite; 4], further: &'static [usize]) -> Setup {
    Setup { closed: Some(further), suites, ..Setup::default() }
}

const INTERNATIONAL: [Suite; 4] = [Suite::EcdsaP256Sha256; 4];
const NATIONAL: [Suite; 4] = [Suite::Sm2Sm3; 4];
const MIXED: [Suite; 4] =
    [Suite::Sm2Sm3, Suite::Ed25519Sha256, Suite::EcdsaP256Sha256, Suite::EcdsaP256Sha256];

/// Settled, kept and delivered, with rejections and missing parents on the way; and nothing of a person
/// in anything that county and city had.
async fn goes_up_unread(suites: [Suite; 4]) {
    let mut world = super::world_of(closing(suites, &[])).await;
    // A death between number and signature: the same head, the same ciphertext.
    world.drop_lines("a.csv", &cases(1..=3));
    world.quiet().await;
    world.restart();
    let mut lines = cases(4..=5);
    lines.push(line("SB", 6).region("880103101"));
    lines.push(line("SL", 7));
    world.drop_lines("b.csv", &lines);
    world.pass(3_000).await;
    world.drop_lines("c.csv", &[line("SB", 7)]);
    world.heal().await;
    assert_eq!(world.count(TOWN, Place::Accepted).await, 12);
    assert_eq!(
        world.place(TOWN, "SB", 6, 1).await,
        Some(Place::Rejected),
        "read from its own envelope"
    );
    assert_eq!(world.kept().await, 12);
    for tier in [COUNTY, CITY] {
        let all = world.lies_at(tier).await;
        assert!(!all.is_empty(), "it passed here");
        assert!(!stands(ID, &all) && !stands("SBLSH", &all), "tier {tier} can read it");
        assert!(stands("<Confidential>", &all));
    }
    world.finish().await;
}

/// What waits in the sender's own store is closed as well, across a death between number and signature, and
/// when it waits again for its parent.
#[tokio::test]
async fn what_waits_to_be_sealed_lies_closed() {
    let mut world = super::world_of(closing(INTERNATIONAL, &[])).await;
    world.failed = Some(Vec::new());
    let town = code(TIERS[TOWN]);
    world.faults.die_in(&town, "number", When::Before);
    let lines = [cases(1..=3), vec![line("SB", 6).region("880103101"), line("SL", 6)]].concat();
    world.drop_lines("a.csv", &lines);
    world.quiet().await;
    world.restart();
    let staged = world.store(TOWN).staged_batch(&live(), 500, 1 << 20).await.unwrap().unwrap();
    assert_eq!(staged.records.len(), 8);
    assert!(!stands(ID, std::slice::from_ref(&staged.bytes)) && !stands("SBLSH", &[staged.bytes]));
    world.faults.die_in(&town, "sealed", When::Before);
    world.quiet().await;
    world.restart();
    let left = world.store(TOWN).numbered(Slots::ALL, 10).await.unwrap();
    let left: Vec<_> = left.into_iter().map(|one| one.body).collect();
    assert!(!left.is_empty() && !stands(ID, &left) && !stands("SBLSH", &left));
    world.quiet().await;
    assert_eq!(world.place(TOWN, "SB", 6, 1).await, Some(Place::Rejected));
    assert_eq!(world.place(TOWN, "SL", 6, 1).await, Some(Place::Waiting), "its parent is missing");
    world.drop_lines("b.csv", &[line("SB", 6)]);
    world.quiet().await;
    world.now = world.now.plus(60_000);
    world.quiet().await;
    assert_eq!(world.count(TOWN, Place::Accepted).await, 8);
    world.finish().await;
}

#[tokio::test]
async fn in_the_international_suite() {
    goes_up_unread(INTERNATIONAL).await;
}

#[tokio::test]
async fn in_the_national_suite() {
    goes_up_unread(NATIONAL).await;
}

#[tokio::test]
async fn from_a_national_sender_to_an_international_reader() {
    goes_up_unread(MIXED).await;
}

/// The same search finds them where bodies go in the clear: it does not fail for want of looking.
#[tokio::test]
async fn in_the_clear_a_relay_can_read_them() {
    let mut world = super::world().await;
    world.drop_lines("a.csv", &cases([1]));
    world.quiet().await;
    let all = world.lies_at(COUNTY).await;
    assert!(stands(ID, &all) && !stands(BAD_ID, &all));
    world.finish().await;
}

#[tokio::test]
async fn a_tier_that_keeps_reads_what_is_closed_for_it_too() {
    let city = exchange::config::Treatment::Keep;
    let setup = Setup { city, ..closing(INTERNATIONAL, &[CITY]) };
    let mut world = super::world_of(setup).await;
    world.drop_lines("a.csv", &cases(1..=3));
    world.quiet().await;
    assert_eq!(world.store(CITY).status().await.unwrap().kept, 6);
    assert!(!stands(ID, &world.lies_at(COUNTY).await));
    world.finish().await;
}
