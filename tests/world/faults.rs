//! What goes wrong in the stores of a story: a fact that fails, or kills the process; before it, or
//! after it when nobody hears of it any more.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use canon::NodeCode;
pub use sim::guarded::When;
use sim::guarded::{Guarded, Hook};
use store::{Judged, NewKept, SharedStore};

/// Puts the faults before a node's store.
pub(super) fn guard(inner: SharedStore, node: &NodeCode, faults: &Arc<Faults>) -> SharedStore {
    Guarded::over(inner, At { node: node.clone(), faults: Arc::clone(faults) })
}

/// The faults of one node.
struct At {
    node: NodeCode,
    faults: Arc<Faults>,
}

impl Hook for At {
    fn strike(&self, method: &'static str) -> Option<When> {
        self.faults.strike(&self.node, method)
    }

    fn harmed(&self, judged: Judged) -> Judged {
        self.faults.harmed(&self.node, judged)
    }
}

/// What a receiver's disk makes of a record, though its receipt says `accepted`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Harm {
    /// It is not there.
    Lose,
    /// It is there, with other content.
    Change,
    /// There is another one beside it, which nobody sent.
    Add,
}

#[derive(Debug)]
struct Harmed {
    node: NodeCode,
    kind: &'static str,
    case: String,
    harm: Harm,
    times: u32,
}

#[derive(Debug)]
struct Plan {
    node: NodeCode,
    method: &'static str,
    skip: u32,
    times: u32,
    when: When,
    dies: bool,
}

#[derive(Debug, Default)]
struct State {
    plans: Vec<Plan>,
    harms: Vec<Harmed>,
    calls: u64,
    dies_at: Option<(u64, When)>,
    dead: bool,
}

/// What goes wrong in the stores of one process.
#[derive(Debug, Default)]
pub struct Faults {
    state: Mutex<State>,
}

impl Faults {
    /// After `skip` calls of `method` at `node`, the next `times` fail.
    pub fn fail(&self, node: &NodeCode, method: &'static str, skip: u32, times: u32, when: When) {
        let plan = Plan { node: node.clone(), method, skip, times, when, dies: false };
        self.state().plans.push(plan);
    }

    /// The next `times` that a node keeps this case's record, its disk harms it.
    pub fn harm(&self, node: &NodeCode, record: (&'static str, &str), harm: Harm, times: u32) {
        let (kind, case) = (record.0, record.1.to_owned());
        self.state().harms.push(Harmed { node: node.clone(), kind, case, harm, times });
    }

    /// What is kept of an envelope after the harms that were planned.
    pub(super) fn harmed(&self, node: &NodeCode, mut judged: Judged) -> Judged {
        let mut state = self.state();
        for plan in state.harms.iter_mut().filter(|p| p.times > 0 && p.node == *node) {
            let here = |k: &NewKept| *k.id.kind == *plan.kind && k.id.key.number() == plan.case;
            let Some(at) = judged.kept.iter().position(here) else { continue };
            plan.times -= 1;
            let kept = judged.kept[at].clone();
            let Some(count) = judged.counts.iter_mut().find(|c| *c.kind == *plan.kind) else {
                continue;
            };
            let other = canon::leaf_hash(canon::DigestAlg::Sha256, kept.id.to_string().as_bytes());
            match plan.harm {
                Harm::Lose => {
                    judged.lose(at).expect("it was found");
                }
                Harm::Change => {
                    count.sum.remove(&kept.digest);
                    count.sum.add(&other);
                    judged.kept[at].digest = other;
                }
                Harm::Add => {
                    count.accepted += 1;
                    count.sum.add(&other);
                    let key = canon::Key::new("nobody", &[&plan.case]);
                    let id = canon::RecordId { key, ..kept.id.clone() };
                    judged.kept.push(NewKept { id, digest: other, ..kept });
                }
            }
        }
        judged
    }

    /// The process dies at the next call of `method` at `node`.
    pub fn die_in(&self, node: &NodeCode, method: &'static str, when: When) {
        let plan = Plan { node: node.clone(), method, skip: 0, times: 1, when, dies: true };
        self.state().plans.push(plan);
    }

    /// The process dies at the call of this number, counted over all stores from now.
    pub fn die_at(&self, call: u64, when: When) {
        let mut state = self.state();
        state.calls = 0;
        state.dies_at = Some((call, when));
    }

    /// Calls since [`Faults::die_at`] or the beginning.
    pub fn calls(&self) -> u64 {
        self.state().calls
    }

    /// Whether the process is dead.
    pub fn dead(&self) -> bool {
        self.state().dead
    }

    /// It was started again.
    pub fn live(&self) {
        self.state().dead = false;
    }

    /// Failures planned and never met.
    pub fn unspent(&self) -> usize {
        self.state().plans.iter().filter(|p| p.times > 0).count()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn strike(&self, node: &NodeCode, method: &str) -> Option<When> {
        let mut state = self.state();
        if state.dead {
            return Some(When::Before);
        }
        state.calls += 1;
        if let Some((_, when)) = state.dies_at.filter(|(at, _)| *at == state.calls) {
            state.dies_at = None;
            state.dead = true;
            return Some(when);
        }
        let plan = state
            .plans
            .iter_mut()
            .find(|p| p.times > 0 && p.node == *node && p.method == method)?;
        if plan.skip > 0 {
            plan.skip -= 1;
            return None;
        }
        plan.times -= 1;
        let (when, dies) = (plan.when, plan.dies);
        state.dead |= dies;
        Some(when)
    }
}
