//! The truth: what the departments wrote, against what the province has in the end. The world knows
//! it without asking any node.

use canon::{Key, NodeCode};
use store::{CaseRow, Place, ProblemFilter};

use super::World;
use super::turn::ready;
use crate::fault::Fault;
use crate::feed::{self, Line};
use crate::invariant::Invariant::{L1, S1, S4, S5};
use crate::sink;

/// The unit in the keys of every line.
const NAMESPACE: &str = "11990103000000019T";

impl World {
    /// Every sound line is where it must be; what is accepted is on the province's shelf.
    pub(super) fn truth(&mut self) {
        for machine in 0..self.machines.len() {
            let Some(log) = self.machines[machine].log.clone() else { continue };
            let log = feed::look(&log).latest().into_values().cloned().collect::<Vec<_>>();
            for line in log {
                self.line_is_true(machine, &line);
            }
            self.cursor_at_end(machine);
        }
    }

    /// S5: nothing at the source was left unread.
    fn cursor_at_end(&mut self, machine: usize) {
        let Some(log) = &self.machines[machine].log else { return };
        let lines = feed::look(log).lines.len().to_string();
        let progress = ready(self.machines[machine].store.adapter("line")).unwrap_or_default();
        if progress.cursor.as_deref().unwrap_or("0") != lines {
            let what = format!("{lines} lines, the cursor is at {:?}", progress.cursor);
            self.breaks(S5, machine, what);
        }
    }

    fn row(&self, machine: usize, line: &Line) -> Option<CaseRow> {
        let key = Key::new(NAMESPACE, &[&feed::number(line.case)]);
        let rows = ready(self.machines[machine].store.cases(&[key.root()])).unwrap_or_default();
        rows.into_iter().find(|row| &*row.id.kind == line.kind && row.id.key == key)
    }

    fn line_is_true(&mut self, machine: usize, line: &Line) {
        let Some(row) = self.row(machine, line) else {
            return self.breaks(S1, machine, format!("{line:?} was never collected"));
        };
        match row.place {
            Place::Quarantined | Place::Voided | Place::Dead if line.bad => {}
            // The same line once more, behind a sound one, is no news.
            Place::Accepted if line.bad && self.has(Fault::Again) => {}
            Place::Rejected if line.bad && self.has(Fault::Again) => {
                self.may_be_rejected(machine, &row);
            }
            place if line.bad => {
                self.breaks(S1, machine, format!("{line:?} breaks a rule and is {place}"));
            }
            Place::Accepted | Place::Superseded => self.is_on_the_shelf(machine, line, &row),
            Place::Dead | Place::Voided => {}
            Place::Rejected => self.may_be_rejected(machine, &row),
            // A rule of the case may not hold, where something of it was withdrawn.
            Place::Quarantined if self.has(Fault::Void) || self.has(Fault::Orphan) => {}
            Place::Waiting if self.parent_is_missing(machine, line) => {}
            place => {
                let why = self.why(machine, &row);
                self.breaks(L1, machine, format!("{} stays {place}: {why}", row.id));
            }
        }
    }

    /// What is said of a record that was not taken.
    fn why(&self, machine: usize, row: &CaseRow) -> String {
        let filter = ProblemFilter { limit: 100, ..ProblemFilter::default() };
        let problems = ready(self.machines[machine].store.problems(filter)).unwrap_or_default();
        let of_it = problems.iter().filter(|p| p.record.as_deref() == Some(&row.id.to_string()));
        let rules = of_it.flat_map(|p| &p.violations).map(|v| format!("{} {}", v.rule, v.field));
        rules.collect::<Vec<_>>().join(", ")
    }

    /// A child waits as long as its parent did not arrive.
    fn parent_is_missing(&self, machine: usize, line: &Line) -> bool {
        let parent = Line { kind: "SB", ..line.clone() };
        let row = self.row(machine, &parent);
        // A parent elsewhere is not waited for for ever; but the owner may have reported it here too.
        if line.elsewhere && row.is_none() {
            return false;
        }
        row.is_none_or(|row| row.place != Place::Accepted)
    }

    /// Only where another sender has the case.
    fn may_be_rejected(&mut self, machine: usize, row: &CaseRow) {
        if self.has(Fault::Shared) || self.has(Fault::Void) {
            return;
        }
        let why = self.why(machine, row);
        self.breaks(L1, machine, format!("{} is rejected: {why}", row.id));
    }

    /// Both ends were restored: what the receiver took and lost again while the sender was lost too has
    /// bytes nowhere, and the sender has to say so.
    fn bytes_are_gone(&self, machine: usize) -> bool {
        let both = self.machines[machine].restored && self.machines[0].restored;
        let store = &self.machines[machine].store;
        let events = ready(store.audit_after(0, 1_000_000)).unwrap_or_default();
        let said = |reason: &str| !reason.ends_with(", 0 envelopes not here");
        both && events.iter().any(|(_, e, _)| e.action == "recall.given" && said(&e.reason))
    }

    /// S4: the province has the latest words of it.
    fn is_on_the_shelf(&mut self, machine: usize, line: &Line, row: &CaseRow) {
        let shelf = self.machines[0].shelf.clone().unwrap_or_default();
        let name =
            (row.id.kind.to_string(), format!("{}/{}", row.id.key.root(), row.id.key.part()));
        let held = sink::look(&shelf).held.get(&name).cloned();
        if held.is_none() && self.bytes_are_gone(machine) {
            return;
        }
        let Some(held) = held else {
            return self.breaks(S4, machine, format!("{} is accepted and nobody has it", row.id));
        };
        let newest = held.version == row.id.version || self.has(Fault::Shared);
        // A withdrawal repeats the values that went before it.
        let same = held.fragment.contains(&line.word) || line.void || self.has(Fault::Shared);
        if !newest || !same || (held.void != line.void && !self.has(Fault::Shared)) {
            let NodeCode(province) = &self.machines[0].code;
            let what = format!("{line:?} is {}, {province} has version {}", row.id, held.version);
            self.breaks(S4, machine, what);
        }
    }
}
