//! Every released envelope, receipt and refusal still reads and verifies.
#![expect(clippy::disallowed_methods, reason = "the museum is a folder of files")]

use std::path::{Path, PathBuf};

use canon::{DigestAlg, Environment, Millis};
use envelope::control::Refusal;
use envelope::{
    EncryptionPair, KeyPem, KeyRing, Opened, Outcome, Suite, Trust, clear, is_closed, open,
    open_clear, read_outcome, verify, write_outcome,
};

use crate::stock::xmlsec1;

/// Folders of edition 1, and the suite of what lies in each. In the last two the records are closed for
/// the reader whose key lies beside them.
const FOLDERS: [(&str, Suite); 6] = [
    ("1", Suite::EcdsaP256Sha256),
    ("1-ed25519-sha256", Suite::Ed25519Sha256),
    ("1-rsa-sha256", Suite::RsaSha256),
    ("1-sm2-sm3", Suite::Sm2Sm3),
    ("1-confidential", Suite::EcdsaP256Sha256),
    ("1-confidential-sm2-sm3", Suite::Sm2Sm3),
];

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/museum/envelope").join(name)
}

fn read(name: &str) -> Vec<u8> {
    read_in("1", name)
}

fn read_in(of: &str, name: &str) -> Vec<u8> {
    let file = folder(of).join(name);
    std::fs::read(&file).unwrap_or_else(|e| panic!("{} is kept for ever: {e}", file.display()))
}

fn trust(of: &str) -> Trust {
    let ca = String::from_utf8(read_in(of, "ca.pem")).expect("PEM");
    Trust::from_pem(Environment::Demo, &[&ca]).expect("the museum's authority")
}

/// The key for which a folder's records are closed; of the others none is needed.
fn keys(of: &str) -> KeyRing {
    if !of.starts_with("1-confidential") {
        return KeyRing::new(Vec::new());
    }
    let text = |name| String::from_utf8(read_in(of, name)).expect("PEM");
    let pair = EncryptionPair::from_pem(KeyPem(text("reader.key")), &text("reader.pem"));
    KeyRing::new(vec![pair.expect("the museum's reader")])
}

/// Holds a package against what was expected of it on the day it was made.
fn agree(of: &str, name: &str, package: &[u8], opened: &Opened<'_>) {
    let expected = read_in(of, &format!("{name}.expected.toml"));
    let expected = String::from_utf8(expected).expect("UTF-8");
    let expected: toml::Table = expected.parse().expect("TOML");
    let head = &opened.head;
    let found = [
        ("id", head.id().to_string()),
        ("kind", head.kind.to_string()),
        ("environment", head.environment.to_string()),
        ("from", head.from.to_string()),
        ("to", head.to.to_string()),
        ("sealed_at", head.sealed_at.to_string()),
        ("window", head.window.to_string()),
        ("head_digest", opened.head_digest().to_string()),
        ("root", head.root.to_string()),
        ("certificate", head.certificate.to_string()),
        ("package_digest", DigestAlg::Sha256.of(&[package]).to_string()),
    ];
    for (key, value) in &found {
        let want = expected.get(*key).and_then(toml::Value::as_str);
        assert_eq!(want, Some(value.as_str()), "{name}: {key}");
    }
    let clear = clear(package, &keys(of)).unwrap_or_else(|e| panic!("{of}/{name} opens: {e}"));
    let leaves = open_clear(&clear).expect("its body in the clear").leaves;
    let leaves: Vec<_> = leaves.iter().map(ToString::to_string).collect();
    let want = expected.get("fragments").and_then(toml::Value::as_array).expect("fragments");
    let want: Vec<_> = want.iter().filter_map(toml::Value::as_str).collect();
    assert_eq!(want, leaves, "{name}: fragments");
    assert_eq!(expected.len(), found.len() + 1, "{name}: every expectation is held");
}

#[test]
fn all_of_edition_1_reads_and_verifies() {
    let names = [("records", "township-1"), ("receipt", "province"), ("refusal", "province")];
    for ((of, suite), (name, from)) in
        FOLDERS.into_iter().flat_map(|folder| names.map(|name| (folder, name)))
    {
        let package = read_in(of, &format!("{name}.xml"));
        let opened = open(&package).unwrap_or_else(|e| panic!("{of}/{name}: {e}"));
        assert_eq!(opened.head.suite(), Ok(suite));
        let closed = of.starts_with("1-confidential") && name == "records";
        assert_eq!(is_closed(&package), closed, "{of}/{name}");
        let sender = verify(&opened, &trust(of), opened.head.sealed_at);
        assert_eq!(sender.map(|s| s.node.to_string()), Ok(from.to_owned()), "{of}/{name}");
        agree(of, name, &package, &opened);
        assert_eq!(opened.head.write(), opened.head_bytes, "{of}/{name}: written as then");
        if matches!(suite, Suite::EcdsaP256Sha256 | Suite::RsaSha256) {
            let file = folder(of).join(format!("{name}.xml"));
            assert_eq!(xmlsec1(&file, &folder(of).join("ca.pem")), Ok(()), "{of}/{name}");
        }
    }
}

#[test]
fn the_records_parse_and_render_as_they_were() {
    let package = read("records.xml");
    let format = canon::format::supervision_1();
    for fragment in open(&package).unwrap().fragments {
        let parsed = format.parse(fragment).unwrap();
        let mut again = Vec::new();
        format.render(parsed.ty, &parsed.values, &parsed.attrs, &mut again);
        assert_eq!(again, fragment);
    }
}

#[test]
fn the_receipt_answers_the_envelope() {
    let (sent, receipt) = (read("records.xml"), read("receipt.xml"));
    let (sent, receipt) = (open(&sent).unwrap(), open(&receipt).unwrap());
    let answers = receipt.head.answers.as_ref().unwrap();
    assert_eq!(answers.envelope, sent.head.id());
    assert_eq!(answers.head, sent.head_digest());
    assert_eq!(answers.root, sent.head.root);
    let lines: Vec<_> = receipt.fragments.iter().map(|f| read_outcome(f).unwrap()).collect();
    let found: Vec<_> = lines.iter().map(|l| (l.position, l.outcome)).collect();
    assert_eq!(
        found,
        [(0, Outcome::Accepted), (1, Outcome::Rejected), (2, Outcome::ParentMissing)]
    );
    assert_eq!(lines[0].notes[0].code, "record.parent_absent");
    assert_eq!(lines[1].field.as_deref(), Some("SLSJ"));
    assert_eq!(lines[1].text.as_deref(), Some("受理时间早于申请时间 <a&b> \"c\" \r\n😀"));
    for (line, fragment) in lines.iter().zip(&receipt.fragments) {
        assert_eq!(&write_outcome(line), fragment);
    }
    assert_eq!(sent.head.keep_orphans, [0, 2]);
    assert_eq!(sent.head.adapters[1].1, "1.2.0\r\n\t😀");
    assert_eq!((sent.head.skipped[0].first, sent.head.skipped[0].last), (14, 15));
}

#[test]
fn the_refusal_says_why() {
    let package = read("refusal.xml");
    let opened = open(&package).unwrap();
    let refusal = Refusal::read(opened.fragments[0]).unwrap();
    assert_eq!(refusal.code, "sender.signature_invalid");
    assert_eq!(refusal.text, "签名不符，已拒收");
    assert_eq!(Some(refusal.at), Millis::parse("2026-11-21 10:00:03"));
    assert_eq!(refusal.write(), opened.fragments[0]);
}

/// What was closed is the case that lies beside it in the clear, for whoever has the key and for nobody else.
#[test]
fn the_closed_records_are_those_of_the_first_envelope() {
    let plain = read("records.xml");
    let plain = open(&plain).unwrap();
    let (of, other) = ("1-confidential", "1-confidential-sm2-sm3");
    let package = read_in(of, "records.xml");
    assert!(clear(&package, &keys(other)).is_err(), "another key opens it");
    let opened = clear(&package, &keys(of)).unwrap();
    assert_eq!(open_clear(&opened).unwrap().fragments, plain.fragments);
}
