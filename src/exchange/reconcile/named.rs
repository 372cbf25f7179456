//! What was found of a window below its sums: named differences (明细) and supplements. They stand in the
//! store of both sides, as long as they hold.

use canon::{Day, Lane, Millis, NodeCode};
use envelope::control::ManifestLine;
use serde::{Deserialize, Serialize};
use store::{SharedStore, Stands};

use crate::error::WorkError;
use crate::node::Node;
use crate::standing;

/// Under this prefix stand named differences.
pub const DIFFERENCE: &str = "difference/";
/// Under this prefix stands what was added to a window after it was reported.
pub const SUPPLEMENT: &str = "supplement/";
/// Most differences of a window that one pass names.
pub const DIFFERENCES_MAX: usize = 5_000;
/// Most supplements of one window that stand; later ones are added to the last.
pub const SUPPLEMENTS_MAX: u32 = 99;

/// A window: its day, sender and receiver.
pub(crate) type WindowOf<'a> = (Day, &'a NodeCode, &'a NodeCode);

/// Why two books tell a record differently. Stable words.
pub mod cause {
    /// Accepted by a verified receipt, and the receiver has no such record (收方缺失).
    pub const MISSING: &str = "missing";
    /// The receiver has it, and the sender knows no such record (收方多出).
    pub const EXTRA: &str = "extra";
    /// Both have it, with other content (内容不同).
    pub const DIFFERS: &str = "differs";
    /// The receiver has it, and the sender knows it as not answered: the receipt is not home.
    pub const IN_FLIGHT: &str = "in_flight";
}

/// One named difference.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Difference {
    /// Record id as text.
    pub record: String,
    /// Stable word ([`cause`], or a place).
    pub cause: String,
    /// More for people.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub detail: String,
}

/// The named differences of a window.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Named {
    /// Window day.
    pub day: Day,
    /// Sender of the window.
    pub sender: NodeCode,
    /// Its receiver.
    pub receiver: NodeCode,
    /// The pass that named them.
    pub pass: u32,
    /// When.
    pub at: Millis,
    /// There are more than are named.
    #[serde(default)]
    pub more: bool,
    /// The records, in order of their ids.
    pub rows: Vec<Difference>,
}

impl Named {
    /// What stands of it; nothing where there is no difference.
    pub(crate) fn stands(&self) -> Result<Stands, WorkError> {
        let name = name(DIFFERENCE, (self.day, &self.sender, &self.receiver));
        let text = if self.rows.is_empty() { None } else { Some(text(self)?) };
        Ok(Stands { name, text })
    }
}

/// Records that came to their end after their window was reported.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Supplement {
    /// Its number within the window, from 1.
    pub number: u32,
    /// The revision of the manifest that brought it.
    pub revision: u32,
    /// When that was issued.
    pub at: Millis,
    /// More accepted or superseded, by type; types without any are left out.
    pub more: Vec<(String, u64)>,
    /// Of these, records of history: they have no time to be late for.
    #[serde(default)]
    pub history: u64,
}

/// The name under which something of a window stands.
pub(crate) fn name(prefix: &str, (day, sender, receiver): WindowOf<'_>) -> String {
    format!("{prefix}{day}/{sender}/{receiver}")
}

/// As it stands.
pub(crate) fn text(value: &impl Serialize) -> Result<String, WorkError> {
    serde_json::to_string(value).map_err(|e| WorkError::Own(e.to_string()))
}

/// Named differences of a day, in window order.
pub async fn of_day(store: &SharedStore, day: Day) -> Result<Vec<Named>, WorkError> {
    let found = standing::read(store, &format!("{DIFFERENCE}{day}/")).await?;
    Ok(found.into_iter().map(|(_, named)| named).collect())
}

/// Supplements of a day's windows, with sender and receiver.
pub async fn supplements(
    store: &SharedStore,
    day: Day,
) -> Result<Vec<(NodeCode, NodeCode, Supplement)>, WorkError> {
    let mut found = Vec::new();
    for (name, one) in standing::read(store, &format!("{SUPPLEMENT}{day}/")).await? {
        let mut pair = name.split('/').map(NodeCode::new);
        if let (Some(Some(sender)), Some(Some(receiver))) = (pair.next(), pair.next()) {
            found.push((sender, receiver, one));
        }
    }
    Ok(found)
}

/// What stands of windows is forgotten after so long, ms: a month's rates look back a year.
const KEPT_FOR: i64 = 400 * 86_400_000;
/// Names looked at in one turn.
const FORGOTTEN_PER_TURN: u32 = 500;

/// Forgets what stands of windows long past; whether all that was due is gone.
pub(crate) async fn forget_past(store: &SharedStore, now: Millis) -> Result<bool, WorkError> {
    let before = Millis(now.0 - KEPT_FOR);
    let mut more = false;
    let excused = super::excused::EXCUSED;
    for prefix in [DIFFERENCE, SUPPLEMENT, super::narrow::NARROW, super::heal::HEAL, excused] {
        let names = store.standing_names(prefix, FORGOTTEN_PER_TURN).await?;
        more |= names.len() == FORGOTTEN_PER_TURN as usize && names.iter().all(|n| n.at < before);
        for past in names.iter().filter(|n| n.at < before) {
            store.stand(&past.name, None, now).await?;
        }
    }
    Ok(!more)
}

/// The books of a window agree: nothing is named any more.
pub(crate) async fn forget(node: &Node, window: WindowOf<'_>) -> Result<(), WorkError> {
    let name = name(DIFFERENCE, window);
    if node.store.standing(&name).await?.iter().any(|s| s.name == name) {
        node.store.stand(&name, None, Millis::default()).await?;
    }
    Ok(())
}

/// A later revision of a window that was reported before: what was added to it is a numbered supplement.
pub(crate) async fn supplement(
    store: &SharedStore,
    window: WindowOf<'_>,
    (before, lines): (&[ManifestLine], &[ManifestLine]),
    (revision, now): (u32, Millis),
) -> Result<(), WorkError> {
    let more = added(before, lines);
    let bulk = |lines: &[ManifestLine]| -> Vec<ManifestLine> {
        lines.iter().filter(|l| l.route.lane == Lane::Bulk).cloned().collect()
    };
    let history = added(&bulk(before), &bulk(lines)).iter().map(|(_, n)| n).sum();
    if more.is_empty() {
        return Ok(());
    }
    let prefix = name(SUPPLEMENT, window) + "/";
    let known: Vec<(String, Supplement)> = standing::read(store, &prefix).await?;
    let known: Vec<Supplement> = known.into_iter().map(|(_, one)| one).collect();
    let last = known.iter().map(|s| s.number).max().unwrap_or(0);
    let mut next = Supplement { number: last + 1, revision, at: now, more, history };
    if last >= SUPPLEMENTS_MAX
        && let Some(full) = known.into_iter().find(|s| s.number == last)
    {
        let history = full.history + next.history;
        next = Supplement { number: last, more: merged(full.more, next.more), history, ..next };
    }
    let name = format!("{prefix}{:03}", next.number);
    Ok(store.stand(&name, Some(&text(&next)?), now).await?)
}

/// How many more are accepted or superseded, by type.
fn added(before: &[ManifestLine], now: &[ManifestLine]) -> Vec<(String, u64)> {
    let taken = |lines: &[ManifestLine], kind: &str| -> u64 {
        let of = lines.iter().filter(|l| l.kind == kind);
        of.map(|l| l.counts.accepted + l.counts.superseded).sum()
    };
    let mut kinds: Vec<&str> = now.iter().map(|l| &*l.kind).collect();
    kinds.sort_unstable();
    kinds.dedup();
    let more = |kind: &&str| {
        let more = taken(now, kind).saturating_sub(taken(before, kind));
        (more > 0).then(|| ((*kind).to_owned(), more))
    };
    kinds.iter().filter_map(more).collect()
}

fn merged(mut all: Vec<(String, u64)>, more: Vec<(String, u64)>) -> Vec<(String, u64)> {
    for (kind, n) in more {
        match all.iter_mut().find(|(k, _)| *k == kind) {
            Some(known) => known.1 += n,
            None => all.push((kind, n)),
        }
    }
    all
}
