//! How fast the disk fills up: samples of an hour, kept for a week.

use std::collections::VecDeque;

use canon::Millis;
use serde::{Deserialize, Serialize};

const HOUR: i64 = 3_600_000;
const DAY: i64 = 24 * HOUR;
/// Samples kept: a week of them.
const SAMPLES_MAX: usize = 7 * 24;
/// Less than this says nothing about a day, ms.
const SPAN_MIN: i64 = 6 * HOUR;

/// Free bytes over time.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub(super) struct Samples(VecDeque<(Millis, u64)>);

impl Samples {
    /// Takes a sample if the last is old enough; whether it did.
    pub(super) fn take(&mut self, free: u64, now: Millis) -> bool {
        if self.0.back().is_some_and(|(at, _)| now.since(*at) < HOUR) {
            return false;
        }
        while self.0.len() >= SAMPLES_MAX {
            self.0.pop_front();
        }
        self.0.push_back((now, free));
        true
    }

    /// Days until nothing is left, if it goes on as it went; none while it does not shrink or little
    /// is known.
    pub(super) fn days_left(&self, now: Millis) -> Option<f64> {
        let ((first, before), (last, free)) = (self.0.front()?, self.0.back()?);
        let span = last.since(*first);
        let used = before.checked_sub(*free).filter(|used| *used > 0 && span >= SPAN_MIN)?;
        let a_day = used as f64 * DAY as f64 / span as f64;
        let since = now.since(*last) as f64 / DAY as f64;
        Some((*free as f64 / a_day - since).max(0.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_disk_that_fills_says_when_it_is_full() {
        let mut samples = Samples::default();
        assert!(samples.take(1_000, Millis(0)));
        assert!(!samples.take(990, Millis(HOUR - 1)));
        assert!(samples.take(990, Millis(HOUR)));
        assert_eq!(samples.days_left(Millis(HOUR)), None, "an hour says little");
        assert!(samples.take(900, Millis(DAY)));
        assert_eq!(samples.days_left(Millis(DAY)), Some(9.0));
        assert_eq!(samples.days_left(Millis(3 * DAY)), Some(7.0));
        assert!(samples.take(2_000, Millis(2 * DAY)));
        assert_eq!(samples.days_left(Millis(2 * DAY)), None, "it was made larger");
    }

    #[test]
    fn a_week_is_kept() {
        let mut samples = Samples::default();
        for n in 0..1_000 {
            assert!(samples.take(5_000 - n, Millis(n as i64 * HOUR)));
        }
        assert_eq!(samples.0.len(), SAMPLES_MAX);
    }
}
