//! The pace of a link and lane: records and bytes a second, by `governor` over the given time.

use std::num::NonZeroU32;
use std::time::Duration;

use canon::Millis;
use governor::clock::FakeRelativeClock;
use governor::middleware::NoOpMiddleware;
use governor::nanos::Nanos;
use governor::state::{InMemoryState, NotKeyed};
use governor::{Quota, RateLimiter};

type Limiter = RateLimiter<NotKeyed, InMemoryState, FakeRelativeClock, NoOpMiddleware<Nanos>>;

/// Both budgets of one link and lane. A budget of 0 is no limit.
pub struct Pace {
    clock: FakeRelativeClock,
    last: Option<Millis>,
    records: Option<(Limiter, u32)>,
    bytes: Option<(Limiter, u32)>,
}

impl Pace {
    /// Budgets a second.
    pub fn new(records_per_second: u32, bytes_per_second: u32) -> Self {
        let clock = FakeRelativeClock::default();
        let limiter = |rate| {
            let rate = NonZeroU32::new(rate)?;
            let limiter = RateLimiter::direct_with_clock(Quota::per_second(rate), clock.clone());
            Some((limiter, rate.get()))
        };
        Self {
            records: limiter(records_per_second),
            bytes: limiter(bytes_per_second),
            clock: clock.clone(),
            last: None,
        }
    }

    /// Whether a parcel of `records` and `bytes` may go at `now`. Takes both budgets if so. A
    /// parcel above a whole second's budget goes when that budget is full.
    pub fn allows(&mut self, now: Millis, records: u32, bytes: usize) -> bool {
        if let Some(last) = self.last {
            self.clock.advance(Duration::from_millis(now.since(last) as u64));
        }
        self.last = Some(self.last.map_or(now, |l| l.max(now)));
        take(&self.records, records) && take(&self.bytes, u32::try_from(bytes).unwrap_or(u32::MAX))
    }
}

fn take(budget: &Option<(Limiter, u32)>, n: u32) -> bool {
    let Some((limiter, rate)) = budget else { return true };
    let Some(n) = NonZeroU32::new(n.min(*rate)) else { return true };
    matches!(limiter.check_n(n), Ok(Ok(())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_brings_a_seconds_budget() {
        let mut pace = Pace::new(1000, 0);
        assert!(pace.allows(Millis(0), 500, 1));
        assert!(pace.allows(Millis(0), 500, 1));
        assert!(!pace.allows(Millis(0), 500, 1));
        assert!(pace.allows(Millis(501), 500, 1));
        assert!(pace.allows(Millis(5000), 9_999, 1), "a large parcel takes a full budget");
        assert!(!pace.allows(Millis(5001), 500, 1));
    }

    #[test]
    fn no_budget_is_no_limit() {
        let mut pace = Pace::new(0, 0);
        assert!((0..1000).all(|_| pace.allows(Millis(0), 500, 1 << 20)));
    }
}
