//! The books of both sides: what each sender counts of its days against what the province counts of
//! the same sender.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use canon::{Day, HashSum, NodeCode};
use exchange::Node;
use exchange::reconcile::heal;
use store::{ManifestRow, Place, Tally};

use super::world::LOOK;
use crate::assemble::{store_failure, work_failure};
use crate::text::Failure;

/// Longest wait for the manifests of both sides.
const PATIENCE: Duration = Duration::from_secs(30);

/// One record type of one sender, both sides.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Line {
    /// Count in each place at the sender, in the order of [`Place::ALL`].
    pub(crate) places: [u64; 10],
    /// The sender's sum over accepted and superseded.
    pub(crate) sum: HashSum,
    /// Accepted and superseded, as the receiver counts.
    pub(crate) answered: u64,
    /// Rejected, as the receiver counts.
    pub(crate) rejected: u64,
    /// The receiver's sum.
    pub(crate) their_sum: HashSum,
}

impl Line {
    /// Records in a place at the sender.
    pub(crate) fn place(&self, place: Place) -> u64 {
        at(&self.places, place)
    }

    /// All that was collected.
    pub(crate) fn collected(&self) -> u64 {
        self.places.iter().sum()
    }

    /// What the sender has receipts for as accepted or superseded.
    pub(crate) fn receipted(&self) -> u64 {
        self.place(Place::Accepted) + self.place(Place::Superseded)
    }

    /// Both sides count and sum the same.
    pub(crate) fn agrees(&self) -> bool {
        self.receipted() == self.answered && self.sum == self.their_sum
    }

    /// Nothing may still change.
    pub(crate) fn is_settled(&self) -> bool {
        [Place::Waiting, Place::Staged, Place::InFlight, Place::AwaitingReview]
            .into_iter()
            .all(|p| self.place(p) == 0)
    }

    /// Adds another line's counts.
    pub(crate) fn merge(&mut self, other: &Self) {
        for (mine, theirs) in self.places.iter_mut().zip(other.places) {
            *mine += theirs;
        }
        self.sum.merge(&other.sum);
        self.answered += other.answered;
        self.rejected += other.rejected;
        self.their_sum.merge(&other.their_sum);
    }
}

fn at(places: &[u64; 10], place: Place) -> u64 {
    Place::ALL.iter().zip(places).filter(|(p, _)| **p == place).map(|(_, n)| n).sum()
}

/// A sender's books by record type, over the given days, against those of a receiver.
pub(crate) async fn books(
    sender: &Node,
    receiver: &Node,
    days: &[Day],
) -> Result<BTreeMap<String, Line>, Failure> {
    let mut lines: BTreeMap<String, Line> = BTreeMap::new();
    let code = &sender.code;
    for day in days {
        let own = sender.store.tallies(*day).await.map_err(store_failure)?;
        for tally in own {
            let line = lines.entry(tally.kind.clone()).or_default();
            for (mine, n) in line.places.iter_mut().zip(tally.places) {
                *mine += n;
            }
            line.sum.merge(&sum(&tally));
        }
        let theirs = receiver.store.tallies_received(code, *day).await;
        for tally in theirs.map_err(store_failure)? {
            let line = lines.entry(tally.kind.clone()).or_default();
            line.answered +=
                at(&tally.places, Place::Accepted) + at(&tally.places, Place::Superseded);
            line.rejected += at(&tally.places, Place::Rejected);
            line.their_sum.merge(&sum(&tally));
        }
    }
    for (_, kinds) in &sender.owes {
        for kind in kinds {
            lines.entry(kind.to_string()).or_default();
        }
    }
    Ok(lines)
}

fn sum(tally: &Tally) -> HashSum {
    tally.sum.parse().unwrap_or_default()
}

/// The days a demo has lived through.
pub(crate) fn days(first: Day, last: Day) -> Vec<Day> {
    (first.0..=last.0).map(Day).collect()
}

/// The manifests of a sender's day, its own and the receiver's answer; waits until they are final,
/// or stop changing.
pub(crate) async fn issued(
    sender: &Node,
    receiver: &NodeCode,
    day: Day,
) -> Result<Option<(ManifestRow, ManifestRow)>, Failure> {
    let began = Instant::now();
    loop {
        let rows = sender.store.manifests(day).await.map_err(store_failure)?;
        let mine = rows.iter().find(|m| m.by == sender.code).cloned();
        let theirs = rows.iter().find(|m| m.by == *receiver).cloned();
        if let (Some(mine), Some(theirs)) = (mine, theirs) {
            let answered = theirs.revision >= mine.revision;
            let lines = exchange::reconcile::read(&mine.body);
            let settled = lines.iter().all(|l| l.counts.is_settled());
            let healing = heal::known(&sender.store, day, (&sender.code, receiver)).await;
            let healing = healing.map_err(work_failure)?;
            let heals = healing.is_some_and(|h| h.done_at.is_none() && h.stopped.is_none());
            if mine.is_final || (answered && !settled && !heals) || began.elapsed() > PATIENCE {
                return Ok(Some((mine, theirs)));
            }
        } else if began.elapsed() > PATIENCE {
            return Ok(None);
        }
        tokio::time::sleep(LOOK).await;
    }
}
