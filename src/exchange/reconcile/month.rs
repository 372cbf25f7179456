//! A month's accounts (月度指标): by sender and receiver, and of what was answered here by the unit that
//! acted and the region where. What they are shown as stands in [`super::rates`].

use std::collections::{BTreeMap, BTreeSet};

use canon::{Day, Lane, NodeCode};
use envelope::control::{ManifestLine, Side};
use store::{BookSide, ManifestRow, SharedStore, UnitCount};

use super::books::{differing, line, read};
use super::excused::{self, Excused, cause};
use super::heard;
use super::named::{self, Supplement};
use crate::error::WorkError;

/// Most days of one account.
pub const MONTH_DAYS_MAX: i32 = 31;

/// What one sender did for one receiver over some days.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Account {
    /// Days that should have been reported: from the first one that was, less the excused ones that
    /// were not.
    pub days: u64,
    /// Days that were.
    pub reported: u64,
    /// Of these, days whose books agree.
    pub agreed: u64,
    /// Records collected.
    pub collected: u64,
    /// Accepted and superseded.
    pub taken: u64,
    /// Of these, those that could be late: no history, and not of an excused day.
    pub due: u64,
    /// Of these, those that came to their end after their day was reported first.
    pub late: u64,
    /// Invalid here or rejected by the receiver.
    pub invalid: u64,
    /// Of the records collected, history (left out of the rate of punctuality).
    pub history: u64,
    /// Accepted and superseded on excused days (left out of the rate of punctuality).
    pub excused: u64,
    /// Marked as reported before the exchange began (left out everywhere).
    pub baseline: u64,
}

/// What one sender brought of one unit in one region, as it was answered here.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UnitAccount {
    /// Numbers of all days.
    pub all: UnitCount,
    /// Numbers of the days that are not excused: what could be late.
    pub due: UnitCount,
}

impl UnitAccount {
    /// Adds another one's numbers.
    pub fn merge(&mut self, other: &Self) {
        self.all.merge(&other.all);
        self.due.merge(&other.due);
    }
}

/// Sender and receiver.
pub type Pair = (NodeCode, NodeCode);

/// The accounts of some days, as one node sees them.
#[derive(Clone, Debug, Default)]
pub struct Accounts {
    /// First and last day.
    pub span: (Day, Day),
    /// By sender and receiver.
    pub pairs: BTreeMap<Pair, Account>,
    /// What was answered here, by sender, unit and region.
    pub units: BTreeMap<(NodeCode, String, String), UnitAccount>,
    /// What nobody is to blame for.
    pub excused: Vec<Excused>,
}

/// Whether a day is excused between two nodes: the receiver's own trouble, as it or the sender saw it,
/// or that it asked the sender to wait.
fn covers(excused: &[Excused], (sender, receiver): (&NodeCode, &NodeCode)) -> bool {
    excused.iter().any(|e| e.node == *receiver || (e.node == *sender && e.cause == cause::DEFER))
}

/// Adds up the days from the first to the last, as one node sees them.
pub async fn of_days(
    store: &SharedStore,
    node: &NodeCode,
    (first, last): (Day, Day),
) -> Result<Accounts, WorkError> {
    let last = Day(last.0.min(first.0 + MONTH_DAYS_MAX - 1));
    let mut accounts = Accounts { span: (first, last), ..Accounts::default() };
    let mut due: BTreeMap<Pair, u64> = BTreeMap::new();
    for day in (first.0..=last.0).map(Day) {
        let excused = excused::of_day(store, day).await?;
        let known: BTreeSet<Pair> = due.keys().cloned().collect();
        let reported = books_of(store, (node, day), &excused, &mut accounts).await?;
        for pair in known.union(&reported) {
            let here = reported.contains(pair);
            let free = !here && covers(&excused, (&pair.0, &pair.1));
            *due.entry(pair.clone()).or_default() += u64::from(!free);
        }
        units_of(store, (node, day), &excused, &mut accounts).await?;
        accounts.excused.extend(excused);
    }
    for (pair, days) in due {
        accounts.pairs.entry(pair).or_default().days = days;
    }
    Ok(accounts)
}

/// The books of a day; gives the pairs that reported it.
async fn books_of(
    store: &SharedStore,
    (node, day): (&NodeCode, Day),
    excused: &[Excused],
    accounts: &mut Accounts,
) -> Result<BTreeSet<Pair>, WorkError> {
    let manifests = store.manifests(day).await?;
    let supplements = named::supplements(store, day).await?;
    let mut reported = BTreeSet::new();
    for row in &manifests {
        let (own, to_us) = (row.by == *node, row.peer == *node);
        let lines: Vec<ManifestLine> =
            read(&row.body).into_iter().filter(|l| l.side == Side::Sender).collect();
        if lines.is_empty() || !(own || to_us) {
            continue;
        }
        let theirs = theirs(store, (node, day), row, &manifests).await?;
        let pair = (row.by.clone(), row.peer.clone());
        let account = accounts.pairs.entry(pair.clone()).or_default();
        account.reported += 1;
        let settled = lines.iter().all(|l| l.counts.is_settled());
        account.agreed +=
            u64::from(settled && theirs.is_some_and(|t| differing(&lines, &t).is_empty()));
        let free = covers(excused, (&pair.0, &pair.1));
        lines.iter().for_each(|l| account.add(l, free));
        if !free {
            let of =
                |(by, to, _): &&(NodeCode, NodeCode, Supplement)| *by == pair.0 && *to == pair.1;
            let late = |(.., s): &(NodeCode, NodeCode, Supplement)| {
                s.more.iter().map(|(_, n)| n).sum::<u64>().saturating_sub(s.history)
            };
            account.late += supplements.iter().filter(of).map(late).sum::<u64>();
        }
        reported.insert(pair);
    }
    Ok(reported)
}

/// The receiver's lines of a window; none while it has not answered our latest.
async fn theirs(
    store: &SharedStore,
    (node, day): (&NodeCode, Day),
    row: &ManifestRow,
    manifests: &[ManifestRow],
) -> Result<Option<Vec<ManifestLine>>, WorkError> {
    if row.by == *node {
        let heard = heard::of_side(manifests, &row.peer, Side::Receiver);
        return Ok((heard.revision >= row.revision).then_some(heard.lines));
    }
    let tallies = store.tallies_received(&row.by, day).await?;
    let told = tallies.iter().filter_map(|t| line(&row.by, day, 0, Side::Receiver, t));
    Ok(Some(told.filter(|l| l.route.destination == *node).collect()))
}

/// What units brought in the windows of a day.
async fn units_of(
    store: &SharedStore,
    (node, day): (&NodeCode, Day),
    excused: &[Excused],
    accounts: &mut Accounts,
) -> Result<(), WorkError> {
    for row in store.units(BookSide::Received, day).await? {
        let free = covers(excused, (&row.peer, node));
        let of = (row.peer, row.count.unit.clone(), row.count.region.clone());
        let account = accounts.units.entry(of).or_default();
        account.all.merge(&row.count);
        if !free {
            account.due.merge(&row.count);
        }
    }
    Ok(())
}

impl Account {
    fn add(&mut self, line: &ManifestLine, excused: bool) {
        let c = &line.counts;
        let taken = c.accepted + c.superseded;
        self.collected += c.collected();
        self.taken += taken;
        self.invalid += c.quarantined + c.rejected;
        self.baseline += line.baseline;
        if line.route.lane == Lane::Bulk {
            self.history += c.collected();
        } else if excused {
            self.excused += taken;
        } else {
            self.due += taken;
        }
    }

    /// Adds another one's numbers.
    pub(super) fn merge(&mut self, other: &Self) {
        self.days += other.days;
        self.reported += other.reported;
        self.agreed += other.agreed;
        self.collected += other.collected;
        self.taken += other.taken;
        self.due += other.due;
        self.late += other.late;
        self.invalid += other.invalid;
        self.history += other.history;
        self.excused += other.excused;
        self.baseline += other.baseline;
    }
}

/// The last day of a month that is over at a moment.
pub fn last_day(first: Day, today: Day) -> Day {
    let next = Day(first.0 + 31).to_string();
    let next = next.get(..7).and_then(|month| Day::parse(&format!("{month}-01")));
    Day((next.unwrap_or(Day(first.0 + 31)).0 - 1).min(today.0 - 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_month_ends_where_it_ends_and_not_after_yesterday() {
        let day = |text| Day::parse(text).expect("a day");
        assert_eq!(last_day(day("2026-02-01"), day("2026-06-01")), day("2026-02-28"));
        assert_eq!(last_day(day("2026-12-01"), day("2027-06-01")), day("2026-12-31"));
        assert_eq!(last_day(day("2026-11-01"), day("2026-11-22")), day("2026-11-21"));
    }
}
