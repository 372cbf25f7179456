//! The authority table as a document: one form, one issuer, the right lines on the right day.
#![expect(clippy::unwrap_used, reason = "helpers of tests stand outside test functions")]

use canon::{Day, Environment, NodeCode};
use envelope::Suite;
use envelope::authority::{Authority, Entitled, Section, sign_authority, verify_authority};
use envelope::control::AuthorityPart;

use crate::common::{World, now, terms, world_in, world_of};

fn day(text: &str) -> Day {
    Day::parse(text).unwrap()
}

fn line(node: &str, unit: &str, regions: &str, types: &str) -> Entitled {
    let words = |text: &str| text.split(' ').map(str::to_owned).collect();
    Entitled {
        node: NodeCode::new(node).unwrap(),
        unit: unit.into(),
        regions: words(regions),
        types: words(types),
        from: day("2026-01-01"),
        to: None,
        basis: "示例办〔2025〕1号".into(),
    }
}

fn table() -> Authority {
    let first = Section::new(
        day("2026-01-01"),
        vec![line("town", "*", "990101101", "SB SL"), line("bureau", "U1", "9901 9902", "*")],
    );
    let ends = Entitled { to: Some(day("2026-12-05")), ..line("town", "*", "*", "SB") };
    let second = Section::new(day("2026-12-01"), vec![ends]);
    let one = Authority {
        issuer: NodeCode::new("township").unwrap(),
        environment: Environment::Demo,
        edition: 1,
        issued: now(),
        sections: vec![first],
    };
    one.with(2, now(), second)
}

fn verified(world: &World, text: &str, signature: &[u8]) -> Result<Authority, &'static str> {
    let issuer = NodeCode::new("township").unwrap();
    verify_authority(text, signature, &world.trust, &issuer, now()).map_err(|e| e.code())
}

#[test]
fn a_record_is_judged_by_the_table_of_its_day() {
    let table = table();
    let asked = |node: &str, about: (&str, &str, &str), at: &str| {
        table.allows(&NodeCode::new(node).unwrap(), about, day(at))
    };
    for (node, about, at, allowed) in [
        ("town", ("U9", "990101101002", "SL"), "2026-11-21", Some(true)),
        ("town", ("U9", "990101102", "SL"), "2026-11-21", Some(false)),
        ("town", ("U9", "990101101", "BJ"), "2026-11-21", Some(false)),
        ("town", ("U9", "", "SB"), "2026-11-21", Some(true)),
        ("town", ("U9", "990101101", "SL"), "2026-12-01", Some(false)),
        ("town", ("U9", "990300", "SB"), "2026-12-05", Some(true)),
        ("town", ("U9", "990300", "SB"), "2026-12-06", Some(false)),
        ("bureau", ("U1", "990200", "BJ"), "2026-11-30", Some(true)),
        ("bureau", ("U2", "990200", "BJ"), "2026-11-30", Some(false)),
        ("bureau", ("U1", "990200", "BJ"), "2026-12-01", Some(false)),
        ("stranger", ("U1", "990101101", "SB"), "2026-11-21", Some(false)),
        ("town", ("U9", "990101101", "SB"), "2025-12-31", None),
    ] {
        assert_eq!(asked(node, about, at), allowed, "{node} {about:?} {at}");
    }
    let back = table.with(3, now(), Section::new(day("2026-06-01"), vec![]));
    let days: Vec<_> = back.sections.iter().map(|s| s.from).collect();
    assert_eq!(days, [day("2026-01-01"), day("2026-06-01")], "what was to come is replaced");
}

#[test]
fn a_document_has_one_form_and_its_issuers_signature_in_every_suite() {
    for suite in Suite::ALL {
        let world = world_in(*suite);
        let text = table().write();
        assert_eq!(Authority::read(&text), Ok(table()));
        let signature = sign_authority(&text, &world.signer).unwrap();
        assert_eq!(verified(&world, &text, &signature), Ok(table()), "{suite}");
        let changed = text.replace("990101101", "990101102");
        let found = verified(&world, &changed, &signature);
        assert_eq!(found, Err("sender.signature_invalid"), "{suite}");
        // The signature of anything else is not one over a table.
        let other = envelope::sign_text(text.as_bytes(), &world.signer).unwrap();
        assert_eq!(verified(&world, &text, &other), Err("sender.signature_invalid"), "{suite}");
    }
}

#[test]
fn another_issuer_and_another_environment_are_refused() {
    let world = world_in(Suite::EcdsaP256Sha256);
    let text = table().write();
    let signature = sign_authority(&text, &world.signer).unwrap();
    let wanted = NodeCode::new("province").unwrap();
    let found = verify_authority(&text, &signature, &world.trust, &wanted, now());
    assert_eq!(found.unwrap_err().code(), "authority.issuer");
    let formal = text.replace("environment demo", "environment formal");
    let signature = sign_authority(&formal, &world.signer).unwrap();
    assert_eq!(verified(&world, &formal, &signature), Err("sender.environment"));
    let stranger = world_of("stranger", Environment::Demo, terms(9));
    let signature = sign_authority(&text, &stranger.signer).unwrap();
    assert_eq!(verified(&world, &text, &signature), Err("sender.certificate_untrusted"));
}

#[test]
fn whatever_is_not_written_so_is_no_table() {
    let text = table().write();
    let broken = [
        text.replace("tiergate authority 1", "tiergate authority 2"),
        text.replace("edition 2", "edition 02"),
        text.replace("from 2026-12-01", "from 2025-12-01"),
        text.replace("SB SL", "SL\tSB"),
        text.replace("\t*\t990101101", "\t*\tcounty"),
        text.replace("示例办〔2025〕1号", ""),
        text.replace('\n', "\r\n"),
        format!("{text}\n"),
        text.split("from ").next().unwrap().to_owned(),
    ];
    for broken in broken {
        assert_ne!(broken, text);
        let found = Authority::read(&broken).map_err(|e| e.code());
        assert_eq!(found, Err("authority.malformed"), "{broken}");
    }
    // Two lines in another order are another form.
    let mut lines: Vec<&str> = text.lines().collect();
    lines.swap(6, 7);
    assert!(Authority::read(&(lines.join("\n") + "\n")).is_err());
}

#[test]
fn its_parts_come_whole_and_in_order_or_not_at_all() {
    let text = "示例，".repeat(2_000);
    let parts = AuthorityPart::split(7, &text, "<Signature>…</Signature>");
    assert!(parts.len() > 3, "cut between characters: {}", parts.len());
    let read = |p: &AuthorityPart| AuthorityPart::read(&p.write()).unwrap();
    let back: Vec<AuthorityPart> = parts.iter().map(read).collect();
    assert_eq!(back, parts);
    let whole = Some((text, "<Signature>…</Signature>".to_owned()));
    assert_eq!(AuthorityPart::join(&parts), whole);
    assert_eq!(AuthorityPart::join(&parts[..parts.len() - 1]), None);
    assert_eq!(AuthorityPart::join(&parts[1..]), None);
    let mut swapped = parts.clone();
    swapped.swap(0, 1);
    assert_eq!(AuthorityPart::join(&swapped), None);
    let mut mixed = parts;
    mixed[1].edition = 8;
    assert_eq!(AuthorityPart::join(&mixed), None);
    assert_eq!(AuthorityPart::join(&[]), None);
}
