//! What the supervisors, the publisher and the consumer of one broker share, and what is said of it.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;

use super::obstacle::Obstacle;
use crate::{Condition, Health};

/// One side (publishing or consuming) as the supervisor last saw it.
#[derive(Clone, Debug)]
pub(crate) struct Side {
    condition: Condition,
    since: Instant,
    failed: u32,
}

impl Side {
    fn new() -> Self {
        let detail = "not tried yet".to_owned();
        let condition = Condition::Down { code: "bus.unreachable", detail, next: Duration::ZERO };
        Self { condition, since: Instant::now(), failed: 0 }
    }

    /// The worse, and of two alike the longer, is said first.
    const fn rank(&self) -> u8 {
        match self.condition {
            Condition::Up => 0,
            Condition::Blocked { .. } => 1,
            Condition::Down { .. } => 2,
        }
    }
}

/// Which side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    /// Hands parcels over.
    Publish,
    /// Gets parcels.
    Consume,
}

impl Role {
    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::Publish => "publish",
            Self::Consume => "consume",
        }
    }
}

/// How both sides are.
pub(crate) struct State {
    sides: Mutex<[Side; 2]>,
    /// Parcels nothing could be made of.
    pub(crate) unreadable: std::sync::atomic::AtomicU64,
    /// Says "changed" to whoever waits for a side to come up.
    changed: watch::Sender<()>,
}

impl State {
    pub(crate) fn new() -> Self {
        let sides = Mutex::new([Side::new(), Side::new()]);
        Self { sides, unreadable: 0.into(), changed: watch::Sender::new(()) }
    }

    fn sides(&self) -> MutexGuard<'_, [Side; 2]> {
        // Every change under the lock is complete before anything can panic.
        self.sides.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A side is so from now on; a repeated obstacle keeps the time of the first.
    pub(crate) fn set(&self, role: Role, condition: Condition) {
        let mut sides = self.sides();
        let side = &mut sides[role as usize];
        let same = matches!((&side.condition, &condition),
            (Condition::Down { code: a, .. }, Condition::Down { code: b, .. }) if a == b);
        let since = if same { side.since } else { Instant::now() };
        let failed = match condition {
            Condition::Up | Condition::Blocked { .. } => 0,
            Condition::Down { .. } => side.failed.saturating_add(1),
        };
        *side = Side { condition, since, failed };
        drop(sides);
        self.changed.send_replace(());
    }

    /// A side is down.
    pub(crate) fn down(&self, role: Role, obstacle: &Obstacle, next: Duration) {
        let Obstacle { code, detail, .. } = obstacle.clone();
        self.set(role, Condition::Down { code, detail, next });
    }

    /// Why nothing can be published; nothing if it can.
    pub(crate) fn shut(&self) -> Option<&'static str> {
        match &self.sides()[Role::Publish as usize].condition {
            Condition::Up => None,
            Condition::Blocked { .. } => Some("bus.blocked"),
            Condition::Down { code, .. } => Some(code),
        }
    }

    /// Both sides as one: the worse of the two.
    pub(crate) fn health(&self, carrier: &str) -> Health {
        let sides = self.sides();
        let worst = sides.iter().max_by_key(|s| s.rank()).expect("there are two");
        Health {
            carrier: carrier.to_owned(),
            condition: worst.condition.clone(),
            since: worst.since.elapsed(),
            failed: worst.failed,
            unreadable: self.unreadable.load(std::sync::atomic::Ordering::Relaxed),
        }
    }

    /// Resolves once both sides are up.
    pub(crate) async fn up(&self) {
        let mut changed = self.changed.subscribe();
        while self.sides().iter().any(|s| s.rank() > 0) {
            if changed.changed().await.is_err() {
                return;
            }
        }
    }
}
