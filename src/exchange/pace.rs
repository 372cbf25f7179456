//! Budgets over the given time, by `governor`: records and bytes a second.

use std::num::NonZeroU32;
use std::time::Duration;

use canon::Millis;
use governor::clock::{Clock, FakeRelativeClock};
use governor::middleware::NoOpMiddleware;
use governor::nanos::Nanos;
use governor::state::{InMemoryState, NotKeyed};
use governor::{Quota, RateLimiter};

type Limiter = RateLimiter<NotKeyed, InMemoryState, FakeRelativeClock, NoOpMiddleware<Nanos>>;

/// Fewest cells of a limiter's second: smaller budgets are cut finer, so that one cell is next to
/// nothing.
const CELLS_MIN: u32 = 1_000;
/// Most cells of a limiter's second: its interval is whole nanoseconds, and with fewer than a
/// thousand of them rounding would be felt.
const CELLS_MAX: u32 = 1_000_000;
/// How far the limiter's clock goes at once while something is owed: it holds one second's worth
/// at most, and what came beyond that would pay nothing back.
const STEP_MS: u64 = 250;

/// A budget of so much a second. Whoever finds one cell in it may take any amount; what was not
/// there is owed and paid back before the next may go, so that the average holds however large the
/// pieces are. A rate of 0 is no limit.
#[derive(Debug)]
pub struct Bucket {
    limit: Option<Limit>,
    last: Option<Millis>,
}

#[derive(Debug)]
struct Limit {
    limiter: Limiter,
    clock: FakeRelativeClock,
    /// Units of one cell, for large budgets.
    units: u32,
    /// Cells of one unit, for small ones.
    parts: u32,
    /// Cells of a full budget.
    cells: NonZeroU32,
    /// Cells taken that were not there.
    owed: u64,
    /// Whether one cell was taken for whoever goes next.
    ahead: bool,
}

impl Limit {
    fn new(rate: u32) -> Option<Self> {
        let rate = NonZeroU32::new(rate)?.get();
        let (units, parts) = (rate.div_ceil(CELLS_MAX), CELLS_MIN.div_ceil(rate));
        let cells = NonZeroU32::new(rate / units * parts)?;
        let clock = FakeRelativeClock::default();
        let limiter = RateLimiter::direct_with_clock(Quota::per_second(cells), clock.clone());
        Some(Self { limiter, clock, units, parts, cells, owed: 0, ahead: false })
    }

    /// Time passes: what comes in meanwhile pays what is owed.
    fn pass(&mut self, mut ms: u64) {
        while ms > 0 {
            self.pay();
            let step = if self.owed > 0 { ms.min(STEP_MS) } else { ms };
            self.clock.advance(Duration::from_millis(step));
            ms -= step;
        }
    }

    fn has(&self, cells: u64) -> bool {
        let cells = u32::try_from(cells).ok().and_then(NonZeroU32::new);
        cells.is_some_and(|n| matches!(self.limiter.check_n(n), Ok(Ok(()))))
    }

    /// Pays as much as there is: the limiter only says whether a number of cells is there, so the
    /// number is halved until it is.
    fn pay(&mut self) {
        let mut piece = self.owed.min(self.cells.get().into());
        while piece > 0 && self.owed > 0 {
            piece = piece.min(self.owed);
            if self.has(piece) {
                self.owed -= piece;
            } else {
                piece /= 2;
            }
        }
    }

    /// How long until everything is paid and one cell is there. It is taken, so that asking twice
    /// costs no more than asking once.
    fn wait(&mut self) -> Duration {
        self.pay();
        if self.ahead {
            return Duration::ZERO;
        }
        match self.limiter.check() {
            // Nothing is owed any more, else this cell would have paid for it.
            Ok(()) => {
                self.ahead = true;
                Duration::ZERO
            }
            Err(not_yet) => {
                let cell = u64::from(1_000_000_000 / self.cells);
                let rest = Duration::from_nanos(cell.saturating_mul(self.owed));
                not_yet.wait_time_from(self.clock.now()) + rest
            }
        }
    }

    fn take(&mut self, amount: u64) {
        let cells = amount.div_ceil(self.units.into()).saturating_mul(self.parts.into());
        let paid = u64::from(std::mem::take(&mut self.ahead));
        self.owed = self.owed.saturating_add(cells.saturating_sub(paid));
        self.pay();
    }
}

impl Bucket {
    /// A full bucket.
    pub fn new(rate: u32) -> Self {
        Self { limit: Limit::new(rate), last: None }
    }

    /// The limit with its clock moved to `now`, never back.
    fn at(&mut self, now: Millis) -> Option<&mut Limit> {
        let passed = self.last.map_or(0, |last| now.since(last));
        self.last = Some(self.last.map_or(now, |last| last.max(now)));
        let limit = self.limit.as_mut()?;
        limit.pass(u64::try_from(passed).unwrap_or(0));
        Some(limit)
    }

    /// When something may go: now, or later.
    pub fn free_at(&mut self, now: Millis) -> Millis {
        let wait = self.at(now).map_or(Duration::ZERO, Limit::wait);
        let ms = wait.as_nanos().div_ceil(1_000_000);
        now.plus(i64::try_from(ms).unwrap_or(i64::MAX))
    }

    /// Takes so much, into debt if need be.
    pub fn take(&mut self, now: Millis, amount: u64) {
        if let Some(limit) = self.at(now) {
            limit.take(amount);
        }
    }
}

/// Both budgets of one link and lane. A budget of 0 is no limit.
#[derive(Debug)]
pub struct Pace {
    records: Bucket,
    bytes: Bucket,
}

impl Pace {
    /// Budgets a second.
    pub fn new(records_per_second: u32, bytes_per_second: u32) -> Self {
        Self { records: Bucket::new(records_per_second), bytes: Bucket::new(bytes_per_second) }
    }

    /// Whether a parcel of `records` and `bytes` may go at `now`. Takes both budgets if so.
    pub fn allows(&mut self, now: Millis, records: u32, bytes: usize) -> bool {
        if self.records.free_at(now) > now || self.bytes.free_at(now) > now {
            return false;
        }
        self.records.take(now, u64::from(records));
        self.bytes.take(now, bytes as u64);
        true
    }
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
        assert!(pace.allows(Millis(5000), 9_999, 1), "a large parcel goes into debt");
        assert!(!pace.allows(Millis(13_900), 1, 1), "and the debt is paid back first");
        assert!(pace.allows(Millis(14_001), 1, 1));
    }

    #[test]
    fn the_average_holds_whatever_the_size_of_the_pieces() {
        // 2 Mbit/s in parcels of 4 MiB, asked every 50 ms for an hour.
        let mut pace = Pace::new(0, 250_000);
        let sent: u64 = (0..72_000)
            .filter(|n| pace.allows(Millis(n * 50), 500, 4 << 20))
            .map(|_| 4_u64 << 20)
            .sum();
        let per_second = sent / 3600;
        assert!((245_000..=252_000).contains(&per_second), "{per_second}");
    }

    #[test]
    fn one_empty_budget_does_not_use_up_the_other() {
        let mut pace = Pace::new(10, 1_000);
        assert!(pace.allows(Millis(0), 1, 5_000));
        assert!((0..400).all(|n| !pace.allows(Millis(n * 10), 1, 1)));
        assert!(pace.allows(Millis(4_100), 10, 1), "records were not taken meanwhile");
    }

    #[test]
    fn no_budget_is_no_limit_and_a_clock_that_goes_back_gives_nothing() {
        let mut pace = Pace::new(0, 0);
        assert!((0..1000).all(|_| pace.allows(Millis(0), 500, 1 << 20)));
        let mut bucket = Bucket::new(1);
        bucket.take(Millis(10_000), 2);
        assert_eq!(bucket.free_at(Millis(0)), Millis(1_001));
        assert_eq!(bucket.free_at(Millis(10_500)), Millis(11_001));
    }

    #[test]
    fn a_debt_is_paid_back_also_when_nobody_asks_meanwhile() {
        let mut bucket = Bucket::new(3);
        bucket.take(Millis(0), 3_003);
        assert_eq!(bucket.free_at(Millis(1_000_500)), Millis(1_000_500));
        bucket.take(Millis(1_000_500), 3);
        assert!(bucket.free_at(Millis(1_000_500)) > Millis(1_000_500));
    }

    #[test]
    fn asking_often_costs_nothing_and_high_rates_keep_their_average() {
        for rate in [3, 250_000, 33_554_432, u32::MAX] {
            let mut bucket = Bucket::new(rate);
            let mut went = 0_u64;
            // Pieces of a quarter second's worth, asked three times each.
            let piece = u64::from(rate).div_ceil(4);
            for n in 0..100_000 {
                let now = Millis(n);
                if (0..3).all(|_| bucket.free_at(now) == now) {
                    bucket.take(now, piece);
                    went += piece;
                }
            }
            let share = went as f64 / (f64::from(rate) * 101.0);
            assert!((0.99..1.01).contains(&share), "{rate}: {share}");
        }
    }
}
