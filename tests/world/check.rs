//! What must hold after every story: S1 to S4, S6, S9, nothing unsettled, every day agreed.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use canon::format::Format;
use canon::{Day, Digest, EnvelopeId, Millis, NodeCode, RecordId, Route};
use envelope::{Outcome, Suite};
use store::{JudgedEnvelope, OutEnvelope, Place, SharedStore};

use super::{PROVINCE, World, bulk, card, editions, live, to_city};

const OPEN_MAX: usize = 64 << 20;

/// What a story may leave behind, each with its number; nothing by default.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Left {
    /// Records that wait for a parent.
    pub waiting: u64,
    /// Envelopes not settled, with their records in flight.
    pub unsettled: u64,
    /// Envelopes judged at the province that their sender never sealed: the story's own.
    pub foreign: u64,
    /// Something still moves: the day is not closed.
    pub day_open: bool,
    /// A sender was restored: of what it sent before, it has the outcomes and not the receipts.
    pub restored: bool,
}

/// A record as it was kept.
struct KeptRecord {
    id: RecordId,
    digest: Digest,
    parent: Option<(String, canon::Key)>,
    orphan: bool,
}

/// The books of all nodes, lowest first; the last is everybody's destination.
pub struct Books {
    /// Their stores.
    pub stores: Vec<SharedStore>,
    /// Their codes.
    pub codes: Vec<NodeCode>,
    /// Which of them have sources.
    pub senders: BTreeSet<usize>,
    /// Now.
    pub now: Millis,
}

impl World {
    /// The story is over: the day is closed and everything checked.
    pub async fn finish(&mut self) {
        self.finish_with(Left::default()).await;
    }

    /// As [`World::finish`], but for what the story leaves behind.
    pub async fn finish_with(&mut self, left: Left) {
        self.finished = true;
        assert_eq!(self.bus.unspent(), 0, "a rule of the carrier never met its parcel");
        assert_eq!(self.faults.unspent(), 0, "a planned fault never happened");
        self.quiet().await;
        let days = self.books().days().await;
        if !left.day_open {
            self.close(&days).await;
        }
        self.delivered().await;
        let books = self.books();
        books.hold(left).await;
        if !left.day_open {
            for day in days {
                books.agree(day, left).await;
            }
        }
    }

    /// The story leaves the nodes as they are (a harmed disk, a source that is never at rest): what holds
    /// after every other story does not hold after this one, and the story itself has said what does.
    pub fn end_as_it_is(&mut self) {
        assert_eq!(self.bus.unspent(), 0, "a rule of the carrier never met its parcel");
        assert_eq!(self.faults.unspent(), 0, "a planned fault never happened");
        self.finished = true;
    }

    /// The province's sink has every kept record once, in order.
    async fn delivered(&self) {
        let mut lines = 0;
        for bytes in super::files(&self.kept_folder()).into_values() {
            let text = String::from_utf8(bytes).expect("UTF-8");
            let mut last = 0;
            for line in text.lines() {
                let line: serde_json::Value = serde_json::from_str(line).expect("a whole line");
                let watermark = line["watermark"].as_u64().expect("a watermark");
                assert!(watermark > last, "delivered twice or out of order");
                last = watermark;
                lines += 1;
            }
        }
        assert_eq!(lines, self.kept().await, "what is kept is delivered");
    }

    /// The books as they stand.
    pub fn books(&self) -> Books {
        Books {
            stores: self.nodes.iter().map(|n| SharedStore::clone(&n.node.store)).collect(),
            codes: self.nodes.iter().map(|n| n.node.code.clone()).collect(),
            // Those whose books the province has the other side of.
            senders: self.setup.feeds.iter().map(|f| f.tier()).filter(|t| *t != PROVINCE).collect(),
            now: self.now,
        }
    }

    /// Moves the clock past the end of the last day, and lets the books be exchanged.
    /// The days end, and their books are exchanged.
    pub async fn close(&mut self, days: &[Day]) {
        let Some(last) = days.last() else { return };
        let end = Millis::parse(&format!("{last} 23:59:59")).expect("a day");
        let closed = end.plus(1_000 + self.setup.limits.close_grace + 1_000);
        self.now = self.now.max(closed);
        self.pass(3 * self.setup.limits.inquiry_interval).await;
        self.quiet().await;
    }
}

impl Books {
    fn top(&self) -> usize {
        self.stores.len() - 1
    }

    /// S1 to S4, S6, S9; nothing is on its way but what every sender is said to leave.
    pub async fn hold(&self, left: Left) {
        self.hold_of(|_| left).await;
    }

    /// As [`Books::hold`], with what each tier is said to leave.
    pub async fn hold_of(&self, left: impl Fn(usize) -> Left) {
        for tier in 0..=self.top() {
            let left = left(tier);
            self.conserved(tier).await;
            self.nothing_unsettled(tier, left).await;
            self.chain_unbroken(tier).await;
            let foreign = self.kept_in_order(tier).await;
            let expected = if tier == self.top() { left.foreign } else { 0 };
            assert_eq!(foreign, expected, "envelopes at tier {tier} that nobody sealed");
        }
        self.accepted_is_kept(left(0).restored).await;
    }

    /// Days whose books are open.
    async fn days(&self) -> Vec<Day> {
        let mut days = BTreeSet::new();
        for store in &self.stores {
            let open = store.open_days(self.now.day()).await.expect("open days");
            days.extend(open.into_iter().map(|(day, _)| day));
        }
        days.into_iter().collect()
    }

    /// The own records envelopes of a tier.
    async fn sent(&self, tier: usize) -> Vec<OutEnvelope> {
        sent(&self.stores[tier]).await
    }

    /// S1: every collected record is in exactly one place, and the counts are kept up to date.
    async fn conserved(&self, tier: usize) {
        let store = &self.stores[tier];
        let status = store.status().await.expect("status");
        assert_eq!(status.places, store.census().await.expect("census"), "S1 at tier {tier}");
        let adapters = &status.adapters;
        let collected: u64 = adapters.iter().map(|a| a.records + a.quarantined).sum();
        let placed = status.places.iter().sum::<u64>() + status.rows_without_key;
        assert_eq!(placed, collected, "S1 at tier {tier}: what was collected is somewhere");
        let mut counted = [0; 10];
        for day in self.last_days() {
            for tally in store.tallies(day).await.expect("tallies") {
                for (sum, n) in counted.iter_mut().zip(tally.places) {
                    *sum += n;
                }
                assert_eq!(tally.collected, tally.places.iter().sum::<u64>(), "tally of {day}");
            }
        }
        assert_eq!(counted, status.places, "the days' tallies at tier {tier} add up to the places");
    }

    /// The last forty days: no story is longer.
    fn last_days(&self) -> impl Iterator<Item = Day> + use<> {
        let today = self.now.day().0;
        (0..40).map(move |n| Day(today - n))
    }

    async fn nothing_unsettled(&self, tier: usize, left: Left) {
        let status = self.stores[tier].status().await.expect("status");
        let place = |p: Place| status.places[p as usize];
        assert_eq!(status.inbox, 0, "unread inbox at tier {tier}");
        assert_eq!(status.control_queued, 0, "unsealed control contents at tier {tier}");
        let numbered = self.stores[tier].numbered(store::Slots::ALL, 10).await.expect("numbered");
        assert!(numbered.is_empty(), "numbered and never sealed at tier {tier}");
        assert_eq!(place(Place::Staged), 0, "staged at tier {tier}");
        let open: Vec<String> = self
            .sent(tier)
            .await
            .into_iter()
            .filter(|e| !e.state.is_final())
            .map(|e| format!("{} {} {:?}", e.id, e.state, e.reason))
            .collect();
        if !self.senders.contains(&tier) {
            assert!(open.is_empty(), "unsettled at tier {tier}: {open:?}");
            return;
        }
        assert_eq!(open.len() as u64, left.unsettled, "unsettled at tier {tier}: {open:?}");
        assert_eq!(place(Place::Waiting), left.waiting, "waiting at tier {tier}");
        if left.unsettled == 0 {
            assert_eq!(place(Place::InFlight), 0, "in flight at tier {tier}");
        }
    }

    /// S9.
    async fn chain_unbroken(&self, tier: usize) {
        let events = self.stores[tier].audit_after(0, 100_000).await.expect("audit");
        assert_eq!(store::verify_chain(None, &events), Ok(()), "S9 at tier {tier}");
    }

    /// Everything judged or kept in passing at a tier, in order.
    async fn judged(&self, tier: usize) -> Vec<JudgedEnvelope> {
        self.stores[tier].judged_after(0, 100_000).await.expect("judged")
    }

    /// S2, S3 and S6 over what a tier keeps.
    async fn kept_in_order(&self, tier: usize) -> u64 {
        let own = own(&self.stores[tier]).await;
        let mut foreign = 0;
        let mut envelopes: BTreeSet<EnvelopeId> = BTreeSet::new();
        let mut versions: BTreeMap<(String, canon::Key), u32> = BTreeMap::new();
        let mut kept = 0;
        for judged in self.judged(tier).await {
            assert!(envelopes.insert(judged.id.clone()), "S2: {} took effect twice", judged.id);
            foreign += u64::from(!self.bytes_of_the_origin(&judged).await);
            for record in records(&judged) {
                kept += 1;
                let RecordId { kind, key, version } = record.id;
                if let Some((kind, key)) = record.parent {
                    let there = versions.contains_key(&(kind.clone(), key.clone()));
                    // What answers a record that this node sent out itself.
                    let there = there || own.contains(&(kind.clone(), key.clone()));
                    assert!(
                        there || record.orphan,
                        "S6: child of {kind} {key:?} before its parent"
                    );
                }
                let before = versions.insert((kind.to_string(), key.clone()), version);
                assert!(before.is_none_or(|b| b < version), "S6: {kind} {key:?} went back");
            }
        }
        let status = self.stores[tier].status().await.expect("status");
        assert_eq!(status.kept, kept, "kept rows at tier {tier} and what its envelopes hold");
        foreign
    }

    /// S3: byte for byte what the origin sealed; `false` if it never sealed it.
    async fn bytes_of_the_origin(&self, judged: &JudgedEnvelope) -> bool {
        let origin = self.codes.iter().position(|c| *c == judged.id.sender);
        // A node that is in nobody's process sealed nothing in this world.
        let Some(origin) = origin else { return false };
        let own = self.stores[origin].frames(&judged.id).await.expect("frames");
        let Some(own) = own else {
            // Adopted after a restore: its bytes are only here, its head is known.
            let adopted = self.stores[origin].outbound(&judged.id).await.expect("outbound");
            let package = envelope::open_frame(&judged.frame, OPEN_MAX).expect("a kept frame");
            let head = envelope::open(&package).expect("a kept package").head_digest();
            return adopted.is_some_and(|a| a.head_digest == head);
        };
        assert_eq!(own.frame, judged.frame, "S3: {}", judged.id);
        true
    }

    /// S4: what a receipt calls accepted is kept at the destination with the same digest; and
    /// nothing else is.
    async fn accepted_is_kept(&self, restored: bool) {
        let mut kept: HashMap<(RecordId, NodeCode), Digest> = HashMap::new();
        for (tier, code) in self.codes.iter().enumerate() {
            let judged = self.judged(tier).await.into_iter();
            for judged in judged.filter(|j| j.id.route.destination == *code) {
                let records = records(&judged).into_iter();
                kept.extend(records.map(|r| ((r.id, code.clone()), r.digest)));
            }
        }
        let mut accepted: BTreeSet<(RecordId, NodeCode)> = BTreeSet::new();
        for tier in 0..=self.top() {
            for own in self.sent(tier).await {
                let Some(frames) = self.stores[tier].frames(&own.id).await.expect("frames") else {
                    continue;
                };
                let Some(receipt) = frames.receipt else { continue };
                let package = super::closed::package(&frames.frame);
                let opened = envelope::open_clear(&package).expect("own package");
                let answer = envelope::open_frame(&receipt, OPEN_MAX).expect("a receipt");
                let answer = envelope::open(&answer).expect("a receipt");
                for (at, line) in answer.fragments.iter().enumerate() {
                    let line = envelope::read_outcome(line).expect("an outcome");
                    if line.outcome != Outcome::Accepted {
                        continue;
                    }
                    let format = editions::edition(&opened.head.format);
                    let id = id_of(&format, opened.fragments[at]);
                    let to = own.id.route.destination.clone();
                    let place = self.stores[tier].place(&id, &to).await.expect("place");
                    assert_eq!(place, Some(Place::Accepted), "S4: {id} at the sender");
                    let there = kept.get(&(id.clone(), to.clone()));
                    assert_eq!(there, Some(&opened.leaves[at]), "S4: {id} to {to}");
                    accepted.insert((id, to));
                }
            }
        }
        for (id, to) in kept.keys().filter(|_| restored) {
            for tier in self.senders.iter().copied() {
                let place = self.stores[tier].place(id, to).await;
                if place.expect("place") == Some(Place::Accepted) {
                    accepted.insert((id.clone(), to.clone()));
                }
            }
        }
        let known: BTreeSet<(RecordId, NodeCode)> = kept.into_keys().collect();
        let unknown: Vec<_> = known.difference(&accepted).collect();
        assert!(unknown.is_empty(), "kept, and its sender never heard of it: {unknown:?}");
    }

    /// The two books of a closed day agree, or every difference has its named cause.
    pub async fn agree(&self, day: Day, left: Left) {
        for tier in self.senders.iter().copied() {
            let me = self.codes[tier].clone();
            let manifests = self.stores[tier].manifests(day).await.expect("manifests");
            let mut peers: BTreeMap<NodeCode, u64> = BTreeMap::new();
            for mine in manifests.iter().filter(|m| m.by == me) {
                let theirs = manifests.iter().find(|m| m.by == mine.peer);
                let theirs =
                    theirs.unwrap_or_else(|| panic!("no answer to {me}'s manifest of {day}"));
                let read = exchange::reconcile::read;
                let mut answer = read(&theirs.body);
                answer.retain(|line| line.side == envelope::control::Side::Receiver);
                let differing = exchange::reconcile::differing(&read(&mine.body), &answer);
                assert!(differing.is_empty(), "books of {day} differ: {differing:?}");
                peers.insert(mine.peer.clone(), u64::from(!mine.is_final));
            }
            assert!(!peers.is_empty(), "no manifest of {me} for {day}");
            let moving = left.waiting + left.unsettled > 0;
            let open: u64 = peers.values().sum();
            assert_eq!(open == 0, !moving, "{me}'s books of {day} are final when nothing moves");
            let named = self.stores[tier].discrepancies(day).await.expect("discrepancies");
            let places = self.stores[tier].tallies(day).await.expect("tallies");
            for (cause, place) in [
                ("quarantined", Place::Quarantined),
                ("waiting", Place::Waiting),
                ("rejected", Place::Rejected),
                ("in_flight", Place::InFlight),
            ] {
                let there: u64 = places.iter().map(|t| t.places[place as usize]).sum();
                let said: u64 = named.iter().filter(|d| d.cause == cause).map(|d| d.count).sum();
                assert_eq!(said, there, "{cause} of {day} at {me} is named: {named:?}");
            }
            let unnamed = named.iter().find(|d| d.cause == "sums_differ");
            assert_eq!(unnamed, None, "a difference without a cause");
            for peer in peers.keys() {
                let there = self.codes.iter().position(|c| c == peer).expect("a tier");
                let above = self.stores[there].discrepancies(day).await.expect("discrepancies");
                let above: Vec<_> = above.iter().filter(|d| d.sender == me.as_str()).collect();
                let mine: Vec<_> = named.iter().filter(|d| d.receiver == peer.as_str()).collect();
                assert_eq!(above, mine, "both sides name the same of {day}");
            }
        }
    }
}

/// The own records envelopes in a store.
pub(super) async fn sent(store: &SharedStore) -> Vec<OutEnvelope> {
    let mut out = Vec::new();
    for route in in_each_suite(&[live(), bulk(), to_city(), card::down(), editions::in_second()]) {
        out.extend(store.outbound_range(&route, 0, u64::MAX >> 1, 1_000_000).await.expect("own"));
    }
    out
}

/// Routes as they are in every suite: nodes of one world may sign in different ones.
fn in_each_suite(routes: &[Route]) -> impl Iterator<Item = Route> + '_ {
    Suite::ALL.iter().flat_map(move |suite| {
        routes.iter().map(move |route| Route { suite: suite.name().into(), ..route.clone() })
    })
}

/// Type and key of what a node sent down or up itself.
async fn own(store: &SharedStore) -> BTreeSet<(String, canon::Key)> {
    let mut out = BTreeSet::new();
    for route in in_each_suite(&[live(), bulk(), to_city(), card::down(), editions::in_second()]) {
        let sent = store.outbound_range(&route, 0, u64::MAX >> 1, 1_000_000).await.expect("own");
        for own in sent {
            let Some(frames) = store.frames(&own.id).await.expect("frames") else { continue };
            let package = super::closed::package(&frames.frame);
            let opened = envelope::open_clear(&package).expect("own package");
            let format = editions::edition(&opened.head.format);
            out.extend(opened.fragments.iter().map(|f| {
                let id = id_of(&format, f);
                (id.kind.to_string(), id.key)
            }));
        }
    }
    out
}

/// The ids of every record that a store keeps.
pub(super) async fn kept(store: &SharedStore) -> Vec<RecordId> {
    let judged = store.judged_after(0, 1_000_000).await.expect("judged");
    judged.iter().flat_map(records).map(|record| record.id).collect()
}

/// The records of a judged envelope that it kept.
fn records(judged: &JudgedEnvelope) -> Vec<KeptRecord> {
    if judged.kept.is_empty() {
        // Perhaps declined because nobody could open it.
        return Vec::new();
    }
    let package = super::closed::package(&judged.frame);
    let opened = envelope::open_clear(&package).expect("a kept package");
    let keep_orphans = &opened.head.keep_orphans;
    let format = editions::edition(&opened.head.format);
    judged
        .kept
        .iter()
        .map(|at| {
            let fragment = opened.fragments[*at as usize];
            let parsed = format.parse(fragment).expect("a kept record");
            let (values, namespace) = (&parsed.values, &parsed.attrs.namespace);
            let parent = format.parent_key(parsed.ty, values, namespace);
            KeptRecord {
                id: id_of(&format, fragment),
                digest: opened.leaves[*at as usize],
                parent: parent.map(|(ty, key)| (format.get(ty).wire.to_string(), key)),
                orphan: keep_orphans.contains(at),
            }
        })
        .collect()
}

/// The id of a record's fragment.
fn id_of(format: &Format, fragment: &[u8]) -> RecordId {
    let parsed = format.parse(fragment).expect("a record");
    let key = format.key(parsed.ty, &parsed.values, &parsed.attrs.namespace).expect("a key");
    let kind = format.get(parsed.ty).wire.clone();
    RecordId { kind, key, version: parsed.attrs.version }
}
