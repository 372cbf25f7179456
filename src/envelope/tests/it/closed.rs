//! Confidential packages: read by those whom the head names, verified by all, and undone by OpenSSL.
#![expect(clippy::disallowed_methods, reason = "stock tools read files")]
#![expect(clippy::unwrap_used, reason = "helpers of tests stand outside test functions")]

use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use canon::Environment;
use envelope::{
    Cipher, Decrypt, EncryptionPair, Head, KeyRing, NoKeys, Reader, Suite, Usage, assemble, clear,
    close, close_again, is_closed, open, open_clear, sign_head, verify,
};
use ring::rand::SystemRandom;

use crate::common::{World, head, key, node_name, now, record, run, terms, world_in};

const KINDS: [Suite; 2] = [Suite::EcdsaP256Sha256, Suite::Sm2Sm3];

/// A reader's pair, issued by the world's authority.
pub(crate) fn pair(world: &World, node: &str, suite: Suite) -> EncryptionPair {
    let (random, key) = (SystemRandom::new(), key(suite));
    let public = key.public(&random).unwrap();
    let name = node_name(node, Environment::Demo);
    let issued = world.ca.issue_for(Usage::Encryption, &name, &public, terms(9), &random).unwrap();
    EncryptionPair::from_pem(key, &issued).unwrap()
}

fn reader(pair: &EncryptionPair) -> Reader {
    Reader::from_der(&pair.chain[0]).unwrap()
}

/// A package that is closed for these, and its head.
fn sealed(world: &World, cipher: Cipher, readers: &[Reader]) -> (Vec<u8>, Head, Vec<Vec<u8>>) {
    let fragments: Vec<_> = (1..=3).map(record).collect();
    let mut head = head(&world.signer, &fragments);
    let random = SystemRandom::new();
    let (confidential, body) = close(&head, &fragments.concat(), cipher, readers, &random).unwrap();
    head.confidential = Some(confidential);
    let bytes = head.write();
    let signature = sign_head(&bytes, &world.signer).unwrap();
    (assemble(&bytes, &body, &signature), head, fragments)
}

#[test]
fn whom_the_head_names_reads_it_whatever_the_suites() {
    for sender in Suite::ALL {
        let world = world_in(*sender);
        let pairs =
            [pair(&world, "province", Suite::EcdsaP256Sha256), pair(&world, "city", Suite::Sm2Sm3)];
        let readers: Vec<_> = pairs.iter().map(reader).collect();
        let (package, head, fragments) = sealed(&world, sender.cipher(), &readers);
        assert!(is_closed(&package));
        // Who passes it on: verified, nothing read.
        let opened = open(&package).unwrap();
        assert!(verify(&opened, &world.trust, now()).is_ok());
        assert_eq!((opened.fragments.len(), opened.head.count()), (0, 3));
        for text in ["DEMO00000001", "2026-11-21 09:30:00"] {
            let found = package.windows(text.len()).any(|w| w == text.as_bytes());
            assert!(!found, "{text} can be read");
        }
        for pair in pairs {
            let ring = KeyRing::new(vec![pair]);
            let clear = clear(&package, &ring).unwrap().into_owned();
            let opened = open_clear(&clear).unwrap();
            assert_eq!(opened.fragments, fragments);
            assert!(verify(&opened, &world.trust, now()).is_ok(), "the same head and signature");
            let body = fragments.concat();
            let again = close_again(&head, &body, &ring).unwrap();
            assert!(package.windows(again.len()).any(|w| w == again), "closed again: the same");
            assert!(close_again(&head, body.get(1..).unwrap(), &ring).is_err());
        }
    }
}

#[test]
fn nobody_else_reads_it() {
    let world = world_in(Suite::Sm2Sm3);
    for kind in KINDS {
        let (mine, other) = (pair(&world, "province", kind), pair(&world, "province", kind));
        let (package, ..) = sealed(&world, Cipher::Sm4Gcm, &[reader(&mine)]);
        let code = |keys: &dyn Decrypt| clear(&package, keys).unwrap_err().code();
        assert_eq!(code(&NoKeys), "receiver.confidential");
        assert_eq!(code(&KeyRing::new(vec![other.clone()])), "receiver.confidential");
        let wrong = EncryptionPair { key: other.key, ..mine };
        assert_eq!(code(&KeyRing::new(vec![wrong])), "receiver.confidential");
    }
    assert!(open_clear(&sealed(&world, Cipher::Sm4Gcm, &[]).0).is_err(), "closed is not clear");
    let edwards = pair(&world, "province", Suite::Ed25519Sha256);
    assert!(Reader::from_der(&edwards.chain[0]).is_err(), "keys are not wrapped for that");
}

/// A byte changed anywhere: refused before anything is opened, or it does not open.
#[test]
fn every_byte_of_a_closed_package_is_guarded() {
    let world = world_in(Suite::EcdsaP256Sha256);
    let mine = pair(&world, "province", Suite::EcdsaP256Sha256);
    let (package, ..) = sealed(&world, Cipher::Aes256Gcm, &[reader(&mine)]);
    let ring = KeyRing::new(vec![mine]);
    let whole = clear(&package, &ring).unwrap().into_owned();
    for at in 0..package.len() {
        let mut other = package.clone();
        other[at] ^= 1;
        let Ok(opened) = open(&other) else { continue };
        if verify(&opened, &world.trust, now()).is_ok() {
            panic!("byte {at} can be changed");
        }
    }
    // Another envelope's ciphertext under this head, and this one's key for it.
    let (second, ..) = sealed(&world, Cipher::Aes256Gcm, &[]);
    assert!(clear(&second, &ring).is_err());
    assert_eq!(clear(&whole, &ring).unwrap_err().code(), "envelope.root_mismatch", "twice");
}

fn file(dir: &Path, name: &str, bytes: &[u8]) -> String {
    let path = dir.join(name);
    std::fs::write(&path, bytes).unwrap();
    path.display().to_string()
}

fn openssl(args: &[&str]) -> Vec<u8> {
    let out = run("openssl", args);
    assert!(out.status.success(), "{args:?}: {}", String::from_utf8_lossy(&out.stderr));
    out.stdout
}

fn wrapped(head: &Head) -> Vec<u8> {
    BASE64.decode(&head.confidential.as_ref().unwrap().recipients[0].key).unwrap()
}

/// What the content key is, by our own hand.
fn content_key(head: &Head, pair: &EncryptionPair) -> Vec<u8> {
    let ring = KeyRing::new(vec![pair.clone()]);
    ring.content_key(&head.confidential.as_ref().unwrap().recipients).unwrap()
}

#[test]
fn openssl_unwraps_a_key_that_is_wrapped_for_sm2_and_we_its() {
    let world = world_in(Suite::Sm2Sm3);
    let mine = pair(&world, "province", Suite::Sm2Sm3);
    let (_, mut head, _) = sealed(&world, Cipher::Sm4Gcm, &[reader(&mine)]);
    let key = content_key(&head, &mine);
    let dir = tempfile::tempdir().unwrap();
    let pem = file(dir.path(), "key.pem", mine.key.0.as_bytes());
    let theirs = file(dir.path(), "wrapped", &wrapped(&head));
    let opened = openssl(&["pkeyutl", "-decrypt", "-inkey", &pem, "-in", &theirs]);
    assert_eq!(opened, key);
    // The reverse: OpenSSL wraps, we open.
    let plain = file(dir.path(), "plain", &key);
    let public = file(dir.path(), "pub.pem", &openssl(&["pkey", "-in", &pem, "-pubout"]));
    let made = openssl(&["pkeyutl", "-encrypt", "-pubin", "-inkey", &public, "-in", &plain]);
    head.confidential.as_mut().unwrap().recipients[0].key = BASE64.encode(made);
    assert_eq!(content_key(&head, &mine), key);
}

/// ECDH, HKDF and key wrap, each by OpenSSL, one after the other.
#[test]
fn openssl_unwraps_a_key_that_is_wrapped_for_p256() {
    let world = world_in(Suite::EcdsaP256Sha256);
    let mine = pair(&world, "province", Suite::EcdsaP256Sha256);
    let (_, head, _) = sealed(&world, Cipher::Aes256Gcm, &[reader(&mine)]);
    let wrapped = wrapped(&head);
    let (point, wrapped) = wrapped.split_at(65);
    let dir = tempfile::tempdir().unwrap();
    let pem = file(dir.path(), "key.pem", mine.key.0.as_bytes());
    // SubjectPublicKeyInfo of P-256 ends with the point.
    let own = openssl(&["pkey", "-in", &pem, "-pubout", "-outform", "DER"]);
    let (prefix, own_point) = own.split_at(own.len() - 65);
    let peer = file(dir.path(), "peer.der", &[prefix, point].concat());
    let shared =
        openssl(&["pkeyutl", "-derive", "-inkey", &pem, "-peerkey", &peer, "-peerform", "DER"]);
    let hex = |bytes: &[u8]| bytes.iter().map(|b| format!("{b:02x}")).collect::<String>();
    let info = hex(&[b"urn:tiergate:wrap:1", point, own_point].concat());
    let derived = openssl(&[
        "kdf",
        "-keylen",
        "32",
        "-kdfopt",
        "digest:SHA256",
        "-kdfopt",
        &format!("hexkey:{}", hex(&shared)),
        "-kdfopt",
        &format!("hexinfo:{info}"),
        "-binary",
        "HKDF",
    ]);
    let file = file(dir.path(), "wrapped", wrapped);
    let opened = openssl(&[
        "enc",
        "-d",
        "-id-aes256-wrap",
        "-K",
        &hex(&derived),
        "-iv",
        "A6A6A6A6A6A6A6A6",
        "-in",
        &file,
    ]);
    assert_eq!(opened, content_key(&head, &mine));
}
