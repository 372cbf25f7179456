//! What an operator and an auditor see of a node's archive: a record whose bytes left the store is proven
//! from the file, a changed file is named, and who asked stands in the audit chain.

#![expect(clippy::unwrap_used, reason = "a test that unwraps says where it failed")]

#[expect(dead_code, reason = "the demo has keys and nodes already")]
mod common;

use std::collections::BTreeMap;
use std::path::Path;

use canon::{DigestAlg, Millis, NodeCode};
use common::{fine, tiergate};
use envelope::archive::{ARCHIVE_EDITION, Entry, Frames, Table, close, link, write};
use envelope::{Cipher, Reader, Readers};
use exchange::archive::FileSeen;
use ring::rand::SystemRandom;
use store::{ArchiveSide, SqliteStore};

const NODE: &str = "tiergate-demo/province/node.toml";
const FOLDER: &str = "tiergate-demo/province/archive/province-990000";

/// Lays all that the province judged into two files, as its archive would once the day was over, and gives
/// the bytes back. The digest of the second. Closed files are for the province.
fn archived(dir: &Path, closed: bool) -> String {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let file = SqliteStore::open(dir.join("tiergate-demo/province/node.db")).await.unwrap();
        let code = NodeCode::new("province-990000").unwrap();
        let store = file.identity(&code).await.unwrap();
        let rows = store.archive_rows(ArchiveSide::Received, 0, &[], 10_000).await.unwrap();
        std::fs::create_dir_all(dir.join(FOLDER)).unwrap();
        let mut before: Option<String> = None;
        for (at, rows) in rows.chunks(rows.len().div_ceil(2)).enumerate() {
            let number = at as u64 + 1;
            let (mut entries, mut frames, mut ranges) = (Vec::new(), Vec::new(), BTreeMap::new());
            for row in rows {
                let found = store.frames(&row.id).await.unwrap().unwrap();
                entries.push(Entry {
                    id: row.id.to_string(),
                    ordinal: row.number,
                    window: row.day.to_string(),
                    envelope: found.frame.len() as u64,
                    receipt: found.receipt.as_ref().map(|r| r.len() as u64),
                });
                let counted = format!("{}/{}/{}", row.id.sender, row.id.epoch, row.id.route);
                ranges.insert(counted, (1, u64::from(u32::MAX)));
                frames.push(found);
            }
            let table = Table {
                edition: ARCHIVE_EDITION,
                node: code.to_string(),
                number,
                before: before.clone(),
                made_at: "2026-11-22 00:31:00".into(),
                entries,
            };
            let parts: Vec<Frames<'_>> = frames
                .iter()
                .map(|f| Frames { envelope: &f.frame, receipt: f.receipt.as_deref() })
                .collect();
            let mut bytes = write(&table, &parts).unwrap();
            if closed {
                bytes = close(&bytes, &province(dir), Cipher::Aes256Gcm).unwrap();
            }
            let digest = link(DigestAlg::Sha256, &bytes).to_string();
            let name = format!("{number:09}-2026-11-22.tga.zst");
            std::fs::write(dir.join(FOLDER).join(&name), &bytes).unwrap();
            let seen = FileSeen {
                name,
                digest: digest.clone(),
                made: Millis(0),
                envelopes: rows.len() as u64,
                bytes: bytes.len() as u64,
                received: 0,
                ranges,
            };
            let text = serde_json::to_string(&seen).unwrap();
            let place = format!("archive/file/{number:09}");
            store.stand(&place, Some(&text), Millis(0)).await.unwrap();
            before = Some(digest);
        }
        let ids: Vec<_> = rows.into_iter().map(|row| row.id).collect();
        let space = store.space().await.unwrap();
        let released = store.release_frames(ArchiveSide::Received, &ids).await.unwrap();
        assert_eq!(released.envelopes, ids.len() as u64);
        let after = store.space().await.unwrap();
        assert!(after.bytes < space.bytes, "the room is given back: {space:?} {after:?}");
        before.unwrap()
    })
}

/// What closes files for the demo's province.
fn province(dir: &Path) -> Readers {
    let pem = std::fs::read_to_string(dir.join("tiergate-demo/province/encryption.pem")).unwrap();
    let der = envelope::identity::chain(&pem).remove(0);
    Readers::new(vec![Reader::from_der(&der).unwrap()], SystemRandom::new())
}

#[test]
fn encrypted_files_are_walked_by_anybody_and_read_by_their_node() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    let story = fine(dir, &["demo", "--confidential", "--fast", "--keep", "--cases", "60"]).out;
    let case = story.split("tiergate trace ").nth(1).and_then(|s| s.split(' ').next()).unwrap();
    let head = archived(dir, true);
    let walk = ["evidence", "verify-archive", FOLDER, "--head", &head];
    let said = fine(dir, &walk);
    assert!(said.out.contains("2 of them are encrypted"), "{}", said.out);
    let said = fine(dir, &[&walk[..], &["--config", NODE]].concat());
    assert!(
        said.out.contains("every link fits") && !said.out.contains("encrypted"),
        "{}",
        said.out
    );

    let config = std::fs::read_to_string(dir.join(NODE)).unwrap();
    let with = |more: &str| std::fs::write(dir.join(NODE), format!("{config}{more}")).unwrap();
    let export =
        |to: &str| tiergate(dir, &["evidence", "export", case, "--out", to, "--config", NODE]);
    with("\n[archive]\nfolder = \"archive\"\n");
    let said = export("proof.json");
    assert_eq!(said.code, 0, "{}{}", said.out, said.err);
    let anchor = "tiergate-demo/evidence/ca.pem";
    let said = fine(dir, &["evidence", "verify", "proof.json", "--anchor", anchor]);
    assert!(said.out.contains("PROVEN"), "{}", said.out);
    // The pair was replaced, and the old one is not kept.
    let lines = config.lines().filter(|line| !line.starts_with("encryption"));
    let bare: String = lines.map(|line| format!("{line}\n")).collect();
    let archive = "\n[archive]\nfolder = \"archive\"\nplain = \"a test\"\n";
    std::fs::write(dir.join(NODE), format!("{bare}{archive}")).unwrap();
    let said = export("lost.json");
    assert!(said.code == 1 && said.out.contains("[archive.closed]"), "{}{}", said.out, said.err);
    // As a former pair it opens what was closed for it, and nothing new is closed for it.
    let former = "\n[[identity.former]]\ncertificate = \"encryption.pem\"\nkey = \"file:encryption.key\"\n\n[[link]]\n";
    let kept = bare.replacen("\n[[link]]\n", former, 1);
    std::fs::write(dir.join(NODE), format!("{kept}{archive}")).unwrap();
    let said = export("former.json");
    assert_eq!(said.code, 0, "{}{}", said.out, said.err);
}

#[test]
fn a_purged_record_is_proven_from_the_archive_and_a_changed_file_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    let story = fine(dir, &["demo", "--fast", "--keep", "--cases", "60"]).out;
    let case = story.split("tiergate trace ").nth(1).and_then(|s| s.split(' ').next()).unwrap();
    let head = archived(dir, false);
    let export = |to: &str| {
        tiergate(dir, &["evidence", "export", case, "--out", to, "--by", "op7", "--config", NODE])
    };
    let without = export("without.json");
    assert_eq!(without.code, 1, "its bytes are not in the store: {}", without.out);
    let mut config = std::fs::read_to_string(dir.join(NODE)).unwrap();
    config.push_str("\n[archive]\nfolder = \"archive\"\nplain = \"this test writes it\"\n");
    std::fs::write(dir.join(NODE), config).unwrap();
    let with = export("proof.json");
    assert_eq!(with.code, 0, "{}{}", with.out, with.err);
    let anchor = "tiergate-demo/evidence/ca.pem";
    let said = fine(dir, &["evidence", "verify", "proof.json", "--anchor", anchor]);
    assert!(said.out.contains("PROVEN"), "{}", said.out);

    let whole =
        ["evidence", "verify-archive", FOLDER, "--head", &head, "--linkinginfo", "linkinginfo"];
    let said = fine(dir, &whole);
    assert!(said.out.starts_with("2 files up to number 2"), "{}", said.out);
    let linking = std::fs::read_to_string(dir.join("linkinginfo")).unwrap();
    assert!(linking.starts_with("- - SHA-512\n") && linking.lines().count() == 3, "{linking}");
    let first = dir.join(FOLDER).join("000000001-2026-11-22.tga.zst");
    let bytes = std::fs::read(&first).unwrap();
    let mut changed = bytes.clone();
    // Within the table: the day it was made.
    let at = changed.windows(10).position(|w| w == b"2026-11-22").unwrap();
    changed[at] = b'1';
    std::fs::write(&first, &changed).unwrap();
    let said = tiergate(dir, &["evidence", "verify-archive", FOLDER, "--head", &head]);
    assert_eq!(said.code, 1, "{}", said.out);
    assert!(said.out.contains("000000002") && said.out.contains("[archive.link]"), "{}", said.out);
    let refused = export("other.json");
    assert_ne!(refused.code, 0, "a changed file proves nothing: {}", refused.out);
    std::fs::write(&first, bytes).unwrap();
    let other =
        ["evidence", "verify-archive", FOLDER, "--head", &format!("sha256:{}", "0".repeat(64))];
    let said = tiergate(dir, &other);
    assert!(said.code == 1 && said.out.contains("[archive.head]"), "{}", said.out);

    let said = fine(dir, &["audit", "verify", "--config", NODE, "--json"]).json();
    assert_eq!((&said["ok"], &said["nodes"][0]["broken"]), (&true.into(), &().into()), "{said}");
    assert!(exported_by_op7(dir), "who asked stands in the chain");
    let status = tiergate(dir, &["status", "--config", NODE]).out;
    assert!(status.contains("bytes leave the store 90 days after"), "{status}");
}

fn exported_by_op7(dir: &Path) -> bool {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let file = SqliteStore::open(dir.join("tiergate-demo/province/node.db")).await.unwrap();
        let store = file.identity(&NodeCode::new("province-990000").unwrap()).await.unwrap();
        let events = store.audit_after(0, 100_000).await.unwrap();
        events.iter().any(|(_, e, _)| e.action == "evidence.export" && e.who == "op7" && e.ok)
    })
}

#[test]
fn an_audit_event_that_was_changed_from_outside_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    fine(dir, &["demo", "--fast", "--keep", "--cases", "20"]);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let file = SqliteStore::open(dir.join("tiergate-demo/province/node.db")).await.unwrap();
        let store = file.identity(&NodeCode::new("province-990000").unwrap()).await.unwrap();
        for n in 0..3 {
            let event = store::AuditEvent {
                at: Millis(1_800_000_000_000),
                who: "op7".into(),
                action: "test".into(),
                subject: format!("subject {n}"),
                reason: String::new(),
                ok: true,
            };
            store.audit(event).await.unwrap();
        }
    });
    let audit = ["audit", "verify", "--config", NODE];
    fine(dir, &audit);
    runtime.block_on(async {
        let path = dir.join("tiergate-demo/province/node.db");
        let mut db = edge::legacy_db::LegacyDb::open(&path).await.unwrap();
        assert!(db.delete("audit", ("nth", "2")).await.unwrap());
        db.commit().await.unwrap();
    });
    let said = tiergate(dir, &audit);
    assert_eq!(said.code, 1, "{}", said.out);
    assert!(
        said.out.contains("broken at event 3") && said.out.contains("[audit.broken]"),
        "{}",
        said.out
    );
}
