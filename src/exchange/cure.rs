//! A code list's new edition cures rows that were held for a code it did not have. Once the edition is in
//! force they go up again from their kept cells, 1, then 10, then 100, then all that are left; the
//! first that is refused again stops it.

use std::collections::{BTreeMap, BTreeSet};

use canon::format::{CodeList, OpenLists};
use canon::{Millis, Severity};
use envelope::Decrypt;
use serde::{Deserialize, Serialize};
use store::{AuditEvent, Place, ProblemFilter, ProblemItem, SharedStore};

use crate::adapter::Adapter;
use crate::error::WorkError;
use crate::node::Node;
use crate::resubmit;
use crate::shape::{Of, Shaper};
use crate::standing;
use crate::work::Progress;

/// Prefix of runs: `cure/ADAPTER`.
pub const CURE: &str = "cure/";
/// What is wrong with a value that is not in its open list.
const UNKNOWN: &str = "field.code_unknown";
/// Rows of one step that go up before the next is begun.
const STEPS: [usize; 4] = [1, 10, 100, 1_000];
/// Problems looked at in one turn.
const LOOKED_AT: u32 = 200;

/// How far a run is. One that is over tells which editions it was for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cure {
    /// Editions in force: `name=edition;…`.
    pub editions: String,
    /// Lists whose edition is another one than before.
    pub lists: Vec<String>,
    /// Problems up to this number were looked at.
    pub after: i64,
    /// Which of the steps is under way.
    pub step: usize,
    /// Problems whose rows are up again and not answered yet.
    pub batch: Vec<i64>,
    /// Rows that went up again so far.
    pub again: u64,
    /// The problem whose row was refused again: nothing more goes up.
    pub stopped: Option<i64>,
    /// Nothing is left to look at.
    pub ended: bool,
}

/// What a turn needs.
pub(crate) struct Turn<'a> {
    pub(crate) node: &'a Node,
    pub(crate) adapter: &'a Adapter,
    pub(crate) shaper: &'a mut Shaper,
    pub(crate) now: Millis,
}

/// What became of a row that went up again.
enum Became {
    Accepted,
    Refused,
    Open,
    /// It was never ordered: the process died between the two.
    Forgotten,
}

impl Turn<'_> {
    /// Begins a run where an edition has come into force, or goes on with one. `seen` are the editions
    /// that need no look any more.
    pub(crate) async fn take(&mut self, seen: &mut Option<String>) -> Result<Progress, WorkError> {
        let editions = self.node.code_tables(self.now.day());
        if seen.as_deref() == Some(&editions) {
            return Ok(Progress::IDLE);
        }
        let name = format!("{CURE}{}", self.adapter.name);
        let store = &self.node.store;
        let mut cure = match standing::one::<Cure>(store, &name).await? {
            Some(cure) if cure.editions == editions => cure,
            before => {
                let lists = before.as_ref().map_or_else(Vec::new, |b| changed(b, &editions));
                // The first editions cure nothing: nothing was held for others.
                let ended = lists.is_empty();
                let cure = Cure { editions: editions.clone(), lists, ended, ..Cure::default() };
                standing::put(store, &name, &cure, self.now).await?;
                cure
            }
        };
        if cure.ended || cure.stopped.is_some() {
            *seen = Some(editions);
            return Ok(Progress::IDLE);
        }
        let before = cure.clone();
        self.step(&mut cure).await?;
        if cure == before {
            return Ok(Progress::IDLE);
        }
        standing::put(&self.node.store, &name, &cure, self.now).await?;
        if cure.batch != before.batch {
            self.order(&cure.batch, &cure).await?;
        }
        if cure.ended || cure.stopped.is_some() {
            self.tell(&cure).await?;
        }
        Ok(Progress::some(1, true))
    }

    async fn step(&mut self, cure: &mut Cure) -> Result<(), WorkError> {
        if !cure.batch.is_empty() {
            for number in cure.batch.clone() {
                match self.became(number).await? {
                    Became::Accepted => {}
                    Became::Open => return Ok(()),
                    Became::Forgotten => return self.order(&cure.batch, cure).await,
                    Became::Refused => {
                        cure.stopped = Some(number);
                        return Ok(());
                    }
                }
            }
            cure.batch.clear();
            cure.step = (cure.step + 1).min(STEPS.len() - 1);
        }
        let filter = ProblemFilter {
            adapter: Some(self.adapter.name.to_string()),
            rule: Some(UNKNOWN.to_owned()),
            after: cure.after,
            limit: LOOKED_AT,
            ..ProblemFilter::default()
        };
        let items = self.node.store.problems(filter).await?;
        cure.ended = items.is_empty();
        let lists = self.node.lists.now();
        let (store, adapter, shaper) = (&self.node.store, self.adapter, &mut *self.shaper);
        let opens = &*self.node.opens;
        let mut seen = Seen { store, opens, adapter, lists: &lists, shaper, now: self.now };
        for item in items {
            if cure.batch.len() == STEPS[cure.step] {
                break;
            }
            cure.after = item.number;
            if is_held(&item)
                && is_of(self.adapter, &item, &cure.lists)
                && is_cured(&mut seen, &item).await?
            {
                cure.batch.push(item.number);
            }
        }
        cure.again += cure.batch.len() as u64;
        Ok(())
    }

    async fn became(&self, number: i64) -> Result<Became, WorkError> {
        let store = &self.node.store;
        let filter = ProblemFilter { after: number - 1, limit: 1, ..ProblemFilter::default() };
        let item = store.problems(filter).await?.into_iter().find(|item| item.number == number);
        let Some(item) = item else { return Ok(Became::Accepted) };
        let id = item.record.as_deref().and_then(canon::RecordId::parse);
        let (Some(id), Some(to)) = (id, &item.destination) else { return Ok(Became::Accepted) };
        match (item.state.as_str(), item.cured_by) {
            ("cured", Some(version)) => {
                let id = canon::RecordId { version, ..id };
                Ok(match store.place(&id, to).await? {
                    Some(Place::Accepted | Place::Superseded) | None => Became::Accepted,
                    Some(Place::Rejected | Place::Quarantined | Place::Voided) => Became::Refused,
                    Some(
                        Place::Waiting
                        | Place::Staged
                        | Place::InFlight
                        | Place::AwaitingReview
                        | Place::Dead,
                    ) => Became::Open,
                })
            }
            ("resubmitted", _) if resubmit::is_ordered(store, &item).await? => Ok(Became::Open),
            // It was made anew, and is held again.
            ("resubmitted", _) => Ok(Became::Refused),
            ("held" | "returned", _) => Ok(Became::Forgotten),
            // A person withdrew it.
            _ => Ok(Became::Accepted),
        }
    }

    async fn order(&self, batch: &[i64], cure: &Cure) -> Result<(), WorkError> {
        if batch.is_empty() {
            return Ok(());
        }
        let numbers: Vec<String> = batch.iter().map(i64::to_string).collect();
        let reason = format!("code lists in force: {}", cure.editions);
        let audit = self.event("quarantine.resubmit", &numbers.join(","), reason, true);
        resubmit::order(&self.node.store, batch, audit).await?;
        Ok(())
    }

    async fn tell(&self, cure: &Cure) -> Result<(), WorkError> {
        let (action, ok) = match cure.stopped {
            None => ("code_list.cured", true),
            Some(_) => ("code_list.stopped", false),
        };
        let first = cure.stopped.map_or_else(String::new, |n| format!(", {n} was refused again"));
        let reason = format!("{} rows up again{first}", cure.again);
        Ok(self.node.store.audit(self.event(action, &cure.lists.join(","), reason, ok)).await?)
    }

    fn event(&self, action: &str, subject: &str, reason: String, ok: bool) -> AuditEvent {
        AuditEvent {
            at: self.now,
            who: format!("collect/{}", self.adapter.name),
            action: action.to_owned(),
            subject: subject.to_owned(),
            reason,
            ok,
        }
    }
}

/// With what a held row is looked at.
struct Seen<'a> {
    store: &'a SharedStore,
    opens: &'a dyn Decrypt,
    adapter: &'a Adapter,
    lists: &'a OpenLists,
    shaper: &'a mut Shaper,
    now: Millis,
}

/// Whether a row waits in the quarantine.
fn is_held(item: &ProblemItem) -> bool {
    item.class == "quarantined" && matches!(&*item.state, "held" | "returned")
}

/// Whether a row is held for a value that was not in one of these lists.
fn is_of(adapter: &Adapter, item: &ProblemItem, lists: &[String]) -> bool {
    let kind = item.record.as_deref().and_then(|r| r.split_once(':')).map(|(kind, _)| kind);
    let of = |field: &str| {
        adapter.targets.iter().any(|target| {
            let ty = kind.and_then(|kind| target.format.type_by_wire(kind));
            let fields = ty.map(|ty| &target.format.get(ty).fields).into_iter().flatten();
            fields.filter(|f| *f.wire == *field).any(|f| match &f.list {
                Some(CodeList::Open { name, .. }) => lists.iter().any(|l| **l == **name),
                _ => false,
            })
        })
    };
    item.violations.iter().any(|v| &*v.rule == UNKNOWN && of(&v.field))
}

/// Whether its row would go up now; nothing is changed by asking.
async fn is_cured(seen: &mut Seen<'_>, item: &ProblemItem) -> Result<bool, WorkError> {
    let Seen { store, opens, adapter, lists, now, .. } = *seen;
    let Some(again) = resubmit::row_of((store, opens), item, adapter).await? else {
        return Ok(false);
    };
    for target in &adapter.targets {
        if !again.only.is_for(target.destination()) {
            continue;
        }
        let table = usize::from(again.page.table);
        let Ok(bound) = target.bind(table, &again.page.columns) else { return Ok(false) };
        let of = Of { store, lists, adapter, target, bound: &bound };
        let shaped = seen.shaper.page(&of, &again.page, None, Some(&again.only), now).await?;
        if !shaped.quarantined.is_empty() || shaped.chunks.is_empty() {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Held rows of one rule: the first that holds them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Foreseen {
    /// Stable code.
    pub rule: String,
    /// Rows that are held by it.
    pub held: u64,
    /// Those of them that would go up.
    pub cured: u64,
}

/// What an edition would cure of an adapter's held rows: one of the format that its targets have, or of
/// the code list `of`. Nothing is changed by asking.
pub async fn foresee(
    (store, opens): (&SharedStore, &dyn Decrypt),
    adapter: &Adapter,
    (lists, of): (&OpenLists, Option<&str>),
    now: Millis,
) -> Result<Vec<Foreseen>, WorkError> {
    let mut shaper = Shaper::default();
    let mut seen = Seen { store, opens, adapter, lists, shaper: &mut shaper, now };
    let of = of.map(|list| [list.to_owned()]);
    let mut rules: BTreeMap<String, Foreseen> = BTreeMap::new();
    let mut after = 0;
    loop {
        let filter = ProblemFilter {
            adapter: Some(adapter.name.to_string()),
            after,
            limit: LOOKED_AT,
            ..ProblemFilter::default()
        };
        let items = store.problems(filter).await?;
        let Some(last) = items.last() else { break };
        after = last.number;
        let asked = |item: &&ProblemItem| {
            is_held(item) && of.as_ref().is_none_or(|of| is_of(adapter, item, of))
        };
        for item in items.iter().filter(asked) {
            let error = item.violations.iter().find(|v| v.severity == Severity::Error);
            let rule = error.map_or_else(String::new, |v| v.rule.to_string());
            let cured = is_cured(&mut seen, item).await?;
            let new = || Foreseen { rule: rule.clone(), held: 0, cured: 0 };
            let found = rules.entry(rule.clone()).or_insert_with(new);
            found.held += 1;
            found.cured += u64::from(cured);
        }
    }
    Ok(rules.into_values().collect())
}

/// Lists that have an edition now that they had not.
fn changed(before: &Cure, editions: &str) -> Vec<String> {
    let old: BTreeSet<&str> = before.editions.split(';').collect();
    let new = editions.split(';').filter(|one| !old.contains(one));
    let mut lists: Vec<String> =
        new.filter_map(|one| one.split_once('=')).map(|(list, _)| list.to_owned()).collect();
    // A run that was under way is taken up by this one.
    if !before.ended && before.stopped.is_none() {
        lists.extend(before.lists.iter().cloned());
    }
    lists.sort();
    lists.dedup();
    lists
}

/// The runs of a node, by adapter.
pub async fn list(store: &SharedStore) -> Result<Vec<(String, Cure)>, WorkError> {
    standing::read(store, CURE).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_has_another_edition_is_looked_for() {
        let ended =
            Cure { editions: "items=1;regions=2025".into(), ended: true, ..Cure::default() };
        assert_eq!(changed(&ended, "items=1;regions=2026"), ["regions"]);
        assert_eq!(changed(&ended, "items=1;posts=3;regions=2025"), ["posts"]);
        assert!(changed(&ended, "items=1;regions=2025").is_empty());
        assert!(
            changed(&Cure { editions: String::new(), ended: true, ..Cure::default() }, "")
                .is_empty()
        );
        let under_way = Cure { lists: vec!["items".into()], ended: false, ..ended };
        assert_eq!(changed(&under_way, "items=1;regions=2026"), ["items", "regions"]);
    }
}
