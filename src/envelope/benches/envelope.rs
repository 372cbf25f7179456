//! What an envelope of 500 records and its receipt cost in each suite, step by step, beside bare
//! hashing and bare signatures, and these beside `openssl speed` of the same primitive in the same
//! run. `cargo bench -p envelope`.
#![expect(clippy::disallowed_methods, reason = "a benchmark reads a clock")]
#![expect(clippy::print_stdout, reason = "a benchmark prints its figures")]
#![expect(clippy::unwrap_used, reason = "a benchmark may stop at the first surprise")]

use std::hint::black_box;
use std::process::Command;
use std::time::Instant;

use canon::{DigestAlg, Environment, Millis, NodeCode, leaf_hash, leaf_hashes};
use envelope::ca::{NodeName, Terms};
use envelope::fragment::check_shape;
use envelope::{
    Ca, Head, KeyPem, KeySigner, Kind, OutcomeLine, SM2_USER_ID, Signer, Suite, Trust, assemble,
    frame, merkle_root, open, open_frame, read_outcome, sign_head, verify, write_outcome,
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

/// A key of a suite. RSA keys are not made by this house.
fn key(suite: Suite) -> KeyPem {
    if suite == Suite::RsaSha256 {
        let args = ["genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"];
        return KeyPem(openssl(&args));
    }
    KeyPem::generate(suite, &SystemRandom::new()).unwrap()
}

fn openssl(args: &[&str]) -> String {
    let made = Command::new("openssl").args(args).output().unwrap();
    String::from_utf8(made.stdout).unwrap()
}

/// Signatures and verifications a second, as `openssl speed` counts them here and now.
fn openssl_signs(suite: Suite) -> (f64, f64) {
    let name = match suite {
        Suite::Ed25519Sha256 => "ed25519",
        Suite::RsaSha256 => "rsa2048",
        Suite::Sm2Sm3 => "sm2",
        _ => "ecdsap256",
    };
    let said = openssl(&["speed", "-seconds", "2", name]);
    let last = said.lines().last().unwrap_or_default().split_whitespace();
    let mut numbers = last.rev().filter_map(|word| word.parse::<f64>().ok());
    let verify = numbers.next().unwrap_or(f64::NAN);
    (numbers.next().unwrap_or(f64::NAN), verify)
}

/// MB/s of OpenSSL's digest over blocks of 1 KiB and 16 KiB.
fn openssl_hashes(alg: DigestAlg) -> (f64, f64) {
    let said = openssl(&["speed", "-seconds", "1", "-evp", alg.name()]);
    let last = said.lines().last().unwrap_or_default().split_whitespace();
    let found = last.filter_map(|word| word.strip_suffix('k')?.parse::<f64>().ok());
    let found: Vec<f64> = found.map(|k| k / 1_000.0).collect();
    (found[3], found[5])
}

/// How often a second something is done, the best of several rounds.
fn each_second(mut step: impl FnMut()) -> f64 {
    let mut best = f64::MAX;
    for _ in 0..20 {
        let start = Instant::now();
        (0..50).for_each(|_| step());
        best = best.min(start.elapsed().as_secs_f64() / 50.0);
    }
    1.0 / best
}

fn primitives(suite: Suite) {
    let key = key(suite);
    let Node { signer, .. } = node_of(&key);
    let public = key.public(&SystemRandom::new()).unwrap();
    let text = [7_u8; 600];
    let value = signer.sign(&text).unwrap();
    let sign = each_second(|| drop(black_box(signer.sign(black_box(&text)).unwrap())));
    let verify = each_second(|| assert!(public.verifies(black_box(&text), &value, SM2_USER_ID)));
    let (theirs_sign, theirs_verify) = openssl_signs(suite);
    println!(
        "{suite:<20} sign/s {sign:>8.0}, openssl {theirs_sign:>8.0}, ratio {:>5.2}   \
         verify/s {verify:>8.0}, openssl {theirs_verify:>8.0}, ratio {:>5.2}",
        sign / theirs_sign,
        verify / theirs_verify,
    );
}

fn digests(alg: DigestAlg) {
    let speed = |len: usize| {
        let block = vec![7_u8; len];
        each_second(|| assert!(black_box(alg.of(&[black_box(&block)])).alg == alg)) * len as f64
            / 1e6
    };
    let (ours, theirs) = ((speed(1 << 10), speed(16 << 10)), openssl_hashes(alg));
    println!(
        "{:<8} MB/s at 1 KiB {:>6.0}, openssl {:>6.0}, ratio {:>5.2}   at 16 KiB {:>6.0}, openssl \
         {:>6.0}, ratio {:>5.2}",
        alg.name(),
        ours.0,
        theirs.0,
        ours.0 / theirs.0,
        ours.1,
        theirs.1,
        ours.1 / theirs.1,
    );
}

fn node_of(key: &KeyPem) -> Node {
    let suite = key.suite().unwrap();
    let random = SystemRandom::new();
    let at = |text| Millis::parse(text).unwrap();
    let (from, until) = (at("2020-01-01 00:00:00"), at("2099-01-01 00:00:00"));
    let terms = Terms { serial: 1, from, until };
    let root = if suite == Suite::RsaSha256 { key.clone() } else { self::key(suite) };
    let ca = Ca::root("Bench", &root, terms, &random).unwrap();
    let public = key.public(&random).unwrap();
    let code = NodeCode::new("township").unwrap();
    let name = NodeName { node: code, environment: Environment::Demo, regions: Vec::new() };
    let certificate = ca.issue(&name, &public, terms, &random).unwrap();
    let signer = KeySigner::from_pem(&key.0, &certificate, random).unwrap();
    Node { signer, trust: Trust::from_pem(Environment::Demo, &[ca.certificate_pem()]).unwrap() }
}

fn head(signer: &KeySigner, fragments: &[Vec<u8>], now: Millis) -> Head {
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
        sealed_at: now,
        window: now.day(),
        format: "supervision/1".into(),
        code_tables: "2026.11".into(),
        authority: "2026.11".into(),
        adapters: vec![("township_window".into(), "1.0.0".into())],
        digest_alg: alg,
        lengths: fragments.iter().map(|f| f.len() as u32).collect(),
        root: merkle_root(alg, &leaves),
        certificate: signer.certificate_digest(),
        keep_orphans: Vec::new(),
        confidential: None,
        answers: None,
    }
}

fn main() {
    DigestAlg::ALL.iter().for_each(|alg| digests(*alg));
    Suite::ALL.iter().for_each(|suite| primitives(*suite));
    for suite in [Suite::EcdsaP256Sha256, Suite::Sm2Sm3] {
        println!();
        steps(suite);
    }
}

fn steps(suite: Suite) {
    let alg = suite.digest();
    let Node { signer, trust } = node_of(&key(suite));
    let now = Millis::parse("2026-11-21 10:00:00").unwrap();
    let fragments: Vec<_> = (0..RECORDS).map(record).collect();
    let body = fragments.concat();
    let head = head(&signer, &fragments, now);
    let head_bytes = head.write();
    let signature = sign_head(&head_bytes, &signer).unwrap();
    let package = assemble(&head_bytes, &body, &signature);
    let parcel = frame(&package, 3);
    println!("{suite}: {RECORDS} records, package {} B, parcel {} B", package.len(), parcel.len());

    let each: Vec<&[u8]> = fragments.iter().map(Vec::as_slice).collect();
    let hash = |f: &Vec<u8>| leaf_hash(alg, f);
    measure("floor: leaf hashes, one by one", || fragments.iter().map(hash).collect::<Vec<_>>());
    measure("floor: leaf hashes", || leaf_hashes(alg, &each));
    measure("floor: UTF-8 check", || fragments.iter().all(|f| std::str::from_utf8(f).is_ok()));
    measure("shape of the fragments", || fragments.iter().all(|f| check_shape(f).is_ok()));
    let leaves = leaf_hashes(alg, &each);
    measure("Merkle root", || merkle_root(alg, &leaves));
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
