//! Lists for people's pages.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use canon::{Day, Key, Millis, NodeCode};

use super::MemoryStore;
use super::state::*;
use crate::api::StoreFuture;
use crate::api_pages::PageFacts;
use crate::types::*;

/// A problem's number is within nothing.
const fn mark(at: Millis, number: i64) -> Mark {
    Mark { at, number, idx: 0 }
}

impl Identity {
    fn problem_groups(&self, filter: &GroupFilter) -> Vec<ProblemGroup> {
        let same = |want: &Option<String>, have: &str| want.as_deref().is_none_or(|w| w == have);
        let mut groups: BTreeMap<_, ProblemGroup> = BTreeMap::new();
        for (number, row) in &self.problems {
            let item = &row.item;
            if !same(&filter.state, &item.state) || !same(&filter.adapter, &item.adapter) {
                continue;
            }
            let rule = item.violations.first().map_or("", |v| &*v.rule).to_owned();
            let key = (item.adapter.clone(), item.class.clone(), rule, item.state.clone());
            let group = groups.entry(key.clone()).or_insert_with(|| ProblemGroup {
                adapter: key.0,
                class: key.1,
                rule: key.2,
                state: key.3,
                count: 0,
                first: item.at,
                last: item.at,
                number: *number,
            });
            group.count += 1;
            group.first = group.first.min(item.at);
            group.last = group.last.max(item.at);
            group.number = *number;
        }
        groups.into_values().collect()
    }

    fn envelopes(&self, filter: &EnvelopeFilter) -> Vec<EnvelopeRow> {
        let states = filter.states();
        let wanted = |out: &&Out| {
            let env = &out.env;
            &*env.kind == "records"
                && states.contains(&env.state)
                && env.numbered_at >= filter.from
                && filter.link.as_deref().is_none_or(|l| l == &*env.link)
                && filter.destination.as_ref().is_none_or(|d| *d == env.id.route.destination)
                && filter.reason.as_ref().is_none_or(|r| env.reason.as_ref() == Some(r))
        };
        let row = |out: &Out| EnvelopeRow {
            mark: mark(out.env.numbered_at, out.numbering),
            ended_at: out.ended_at,
            envelope: out.env.clone(),
        };
        let mut rows: Vec<_> = self.out.values().filter(wanted).map(row).collect();
        rows.retain(|r| r.mark < filter.before);
        rows.sort_by_key(|r| std::cmp::Reverse(r.mark));
        rows.truncate(filter.limit.min(PAGE_ROWS_MAX) as usize);
        rows
    }

    /// Own records with the marks at which they are listed.
    fn marked(&self, place: Option<Place>) -> Vec<(Mark, &OwnKey, &Own)> {
        let mut found = Vec::new();
        if matches!(place, Some(Place::Quarantined | Place::Rejected | Place::Voided)) {
            for (number, row) in &self.problems {
                let own = row.record.as_ref().and_then(|k| self.records.get_key_value(k));
                found.extend(own.map(|(key, own)| (mark(row.item.at, *number), key, own)));
            }
            return found;
        }
        // What was collected together stands in the order of its keys.
        let valid = self.records.iter().filter(|(_, own)| own.digest != NO_CONTENT);
        for (idx, (key, own)) in (0..).zip(valid) {
            found.push((Mark { at: own.collected_at, number: 0, idx }, key, own));
        }
        found
    }

    fn records(&self, filter: &RecordFilter) -> RecordPage {
        let wanted = |key: &OwnKey, own: &Own| {
            filter.adapter.as_deref().is_none_or(|a| a == &*own.adapter)
                && filter.kind.as_deref().is_none_or(|k| k == &*key.1.kind)
                && filter.destination.as_ref().is_none_or(|d| *d == key.1.to)
                && filter.place.is_none_or(|p| p == self.place_of(own))
        };
        let mut found = self.marked(filter.place);
        found.retain(|(m, key, own)| *m < filter.before && m.at >= filter.from && wanted(key, own));
        found.sort_by_key(|(m, ..)| std::cmp::Reverse(*m));
        let limit = filter.limit.min(PAGE_ROWS_MAX) as usize;
        let more = found.len() > limit;
        found.truncate(limit);
        let next = found.last().map(|(m, ..)| *m).filter(|_| more);
        let rows = found.into_iter().map(|(m, key, own)| RecordRow {
            id: own_id(key),
            destination: key.1.to.clone(),
            adapter: own.adapter.clone(),
            at: m.at,
            place: self.place_of(own),
            envelope: self.locate(&key.1.to, &own_id(key)).and_then(|l| l.envelope),
        });
        RecordPage { rows: rows.collect(), next }
    }

    fn received_rows(&self, filter: &ReceivedFilter) -> Vec<ReceivedRow> {
        let numbers: BTreeMap<_, _> =
            self.judged.iter().map(|(number, id)| (id, *number)).collect();
        let own = |sender: &NodeCode| filter.sender.as_ref().is_none_or(|s| s == sender);
        let of = self.received.iter().filter(|(id, r)| own(&id.sender) && r.at >= filter.from);
        let row = |(id, r): (&canon::EnvelopeId, &Received)| ReceivedRow {
            mark: mark(r.at, numbers.get(id).copied().unwrap_or_default()),
            id: id.clone(),
            day: r.day,
            kept: u32::try_from(r.kept.len()).unwrap_or(u32::MAX),
            problems: u32::try_from(r.problems.len()).unwrap_or(u32::MAX),
        };
        let mut rows: Vec<_> = of.map(row).filter(|r| r.mark < filter.before).collect();
        rows.sort_by_key(|r| std::cmp::Reverse(r.mark));
        rows.truncate(filter.limit.min(PAGE_ROWS_MAX) as usize);
        rows
    }

    fn senders(&self, day: Day) -> Vec<SenderRow> {
        let judged = self.received.keys().map(|id| &id.sender);
        let all: BTreeSet<&NodeCode> =
            judged.chain(self.relays.keys().map(|id| &id.sender)).collect();
        let row = |sender: &NodeCode| {
            let own = self.received.iter().filter(|(id, _)| id.sender == *sender);
            let passed = self.relays.iter().filter(|(id, _)| id.sender == *sender);
            let of_day = self.tallies_received.iter();
            let of_day = of_day.filter(|((s, d, ..), _)| s == sender && *d == day);
            let mut places = [0; 10];
            for (_, sums) in of_day {
                places.iter_mut().zip(sums.places).for_each(|(all, more)| *all += more);
            }
            SenderRow {
                sender: sender.clone(),
                judged_at: own.map(|(_, r)| r.at).max(),
                relayed_at: passed.map(|(_, r)| r.row.at).max(),
                accepted: places[Place::Accepted as usize],
                superseded: places[Place::Superseded as usize],
                rejected: places[Place::Rejected as usize],
            }
        };
        all.into_iter().map(row).collect()
    }

    fn case_adapters(&self, number: &str) -> Vec<Arc<str>> {
        let prefix = Key::new("", &[number]);
        let first = (Key::from_columns(prefix.root(), ""), Strand::default(), 0);
        let own = self.records.range(first..);
        let own = own.take_while(|(key, _)| key.0.root().starts_with(prefix.root()));
        let all: BTreeSet<Arc<str>> = own.map(|(_, own)| own.adapter.clone()).collect();
        all.into_iter().collect()
    }
}

impl PageFacts for MemoryStore {
    fn problem_groups(&self, filter: GroupFilter) -> StoreFuture<'_, Vec<ProblemGroup>> {
        self.tell(move |s| s.problem_groups(&filter))
    }
    fn envelopes(&self, filter: EnvelopeFilter) -> StoreFuture<'_, Vec<EnvelopeRow>> {
        self.tell(move |s| s.envelopes(&filter))
    }
    fn records(&self, filter: RecordFilter) -> StoreFuture<'_, RecordPage> {
        self.tell(move |s| s.records(&filter))
    }
    fn received(&self, filter: ReceivedFilter) -> StoreFuture<'_, Vec<ReceivedRow>> {
        self.tell(move |s| s.received_rows(&filter))
    }
    fn senders(&self, day: Day) -> StoreFuture<'_, Vec<SenderRow>> {
        self.tell(move |s| s.senders(day))
    }
    fn case_adapters<'a>(&'a self, number: &'a str) -> StoreFuture<'a, Vec<Arc<str>>> {
        self.tell(move |s| s.case_adapters(number))
    }
}
