//! One contract for every suite: what is signed here verifies with `openssl` and `xmlsec1` (where
//! they know the suite) and the other way round; no byte can be changed; no other suite passes.
#![expect(clippy::disallowed_methods, reason = "stock tools read files")]
#![expect(clippy::unwrap_used, reason = "helpers of tests stand outside test functions")]

use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use canon::{Environment, Millis};
use envelope::{
    KeyPem, KeySigner, OutcomeLine, SM2_USER_ID, SignError, Signer, Suite, Trust, open,
    read_request, request, sealed, verify, write_outcome,
};
use ring::rand::SystemRandom;

use crate::common::{
    World, head, key, node_name, now, receipt_head, record, run, seal, terms, world_from, world_in,
};
use crate::stock::xmlsec1;

/// A folder with files for stock tools.
struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Self {
        Self(tempfile::tempdir().expect("a temporary folder"))
    }

    fn path(&self, name: &str) -> String {
        self.0.path().join(name).display().to_string()
    }

    fn put(&self, name: &str, bytes: impl AsRef<[u8]>) -> String {
        std::fs::write(self.path(name), bytes).expect(name);
        self.path(name)
    }

    fn text(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).expect(name)
    }
}

/// Runs OpenSSL; panics with what it said.
fn openssl(args: &[&str]) -> String {
    let out = run("openssl", args);
    let said = String::from_utf8_lossy(&out.stderr).into_owned();
    assert!(out.status.success(), "openssl {args:?}: {said}");
    String::from_utf8_lossy(&out.stdout).into_owned()
}

/// What stands between two texts of a package.
fn between<'a>(package: &'a str, from: &str, to: &str) -> &'a str {
    let after = package.split_once(from).expect(from).1;
    after.split_once(to).expect(to).0
}

/// The options OpenSSL signs and verifies a suite's texts with.
fn sign_options(suite: Suite, user_id: &str) -> Vec<String> {
    match suite {
        Suite::Sm2Sm3 => {
            ["-digest", "sm3", "-pkeyopt", &format!("distid:{user_id}")].map(str::to_owned).to_vec()
        }
        Suite::Ed25519Sha256 => Vec::new(),
        _ => ["-digest", "sha256"].map(str::to_owned).to_vec(),
    }
}

/// Whether OpenSSL verifies the signature value of a package over its `SignedInfo`, and the digest
/// in that over the head.
fn openssl_verifies(folder: &Folder, suite: Suite, certificate: &str, package: &str, id: &str) {
    let info = between(package, "<SignedInfo", "</SignedInfo>");
    let info = folder.put("info", format!("<SignedInfo{info}</SignedInfo>"));
    let head = between(package, "<Head", "</Head>");
    let head = folder.put("head", format!("<Head{head}</Head>"));
    let name = if suite == Suite::Sm2Sm3 { "-sm3" } else { "-sha256" };
    let digest = openssl(&["dgst", name, "-r", &head]);
    let theirs = digest.split_whitespace().next().expect("a digest");
    let ours = BASE64.decode(between(package, "<DigestValue>", "</DigestValue>")).expect("base64");
    let ours: String = ours.iter().map(|b| format!("{b:02x}")).collect();
    assert_eq!(ours, theirs, "{suite}: the digest of the head");
    let value = between(package, "<SignatureValue>", "</SignatureValue>");
    let value = folder.put("value", as_der(suite, &BASE64.decode(value).expect("base64")));
    let certificate = folder.put("signer.pem", certificate);
    openssl(&["x509", "-in", &certificate, "-noout", "-pubkey", "-out", &folder.path("pub.pem")]);
    let public = folder.path("pub.pem");
    let options = sign_options(suite, id);
    let mut args = vec!["pkeyutl", "-verify", "-rawin", "-pubin", "-inkey", &public];
    args.extend(["-in", &info, "-sigfile", &value]);
    args.extend(options.iter().map(String::as_str));
    openssl(&args);
}

/// A value as OpenSSL wants it: `r‖s` of ECDSA as DER.
fn as_der(suite: Suite, value: &[u8]) -> Vec<u8> {
    if suite != Suite::EcdsaP256Sha256 {
        return value.to_vec();
    }
    let number = |bytes: &[u8]| {
        let from = bytes.iter().position(|b| *b != 0).unwrap_or(31);
        let mut digits = bytes[from..].to_vec();
        if digits[0] & 0x80 != 0 {
            digits.insert(0, 0);
        }
        [&[0x02, digits.len() as u8][..], &digits].concat()
    };
    let both = [number(&value[..32]), number(&value[32..])].concat();
    [&[0x30, both.len() as u8][..], &both].concat()
}

/// OpenSSL's DER of ECDSA as the `r‖s` of XML Signature.
fn as_raw(suite: Suite, der: &[u8]) -> Vec<u8> {
    if suite != Suite::EcdsaP256Sha256 {
        return der.to_vec();
    }
    let (mut out, mut at) = (Vec::new(), 2);
    for _ in 0..2 {
        let len = usize::from(der[at + 1]);
        let digits = &der[at + 2..at + 2 + len];
        let digits = if len > 32 { &digits[1..] } else { digits };
        out.extend(std::iter::repeat_n(0, 32 - digits.len()));
        out.extend_from_slice(digits);
        at += 2 + len;
    }
    out
}

fn accepted(package: &[u8], trust: &Trust) -> Result<(), &'static str> {
    accepted_at(package, trust, now())
}

fn accepted_at(package: &[u8], trust: &Trust, at: Millis) -> Result<(), &'static str> {
    open(package).and_then(|o| verify(&o, trust, at)).map(|_| ()).map_err(|e| e.code())
}

/// OpenSSL's certificates begin when they are made; this is later, and within their validity.
fn later() -> Millis {
    Millis::parse("2060-01-01 00:00:00").unwrap()
}

#[test]
fn what_is_signed_here_verifies_there() {
    for suite in Suite::ALL {
        let (world, folder) = (world_in(*suite), Folder::new());
        let ca = folder.put("ca.pem", world.ca.certificate_pem());
        let node = folder.put("node.pem", &world.node_pem);
        let mut args = vec!["verify", "-x509_strict", "-CAfile", &ca];
        let distid = format!("distid:{SM2_USER_ID}");
        if *suite == Suite::Sm2Sm3 {
            args.extend(["-vfyopt", &distid]);
        }
        args.push(&node);
        openssl(&args);
        let shown = openssl(&["x509", "-in", &node, "-noout", "-text"]);
        let named = match suite {
            Suite::Sm2Sm3 => "SM2-with-SM3",
            Suite::RsaSha256 => "sha256WithRSAEncryption",
            Suite::Ed25519Sha256 => "ED25519",
            _ => "ecdsa-with-SHA256",
        };
        assert!(shown.contains(named), "{suite}: {shown}");

        let fragments = vec![record(1), record(2)];
        let sent = head(&world.signer, &fragments);
        let package = seal(&sent, &fragments, &world.signer);
        let outcomes: Vec<_> = (0..2).map(|i| write_outcome(&OutcomeLine::accepted(i))).collect();
        let receipt = receipt_head(&world.signer, &outcomes, &sent);
        let receipt = seal(&receipt, &outcomes, &world.signer);
        for bytes in [package, receipt] {
            assert_eq!(accepted(&bytes, &world.trust), Ok(()), "{suite}");
            let text = String::from_utf8(bytes).unwrap();
            openssl_verifies(&folder, *suite, &world.node_pem, &text, SM2_USER_ID);
            let file = folder.put("package.xml", &text);
            let said = xmlsec1(Path::new(&file), Path::new(&ca));
            // Debian's xmlsec1 1.2 knows neither Ed25519 nor SM2.
            let knows = matches!(suite, Suite::EcdsaP256Sha256 | Suite::RsaSha256);
            assert_eq!(said.is_ok(), knows, "{suite}: {said:?}");
        }
    }
}

/// Signs with OpenSSL, as a machine would that runs other software.
struct Stock {
    folder: Folder,
    suite: Suite,
    key: String,
    certificate: Vec<u8>,
    user_id: &'static str,
}

impl Signer for Stock {
    fn suite(&self) -> Suite {
        self.suite
    }

    fn certificate_der(&self) -> &[u8] {
        &self.certificate
    }

    fn sign(&self, bytes: &[u8]) -> Result<Vec<u8>, SignError> {
        let text = self.folder.put("text", bytes);
        let out = self.folder.path("signature");
        let options = sign_options(self.suite, self.user_id);
        let mut args = vec!["pkeyutl", "-sign", "-rawin", "-inkey", &self.key];
        args.extend(["-in", &text, "-out", &out]);
        args.extend(options.iter().map(String::as_str));
        openssl(&args);
        Ok(as_raw(self.suite, &std::fs::read(out).expect("a signature")))
    }
}

/// Key, authority and node certificate made by OpenSSL alone.
fn stock(suite: Suite, user_id: &'static str) -> (Stock, String) {
    let folder = Folder::new();
    let algorithm: &[&str] = match suite {
        Suite::EcdsaP256Sha256 => &["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"],
        Suite::Ed25519Sha256 => &["-algorithm", "ED25519"],
        Suite::RsaSha256 => &["-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:3072"],
        _ => &["-algorithm", "SM2"],
    };
    let (root, node) = (folder.path("root.key"), folder.path("node.key"));
    for out in [&root, &node] {
        openssl(&[&["genpkey"], algorithm, &["-out", out]].concat());
    }
    let distid = format!("distid:{SM2_USER_ID}");
    let national: &[&str] =
        if suite == Suite::Sm2Sm3 { &["-sm3", "-sigopt", &distid] } else { &[] };
    let checked: &[&str] = if suite == Suite::Sm2Sm3 { &["-vfyopt", &distid] } else { &[] };
    let ca = folder.path("ca.pem");
    let usage = "keyUsage=critical,keyCertSign,cRLSign";
    let args = ["req", "-x509", "-key", &root, "-subj", "/CN=Stock CA", "-days", "30000"];
    openssl(&[&args[..], &["-addext", usage, "-out", &ca], national].concat());
    let (asked, issued) = (folder.path("node.csr"), folder.path("node.pem"));
    let args = ["req", "-new", "-key", &node, "-subj", "/CN=township", "-out", &asked];
    openssl(&[&args[..], national].concat());
    let names = "subjectAltName=URI:urn:tiergate:node:township,URI:urn:tiergate:env:demo\n\
                 keyUsage=critical,digitalSignature\n";
    let names = folder.put("names", names);
    let args = ["x509", "-req", "-in", &asked, "-CA", &ca, "-CAkey", &root, "-days", "30000"];
    let args = [&args[..], &["-CAcreateserial", "-extfile", &names, "-out", &issued]].concat();
    openssl(&[&args[..], national, checked].concat());
    openssl(&["x509", "-in", &issued, "-outform", "DER", "-out", &folder.path("node.der")]);
    let certificate = std::fs::read(folder.path("node.der")).expect("a certificate");
    let (ca, key) = (folder.text("ca.pem"), node);
    (Stock { folder, suite, key, certificate, user_id }, ca)
}

#[test]
fn what_is_signed_there_verifies_here() {
    for suite in Suite::ALL {
        let (signer, ca) = stock(*suite, SM2_USER_ID);
        let trust = Trust::from_pem(Environment::Demo, &[&ca]).expect("their authority");
        let fragments = vec![record(1)];
        let package = seal(&head(&signer, &fragments), &fragments, &signer);
        assert_eq!(accepted_at(&package, &trust, later()), Ok(()), "{suite}");
        // And we can work with the key they made, PKCS#8 as it is.
        let pem = signer.folder.text("node.key");
        let own = KeySigner::from_pem(&pem, &signer.folder.text("node.pem"), SystemRandom::new());
        let package = seal(&head(&signer, &fragments), &fragments, &own.expect("their key"));
        assert_eq!(accepted_at(&package, &trust, later()), Ok(()), "{suite}, their key here");
    }
}

#[test]
fn every_byte_of_envelope_and_receipt_is_guarded() {
    for suite in Suite::ALL {
        let world = world_in(*suite);
        let fragments = vec![record(1)];
        let sent = head(&world.signer, &fragments);
        let package = seal(&sent, &fragments, &world.signer);
        let outcomes = vec![write_outcome(&OutcomeLine::accepted(0))];
        let receipt = receipt_head(&world.signer, &outcomes, &sent);
        for package in [package, seal(&receipt, &outcomes, &world.signer)] {
            no_byte_can_change(&package, &world);
        }
    }
}

fn no_byte_can_change(package: &[u8], world: &World) {
    let suite = world.signer.suite();
    let passes = |bytes: &[u8]| accepted(bytes, &world.trust).is_ok();
    assert!(passes(package), "{suite}");
    let mut changed = package.to_vec();
    for at in 0..package.len() {
        for flip in [0x01, 0x20, 0x80] {
            changed[at] ^= flip;
            assert!(!passes(&changed), "{suite}: byte {at} flipped by {flip:#x} went unseen");
            changed[at] ^= flip;
        }
        assert!(!passes(&package[..at]), "{suite}: cut at {at} went unseen");
        let mut more = package.to_vec();
        more.insert(at, b' ');
        assert!(!passes(&more), "{suite}: a blank at {at} went unseen");
    }
    assert!(!passes(&[package, b"\n"].concat()));
}

/// Every bit of the signature value itself, decoded: nothing else is a signature of these bytes,
/// in any encoding.
#[test]
fn no_bit_of_a_signature_value_can_change() {
    for suite in Suite::ALL {
        let world = world_in(*suite);
        let public = world.key.public(&SystemRandom::new()).unwrap();
        let value = world.signer.sign(b"text").unwrap();
        assert!(public.verifies(b"text", &value, SM2_USER_ID));
        for bit in 0..value.len() * 8 {
            let mut changed = value.clone();
            changed[bit / 8] ^= 1 << (bit % 8);
            assert!(!public.verifies(b"text", &changed, SM2_USER_ID), "{suite}: bit {bit}");
        }
        for longer in [[&value[..], &[0]].concat(), [&[0], &value[..]].concat()] {
            assert!(!public.verifies(b"text", &longer, SM2_USER_ID), "{suite}");
        }
    }
}

#[test]
fn a_suite_that_is_not_accepted_is_refused_as_a_downgrade() {
    for suite in Suite::ALL {
        let world = world_in(*suite);
        let fragments = vec![record(1)];
        let package = seal(&head(&world.signer, &fragments), &fragments, &world.signer);
        let others: Vec<_> = Suite::ALL.iter().copied().filter(|s| s != suite).collect();
        let anchors = [world.ca.certificate_pem()];
        let trust = |suites: &[Suite]| {
            Trust::from_pem(Environment::Demo, &anchors).unwrap().accepting(suites)
        };
        assert_eq!(accepted(&package, &trust(&others)), Err("sender.suite_refused"), "{suite}");
        assert_eq!(accepted(&package, &trust(&[*suite])), Ok(()), "{suite}");
    }
}

/// A head that names one suite under a signature of another, both ways round, with one authority
/// that issued both certificates.
#[test]
fn no_suite_passes_for_another() {
    let random = SystemRandom::new();
    for suite in Suite::ALL {
        let world = world_in(*suite);
        for other in Suite::ALL.iter().filter(|o| *o != suite) {
            let key = key(*other);
            let public = key.public(&random).unwrap();
            let name = node_name("township", Environment::Demo);
            let pem = world.ca.issue(&name, &public, terms(9), &random).unwrap();
            let signer = KeySigner::from_pem(&key.0, &pem, random.clone()).unwrap();
            let fragments = vec![record(1)];
            // A certificate of one suite under an authority of another is in order.
            let honest = seal(&head(&signer, &fragments), &fragments, &signer);
            assert_eq!(accepted(&honest, &world.trust), Ok(()), "{other} issued by {suite}");
            let mut lying = head(&signer, &fragments);
            lying.route = format!("province|supervision/1|{suite}|live").parse().unwrap();
            let lying = seal(&lying, &fragments, &signer);
            let refused = accepted(&lying, &world.trust);
            assert_eq!(refused, Err("sender.signature_invalid"), "{other} as {suite}");
        }
    }
}

#[test]
fn another_user_id_is_agreed_or_refused() {
    const AGREED: &str = "tiergate@province";
    let (signer, ca) = stock(Suite::Sm2Sm3, AGREED);
    let fragments = vec![record(1)];
    let package = seal(&head(&signer, &fragments), &fragments, &signer);
    let trust = || Trust::from_pem(Environment::Demo, &[&ca]).unwrap();
    assert_eq!(accepted_at(&package, &trust().with_user_id(AGREED), later()), Ok(()));
    assert_eq!(accepted_at(&package, &trust(), later()), Err("sender.signature_invalid"));
    // The other way round: signed here under it, verified by OpenSSL under it.
    let world = world_in(Suite::Sm2Sm3);
    let own = KeySigner::with_user_id(&world.key.0, &world.node_pem, AGREED, SystemRandom::new());
    let own = own.unwrap();
    let package = seal(&head(&own, &fragments), &fragments, &own);
    let text = String::from_utf8(package).unwrap();
    openssl_verifies(&Folder::new(), Suite::Sm2Sm3, &world.node_pem, &text, AGREED);
}

#[test]
fn requests_and_sealed_keys_are_read_on_both_sides() {
    let (random, folder) = (SystemRandom::new(), Folder::new());
    for suite in Suite::ALL {
        let key = key(*suite);
        let asked = request(&node_name("township", Environment::Demo), &key, &random).unwrap();
        let read = read_request(&asked).unwrap();
        assert_eq!((read.key.suite(), read.node.node.as_str()), (*suite, "township"));
        assert_eq!(read.node.regions, ["990101"]);
        let file = folder.put("node.csr", &asked);
        let distid = format!("distid:{SM2_USER_ID}");
        let mut args = vec!["req", "-in", &file, "-noout", "-verify", "-text"];
        if *suite == Suite::Sm2Sm3 {
            args.extend(["-vfyopt", &distid]);
        }
        assert!(openssl(&args).contains("urn:tiergate:node:township"), "{suite}");
        let body = BASE64.decode(between(&asked.replace('\n', ""), "REQUEST-----", "-----END"));
        let mut forged = body.unwrap();
        let at = forged.windows(8).position(|w| w == b"township").unwrap();
        forged[at] = b'T';
        let forged = format!(
            "-----BEGIN CERTIFICATE REQUEST-----\n{}\n-----END CERTIFICATE REQUEST-----\n",
            BASE64.encode(forged)
        );
        assert_eq!(read_request(&forged).unwrap_err().code(), "sender.certificate_invalid");

        let closed = folder.put("closed.key", sealed::seal(&key, "a passphrase", &random).unwrap());
        let opened = openssl(&["pkey", "-in", &closed, "-passin", "pass:a passphrase"]);
        assert_eq!(KeyPem(opened).public(&random).unwrap(), key.public(&random).unwrap());
        let plain = folder.put("plain.key", &key.0);
        let args = ["pkcs8", "-topk8", "-in", &plain, "-passout", "pass:x y", "-v2", "aes-256-cbc"];
        let theirs = openssl(&args);
        let back = sealed::unseal(&theirs, "x y").unwrap();
        assert_eq!(back.public(&random).unwrap(), key.public(&random).unwrap());
    }
}

/// A curve's point that is none, an RSA key that is too short: refused when a certificate is read or
/// used, never a panic.
#[test]
fn weak_and_broken_keys_are_refused() {
    let args = ["genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:1024"];
    let weak = KeyPem(openssl(&args));
    assert!(weak.public(&SystemRandom::new()).is_err());
    for suite in [Suite::Sm2Sm3, Suite::EcdsaP256Sha256, Suite::Ed25519Sha256] {
        let world = world_from(&key(suite), &key(suite), "township", Environment::Demo, terms(2));
        let fragments = vec![record(1)];
        let package = seal(&head(&world.signer, &fragments), &fragments, &world.signer);
        let text = String::from_utf8(package).unwrap();
        let certificate = between(&text, "<X509Certificate>", "</X509Certificate>").to_owned();
        let mut der = BASE64.decode(&certificate).unwrap();
        // The last bytes before the extensions are the public key's.
        for at in 0..der.len() {
            der[at] ^= 0x55;
            let broken = text.replace(&certificate, &BASE64.encode(&der));
            assert!(accepted(broken.as_bytes(), &world.trust).is_err(), "{suite}: byte {at}");
            der[at] ^= 0x55;
        }
    }
}
