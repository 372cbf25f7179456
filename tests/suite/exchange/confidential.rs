//! A confidential envelope comes to a node that cannot open it: declined with a code, never judged.

use bus::Parcel;
use envelope::{Confidential, Recipient};
use store::Place;
use tests::world::input::cases;
use tests::world::{CITY, PROVINCE, Rule, Setup, TOWN, Trick, World, forge};

/// The next envelope of the township, made confidential on its way out and sealed by it.
fn closed(world: &World, parcel: &Parcel, sequence: u64) -> Parcel {
    forge::resealed(parcel, world.signer(TOWN), |h| {
        h.sequence = sequence;
        let digest = h.root;
        h.confidential = Some(Confidential {
            cipher: "aes-256-gcm".into(),
            ciphertext: digest,
            recipients: vec![Recipient {
                node: h.to.clone(),
                certificate: digest,
                key: "AAAA".into(),
            }],
        });
    })
}

async fn is_declined(setup: Setup) {
    let mut world = super::world_of(setup).await;
    world.bus.rule(Rule::next("records", Trick::Lose).to("county-1"));
    world.drop_lines("a.csv", &cases(1..=3));
    world.turn().await;
    let parcel = world.bus.published("records", "town-1").remove(0);
    world.bus.inject(closed(&world, &parcel, 2)).await;
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
