//! What people order at random moments, beside the desk of `act.rs`.

use std::sync::Arc;

use canon::{Day, Key, Millis};
use envelope::Kind;
use envelope::control::Notice;
use exchange::reconcile::heal;
use exchange::returned::{self, Finding};
use exchange::standing::{self, BACKFILL, Backfill};
use store::{EventOn, OutEnvelope, OutEvent, OutState};

use super::World;
use super::turn::ready;
use crate::fault::Fault;
use crate::feed;

/// The unit in the keys of every line.
const UNIT: &str = "11990103000000019T";

impl World {
    /// One order of this kind, at a node where it makes sense.
    pub(super) fn order(&mut self, fault: Fault) {
        let done = match fault {
            Fault::Backfill => self.order_backfill(false),
            Fault::Resend => self.resend(),
            Fault::Heal => self.order_heal(),
            Fault::Withdraw => self.withdraw(),
            Fault::Quality => self.return_accepted(),
            Fault::Maintenance => self.maintain(),
            _ => false,
        };
        if done {
            self.happened.note(fault);
        }
    }

    fn some_leaf(&mut self, stream: &'static str) -> Option<usize> {
        let leaves: Vec<usize> =
            (0..self.machines.len()).filter(|n| self.machines[*n].log.is_some()).collect();
        self.chance(stream).pick(&leaves).copied()
    }

    /// A leaf's old rows are to go up, or those of all leaves that were not ordered yet.
    pub(super) fn order_backfill(&mut self, all: bool) -> bool {
        let leaf = self.some_leaf("backfill");
        let (mut done, name) = (false, format!("{BACKFILL}line"));
        for machine in 0..self.machines.len() {
            let wanted = self.machines[machine].log.is_some() && (all || Some(machine) == leaf);
            let store = Arc::clone(&self.machines[machine].store);
            if !wanted || ready(standing::one::<Backfill>(&store, &name)).is_ok_and(|j| j.is_some())
            {
                continue;
            }
            let day = |text| Millis::parse(text).map_or(Day(0), Millis::day);
            let now = self.clock(machine);
            let job = Backfill {
                adapter: "line".into(),
                from: day("2026-10-01 00:00:00"),
                to: day("2026-10-31 00:00:00"),
                by: "op-07".into(),
                ordered: now,
                paused: false,
                total: None,
                ended: None,
            };
            let audit = self.audit(machine, "backfill.order", &job.progress_name());
            let put = ready(standing::put(&store, &name, &job, now));
            let told = ready(store.audit(audit));
            debug_assert!(put.is_ok() && told.is_ok(), "memory is never busy");
            done = true;
        }
        done
    }

    /// Whether every back-fill has come to its end.
    pub(super) fn backfills_ended(&self, machine: usize) -> bool {
        let store = &self.machines[machine].store;
        let job = ready(standing::one::<Backfill>(store, &format!("{BACKFILL}line")));
        job.is_ok_and(|job| job.is_some_and(|job| job.ended.is_some()))
    }

    /// An envelope without a receipt goes once more.
    fn resend(&mut self) -> bool {
        let Some(machine) = self.some_leaf("resend") else { return false };
        let open = |e: &&OutEnvelope| matches!(e.state, OutState::Sent | OutState::Unknown);
        let own = self.own_envelopes(machine);
        let open: Vec<&OutEnvelope> = own.iter().filter(open).collect();
        let Some(id) = self.chance("resend").pick(&open).map(|e| e.id.clone()) else {
            return false;
        };
        let now = self.clock(machine);
        let audit = self.audit(machine, "desk.resend", &id.to_string());
        let store = Arc::clone(&self.machines[machine].store);
        let Ok(Some(lease)) = ready(store.lease("desk", "op-07", now, 60_000)) else {
            return false;
        };
        let event = EventOn {
            event: OutEvent::Resend,
            reason: Some("operator.resend".to_owned()),
            due_at: Some(now),
            controls: Vec::new(),
            inbox_id: None,
            now,
        };
        let done = ready(store.commit_event(&lease, &id, event));
        let told = ready(store.audit(audit));
        debug_assert!(told.is_ok(), "memory is never busy");
        done.is_ok_and(|moved| moved)
    }

    /// What the province lacks of a day is to go again.
    fn order_heal(&mut self) -> bool {
        let Some(machine) = self.some_leaf("heal") else { return false };
        let (now, to) = (self.clock(machine), self.machines[0].code.clone());
        let day = now.day();
        let code = self.machines[machine].code.clone();
        let store = Arc::clone(&self.machines[machine].store);
        ready(heal::order(&store, day, (&code, &to), ("op-07", "drill"), now)).is_ok()
    }

    /// 停报: what waits for its parent is withdrawn.
    fn withdraw(&mut self) -> bool {
        let waits = |n: &usize| {
            self.machines[*n].log.is_some() && self.count(*n, store::Place::Waiting) > 0
        };
        let waiting: Vec<usize> = (0..self.machines.len()).filter(waits).collect();
        let Some(machine) = self.chance("withdraw").pick(&waiting).copied() else { return false };
        let to = self.machines[0].code.clone();
        let audit = self.audit(machine, "destination.withdraw", to.as_str());
        let store = Arc::clone(&self.machines[machine].store);
        ready(store.withdraw_waiting(&to, audit)).is_ok_and(|gone| gone > 0)
    }

    /// The province returns a record after its acceptance.
    fn return_accepted(&mut self) -> bool {
        if self.next_case < 2 {
            return false;
        }
        let cases = self.next_case - 1;
        let case = 1 + self.chance("quality").below(cases);
        let now = self.clock(0);
        let finding = Finding {
            kind: "SB".into(),
            key: Key::new(UNIT, &[&feed::number(case)]).to_string(),
            version: None,
            rule: "quality.content".into(),
            field: None,
            text: "请核实".into(),
            deadline: now.plus(259_200_000),
        };
        let store = Arc::clone(&self.machines[0].store);
        let issued = ready(returned::issue(&store, &[finding], "op-07", now));
        issued.is_ok_and(|issued| issued.told > 0)
    }

    /// A tier that has others beneath tells them of a maintenance, which is short.
    fn maintain(&mut self) -> bool {
        let above: Vec<usize> =
            (0..self.machines.len()).filter(|n| self.machines[*n].log.is_none()).collect();
        let Some(machine) = self.chance("maintenance").pick(&above).copied() else { return false };
        let now = self.clock(machine);
        let second = |at: Millis| Millis(at.0 - at.0.rem_euclid(1_000));
        let notice = Notice {
            code: exchange::MAINTENANCE.into(),
            text: "检修".into(),
            about: None,
            from: Some(second(now)),
            until: Some(second(now.plus(20_000))),
        };
        let links = self.machines[machine].links.iter().filter(|l| !l.parent);
        let body = [notice.write()];
        let controls =
            links.map(|l| exchange::control::content(Kind::Notice, &l.peer, now.day(), &body));
        let controls: Vec<_> = controls.collect();
        let audit = self.audit(machine, "notice.maintenance", "20 s");
        let store = Arc::clone(&self.machines[machine].store);
        let queued = ready(store.queue_controls(controls, now));
        ready(store.audit(audit)).is_ok() && queued.is_ok()
    }
}
