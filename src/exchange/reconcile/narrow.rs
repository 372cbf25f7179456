//! The sender's side of narrowing down: it asks, step by step, and only it remembers how far it is
//! (under `narrow/…`), so that a crash anywhere goes on where it was and the receiver remembers
//! nothing. Each answer, the next question and the memory are one fact.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use canon::{HashSum, Millis, NodeCode, Prefix, RecordId};
use envelope::Kind;
use envelope::control::{
    DifferenceRow, Inquiry, LISTED_MAX, Listed, NAMED_MAX as ROWS_MAX, Named as NamedAnswer, Names,
    Narrow, Narrowed, Question, Stated, half,
};
use serde::{Deserialize, Serialize};
use store::{BookSide, Leaf, NewControl, Place, SharedStore, Stands, Step, Window};

use super::Held;
use super::answer::incomplete;
use super::books::read;
use super::named::{self, DIFFERENCES_MAX, Difference, Named, cause};
use crate::control;
use crate::error::WorkError;
use crate::node::Node;
use crate::standing;

/// Under this prefix stands how far a difference is narrowed down.
pub(crate) const NARROW: &str = "narrow/";
/// Most prefixes of one question.
pub(crate) const ASKED_MAX: usize = 256;
/// Longest pause before a question without an answer is asked again, ms.
pub(crate) const PAUSE_MAX: i64 = 86_400_000;

/// How far one window is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Narrowing {
    /// Rises whenever it begins anew.
    pub(crate) pass: u32,
    /// Rises with every question.
    pub(crate) step: u32,
    /// The revision of our manifest at which the pass began.
    pub(crate) revision: u32,
    /// When the question under way was asked.
    asked_at: Option<Millis>,
    /// How often it was asked again without an answer.
    #[serde(default)]
    pub(crate) again: u32,
    /// Prefixes of the question under way.
    asked: Vec<String>,
    /// Prefixes to be asked about, the next first.
    open: VecDeque<String>,
    /// Records that only we have, with their sums.
    ours: Vec<(String, String)>,
    /// Places where only the receiver has something.
    places: Vec<u64>,
    /// Of these, those of the question under way.
    naming: Vec<u64>,
    /// Records of the receiver at places that were named.
    theirs: Vec<(String, String)>,
    /// There are more than are named.
    more: bool,
    /// One of the two cannot tell: its books of that day are older than its leaves.
    pub(crate) blind: bool,
    /// When the pass was done.
    pub(crate) done_at: Option<Millis>,
}

impl Narrowing {
    /// Whether everything that differs at this revision is named.
    pub(crate) fn is_done(&self, revision: u32) -> bool {
        self.done_at.is_some() && self.revision >= revision
    }

    fn question(&self, day: canon::Day) -> Question {
        Question { day, pass: self.pass, step: self.step }
    }

    /// How long an answer is waited for. A receiver of an older edition does not know the question and
    /// sets it aside without a word: it is asked ever more seldom, until it is brought up to date or
    /// the day's leaves are forgotten.
    fn pause(&self, interval: i64) -> i64 {
        interval.saturating_mul(1 << self.again.min(16)).min(PAUSE_MAX.max(interval))
    }

    fn full(&self) -> bool {
        self.ours.len() + self.places.len() + self.theirs.len() >= DIFFERENCES_MAX
    }
}

fn window_of(day: canon::Day, receiver: &NodeCode) -> Window {
    Window { side: BookSide::Own, day, peer: receiver.clone() }
}

/// What stands of a window.
pub(crate) async fn known(
    node: &Node,
    day: canon::Day,
    receiver: &NodeCode,
) -> Result<Option<Narrowing>, WorkError> {
    of_window(&node.store, (day, &node.code, receiver)).await
}

/// What stands of a window of a store.
pub(super) async fn of_window(
    store: &SharedStore,
    window: named::WindowOf<'_>,
) -> Result<Option<Narrowing>, WorkError> {
    standing::one(store, &named::name(NARROW, window)).await
}

/// The books agree: nothing stands of it any more.
pub(super) async fn agreed(node: &Node, held: &Held<'_>) -> Result<(), WorkError> {
    let window = (held.day, &node.code, held.receiver);
    if known(node, held.day, held.receiver).await?.is_some() {
        node.store.stand(&named::name(NARROW, window), None, held.now).await?;
    }
    named::forget(node, window).await?;
    super::heal::agreed(node, held).await
}

/// Begins, or asks again what was not answered.
pub(super) async fn step(node: &Node, held: &Held<'_>) -> Result<u64, WorkError> {
    let Held { day, receiver, mine, now, .. } = *held;
    if node.no_way_back(receiver) || given_again(node, receiver).await? {
        return Ok(0);
    }
    let before = known(node, day, receiver).await?;
    let waited = now.since(mine.at) >= node.inquiry_interval(receiver);
    let mut next = match before {
        Some(known) if known.is_done(mine.revision) => return Ok(0),
        Some(known) if known.done_at.is_none() => {
            let due = |at: Millis| now.since(at) >= known.pause(node.inquiry_interval(receiver));
            if !known.asked_at.is_none_or(due) {
                return Ok(0);
            }
            Narrowing { again: known.again + u32::from(known.asked_at.is_some()), ..known }
        }
        // What is on its way would only seem to differ.
        _ if !waited && read(&mine.body).iter().any(|l| l.counts.in_flight > 0) => return Ok(0),
        known => Narrowing {
            pass: known.map_or(0, |k| k.pass) + 1,
            step: 1,
            revision: mine.revision,
            open: VecDeque::from([String::new()]),
            ..Narrowing::default()
        },
    };
    // A day that is too old has no leaves any more, however long it was waited for an answer.
    let old = day < Millis(now.0 - node.limits.leaves_keep).day();
    let begins = next.step == 1 && next.asked.is_empty();
    if old {
        next = Narrowing {
            pass: next.pass,
            step: next.step,
            revision: next.revision,
            ..Narrowing::default()
        };
        next.blind = true;
    } else if begins && incomplete(node, &window_of(day, receiver)).await? {
        next.open.clear();
        next.blind = true;
    }
    let controls = ask(node, &mut next, (day, receiver), now).await?;
    commit(node, (day, receiver), next, (None, controls), now).await?;
    Ok(1)
}

/// Whether a restored receiver gets everything again anyway.
async fn given_again(node: &Node, receiver: &NodeCode) -> Result<bool, WorkError> {
    let errands = node.errands().await?;
    Ok(errands.giving.get(receiver).is_some_and(|g| g.done_at.is_none()))
}

/// The next question, or the same one again; none once everything is known.
async fn ask(
    node: &Node,
    next: &mut Narrowing,
    (day, receiver): (canon::Day, &NodeCode),
    now: Millis,
) -> Result<Vec<NewControl>, WorkError> {
    if next.full() && !next.open.is_empty() {
        next.more = true;
        next.open.clear();
        next.asked.clear();
    }
    if next.asked.is_empty() && next.naming.is_empty() {
        let n = next.open.len().min(ASKED_MAX);
        next.asked = next.open.drain(..n).collect();
        if next.asked.is_empty() {
            let n = next.places.len().min(LISTED_MAX);
            next.naming = next.places.drain(..n).collect();
        }
    }
    let question = next.question(day);
    let inquiry = if !next.asked.is_empty() {
        let under: Vec<Prefix> = next.asked.iter().filter_map(|p| p.parse().ok()).collect();
        let buckets = node.store.buckets(&window_of(day, receiver), &under).await?;
        let sums = buckets.into_iter().map(|b| b.map(|b| (b.count, half(&b.sum))));
        Inquiry::Narrow(Narrow { question, at: under.into_iter().zip(sums).collect() })
    } else if !next.naming.is_empty() {
        Inquiry::Names(Names { question, places: next.naming.clone() })
    } else {
        return Ok(Vec::new());
    };
    next.asked_at = Some(now);
    Ok(vec![control::content(Kind::Inquiry, receiver, now.day(), &[inquiry.write()])])
}

/// Keeps how far it is, with what follows; a pass without a further question is done.
async fn commit(
    node: &Node,
    (day, receiver): (canon::Day, &NodeCode),
    mut next: Narrowing,
    (inbox_id, mut controls): (Option<i64>, Vec<NewControl>),
    now: Millis,
) -> Result<(), WorkError> {
    let mut stands = Vec::new();
    if controls.is_empty() && next.done_at.is_none() {
        let found = conclude(node, &mut next, (day, receiver), now).await?;
        stands.push(found.stands()?);
        controls = state(&found, next.question(day));
        next.done_at = Some(now);
    }
    let name = named::name(NARROW, (day, &node.code, receiver));
    stands.push(Stands { name, text: Some(named::text(&next)?) });
    let step = Step { inbox_id, stands, controls, audit: None, now };
    Ok(node.store.commit_step(step).await?)
}

/// The receiver answered which children differ, with lists of the small ones.
pub(crate) async fn narrowed(
    node: &Node,
    inbox_id: i64,
    receiver: &NodeCode,
    answer: Narrowed,
    now: Millis,
) -> Result<(), WorkError> {
    let day = answer.question.day;
    let Some(mut next) = current(node, receiver, answer.question).await? else {
        return drop_parcel(node, inbox_id, now).await;
    };
    let asked: BTreeSet<String> = next.asked.drain(..).collect();
    let told: BTreeSet<String> = answer.at.iter().map(|(p, _)| p.to_string()).collect();
    next.blind = asked.is_disjoint(&told);
    let own = |p: &Prefix| asked.contains(&p.to_string());
    // Deep before broad, so that what is known stays small; what was not told comes first again.
    for prefix in asked.iter().rev().filter(|p| !told.contains(*p) && !next.blind) {
        next.open.push_front(prefix.clone());
    }
    for (prefix, open) in answer.at.iter().rev().filter(|(p, _)| own(p)) {
        for child in (0..16).rev().filter(|d| open >> d & 1 == 1).filter_map(|d| prefix.child(d)) {
            next.open.push_front(child.to_string());
        }
    }
    let lists = answer.lists.into_iter().filter(|(p, _)| p.parent().is_some_and(|p| own(&p)));
    hold_lists(node, &mut next, (day, receiver), lists.collect()).await?;
    next.step += 1;
    next.again = 0;
    let controls = ask(node, &mut next, (day, receiver), now).await?;
    commit(node, (day, receiver), next, (Some(inbox_id), controls), now).await
}

/// The receiver named what it has.
pub(crate) async fn named(
    node: &Node,
    inbox_id: i64,
    receiver: &NodeCode,
    answer: NamedAnswer,
    now: Millis,
) -> Result<(), WorkError> {
    let day = answer.question.day;
    let Some(mut next) = current(node, receiver, answer.question).await? else {
        return drop_parcel(node, inbox_id, now).await;
    };
    next.naming.clear();
    next.theirs.extend(answer.rows.into_iter().map(|r| (r.record, r.sum.to_string())));
    next.step += 1;
    next.again = 0;
    let controls = ask(node, &mut next, (day, receiver), now).await?;
    commit(node, (day, receiver), next, (Some(inbox_id), controls), now).await
}

/// What stands, if the answer is to the question under way; else it is too late to matter.
async fn current(
    node: &Node,
    receiver: &NodeCode,
    question: Question,
) -> Result<Option<Narrowing>, WorkError> {
    let found = known(node, question.day, receiver).await?;
    let now = |n: &Narrowing| n.done_at.is_none() && n.question(question.day) == question;
    Ok(found.filter(now))
}

async fn drop_parcel(node: &Node, inbox_id: i64, now: Millis) -> Result<(), WorkError> {
    let step = Step { inbox_id: Some(inbox_id), now, ..Step::default() };
    Ok(node.store.commit_step(step).await?)
}

/// Holds the receiver's lists against what we have there.
async fn hold_lists(
    node: &Node,
    next: &mut Narrowing,
    (day, receiver): (canon::Day, &NodeCode),
    lists: Vec<(Prefix, Vec<Listed>)>,
) -> Result<(), WorkError> {
    if lists.is_empty() {
        return Ok(());
    }
    let window = window_of(day, receiver);
    for part in lists.chunks(ASKED_MAX) {
        let under: Vec<Prefix> = part.iter().map(|(p, _)| *p).collect();
        let limit = u32::try_from(part.len() * 2 * LISTED_MAX).unwrap_or(u32::MAX);
        let mut ours: BTreeMap<Listed, Vec<Leaf>> = BTreeMap::new();
        for leaf in node.store.leaves(&window, &under, limit).await? {
            ours.entry((leaf.place, short(&leaf.digest))).or_default().push(leaf);
        }
        let mut places = BTreeSet::new();
        for listed in part.iter().flat_map(|(_, listed)| listed) {
            // The same key and content more than once stands there for as many.
            match ours.get_mut(listed).and_then(Vec::pop) {
                Some(_) => {}
                None => drop(places.insert(listed.0)),
            }
        }
        let left = ours.into_values().flatten();
        next.ours.extend(left.map(|leaf| (leaf.id.to_string(), leaf.sum().to_string())));
        next.places.extend(places);
    }
    Ok(())
}

fn short(digest: &[u8; 16]) -> u64 {
    digest[..8].iter().fold(0, |n, b| n << 8 | u64::from(*b))
}

/// What is left once all is named, looked at again as it is now: what came home meanwhile is no
/// difference any more.
async fn conclude(
    node: &Node,
    next: &mut Narrowing,
    (day, receiver): (canon::Day, &NodeCode),
    now: Millis,
) -> Result<Named, WorkError> {
    let ours: BTreeMap<String, String> = std::mem::take(&mut next.ours).into_iter().collect();
    let theirs: BTreeMap<String, String> = std::mem::take(&mut next.theirs).into_iter().collect();
    let all: BTreeSet<&String> = ours.keys().chain(theirs.keys()).collect();
    let ids: Vec<RecordId> = all.iter().filter_map(|r| RecordId::parse(r)).collect();
    let located = node.store.locate(receiver, &ids).await?;
    let places: BTreeMap<String, Place> =
        ids.iter().zip(located).filter_map(|(id, at)| Some((id.to_string(), at?.place))).collect();
    let mut rows = Vec::new();
    for record in all {
        let place = places.get(record).copied();
        let taken = matches!(place, Some(Place::Accepted | Place::Superseded));
        let (cause, detail) = match (ours.get(record), theirs.get(record)) {
            (Some(a), Some(b)) if a == b => continue,
            (Some(a), Some(b)) => (cause::DIFFERS.to_owned(), sums(a, b)),
            (Some(_), None) if taken => (cause::MISSING.to_owned(), String::new()),
            // Given again, or withdrawn meanwhile: the next books say where it is.
            (Some(_), None) | (None, None) => continue,
            (None, Some(b)) if own_leaf(node, (day, receiver), record, b).await? => continue,
            (None, Some(b)) => match place {
                Some(place) if !taken => (place.to_string(), String::new()),
                Some(_) | None => (cause::EXTRA.to_owned(), sums("-", b)),
            },
        };
        rows.push(Difference { record: record.clone(), cause, detail });
    }
    rows.truncate(DIFFERENCES_MAX);
    let (sender, receiver) = (node.code.clone(), receiver.clone());
    Ok(Named { day, sender, receiver, pass: next.pass, at: now, more: next.more, rows })
}

fn sums(ours: &str, theirs: &str) -> String {
    format!("{ours} / {theirs}")
}

/// Whether our books have exactly what the receiver named: another version of the key differed.
async fn own_leaf(
    node: &Node,
    (day, receiver): (canon::Day, &NodeCode),
    record: &str,
    sum: &str,
) -> Result<bool, WorkError> {
    let Some(id) = RecordId::parse(record) else { return Ok(false) };
    let place = canon::key_place(&id.kind, id.key.root(), id.key.part());
    let under = [Prefix::of(place, canon::prefix::PREFIX_DIGITS_MAX)];
    let found = node.store.leaves(&window_of(day, receiver), &under, 1_000).await?;
    let sum: Option<HashSum> = sum.parse().ok();
    Ok(found.iter().any(|leaf| leaf.id == id && Some(leaf.sum()) == sum))
}

/// The statement to the receiver, so that both sides have the names.
fn state(found: &Named, question: Question) -> Vec<NewControl> {
    let row = |d: &Difference| DifferenceRow {
        record: d.record.clone(),
        cause: d.cause.clone(),
        detail: Some(d.detail.clone()).filter(|d| !d.is_empty()),
    };
    let rows: Vec<DifferenceRow> = found.rows.iter().map(row).collect();
    let part = |rows: &[DifferenceRow]| {
        let (sender, more) = (found.sender.clone(), found.more);
        Stated { question, sender, more, rows: rows.to_vec() }.write()
    };
    let mut fragments: Vec<Vec<u8>> = rows.chunks(ROWS_MAX).map(part).collect();
    if fragments.is_empty() {
        fragments.push(part(&[]));
    }
    vec![control::content(Kind::Notice, &found.receiver, found.at.day(), &fragments)]
}
