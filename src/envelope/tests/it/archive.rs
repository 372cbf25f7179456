//! Archive files and the chain over them.
#![expect(clippy::disallowed_methods, reason = "the museum is a folder of files")]
#![expect(clippy::unwrap_used, reason = "helpers of tests stand outside test functions")]

use std::path::Path;

use canon::DigestAlg;
use envelope::archive::{
    ARCHIVE_EDITION, Archive, ArchiveError, Broken, Chain, Entry, Frames, Table, clear, close,
    link, linking_info, write,
};
use envelope::{
    Cipher, EncryptionPair, KeyPem, KeyRing, NoKeys, Reader, Readers, Suite, disclose, frame,
    is_enclosed, open,
};
use ring::rand::SystemRandom;

use crate::common::world_in;

fn museum(name: &str) -> Vec<u8> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/museum/envelope/1");
    std::fs::read(folder.join(name)).unwrap()
}

/// A file with the museum's envelope, with or without its receipt.
fn file(number: u64, before: Option<String>, receipt: bool) -> Vec<u8> {
    let (records, answer) = (museum("records.xml"), museum("receipt.xml"));
    let id = open(&records).unwrap().head.id().to_string();
    let (envelope, answer) = (frame(&records, 3), frame(&answer, 3));
    let entry = Entry {
        id,
        ordinal: 7,
        window: "2026-11-21".into(),
        envelope: envelope.len() as u64,
        receipt: receipt.then_some(answer.len() as u64),
    };
    let table = Table {
        edition: ARCHIVE_EDITION,
        node: "county".into(),
        number,
        before,
        made_at: "2026-11-22 00:31:00".into(),
        entries: vec![entry],
    };
    let parts = Frames { envelope: &envelope, receipt: receipt.then_some(&answer[..]) };
    write(&table, &[parts]).unwrap()
}

/// Three files; the links are of both algorithms, as after a node went over to another suite.
fn three() -> Vec<Vec<u8>> {
    let first = file(1, None, true);
    let second = file(2, Some(link(DigestAlg::Sha256, &first).to_string()), false);
    let third = file(3, Some(link(DigestAlg::Sm3, &second).to_string()), true);
    vec![first, second, third]
}

fn walk(files: &[Vec<u8>]) -> Result<Chain, (usize, Broken)> {
    let mut chain = Chain::default();
    for (at, file) in files.iter().enumerate() {
        chain.walk(file).map_err(|broken| (at, broken))?;
    }
    Ok(chain)
}

#[test]
fn the_chain_is_walked_and_its_head_is_the_last_files_digest() {
    let files = three();
    let chain = walk(&files).unwrap();
    assert_eq!((chain.files, chain.envelopes, chain.receipts), (3, 3, 2));
    for alg in [DigestAlg::Sha256, DigestAlg::Sm3] {
        assert_eq!(chain.head(alg), Some((3, link(alg, &files[2]))));
    }
    // The older files may lie elsewhere.
    assert_eq!(walk(&files[1..]).unwrap().files, 2);
}

#[test]
fn whatever_is_changed_missing_or_exchanged_breaks_it_there() {
    let files = three();
    let missing = [files[0].clone(), files[2].clone()];
    let (at, broken) = walk(&missing).unwrap_err();
    assert_eq!((at, broken.code()), (1, "archive.number"));
    let other = [file(1, None, false), files[1].clone()];
    let (at, broken) = walk(&other).unwrap_err();
    assert_eq!((at, broken.code()), (1, "archive.link"), "the first was exchanged");
    let unlinked = [files[0].clone(), file(2, None, true)];
    assert_eq!(walk(&unlinked).unwrap_err().1.code(), "archive.link");
    // Every byte counts: the file itself says so, or the next one's link.
    let last = files[1].len() - 1;
    for at in (0..files[1].len()).step_by(97).chain([0, 4, 8, last]) {
        let mut changed = files.clone();
        changed[1][at] ^= 1;
        let (where_, _) = walk(&changed).expect_err("a changed byte");
        assert!((1..=2).contains(&where_), "byte {at}");
    }
    let mut longer = files[2].clone();
    longer.push(0);
    assert!(matches!(walk(&[longer]), Err((0, Broken::File(ArchiveError::Malformed(_))))));
}

#[test]
fn a_file_is_zstd_and_stock_readers_skip_its_table() {
    let file = file(1, None, true);
    let plain = zstd::decode_all(&file[..]).unwrap();
    assert_eq!(plain, [museum("records.xml"), museum("receipt.xml")].concat());
    let archive = Archive::read(&file).unwrap();
    let id = open(&museum("records.xml")).unwrap().head.id();
    assert!(archive.find(&id).unwrap().receipt.is_some());
    assert!(Archive::read(&file[..40]).is_err() && Archive::read(b"").is_err());
    let mut huge = file.clone();
    huge[4..8].copy_from_slice(&u32::MAX.to_le_bytes());
    assert_eq!(Archive::read(&huge).unwrap_err(), ArchiveError::TooLarge);
}

#[test]
fn linking_info_is_made_as_x_road_makes_it() {
    let text = linking_info(None, [("a.zip", &b"first"[..]), ("b.zip", &b"second"[..])]);
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines[0], "- - SHA-512");
    // echo -n first | sha512sum, its hexadecimal text again, and so on.
    assert_eq!(
        lines[1],
        "b8d3b11284c20977c4617c6f6e2246decade247d5f81180eb73a94b00a2105e11260caf5ada9446bd9ea55c1577635af341ce6a7a34bc0b4da9a8b609b023160 a.zip"
    );
    assert_eq!(
        lines[2],
        "550b9d32abe6317f75cea6d1a3808bc1f1ea6f9caa3bc371bf646ffbe8ab25f198c962ad458d92c8d2a9fdc5b6543fd56889ab89b90b577429c3eda25d3fa3be b.zip"
    );
    let later = linking_info(Some(("abc", "z.zip")), []);
    assert_eq!(later, "abc z.zip SHA-512\n");
}

/// A node's pair for encryption and what closes for it.
fn closing(node: &str) -> (KeyRing, Readers) {
    let pair = crate::closed::pair(&world_in(Suite::EcdsaP256Sha256), node, Suite::Sm2Sm3);
    let reader = Reader::from_der(&pair.chain[0]).unwrap();
    (KeyRing::new(vec![pair]), Readers::new(vec![reader], SystemRandom::new()))
}

#[test]
fn a_closed_file_keeps_its_place_in_the_chain_for_everybody_and_its_content_for_its_readers() {
    let (keys, readers) = closing("county");
    let first = close(&file(1, None, true), &readers, Cipher::Sm4Gcm).unwrap();
    let named = link(DigestAlg::Sha256, &first).to_string();
    let second = close(&file(2, Some(named), true), &readers, Cipher::Aes256Gcm).unwrap();
    let files = [first.clone(), second];
    let chain = walk(&files).unwrap();
    assert_eq!((chain.files, chain.unread, chain.envelopes, chain.receipts), (2, 2, 2, 2));
    let mut chain = Chain::default();
    for file in &files {
        chain.walk_with(file, &keys).unwrap();
    }
    assert_eq!((chain.files, chain.unread), (2, 0));
    // Stock readers find a zstd file of nothing, and nobody finds the number of the case.
    assert_eq!(zstd::decode_all(&first[..]).unwrap(), b"");
    let open = clear(&first, &keys).unwrap().unwrap();
    assert_eq!(*open, file(1, None, true)[..]);
    assert_eq!(clear(&first, &closing("county").0), Ok(None), "another key of the same node");
    assert!(Archive::read(&first).unwrap().closed);
    assert_eq!(Archive::read(&first).unwrap().entries().count(), 0);
    assert!(close(&first, &readers, Cipher::Sm4Gcm).is_err(), "once is enough");
}

#[test]
fn every_byte_of_a_closed_file_is_guarded() {
    let (keys, readers) = closing("county");
    let first = close(&file(1, None, true), &readers, Cipher::Aes256Gcm).unwrap();
    let last = first.len() - 1;
    for at in (0..first.len()).step_by(53).chain([0, 4, 8, last]) {
        let mut changed = first.clone();
        changed[at] ^= 1;
        let seen = clear(&changed, &keys).map(|found| found.is_some());
        assert_ne!(seen, Ok(true), "byte {at}");
    }
    let mut longer = first.clone();
    longer.push(0);
    assert!(clear(&longer, &keys).is_err() && Archive::read(&longer).is_err());
    // Another file's content under this table.
    let other = close(&file(2, Some("x".into()), true), &readers, Cipher::Aes256Gcm).unwrap();
    let table = |file: &[u8]| 8 + u32::from_le_bytes(file[4..8].try_into().unwrap()) as usize;
    let mixed = [&first[..table(&first)], &other[table(&other)..]].concat();
    assert_eq!(clear(&mixed, &keys).unwrap_err().code(), "archive.closed");
}

#[test]
fn enclosed_bytes_open_as_what_they_are_and_as_nothing_else() {
    for cipher in Cipher::ALL {
        let (keys, readers) = closing("county");
        let closed = readers.enclose(*cipher, "a file", b"of the gate").unwrap();
        assert!(is_enclosed(&closed) && !is_enclosed(b"of the gate"));
        assert_eq!(disclose(&closed, "a file", &keys), Ok(Some(b"of the gate".to_vec())));
        assert_eq!(disclose(&closed, "a file", &NoKeys), Ok(None));
        assert!(disclose(&closed, "another", &keys).is_err());
        assert!(disclose(b"of the gate", "a file", &keys).is_err());
        for at in 0..closed.len() {
            let mut changed = closed.clone();
            changed[at] ^= 1;
            let seen = disclose(&changed, "a file", &keys).map(|found| found.is_some());
            assert_ne!(seen, Ok(true), "byte {at}");
            assert!(disclose(&closed[..at], "a file", &keys).map_or(true, |f| f.is_none()));
        }
    }
}

/// What lies in the museum is walked by everybody, and read with the key that lies there.
#[test]
fn the_museums_archive_is_walked_and_read() {
    let museum = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/museum");
    let read = |name: &str| std::fs::read(museum.join(name)).unwrap();
    let text = |name: &str| String::from_utf8(read(name)).unwrap();
    let key = KeyPem(text("envelope/1-confidential/reader.key"));
    let pair = EncryptionPair::from_pem(key, &text("envelope/1-confidential/reader.pem")).unwrap();
    let keys = KeyRing::new(vec![pair]);
    let files = ["archive/1/000000001.tga.zst", "archive/1/000000002.tga.zst"].map(read);
    let chain = walk(&files).unwrap();
    assert_eq!((chain.files, chain.unread, chain.envelopes, chain.receipts), (2, 1, 2, 2));
    let mut chain = Chain::default();
    for file in &files {
        chain.walk_with(file, &keys).unwrap();
    }
    assert_eq!(chain.unread, 0);
    let records = read("envelope/1-sm2-sm3/records.xml");
    let clear = clear(&files[1], &keys).unwrap().unwrap();
    let frames = Archive::read(&clear).unwrap();
    let found = frames.find(&open(&records).unwrap().head.id()).unwrap();
    assert_eq!(envelope::open_frame(found.envelope, 1 << 20).unwrap(), records);
    let gate = disclose(&read("archive/1/gate.closed"), "museum", &keys);
    assert_eq!(gate, Ok(Some(b"what lies in a gate's file".to_vec())));
}
