//! What only a file can get wrong: locks, editions, crashes, a full disk. What every back end must
//! hold to is in the contract suite.

use std::path::Path;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use canon::{Day, DigestAlg, EnvelopeId, Key, Lane, Millis, NodeCode, RecordId, Route, leaf_hash};
use sqlx::ConnectOptions;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use tempfile::TempDir;

use super::SqliteStore;
use super::conn::q;
use crate::error::StoreError;
use crate::types::*;
use crate::{OutEvent, SharedStore};

fn node(code: &str) -> NodeCode {
    NodeCode::new(code).unwrap()
}

fn route() -> Route {
    let (edition, suite) = ("supervision/1".into(), "ecdsa-p256-sha256".into());
    Route { destination: node("city"), edition, suite, lane: Lane::Live }
}

fn page(from: u32, count: u32, fragment: usize) -> Collected {
    let (mut records, mut bytes) = (Vec::new(), Vec::new());
    for n in from..from + count {
        let body = format!("{n:0fragment$}").into_bytes();
        let digest = leaf_hash(DigestAlg::Sha256, &body);
        records.push(NewRecord {
            id: RecordId {
                kind: "SL".into(),
                key: Key::new("unit", &[&n.to_string()]),
                version: 1,
            },
            voided: false,
            content: digest,
            digest,
            facts: "{}".into(),
            len: body.len() as u32,
            waits_for: None,
            source_row: None,
        });
        bytes.extend_from_slice(&body);
    }
    let (day, adapter) = (Day(20_000), Arc::from("a"));
    Collected {
        adapter: "a".into(),
        cursor: (from + count).to_string(),
        now: Millis(1_000),
        chunks: vec![NewChunk { route: route(), day, adapter, bytes, records }],
        quarantined: Vec::new(),
        known: Vec::new(),
        rows: Vec::new(),
        rows_read: u64::from(count),
        rows_unchanged: 0,
        stands: Vec::new(),
    }
}

async fn open(folder: &TempDir) -> (SqliteStore, SharedStore, Lease) {
    let file = SqliteStore::open(folder.path().join("store.db")).await.unwrap();
    let store = file.identity(&node("county")).await.unwrap();
    let lease = store.lease("all", "test", Millis(0), 1 << 40).await.unwrap().unwrap();
    (file, store, lease)
}

/// Seals, sends and settles what is staged, one envelope.
async fn one_envelope(store: &SharedStore, lease: &Lease) {
    let batch = store.staged_batch(&route(), 500, 1 << 30).await.unwrap().unwrap();
    let counters = store.counters(&route()).await.unwrap();
    let (epoch, sequence) = (counters.epoch, counters.next_sequence);
    let id = EnvelopeId { sender: node("county"), epoch, route: route(), sequence };
    let mut count = TypeCount { kind: "SL".into(), ..TypeCount::default() };
    for record in &batch.records {
        count.accepted += 1;
        count.sum.add(&record.digest);
    }
    let digest = DigestAlg::Sha256.of(&[&sequence.to_be_bytes()]);
    let envelope = NewEnvelope {
        id: id.clone(),
        kind: "records".into(),
        link: "up".into(),
        head: b"head".to_vec(),
        head_digest: digest,
        root: digest,
        consumes: Consumes::Staged(batch),
    };
    store.number(lease, vec![envelope], Millis(2_000)).await.unwrap();
    let frame: Arc<[u8]> = b"frame".as_slice().into();
    let sealed = vec![Sealed { id: id.clone(), frame: Arc::clone(&frame), head: None }];
    store.sealed(lease, sealed, Millis(2_000)).await.unwrap();
    let parcel = Arrived {
        link: "up".into(),
        from: node("city"),
        id: EnvelopeId { sender: node("city"), ..id.clone() },
        kind: "receipt".into(),
        to: node("county"),
        parcel: digest,
        frame: Arc::clone(&frame),
    };
    store.admit(vec![parcel], Millis(3_000)).await.unwrap();
    let claimed = store.claim_inbox(lease, InboxFor::Settle, 1, Millis(3_000)).await.unwrap();
    let settlement = Settlement {
        inbox_id: claimed[0].inbox_id,
        id,
        event: OutEvent::Receipted,
        reason: None,
        not_accepted: Vec::new(),
        counts: vec![count],
        rows: Vec::new(),
        receipt: frame,
        receiver_time: Millis(3_000),
        now: Millis(3_000),
    };
    assert!(store.commit_settled(lease, settlement).await.unwrap());
}

/// What must hold in any file that is opened.
async fn is_whole(store: &SharedStore) -> [u64; 10] {
    let census = store.census().await.unwrap();
    assert_eq!(store.status().await.unwrap().places, census);
    let read = store.adapter("a").await.unwrap();
    assert_eq!(read.records, census.iter().sum::<u64>(), "the cursor moves with the records");
    let staged = store.staged_routes().await.unwrap().first().map_or(0, |(_, n, _)| *n);
    assert_eq!(staged, census[Place::Staged as usize]);
    if let Some(batch) = store.staged_batch(&route(), 1_000_000, u64::MAX).await.unwrap() {
        assert_eq!(batch.records.len() as u64, staged);
        let sum = batch.records.iter().map(|r| r.len as usize).sum::<usize>();
        assert_eq!(batch.bytes.len(), sum);
    }
    census
}

#[tokio::test]
async fn a_file_has_one_holder() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.db");
    let first = SqliteStore::open(&path).await.unwrap();
    let refused = SqliteStore::open(&path).await.unwrap_err();
    assert!(matches!(&refused, StoreError::Refused(why) if why.contains("store.db.lock")));
    let handle = first.identity(&node("county")).await.unwrap();
    drop(first);
    assert!(SqliteStore::open(&path).await.is_err(), "a handle holds the file");
    drop(handle);
    SqliteStore::open(&path).await.unwrap();
}

#[tokio::test]
async fn another_nodes_file_is_refused_and_a_new_identity_is_not() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.db");
    drop(open(&folder).await);
    let refused = SqliteStore::open_for(&path, &[node("city")]).await.unwrap_err();
    assert!(matches!(&refused, StoreError::Refused(why) if why.contains("county")));
    let both = SqliteStore::open_for(&path, &[node("county"), node("town")]).await.unwrap();
    both.identity(&node("town")).await.unwrap();
    assert_eq!(both.identities().await.unwrap(), [node("county"), node("town")]);
}

async fn raw(path: &Path) -> SqliteConnection {
    SqliteConnectOptions::new().filename(path).create_if_missing(true).connect().await.unwrap()
}

#[tokio::test]
async fn files_of_another_kind_or_edition_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("other.db");
    let mut conn = raw(&path).await;
    q("CREATE TABLE theirs (a)").execute(&mut conn).await.unwrap();
    drop(conn);
    let refused = SqliteStore::open(&path).await.unwrap_err();
    assert!(matches!(&refused, StoreError::Refused(why) if why.contains("not a Tiergate store")));
    let path = folder.path().join("store.db");
    for (change, says) in [
        ("INSERT INTO migration VALUES (99, '0099_later', x'00')", "newer program"),
        ("UPDATE migration SET digest = x'00'", "not this program's"),
    ] {
        drop(SqliteStore::open(&path).await.unwrap());
        let mut conn = raw(&path).await;
        q(change).execute(&mut conn).await.unwrap();
        drop(conn);
        let refused = SqliteStore::open(&path).await.unwrap_err();
        assert!(matches!(&refused, StoreError::Refused(why) if why.contains(says)), "{refused}");
        let mut conn = raw(&path).await;
        q("DELETE FROM migration WHERE number = 99").execute(&mut conn).await.unwrap();
    }
}

#[tokio::test]
async fn a_long_page_is_cut_and_keeps_its_order() {
    let folder = tempfile::tempdir().unwrap();
    let (_file, store, lease) = open(&folder).await;
    store.commit_collected(&lease, page(0, 1_234, 40)).await.unwrap();
    let batch = store.staged_batch(&route(), 2_000, 1 << 30).await.unwrap().unwrap();
    assert_eq!((batch.records.len(), batch.ticket.len()), (1_234, 3));
    assert_eq!(batch.bytes, page(0, 1_234, 40).chunks[0].bytes);
    let part = store.staged_batch(&route(), 700, 1 << 30).await.unwrap().unwrap();
    assert_eq!((part.records.len(), part.ticket[1].count), (700, 200));
    let small = store.staged_batch(&route(), 700, 100).await.unwrap().unwrap();
    assert_eq!((small.records.len(), small.bytes.len()), (2, 80));
    one_envelope(&store, &lease).await;
    let next = store.staged_batch(&route(), 1, 1).await.unwrap().unwrap();
    assert_eq!(next.bytes, format!("{:040}", 500).into_bytes());
}

/// A fact that is given up half-way (its future dropped) leaves nothing, and the next one works.
#[tokio::test]
async fn a_dropped_fact_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let (_file, store, lease) = open(&folder).await;
    let mut finished = 0;
    for polls in 0..60 {
        let done = {
            let mut fact = pin!(store.commit_collected(&lease, page(finished * 600, 600, 20)));
            let mut done = false;
            for _ in 0..polls {
                let mut context = Context::from_waker(Waker::noop());
                if let Poll::Ready(result) = fact.as_mut().poll(&mut context) {
                    result.unwrap();
                    done = true;
                    break;
                }
                tokio::time::sleep(std::time::Duration::from_micros(300)).await;
            }
            done
        };
        let census = is_whole(&store).await;
        let staged = census[Place::Staged as usize];
        // Dropped after the commit and before the barrier: the fact is there.
        assert!(staged == u64::from(finished) * 600 || staged == u64::from(finished + 1) * 600);
        assert!(!done || staged == u64::from(finished + 1) * 600);
        finished = (staged / 600) as u32;
    }
    assert!(finished > 0, "some were polled to the end");
}

/// After a power cut the file has some prefix of what was committed, and at least what a barrier
/// waited for: a copy whose log is cut anywhere behind that opens whole.
#[tokio::test]
async fn a_log_cut_anywhere_gives_whole_facts() {
    let folder = tempfile::tempdir().unwrap();
    let (_file, store, lease) = open(&folder).await;
    let path = |f: &TempDir, name: &str| f.path().join(name);
    store.commit_collected(&lease, page(0, 500, 300)).await.unwrap();
    let safe = std::fs::metadata(path(&folder, "store.db-wal")).unwrap().len();
    for n in 1..6 {
        one_envelope(&store, &lease).await;
        store.commit_collected(&lease, page(n * 500, 500, 300)).await.unwrap();
    }
    let log = std::fs::read(path(&folder, "store.db-wal")).unwrap();
    let mut seen = std::collections::BTreeSet::new();
    for cut in (safe..=log.len() as u64).step_by(61_813).chain([log.len() as u64]) {
        let copy = tempfile::tempdir().unwrap();
        std::fs::copy(path(&folder, "store.db"), path(&copy, "store.db")).unwrap();
        std::fs::write(path(&copy, "store.db-wal"), &log[..cut as usize]).unwrap();
        let (_file, store, lease) = open(&copy).await;
        let census = is_whole(&store).await;
        assert!(census.iter().sum::<u64>() >= 500, "what the barrier waited for is there");
        seen.insert(census);
        // And the work goes on.
        let from = census.iter().sum::<u64>() as u32;
        store.commit_collected(&lease, page(from, 10, 30)).await.unwrap();
        is_whole(&store).await;
    }
    assert!(seen.len() > 5, "the cuts fell between facts: {seen:?}");
}

#[tokio::test]
async fn a_full_disk_changes_nothing_and_is_tried_again() {
    let folder = tempfile::tempdir().unwrap();
    let file = SqliteStore::open(folder.path().join("store.db")).await.unwrap();
    let store = file.identity(&node("county")).await.unwrap();
    let lease = store.lease("all", "test", Millis(0), 1 << 40).await.unwrap().unwrap();
    store.commit_collected(&lease, page(0, 100, 300)).await.unwrap();
    let before = is_whole(&store).await;
    file.limit_pages(true).await;
    let full = store.commit_collected(&lease, page(100, 5_000, 900)).await.unwrap_err();
    assert!(matches!(full, StoreError::Unavailable(_)), "{full}");
    assert_eq!(is_whole(&store).await, before);
    file.limit_pages(false).await;
    store.commit_collected(&lease, page(100, 5_000, 900)).await.unwrap();
    assert_eq!(is_whole(&store).await.iter().sum::<u64>(), 5_100);
}

impl SqliteStore {
    /// Lets the file grow no further, or again.
    async fn limit_pages(&self, full: bool) {
        let text =
            if full { "PRAGMA max_page_count = 1" } else { "PRAGMA max_page_count = 1000000" };
        let mut writer = self.writer_for_tests().await;
        q(text).execute(&mut *writer).await.unwrap();
    }
}

/// The file as edition 3 had it: types where strands stand now.
async fn before_strands(path: &Path) {
    let mut conn: SqliteConnection =
        SqliteConnectOptions::new().filename(path).connect().await.unwrap();
    let tables = ["record", "waiting", "problem", "row_record", "again", "baseline"];
    let mut text = "BEGIN;".to_owned();
    for (table, column) in
        tables.map(|t| (t, "kind")).into_iter().chain([("waiting", "parent_kind")])
    {
        text += &format!(
            "INSERT OR IGNORE INTO word (text) SELECT DISTINCT substr(w.text, 1, instr(w.text, '>') - 1) \
             FROM {table} t JOIN word w ON w.word = t.{column}; \
             UPDATE {table} SET {column} = (SELECT k.word FROM word s JOIN word k ON k.text = \
             substr(s.text, 1, instr(s.text, '>') - 1) WHERE s.word = {table}.{column}) \
             WHERE {column} IS NOT NULL;"
        );
    }
    text += "DELETE FROM word WHERE instr(text, '>') > 0; DROP TABLE submission; DROP TABLE branch; DROP TABLE twig; \
             DROP TABLE unit_count; DROP INDEX relay_at; \
             DROP INDEX row_record_case; \
             DROP INDEX chunk_at; DROP INDEX envelope_at; DROP INDEX envelope_dead; DROP INDEX received_at; \
             DROP INDEX received_sender; DROP INDEX received_problems; DROP INDEX relay_sender; DROP INDEX problem_cause; DROP INDEX problem_at; DROP INDEX problem_voided; \
             DROP TRIGGER problem_rule; ALTER TABLE problem DROP COLUMN rule; \
             DELETE FROM migration WHERE number >= 4; COMMIT";
    sqlx::raw_sql(sqlx::AssertSqlSafe(text)).execute(&mut conn).await.unwrap();
    sqlx::Connection::close(conn).await.unwrap();
}

#[tokio::test]
async fn what_stood_under_types_is_found_under_strands() {
    let folder = tempfile::tempdir().unwrap();
    let (file, store, lease) = open(&folder).await;
    store.commit_collected(&lease, page(0, 3, 20)).await.unwrap();
    one_envelope(&store, &lease).await;
    let mut more = page(3, 2, 20);
    more.chunks[0].records[0].waits_for = Some(WaitFor {
        kind: "SB".into(),
        key: Key::new("unit", &["none"]),
        accepted: false,
        elsewhere: None,
    });
    for record in &mut more.chunks[0].records {
        record.source_row = Some("row".into());
    }
    let id = RecordId { kind: "SL".into(), key: Key::new("unit", &["bad"]), version: 1 };
    more.quarantined.push(NewQuarantine {
        adapter: "a".into(),
        route: route(),
        day: Day(20_000),
        reference: "line 9".into(),
        source_row: Some("row".into()),
        row_digest: DigestAlg::Sha256.of(&[b"bad"]),
        id: Some(id.clone()),
        content: None,
        violations: Vec::new(),
        raw: b"raw".to_vec(),
    });
    store.commit_collected(&lease, more).await.unwrap();
    let mark = BaselineRow {
        kind: "SB".into(),
        key: Key::new("unit", &["old"]),
        destination: None,
        version: 2,
        content: None,
        reported: None,
        day: Day(20_000),
    };
    store.import_baseline(vec![mark.clone()], Millis(4_000)).await.unwrap();
    let roots = ["0@unit", "3@unit", "4@unit", "bad@unit", "old@unit"];
    let told = async |store: &SharedStore| {
        let problems = ProblemFilter { limit: 10, ..ProblemFilter::default() };
        (
            format!("{:?}", store.cases(&roots).await.unwrap()),
            format!("{:?}", store.problems(problems).await.unwrap()),
            store.baseline(&roots).await.unwrap(),
            store.place(&id, &node("city")).await.unwrap(),
            format!("{:?}", store.status().await.unwrap()),
            format!("{:?}", store.trace("3").await.unwrap()),
        )
    };
    let before = told(&store).await;
    assert_eq!((before.3, &before.2), (Some(Place::Quarantined), &vec![mark]));
    drop((file, store));
    before_strands(&folder.path().join("store.db")).await;

    let (_file, store, lease) = open(&folder).await;
    assert_eq!(told(&store).await, before);
    assert_eq!(store.census().await.unwrap(), store.status().await.unwrap().places);
    let mut parent = page(9, 1, 20);
    parent.chunks[0].records[0].id =
        RecordId { kind: "SB".into(), key: Key::new("unit", &["none"]), version: 1 };
    store.commit_collected(&lease, parent).await.unwrap();
    let id = RecordId { kind: "SL".into(), key: Key::new("unit", &["3"]), version: 1 };
    let place = store.place(&id, &node("city")).await.unwrap();
    assert_eq!(place, Some(Place::Staged), "its parent came after the migration");
}
