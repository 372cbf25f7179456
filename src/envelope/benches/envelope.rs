//! What an envelope of 500 records and its receipt cost, step by step, beside bare hashing and
//! bare signature checks. `cargo bench -p envelope`.
#![expect(clippy::disallowed_methods, reason = "a benchmark reads a clock")]
#![expect(clippy::print_stdout, reason = "a benchmark prints its figures")]
#![expect(clippy::unwrap_used, reason = "a benchmark may stop at the first surprise")]

use std::hint::black_box;
use std::time::Instant;

use canon::{DigestAlg, Environment, Millis, NodeCode, leaf_hash};
use envelope::ca::{NodeName, Terms};
use envelope::fragment::check_shape;
use envelope::{
    Ca, Head, KeyPem, KeySigner, Kind, OutcomeLine, Signer, Trust, assemble, frame, merkle_root,
    open, open_frame, read_outcome, sign_head, verify, write_outcome,
};
use ring::rand::SystemRandom;

const RECORDS: usize = 500;

fn record(n: usize) -> Vec<u8> {
    let mut out = format!(
        "<SL xmlns=\"urn:tiergate:supervision:1\" v=\"1\" op=\"put\" nature=\"live\" \
         system=\"window\" entered=\"2026-11-21 09:30:00\" collected=\"2026-11-21 09:31:00\">\
         <SBLSH>DEMO{n:012}</SBLSH>"
    );
    for i in 0..24 {
        out.push_str(&format!("<ZD{i:02}>示例内容，第{i}项 2026-11-21</ZD{i:02}>"));
    }
    out.push_str("</SL>");
    out.into_bytes()
}

/// Prints the best of several rounds, per call and per record.
fn measure<T>(name: &str, mut step: impl FnMut() -> T) {
    let mut best = f64::MAX;
    for _ in 0..40 {
        let start = Instant::now();
        black_box(step());
        best = best.min(start.elapsed().as_secs_f64());
    }
    let (whole, each) = (best * 1e6, best * 1e6 / RECORDS as f64);
    println!("{name:<44} {whole:>9.1} µs   {each:>7.3} µs/record");
}

struct Node {
    signer: KeySigner,
    trust: Trust,
}

fn node() -> Node {
    let random = SystemRandom::new();
    let at = |text| Millis::parse(text).unwrap();
    let (from, until) = (at("2020-01-01 00:00:00"), at("2099-01-01 00:00:00"));
    let terms = Terms { serial: 1, from, until };
    let ca = Ca::root("Bench", &KeyPem::generate(suite, &random).unwrap(), terms, &random).unwrap();
    let key = KeyPem::generate(suite, &random).unwrap();
    let code = NodeCode::new("township").unwrap();
    let name = NodeName { node: code, environment: Environment::Demo, regions: Vec::new() };
    let certificate = ca.issue(&name, &key, terms, &random).unwrap();
    let signer = KeySigner::from_pem(&key.0, &certificate, random).unwrap();
    Node { signer, trust: Trust::from_pem(Environment::Demo, &[ca.certificate_pem()]).unwrap() }
}

fn head(signer: &KeySigner, fragments: &[Vec<u8>], now: Millis) -> Head {
    let leaves: Vec<_> = fragments.iter().map(|f| leaf_hash(DigestAlg::Sha256, f)).collect();
    Head {
        kind: Kind::Records,
        environment: Environment::Demo,
        from: NodeCode::new("township").unwrap(),
        to: NodeCode::new("province").unwrap(),
        epoch: 1,
        route: "province|supervision/1|ecdsa-p256-sha256|live".parse().unwrap(),
        sequence: 17,
        settled_below: 16,
        skipped: Vec::new(),
        sealed_at: now,
        window: now.day(),
        format: "supervision/1".into(),
        code_tables: "2026.11".into(),
        authority: "2026.11".into(),
        adapters: vec![("township_window".into(), "1.0.0".into())],
        digest_alg: DigestAlg::Sha256,
        lengths: fragments.iter().map(|f| f.len() as u32).collect(),
        root: merkle_root(&leaves),
        certificate: signer.certificate_digest(),
        keep_orphans: Vec::new(),
        confidential: None,
        answers: None,
    }
}

fn main() {
    let Node { signer, trust } = node();
    let now = Millis::parse("2026-11-21 10:00:00").unwrap();
    let fragments: Vec<_> = (0..RECORDS).map(record).collect();
    let body = fragments.concat();
    let head = head(&signer, &fragments, now);
    let head_bytes = head.write();
    let signature = sign_head(&head_bytes, &signer).unwrap();
    let package = assemble(&head_bytes, &body, &signature);
    let parcel = frame(&package, 3);
    println!("{RECORDS} records, package {} B, parcel {} B", package.len(), parcel.len());

    let hash = |f: &Vec<u8>| leaf_hash(DigestAlg::Sha256, f);
    measure("floor: leaf hashes", || fragments.iter().map(hash).collect::<Vec<_>>());
    measure("floor: UTF-8 check", || fragments.iter().all(|f| std::str::from_utf8(f).is_ok()));
    measure("shape of the fragments", || fragments.iter().all(|f| check_shape(f).is_ok()));
    let leaves: Vec<_> = fragments.iter().map(hash).collect();
    measure("Merkle root", || merkle_root(&leaves));
    measure("head: write", || head.write());
    measure("head: read", || Head::read(&head_bytes).unwrap());
    measure("sign head", || sign_head(&head_bytes, &signer).unwrap());
    measure("assemble", || assemble(&head_bytes, &body, &signature));
    measure("frame, level 3", || frame(&package, 3));
    measure("frame, level 1", || frame(&package, 1));
    measure("open frame", || open_frame(&parcel, 1 << 20).unwrap());
    measure("open package", || open(&package).unwrap().leaves.len());
    let opened = open(&package).unwrap();
    measure("verify (chain known)", || verify(&opened, &trust, now).unwrap());

    let lines: Vec<_> = (0..RECORDS as u32).map(OutcomeLine::accepted).collect();
    let written: Vec<_> = lines.iter().map(write_outcome).collect();
    measure("outcomes: write", || lines.iter().map(write_outcome).collect::<Vec<_>>());
    measure("outcomes: read", || written.iter().all(|o| read_outcome(o).is_ok()));
}
