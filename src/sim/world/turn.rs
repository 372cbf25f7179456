//! One turn of one worker, with whatever strikes it in the middle.

use std::future::Future;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};

use exchange::{Progress, WorkError};
use store::Disposition;

use super::build::{ACCEPT, DISPATCH, OWN, RECEIVE, RELAY, SEAL, SETTLE};
use super::{At, World};
use crate::fault::Fault;
use crate::guarded::When;
use crate::invariant::Invariant::L1;
use crate::ledger;
use crate::port::Strike;

/// Steps that others take while one stands still.
const INTERLUDE: u32 = 60;
/// How often a turn that stood still is polled again: each call waits once at most.
const POLLS: u32 = 8;

/// Polls once: everything here is ready, or stands still on purpose.
fn poll<F: Future>(future: Pin<&mut F>) -> Option<F::Output> {
    match future.poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(out) => Some(out),
        Poll::Pending => None,
    }
}

/// What is ready at once.
pub(super) fn ready<F: Future>(future: F) -> F::Output {
    let mut future = pin!(future);
    poll(future.as_mut()).expect("store and carrier of the simulator are ready at first poll")
}

impl World {
    /// A worker takes its turn; nothing if it cannot.
    pub(super) fn turn(&mut self, at: At, may_stall: bool) -> Option<Progress> {
        let now = self.clock(at.machine);
        let instance = &mut self.machines[at.machine].instances[at.instance];
        if instance.stalled || instance.back_at.is_some() {
            return None;
        }
        let mut worker = instance.workers.get_mut(at.worker)?.take()?;
        let port = std::sync::Arc::clone(&instance.port);
        let result = {
            let mut turn = pin!(exchange::work::turn(&mut *worker, now));
            let mut result = poll(turn.as_mut());
            if result.is_none() {
                self.happened.note(Fault::Stalled);
                self.machines[at.machine].instances[at.instance].stalled = true;
                if may_stall {
                    self.interlude();
                }
                self.machines[at.machine].instances[at.instance].stalled = false;
            }
            for _ in 0..POLLS {
                if result.is_none() {
                    result = poll(turn.as_mut());
                }
            }
            result
        };
        let name = worker.name();
        let instance = &mut self.machines[at.machine].instances[at.instance];
        instance.workers[at.worker] = Some(worker);
        let struck = instance.port.struck();
        self.struck(struck, &name);
        let Some(result) = result else {
            self.breaks(L1, at.machine, format!("a turn of `{name}` never ended"));
            return None;
        };
        if port.is_dead() {
            self.died(at);
        }
        let code = self.machines[at.machine].code.clone();
        ledger::look(&self.ledger).step += 1;
        let done = result.as_ref().map_or(u64::MAX, |p| p.done);
        self.note((code.as_str(), at.instance, at.worker, done));
        match result {
            Ok(progress) => {
                self.warm(at, progress);
                Some(progress)
            }
            Err(failed) => {
                self.failed(at, &name, &failed, struck);
                None
            }
        }
    }

    fn struck(&mut self, struck: Option<Strike>, worker: &str) {
        let Some(strike) = struck else { return };
        let fault = match (strike.when, strike.dies) {
            (When::Panic, _) => Fault::Panic,
            (When::Before, true) => Fault::CrashBefore,
            (When::After, true) => Fault::CrashAfter,
            (When::Before, false) => Fault::Busy,
            (When::After, false) => Fault::Unheard,
            (When::Pause, _) => return,
        };
        let worker = worker.split('/').next().unwrap_or(worker);
        self.happened.note_of(fault, worker);
    }

    /// What the loop around a worker does about a failure.
    fn failed(&mut self, at: At, name: &str, failed: &WorkError, struck: Option<Strike>) {
        let instance = &self.machines[at.machine].instances[at.instance];
        instance.node.forget_leases();
        let panicked = matches!(failed, WorkError::Panicked { .. })
            && struck.is_none_or(|s| s.when != When::Panic);
        if panicked || failed.disposition() == Disposition::Halt {
            self.breaks(L1, at.machine, format!("`{name}` stands still: {failed}"));
        }
    }

    /// Others go on while one stands still, until its leases have run out.
    fn interlude(&mut self) {
        let ttl = self.limits.lease_ttl;
        for nth in 0..INTERLUDE {
            if nth == INTERLUDE / 3 {
                self.passes(ttl + ttl / 2);
            }
            self.passes(20);
            self.some_turn(false);
        }
    }

    /// The process of a turn died.
    pub(super) fn died(&mut self, at: At) {
        self.tell(at.machine, "died");
        let back = self.chance("crash").between(0, 20_000);
        let back_at = self.now.plus(back);
        let instance = &mut self.machines[at.machine].instances[at.instance];
        instance.port.die();
        ready(instance.port.give_back());
        instance.workers.iter_mut().for_each(|w| *w = None);
        instance.back_at = Some(back_at);
        self.hot.retain(|hot| (hot.machine, hot.instance) != (at.machine, at.instance));
    }

    /// Whoever died long enough ago is started again.
    pub(super) fn revive(&mut self, all: bool) {
        for machine in 0..self.machines.len() {
            let shared = self.machines[machine].instances.len() > 1;
            for at in 0..self.machines[machine].instances.len() {
                let back_at = self.machines[machine].instances[at].back_at;
                if back_at.is_some_and(|back| all || back <= self.now) {
                    let fresh = self.instance(machine, shared);
                    self.machines[machine].instances[at] = fresh;
                }
            }
        }
    }

    /// Who may have something to do now, as the loops around the workers wake each other.
    fn warm(&mut self, at: At, progress: Progress) {
        if progress.done == 0 {
            self.idle += 1;
            return;
        }
        self.idle = 0;
        let next: &[usize] = match at.worker {
            SEAL => &[DISPATCH],
            RECEIVE => &[ACCEPT, RELAY, SETTLE],
            ACCEPT => &[SEAL, OWN],
            SETTLE => &[SEAL, OWN],
            DISPATCH => &[],
            _ => &[SEAL, DISPATCH],
        };
        for worker in next.iter().copied().chain(progress.more.then_some(at.worker)) {
            self.heat(At { worker, ..at });
        }
        if at.worker == DISPATCH {
            let (of, parents) = (at.machine, &self.parents);
            let near =
                (0..parents.len()).filter(|n| parents[of] == Some(*n) || parents[*n] == Some(of));
            for machine in near.collect::<Vec<_>>() {
                self.heat(At { machine, instance: 0, worker: RECEIVE });
            }
        }
    }

    fn heat(&mut self, at: At) {
        if self.hot.len() < 64 && !self.hot.contains(&at) {
            self.hot.push_back(at);
        }
    }

    /// Somebody takes a turn: mostly who has something to do.
    pub(super) fn some_turn(&mut self, may_stall: bool) {
        let hot = self.hot.len() as u64;
        let chance = self.chance("schedule");
        let at = if hot > 0 && chance.per_mille(750) {
            let nth = chance.below(hot) as usize;
            self.hot.remove(nth)
        } else {
            self.anybody()
        };
        if let Some(at) = at {
            self.turn(at, may_stall);
            self.check(at.machine);
        }
    }

    fn anybody(&mut self) -> Option<At> {
        let machines = self.machines.len() as u64;
        let machine = self.chance("schedule").below(machines) as usize;
        let instances = self.machines[machine].instances.len() as u64;
        let instance = self.chance("schedule").below(instances) as usize;
        let workers = self.machines[machine].instances[instance].workers.len() as u64;
        let worker = self.chance("schedule").below(workers) as usize;
        Some(At { machine, instance, worker })
    }
}
