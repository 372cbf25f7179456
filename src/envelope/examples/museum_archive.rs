//! Makes the museum's archive, once: `cargo run -p envelope --example museum_archive -- DIR`.
//!
//! A file in the clear, the next one closed for the reader of `envelope/1-confidential`, and a frame as it
//! lies in a gate's file, closed for the same. It refuses a folder that holds any of them.
#![expect(clippy::disallowed_methods, reason = "a generator run by hand writes files")]
#![expect(clippy::unwrap_used, reason = "a generator run by hand may stop at the first surprise")]

use std::path::Path;

use canon::DigestAlg;
use envelope::archive::{ARCHIVE_EDITION, Entry, Frames, Table, close, link, write};
use envelope::identity::chain;
use envelope::{Cipher, Reader, Readers, frame, open};
use ring::rand::SystemRandom;

const MUSEUM: &str = "tests/museum/envelope";

/// A file with the records and the receipt of a folder of the museum.
fn file(number: u64, before: Option<String>, of: &str) -> Vec<u8> {
    let read = |name: &str| std::fs::read(Path::new(MUSEUM).join(of).join(name)).unwrap();
    let (records, receipt) = (read("records.xml"), read("receipt.xml"));
    let id = open(&records).unwrap().head.id().to_string();
    let (envelope, receipt) = (frame(&records, 3), frame(&receipt, 3));
    let entry = Entry {
        id,
        ordinal: 7,
        window: "2026-11-21".into(),
        envelope: envelope.len() as u64,
        receipt: Some(receipt.len() as u64),
    };
    let table = Table {
        edition: ARCHIVE_EDITION,
        node: "province".into(),
        number,
        before,
        made_at: "2026-11-22 00:31:00".into(),
        entries: vec![entry],
    };
    write(&table, &[Frames { envelope: &envelope, receipt: Some(&receipt) }]).unwrap()
}

fn main() {
    let dir = std::env::args().nth(1).expect("name the folder to write into");
    let put = |name: &str, bytes: &[u8]| {
        let path = Path::new(&dir).join(name);
        assert!(!path.exists(), "{} is there: the museum is never rewritten", path.display());
        std::fs::write(path, bytes).unwrap();
    };
    let pem = Path::new(MUSEUM).join("1-confidential/reader.pem");
    let der = chain(&std::fs::read_to_string(pem).unwrap()).remove(0);
    let readers = Readers::new(vec![Reader::from_der(&der).unwrap()], SystemRandom::new());
    let first = file(1, None, "1");
    let before = link(DigestAlg::Sha256, &first).to_string();
    let second = file(2, Some(before), "1-sm2-sm3");
    put("000000001.tga.zst", &first);
    put("000000002.tga.zst", &close(&second, &readers, Cipher::Sm4Gcm).unwrap());
    let frame = b"what lies in a gate's file";
    put("gate.closed", &readers.enclose(Cipher::Aes256Gcm, "museum", frame).unwrap());
}
