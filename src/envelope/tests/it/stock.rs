//! Stock tools agree with us: `xmlsec1` on signatures, `openssl` on certificates, `xmllint` on
//! control bodies. A tool that is not installed fails the test: nothing is skipped.
#![expect(clippy::disallowed_methods, reason = "stock tools read files")]

use std::path::Path;

use envelope::{OutcomeLine, open, verify, write_outcome};

use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::TestRunner;

use crate::common::{World, head, now, receipt_head, record, run, seal, world};
use crate::round::control_fragment;

/// Every character that C14N or XML treats specially, and text beyond the first plane.
pub(crate) const SPECIAL: &str = "a&b<c>d\"e'f\rg\th\ni 中文（全角） 😀 &amp; ]]> \u{85}\u{2028}";

/// Whether xmlsec1 verifies a package with this authority.
pub(crate) fn xmlsec1(package: &Path, ca: &Path) -> Result<(), String> {
    let (ca, package) = (ca.display().to_string(), package.display().to_string());
    let output = run(
        "xmlsec1",
        &[
            "--verify",
            "--id-attr:Id",
            "urn:tiergate:envelope:1:Head",
            "--trusted-pem",
            &ca,
            &package,
        ],
    );
    if output.status.success() {
        Ok(())
    } else {
        Err(String::from_utf8_lossy(&output.stderr).into_owned())
    }
}

struct Both<'a> {
    world: &'a World,
    dir: tempfile::TempDir,
}

impl<'a> Both<'a> {
    fn new(world: &'a World) -> Self {
        let dir = tempfile::tempdir().expect("a temporary folder");
        std::fs::write(dir.path().join("ca.pem"), world.ca.certificate_pem()).expect("ca.pem");
        Self { world, dir }
    }

    /// What we say, and what xmlsec1 says.
    fn verdicts(&self, package: &[u8]) -> (bool, Result<(), String>) {
        let ours = open(package).and_then(|o| verify(&o, &self.world.trust, now())).is_ok();
        let file = self.dir.path().join("package.xml");
        std::fs::write(&file, package).expect("package.xml");
        (ours, xmlsec1(&file, &self.dir.path().join("ca.pem")))
    }
}

#[test]
fn xmlsec1_verifies_envelopes_and_receipts_with_each_special_character() {
    let world = world();
    let both = Both::new(&world);
    let mut texts: Vec<String> = SPECIAL.chars().map(|c| format!("x{c}y")).collect();
    texts.dedup();
    texts.push(SPECIAL.to_owned());
    let fragments = vec![record(1), record(2)];
    for text in &texts {
        let mut head = head(&world.signer, &fragments);
        head.code_tables = text.clone();
        head.adapters.push((text.clone(), text.clone()));
        let package = seal(&head, &fragments, &world.signer);
        assert_eq!(both.verdicts(&package), (true, Ok(())), "envelope with {text:?}");
    }
    let of = head(&world.signer, &fragments);
    let line = OutcomeLine { text: Some(SPECIAL.into()), ..OutcomeLine::accepted(0) };
    let outcomes = vec![write_outcome(&line), write_outcome(&OutcomeLine::accepted(1))];
    let mut receipt = receipt_head(&world.signer, &outcomes, &of);
    receipt.authority = SPECIAL.into();
    let package = seal(&receipt, &outcomes, &world.signer);
    assert_eq!(both.verdicts(&package), (true, Ok(())), "receipt");
}

#[test]
fn what_is_changed_fails_here_and_there() {
    let world = world();
    let both = Both::new(&world);
    let fragments = vec![record(1)];
    let package = seal(&head(&world.signer, &fragments), &fragments, &world.signer);
    let text = String::from_utf8(package).expect("UTF-8");
    let replace = |from: &str, to: &str| {
        assert!(text.contains(from), "{from} is in the package");
        text.replacen(from, to, 1).into_bytes()
    };
    // The head, the digest, the algorithm names, the signature value, the certificate.
    let value = text.find("<SignatureValue>").expect("a signature value") + 20;
    let certificate = text.find("<X509Certificate>").expect("a certificate") + 200;
    let digest = text.find("<DigestValue>").expect("a digest") + 20;
    let mut changed = vec![
        replace("<Sequence>17<", "<Sequence>18<"),
        replace("<From>township<", "<From>townshiq<"),
        replace("xmldsig-more#ecdsa-sha256", "xmldsig-more#ecdsa-sha384"),
        replace("URI=\"#head\"", "URI=\"#haed\""),
    ];
    for at in [value, certificate, digest] {
        let mut bytes = text.clone().into_bytes();
        bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
        changed.push(bytes);
    }
    for (i, bytes) in changed.iter().enumerate() {
        let (ours, theirs) = both.verdicts(bytes);
        assert!(!ours, "change {i} passed here");
        assert!(theirs.is_err(), "change {i} passed xmlsec1");
    }
    // The body is under the root in the signed head: we see it, xmlsec1 (head only) cannot.
    assert!(!both.verdicts(&replace("DEMO0000", "DEMO1000")).0);
}

#[test]
fn xmlsec1_does_not_trust_another_authority() {
    let (mine, other) = (world(), world());
    let both = Both::new(&mine);
    let fragments = vec![record(1)];
    let package = seal(&head(&other.signer, &fragments), &fragments, &other.signer);
    let (ours, theirs) = both.verdicts(&package);
    assert!(!ours && theirs.is_err());
}

#[test]
fn control_bodies_are_valid_by_their_schema() {
    let mut runner = TestRunner::deterministic();
    let dir = tempfile::tempdir().expect("a temporary folder");
    let schema = concat!(env!("CARGO_MANIFEST_DIR"), "/../../schemas/control/1/control.xsd");
    let mut args = vec!["--noout".to_owned(), "--schema".to_owned(), schema.to_owned()];
    for i in 0..200 {
        let fragment = control_fragment().new_tree(&mut runner).expect("a body").current();
        let file = dir.path().join(format!("{i}.xml"));
        std::fs::write(&file, fragment).expect("a fragment");
        args.push(file.display().to_string());
    }
    let args: Vec<_> = args.iter().map(String::as_str).collect();
    let output = run("xmllint", &args);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    // And the schema is not one that takes anything.
    let bad = dir.path().join("bad.xml");
    let body = "<Refusal xmlns=\"urn:tiergate:control:1\"><Code>x</Code></Refusal>";
    std::fs::write(&bad, body).expect("a fragment");
    let output = run("xmllint", &["--noout", "--schema", schema, &bad.display().to_string()]);
    assert!(!output.status.success());
}

#[test]
fn openssl_verifies_the_chain_and_shows_the_names() {
    let world = world();
    let dir = tempfile::tempdir().expect("a temporary folder");
    let (ca, node) = (dir.path().join("ca.pem"), dir.path().join("node.pem"));
    std::fs::write(&ca, world.ca.certificate_pem()).expect("ca.pem");
    std::fs::write(&node, &world.node_pem).expect("node.pem");
    let (ca, node) = (ca.display().to_string(), node.display().to_string());
    let verified = run("openssl", &["verify", "-x509_strict", "-CAfile", &ca, &node]);
    assert!(verified.status.success(), "{}", String::from_utf8_lossy(&verified.stderr));
    let shown = run("openssl", &["x509", "-noout", "-ext", "subjectAltName", "-in", &node]);
    let shown = String::from_utf8_lossy(&shown.stdout).into_owned();
    for uri in ["urn:tiergate:node:township", "urn:tiergate:env:demo", "urn:tiergate:region:990101"]
    {
        assert!(shown.contains(uri), "{uri} in {shown}");
    }
}
