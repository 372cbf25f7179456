//! Packages: what is sealed opens and verifies; what is changed anywhere is refused.

use crate::common::{World, digest, head, now, receipt_head, record, seal, terms, world, world_of};
use canon::{DigestAlg, Environment, Millis, leaf_hash};
use envelope::{
    Head, Kind, OutcomeLine, Trust, check_clock, frame, merkle_path, open, open_frame,
    read_outcome, verify, verify_head, verify_path, write_outcome,
};

#[test]
fn what_is_sealed_opens_and_verifies() {
    let world = world();
    for count in [0, 1, 2, 3, 17] {
        let fragments: Vec<_> = (0..count).map(record).collect();
        let head = head(&world.signer, &fragments);
        let package = seal(&head, &fragments, &world.signer);
        let package = open_frame(&frame(&package, 3), 1 << 20).unwrap();
        let opened = open(&package).unwrap();
        assert_eq!(opened.head, head);
        assert_eq!(opened.fragments, fragments);
        for (range, fragment) in opened.ranges().zip(&fragments) {
            assert_eq!(&package[range], fragment.as_slice());
        }
        let sender = verify(&opened, &world.trust, now()).unwrap();
        assert_eq!(sender.node, head.from);
        assert!(sender.covers("990101002") && !sender.covers("990102"));
    }
}

#[test]
fn fragments_swapped_under_the_same_lengths_are_refused() {
    let world = world();
    let fragments = vec![record(1), record(2)];
    let swapped = vec![record(2), record(1)];
    let package = seal(&head(&world.signer, &fragments), &swapped, &world.signer);
    assert_eq!(open(&package).unwrap_err().code(), "envelope.root_mismatch");
}

#[test]
fn one_record_and_its_outcome_are_proved_without_the_others() {
    let world = world();
    let fragments: Vec<_> = (0..7).map(record).collect();
    let sent = head(&world.signer, &fragments);
    let outcomes: Vec<_> = (0..7).map(|i| write_outcome(&OutcomeLine::accepted(i))).collect();
    let receipt = receipt_head(&world.signer, &outcomes, &sent);
    let package = seal(&receipt, &outcomes, &world.signer);
    let opened = open(&package).unwrap();
    let sent_bytes = sent.write();
    let sent_leaves: Vec<_> = fragments.iter().map(|f| leaf_hash(DigestAlg::Sha256, f)).collect();

    // What is handed over: both heads and the receipt's signature, one record, one outcome, and
    // their paths.
    let (head_bytes, signature) = (opened.head_bytes, opened.signature);
    let outcome = opened.fragments[4];
    let outcome_path = merkle_path(&opened.leaves, 4).unwrap();
    let record_path = merkle_path(&sent_leaves, 4).unwrap();

    let shown = Head::read(head_bytes).unwrap();
    assert!(verify_head(&shown, head_bytes, signature, &world.trust, now()).is_ok());
    let leaf = leaf_hash(shown.digest_alg, outcome);
    let line = read_outcome(outcome).unwrap();
    let at = line.position as usize;
    assert!(verify_path(&leaf, at, shown.count(), &outcome_path, &shown.root));
    let answers = shown.answers.unwrap();
    assert_eq!(answers.head, Head::digest(sent.digest_alg, &sent_bytes));
    let leaf = leaf_hash(shown.digest_alg, &fragments[4]);
    assert!(verify_path(&leaf, at, shown.lengths.len(), &record_path, &answers.root));
}

fn refusal(world: &World, change: impl FnOnce(&mut Head)) -> &'static str {
    let fragments = vec![record(1)];
    let mut head = head(&world.signer, &fragments);
    change(&mut head);
    let package = seal(&head, &fragments, &world.signer);
    let opened = match open(&package) {
        Ok(opened) => opened,
        Err(refuse) => return refuse.code(),
    };
    verify(&opened, &world.trust, now()).map_or_else(|r| r.code(), |_| "verified")
}

#[test]
fn each_cause_has_its_code() {
    let good = world();
    assert_eq!(refusal(&good, |_| ()), "verified");
    assert_eq!(
        refusal(&good, |h| h.from = canon::NodeCode::new("county").unwrap()),
        "sender.node_mismatch"
    );
    assert_eq!(refusal(&good, |h| h.environment = Environment::Formal), "sender.environment");
    assert_eq!(refusal(&good, |h| h.certificate = digest("x")), "sender.signature_invalid");
    assert_eq!(refusal(&good, |h| h.kind = Kind::Notice), "envelope.malformed");
    assert_eq!(refusal(&good, |h| h.sequence = 0), "envelope.malformed");
    assert_eq!(refusal(&good, |h| h.keep_orphans = vec![1]), "envelope.malformed");
    assert_eq!(refusal(&good, |h| h.keep_orphans = vec![0]), "verified");
    assert_eq!(
        refusal(&good, |h| h.route = "province|supervision/1|sm3-sm2|live".parse().unwrap()),
        "sender.suite_unknown"
    );
    let formal = world_of("township", Environment::Formal, terms(2));
    assert_eq!(refusal(&formal, |_| ()), "sender.environment");
    let mut expired = terms(2);
    expired.until = Millis::parse("2026-11-21 09:59:59").unwrap();
    assert_eq!(
        refusal(&world_of("township", Environment::Demo, expired), |_| ()),
        "sender.certificate_expired"
    );
    let mut stranger = world();
    stranger.trust = good.trust;
    assert_eq!(refusal(&stranger, |_| ()), "sender.certificate_untrusted");
}

#[test]
fn a_verified_chain_is_still_held_to_its_validity() {
    let world = world();
    let fragments = vec![record(1)];
    let package = seal(&head(&world.signer, &fragments), &fragments, &world.signer);
    let opened = open(&package).unwrap();
    assert!(verify(&opened, &world.trust, now()).is_ok());
    let late = terms(0).until.plus(1_000);
    assert_eq!(
        verify(&opened, &world.trust, late).unwrap_err().code(),
        "sender.certificate_expired"
    );
    assert!(verify(&opened, &world.trust, terms(0).until.plus(999)).is_ok());
}

#[test]
fn a_clock_may_be_ahead_by_the_skew_only() {
    let head = head(&world().signer, &[]);
    assert!(check_clock(&head, now().plus(-600_000), 600_000).is_ok());
    let refuse = check_clock(&head, now().plus(-600_001), 600_000).unwrap_err();
    assert_eq!(refuse.code(), "sender.clock_ahead");
}

#[test]
fn every_code_is_listed_in_both_languages() {
    let stranger = world();
    let all = [
        envelope::Refuse::Malformed { at: 0, what: "x" },
        envelope::Refuse::TooLarge { what: "x", size: 2, max: 1 },
        envelope::Refuse::Frame { what: "x" },
        envelope::Refuse::RootMismatch,
        envelope::Refuse::SignatureInvalid { what: "x" },
        envelope::Refuse::SuiteUnknown,
        envelope::Refuse::SuiteRefused { suite: "x" },
        envelope::Refuse::CertificateInvalid { what: "x" },
        envelope::Refuse::CertificateRevoked,
        envelope::Refuse::CertificateUntrusted,
        envelope::Refuse::CertificateExpired,
        envelope::Refuse::NodeMismatch,
        envelope::Refuse::Environment,
        envelope::Refuse::Closed { what: "x" },
        envelope::Refuse::ClockAhead { ahead_ms: 1 },
    ];
    for refuse in &all {
        assert!(canon::code(refuse.code()).is_some(), "{} is not in canon::codes", refuse.code());
    }
    let nothing = Trust::from_pem(Environment::Demo, &[""]).unwrap_err();
    assert_eq!(nothing.code(), "sender.certificate_invalid");
    let leaf = Trust::from_pem(Environment::Demo, &[stranger.node_pem.as_str()]).unwrap_err();
    assert_eq!(leaf.code(), "sender.certificate_invalid");
}
