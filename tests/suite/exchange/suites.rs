//! Nodes of different suites in one network: each signs in its own, all agree; and a suite that is not
//! agreed is refused as a downgrade.

use envelope::{Signer, Suite};
use store::Place;
use tests::world::input::cases;
use tests::world::{COUNTY, PROVINCE, Rule, Setup, TOWN, Trick, World, forge};

const NATIONAL: [Suite; 4] = [Suite::Sm2Sm3; 4];
const MIXED: [Suite; 4] =
    [Suite::Sm2Sm3, Suite::Ed25519Sha256, Suite::EcdsaP256Sha256, Suite::Sm2Sm3];

async fn settles(suites: [Suite; 4]) {
    let mut world = super::world_of(Setup { suites, ..Setup::default() }).await;
    world.drop_lines("a.csv", &cases(1..=3));
    world.quiet().await;
    world.restart();
    world.drop_lines("b.csv", &cases(4..=6));
    world.quiet().await;
    assert_eq!(world.count(TOWN, Place::Accepted).await, 12);
    let (sent, answered) = (suites[TOWN], suites[PROVINCE]);
    for (kind, from, suite) in [("records", "town-1", sent), ("receipt", "province", answered)] {
        let parcel = world.bus.published(kind, from).remove(0);
        let package = forge::package(&parcel);
        let opened = envelope::open(&package).expect("a package");
        assert_eq!(opened.head.suite(), Ok(suite));
        let all = [opened.head.root, opened.head.certificate, opened.leaves[0]];
        assert!(all.iter().all(|digest| digest.alg == suite.digest()), "{all:?}");
    }
    // Hash sums of both sides, over digests of the suite, agree; so do books and audit chains.
    world.finish().await;
}

#[tokio::test]
async fn all_of_them_national() {
    settles(NATIONAL).await;
}

#[tokio::test]
async fn each_tier_another() {
    settles(MIXED).await;
}

/// The town's next envelope as it would be under another key of its own.
fn under(world: &mut World, suite: Suite, sequence: u64) -> bus::Parcel {
    let parcel = world.bus.published("records", "town-1").remove(0);
    let signer = world.signer_in(TOWN, suite);
    forge::resealed(&parcel, &signer, |head| {
        head.route.suite = suite.name().into();
        head.sequence = sequence;
        head.settled_below = 1;
        head.digest_alg = suite.digest();
        let package = forge::package(&parcel);
        let fragments = envelope::open(&package).expect("a package").fragments;
        let leaf = |f: &&[u8]| canon::leaf_hash(suite.digest(), f);
        let leaves: Vec<_> = fragments.iter().map(leaf).collect();
        head.root = envelope::merkle_root(suite.digest(), &leaves);
        head.certificate = signer.certificate_digest();
    })
}

#[tokio::test]
async fn a_downgrade_is_refused_and_audited_and_nothing_else() {
    let mut world = super::world_of(Setup { suites: NATIONAL, ..Setup::default() }).await;
    world.accepts_only(COUNTY, "town-1", &[Suite::Sm2Sm3]);
    world.bus.rule(Rule::next("records", Trick::Lose).to("county-1"));
    world.drop_lines("a.csv", &cases(1..=3));
    world.turn().await;
    // The key is the town's own and the certificate in order; only the suite is not agreed.
    let weaker = under(&mut world, Suite::EcdsaP256Sha256, 1);
    world.bus.inject(weaker).await;
    world.pass(3_000).await;
    assert_eq!(world.rules(COUNTY, "refused").await, ["sender.suite_refused"]);
    let audited = world.audited(COUNTY).await;
    let event = ("parcel.refused".to_owned(), "sender.suite_refused".to_owned());
    assert!(audited.contains(&event), "{audited:?}");
    world.heal().await;
    assert_eq!(world.count(TOWN, Place::Accepted).await, 6, "the right bytes settle");
    world.finish().await;
}

/// The same records under another suite: their kept digests are made again from the stored bytes, and
/// so they are the same, not a conflict.
#[tokio::test]
async fn records_brought_again_in_another_suite_are_the_same() {
    let mut world = super::world_of(Setup { suites: NATIONAL, ..Setup::default() }).await;
    world.drop_lines("a.csv", &cases(1..=3));
    world.quiet().await;
    let again = under(&mut world, Suite::Ed25519Sha256, 1);
    world.bus.inject(again).await;
    world.pass(3_000).await;
    let judged = world.store(PROVINCE).status().await.unwrap();
    assert_eq!((judged.judged, judged.kept), (2, 6), "judged, and nothing kept twice");
    assert_eq!(world.rules(PROVINCE, "rejected").await, Vec::<String>::new());
    // The receipt for it is for an envelope that this township never sealed.
    assert_eq!(world.rules(TOWN, "refused").await, ["receipt.not_asked"]);
    world.finish_with(tests::world::Left { foreign: 1, ..Default::default() }).await;
}
