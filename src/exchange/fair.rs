//! Fairness: hours and budgets of lanes, and what each sender may bring.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use canon::{Lane, Millis, NodeCode};
use store::SharedStore;

use crate::config::{LaneBudget, Limits, Quota};
use crate::error::WorkError;
use crate::pace::{Bucket, Pace};
use crate::standing::{self, BROUGHT, DayUse};

/// How often what a sender brought today is written down, ms.
const WRITTEN_EVERY: i64 = 5_000;

/// What a node's workers know together of lanes and senders.
#[derive(Debug, Default)]
pub struct Fairness {
    /// Hours and budgets by link and lane; a lane that is not here has the limits' rates.
    lanes: BTreeMap<(Arc<str>, Lane), LaneBudget>,
    /// Senders of whom something else is said than the usual.
    quotas: BTreeMap<NodeCode, Quota>,
    /// Rises when a hold or a maintenance was written: who keeps a copy reads it again.
    changes: AtomicU64,
    meters: Mutex<BTreeMap<NodeCode, Meter>>,
}

/// What one sender brought.
#[derive(Debug)]
struct Meter {
    records: Bucket,
    bytes: Bucket,
    today: DayUse,
    last: Millis,
    written: Option<Millis>,
}

/// A sender's parcel that is not taken in now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotNow {
    /// It may come again after this.
    pub until: Millis,
}

impl Fairness {
    /// With these lanes and quotas.
    pub fn new(
        lanes: impl IntoIterator<Item = ((Arc<str>, Lane), LaneBudget)>,
        quotas: impl IntoIterator<Item = (NodeCode, Quota)>,
    ) -> Self {
        let (lanes, quotas) = (lanes.into_iter().collect(), quotas.into_iter().collect());
        Self { lanes, quotas, ..Self::default() }
    }

    /// The pace of a link and lane.
    pub fn pace(&self, link: &Arc<str>, lane: Lane, limits: &Limits) -> Pace {
        let (records, bytes) = limits.rate(lane);
        let own = self.lanes.get(&(Arc::clone(link), lane));
        Pace::new(
            own.and_then(|b| b.records_per_second).unwrap_or(records),
            own.and_then(|b| b.bytes_per_second).unwrap_or(bytes),
        )
    }

    /// Until when a lane of a link is closed by its hours.
    pub fn closed_until(&self, link: &Arc<str>, lane: Lane, now: Millis) -> Option<Millis> {
        self.lanes.get(&(Arc::clone(link), lane))?.closed_until(now)
    }

    /// How often holds and maintenance have changed.
    pub fn changes(&self) -> u64 {
        self.changes.load(Ordering::Acquire)
    }

    /// A hold or a maintenance was written.
    pub fn changed(&self) {
        self.changes.fetch_add(1, Ordering::AcqRel);
    }

    /// The smallest share of the inbox that a sender may fill.
    pub fn smallest_share(&self, limits: &Limits) -> u32 {
        let own = self.quotas.values().map(|q| q.inbox_share).min();
        own.unwrap_or(100).min(limits.sender_inbox_share)
    }

    /// What a sender may bring.
    pub fn quota(&self, sender: &NodeCode, limits: &Limits) -> Quota {
        self.quotas.get(sender).copied().unwrap_or_else(|| Quota::usual(limits))
    }

    fn meters(&self) -> MutexGuard<'_, BTreeMap<NodeCode, Meter>> {
        // Every change under the lock is complete before anything can panic.
        self.meters.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether a parcel of a sender is taken in at `now`; takes its bytes from the quota if so.
    /// `waiting` is how many parcels each sender has in the inbox, once that is worth knowing.
    pub fn admit(
        &self,
        sender: &NodeCode,
        bytes: usize,
        waiting: Option<&BTreeMap<NodeCode, u64>>,
        limits: &Limits,
        now: Millis,
    ) -> Result<(), NotNow> {
        let quota = self.quota(sender, limits);
        let mut meters = self.meters();
        let about = meters
            .iter()
            .any(|(other, m)| other != sender && now.since(m.last) <= limits.sender_about);
        let meter = meters.entry(sender.clone()).or_insert_with(|| Meter::new(&quota, None, now));
        meter.turn(now);
        meter.last = meter.last.max(now);
        if let Some(until) = meter.spent(&quota, now) {
            return Err(NotNow { until });
        }
        // A sender that is alone may fill the whole inbox: nobody is kept out.
        let share = i64::from(quota.inbox_share) * limits.inbox_parcels_max / 100;
        let here = waiting.and_then(|w| w.get(sender)).copied().unwrap_or(0);
        if about && here >= share.max(1).unsigned_abs() {
            return Err(NotNow { until: now.plus(limits.defer_wait) });
        }
        meter.bytes.take(now, bytes as u64);
        meter.today.bytes += bytes as u64;
        Ok(())
    }

    /// Takes records of a sender from its quota: how many there are is seen when a parcel is
    /// opened.
    pub fn charge(&self, sender: &NodeCode, records: u64, now: Millis) {
        if let Some(meter) = self.meters().get_mut(sender) {
            meter.turn(now);
            meter.records.take(now, records);
            meter.today.records += records;
        }
    }

    /// Whether somebody's day is counted.
    fn counts_days(&self, limits: &Limits) -> bool {
        let counted = |q: &Quota| q.records_per_day > 0 || q.bytes_per_day > 0;
        counted(&Quota::usual(limits)) || self.quotas.values().any(counted)
    }

    /// Takes up what was brought today before the process began.
    pub async fn load(
        &self,
        store: &SharedStore,
        limits: &Limits,
        now: Millis,
    ) -> Result<(), WorkError> {
        if !self.counts_days(limits) {
            return Ok(());
        }
        for (name, today) in standing::read::<DayUse>(store, BROUGHT).await? {
            let Some(sender) = NodeCode::new(&name) else { continue };
            let quota = self.quota(&sender, limits);
            // When it came last is not known: it does not count as about.
            let long_ago = Millis(now.0.saturating_sub(limits.sender_about + 1));
            let meter = Meter::new(&quota, Some(today), long_ago);
            self.meters().entry(sender).or_insert(meter);
        }
        Ok(())
    }

    /// Writes down what was brought today, now and then.
    pub async fn save(
        &self,
        store: &SharedStore,
        limits: &Limits,
        now: Millis,
    ) -> Result<(), WorkError> {
        if !self.counts_days(limits) {
            return Ok(());
        }
        let due: Vec<(NodeCode, DayUse)> = self
            .meters()
            .iter_mut()
            .filter(|(_, m)| m.written.is_none_or(|at| now.since(at) >= WRITTEN_EVERY))
            .filter(|(_, m)| m.today.records > 0 || m.today.bytes > 0)
            .map(|(sender, m)| {
                m.written = Some(now);
                (sender.clone(), m.today)
            })
            .collect();
        for (sender, today) in due {
            standing::put(store, &format!("{BROUGHT}{sender}"), &today, now).await?;
        }
        Ok(())
    }
}

impl Meter {
    fn new(quota: &Quota, today: Option<DayUse>, now: Millis) -> Self {
        Self {
            records: Bucket::new(quota.records_per_second),
            bytes: Bucket::new(quota.bytes_per_second),
            today: today.unwrap_or(DayUse { day: now.day(), records: 0, bytes: 0 }),
            last: now,
            written: None,
        }
    }

    /// A new day begins with nothing.
    fn turn(&mut self, now: Millis) {
        if now.day() > self.today.day {
            self.today = DayUse { day: now.day(), records: 0, bytes: 0 };
        }
    }

    /// Until when the quota is used up.
    fn spent(&mut self, quota: &Quota, now: Millis) -> Option<Millis> {
        let day = (quota.records_per_day > 0 && self.today.records >= quota.records_per_day)
            || (quota.bytes_per_day > 0 && self.today.bytes >= quota.bytes_per_day);
        if day {
            return Some(self.today.day.end());
        }
        let free = self.records.free_at(now).max(self.bytes.free_at(now));
        (free > now).then_some(free)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(c: &str) -> NodeCode {
        NodeCode::new(c).unwrap()
    }

    fn at(time: &str) -> Millis {
        Millis::parse(time).unwrap()
    }

    #[test]
    fn a_sender_alone_fills_the_inbox_and_among_others_its_share() {
        let limits = Limits { inbox_parcels_max: 10, ..Limits::default() };
        let fair = Fairness::default();
        let now = at("2026-11-21 08:00:00");
        let waiting = BTreeMap::from([(code("flood"), 9)]);
        assert_eq!(fair.admit(&code("flood"), 1, Some(&waiting), &limits, now), Ok(()));
        assert_eq!(fair.admit(&code("quiet"), 1, Some(&waiting), &limits, now), Ok(()));
        let not_now = NotNow { until: now.plus(limits.defer_wait) };
        assert_eq!(fair.admit(&code("flood"), 1, Some(&waiting), &limits, now), Err(not_now));
        let later = now.plus(limits.sender_about + 1);
        assert_eq!(fair.admit(&code("flood"), 1, Some(&waiting), &limits, later), Ok(()));
    }

    #[test]
    fn a_used_up_day_waits_for_the_next_and_a_used_up_second_for_the_next() {
        let quota = Quota {
            records_per_second: 100,
            records_per_day: 500,
            ..Quota::usual(&Limits::default())
        };
        let fair = Fairness::new([], [(code("a"), quota)]);
        let limits = Limits::default();
        let now = at("2026-11-21 23:59:50");
        assert_eq!(fair.admit(&code("a"), 1, None, &limits, now), Ok(()));
        fair.charge(&code("a"), 300, now);
        let not_now = fair.admit(&code("a"), 1, None, &limits, now).unwrap_err();
        assert_eq!(not_now.until, now.plus(2_001), "the debt of 200 records is paid in 2 s");
        assert_eq!(fair.admit(&code("a"), 1, None, &limits, now.plus(2_001)), Ok(()));
        fair.charge(&code("a"), 200, now.plus(2_001));
        let not_now = fair.admit(&code("a"), 1, None, &limits, now.plus(5_000)).unwrap_err();
        assert_eq!(not_now.until.to_string(), "2026-11-22 00:00:00");
        assert_eq!(fair.admit(&code("a"), 1, None, &limits, not_now.until), Ok(()));
        assert_eq!(fair.admit(&code("b"), 1, None, &limits, now), Ok(()), "others have their own");
    }
}
