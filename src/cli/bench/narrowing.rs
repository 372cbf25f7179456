//! Two nodes whose books of a closed day differ in a few records of very many: what it costs them to name
//! every one, in bytes on the wire and in time on each side.
//!
//! Both stores are filled by the facts that fill them at work (what a restored sender adopts, what a
//! receiver judges), without the bytes of the records, which reconciliation never looks at.

use std::future::Future;
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use bus::{Bus, BusFuture, Confirmation, Delivery, Parcel};
use canon::{Day, Digest, DigestAlg, EnvelopeId, Key, Lane, Millis, NodeCode, RecordId, Route};
use exchange::reconcile::{named, report};
use serde::Serialize;
use store::{
    Adopted, AdoptedEnvelope, AdoptedRecord, Arrived, AuditEvent, InboxFor, Judged, Lease,
    NewEpoch, NewKept, SharedStore, TypeCount,
};

use super::ground::Ground;
use super::nodes::{self, Chain, Settings};
use crate::assemble::{Running, store_failure, work_failure};
use crate::os;
use crate::text::{Failure, Out};

/// Records of one envelope.
const PER_ENVELOPE: u64 = 500;
/// Envelopes adopted by one fact.
const PER_FACT: u64 = 8;
/// Longest run of the exchange of questions, rounds of all workers.
const ROUNDS_MAX: u32 = 20_000;

/// What it cost.
#[derive(Debug, Serialize)]
pub(crate) struct Narrowing {
    records: u64,
    differences: u64,
    named: usize,
    /// Bytes on the wire, both ways, manifests and all.
    bytes: u64,
    /// Parcels, both ways.
    parcels: u64,
    /// Time in which the sender's workers worked, s.
    sender_s: f64,
    /// The receiver's.
    receiver_s: f64,
    /// Filling both stores, leaves and their folding included, s.
    filled_s: f64,
}

impl Narrowing {
    /// For people.
    pub(crate) fn lines(&self) -> Vec<String> {
        let Self { records, differences, named, bytes, parcels, .. } = self;
        vec![
            format!(
                "\nNarrowing down: {records} records of a day, {differences} differences, {named} named"
            ),
            format!(
                "  {bytes} bytes in {parcels} parcels on the wire, both ways, manifests included"
            ),
            format!("  sender {:.2} s, receiver {:.2} s of work", self.sender_s, self.receiver_s),
            format!("  both stores filled in {:.0} s", self.filled_s),
        ]
    }
}

fn record(n: u64) -> RecordId {
    let key = Key::new("990103", &[&format!("990103{n:014}")]);
    RecordId { kind: "SL".into(), key, version: 1 }
}

fn digest(id: &RecordId) -> Digest {
    canon::leaf_hash(DigestAlg::Sha256, id.to_string().as_bytes())
}

/// How the receiver's books differ: a third each is lost, changed and added.
fn harm(n: u64, records: u64, differences: u64) -> Option<u64> {
    let every = records.checked_div(differences)?.max(1);
    (n % every == every / 2 && n / every < differences).then_some(n / every % 3)
}

/// Fills two nodes and lets them find out.
pub(crate) async fn run(
    ground: &Ground,
    folder: &Path,
    (records, differences): (u64, u64),
    out: &Out,
) -> Result<Narrowing, Failure> {
    std::fs::create_dir_all(folder.join("drop")).map_err(|e| crate::files::cannot(folder, &e))?;
    let wire = Arc::new(Wire::default());
    let now = os::now();
    let settings = Settings { wire: Some(Arc::clone(&wire)), ..Settings::default() };
    let mut chain = nodes::chain(ground, folder, 2, now, &settings).await?;
    // Closed for certain: a window closes some time after midnight.
    let day = Day(now.plus(-3_600_000).day().0 - 1);
    let began = Instant::now();
    fill(&chain, day, (records, differences), now, out).await?;
    let filled_s = began.elapsed().as_secs_f64();
    let spent = talk(&mut chain, day, now).await?;
    let sender = &chain.running[0].node;
    let found = named::of_day(&sender.store, day).await.map_err(work_failure)?;
    let named = found.iter().map(|n| n.rows.len()).sum();
    let bytes = wire.bytes.load(Ordering::Relaxed);
    let parcels = wire.parcels.load(Ordering::Relaxed);
    chain.carrier.remove().await?;
    ground.drop_stores(folder, &chain.codes).await?;
    Ok(Narrowing {
        records,
        differences,
        named,
        bytes,
        parcels,
        sender_s: spent[0].as_secs_f64(),
        receiver_s: spent[1].as_secs_f64(),
        filled_s,
    })
}

/// What went over the wire.
#[derive(Debug, Default)]
pub(crate) struct Wire {
    /// Bytes of frames.
    pub(crate) bytes: AtomicU64,
    /// Parcels.
    pub(crate) parcels: AtomicU64,
}

/// A carrier that counts what is handed over.
struct Counting {
    under: Arc<dyn Bus>,
    wire: Arc<Wire>,
}

impl Wire {
    /// The same carrier, counted.
    pub(crate) fn over(self: &Arc<Self>, under: &Arc<dyn Bus>) -> Arc<dyn Bus> {
        Arc::new(Counting { under: Arc::clone(under), wire: Arc::clone(self) })
    }
}

impl Bus for Counting {
    fn publish(&self, parcels: Vec<Parcel>) -> BusFuture<'_, Vec<Confirmation>> {
        for parcel in &parcels {
            self.wire.bytes.fetch_add(parcel.frame.len() as u64, Ordering::Relaxed);
            self.wire.parcels.fetch_add(1, Ordering::Relaxed);
        }
        self.under.publish(parcels)
    }

    fn take<'a>(
        &'a self,
        node: &'a NodeCode,
        lane: Lane,
        max: usize,
    ) -> BusFuture<'a, Vec<Delivery>> {
        self.under.take(node, lane, max)
    }

    fn ack<'a>(&'a self, node: &'a NodeCode, tags: &'a [u64]) -> BusFuture<'a, ()> {
        self.under.ack(node, tags)
    }

    fn give_back<'a>(&'a self, node: &'a NodeCode, tags: &'a [u64]) -> BusFuture<'a, ()> {
        self.under.give_back(node, tags)
    }

    fn arrival<'a>(&'a self, node: &'a NodeCode) -> Pin<Box<dyn Future<Output = ()> + Send + 'a>> {
        self.under.arrival(node)
    }
}

async fn lease(store: &SharedStore, now: Millis) -> Result<Lease, Failure> {
    let lease = store.lease("bench", "bench", now, 1 << 40).await.map_err(store_failure)?;
    lease.ok_or_else(|| Failure::environment("a lease is held", "租约被占用"))
}

struct Ends<'a> {
    day: Day,
    sender: (&'a SharedStore, Lease),
    receiver: (&'a SharedStore, Lease),
    codes: &'a [NodeCode],
    route: Route,
    harmed: (u64, u64),
    now: Millis,
}

async fn fill(
    chain: &Chain,
    day: Day,
    (records, differences): (u64, u64),
    now: Millis,
    out: &Out,
) -> Result<(), Failure> {
    let (up, down) = (&chain.running[1].node, &chain.running[0].node);
    let audit = AuditEvent {
        at: now,
        who: "bench".into(),
        action: "node.restore".into(),
        subject: String::new(),
        reason: String::new(),
        ok: true,
    };
    let epoch = NewEpoch { epoch: 2, stand: Vec::new(), ordinal: 0, audit };
    down.store.begin_epoch(epoch).await.map_err(store_failure)?;
    let route = Route {
        destination: up.code.clone(),
        edition: "supervision/1".into(),
        suite: down.signers.first().suite().name().into(),
        lane: Lane::Live,
    };
    let ends = Ends {
        day,
        sender: (&down.store, lease(&down.store, now).await?),
        receiver: (&up.store, lease(&up.store, now).await?),
        codes: &chain.codes,
        route,
        harmed: (records, differences),
        now,
    };
    let envelopes = records.div_ceil(PER_ENVELOPE);
    for first in (0..envelopes).step_by(PER_FACT as usize) {
        let page: Vec<u64> = (first..(first + PER_FACT).min(envelopes)).collect();
        ends.adopt(&page).await?;
        for sequence in page {
            ends.judge(sequence).await?;
        }
        for store in [ends.sender.0, ends.receiver.0] {
            store.fold_leaves(64).await.map_err(store_failure)?;
        }
        if first % 2_000 == 0 && !out.json {
            out.rewrite(&format!("  {} of {records} records", first * PER_ENVELOPE))?;
        }
    }
    Ok(())
}

impl Ends<'_> {
    fn id(&self, sequence: u64) -> EnvelopeId {
        let (sender, route) = (self.codes[0].clone(), self.route.clone());
        EnvelopeId { sender, epoch: 1, route, sequence: sequence + 1 }
    }

    fn ids(&self, sequence: u64) -> impl Iterator<Item = (u64, RecordId)> {
        let (first, records) = (sequence * PER_ENVELOPE, self.harmed.0);
        (first..(first + PER_ENVELOPE).min(records)).map(|n| (n, record(n)))
    }

    /// A parcel in an inbox, claimed.
    async fn inbox(
        &self,
        (store, lease): &(&SharedStore, Lease),
        (id, kind, to): (EnvelopeId, &str, &NodeCode),
        which: InboxFor,
    ) -> Result<i64, Failure> {
        let text = format!("{kind} {id}");
        let arrived = Arrived {
            link: "bench".into(),
            from: id.sender.clone(),
            kind: kind.into(),
            to: to.clone(),
            parcel: DigestAlg::Sha256.of(&[text.as_bytes()]),
            frame: text.into_bytes().into(),
            id,
        };
        store.admit(vec![arrived], self.now).await.map_err(store_failure)?;
        let claimed = store.claim_inbox(lease, which, 1, self.now).await.map_err(store_failure)?;
        let first = claimed.first().map(|p| p.inbox_id);
        first.ok_or_else(|| Failure::environment("the inbox is empty", "收件箱为空"))
    }

    /// The sender takes over what the receiver is said to have answered.
    async fn adopt(&self, page: &[u64]) -> Result<(), Failure> {
        let mut envelopes = Vec::new();
        for sequence in page {
            let of = |(_, id): (u64, RecordId)| AdoptedRecord {
                digest: digest(&id),
                content: digest(&id),
                facts: "".into(),
                voided: false,
                outcome: None,
                code: String::new(),
                id,
            };
            let id = self.id(*sequence);
            let head = DigestAlg::Sha256.of(&[id.to_string().as_bytes()]);
            envelopes.push(AdoptedEnvelope {
                id,
                link: "up".into(),
                head_digest: head,
                root: head,
                day: self.day,
                adapter: "-".into(),
                records: self.ids(*sequence).map(of).collect(),
            });
        }
        let control = Route { lane: Lane::Control, ..self.route.clone() };
        let from = EnvelopeId {
            sender: self.codes[1].clone(),
            epoch: 1,
            route: Route { destination: self.codes[0].clone(), ..control },
            sequence: page[0] + 1,
        };
        let inbox_id =
            self.inbox(&self.sender, (from, "answer", &self.codes[0]), InboxFor::Settle).await?;
        let stand = ("bench".to_owned(), page[0].to_string());
        let page = Adopted { inbox_id, envelopes, stand, controls: Vec::new(), now: self.now };
        self.sender.0.commit_adopted(&self.sender.1, page).await.map_err(store_failure)?;
        Ok(())
    }

    /// The receiver judges, and its disk harms a few.
    async fn judge(&self, sequence: u64) -> Result<(), Failure> {
        let id = self.id(sequence);
        let of = (id.clone(), "records", &self.codes[1]);
        let inbox_id = self.inbox(&self.receiver, of, InboxFor::Accept).await?;
        let mut kept = Vec::new();
        let mut count = TypeCount { kind: "SL".into(), ..TypeCount::default() };
        let mut keep = |id: RecordId, digest: Digest, index: u32| {
            count.accepted += 1;
            count.sum.add(&digest);
            kept.push(NewKept { id, digest, facts: "".into(), voided: false, index });
        };
        let mut all = 0;
        for (index, (n, id)) in (0_u32..).zip(self.ids(sequence)) {
            all += 1;
            let sound = digest(&id);
            let other = DigestAlg::Sha256.of(&[b"harmed", &sound.bytes]);
            match harm(n, self.harmed.0, self.harmed.1) {
                None => keep(id, sound, index),
                Some(0) => {}
                Some(1) => keep(id, other, index),
                Some(_) => {
                    let key = Key::new("nobody", &[&n.to_string()]);
                    keep(RecordId { key, ..id.clone() }, other, index);
                    keep(id, sound, index);
                }
            }
        }
        let head = DigestAlg::Sha256.of(&[id.to_string().as_bytes()]);
        let judged = Judged {
            inbox_id,
            head_digest: head,
            day: self.day,
            count: all,
            kept,
            superseded: Vec::new(),
            counts: vec![count],
            units: Vec::new(),
            problems: Vec::new(),
            receipt: None,
            relayed: None,
            frame: format!("records {id}").into_bytes().into(),
            saw: None,
            settled_below: sequence + 1,
            now: self.now,
            id,
        };
        self.receiver.0.commit_judged(&self.receiver.1, judged).await.map_err(store_failure)
    }
}

/// Both nodes work in turn until the day's differences are named; how long each worked.
async fn talk(chain: &mut Chain, day: Day, now: Millis) -> Result<[Duration; 2], Failure> {
    let mut spent = [Duration::ZERO; 2];
    let mut at = now;
    for _ in 0..ROUNDS_MAX {
        for (i, Running { workers, .. }) in chain.running.iter_mut().enumerate() {
            for worker in workers {
                let began = Instant::now();
                let done = worker.run_once(at).await.map_err(work_failure)?;
                if done.done > 0 {
                    spent[i] += began.elapsed();
                }
            }
        }
        at = at.plus(50);
        let (store, code) = (&chain.running[0].node.store, &chain.codes[0]);
        let seen = report::of_day(store, code, (day, at)).await.map_err(work_failure)?;
        let told =
            |w: &report::WindowReport| w.verdict == report::Verdict::Agrees || w.named.is_some();
        if seen.windows.iter().all(told) && !seen.windows.is_empty() {
            return Ok(spent);
        }
    }
    Err(Failure::environment("the nodes never came to an end", "对账未能结束"))
}
