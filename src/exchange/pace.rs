//! Budgets over the given time: records and bytes a second.

use canon::Millis;

/// A budget of so much a second. Whoever finds it above zero may take any amount; the debt is paid
/// back before the next may go, so that the average holds however large the pieces are. A rate of
/// 0 is no limit.
#[derive(Clone, Copy, Debug)]
pub struct Bucket {
    rate: u32,
    /// Thousandths of a unit; at most one second's worth.
    level: i64,
    last: Option<Millis>,
}

impl Bucket {
    /// A full bucket.
    pub const fn new(rate: u32) -> Self {
        Self { rate, level: rate as i64 * 1000, last: None }
    }

    fn fill(&mut self, now: Millis) {
        let passed = self.last.map_or(0, |last| now.since(last));
        let full = i64::from(self.rate) * 1000;
        self.level = self.level.saturating_add(i64::from(self.rate).saturating_mul(passed));
        self.level = self.level.min(full);
        self.last = Some(self.last.map_or(now, |last| last.max(now)));
    }

    /// When something may go: now, or later.
    pub fn free_at(&mut self, now: Millis) -> Millis {
        self.fill(now);
        if self.rate == 0 || self.level > 0 {
            return now;
        }
        let missing = 1 - self.level;
        now.plus(missing.unsigned_abs().div_ceil(u64::from(self.rate)).cast_signed())
    }

    /// Takes so much, into debt if need be.
    pub fn take(&mut self, now: Millis, amount: u64) {
        self.fill(now);
        if self.rate > 0 {
            let amount = i64::try_from(amount).unwrap_or(i64::MAX).saturating_mul(1000);
            self.level = self.level.saturating_sub(amount);
        }
    }
}

/// Both budgets of one link and lane. A budget of 0 is no limit.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    records: Bucket,
    bytes: Bucket,
}

impl Pace {
    /// Budgets a second.
    pub const fn new(records_per_second: u32, bytes_per_second: u32) -> Self {
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
}
