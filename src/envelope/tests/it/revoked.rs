//! Revocation lists: ours read by OpenSSL, OpenSSL's read here, and what they do to signatures
//! before and after.
#![expect(clippy::disallowed_methods, reason = "stock tools read files")]
#![expect(clippy::unwrap_used, reason = "helpers of tests stand outside test functions")]

use canon::{Environment, Millis};
use envelope::{SM2_USER_ID, SenderCert, Suite, open, verify};
use ring::rand::SystemRandom;

use crate::common::{World, head, now, record, run, seal, terms, world_in, world_of};

fn at(text: &str) -> Millis {
    Millis::parse(text).unwrap()
}

fn list(world: &World, since: Millis) -> Vec<u8> {
    let serial = SenderCert::from_pem(&world.node_pem).unwrap().serial;
    let (from, until) = (at("2026-11-01 00:00:00"), at("2026-12-01 00:00:00"));
    let list = world.ca.revocation_list(&[(serial, since)], 7, from, until, &SystemRandom::new());
    list.unwrap().into_bytes()
}

fn verdict(world: &World, at: Millis) -> &'static str {
    let fragments = vec![record(1)];
    let package = seal(&head(&world.signer, &fragments), &fragments, &world.signer);
    let opened = open(&package).unwrap();
    verify(&opened, &world.trust, at).map_or_else(|e| e.code(), |_| "verified")
}

#[test]
fn a_revoked_certificate_stands_for_what_was_vouched_for_before() {
    for suite in Suite::ALL {
        let world = world_in(*suite);
        assert_eq!(verdict(&world, now()), "verified");
        let since = at("2026-11-20 12:00:00");
        let lists = world.trust.read_lists(&[list(&world, since)]).unwrap();
        assert_eq!((lists.len(), lists.next_update()), (1, Some(at("2026-12-01 00:00:00"))));
        world.trust.revoke(lists);
        assert_eq!(verdict(&world, now()), "sender.certificate_revoked", "{suite}");
        assert_eq!(verdict(&world, since.plus(-1)), "verified", "{suite}");
        // A newer list may take a mistake back.
        world.trust.revoke(envelope::Revoked::default());
        assert_eq!(verdict(&world, now()), "verified", "{suite}");
    }
}

#[test]
fn a_list_is_taken_whole_from_its_own_authority_or_not_at_all() {
    let (mine, other) = (world_in(Suite::Sm2Sm3), world_of("x", Environment::Demo, terms(2)));
    let list = list(&mine, now());
    assert_eq!(
        other.trust.read_lists(std::slice::from_ref(&list)).unwrap_err().code(),
        "sender.certificate_invalid",
        "another authority's"
    );
    let text = String::from_utf8(list.clone()).unwrap();
    let mut failed = 0;
    for at in 24..list.len() - 26 {
        let mut changed = list.clone();
        changed[at] = if changed[at] == b'A' { b'B' } else { b'A' };
        if text.as_bytes()[at] != b'\n' {
            assert!(mine.trust.read_lists(&[changed]).is_err(), "byte {at} of {}", list.len());
            failed += 1;
        }
    }
    assert!(failed > 300, "{failed}");
    assert!(mine.trust.read_lists(&[b"no list".to_vec()]).is_err());
    assert!(mine.trust.read_lists(&[vec![b'x'; 5 << 20]]).is_err());
}

#[test]
fn openssl_reads_our_list() {
    for suite in Suite::ALL {
        let (world, dir) = (world_in(*suite), tempfile::tempdir().unwrap());
        let put = |name: &str, bytes: &[u8]| {
            let path = dir.path().join(name);
            std::fs::write(&path, bytes).unwrap();
            path.display().to_string()
        };
        let ca = put("ca.pem", world.ca.certificate_pem().as_bytes());
        let node = put("node.pem", world.node_pem.as_bytes());
        let list = put("list.pem", &list(&world, at("2026-11-20 12:00:00")));
        let distid = format!("distid:{SM2_USER_ID}");
        let when = at("2026-11-21 12:00:00").0.div_euclid(1000).to_string();
        let mut args = vec!["verify", "-CAfile", &ca, "-CRLfile", &list, "-crl_check"];
        args.extend(["-attime", &when]);
        if *suite == Suite::Sm2Sm3 {
            args.extend(["-vfyopt", &distid]);
        }
        args.push(&node);
        let out = run("openssl", &args);
        let said = String::from_utf8_lossy(&out.stderr);
        // OpenSSL verifies a list's signature without a user id: the SM2 one is for us alone.
        let wanted = if *suite == Suite::Sm2Sm3 { "signature" } else { "certificate revoked" };
        assert!(!out.status.success() && said.contains(wanted), "{suite}: {said}");
    }
}
