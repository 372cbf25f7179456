//! What moved over time: samples of each link and adapter, for rates, times to empty, and small charts.
//!
//! A sample is counters, not rates, so that a process that was away leaves no false peak: what lies
//! between two samples is shared out over the time between them.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Mutex, PoisonError};

use canon::Millis;
use exchange::WorkError;
use exchange::standing;
use serde::{Deserialize, Serialize};
use store::{NodeStatus, SharedStore};

/// Prefix of what stands in the store: `series/KIND/NAME`.
const SERIES: &str = "series/";
/// From one kept sample to the next, ms.
const SAMPLE_EVERY: i64 = 5 * 60_000;
/// Samples kept of one thing: a week of them.
const SAMPLES_MAX: usize = 7 * 288;
/// How far back the rate now looks, ms.
const RATE_OVER: i64 = 60_000;
/// Most samples between two kept ones, for the rate now.
const RECENT_MAX: usize = 64;

/// Counters at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sample {
    /// When.
    #[serde(rename = "t")]
    pub at: Millis,
    /// What was done since the store was made: accepted over a link, read by an adapter.
    #[serde(rename = "d")]
    pub done: u64,
    /// What waits.
    #[serde(rename = "w")]
    pub waiting: u64,
}

#[derive(Debug, Default)]
struct One {
    kept: VecDeque<Sample>,
    recent: VecDeque<Sample>,
}

/// Samples of everything that moves at a node.
#[derive(Debug, Default)]
pub struct Series {
    all: Mutex<BTreeMap<String, One>>,
}

/// How something moves.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Pace {
    /// Records a second over the last minute; none while nothing is known.
    pub rate: Option<f64>,
    /// Milliseconds until nothing waits any more, at this rate.
    pub empty_in: Option<i64>,
    /// Since when nothing has moved, if something waits.
    pub still_since: Option<Millis>,
}

/// The name of a link's series.
pub fn of_link(link: &str) -> String {
    format!("link/{link}")
}

/// The name of an adapter's series.
pub fn of_adapter(adapter: &str) -> String {
    format!("adapter/{adapter}")
}

fn counted(status: &NodeStatus, at: Millis) -> impl Iterator<Item = (String, Sample)> + '_ {
    let links = status.links.iter().map(move |l| {
        let done = l.accepted + l.rejected;
        let waiting = l.due + l.in_flight + l.unknown;
        (of_link(&l.link), Sample { at, done, waiting })
    });
    let adapters = status.adapters.iter().map(move |a| {
        (of_adapter(&a.adapter), Sample { at, done: a.rows_read, waiting: a.write_backs })
    });
    links.chain(adapters)
}

impl Series {
    /// What a node that ran before had seen.
    ///
    /// # Errors
    /// The store does not answer.
    pub async fn load(&self, store: &SharedStore) -> Result<(), WorkError> {
        let before = standing::read::<VecDeque<Sample>>(store, SERIES).await?;
        let mut all = self.all.lock().unwrap_or_else(PoisonError::into_inner);
        for (name, kept) in before {
            all.entry(name).or_default().kept = kept;
        }
        Ok(())
    }

    /// Takes a look; keeps what is due to be kept.
    ///
    /// # Errors
    /// The store does not answer.
    pub async fn look(
        &self,
        store: &SharedStore,
        status: &NodeStatus,
        now: Millis,
    ) -> Result<(), WorkError> {
        let due: Vec<(String, VecDeque<Sample>)> = {
            let mut all = self.all.lock().unwrap_or_else(PoisonError::into_inner);
            let looked = counted(status, now);
            looked.filter_map(|(name, sample)| taken(&mut all, name, sample)).collect()
        };
        for (name, kept) in due {
            standing::put(store, &format!("{SERIES}{name}"), &kept, now).await?;
        }
        Ok(())
    }

    /// How something moves now.
    pub fn pace(&self, name: &str, now: Millis) -> Pace {
        let all = self.all.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(one) = all.get(name) else { return Pace::default() };
        let Some(last) = one.recent.back() else { return Pace::default() };
        let rate = one.recent.front().and_then(|first| {
            let ms = last.at.since(first.at);
            let done = last.done.saturating_sub(first.done);
            (ms > 0).then(|| done as f64 * 1000.0 / ms as f64)
        });
        let moving = rate.filter(|rate| *rate > 0.0 && last.waiting > 0);
        let empty_in = moving.map(|rate| (last.waiting as f64 * 1000.0 / rate) as i64);
        let changed = one.kept.iter().chain(&one.recent).rev().find(|s| s.done != last.done);
        let first = one.kept.front().or(one.recent.front()).map_or(now, |s| s.at);
        let still_since = (last.waiting > 0 && rate == Some(0.0))
            .then(|| changed.map_or(first, |sample| sample.at));
        Pace { rate, empty_in, still_since }
    }

    /// What was done in each of `parts` equal parts of the time up to now.
    pub fn parts(&self, name: &str, (over, parts): (i64, usize), now: Millis) -> Vec<u64> {
        let all = self.all.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(one) = all.get(name) else { return Vec::new() };
        let from = now.plus(-over);
        let part = (over / i64::try_from(parts).unwrap_or(1).max(1)).max(1);
        let mut out = vec![0; parts];
        for (before, after) in one.kept.iter().zip(one.kept.iter().skip(1)) {
            // What was sampled at the very end belongs to the last part, what is older to none.
            let at = (after.at.0 - from.0 - 1).div_euclid(part);
            if let Some(slot) = usize::try_from(at).ok().and_then(|at| out.get_mut(at)) {
                *slot += after.done.saturating_sub(before.done);
            }
        }
        out
    }
}

/// Puts a sample where it belongs; gives back what is to be kept, where it is time for it.
fn taken(
    all: &mut BTreeMap<String, One>,
    name: String,
    sample: Sample,
) -> Option<(String, VecDeque<Sample>)> {
    let one = all.entry(name.clone()).or_default();
    while one.recent.len() >= RECENT_MAX
        || one.recent.front().is_some_and(|s| sample.at.since(s.at) > RATE_OVER)
    {
        one.recent.pop_front();
    }
    one.recent.push_back(sample);
    if one.kept.back().is_some_and(|last| sample.at.since(last.at) < SAMPLE_EVERY) {
        return None;
    }
    while one.kept.len() >= SAMPLES_MAX {
        one.kept.pop_front();
    }
    one.kept.push_back(sample);
    Some((name, one.kept.clone()))
}

#[cfg(test)]
mod tests {
    use store::LinkStatus;

    use super::*;

    fn status(accepted: u64, due: u64) -> NodeStatus {
        let link = LinkStatus { link: "up".into(), accepted, due, ..LinkStatus::default() };
        NodeStatus { links: vec![link], ..NodeStatus::default() }
    }

    fn looked(looks: &[(i64, u64, u64)]) -> Series {
        let series = Series::default();
        let mut all = series.all.lock().unwrap();
        for (at, accepted, due) in looks {
            for (name, sample) in counted(&status(*accepted, *due), Millis(*at)) {
                drop(taken(&mut all, name, sample));
            }
        }
        drop(all);
        series
    }

    #[test]
    fn a_rate_says_when_the_backlog_is_gone() {
        let series = looked(&[(0, 0, 1_000), (10_000, 200, 800)]);
        let pace = series.pace("link/up", Millis(10_000));
        assert_eq!(pace.rate, Some(20.0));
        assert_eq!(pace.empty_in, Some(40_000));
        assert_eq!(pace.still_since, None);
        assert_eq!(series.pace("link/other", Millis(0)), Pace::default());
    }

    #[test]
    fn a_backlog_that_does_not_move_says_since_when() {
        let series = looked(&[(0, 5, 9), (2_000, 7, 9), (100_000, 7, 9), (150_000, 7, 9)]);
        let pace = series.pace("link/up", Millis(150_000));
        assert_eq!(pace.rate, Some(0.0));
        assert_eq!((pace.empty_in, pace.still_since), (None, Some(Millis(0))));
        let idle = looked(&[(0, 5, 0), (2_000, 5, 0)]);
        assert_eq!(idle.pace("link/up", Millis(2_000)).still_since, None, "nothing waits");
    }

    #[test]
    fn parts_hold_what_was_done_between_samples() {
        let looks: Vec<_> = (0..=6).map(|n| (n * SAMPLE_EVERY, n as u64 * 10, 0)).collect();
        let series = looked(&looks);
        let now = Millis(6 * SAMPLE_EVERY);
        let parts = series.parts("link/up", (6 * SAMPLE_EVERY + 6, 3), now);
        assert_eq!(parts.iter().sum::<u64>(), 60);
        assert!(series.parts("link/none", (1, 3), now).is_empty());
    }
}
