//! Rules across fields and across the records of a case.

use std::cmp::Ordering;

use super::case::fact;
use super::model::{Condition, Direction, Other, Rule, RuleBody, TypeIx, Weight};
use super::text;
use super::time;
use super::validate::Judge;
use super::workdays;

impl Judge<'_> {
    /// Every declared rule whose condition holds.
    pub(super) fn rules(&mut self) {
        let (record, values) = (self.record, self.values);
        for rule in &record.rules {
            if rule.when.holds(|ix| values.get(ix)) {
                self.rule(rule);
            }
        }
    }

    fn rule(&mut self, rule: &Rule) {
        let field = &self.record.fields[rule.field];
        let value = self.values.get(rule.field);
        match (&rule.body, value) {
            (RuleBody::Require, None) => {
                let text = text::required_when(field, &rule.when, self.record);
                self.say("rule.required_when", field, rule.weight, text);
            }
            (RuleBody::Range { min, max }, Some(value)) => {
                let inside = value.parse::<i64>().is_ok_and(|n| (*min..=*max).contains(&n));
                if !inside {
                    let text = text::range(field, *min, *max, &rule.when, self.record);
                    self.say("rule.range", field, rule.weight, text);
                }
            }
            (RuleBody::Order { direction, other }, Some(value)) => {
                self.order(rule, *direction, other, value);
            }
            (RuleBody::Within { other, workdays, calendar }, Some(value)) => {
                self.within(rule, *other, *workdays, calendar, value);
            }
            (RuleBody::Needs { record, filter }, _) => {
                self.needs(rule.field, *record, filter, rule.weight);
            }
            (RuleBody::Require, Some(_))
            | (RuleBody::Range { .. } | RuleBody::Order { .. } | RuleBody::Within { .. }, None) => {
            }
        }
    }

    fn order(&mut self, rule: &Rule, direction: Direction, other: &Other, value: &str) {
        if time::check(value).is_err() {
            return;
        }
        let against = |theirs: &str| {
            let wrong = match direction {
                Direction::After => Ordering::Less,
                Direction::Before => Ordering::Greater,
            };
            time::check(theirs).is_ok() && time::compare(value, theirs) == wrong
        };
        let field = &self.record.fields[rule.field];
        match other {
            Other::Field(ix) => {
                if self.values.get(*ix).is_some_and(against) {
                    let text = text::order(field, direction, &self.record.fields[*ix], None);
                    self.say("rule.order", field, rule.weight, text);
                }
            }
            Other::Fact { record, field: theirs, same_part, filter } => {
                if self.case.is_empty() {
                    return;
                }
                let there = self.format.get(*record);
                let other = &there.fields[*theirs];
                let same = *record == self.ty;
                let part = if *same_part || same { self.own_part() } else { String::new() };
                let broken = self.case.of(&there.wire).any(|(their_part, facts)| {
                    (!*same_part || their_part == part)
                        && (!same || their_part != part)
                        && filter.holds(|ix| fact(facts, &there.fields[ix].wire))
                        && fact(facts, &other.wire).is_some_and(against)
                });
                if broken {
                    let text = text::order(field, direction, other, Some(there));
                    self.say("case.order", field, rule.weight, text);
                }
            }
        }
    }

    fn within(&mut self, rule: &Rule, other: usize, workdays: u16, calendar: &str, value: &str) {
        let from = self.values.get(other).and_then(workdays::day_of);
        let (Some(from), Some(day)) = (from, workdays::day_of(value)) else { return };
        let last = workdays::last_day(from, workdays, self.lists.get(calendar, self.day));
        if day > last {
            let record = self.record;
            let (field, other) = (&record.fields[rule.field], &record.fields[other]);
            let edition = self.lists.edition(calendar, self.day);
            let text = text::within(field, other, workdays, last, (calendar, edition));
            self.say("rule.within", field, rule.weight, text);
        }
    }

    fn needs(&mut self, field: usize, record: TypeIx, filter: &Condition, weight: Weight) {
        if !self.case.is_complete() {
            return;
        }
        let there = self.format.get(record);
        let found = self
            .case
            .of(&there.wire)
            .any(|(_, facts)| filter.holds(|ix| fact(facts, &there.fields[ix].wire)));
        if !found {
            let field = &self.record.fields[field];
            self.say("case.missing", field, weight, text::needs(there, filter));
        }
    }

    /// The part of this record's own key.
    fn own_part(&self) -> String {
        let key = self.format.key(self.ty, self.values, "");
        key.map(|k| k.part().to_owned()).unwrap_or_default()
    }
}
