//! What the tests of this crate share: a small authority, a node, and packages from them.
#![expect(clippy::unwrap_used, reason = "helpers of tests stand outside test functions")]

use std::process::{Command, Output};

use canon::{Day, Digest, DigestAlg, Environment, Millis, NodeCode, leaf_hash};
use envelope::ca::{NodeName, Terms};
use envelope::{
    By, Ca, Head, KeyPem, KeySigner, Kind, ReceiptFor, Signer, Suite, Trust, assemble, merkle_root,
    sign_head,
};
use ring::rand::SystemRandom;

/// Runs a stock tool.
pub(crate) fn run(tool: &str, args: &[&str]) -> Output {
    Command::new(tool).args(args).output().unwrap_or_else(|error| {
        panic!(
            "{tool} cannot be run ({error}): install it, on Debian with \
             `apt-get install xmlsec1 libxml2-utils openssl`; this test is never skipped"
        )
    })
}

/// When the tests happen.
pub(crate) fn now() -> Millis {
    Millis::parse("2026-11-21 10:00:00").unwrap()
}

/// A demo province: authority and one township node.
pub(crate) struct World {
    pub(crate) ca: Ca,
    pub(crate) signer: KeySigner,
    pub(crate) trust: Trust,
    pub(crate) node_pem: String,
    pub(crate) key: KeyPem,
}

pub(crate) fn terms(serial: u64) -> Terms {
    Terms {
        serial,
        from: Millis::parse("2020-01-01 00:00:00").unwrap(),
        until: Millis::parse("2099-01-01 00:00:00").unwrap(),
    }
}

pub(crate) fn node_name(node: &str, environment: Environment) -> NodeName {
    NodeName { node: NodeCode::new(node).unwrap(), environment, regions: vec!["990101".into()] }
}

pub(crate) fn world() -> World {
    world_in(Suite::EcdsaP256Sha256)
}

/// A world of one suite: authority and node.
pub(crate) fn world_in(suite: Suite) -> World {
    world_from(&key(suite), &key(suite), "township", Environment::Demo, terms(2))
}

pub(crate) fn world_of(node: &str, environment: Environment, of: Terms) -> World {
    let suite = Suite::EcdsaP256Sha256;
    world_from(&key(suite), &key(suite), node, environment, of)
}

/// A new key; RSA's comes from OpenSSL, as it does for people.
pub(crate) fn key(suite: Suite) -> KeyPem {
    if suite == Suite::RsaSha256 {
        let args = ["genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"];
        return KeyPem(String::from_utf8(run("openssl", &args).stdout).unwrap());
    }
    KeyPem::generate(suite, &SystemRandom::new()).unwrap()
}

pub(crate) fn world_from(
    root: &KeyPem,
    key: &KeyPem,
    node: &str,
    environment: Environment,
    of: Terms,
) -> World {
    let random = SystemRandom::new();
    let ca = Ca::root("Demo root", root, terms(1), &random).unwrap();
    let public = key.public(&random).unwrap();
    let node_pem = ca.issue(&node_name(node, environment), &public, of, &random).unwrap();
    let signer = KeySigner::from_pem(&key.0, &node_pem, random).unwrap();
    let trust = Trust::from_pem(Environment::Demo, &[ca.certificate_pem()]).unwrap();
    World { ca, signer, trust, node_pem, key: key.clone() }
}

/// A record fragment with invented content.
pub(crate) fn record(n: u64) -> Vec<u8> {
    format!(
        "<SL xmlns=\"urn:tiergate:supervision:1\" v=\"1\" op=\"put\" nature=\"live\" \
         system=\"window\"><SBLSH>DEMO{n:08}</SBLSH><SLSJ>2026-11-21 09:30:00</SLSJ>\
         <BZ>示例 &amp; &lt;备注&gt; {n}</BZ></SL>"
    )
    .into_bytes()
}

pub(crate) fn head(signer: &dyn Signer, fragments: &[Vec<u8>]) -> Head {
    let (suite, alg) = (signer.suite(), signer.suite().digest());
    let leaves: Vec<_> = fragments.iter().map(|f| leaf_hash(alg, f)).collect();
    Head {
        kind: Kind::Records,
        environment: Environment::Demo,
        from: NodeCode::new("township").unwrap(),
        to: NodeCode::new("province").unwrap(),
        epoch: 1,
        route: format!("province|supervision/1|{suite}|live").parse().unwrap(),
        sequence: 17,
        settled_below: 16,
        skipped: Vec::new(),
        sealed_at: now(),
        window: now().day(),
        format: "supervision/1".into(),
        code_tables: "2026.11".into(),
        authority: "2026.11".into(),
        adapters: vec![("township_window".into(), "1.0.0".into())],
        digest_alg: alg,
        lengths: fragments.iter().map(|f| u32::try_from(f.len()).unwrap()).collect(),
        root: merkle_root(alg, &leaves),
        certificate: signer.certificate_digest(),
        keep_orphans: Vec::new(),
        confidential: None,
        answers: None,
    }
}

/// The head of a receipt for the envelope with this head.
pub(crate) fn receipt_head(signer: &dyn Signer, fragments: &[Vec<u8>], of: &Head) -> Head {
    Head {
        kind: Kind::Receipt,
        to: of.from.clone(),
        route: format!("{}|control/1|{}|control", of.from, signer.suite()).parse().unwrap(),
        window: Day(now().day().0),
        format: "control/1".into(),
        answers: Some(ReceiptFor {
            envelope: of.id(),
            head: Head::digest(of.digest_alg, &of.write()),
            root: of.root,
            received_at: now(),
            by: By::Node,
            decline: None,
        }),
        ..head(signer, fragments)
    }
}

pub(crate) fn seal(head: &Head, fragments: &[Vec<u8>], signer: &dyn Signer) -> Vec<u8> {
    let head_bytes = head.write();
    let signature = sign_head(&head_bytes, signer).unwrap();
    assemble(&head_bytes, &fragments.concat(), &signature)
}

pub(crate) fn digest(text: &str) -> Digest {
    DigestAlg::Sha256.of(&[text.as_bytes()])
}
