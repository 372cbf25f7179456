//! Who acted, where, and how long it took: what a judgement counts by unit and region, for a month's
//! rates.

use canon::format::{Format, NAMESPACE_MAX, Nature, Parsed, is_token};
use canon::{Lane, Millis};
use envelope::{Opened, Outcome};
use store::UnitCount;

use crate::node::Node;

/// Most units and regions that one envelope is counted under; what is beyond counts under none.
pub(crate) const UNITS_MAX: usize = 256;

/// The unit and the region of a record: its own fields, else what its key was given out under, and
/// where a credit code was registered (GB 32100, digits 3 to 8).
pub(crate) fn unit_of<'r>(format: &Format, parsed: &'r Parsed) -> (&'r str, &'r str) {
    let record = format.get(parsed.ty);
    let value = |ix: Option<usize>| ix.and_then(|ix| parsed.values.get(ix));
    let unit = value(record.unit).unwrap_or(&parsed.attrs.namespace);
    (unit, value(record.region).unwrap_or(""))
}

/// Counts of one envelope.
pub(crate) struct Units {
    now: Millis,
    /// What is answered later is late.
    closes: Millis,
    history: bool,
    counts: Vec<UnitCount>,
}

impl Units {
    /// Of an envelope that is judged now.
    pub(crate) fn of(node: &Node, opened: &Opened<'_>, now: Millis) -> Self {
        let closes = opened.head.window.end().plus(node.limits.close_grace);
        let history = opened.head.route.lane == Lane::Bulk;
        Self { now, closes, history, counts: Vec::new() }
    }

    /// One record has its outcome. One that was accepted before was counted then, and a missing parent
    /// is not final.
    pub(crate) fn add(
        &mut self,
        format: &Format,
        parsed: &Parsed,
        (outcome, new): (Outcome, bool),
    ) {
        if outcome == Outcome::ParentMissing || (outcome == Outcome::Accepted && !new) {
            return;
        }
        let (now, late) = (self.now, self.now > self.closes);
        let history = self.history || parsed.attrs.nature == Nature::History;
        let count = self.at(unit_of(format, parsed));
        if history {
            count.history += 1;
            return;
        }
        count.records += 1;
        if outcome == Outcome::Rejected {
            count.invalid += 1;
            return;
        }
        let delay = u64::try_from(now.since(parsed.attrs.collected) / 1_000).unwrap_or(0);
        count.accepted += 1;
        count.late += u64::from(late);
        count.delay += delay;
        count.delay_max = count.delay_max.max(delay);
    }

    fn at(&mut self, (unit, region): (&str, &str)) -> &mut UnitCount {
        // Nobody has validated what was rejected.
        let code = |text| if is_token(text, NAMESPACE_MAX) { text } else { "" };
        let (unit, region) = (code(unit), code(region));
        let region = if region.is_empty() { registered(unit) } else { region };
        let find = |counts: &[UnitCount], unit: &str, region: &str| {
            counts.iter().position(|c| c.unit == unit && c.region == region)
        };
        let known = find(&self.counts, unit, region);
        let full = known.is_none() && self.counts.len() >= UNITS_MAX;
        let (unit, region) = if full { ("", "") } else { (unit, region) };
        let known = if full { find(&self.counts, "", "") } else { known };
        let at = known.unwrap_or(self.counts.len());
        if known.is_none() {
            let (unit, region) = (unit.to_owned(), region.to_owned());
            self.counts.push(UnitCount { unit, region, ..UnitCount::default() });
        }
        &mut self.counts[at]
    }

    /// What was counted.
    pub(crate) fn counts(self) -> Vec<UnitCount> {
        self.counts
    }
}

/// The region that a credit code was registered in; empty if it is none.
fn registered(unit: &str) -> &str {
    let code = unit.len() == 18 && unit.bytes().all(|b| b.is_ascii_alphanumeric());
    let region = if code { unit.get(2..8).unwrap_or("") } else { "" };
    if region.bytes().all(|b| b.is_ascii_digit()) { region } else { "" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_region_of_a_credit_code_is_where_it_was_registered() {
        assert_eq!(registered("11990103MB0000001X"), "990103");
        assert_eq!(registered("990103"), "");
        assert_eq!(registered("11AB0103MB0000001X"), "");
    }

    #[test]
    fn units_without_end_are_counted_under_none() {
        let mut units =
            Units { now: Millis(0), closes: Millis(0), history: false, counts: Vec::new() };
        for n in 0..UNITS_MAX + 50 {
            units.at((&format!("u{n}"), "")).records += 1;
        }
        units.at(("u1", "")).records += 1;
        units.at(("no code", "<b>")).records += 1;
        let counts = units.counts();
        assert_eq!(counts.len(), UNITS_MAX + 1);
        let none = counts.iter().find(|c| c.unit.is_empty()).unwrap();
        assert_eq!(none.records, 51, "the rest, and what is no code");
        assert_eq!(counts.iter().find(|c| c.unit == "u1").unwrap().records, 2);
    }
}
