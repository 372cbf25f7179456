//! One record's evidence: what it proves, and what no alteration of it may.
#![expect(clippy::disallowed_methods, reason = "the museum is a folder of files")]
#![expect(clippy::unwrap_used, reason = "helpers of tests stand outside test functions")]

use std::path::{Path, PathBuf};
use std::sync::Arc;

use canon::format::{Format, supervision_1};
use canon::{Environment, Millis, NodeCode};
use envelope::control::{Hop, Stage};
use envelope::evidence::{
    EVIDENCE_BYTES_MAX, Evidence, EvidenceError, Item, Judged, Passed, Standing,
};
use envelope::{Head, Kind, OutcomeLine, Suite, Trust, open, write_outcome};

use crate::common::{head, now, receipt_head, seal, terms, world, world_of};

fn museum(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/museum").join(name)
}

fn read(name: &str) -> Vec<u8> {
    std::fs::read(museum(name)).unwrap()
}

fn anchors() -> Trust {
    let ca = String::from_utf8(read("envelope/1/ca.pem")).unwrap();
    Trust::from_pem(Environment::Demo, &[&ca]).unwrap()
}

fn known(edition: &str) -> Option<Arc<Format>> {
    (edition == "supervision/1").then(supervision_1)
}

fn made(items: Vec<Item>) -> Evidence {
    Evidence::new(&NodeCode::new("township-1").unwrap(), now(), items)
}

/// What is proven of the first record of a file.
fn first(evidence: &Evidence, trust: &Trust) -> Judged {
    evidence.judge(trust, &known).remove(0)
}

fn names(judged: &Judged) -> Vec<(&'static str, bool)> {
    judged.steps.iter().map(|step| (step.name, step.holds)).collect()
}

/// Every record of the museum's envelope, one a file.
fn of_museum() -> Vec<Evidence> {
    let (records, receipt) = (read("envelope/1/records.xml"), read("envelope/1/receipt.xml"));
    let (records, receipt) = (open(&records).unwrap(), open(&receipt).unwrap());
    let one = |at| made(vec![Item::of(&records, at, Some(&receipt), Vec::new()).unwrap()]);
    (0..records.fragments.len()).map(one).collect()
}

#[test]
fn each_record_is_proven_with_what_was_answered() {
    let standings: Vec<_> = of_museum().iter().map(|e| first(e, &anchors()).standing).collect();
    assert_eq!(standings[..2], [Standing::Accepted, Standing::Rejected]);
    let judged = first(&of_museum()[0], &anchors());
    let all = [
        "envelope-signature",
        "record-in-envelope",
        "record-format",
        "receipt-signature",
        "receipt-answers",
        "receipt-outcome",
    ];
    assert_eq!(names(&judged), all.map(|name| (name, true)));
    assert_eq!(judged.environment, Some(Environment::Demo));
    assert!(judged.id.is_some() && judged.fields.iter().all(|f| !f.label.is_empty()));
    assert!(judged.verdict().1.contains("演示环境"));
    for step in &judged.steps {
        assert!(!step.zh.is_empty() && !step.en.is_empty(), "{}", step.name);
    }
}

#[test]
fn a_file_reads_back_and_shows_no_other_record() {
    let records = read("envelope/1/records.xml");
    let fragments = open(&records).unwrap().fragments;
    for (at, evidence) in of_museum().iter().enumerate() {
        let text = evidence.write().unwrap();
        assert_eq!(&Evidence::read(text.as_bytes()).unwrap(), evidence);
        let item = &evidence.items[0];
        let receipt = item.receipt.as_ref().unwrap();
        let outcome = receipt.outcome.as_ref().unwrap();
        let held = [
            &item.envelope.head,
            &item.envelope.signature,
            &item.record.content,
            &receipt.signed.head,
            &receipt.signed.signature,
            &outcome.content,
        ];
        for (other, fragment) in fragments.iter().enumerate() {
            let text = std::str::from_utf8(fragment).unwrap();
            assert_eq!(held.iter().any(|part| part.contains(text)), other == at);
        }
    }
}

#[test]
fn the_museums_file_still_proves_its_record() {
    let bytes = read("evidence/1/record.json");
    let evidence = Evidence::read(&bytes).unwrap();
    assert_eq!(first(&evidence, &anchors()).standing, Standing::Accepted);
    assert_eq!(String::from_utf8(bytes).unwrap(), of_museum()[0].write().unwrap());
}

/// Every text of a file, altered at each of its places in turn (a stride keeps it short), proves
/// nothing any more; only the two remarks may say anything.
#[test]
fn no_alteration_keeps_the_verdict() {
    let (trust, whole) = (anchors(), of_museum().remove(0));
    let item = &whole.items[0];
    type Part = fn(&mut Item) -> &mut String;
    let parts: [(&str, Part); 8] = [
        ("head", |i| &mut i.envelope.head),
        ("signature", |i| &mut i.envelope.signature),
        ("record", |i| &mut i.record.content),
        ("path", |i| &mut i.record.path[0]),
        ("receipt", |i| &mut i.receipt.as_mut().unwrap().signed.head),
        ("its signature", |i| &mut i.receipt.as_mut().unwrap().signed.signature),
        ("outcome", |i| &mut i.receipt.as_mut().unwrap().outcome.as_mut().unwrap().content),
        ("its path", |i| &mut i.receipt.as_mut().unwrap().outcome.as_mut().unwrap().path[0]),
    ];
    for (name, part) in parts {
        let mut copy = item.clone();
        let text: Vec<char> = part(&mut copy).chars().collect();
        for at in (0..text.len()).step_by(3) {
            let mut altered = text.clone();
            altered[at] = if altered[at] == 'x' { 'y' } else { 'x' };
            let mut one = item.clone();
            *part(&mut one) = altered.into_iter().collect();
            let judged = first(&made(vec![one]), &trust);
            assert_eq!(judged.standing, Standing::Unproven, "{name} at {at}");
        }
    }
}

#[test]
fn a_record_at_another_place_or_an_outcome_of_another_is_not_proven() {
    let (trust, all) = (anchors(), of_museum());
    let (mine, other) = (&all[0].items[0], &all[1].items[0]);
    let mut moved = mine.clone();
    moved.record.position = 1;
    let mut swapped = mine.clone();
    swapped.receipt.clone_from(&other.receipt);
    let mut without = mine.clone();
    without.receipt.as_mut().unwrap().outcome = None;
    let mut receipt_as_envelope = mine.clone();
    receipt_as_envelope.envelope = mine.receipt.as_ref().unwrap().signed.clone();
    for item in [moved, swapped, without, receipt_as_envelope] {
        assert_eq!(first(&made(vec![item]), &trust).standing, Standing::Unproven);
    }
}

#[test]
fn without_a_receipt_only_the_sending_is_proven() {
    let mut alone = of_museum().remove(0);
    alone.items[0].receipt = None;
    let judged = first(&alone, &anchors());
    assert_eq!(judged.standing, Standing::Unanswered);
    assert!(!judged.standing.beyond_doubt());
    assert!(judged.steps.iter().all(|step| step.holds));
}

#[test]
fn a_format_that_is_not_known_here_leaves_a_doubt() {
    let evidence = of_museum().remove(0);
    let judged = evidence.judge(&anchors(), &|_| None).remove(0);
    assert_eq!(judged.standing, Standing::Unproven);
    assert!(names(&judged).contains(&("record-format", false)));
    assert!(names(&judged).contains(&("envelope-signature", true)));
}

fn fragment() -> Vec<u8> {
    open(&read("envelope/1/records.xml")).unwrap().fragments[0].to_vec()
}

/// A record and its receipt, each by a node of its own under one authority, as `change` makes them.
fn exchanged(change: impl Fn(&mut Head, &mut Head)) -> (Evidence, Trust) {
    let sender = world();
    let random = ring::rand::SystemRandom::new();
    let key = crate::common::key(Suite::EcdsaP256Sha256);
    let public = key.public(&random).unwrap();
    let name = crate::common::node_name("province", Environment::Demo);
    let pem = sender.ca.issue(&name, &public, terms(3), &random).unwrap();
    let receiver = envelope::KeySigner::from_pem(&key.0, &pem, random).unwrap();
    let (records, outcomes) = (vec![fragment()], vec![write_outcome(&OutcomeLine::accepted(0))]);
    let mut sent = head(&sender.signer, &records);
    let mut answer = Head {
        from: NodeCode::new("province").unwrap(),
        ..receipt_head(&receiver, &outcomes, &sent)
    };
    change(&mut sent, &mut answer);
    let (package, receipt) =
        (seal(&sent, &records, &sender.signer), seal(&answer, &outcomes, &receiver));
    let (package, receipt) = (open(&package).unwrap(), open(&receipt).unwrap());
    (made(vec![Item::of(&package, 0, Some(&receipt), Vec::new()).unwrap()]), sender.trust)
}

/// The province's receipt for an envelope that it had at that time, and its bytes.
fn answered(world: &crate::common::World, sent: &Head, at: Millis) -> (Vec<u8>, Head) {
    let random = ring::rand::SystemRandom::new();
    let key = crate::common::key(Suite::EcdsaP256Sha256);
    let public = key.public(&random).unwrap();
    let name = crate::common::node_name("province", Environment::Demo);
    let pem = world.ca.issue(&name, &public, terms(3), &random).unwrap();
    let receiver = envelope::KeySigner::from_pem(&key.0, &pem, random).unwrap();
    let outcomes = vec![write_outcome(&OutcomeLine::accepted(0))];
    let mut answer = Head {
        from: NodeCode::new("province").unwrap(),
        ..receipt_head(&receiver, &outcomes, sent)
    };
    answer.answers.as_mut().unwrap().received_at = at;
    (seal(&answer, &outcomes, &receiver), answer)
}

#[test]
fn a_receipt_must_be_the_destinations_for_this_very_envelope() {
    let (evidence, trust) = exchanged(|_, _| {});
    assert_eq!(first(&evidence, &trust).standing, Standing::Accepted);
    type Change = fn(&mut Head, &mut Head);
    let changes: [Change; 4] = [
        |_, answer| answer.answers.as_mut().unwrap().root = crate::common::digest("another"),
        |_, answer| answer.answers.as_mut().unwrap().head = crate::common::digest("another"),
        |_, answer| answer.answers.as_mut().unwrap().envelope.sequence += 1,
        // Sent to a city, answered by the province.
        |sent, answer| {
            sent.to = NodeCode::new("city").unwrap();
            sent.route.destination = sent.to.clone();
            let of = answer.answers.as_mut().unwrap();
            (of.envelope, of.head) = (sent.id(), Head::digest(sent.digest_alg, &sent.write()));
        },
    ];
    for (at, change) in changes.into_iter().enumerate() {
        let (evidence, trust) = exchanged(change);
        let judged = first(&evidence, &trust);
        assert_eq!(judged.standing, Standing::Unproven, "change {at}");
        assert!(names(&judged).contains(&("receipt-answers", false)), "change {at}");
    }
}

#[test]
fn the_senders_certificate_is_judged_when_the_receiver_had_the_envelope() {
    let world = world_of("township", Environment::Demo, {
        let mut short = terms(2);
        short.until = Millis::parse("2026-12-31 00:00:00").unwrap();
        short
    });
    // Long expired today; valid when it was sealed.
    let records = vec![fragment()];
    let sent = head(&world.signer, &records);
    let package = seal(&sent, &records, &world.signer);
    let item = Item::of(&open(&package).unwrap(), 0, None, Vec::new()).unwrap();
    assert_eq!(first(&made(vec![item]), &world.trust).standing, Standing::Unanswered);
    // The receiver saw it only after the end: the sender's own time is not believed.
    let late = Millis::parse("2100-01-01 00:00:00").unwrap();
    let (evidence, trust) =
        exchanged(|_, answer| answer.answers.as_mut().unwrap().received_at = late);
    let judged = first(&evidence, &trust);
    assert_eq!(judged.standing, Standing::Unproven);
    assert!(names(&judged).contains(&("envelope-signature", false)));
}

/// A hop receipt of the city for an envelope, as `change` makes it.
fn passed(world: &crate::common::World, sent: &Head, change: impl Fn(&mut Hop)) -> Passed {
    let random = ring::rand::SystemRandom::new();
    let key = crate::common::key(Suite::EcdsaP256Sha256);
    let public = key.public(&random).unwrap();
    let name = crate::common::node_name("city", Environment::Demo);
    let pem = world.ca.issue(&name, &public, terms(4), &random).unwrap();
    let city = envelope::KeySigner::from_pem(&key.0, &pem, random).unwrap();
    let mut hop = Hop {
        envelope: sent.id(),
        head: Head::digest(sent.digest_alg, &sent.write()),
        stage: Stage::Relayed,
        verified: true,
        at: now(),
        next: None,
        by: None,
    };
    change(&mut hop);
    let body = vec![hop.write()];
    let mut of = head(&city, &body);
    of.kind = Kind::Hop;
    of.from = NodeCode::new("city").unwrap();
    of.to = sent.from.clone();
    of.route = format!("township|control/1|{}|control", Suite::EcdsaP256Sha256).parse().unwrap();
    of.format = String::new();
    let package = seal(&of, &body, &city);
    Passed::of(&open(&package).unwrap()).unwrap()
}

/// The township's certificate ended before the province had the envelope, and after the city did.
#[test]
fn a_hop_receipt_vouches_for_the_time_before_the_certificate_ended() {
    let short =
        envelope::ca::Terms { until: Millis::parse("2026-12-31 00:00:00").unwrap(), ..terms(2) };
    let world = world_of("township", Environment::Demo, short);
    let records = vec![fragment()];
    let sent = head(&world.signer, &records);
    let late = Millis::parse("2027-01-05 00:00:00").unwrap();
    let (answered, _) = answered(&world, &sent, late);
    let judged = |hops: Vec<Passed>| {
        let package = seal(&sent, &records, &world.signer);
        let receipt = open(&answered).unwrap();
        let item = Item::of(&open(&package).unwrap(), 0, Some(&receipt), hops).unwrap();
        let evidence = made(vec![item]);
        let read = Evidence::read(evidence.write().unwrap().as_bytes()).unwrap();
        assert_eq!(read, evidence);
        (evidence.edition, first(&evidence, &world.trust))
    };
    let (edition, alone) = judged(vec![]);
    assert_eq!((edition, alone.standing), (1, Standing::Unproven));
    let good = passed(&world, &sent, |_| {});
    let (edition, vouched) = judged(vec![good.clone()]);
    assert_eq!((edition, vouched.standing), (2, Standing::Accepted), "{:?}", vouched.steps);
    assert!(names(&vouched).contains(&("hop-receipt", true)));
    let said = vouched.steps.iter().find(|s| s.name == "hop-receipt").unwrap();
    assert!(said.en.contains("city") && said.zh.contains("中转回执"), "{said:?}");

    type Change = fn(&mut Hop);
    let wrong: [Change; 4] = [
        |hop| hop.envelope.sequence += 1,
        |hop| hop.head = crate::common::digest("another"),
        |hop| hop.verified = false,
        |hop| hop.at = hop.at.plus(86_400_000),
    ];
    for (n, change) in wrong.into_iter().enumerate() {
        let (_, found) = judged(vec![passed(&world, &sent, change)]);
        assert_eq!(found.standing, Standing::Unproven, "change {n}");
        assert!(names(&found).contains(&("hop-receipt", false)), "change {n}");
    }
    let mut altered = good.clone();
    altered.content = altered.content.replace("2026-11-21", "2026-11-20");
    assert_eq!(judged(vec![altered]).1.standing, Standing::Unproven);
    // An older program reads edition 1 and would not look at them.
    let text = made(vec![Item { hops: vec![good], ..of_museum().remove(0).items.remove(0) }]);
    let text =
        text.write().unwrap().replace("\"tiergate-evidence\": 2", "\"tiergate-evidence\": 1");
    assert_eq!(Evidence::read(text.as_bytes()).unwrap_err().code(), "evidence.too_large");
}

#[test]
fn the_museums_file_with_a_hop_receipt_stays_proven() {
    let ca = String::from_utf8(read("evidence/2/ca.pem")).unwrap();
    let trust = Trust::from_pem(Environment::Demo, &[&ca]).unwrap();
    let evidence = Evidence::read(&read("evidence/2/record.json")).unwrap();
    let judged = first(&evidence, &trust);
    assert_eq!((evidence.edition, judged.standing), (2, Standing::Accepted));
    let mut without = evidence;
    without.items[0].hops.clear();
    assert_eq!(first(&without, &trust).standing, Standing::Unproven, "it is the hop that vouches");
}

#[test]
fn another_authority_proves_nothing() {
    let judged = first(&of_museum()[0], &world().trust);
    assert_eq!(judged.standing, Standing::Unproven);
    assert!(judged.fields.is_empty(), "what is not proven is not shown as if it were");
}

#[test]
fn what_is_no_evidence_file_is_told_with_its_place() {
    let whole = of_museum().remove(0);
    let text = whole.write().unwrap();
    let edition = text.replace("\"tiergate-evidence\": 1", "\"tiergate-evidence\": 3");
    assert_eq!(Evidence::read(edition.as_bytes()), Err(EvidenceError::Edition(3)));
    let stranger = text.replacen("{", "{ \"note\": 1,", 1);
    let place = Evidence::read(stranger.as_bytes()).unwrap_err();
    assert!(matches!(place, EvidenceError::Malformed { line: 1, .. }), "{place:?}");
    let mut empty = whole.clone();
    empty.items.clear();
    assert_eq!(Evidence::read(empty.write().unwrap().as_bytes()), Err(EvidenceError::Empty));
    let huge = vec![b' '; EVIDENCE_BYTES_MAX + 1];
    assert_eq!(Evidence::read(&huge).unwrap_err().code(), "evidence.too_large");
    let records = read("envelope/1/records.xml");
    let none = Item::of(&open(&records).unwrap(), 99, None, Vec::new()).unwrap_err();
    assert_eq!(none.code(), "evidence.no_record");
    for error in [place, none] {
        assert!(canon::code(error.code()).is_some(), "{}", error.code());
    }
}
