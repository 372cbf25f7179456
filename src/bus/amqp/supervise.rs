//! What both supervisors need: when to try again, and how holding a connection may end.

use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBackoff, ExponentialBuilder};
use tokio::sync::watch;
use tokio::time::Instant;

use super::obstacle::Obstacle;
use super::settings::Settings;

/// First wait after a lost connection.
const RETRY_MIN: Duration = Duration::from_millis(100);
/// How often a connection is looked at for having died unnoticed.
pub(crate) const LOOK: Duration = Duration::from_secs(1);

/// Why a connection is no longer held.
pub(crate) enum Ended {
    /// The carrier is no longer wanted.
    Stopped,
    /// Certificates changed, or a queue was replaced: made anew at once.
    Planned,
    /// It failed.
    Failed(Obstacle),
}

impl From<Obstacle> for Ended {
    fn from(obstacle: Obstacle) -> Self {
        Self::Failed(obstacle)
    }
}

/// The schedule of one side.
pub(crate) struct Waits {
    builder: ExponentialBuilder,
    backoff: ExponentialBackoff,
    up: Option<Instant>,
    retry_max: Duration,
    login_retry: Duration,
}

impl Waits {
    pub(crate) fn new(settings: &Settings, salt: u64) -> Self {
        let limits = &settings.limits;
        // The jitter adds up to the wait itself, so half of the longest stays below it.
        let builder = ExponentialBuilder::default()
            .with_min_delay(RETRY_MIN.min(limits.retry_max / 2))
            .with_max_delay(limits.retry_max / 2)
            .with_jitter()
            .with_jitter_seed(settings.seed ^ salt)
            .without_max_times();
        let (retry_max, login_retry) = (limits.retry_max, limits.login_retry);
        Self { builder, backoff: builder.build(), up: None, retry_max, login_retry }
    }

    /// The connection stands.
    pub(crate) fn up(&mut self) {
        self.up = Some(Instant::now());
    }

    /// How long to wait after an obstacle. A connection that held for a while begins anew; one that
    /// fails again at once does not.
    pub(crate) fn after(&mut self, obstacle: &Obstacle) -> Duration {
        let held = self.up.take().is_some_and(|at| at.elapsed() > self.retry_max);
        if held {
            self.backoff = self.builder.build();
        }
        if obstacle.slow() {
            return self.login_retry;
        }
        self.backoff.next().unwrap_or(self.retry_max).min(self.retry_max)
    }
}

/// Resolves when the carrier is no longer wanted.
pub(crate) async fn stopped(stop: &mut watch::Receiver<bool>) {
    // A dropped sender is a stop as well.
    drop(stop.wait_for(|stop| *stop).await);
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::amqp::settings::{Endpoint, Limits, Secrets};
    use crate::contract::node;
    use crate::topology::Names;

    fn settings() -> Settings {
        Settings {
            name: "b".into(),
            node: node("a"),
            endpoint: Endpoint { tls: false, host: "h".into(), port: 1, vhost: "/".into() },
            user: "a".into(),
            names: Names::new("t"),
            secrets: Arc::new(|| Ok(Secrets::default())),
            limits: Limits::default(),
            seed: 7,
        }
    }

    #[test]
    fn waits_grow_to_the_cap_and_never_over_it() {
        let mut waits = Waits::new(&settings(), 0);
        let obstacle = Obstacle::new("bus.unreachable", "x");
        let found: Vec<Duration> = (0..20).map(|_| waits.after(&obstacle)).collect();
        assert!(found[0] < Duration::from_millis(300), "{found:?}");
        assert!(found.iter().all(|w| *w <= Duration::from_secs(5)), "{found:?}");
        assert!(found[10..].iter().all(|w| *w >= Duration::from_millis(2_500)), "{found:?}");
        assert!(found[10..].windows(2).any(|w| w[0] != w[1]), "jitter at the cap: {found:?}");
    }

    #[test]
    fn a_refused_login_is_not_tried_again_soon() {
        let mut waits = Waits::new(&settings(), 0);
        for code in ["bus.login", "bus.certificate"] {
            assert_eq!(waits.after(&Obstacle::new(code, "x")), Duration::from_secs(30), "{code}");
        }
    }
}
