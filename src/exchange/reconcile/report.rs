//! What people are shown of a day (日对账): the totals of each window (总账), what is outstanding and what
//! differs record by record (明细), why (原因), whether the day agrees (对账一致), and what happens next.

use std::collections::BTreeMap;

use canon::{Day, HashSum, Millis, NodeCode};
use envelope::control::{Counts, ManifestLine, Side};
use store::{HopCount, ManifestRow, Outstanding, SharedStore};

use super::books::{line, read};
use super::heal::{self, Healing};
use super::heard;
use super::named::{self, Named, Supplement};
use super::narrow;
use crate::counted::{self, Counted};
use crate::error::WorkError;

/// Most outstanding records that a report names, per day.
pub const OUTSTANDING_MAX: u32 = 5_000;
/// How long a parcel that was passed on may be without a word before it counts as unknown, ms.
const HOP_PATIENCE: i64 = 1_800_000;

/// Whether a window agrees.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Sums are equal, and nothing in it can change (对账一致).
    Agrees,
    /// Sums are equal, and something waits, is staged, under way or at a reviewer.
    Unsettled,
    /// Sums differ.
    Differs,
    /// The receiver has not answered our latest books.
    Unanswered,
    /// The sender has not reported the day.
    Unreported,
}

impl Verdict {
    /// Stable word.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Agrees => "agrees",
            Self::Unsettled => "unsettled",
            Self::Differs => "differs",
            Self::Unanswered => "unanswered",
            Self::Unreported => "unreported",
        }
    }
}

/// One record type of a window.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TypeLine {
    /// Type.
    pub kind: String,
    /// The sender's places.
    pub counts: Counts,
    /// Accepted and superseded, as the receiver answered; none before it has.
    pub answered: Option<u64>,
    /// Whether the two sums are equal.
    pub same: bool,
    /// Reported before the exchange began.
    pub baseline: u64,
}

/// One window.
#[derive(Clone, Debug)]
pub struct WindowReport {
    /// Sender.
    pub sender: NodeCode,
    /// Receiver.
    pub receiver: NodeCode,
    /// The revision of the sender's books.
    pub revision: u32,
    /// When they were issued; none before.
    pub issued: Option<Millis>,
    /// Whether it agrees.
    pub verdict: Verdict,
    /// Types, in order.
    pub lines: Vec<TypeLine>,
    /// Named differences.
    pub named: Option<Named>,
    /// Own records that are not accepted or superseded.
    pub outstanding: Vec<Outstanding>,
    /// What came after the day was first reported.
    pub supplements: Vec<Supplement>,
    /// How far healing is.
    pub healing: Option<Healing>,
    /// How far the difference is narrowed down, where we ask.
    pub narrowing: Narrowing,
}

/// How far a difference is narrowed down.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Narrowing {
    /// How often the question under way was asked again without an answer.
    pub unanswered: u32,
    /// One of the two has no leaves of that day: only totals can be compared.
    pub blind: bool,
}

/// A day as one node sees it.
#[derive(Clone, Debug)]
pub struct DayReport {
    /// The day.
    pub day: Day,
    /// Whose view.
    pub node: NodeCode,
    /// Its windows: own ones by receiver, then those of others by sender.
    pub windows: Vec<WindowReport>,
    /// There are more outstanding records than are named.
    pub more: bool,
    /// What its sources said last.
    pub sources: Vec<Counted>,
    /// What its links carried of the parcels that came to it on that day, by its own counters.
    pub hops: Vec<HopCount>,
}

impl DayReport {
    /// Whether every window agrees.
    pub fn agrees(&self) -> bool {
        self.windows.iter().all(|w| w.verdict == Verdict::Agrees)
    }
}

/// Reads a day out of a node's store, as it is now.
pub async fn of_day(
    store: &SharedStore,
    node: &NodeCode,
    (day, now): (Day, Millis),
) -> Result<DayReport, WorkError> {
    let manifests = store.manifests(day).await?;
    let named = named::of_day(store, day).await?;
    let supplements = named::supplements(store, day).await?;
    let outstanding = store.outstanding(day, OUTSTANDING_MAX).await?;
    let more = outstanding.len() >= OUTSTANDING_MAX as usize;
    let mut windows = Vec::new();
    for (receiver, live) in own_books(store, node, day, &manifests).await? {
        let mine = manifests.iter().find(|m| m.by == *node && m.peer == receiver);
        let theirs = heard::of_side(&manifests, &receiver, Side::Receiver);
        let mut window = window(node, &receiver, &live, (mine, &theirs));
        window.named = of(&named, node, &receiver);
        window.outstanding =
            outstanding.iter().filter(|o| o.destination == receiver).cloned().collect();
        window.supplements = added(&supplements, node, &receiver);
        window.healing = heal::known(store, day, (node, &receiver)).await?;
        let asked = narrow::of_window(store, (day, node, &receiver)).await?;
        window.narrowing = asked
            .map_or_else(Narrowing::default, |n| Narrowing { unanswered: n.again, blind: n.blind });
        windows.push(window);
    }
    for row in manifests.iter().filter(|m| m.by != *node && m.peer == *node) {
        let heard = heard::of_side(&manifests, &row.by, Side::Sender);
        if heard.lines.is_empty() {
            continue;
        }
        let tallies = store.tallies_received(&row.by, day).await?;
        let told = tallies.iter().filter_map(|t| line(&row.by, day, 0, Side::Receiver, t));
        let told = told.filter(|l| l.route.destination == *node).collect();
        let answer = heard::Heard { revision: heard.revision, lines: told };
        let mut window = window(&row.by, node, &heard.lines, (Some(row), &answer));
        window.named = of(&named, &row.by, node);
        window.supplements = added(&supplements, &row.by, node);
        windows.push(window);
    }
    let sources = counted::all(store).await?;
    let hops = store.hops(day, now.plus(-HOP_PATIENCE)).await?;
    Ok(DayReport { day, node: node.clone(), windows, more, sources, hops })
}

fn of(named: &[Named], sender: &NodeCode, receiver: &NodeCode) -> Option<Named> {
    named.iter().find(|n| n.sender == *sender && n.receiver == *receiver).cloned()
}

fn added(
    all: &[(NodeCode, NodeCode, Supplement)],
    sender: &NodeCode,
    receiver: &NodeCode,
) -> Vec<Supplement> {
    let of = all.iter().filter(|(by, to, _)| by == sender && to == receiver);
    of.map(|(.., one)| one.clone()).collect()
}

/// Own books by receiver: as they are now, with the zero lines of what was issued.
async fn own_books(
    store: &SharedStore,
    node: &NodeCode,
    day: Day,
    manifests: &[ManifestRow],
) -> Result<BTreeMap<NodeCode, Vec<ManifestLine>>, WorkError> {
    let mut books: BTreeMap<NodeCode, Vec<ManifestLine>> = BTreeMap::new();
    for tally in store.tallies(day).await? {
        if let Some(line) = line(node, day, 0, Side::Sender, &tally) {
            books.entry(line.route.destination.clone()).or_default().push(line);
        }
    }
    for mine in manifests.iter().filter(|m| m.by == *node) {
        let lines = books.entry(mine.peer.clone()).or_default();
        for issued in read(&mine.body).into_iter().filter(|l| l.side == Side::Sender) {
            let same = |l: &&mut ManifestLine| l.route == issued.route && l.kind == issued.kind;
            match lines.iter_mut().find(same) {
                Some(live) => live.baseline = live.baseline.max(issued.baseline),
                None if issued.counts.collected() == 0 => lines.push(issued),
                None => {}
            }
        }
    }
    Ok(books)
}

#[derive(Default)]
struct Sums {
    counts: Counts,
    sum: HashSum,
    baseline: u64,
}

fn by_kind(lines: &[ManifestLine]) -> BTreeMap<String, Sums> {
    let mut kinds: BTreeMap<String, Sums> = BTreeMap::new();
    for l in lines {
        let sums = kinds.entry(l.kind.clone()).or_default();
        let c = &mut sums.counts;
        c.quarantined += l.counts.quarantined;
        c.waiting += l.counts.waiting;
        c.staged += l.counts.staged;
        c.in_flight += l.counts.in_flight;
        c.awaiting_review += l.counts.awaiting_review;
        c.accepted += l.counts.accepted;
        c.superseded += l.counts.superseded;
        c.rejected += l.counts.rejected;
        c.voided += l.counts.voided;
        c.dead += l.counts.dead;
        sums.sum.merge(&l.sum);
        sums.baseline += l.baseline;
    }
    kinds
}

fn window(
    sender: &NodeCode,
    receiver: &NodeCode,
    own: &[ManifestLine],
    (issued, answer): (Option<&ManifestRow>, &heard::Heard),
) -> WindowReport {
    let (mine, theirs) = (by_kind(own), by_kind(&answer.lines));
    let revision = issued.map_or(0, |m| m.revision);
    let answered = issued.is_some() && answer.revision >= revision;
    let mut lines = Vec::new();
    let kinds: std::collections::BTreeSet<&String> = mine.keys().chain(theirs.keys()).collect();
    for kind in kinds {
        let none = Sums::default();
        let (own, other) = (mine.get(kind).unwrap_or(&none), theirs.get(kind).unwrap_or(&none));
        let taken = |s: &Sums| s.counts.accepted + s.counts.superseded;
        lines.push(TypeLine {
            kind: kind.clone(),
            counts: own.counts,
            answered: answered.then(|| taken(other)),
            same: taken(own) == taken(other) && own.sum == other.sum,
            baseline: own.baseline,
        });
    }
    let verdict = if issued.is_none() {
        Verdict::Unreported
    } else if !answered {
        Verdict::Unanswered
    } else if lines.iter().any(|l| !l.same) {
        Verdict::Differs
    } else if lines.iter().all(|l| l.counts.is_settled()) {
        Verdict::Agrees
    } else {
        Verdict::Unsettled
    };
    WindowReport {
        sender: sender.clone(),
        receiver: receiver.clone(),
        revision,
        issued: issued.map(|m| m.at),
        verdict,
        lines,
        named: None,
        outstanding: Vec::new(),
        supplements: Vec::new(),
        healing: None,
        narrowing: Narrowing::default(),
    }
}
