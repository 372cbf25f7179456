//! What people and strangers do at the wrong moment.

use std::sync::Arc;

use bus::{Bus as _, Parcel};
use canon::{Lane, Millis};
use envelope::Signer;
use exchange::restore::{Restoring, begin};
use store::{AuditEvent, EventOn, OutEnvelope, OutEvent, OutState, ProblemAction, ProblemFilter};

use super::turn::ready;
use super::{Passing, World};
use crate::fault::Fault;
use crate::feed;
use crate::keys;
use crate::ledger;
use crate::sink;
use crate::weather;

/// Most a package of the world opens to.
const OPEN_MAX: usize = 1 << 20;

impl World {
    pub(super) fn audit(&mut self, machine: usize, action: &str, subject: &str) -> AuditEvent {
        self.machines[machine].acts.push((action.to_owned(), subject.to_owned()));
        AuditEvent {
            at: self.clock(machine),
            who: "op-07".into(),
            action: action.to_owned(),
            subject: subject.to_owned(),
            reason: "drill".into(),
            ok: true,
        }
    }

    /// A person at a desk: problems are returned, resubmitted, voided.
    pub(super) fn desk(&mut self) {
        let leaves: Vec<usize> =
            (0..self.machines.len()).filter(|n| self.machines[*n].log.is_some()).collect();
        let Some(machine) = self.chance("desk").pick(&leaves).copied() else { return };
        let filter = ProblemFilter { limit: 20, ..ProblemFilter::default() };
        let problems = ready(self.machines[machine].store.problems(filter)).unwrap_or_default();
        let own: Vec<i64> = problems
            .iter()
            .filter(|p| p.class != "refused" && p.state == "held")
            .map(|p| p.number)
            .collect();
        let Some(number) = self.chance("desk").pick(&own).copied() else { return };
        let store = Arc::clone(&self.machines[machine].store);
        let subject = number.to_string();
        let done = match self.chance("desk").below(3) {
            0 => {
                let deadline = self.now.plus(259_200_000);
                let audit = self.audit(machine, "quarantine.return", &subject);
                ready(store.act_on_problems(&[number], ProblemAction::Return { deadline }, audit))
                    .map(|_| ())
            }
            1 => {
                let audit = self.audit(machine, "quarantine.resubmit", &subject);
                let _changed = ready(exchange::resubmit::order(&store, &[number], audit));
                Ok(())
            }
            _ => {
                let audit = self.audit(machine, "quarantine.void", &subject);
                ready(store.act_on_problems(&[number], ProblemAction::Void, audit)).map(|_| ())
            }
        };
        if done.is_ok() {
            self.happened.note(Fault::Desk);
        }
    }

    /// Own records envelopes of a machine.
    pub(super) fn own_envelopes(&self, machine: usize) -> Vec<OutEnvelope> {
        let to = &self.machines[0].code;
        let mut out = Vec::new();
        for lane in [Lane::Live, Lane::Bulk] {
            for route in feed::routes(to, lane) {
                let range =
                    self.machines[machine].store.outbound_range(&route, 0, u64::MAX >> 1, 10_000);
                out.extend(ready(range).unwrap_or_default());
            }
        }
        out
    }

    /// A person gives an envelope up, or reopens one that was.
    pub(super) fn give_up_or_reopen(&mut self) {
        let machine = {
            let machines = self.machines.len() as u64;
            self.chance("reopen").below(machines) as usize
        };
        let own = self.own_envelopes(machine);
        let open: Vec<&OutEnvelope> =
            own.iter().filter(|e| !e.state.is_final() && e.state != OutState::Numbered).collect();
        let Some(one) = self.chance("reopen").pick(&open).map(|e| (*e).clone()) else { return };
        self.gives_up_or_reopens(machine, &one);
        self.happened.note(Fault::Reopen);
    }

    /// The one or the other, as its state allows.
    pub(super) fn gives_up_or_reopens(&mut self, machine: usize, one: &OutEnvelope) {
        let dead = one.state == OutState::Dead;
        let (event, word) = match dead {
            true => (OutEvent::Reopened, "desk.reopen"),
            false => (OutEvent::GivenUp, "desk.give_up"),
        };
        let now = self.clock(machine);
        let audit = self.audit(machine, word, &one.id.to_string());
        let store = Arc::clone(&self.machines[machine].store);
        let Ok(Some(lease)) = ready(store.lease("desk", "op-07", now, 60_000)) else { return };
        let event = EventOn {
            event,
            reason: (!dead).then(|| "operator.given_up".to_owned()),
            due_at: dead.then_some(now),
            controls: Vec::new(),
            inbox_id: None,
            now,
        };
        let done = ready(store.commit_event(&lease, &one.id, event));
        debug_assert!(done.is_ok(), "a lease of its own");
        let told = ready(store.audit(audit));
        debug_assert!(told.is_ok(), "memory is never busy");
    }

    /// A person pauses a link for a while.
    pub(super) fn pause(&mut self) {
        let machines = self.machines.len() as u64;
        let machine = self.chance("pause").below(machines) as usize;
        let links: Vec<Arc<str>> =
            self.machines[machine].links.iter().map(|l| Arc::clone(&l.name)).collect();
        let Some(link) = self.chance("pause").pick(&links).cloned() else { return };
        let now = self.clock(machine);
        let audit = self.audit(machine, "link.pause", &link);
        let store = Arc::clone(&self.machines[machine].store);
        let paused = ready(store.pause_link(&link, Some("operator.paused"), now));
        let told = ready(store.audit(audit));
        debug_assert!(paused.is_ok() && told.is_ok(), "memory is never busy");
        let until = self.now.plus(20_000);
        self.passing(until, Passing::Paused(machine, link));
        self.happened.note(Fault::Pause);
    }

    /// Whatever may go goes at once.
    pub(super) fn purge(&mut self) {
        let machines = self.machines.len() as u64;
        let machine = self.chance("purge").below(machines) as usize;
        let before = self.clock(machine).plus(-self.limits.control_keep);
        let gone = ready(self.machines[machine].store.purge(before, 1_000));
        debug_assert!(gone.is_ok(), "memory is never busy");
        self.happened.note(Fault::Purge);
    }

    pub(super) fn resume(&mut self, machine: usize, link: &str) {
        let now = self.clock(machine);
        let audit = self.audit(machine, "link.resume", link);
        let store = Arc::clone(&self.machines[machine].store);
        let resumed = ready(store.pause_link(link, None, now));
        let told = ready(store.audit(audit));
        debug_assert!(resumed.is_ok() && told.is_ok(), "memory is never busy");
    }

    /// The machine is gone; another takes its place, from the backup, in a new epoch.
    pub(super) fn restore(&mut self, machine: usize) {
        for instance in 0..self.machines[machine].instances.len() {
            self.died(super::At { machine, instance, worker: 0 });
        }
        self.tell(machine, "restored from its backup");
        // An epoch is a minute: a new one must not be one that was there.
        self.passes(61_000);
        let Some(image) = &self.machines[machine].image else { return };
        let (store, book, shelf, since) =
            (image.store.fork(), image.book.clone(), image.shelf.clone(), image.at);
        let one = &mut self.machines[machine];
        one.memory = store;
        one.store = one.memory.clone().shared();
        one.restored = true;
        one.audited = (0, None);
        one.acts.clear();
        if let (Some(place), Some(shelf)) = (&one.shelf, shelf) {
            *sink::look(place) = shelf;
        }
        let code = one.code.clone();
        ledger::look(&self.ledger).restored(&code, book);
        let to = self.machines[0].code.clone();
        let one = &self.machines[machine];
        let routes = match one.log.is_some() {
            true => [Lane::Live, Lane::Bulk].map(|lane| feed::routes(&to, lane)).concat(),
            false => Vec::new(),
        };
        let restoring = Restoring {
            links: &one.links,
            routes,
            epoch: None,
            since: since.day(),
            who: "op-07".into(),
            from: "image".into(),
            now: self.clock(machine),
        };
        let epoch = ready(begin(&one.store, restoring));
        if let Err(e) = epoch {
            self.breaks(crate::Invariant::L1, machine, format!("not restored: {e}"));
        }
    }

    /// A parcel that was on the way comes once more, signed by somebody whom nobody certified here.
    pub(super) fn forge(&mut self) {
        let seen = weather::look(&self.sky).seen.clone();
        let Some(parcel) = self.chance("forged").pick(&seen).cloned() else { return };
        let alter = self.chance("forged").below(3);
        let Some(forged) = forged(&parcel, alter, self.now) else { return };
        let kind = forged.kind.to_string();
        // Beside every weather: it is put into the queue itself.
        let put = ready(self.bus.publish(vec![forged]));
        if put.is_ok() {
            self.happened.note_of(Fault::Forged, &kind);
        }
    }
}

/// The same parcel under another signature: as it was, with another time, or with a sequence to come.
fn forged(parcel: &Parcel, alter: u64, now: Millis) -> Option<Parcel> {
    let package = envelope::open_frame(&parcel.frame, OPEN_MAX).ok()?;
    let opened = envelope::open(&package).ok()?;
    let signer = keys::forger(&opened.head.from);
    let mut head = opened.head.clone();
    head.certificate = head.digest_alg.of(&[signer.certificate_der()]);
    match alter {
        0 => {}
        1 => head.sealed_at = Millis(now.0 - now.0.rem_euclid(1_000)),
        _ => head.sequence += 1,
    }
    let bytes = head.write();
    let signature = envelope::sign_head(&bytes, &*signer).ok()?;
    let package = envelope::assemble(&bytes, &opened.fragments.concat(), &signature);
    Some(Parcel { id: head.id(), frame: envelope::frame(&package, 1).into(), ..parcel.clone() })
}
