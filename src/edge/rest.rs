//! When a source that failed may be asked again: the worker comes every few seconds, the source says
//! the same again until its time has come.

use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBuilder};
use canon::{DigestAlg, Millis};

use crate::error::{Disposition, SourceError};

/// First wait after a failure that may pass.
const RETRY_MIN: Duration = Duration::from_secs(1);
/// Longest such wait.
const RETRY_MAX: Duration = Duration::from_secs(300);
/// Wait after a failure that a person has to mend.
const HALT_MS: i64 = 60_000;
/// Wait after we were not let in: a wrong password tried again and again locks the account.
const DENIED_MS: i64 = 600_000;

/// What keeps a source from being asked.
#[derive(Debug)]
pub(crate) struct Rest {
    seed: u64,
    failures: u32,
    until: Option<(Millis, SourceError)>,
    /// The source itself said when.
    said: Option<Millis>,
}

impl Rest {
    /// For an adapter, by whose name the waits are spread.
    pub(crate) fn of(adapter: &str) -> Self {
        let digest = DigestAlg::default().of(&[adapter.as_bytes()]);
        let seed = digest.bytes.iter().take(8).fold(0, |n, b| n << 8 | u64::from(*b));
        Self { seed, failures: 0, until: None, said: None }
    }

    /// Whether its time has come.
    pub(crate) fn over(&mut self, now: Millis) -> Result<(), SourceError> {
        match &self.until {
            Some((until, error)) if now < *until => Err(error.clone()),
            _ => Ok(()),
        }
    }

    /// The source says when it wants to be asked again, should this fail.
    pub(crate) const fn said(&mut self, at: Option<Millis>) {
        self.said = at;
    }

    /// Notes how it went.
    pub(crate) fn note<T>(
        &mut self,
        done: Result<T, SourceError>,
        now: Millis,
    ) -> Result<T, SourceError> {
        let said = self.said.take();
        match &done {
            Ok(_) => (self.failures, self.until) = (0, None),
            Err(error) => {
                let wait = match (error, error.disposition()) {
                    (SourceError::Denied { .. }, _) => DENIED_MS,
                    (_, Disposition::Retry) => self.wait(),
                    _ => HALT_MS,
                };
                let until = now.plus(wait);
                self.failures = self.failures.saturating_add(1);
                self.until = Some((said.map_or(until, |said| said.max(until)), error.clone()));
            }
        }
        done
    }

    fn wait(&self) -> i64 {
        let times = self.failures.min(16) as usize;
        let wait = ExponentialBuilder::default()
            .with_min_delay(RETRY_MIN)
            .with_max_delay(RETRY_MAX)
            .with_factor(2.0)
            .with_max_times(times + 1)
            .with_jitter()
            .with_jitter_seed(self.seed ^ u64::from(self.failures))
            .build()
            .nth(times);
        i64::try_from(wait.unwrap_or(RETRY_MAX).as_millis()).unwrap_or(HALT_MS)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failed(error: &SourceError, rest: &mut Rest, now: Millis) -> i64 {
        rest.note::<()>(Err(error.clone()), now).unwrap_err();
        assert_eq!(rest.over(now).as_ref(), Err(error));
        let (until, _) = rest.until.clone().unwrap();
        assert_eq!(rest.over(until), Ok(()));
        until.since(now)
    }

    #[test]
    fn waits_grow_and_end_with_the_first_success_and_the_source_may_say_more() {
        let mut rest = Rest::of("a");
        let (adapter, place, detail) = ("a".to_owned(), "p".to_owned(), String::new());
        let passing = SourceError::Unreachable { adapter, place, detail };
        let waits: Vec<i64> = (0..12).map(|_| failed(&passing, &mut rest, Millis(0))).collect();
        assert!((1_000..3_000).contains(&waits[0]), "{waits:?}");
        assert!(waits[3] > waits[0] && waits[11] >= 300_000 && waits[11] <= 600_000, "{waits:?}");
        rest.said(Some(Millis(9_000_000)));
        assert_eq!(failed(&passing, &mut rest, Millis(0)), 9_000_000);
        rest.note(Ok(()), Millis(0)).unwrap();
        assert!(failed(&passing, &mut rest, Millis(0)) < 3_000);
        let denied =
            SourceError::Denied { adapter: "a".into(), place: "p".into(), detail: String::new() };
        assert_eq!(failed(&denied, &mut rest, Millis(0)), DENIED_MS);
    }
}
