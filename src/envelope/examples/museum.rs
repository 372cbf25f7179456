//! Makes the museum's packages of edition 1, once: `cargo run -p envelope --example museum -- DIR
//! SUITE [confidential]`.
//!
//! It refuses a folder that holds any of them: what has been released is kept for ever. See
//! `tests/museum/README.md`.
#![expect(clippy::disallowed_methods, reason = "a generator run by hand writes files")]
#![expect(clippy::unwrap_used, reason = "a generator run by hand may stop at the first surprise")]

use std::fmt::Write as _;
use std::path::Path;

use canon::format::{
    Amended, Attributes, CaseFacts, Nature, Op, OpenLists, Values, credit_code_check_char,
    supervision_1,
};
use canon::{DigestAlg, EnvelopeId, Environment, Millis, NodeCode, Severity, leaf_hash};
use envelope::ca::{NodeName, Terms};
use envelope::control::Refusal;
use envelope::{
    By, Ca, EncryptionPair, Head, KeyPem, KeyRing, KeySigner, Kind, Note, Outcome, OutcomeLine,
    Reader, ReceiptFor, Signer, Skipped, Suite, Usage, assemble, clear, close, merkle_root, open,
    open_clear, sign_head, write_outcome,
};
use ring::rand::SystemRandom;

fn at(text: &str) -> Millis {
    Millis::parse(text).unwrap()
}

fn node(code: &str) -> NodeCode {
    NodeCode::new(code).unwrap()
}

/// Township and province under one demo authority. The keys are used here and thrown away.
struct World {
    ca: Ca,
    township: KeySigner,
    province: KeySigner,
}

/// A key that is thrown away. RSA keys are not made by this house.
fn key(suite: Suite) -> KeyPem {
    if suite == Suite::RsaSha256 {
        let args = ["genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:3072"];
        let made = std::process::Command::new("openssl").args(args).output().unwrap();
        return KeyPem(String::from_utf8(made.stdout).unwrap());
    }
    KeyPem::generate(suite, &SystemRandom::new()).unwrap()
}

fn world(suite: Suite) -> World {
    let random = SystemRandom::new();
    let key = || key(suite);
    let terms = |serial| Terms {
        serial,
        from: at("2026-01-01 00:00:00"),
        until: at("2099-12-31 23:59:59"),
    };
    let ca = Ca::root("Tiergate museum 1", &key(), terms(1), &random).unwrap();
    let issue = |code, region: &str, serial| {
        let regions = vec![region.to_owned()];
        let name = NodeName { node: node(code), environment: Environment::Demo, regions };
        let key = key();
        let public = key.public(&random).unwrap();
        let pem = ca.issue(&name, &public, terms(serial), &random).unwrap();
        KeySigner::from_pem(&key.0, &pem, random.clone()).unwrap()
    };
    let (township, province) = (issue("township-1", "990101001", 2), issue("province", "99", 3));
    World { ca, township, province }
}

/// One record of the supervision format, from wire names and values.
fn record(wire: &str, attributes: &Attributes, values: &[(&str, &str)]) -> Vec<u8> {
    let format = supervision_1();
    let ty = format.type_by_wire(wire).unwrap();
    let mut all = Values::new();
    for (field, value) in values {
        all.set(format.get(ty).field_by_wire(field).unwrap(), value);
    }
    let mut violations = Vec::new();
    let (case, lists) = (CaseFacts::new(), OpenLists::new());
    format.validate(ty, &all, attributes, &case, &lists, &mut violations);
    let errors: Vec<_> = violations.iter().filter(|v| v.severity == Severity::Error).collect();
    assert!(errors.is_empty(), "{errors:?}");
    let mut out = Vec::new();
    format.render(ty, &all, attributes, &mut out);
    out
}

/// Three records of one case, with text that needs every escape. All names are invented.
fn records() -> Vec<Vec<u8>> {
    let unit = "11990101MB00000X0";
    let unit = format!("{unit}{}", credit_code_check_char(unit).unwrap());
    let row = DigestAlg::Sha256.of(&[b"a row of the museum"]);
    let live = Attributes::live("township_window", &unit, at("2026-11-21 09:59:58"), row);
    let late = Attributes {
        version: 2,
        nature: Nature::Late,
        entered: Some("2026-11-20 16:58:03".into()),
        amended: Amended::Normalised,
        ..live.clone()
    };
    let void = Attributes {
        version: 3,
        op: Op::Void,
        nature: Nature::Correction,
        reason: Some("entered_twice".into()),
        by: Some("op-07".into()),
        ..live.clone()
    };
    let case = [("SBLSH", "DEMO20261121000001"), ("SXBM", "99010100000000000000000001000001")];
    let with = |more: &[(&'static str, &'static str)]| [&case[..], more].concat();
    let acceptance = [
        ("YWLSH", "YW-1"),
        ("SLBMMC", "示例镇便民服务中心"),
        ("SLBMZZJDDM", unit.as_str()),
        ("BLRXM", "示例甲"),
        ("SLZTDM", "1"),
        ("SLSJ", "2026-11-21 09:30:00"),
        ("XZQHDM", "990101001"),
        ("BZ", "a&b <c> \"d\" 'e' \r\n\t中文（全角） 😀"),
    ];
    let acceptance = [&case[..], &acceptance[..]].concat();
    let material =
        with(&[("SEQ", "1"), ("CLMC", "申请表"), ("WJLX", "0"), ("XZQHDM", "990101001")]);
    let pickup = with(&[("LQSJ", "2026-11-21"), ("XZQHDM", "990101001")]);
    vec![
        record("SL", &late, &acceptance),
        record("SBCL", &live, &material),
        record("LQDJ", &void, &pickup),
    ]
}

/// `route` is destination and edition, and the lane behind the suite.
fn head(
    signer: &dyn Signer,
    from: &str,
    route: (&str, &str),
    sequence: u64,
    body: &[Vec<u8>],
) -> Head {
    let (suite, alg) = (signer.suite(), signer.suite().digest());
    let leaves: Vec<_> = body.iter().map(|f| leaf_hash(alg, f)).collect();
    let route: canon::Route = format!("{}|{suite}|{}", route.0, route.1).parse().unwrap();
    Head {
        kind: Kind::Records,
        environment: Environment::Demo,
        from: node(from),
        to: route.destination.clone(),
        epoch: 1,
        format: route.edition.to_string(),
        route,
        sequence,
        settled_below: 1,
        skipped: Vec::new(),
        sealed_at: at("2026-11-21 10:00:00"),
        window: at("2026-11-21 10:00:00").day(),
        code_tables: String::new(),
        authority: String::new(),
        adapters: Vec::new(),
        digest_alg: alg,
        lengths: body.iter().map(|f| u32::try_from(f.len()).unwrap()).collect(),
        root: merkle_root(alg, &leaves),
        certificate: signer.certificate_digest(),
        keep_orphans: Vec::new(),
        confidential: None,
        answers: None,
    }
}

fn outcomes(suite: Suite) -> Vec<Vec<u8>> {
    let warned = OutcomeLine {
        notes: vec![Note {
            code: "record.parent_absent".into(),
            field: "SBLSH".into(),
            text: "等待期满仍无上级环节记录".into(),
        }],
        first: Some(EnvelopeId {
            sender: node("township-1"),
            epoch: 1,
            route: format!("province|supervision/1|{suite}|live").parse().unwrap(),
            sequence: 3,
        }),
        ..OutcomeLine::accepted(0)
    };
    let rejected = OutcomeLine {
        field: Some("SLSJ".into()),
        text: Some("受理时间早于申请时间 <a&b> \"c\" \r\n😀".into()),
        ..OutcomeLine::with_code(1, Outcome::Rejected, "rule.order")
    };
    let missing = OutcomeLine::with_code(2, Outcome::ParentMissing, "record.parent_missing");
    [warned, rejected, missing].iter().map(write_outcome).collect()
}

fn seal(head: &Head, body: &[Vec<u8>], signer: &dyn Signer) -> Vec<u8> {
    let head_bytes = head.write();
    assemble(&head_bytes, &body.concat(), &sign_head(&head_bytes, signer).unwrap())
}

/// The province's pair for encryption. Its key stays in the museum: what was closed for it must open
/// for ever, and it was never used for anything else.
fn reader(ca: &Ca, suite: Suite) -> (EncryptionPair, KeyPem, String) {
    let random = SystemRandom::new();
    let key = KeyPem::generate(suite.encryption(), &random).unwrap();
    let name = NodeName {
        node: node("province"),
        environment: Environment::Demo,
        regions: vec!["99".to_owned()],
    };
    let terms =
        Terms { serial: 4, from: at("2026-01-01 00:00:00"), until: at("2099-12-31 23:59:59") };
    let public = key.public(&random).unwrap();
    let pem = ca.issue_for(Usage::Encryption, &name, &public, terms, &random).unwrap();
    (EncryptionPair::from_pem(key.clone(), &pem).unwrap(), key, pem)
}

/// The same with its body closed for one reader.
fn seal_closed(head: &mut Head, body: &[Vec<u8>], signer: &dyn Signer, reader: Reader) -> Vec<u8> {
    let (random, cipher) = (SystemRandom::new(), signer.suite().cipher());
    let (confidential, closed) = close(head, &body.concat(), cipher, &[reader], &random).unwrap();
    head.confidential = Some(confidential);
    let head_bytes = head.write();
    assemble(&head_bytes, &closed, &sign_head(&head_bytes, signer).unwrap())
}

/// What every later reader must find in it.
fn expected(package: &[u8], keys: &KeyRing) -> String {
    let opened = open(package).unwrap();
    let clear = clear(package, keys).unwrap();
    let leaves = open_clear(&clear).unwrap().leaves;
    let head = &opened.head;
    let mut out = String::new();
    let quote = |text: &dyn std::fmt::Display| format!("{:?}", text.to_string());
    let lines = [
        ("id", quote(&head.id())),
        ("kind", quote(&head.kind)),
        ("environment", quote(&head.environment)),
        ("from", quote(&head.from)),
        ("to", quote(&head.to)),
        ("sealed_at", quote(&head.sealed_at)),
        ("window", quote(&head.window)),
        ("head_digest", quote(&opened.head_digest())),
        ("root", quote(&head.root)),
        ("certificate", quote(&head.certificate)),
        ("package_digest", quote(&DigestAlg::Sha256.of(&[package]))),
    ];
    for (name, value) in lines {
        writeln!(out, "{name} = {value}").unwrap();
    }
    out.push_str("fragments = [\n");
    for leaf in &leaves {
        writeln!(out, "  {},", quote(leaf)).unwrap();
    }
    out.push_str("]\n");
    out
}

fn main() {
    let dir = std::env::args().nth(1).expect("name the folder to write into");
    let suite = std::env::args().nth(2).expect("name the suite");
    let (dir, suite) = (Path::new(&dir), suite.parse::<Suite>().unwrap());
    let write = |name: &str, bytes: &[u8]| {
        let file = dir.join(name);
        assert!(!file.exists(), "{} is there: the museum is never rewritten", file.display());
        std::fs::write(file, bytes).unwrap();
    };
    let closed = match std::env::args().nth(3).as_deref() {
        None => false,
        Some("confidential") => true,
        Some(other) => panic!("{other}: `confidential` or nothing"),
    };
    let World { ca, township, province } = world(suite);
    let (pair, key, certificate) = reader(&ca, suite);
    let keys = KeyRing::new(vec![pair.clone()]);
    write("ca.pem", ca.certificate_pem().as_bytes());

    let records = records();
    let route = ("province|supervision/1", "live");
    let mut sent = head(&township, "township-1", route, 17, &records);
    sent.settled_below = 12;
    sent.skipped = vec![Skipped { first: 14, last: 15, cause: "record.superseded".into() }];
    sent.code_tables = "2026.11 <甲>&\"乙\"".into();
    sent.authority = "demo-2026".into();
    sent.adapters = vec![
        ("township_window".into(), "1.0.0".into()),
        ("county_approval".into(), "1.2.0\r\n\t😀".into()),
    ];
    sent.keep_orphans = vec![0, 2];
    let package = if closed {
        write("reader.pem", certificate.as_bytes());
        write("reader.key", key.0.as_bytes());
        let reader = Reader::from_der(&pair.chain[0]).unwrap();
        seal_closed(&mut sent, &records, &township, reader)
    } else {
        seal(&sent, &records, &township)
    };
    write("records.xml", &package);
    write("records.expected.toml", expected(&package, &keys).as_bytes());

    let outcomes = outcomes(suite);
    let route = ("township-1|control/1", "control");
    let mut receipt = head(&province, "province", route, 5, &outcomes);
    receipt.kind = Kind::Receipt;
    receipt.answers = Some(ReceiptFor {
        envelope: sent.id(),
        head: Head::digest(sent.digest_alg, &sent.write()),
        root: sent.root,
        received_at: at("2026-11-21 10:00:02"),
        by: By::Node,
        decline: None,
    });
    let receipt = seal(&receipt, &outcomes, &province);
    write("receipt.xml", &receipt);
    write("receipt.expected.toml", expected(&receipt, &keys).as_bytes());

    let refusal = Refusal {
        parcel: DigestAlg::Sha256.of(&[b"a parcel that did not verify"]),
        claimed: Some(sent.id()),
        code: "sender.signature_invalid".into(),
        text: "签名不符，已拒收".into(),
        at: at("2026-11-21 10:00:03"),
    };
    let body = vec![refusal.write()];
    let mut refused = head(&province, "province", route, 6, &body);
    refused.kind = Kind::Refusal;
    let refused = seal(&refused, &body, &province);
    write("refusal.xml", &refused);
    write("refusal.expected.toml", expected(&refused, &keys).as_bytes());
}
