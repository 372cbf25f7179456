//! The storm: step by step somebody takes a turn, the clock moves, something goes wrong.

use super::{Image, Passing, World};
use crate::fault::Fault;
use crate::feed::{self, Line};
use crate::guarded::When;
use crate::ledger;
use crate::port::Strike;
use crate::sink;
use crate::weather;

/// Idle turns after which the clock moves faster.
const IDLE: u32 = 40;
/// Longest stretch for which a passing fault lasts, ms.
const LASTS: i64 = 30_000;

impl World {
    pub(super) fn storm(&mut self) {
        for _ in 0..self.scenario.steps {
            if self.broken().is_some() {
                return;
            }
            self.step();
        }
        // What is left to be written is written all the same.
        while self.lines_left > 0 {
            self.write_line();
        }
    }

    fn step(&mut self) {
        let ms = if self.idle > IDLE {
            self.chance("clock").between(100, 3_000)
        } else {
            self.chance("clock").between(0, 60)
        };
        self.passes(ms);
        self.ended();
        self.revive(false);
        for fault in Fault::ALL {
            if self.has(fault) && self.strikes(fault) {
                self.strike(fault);
            }
        }
        if self.lines_left > 0 && self.chance("lines").per_mille(200) {
            self.write_line();
        }
        self.some_turn(true);
        if self.twin.is_some() && self.chance("twin").per_mille(400) {
            self.twin_turn();
        }
    }

    /// Whether a fault of the world happens in this step.
    fn strikes(&mut self, fault: Fault) -> bool {
        let rate = self.sky().rates.get(&fault).copied().unwrap_or(0);
        // Parcels are many and steps more: a step has a quarter of a parcel's bad luck.
        // Seldom is there anything to withdraw.
        let rate = if fault == Fault::Withdraw { rate } else { rate.div_ceil(4) };
        self.chance(fault.word()).per_mille(rate)
    }

    fn strike(&mut self, fault: Fault) {
        match fault {
            Fault::CrashBefore => self.plan(fault, When::Before, true),
            Fault::CrashAfter => self.plan(fault, When::After, true),
            Fault::Busy => self.plan(fault, When::Before, false),
            Fault::Unheard => self.plan(fault, When::After, false),
            Fault::Panic => self.plan(fault, When::Panic, false),
            Fault::Stalled => self.stall(),
            Fault::Partition => self.partition(),
            Fault::Blocked => self.block(),
            Fault::Silent => self.silence(),
            Fault::ClockAhead => self.jump(fault, 1),
            Fault::ClockBack => self.jump(fault, -1),
            Fault::Rotation => self.rotate(),
            Fault::Forged => self.forge(),
            Fault::Desk => self.desk(),
            Fault::Reopen => self.give_up_or_reopen(),
            Fault::Pause => self.pause(),
            Fault::Purge => self.purge(),
            Fault::RestoreSender | Fault::RestoreReceiver => self.back_up_or_restore(fault),
            Fault::Night => self.night(),
            Fault::Edition => self.other_edition(),
            Fault::Insider => self.lie(),
            Fault::Cloned => self.clone_one(),
            Fault::Backfill
            | Fault::Resend
            | Fault::Heal
            | Fault::Withdraw
            | Fault::Quality
            | Fault::Maintenance => self.order(fault),
            // Those of parcels are the weather's, those of lines the departments'.
            _ => {}
        }
    }

    fn some_machine(&mut self, stream: &'static str) -> usize {
        let machines = self.machines.len() as u64;
        self.chance(stream).below(machines) as usize
    }

    fn plan(&mut self, fault: Fault, when: When, dies: bool) {
        let machine = self.some_machine(fault.word());
        let instances = self.machines[machine].instances.len() as u64;
        let instance = self.chance(fault.word()).below(instances) as usize;
        let after = self.chance(fault.word()).below(12);
        let port = &self.machines[machine].instances[instance].port;
        if !port.is_planned() {
            port.plan(after, Strike { when, dies });
        }
    }

    /// One of two instances will stand still.
    fn stall(&mut self) {
        let after = self.chance("stalled").below(10);
        let nth = self.chance("stalled").below(2) as usize;
        let shared = self.machines.iter().find(|m| m.instances.len() > 1);
        if let Some(instance) = shared.and_then(|m| m.instances.get(nth))
            && !instance.port.is_planned()
        {
            instance.port.plan(after, Strike { when: When::Pause, dies: false });
        }
    }

    fn lasts(&mut self, stream: &'static str) -> canon::Millis {
        let ms = self.chance(stream).between(500, LASTS);
        self.now.plus(ms)
    }

    fn partition(&mut self) {
        let machine = self.some_machine("partition");
        let code = self.machines[machine].code.clone();
        let until = self.lasts("partition");
        self.sky().cut.insert(code.clone());
        self.passing.push((until, Passing::Partition(code)));
    }

    fn block(&mut self) {
        let until = self.lasts("blocked");
        self.sky().blocked = true;
        self.passing.push((until, Passing::Blocked));
    }

    pub(super) fn passing(&mut self, until: canon::Millis, what: Passing) {
        self.passing.push((until, what));
    }

    /// Passing faults that have lasted long enough.
    fn ended(&mut self) {
        let now = self.now;
        let (over, last): (Vec<_>, Vec<_>) =
            std::mem::take(&mut self.passing).into_iter().partition(|(until, _)| *until <= now);
        self.passing = last;
        for (_, what) in over {
            self.end(what);
        }
    }

    pub(super) fn end(&mut self, what: Passing) {
        match what {
            Passing::Partition(code) => {
                self.sky().cut.remove(&code);
            }
            Passing::Blocked => self.sky().blocked = false,
            Passing::Paused(machine, link) => self.resume(machine, &link),
        }
    }

    /// A machine is switched off for long.
    fn silence(&mut self) {
        let machine = self.some_machine("silent");
        let back_at = self.now.plus(60_000);
        for instance in 0..self.machines[machine].instances.len() {
            if self.machines[machine].instances[instance].back_at.is_none() {
                self.died(super::At { machine, instance, worker: 0 });
                self.machines[machine].instances[instance].back_at = Some(back_at);
                self.happened.note(Fault::Silent);
            }
        }
    }

    fn jump(&mut self, fault: Fault, sign: i64) {
        let machine = self.some_machine(fault.word());
        let by = self.chance(fault.word()).between(1_000, 240_000) * sign;
        let skew = (self.machines[machine].skew + by).clamp(-290_000, 290_000);
        self.machines[machine].skew = skew;
        self.happened.note(fault);
    }

    /// Another key; who was at work with the old one starts again.
    fn rotate(&mut self) {
        let machine = self.some_machine("rotation");
        self.machines[machine].generation += 1;
        for instance in 0..self.machines[machine].instances.len() {
            self.died(super::At { machine, instance, worker: 0 });
        }
        self.happened.note(Fault::Rotation);
    }

    /// The day ends, and the books of it go up, in the middle of everything; once.
    fn night(&mut self) {
        if self.nights == 0 {
            self.nights += 1;
            let close = self.now.day().end().plus(self.limits.close_grace + 1_000);
            self.passes(close.since(self.now).max(0));
            self.happened.note(Fault::Night);
        }
    }

    /// A leaf's adapter goes over to the other edition; what is sealed in the first one drains.
    fn other_edition(&mut self) {
        let leaves: Vec<usize> = (0..self.machines.len())
            .filter(|n| self.machines[*n].log.is_some() && self.machines[*n].edition == 0)
            .collect();
        let Some(machine) = self.chance("edition").pick(&leaves).copied() else { return };
        self.machines[machine].edition = 1;
        for instance in 0..self.machines[machine].instances.len() {
            self.died(super::At { machine, instance, worker: 0 });
        }
        self.happened.note(Fault::Edition);
    }

    // ── what departments write ──────────────────────────────────────────────────────────────

    pub(super) fn write_line(&mut self) {
        self.lines_left = self.lines_left.saturating_sub(1);
        let logs: Vec<_> = self.machines.iter().filter_map(|m| m.log.clone()).collect();
        let Some(log) = self.chance("lines").pick(&logs).cloned() else { return };
        if self.has(Fault::Elsewhere) && self.chance("elsewhere").per_mille(150) {
            return self.case_of_two(&log, &logs);
        }
        let line = self.line(&feed::look(&log).lines);
        let mut written = feed::look(&log);
        // Both records of a new case, mostly, one behind the other.
        let whole = !ledger::look(&self.ledger).is_elsewhere(&feed::root_of(line.case));
        let news = line.kind == "SB" && !line.void && !line.bad;
        if whole && news && self.chance("lines").per_mille(700) {
            let child = Line { kind: "SL", word: self.word(), ..line.clone() };
            let orphan = self.has(Fault::Orphan) && self.chance("orphan").per_mille(300);
            if orphan {
                self.happened.note(Fault::Orphan);
                written.push(child);
                written.push(line);
            } else {
                written.push(line);
                written.push(child);
            }
            return;
        }
        written.push(line);
    }

    /// One node begins a case and another goes on with it; or nobody ever began it.
    fn case_of_two(&mut self, log: &feed::SharedLog, logs: &[feed::SharedLog]) {
        let case = self.next_case;
        self.next_case += 1;
        let word = self.word();
        let child = Line { kind: "SL", case, word, bad: false, void: false, elsewhere: true };
        ledger::look(&self.ledger).begun_elsewhere(&feed::root_of(case));
        feed::look(log).push(child);
        self.happened.note(Fault::Elsewhere);
        let others: Vec<_> =
            logs.iter().filter(|l| !std::sync::Arc::ptr_eq(l, log)).cloned().collect();
        if let Some(other) = self.chance("elsewhere").pick(&others).cloned() {
            let word = self.word();
            let parent = Line { kind: "SB", case, word, bad: false, void: false, elsewhere: false };
            feed::look(&other).push(parent);
        }
    }

    pub(super) fn word(&mut self) -> String {
        self.words += 1;
        format!("W{:05}", self.words)
    }

    /// The next line of a log that has these.
    fn line(&mut self, before: &[Line]) -> Line {
        let old = self.chance("lines").pick(before).cloned();
        if let Some(old) = old {
            let word = self.word();
            if self.has(Fault::Correction) && self.chance("correction").per_mille(200) {
                self.happened.note(Fault::Correction);
                return Line { word, bad: false, ..old };
            }
            if self.has(Fault::Void) && self.chance("void").per_mille(100) {
                self.happened.note(Fault::Void);
                return Line { word, void: true, bad: false, ..old };
            }
            if self.has(Fault::Again) && self.chance("again").per_mille(200) {
                self.happened.note(Fault::Again);
                return old;
            }
        }
        let bad = self.has(Fault::Invalid) && self.chance("invalid").per_mille(200);
        if bad {
            self.happened.note(Fault::Invalid);
        }
        let shared = self.has(Fault::Shared) && self.chance("shared case").per_mille(300);
        let case = if shared && self.next_case > 1 {
            self.happened.note(Fault::Shared);
            let cases = self.next_case - 1;
            1 + self.chance("shared case").below(cases)
        } else {
            self.next_case += 1;
            self.next_case - 1
        };
        Line { kind: "SB", case, word: self.word(), bad, void: false, elsewhere: false }
    }

    // ── machines that are lost ──────────────────────────────────────────────────────────────

    /// A machine that lies at the bottom, or the receiver.
    fn lost_one(&mut self, fault: Fault) -> usize {
        if fault == Fault::RestoreReceiver {
            return 0;
        }
        let leaves: Vec<usize> =
            (0..self.machines.len()).filter(|n| self.machines[*n].log.is_some()).collect();
        self.chance(fault.word()).pick(&leaves).copied().unwrap_or(0)
    }

    fn back_up_or_restore(&mut self, fault: Fault) {
        let machine = self.lost_one(fault);
        let at = self.now;
        let one = &self.machines[machine];
        match &one.image {
            None => {
                let book = ledger::look(&self.ledger).image(&one.code);
                let shelf = one.shelf.as_ref().map(|s| sink::look(s).clone());
                let image = Image { store: one.memory.fork(), book, shelf, at };
                self.machines[machine].image = Some(image);
            }
            // Once is enough, and an epoch is a minute long.
            Some(image) if !one.restored && at.since(image.at) > 0 => {
                self.restore(machine);
                self.happened.note(fault);
            }
            Some(_) => {}
        }
    }

    /// Everything that goes wrong has gone wrong.
    pub(super) fn clears_up(&mut self) {
        for (_, what) in std::mem::take(&mut self.passing) {
            self.end(what);
        }
        let mut sky = self.sky();
        *sky = weather::Sky::default();
        drop(sky);
        for machine in 0..self.machines.len() {
            for instance in &self.machines[machine].instances {
                instance.port.unplan();
            }
        }
        self.twin_ends();
        self.revive(true);
    }

    /// The last moment that any clock has shown.
    pub(super) fn clocks_agree(&mut self) {
        let latest = self.machines.iter().map(|m| m.skew).max().unwrap_or(0).max(0);
        self.machines.iter_mut().for_each(|m| m.skew = 0);
        self.passes(latest + 1_000);
    }
}
