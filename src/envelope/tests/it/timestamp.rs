//! Timestamps of a real authority: OpenSSL's `ts`.
#![expect(clippy::disallowed_methods, reason = "OpenSSL works on files")]
#![expect(clippy::unwrap_used, reason = "helpers of tests stand outside test functions")]

use std::path::Path;

use canon::{Digest, DigestAlg};
use envelope::timestamp::{StampError, question, time_of};

use crate::common::run;

const CONFIG: &str = "
[tsa]
default_tsa = it
[it]
serial = DIR/serial
crypto_device = builtin
signer_digest = sha256
default_policy = 1.2.3.4.1
digests = sha256
accuracy = secs:1
ess_cert_id_alg = sha256
[ext]
extendedKeyUsage = critical,timeStamping
[dn]
";

/// An authority in a folder.
fn authority(dir: &Path) {
    let at = |name: &str| dir.join(name).display().to_string();
    std::fs::write(dir.join("serial"), "01\n").unwrap();
    let config = CONFIG.replace("DIR", &dir.display().to_string());
    std::fs::write(dir.join("ts.cnf"), config).unwrap();
    let (config, key, pem) = (at("ts.cnf"), at("tsa.key"), at("tsa.pem"));
    let args = [
        "req",
        "-x509",
        "-newkey",
        "rsa:2048",
        "-nodes",
        "-days",
        "2",
        "-subj",
        "/CN=Test TSA",
        "-addext",
        "extendedKeyUsage=critical,timeStamping",
        "-keyout",
        &key,
        "-out",
        &pem,
    ];
    let made = run("openssl", &args);
    assert!(made.status.success(), "{config}: {}", String::from_utf8_lossy(&made.stderr));
}

fn reply(dir: &Path, question: &[u8]) -> Vec<u8> {
    let at = |name: &str| dir.join(name).display().to_string();
    std::fs::write(dir.join("q.tsq"), question).unwrap();
    let (config, key, pem) = (at("ts.cnf"), at("tsa.key"), at("tsa.pem"));
    let (query, out) = (at("q.tsq"), at("r.tsr"));
    let args = [
        "ts",
        "-reply",
        "-config",
        &config,
        "-section",
        "it",
        "-queryfile",
        &query,
        "-signer",
        &pem,
        "-inkey",
        &key,
        "-out",
        &out,
    ];
    let said = run("openssl", &args);
    assert!(said.status.success(), "{}", String::from_utf8_lossy(&said.stderr));
    std::fs::read(dir.join("r.tsr")).unwrap()
}

#[test]
fn openssl_answers_our_question_and_its_answer_is_about_it() {
    let dir = tempfile::tempdir().unwrap();
    authority(dir.path());
    let digest = DigestAlg::Sha256.of(&[b"the head of an archive"]);
    for nonce in [1, 0x80, 0xFFFF_FFFF_FFFF_FFFF] {
        let answer = reply(dir.path(), &question(&digest, nonce));
        let time = time_of(&answer, &digest, nonce).unwrap();
        assert!(time.starts_with("20") && time.ends_with('Z'), "{time}");
        assert_eq!(time_of(&answer, &digest, nonce - 1), Err(StampError::Other));
        let other = DigestAlg::Sha256.of(&[b"another"]);
        assert_eq!(time_of(&answer, &other, nonce), Err(StampError::Other));
        for at in (0..answer.len()).step_by(61) {
            assert!(time_of(&answer[..at], &digest, nonce).is_err(), "cut at {at}");
        }
    }
    let hex: String = digest.bytes.iter().map(|b| format!("{b:02x}")).collect();
    let (file, pem) = (dir.path().join("r.tsr"), dir.path().join("tsa.pem"));
    let (file, pem) = (file.display().to_string(), pem.display().to_string());
    let args = ["ts", "-verify", "-digest", &hex, "-in", &file, "-CAfile", &pem];
    let said = run("openssl", &args);
    assert!(said.status.success(), "{}", String::from_utf8_lossy(&said.stderr));
}

#[test]
fn an_authority_that_refuses_is_heard() {
    let dir = tempfile::tempdir().unwrap();
    authority(dir.path());
    // SM3 is not among its digests.
    let digest = Digest { alg: DigestAlg::Sm3, bytes: [7; 32] };
    let answer = reply(dir.path(), &question(&digest, 9));
    assert_eq!(time_of(&answer, &digest, 9), Err(StampError::Refused(2)));
    assert_eq!(time_of(b"<html>busy</html>", &digest, 9), Err(StampError::Malformed));
}
