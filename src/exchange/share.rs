//! Which part of a node's work this process does: its leases, and, where several processes (instances)
//! have one store, its fair share of them.
//!
//! Alone, a piece of work (`accept`, `collect/ADAPTER`) is one lease. Shared, it is cut into parts,
//! each a lease of its own: what comes in by its sender (`accept/0` … `accept/15`), what is sealed by
//! its route, what is sent by link and lane; an adapter, a sink, the clock's work are one part each.
//! An instance announces itself by a short lease (`instance/NAME`), counts those alive, and holds of
//! each stage at most `ceil(parts / alive)`: a newcomer finds parts that were given back, and the
//! parts of an instance that died run out. Every commit names its tokens, so that a wrong belief
//! costs a turn and never a record.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use canon::Millis;
use store::{Lease, LeaseRow, SLOTS, SharedStore, SlotLease};

use crate::error::WorkError;

/// Stages that are cut into slots.
const SLOTTED: [&str; 4] = ["accept", "relay", "settle", "seal"];
/// What an instance's own lease is called, before its name.
const INSTANCE: &str = "instance/";
/// Parts of a lease's life after which an instance looks again: what it holds is renewed, what it
/// has too much is given back, what is free is taken.
const LOOKS: i64 = 6;
/// Lives of a lease for which a part that nobody else wanted is kept beyond the fair share.
const UNWANTED: i64 = 20;

/// The lease by which an instance says that it is alive.
pub fn announcement(instance: &str) -> String {
    format!("{INSTANCE}{instance}")
}

/// The instance that a lease announces, if it does.
pub fn announced(lease: &str) -> Option<&str> {
    lease.strip_prefix(INSTANCE)
}

/// How often an instance looks at the leases, and so says that it is alive, ms.
pub fn looks_every(lease_ttl: i64) -> i64 {
    (lease_ttl / LOOKS).max(1)
}

/// The leases of one identity in this process.
#[derive(Default)]
pub struct Leases {
    shared: bool,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// Alone: what is held, and since when it was renewed.
    whole: BTreeMap<String, (Lease, Millis)>,
    /// Parts that this instance's workers asked for, by stage.
    wanted: BTreeMap<String, BTreeSet<String>>,
    /// Parts held, with their tokens.
    held: BTreeMap<String, u64>,
    /// Parts taken beyond the fair share, because nobody else wanted them.
    unwanted: BTreeMap<String, Millis>,
    /// When the store was looked at last.
    looked: Option<Millis>,
    /// Somebody is looking now.
    looking: bool,
}

/// What an instance does about one stage.
#[derive(Debug, Default, PartialEq, Eq)]
struct Step {
    keep: Vec<String>,
    give: Vec<String>,
    take: Vec<String>,
    /// Of `take`: those beyond the fair share.
    unwanted: Vec<String>,
}

/// Looks at all leases: parts of one stage, who is alive.
struct View<'a> {
    rows: BTreeMap<&'a str, &'a LeaseRow>,
    holder: &'a str,
    now: Millis,
    ttl: i64,
}

impl<'a> View<'a> {
    /// Instances alive, this one included.
    fn alive(&self) -> usize {
        let own = announcement(self.holder);
        let others = self.rows.values().filter(|row| {
            row.name.starts_with(INSTANCE) && row.name != own && row.until > self.now
        });
        others.count() + 1
    }

    fn holds(&self, part: &str) -> bool {
        self.rows.get(part).is_some_and(|r| r.holder == self.holder && r.until > self.now)
    }

    fn is_free(&self, part: &str) -> bool {
        self.rows.get(part).is_none_or(|r| r.until <= self.now || r.holder == self.holder)
    }

    /// Free for longer than a whole lease lasts: no instance works on such parts.
    fn is_unwanted(&self, part: &str) -> bool {
        self.rows.get(part).is_some_and(|r| self.now.since(r.until) > self.ttl)
    }

    fn step(
        &self,
        parts: &BTreeSet<String>,
        alive: usize,
        unwanted: &BTreeMap<String, Millis>,
    ) -> Step {
        let share = parts.len().div_ceil(alive.max(1));
        let mut step = Step::default();
        for part in parts.iter().filter(|p| self.holds(p)) {
            let extra = unwanted.contains_key(part);
            let kept = step.keep.len();
            if kept < share || extra { &mut step.keep } else { &mut step.give }.push(part.clone());
        }
        for part in parts.iter().filter(|p| !self.holds(p) && self.is_free(p)) {
            if step.keep.len() + step.take.len() < share {
                step.take.push(part.clone());
            } else if self.is_unwanted(part) {
                step.take.push(part.clone());
                step.unwanted.push(part.clone());
            }
        }
        step
    }
}

/// Who looks gives way again, also when it is dropped half-way.
struct Looking<'a>(&'a Leases);

impl Drop for Looking<'_> {
    fn drop(&mut self) {
        self.0.lock().looking = false;
    }
}

impl Leases {
    /// Of an instance that has others beside it.
    pub fn shared() -> Self {
        Self { shared: true, state: Mutex::default() }
    }

    /// Whether others may work on the same store.
    pub const fn is_shared(&self) -> bool {
        self.shared
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Every change under the lock is complete before anything can panic.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Forgets what it believes, so that the store is asked again.
    pub fn forget(&self) {
        let mut state = self.lock();
        state.whole.clear();
        state.looked = None;
    }

    /// A lease on a piece of work; none while others have all of it.
    pub(crate) async fn lease(
        &self,
        store: &SharedStore,
        name: &str,
        holder: &str,
        now: Millis,
        ttl: i64,
    ) -> Result<Option<Lease>, WorkError> {
        if !self.shared {
            return self.whole(store, name, holder, now, ttl).await;
        }
        if self.must_look(name, now, ttl) {
            let looking = Looking(self);
            self.look(store, holder, now, ttl).await?;
            drop(looking);
        }
        Ok(self.of(name))
    }

    /// Alone: renewed in the store once half of its life is over, so that an idle turn writes
    /// nothing.
    async fn whole(
        &self,
        store: &SharedStore,
        name: &str,
        holder: &str,
        now: Millis,
        ttl: i64,
    ) -> Result<Option<Lease>, WorkError> {
        let held = self.lock().whole.get(name).cloned();
        if let Some((lease, at)) = held
            && now >= at
            && now.since(at) < ttl / 2
        {
            return Ok(Some(lease));
        }
        let lease = store.lease(name, holder, now, ttl).await?;
        match &lease {
            Some(lease) => self.lock().whole.insert(name.to_owned(), (lease.clone(), now)),
            None => self.lock().whole.remove(name),
        };
        Ok(lease)
    }

    /// Whether it is time to look, and nobody else of this process does so already.
    fn must_look(&self, name: &str, now: Millis, ttl: i64) -> bool {
        let mut state = self.lock();
        let stage = name.split('/').next().unwrap_or(name);
        let parts = state.wanted.entry(stage.to_owned()).or_default();
        let mut news = false;
        if SLOTTED.contains(&name) {
            if parts.is_empty() {
                news = true;
                parts.extend((0..SLOTS).map(|slot| Lease::slot_name(name, slot)));
            }
        } else {
            news = parts.insert(name.to_owned());
        }
        let due = match state.looked {
            None => true,
            Some(at) => now < at || now.since(at) >= looks_every(ttl),
        };
        let look = (news || due) && !state.looking;
        state.looking |= look;
        look
    }

    /// Renews, gives back, takes: three or four calls for everything this process does.
    async fn look(
        &self,
        store: &SharedStore,
        holder: &str,
        now: Millis,
        ttl: i64,
    ) -> Result<(), WorkError> {
        let rows = store.lease_rows().await?;
        let rows = rows.iter().map(|r| (r.name.as_str(), r)).collect();
        let view = View { rows, holder, now, ttl };
        let alive = view.alive();
        let (wanted, unwanted) = {
            let mut state = self.lock();
            state.unwanted.retain(|_, at| now.since(*at) < ttl.saturating_mul(UNWANTED));
            (state.wanted.clone(), state.unwanted.clone())
        };
        let mut names = vec![announcement(holder)];
        let (mut give, mut extra) = (Vec::new(), Vec::new());
        for parts in wanted.values() {
            let step = view.step(parts, alive, &unwanted);
            names.extend(step.keep);
            names.extend(step.take);
            give.extend(step.give);
            extra.extend(step.unwanted);
        }
        let taken = store.leases(&names, holder, now, ttl).await?;
        if !give.is_empty() {
            store.leases(&give, holder, now, 0).await?;
        }
        let held = names.into_iter().zip(taken);
        let held: BTreeMap<String, u64> =
            held.filter_map(|(name, lease)| Some((name, lease?.token))).collect();
        let mut state = self.lock();
        extra.retain(|name| held.contains_key(name));
        state.unwanted.extend(extra.into_iter().map(|name| (name, now)));
        state.held = held;
        state.looked = Some(now);
        Ok(())
    }

    /// What is held of a piece of work.
    fn of(&self, name: &str) -> Option<Lease> {
        let state = self.lock();
        if let Some(token) = state.held.get(name) {
            return Some(Lease::whole(name, *token));
        }
        if !SLOTTED.contains(&name) {
            return None;
        }
        let slots: Vec<SlotLease> = (0..SLOTS)
            .filter_map(|slot| {
                let token = state.held.get(&Lease::slot_name(name, slot)).copied()?;
                Some(SlotLease { slot, token })
            })
            .collect();
        (!slots.is_empty()).then(|| Lease { name: name.to_owned(), token: 0, slots })
    }

    /// Gives everything back: this process stops, and the others need not wait until it is known.
    pub(crate) async fn give_back(
        &self,
        store: &SharedStore,
        holder: &str,
        now: Millis,
    ) -> Result<(), WorkError> {
        if !self.shared {
            return Ok(());
        }
        let held = std::mem::take(&mut self.lock().held);
        let names: Vec<String> = held.into_keys().collect();
        if !names.is_empty() {
            store.leases(&names, holder, now, 0).await?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use canon::NodeCode;
    use store::MemoryStore;

    const TTL: i64 = 6_000;

    /// Polls a future that is ready at once, as everything over memory is.
    fn ready<T>(future: impl Future<Output = T>) -> T {
        let mut future = std::pin::pin!(future);
        let waker = std::task::Waker::noop();
        match future.as_mut().poll(&mut std::task::Context::from_waker(waker)) {
            std::task::Poll::Ready(done) => done,
            std::task::Poll::Pending => panic!("memory never waits"),
        }
    }

    struct Instance {
        name: &'static str,
        leases: Leases,
    }

    impl Instance {
        fn new(name: &'static str) -> Self {
            Self { name, leases: Leases::shared() }
        }

        /// Parts of these pieces of work that it holds.
        fn holds(&self, store: &SharedStore, works: &[&str], at: i64) -> BTreeSet<String> {
            let lease = |work| ready(self.leases.lease(store, work, self.name, Millis(at), TTL));
            let mut parts = BTreeSet::new();
            for work in works {
                let Some(lease) = lease(work).unwrap() else { continue };
                parts.extend(lease.rows().map(|(name, _)| name.into_owned()));
            }
            parts
        }
    }

    fn store() -> SharedStore {
        MemoryStore::new(&NodeCode::new("county").unwrap()).shared()
    }

    const WORKS: [&str; 4] = ["accept", "collect/a", "collect/b", "sweep"];

    #[test]
    fn a_newcomer_gets_its_share_and_a_dead_ones_part_is_taken_over() {
        let store = store();
        let (a, b) = (Instance::new("a"), Instance::new("b"));
        assert_eq!(a.holds(&store, &WORKS, 0).len(), 19, "alone it has everything");
        assert!(b.holds(&store, &WORKS, 100).is_empty(), "nothing is free yet");
        let mut at = 100;
        let (mut of_a, mut of_b) = (BTreeSet::new(), BTreeSet::new());
        while at < 3 * TTL {
            at += 100;
            of_a = a.holds(&store, &WORKS, at);
            of_b = b.holds(&store, &WORKS, at);
            if of_b.len() >= 9 {
                break;
            }
        }
        assert!(at <= TTL / 2, "two looks are enough: {at}");
        let slots = |of: &BTreeSet<String>| of.iter().filter(|p| p.starts_with("accept/")).count();
        assert_eq!((slots(&of_a), slots(&of_b)), (8, 8));
        assert!(of_b.iter().any(|p| p.starts_with("collect/")), "and one adapter of two");
        // From now on the other one is dead.
        let died = at;
        while b.holds(&store, &WORKS, at).len() < 19 {
            at += 100;
            assert!(at < died + TTL + TTL / 2, "taken over within a bound");
        }
    }

    #[test]
    fn no_part_is_believed_to_be_held_by_two_who_look_in_time() {
        let store = store();
        let all = [Instance::new("a"), Instance::new("b"), Instance::new("c")];
        for at in (0..20 * TTL).step_by(100) {
            let mut seen = BTreeSet::new();
            // The third one comes late, and stands still for a while.
            let stands = at < 3 * TTL || (8 * TTL..10 * TTL).contains(&at);
            for one in all.iter().take(if stands { 2 } else { 3 }) {
                for part in one.holds(&store, &WORKS, at) {
                    assert!(seen.insert(part.clone()), "{part} twice at {at}");
                }
            }
        }
        let count = |one: &Instance| one.holds(&store, &["accept"], 20 * TTL).len();
        let counts = [count(&all[0]), count(&all[1]), count(&all[2])];
        assert_eq!(counts.iter().sum::<usize>(), 16, "{counts:?}");
        assert!(counts.iter().all(|n| *n <= 6), "{counts:?}");
    }

    #[test]
    fn who_stops_gives_back_at_once() {
        let store = store();
        let (a, b) = (Instance::new("a"), Instance::new("b"));
        a.holds(&store, &WORKS, 0);
        ready(a.leases.give_back(&store, "a", Millis(50))).unwrap();
        assert_eq!(b.holds(&store, &WORKS, 60).len(), 19, "nobody else is alive");
    }

    #[test]
    fn alone_a_lease_is_one_and_renewed_at_half_of_its_life() {
        let store = store();
        let alone = Leases::default();
        let lease = |at| ready(alone.lease(&store, "accept", "a", Millis(at), TTL)).unwrap();
        assert_eq!(lease(0), Some(Lease::whole("accept", 1)));
        assert_eq!(lease(TTL / 2 - 1), lease(0));
        let until = || ready(store.lease_rows()).unwrap()[0].until;
        assert_eq!(until(), Millis(TTL));
        lease(TTL / 2);
        assert_eq!(until(), Millis(TTL + TTL / 2));
    }
}
