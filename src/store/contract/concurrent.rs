//! Four connections to one store, each doing what chance says: there must be a serial order of all
//! calls, replayed on memory, in which every answer and the end state are the same. A call that ended
//! before another began stands before it.

use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::future::Future;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use canon::{Day, EnvelopeId, Lane};

use super::office::*;
use super::provider::run;
use crate::*;

/// Connections.
const CLIENTS: usize = 4;
/// Calls of each.
const CALLS: usize = 7;
/// Histories.
const SEEDS: u64 = 12;
/// Orders tried before the search is given up (and the test fails).
const TRIED_MAX: u32 = 50_000;

/// SplitMix64: chance that can be had again.
struct Chance(u64);

impl Chance {
    fn below(&mut self, n: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % n
    }
}

/// A call. What it is given beside this comes out of what its client was answered before.
#[derive(Clone, Debug)]
enum Call {
    Lease(u64, i64),
    Collect(Vec<(u64, u32)>),
    Hold(u64, u32),
    ReadStaged,
    ReadCounters,
    Number,
    Sign,
    Due,
    Confirm,
    Admit(u64),
    Claim,
    Judge,
    Refuse,
    Drop,
    Queue,
    Audit,
    Problems,
    Act(u64),
    Stand(u64),
    Standing,
    Status,
    Census,
    Deliver(i64),
}

impl Call {
    fn any(chance: &mut Chance) -> Self {
        let case = |chance: &mut Chance| (chance.below(3), 1 + chance.below(3) as u32);
        match chance.below(28) {
            0 => Self::Lease(chance.below(2), chance.below(2) as i64 * HOUR),
            1..=3 => Self::Collect((0..=chance.below(2)).map(|_| case(chance)).collect()),
            4 => {
                let (case, version) = case(chance);
                Self::Hold(case, version)
            }
            5 | 6 => Self::ReadStaged,
            7 | 8 => Self::ReadCounters,
            9 | 10 => Self::Number,
            11 => Self::Sign,
            12 => Self::Due,
            13 => Self::Confirm,
            14..=16 => Self::Admit(chance.below(4)),
            17 => Self::Claim,
            18 => Self::Judge,
            19 => Self::Refuse,
            20 => Self::Drop,
            21 => Self::Queue,
            22 => Self::Audit,
            23 => Self::Problems,
            24 => Self::Act(chance.below(3)),
            25 => Self::Stand(chance.below(2)),
            26 => [Self::Standing, Self::Census][chance.below(2) as usize].clone(),
            _ if chance.below(2) == 0 => Self::Status,
            _ => Self::Deliver(chance.below(9) as i64),
        }
    }
}

/// What a client was answered.
#[derive(Clone, Debug, Default)]
struct Client {
    nth: usize,
    batch: Option<StagedBatch>,
    counters: Option<RouteCounters>,
    numbered: Vec<EnvelopeId>,
    due: Vec<EnvelopeId>,
    claimed: Vec<InboxParcel>,
    problems: Vec<i64>,
}

fn told<T>(result: Result<T, StoreError>, answer: impl FnOnce(T) -> String) -> String {
    match result {
        Ok(found) => answer(found),
        Err(StoreError::Conflict { .. }) => "conflict".into(),
        Err(StoreError::LeaseLost(_)) => "lease lost".into(),
        Err(error) => format!("failed: {error}"),
    }
}

fn done(result: Result<(), StoreError>) -> String {
    told(result, |()| "done".into())
}

/// The parcel of a number; whoever brings it, it is the same.
fn parcel(n: u64) -> Arrived {
    let id = sent_by(&format!("town-{}", n % 2), "county", 1 + n / 2);
    let frame = format!("frame of {id}").into_bytes();
    Arrived {
        link: "down".into(),
        from: id.sender.clone(),
        kind: "records".into(),
        to: node("county"),
        parcel: canon::DigestAlg::Sha256.of(&[&frame]),
        frame: frame.into(),
        id,
    }
}

impl Client {
    /// Makes a call and says what was answered, without the store's own numbers.
    async fn call(&mut self, store: &dyn Store, lease: &Lease, call: &Call) -> String {
        let now = t0();
        match call {
            Call::Lease(n, ttl) => {
                let holder = format!("client {}", self.nth);
                let lease = store.lease(["x", "y"][*n as usize], &holder, now, *ttl).await;
                told(lease, |l| format!("{:?}", l.map(|l| l.token)))
            }
            Call::Collect(of) => {
                let record = |(case, version): &(u64, u32)| {
                    let case = format!("C{case}");
                    from_row(record("SB", &case, *version), &format!("row {case}"))
                };
                let chunks = vec![chunk(&live(), now, of.iter().map(record).collect())];
                done(store.commit_collected(lease, page("c", now, chunks)).await)
            }
            Call::Hold(case, version) => {
                let id = id("SB", &format!("C{case}"), *version);
                let quarantined = vec![bad_row(&format!("{case} {version}"), Some(id), now)];
                let page = Collected { quarantined, ..page("c", now, Vec::new()) };
                done(store.commit_collected(lease, page).await)
            }
            Call::ReadStaged => {
                let batch = store.staged_batch(&live(), 2, 1 << 20).await;
                told(batch, |batch| {
                    let said = batch.as_ref().map(|b| b.records.clone());
                    self.batch = batch;
                    format!("{said:?}")
                })
            }
            Call::ReadCounters => told(store.counters(&live()).await, |counters| {
                self.counters = Some(counters);
                format!("{counters:?}")
            }),
            Call::Number => self.number(store, lease).await,
            Call::Sign => match self.numbered.pop() {
                Some(id) => done(store.sealed(lease, vec![sealed(&id)], now).await),
                None => "nothing to sign".into(),
            },
            Call::Due => told(store.due("up", Lane::Live, now, 9, 1 << 20).await, |due| {
                self.due = due.iter().map(|d| d.id.clone()).collect();
                format!("{:?}", due.iter().map(|d| (&d.id, d.attempts)).collect::<Vec<_>>())
            }),
            Call::Confirm => self.confirm(store, lease).await,
            _ => self.call_inbound(store, lease, call).await,
        }
    }

    /// The calls of an inbox, and of people.
    async fn call_inbound(&mut self, store: &dyn Store, lease: &Lease, call: &Call) -> String {
        let now = t0();
        match call {
            Call::Admit(n) => done(store.admit(vec![parcel(*n)], now).await),
            Call::Claim => {
                let claimed = store.claim_inbox(lease, InboxFor::Accept, 9, now).await;
                told(claimed, |claimed| {
                    let said: Vec<_> = claimed.iter().map(|c| (&c.arrived.id, c.tries)).collect();
                    let said = format!("{said:?}");
                    self.claimed = claimed;
                    said
                })
            }
            Call::Judge | Call::Refuse | Call::Drop => self.consume(store, lease, call).await,
            Call::Queue => done(store.queue_controls(vec![control("hop", "x", None)], now).await),
            Call::Audit => done(store.audit(audit_event(now)).await),
            Call::Problems => {
                let filter = ProblemFilter { limit: 99, ..ProblemFilter::default() };
                told(store.problems(filter).await, |problems| {
                    self.problems = problems.iter().map(|p| p.number).collect();
                    let said = problems.iter().map(|p| (&p.record, &p.state, p.cured_by));
                    format!("{:?}", said.collect::<Vec<_>>())
                })
            }
            Call::Act(n) => {
                let action = match n {
                    0 => ProblemAction::Return { deadline: now.plus(HOUR) },
                    1 => ProblemAction::Resubmit,
                    _ => ProblemAction::Void,
                };
                let numbers = std::mem::take(&mut self.problems);
                let changed = store.act_on_problems(&numbers, action, audit_event(now)).await;
                told(changed, |n| n.to_string())
            }
            Call::Stand(n) => {
                let text = (*n == 0).then(|| format!("by {}", self.nth));
                done(store.stand("hold", text.as_deref(), now).await)
            }
            Call::Standing => told(store.standing("").await, |s| format!("{s:?}")),
            Call::Status => told(store.status().await, |s| format!("{s:?}")),
            Call::Census => told(store.census().await, |c| format!("{c:?}")),
            Call::Deliver(mark) => done(store.commit_delivered(lease, "sink", *mark, now).await),
            _ => unreachable!("answered by the caller"),
        }
    }

    async fn number(&mut self, store: &dyn Store, lease: &Lease) -> String {
        let (Some(batch), Some(counters)) = (self.batch.take(), self.counters.take()) else {
            return "nothing to number".into();
        };
        let id = EnvelopeId {
            sender: node("county"),
            epoch: counters.epoch,
            route: live(),
            sequence: counters.next_sequence,
        };
        let envelope = NewEnvelope {
            kind: "records".into(),
            link: "up".into(),
            head: format!("head of {id}").into_bytes(),
            head_digest: digest(&format!("head of {id}")),
            root: digest(&format!("root of {id}")),
            id: id.clone(),
            consumes: Consumes::Staged(batch),
        };
        let numbered = store.number(lease, vec![envelope], t0()).await;
        told(numbered, |()| {
            self.numbered.push(id);
            "done".into()
        })
    }

    async fn confirm(&mut self, store: &dyn Store, lease: &Lease) -> String {
        let Some(id) = self.due.pop() else { return "nothing to confirm".into() };
        let attempt = Attempted {
            own: true,
            id,
            event: OutEvent::Confirmed,
            reason: None,
            due_at: t0().plus(HOUR),
        };
        done(store.attempted(lease, vec![attempt], t0()).await)
    }

    async fn consume(&mut self, store: &dyn Store, lease: &Lease, call: &Call) -> String {
        let Some(claimed) = self.claimed.pop() else { return "nothing claimed".into() };
        let (inbox_id, id) = (claimed.inbox_id, claimed.arrived.id);
        match call {
            Call::Judge => {
                let kept = [super::office::id("SB", &format!("K{}", id.sequence), 1)];
                done(store.commit_judged(lease, judged(inbox_id, &id, &kept, t0())).await)
            }
            Call::Refuse => {
                let refused = RefusedParcel {
                    inbox_id,
                    code: "sender.signature_invalid".into(),
                    detail: "digest".into(),
                    refusal: Some(control("refusal", "x", None)),
                    now: t0(),
                };
                done(store.commit_refused(lease, refused).await)
            }
            _ => done(store.drop_inbox(lease, inbox_id).await),
        }
    }
}

/// All that the store says of itself, less its own numbers.
async fn view(store: &dyn Store) -> Vec<String> {
    let mut out = vec![
        format!("{:?}", store.status().await.unwrap()),
        format!("{:?}", store.census().await.unwrap()),
        format!("{:?}", store.lease_rows().await.unwrap()),
        format!("{:?}", store.standing("").await.unwrap()),
        format!("{:?}", store.tallies(t0().day()).await.unwrap()),
        format!("{:?}", store.counters(&live()).await.unwrap()),
        format!("{:?}", store.open_days(Day(i32::MAX)).await.unwrap()),
        format!("{:?}", store.watermark("sink").await.unwrap()),
        format!("{:?}", store.gaps(t0().plus(HOUR), 99).await.unwrap()),
        format!("{:?}", store.inbox_depths().await.unwrap()),
    ];
    let staged = store.staged_batch(&live(), 99, 1 << 20).await.unwrap();
    out.push(format!("{:?}", staged.map(|b| (b.records, b.bytes))));
    for sequence in 1..9 {
        let id = EnvelopeId { sender: node("county"), epoch: 1, route: live(), sequence };
        out.push(format!("{:?}", store.outbound(&id).await.unwrap()));
        out.push(format!("{:?}", store.members(&id).await.unwrap()));
    }
    for town in 0..2 {
        let sender = node(&format!("town-{town}"));
        out.push(format!("{:?}", store.tallies_received(&sender, t0().day()).await.unwrap()));
    }
    let judged = store.judged_after(0, 99).await.unwrap();
    out.push(format!("{:?}", judged.iter().map(|j| (&j.id, &j.kept)).collect::<Vec<_>>()));
    let filter = ProblemFilter { limit: 99, ..ProblemFilter::default() };
    for mut problem in store.problems(filter).await.unwrap() {
        problem.number = 0;
        out.push(format!("{problem:?}"));
    }
    let events = store.audit_after(0, 99).await.unwrap();
    assert_eq!(verify_chain(None, &events), Ok(()), "S9");
    out.push(format!("{events:?}"));
    let queued = store.queued_controls(Slots::ALL, 99).await.unwrap();
    out.push(format!("{:?}", queued.into_iter().map(|q| q.control).collect::<Vec<_>>()));
    out
}

/// One call as it was made.
#[derive(Clone, Debug)]
struct Made {
    call: Call,
    answer: String,
    began: u32,
    ended: u32,
}

impl Made {
    fn changes_nothing(&self) -> bool {
        let refused = ["conflict", "lease lost", "nothing"];
        refused.iter().any(|said| self.answer.starts_with(said))
            || matches!(
                self.call,
                Call::ReadStaged
                    | Call::ReadCounters
                    | Call::Due
                    | Call::Problems
                    | Call::Standing
                    | Call::Status
                    | Call::Census
            )
    }
}

/// Memory is ready at first poll.
fn ready<T>(future: impl Future<Output = T>) -> T {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(done) => done,
        Poll::Pending => panic!("memory never waits"),
    }
}

/// Looks for a serial order.
struct Search<'a> {
    history: &'a [Vec<Made>; CLIENTS],
    end: &'a [String],
    tried: Cell<u32>,
    seen: RefCell<BTreeSet<([usize; CLIENTS], String)>>,
    /// The furthest that was come, and what stood in the way there.
    furthest: RefCell<(usize, String)>,
}

impl<'a> Search<'a> {
    fn of(history: &'a [Vec<Made>; CLIENTS], end: &'a [String]) -> Self {
        let (tried, seen, furthest) = (Cell::new(0), RefCell::default(), RefCell::default());
        Self { history, end, tried, seen, furthest }
    }

    fn found(
        &self,
        store: &MemoryStore,
        lease: &Lease,
        clients: &[Client; CLIENTS],
        at: [usize; CLIENTS],
    ) -> bool {
        self.tried.set(self.tried.get() + 1);
        let furthest = || self.furthest.borrow().clone();
        assert!(self.tried.get() < TRIED_MAX, "the search is too long; so far {:?}", furthest());
        // Two orders that lead to the same state are one.
        if !self.seen.borrow_mut().insert((at, format!("{:?} {clients:?}", store.world()))) {
            return false;
        }
        let mut next: Vec<(usize, &Made)> =
            (0..CLIENTS).filter_map(|c| Some((c, self.history[c].get(at[c])?))).collect();
        if next.is_empty() {
            let end = ready(view(store));
            let differs = end.iter().zip(self.end).find(|(a, b)| a != b);
            if let Some((memory, found)) = differs {
                self.note(at, format!("the end state: memory {memory}, found {found}"));
            }
            return end == self.end;
        }
        next.sort_by_key(|(_, made)| made.ended);
        let first_end = next.iter().map(|(_, made)| made.ended).min().unwrap_or(u32::MAX);
        for (client, made) in next {
            if made.began > first_end {
                continue;
            }
            let (fork, mut clients) = (store.fork(), clients.clone());
            let answer = ready(clients[client].call(&fork, lease, &made.call));
            if answer != made.answer {
                self.note(
                    at,
                    format!("{client}: {:?}: memory {answer}, found {}", made.call, made.answer),
                );
                continue;
            }
            let mut at = at;
            at[client] += 1;
            if self.found(&fork, lease, &clients, at) {
                return true;
            }
            // What changes nothing may as well stand here: no other place for it helps.
            if made.changes_nothing() {
                return false;
            }
        }
        false
    }

    fn note(&self, at: [usize; CLIENTS], what: String) {
        let far = at.iter().sum();
        let mut furthest = self.furthest.borrow_mut();
        if far >= furthest.0 {
            *furthest = (far, what);
        }
    }
}

fn clients() -> [Client; CLIENTS] {
    std::array::from_fn(|nth| Client { nth, ..Client::default() })
}

/// Makes the calls of one client, one behind the other.
async fn make(
    store: SharedStore,
    lease: &Lease,
    mut client: Client,
    calls: Vec<Call>,
    clock: &Cell<u32>,
) -> Vec<Made> {
    let tick = || clock.replace(clock.get() + 1);
    let mut history = Vec::new();
    for call in calls {
        let began = tick();
        let answer = client.call(&*store, lease, &call).await;
        history.push(Made { call, answer, began, ended: tick() });
    }
    history
}

#[test]
fn whatever_four_connections_do_could_have_been_done_one_behind_the_other() {
    for seed in 0..SEEDS {
        run(async |bench| {
            let mut chance = Chance(seed);
            let county = node("county");
            let beside = [bench.beside().await, bench.beside().await, bench.beside().await];
            let lease = bench.open(&county).await.lease("all", "all", t0(), 1000 * HOUR).await;
            let lease = lease.unwrap().unwrap();
            let mut calls = || (0..CALLS).map(|_| Call::any(&mut chance)).collect::<Vec<_>>();
            let (a, b, c, d) = (calls(), calls(), calls(), calls());
            let [ca, cb, cc, cd] = clients();
            let clock = Cell::new(0);
            let (a, b, c, d) = tokio::join!(
                make(bench.open(&county).await, &lease, ca, a, &clock),
                make(beside[0].open(&county).await, &lease, cb, b, &clock),
                make(beside[1].open(&county).await, &lease, cc, c, &clock),
                make(beside[2].open(&county).await, &lease, cd, d, &clock),
            );
            let history = [a, b, c, d];
            let end = view(&*bench.open(&county).await).await;
            let memory = MemoryStore::new(&county);
            ready(memory.lease("all", "all", t0(), 1000 * HOUR)).unwrap().unwrap();
            let search = Search::of(&history, &end);
            let found = search.found(&memory, &lease, &clients(), [0; CLIENTS]);
            let furthest = search.furthest.borrow();
            assert!(found, "seed {seed}: no serial order: {furthest:?}\n{history:#?}");
        });
    }
}
