//! The retry schedule: exponential with seeded jitter, by `backon`; when, not whether.

use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBuilder};
use canon::Millis;

use crate::config::Limits;

/// When to try again after `attempts` failed ones. The jitter is drawn from `seed`, so that a
/// simulation repeats it and a thousand senders do not come back in the same second.
pub fn next(now: Millis, attempts: u32, limits: &Limits, seed: u64) -> Millis {
    let exponent = attempts.min(24) as usize;
    let wait = ExponentialBuilder::default()
        .with_min_delay(Duration::from_millis(limits.retry_min.max(1) as u64))
        .with_max_delay(Duration::from_millis(limits.retry_max.max(1) as u64))
        .with_factor(2.0)
        .with_max_times(exponent + 1)
        .with_jitter()
        .with_jitter_seed(seed ^ u64::from(attempts))
        .build()
        .nth(exponent)
        .unwrap_or(Duration::from_millis(limits.retry_max as u64));
    now.plus(wait.as_millis() as i64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_to_the_cap_and_repeat_for_a_seed() {
        let limits = Limits { retry_min: 100, retry_max: 10_000, ..Limits::default() };
        let wait = |n| next(Millis(0), n, &limits, 7).0;
        assert!(wait(0) >= 100 && wait(0) < 300, "{}", wait(0));
        assert!(wait(5) > wait(0));
        assert!(wait(60) >= 10_000 && wait(60) <= 20_000, "{}", wait(60));
        assert_eq!(wait(3), wait(3));
        assert_ne!(next(Millis(0), 3, &limits, 8), next(Millis(0), 3, &limits, 7));
    }
}
