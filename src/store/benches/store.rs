//! What the SQLite store costs a record, stage by stage: a county collects, seals, sends and
//! settles; a province admits, judges and answers. Keys of 2 000 interleaved departments,
//! fragments of about 1 KB, 500 an envelope.
//!
//! `cargo bench -p store --features sqlite --bench store -- [RECORDS]…` (default: 100000 1000000)
#![expect(clippy::print_stdout, reason = "a benchmark prints its table")]
#![expect(clippy::disallowed_methods, reason = "a benchmark reads the clock")]
#![expect(clippy::unwrap_used, reason = "a benchmark stops at the first error")]

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use canon::{Day, Digest, DigestAlg, EnvelopeId, HashSum, Key, Lane, Millis, NodeCode, RecordId};
use canon::{Route, leaf_hash};
use store::*;

const DEPARTMENTS: u64 = 2000;
const PER_ENVELOPE: u64 = 500;
const FRAGMENT: usize = 1024;
/// What a record costs in a compressed frame.
const IN_FRAME: usize = 160;
/// What an outcome costs in a receipt.
const IN_RECEIPT: usize = 70;

/// Time by stage: on the wall, and of the processor.
#[derive(Default)]
struct Clock(BTreeMap<&'static str, (Duration, Duration)>);

impl Clock {
    async fn time<T>(&mut self, stage: &'static str, work: impl Future<Output = T>) -> T {
        let (start, before) = (Instant::now(), processor());
        let out = work.await;
        let (wall, processor) = self.0.entry(stage).or_default();
        *wall += start.elapsed();
        *processor += self::processor().saturating_sub(before);
        out
    }

    fn processor(&self) -> Duration {
        self.0.values().map(|(_, processor)| *processor).sum()
    }
}

/// One end of the hop.
struct End {
    store: SharedStore,
    code: NodeCode,
    lease: Lease,
}

impl End {
    async fn open(folder: &std::path::Path, code: &str) -> Self {
        let code = NodeCode::new(code).unwrap();
        let file = SqliteStore::open(folder.join(format!("{code}.db"))).await.unwrap();
        let store = file.identity(&code).await.unwrap();
        let lease = store.lease("all", "bench", now(), 1 << 40).await.unwrap().unwrap();
        Self { store, code, lease }
    }

    fn id(&self, route: &Route, sequence: u64) -> EnvelopeId {
        EnvelopeId { sender: self.code.clone(), epoch: 1, route: route.clone(), sequence }
    }
}

fn now() -> Millis {
    Millis(1_790_000_000_000)
}

fn route(to: &NodeCode, edition: &str, lane: Lane) -> Route {
    let suite = "ecdsa-p256-sha256".into();
    Route { destination: to.clone(), edition: edition.into(), suite, lane }
}

/// One page: records of every department in turn, four records a case.
struct Page {
    ids: Vec<RecordId>,
    digests: Vec<Digest>,
    bytes: Vec<u8>,
}

const KINDS: [&str; 4] = ["SQ", "SL", "SP", "BJ"];

fn page(first: u64) -> Page {
    let (mut ids, mut digests, mut bytes) = (Vec::new(), Vec::new(), Vec::new());
    for n in first..first + PER_ENVELOPE {
        let case = n / 4;
        let (department, serial) = (case % DEPARTMENTS, case / DEPARTMENTS);
        let number = format!("{department:06}2026{serial:08}");
        let key = Key::new(&format!("11330000{department:06}"), &[&number]);
        let kind = KINDS[(n % 4) as usize].into();
        ids.push(RecordId { kind, key, version: 1 });
        let mut fragment = format!("<SL n=\"{n}\">").into_bytes();
        fragment.resize(FRAGMENT, b'x');
        digests.push(leaf_hash(DigestAlg::Sha256, &fragment));
        bytes.extend_from_slice(&fragment);
    }
    Page { ids, digests, bytes }
}

fn facts() -> Arc<str> {
    "{\"SLSJ\":\"2026-09-21 10:00:00\",\"SLZT\":\"1\"}".into()
}

fn collected(page: &Page, route: &Route) -> Collected {
    let record = |(id, digest): (&RecordId, &Digest)| NewRecord {
        id: id.clone(),
        voided: false,
        content: *digest,
        digest: *digest,
        facts: facts(),
        len: FRAGMENT as u32,
        waits_for: None,
        source_row: None,
    };
    let chunk = NewChunk {
        route: route.clone(),
        day: Day(20_000),
        adapter: "county_approval".into(),
        bytes: page.bytes.clone(),
        records: page.ids.iter().zip(&page.digests).map(record).collect(),
    };
    Collected {
        adapter: "county_approval".into(),
        cursor: String::new(),
        now: now(),
        chunks: vec![chunk],
        quarantined: Vec::new(),
        known: Vec::new(),
        rows: Vec::new(),
        rows_read: PER_ENVELOPE,
        rows_unchanged: 0,
        stands: Vec::new(),
    }
}

fn roots(page: &Page) -> Vec<&str> {
    let mut roots: Vec<&str> = page.ids.iter().map(|id| id.key.root()).collect();
    roots.sort_unstable();
    roots.dedup();
    roots
}

fn digest(n: u64) -> Digest {
    DigestAlg::Sha256.of(&[&n.to_be_bytes()])
}

fn counts(page: &Page) -> Vec<TypeCount> {
    let mut counts = BTreeMap::<&str, TypeCount>::new();
    for (id, digest) in page.ids.iter().zip(&page.digests) {
        let count = counts.entry(&id.kind).or_default();
        count.kind = Arc::clone(&id.kind);
        count.accepted += 1;
        let mut sum = HashSum::default();
        sum.add(digest);
        count.sum.merge(&sum);
    }
    counts.into_values().collect()
}

fn arrived(from: &End, id: &EnvelopeId, kind: &str, frame: Arc<[u8]>) -> Arrived {
    Arrived {
        link: "link".into(),
        from: from.code.clone(),
        id: id.clone(),
        kind: kind.into(),
        to: id.route.destination.clone(),
        parcel: DigestAlg::Sha256.of(&[id.to_string().as_bytes()]),
        frame,
    }
}

fn envelope(id: &EnvelopeId, kind: &str, consumes: Consumes) -> NewEnvelope {
    NewEnvelope {
        id: id.clone(),
        kind: kind.into(),
        link: "link".into(),
        head: vec![b'h'; 1500],
        head_digest: digest(id.sequence),
        root: digest(id.sequence + 1),
        consumes,
    }
}

/// Seals and sends one envelope.
async fn send(end: &End, id: &EnvelopeId, kind: &str, consumes: Consumes, frame: Arc<[u8]>) {
    let (store, lease) = (&end.store, &end.lease);
    store.number(lease, vec![envelope(id, kind, consumes)], now()).await.unwrap();
    store.sealed(lease, vec![Sealed { id: id.clone(), frame, head: None }], now()).await.unwrap();
}

async fn dispatch(end: &End, id: &EnvelopeId, lane: Lane) {
    let due = end.store.due("link", lane, now(), 1, 1 << 30).await.unwrap();
    assert_eq!(due[0].id, *id);
    let event = OutEvent::Confirmed;
    let attempt =
        Attempted { own: true, id: id.clone(), event, reason: None, due_at: now().plus(900_000) };
    end.store.attempted(&end.lease, vec![attempt], now()).await.unwrap();
}

async fn judge(province: &End, page: &Page, id: &EnvelopeId, parcel: InboxParcel) {
    let known = province.store.kept_cases(&roots(page)).await.unwrap();
    assert!(known.is_empty() || known.len() < 4);
    let keep = |(i, (id, digest)): (usize, (&RecordId, &Digest))| NewKept {
        id: id.clone(),
        digest: *digest,
        facts: facts(),
        voided: false,
        index: i as u32,
    };
    let receipt = NewControl {
        kind: "receipt".into(),
        to: id.sender.clone(),
        day: Day(20_000),
        detail: "{}".to_owned(),
        body: vec![b'r'; IN_RECEIPT * PER_ENVELOPE as usize],
        lengths: vec![IN_RECEIPT as u32; PER_ENVELOPE as usize],
        answers: Some(id.clone()),
    };
    let judged = Judged {
        inbox_id: parcel.inbox_id,
        id: id.clone(),
        head_digest: digest(id.sequence),
        day: Day(20_000),
        count: PER_ENVELOPE as u32,
        kept: page.ids.iter().zip(&page.digests).enumerate().map(keep).collect(),
        superseded: Vec::new(),
        counts: counts(page),
        units: Vec::new(),
        problems: Vec::new(),
        receipt: Some(receipt),
        relayed: None,
        saw: None,
        frame: parcel.arrived.frame,
        settled_below: id.sequence,
        now: now(),
    };
    province.store.commit_judged(&province.lease, judged).await.unwrap();
}

async fn settle(county: &End, page: &Page, id: &EnvelopeId, receipt: Arrived) {
    county.store.admit(vec![receipt], now()).await.unwrap();
    let claimed = county.store.claim_inbox(&county.lease, InboxFor::Settle, 1, now()).await;
    let parcel = claimed.unwrap().remove(0);
    assert!(county.store.outbound(id).await.unwrap().is_some());
    assert_eq!(county.store.members(id).await.unwrap().len(), PER_ENVELOPE as usize);
    let settlement = Settlement {
        inbox_id: parcel.inbox_id,
        id: id.clone(),
        event: OutEvent::Receipted,
        reason: None,
        not_accepted: Vec::new(),
        counts: counts(page),
        rows: Vec::new(),
        receipt: parcel.arrived.frame,
        receiver_time: now(),
        now: now(),
    };
    assert!(county.store.commit_settled(&county.lease, settlement).await.unwrap());
}

/// One envelope through both ends.
async fn hop(clock: &mut Clock, county: &End, province: &End, sequence: u64) {
    let up = route(&province.code, "supervision/1", Lane::Live);
    let down = route(&county.code, "control/1", Lane::Control);
    let (id, answer) = (county.id(&up, sequence), province.id(&down, sequence));
    let page = page((sequence - 1) * PER_ENVELOPE);
    let new = collected(&page, &up);
    let frame: Arc<[u8]> = vec![7; IN_FRAME * PER_ENVELOPE as usize].into();
    let small: Arc<[u8]> = vec![8; 20 * PER_ENVELOPE as usize].into();
    let case_roots = roots(&page);
    clock
        .time("1 collect: known cases, page", async {
            county.store.cases(&case_roots).await.unwrap();
            county.store.commit_collected(&county.lease, new).await.unwrap();
        })
        .await;
    let batch = clock.time("2 seal: batch", county.store.staged_batch(&up, 500, 1 << 30)).await;
    let batch = Consumes::Staged(batch.unwrap().unwrap());
    clock
        .time("3 seal: number, sealed", send(county, &id, "records", batch, Arc::clone(&frame)))
        .await;
    clock.time("4 dispatch", dispatch(county, &id, Lane::Live)).await;
    let parcel = clock
        .time("5 receive: admit, claim", async {
            let parcel = arrived(county, &id, "records", frame);
            province.store.admit(vec![parcel], now()).await.unwrap();
            let lease = &province.lease;
            let claimed = province.store.claim_inbox(lease, InboxFor::Accept, 1, now()).await;
            claimed.unwrap().remove(0)
        })
        .await;
    clock.time("6 accept: kept cases, judged", judge(province, &page, &id, parcel)).await;
    clock
        .time("7 receipt: number … dispatch", async {
            let queued = province.store.queued_controls(Slots::ALL, 1).await.unwrap().remove(0);
            let consumes = Consumes::Control(queued);
            send(province, &answer, "receipt", consumes, Arc::clone(&small)).await;
            dispatch(province, &answer, Lane::Control).await;
        })
        .await;
    let receipt = arrived(province, &answer, "receipt", small);
    clock.time("8 settle: admit … settled", settle(county, &page, &id, receipt)).await;
}

/// Processor time of this process so far, all its threads that still run.
fn processor() -> Duration {
    let threads = std::fs::read_dir("/proc/self/task").into_iter().flatten().flatten();
    let spent = |thread: std::fs::DirEntry| {
        let text = std::fs::read_to_string(thread.path().join("schedstat")).ok()?;
        text.split_whitespace().next()?.parse::<u64>().ok()
    };
    Duration::from_nanos(threads.filter_map(spent).sum())
}

fn memory_mb() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|l| l.starts_with("VmRSS:"));
    let kb = line.and_then(|l| l.split_whitespace().nth(1)).and_then(|n| n.parse::<u64>().ok());
    kb.unwrap_or_default() / 1024
}

async fn run(records: u64) -> f64 {
    let folder = tempfile::tempdir().unwrap();
    let county = End::open(folder.path(), "county").await;
    let province = End::open(folder.path(), "province").await;
    let (mut clock, mut memory, mut before) = (Clock::default(), 0, Duration::ZERO);
    for sequence in 1..=records / PER_ENVELOPE {
        hop(&mut clock, &county, &province, sequence).await;
        if sequence % 200 == 0 {
            memory = memory.max(memory_mb());
            let (at, spent) = (sequence * PER_ENVELOPE, clock.processor());
            let each = (spent - before).as_secs_f64() * 1e6 / (200 * PER_ENVELOPE) as f64;
            println!("  up to {at:9}: {each:6.2} µs of the processor a record");
            before = spent;
        }
    }
    println!("{records} records, {PER_ENVELOPE} an envelope");
    println!("  {:32} {:>9} {:>9}", "µs a record", "wall", "processor");
    let each = |time: Duration| time.as_secs_f64() * 1e6 / records as f64;
    for (stage, (wall, processor)) in &clock.0 {
        println!("  {stage:32} {:9.2} {:9.2}", each(*wall), each(*processor));
    }
    let wall = each(clock.0.values().map(|(wall, _)| *wall).sum());
    let processor = each(clock.processor());
    println!("  {:32} {wall:9.2} {processor:9.2}", "both ends, one after another");
    println!("  {:.0} records/s on the wall", 1e6 / wall);
    println!("  peak memory {memory} MB");
    assert_eq!(county.store.status().await.unwrap().places[Place::Accepted as usize], records);
    assert_eq!(province.store.status().await.unwrap().kept, records);
    processor
}

fn main() {
    let asked = std::env::args().skip(1).filter_map(|a| a.parse().ok());
    let mut sizes: Vec<u64> = asked.collect();
    if sizes.is_empty() {
        sizes = vec![100_000, 1_000_000];
    }
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    let runtime = builder.worker_threads(2).enable_all().build().unwrap();
    let each: Vec<f64> = sizes.iter().map(|n| runtime.block_on(run(*n))).collect();
    if let (Some(first), Some(last)) = (each.first(), each.last()) {
        println!("processor time a record, last size against first: {:.2}", last / first);
    }
}
