//! Somebody is told when something needs them: once when it begins, again while it lasts, others when it
//! lasts long, and once when it is over. What was told stands in the store, so that a restart repeats
//! nothing; nothing is told of persons.

mod body;
mod disk;
mod post;
mod round;
mod rules;
mod settings;

use std::collections::BTreeMap;
use std::fmt;
use std::num::NonZeroU32;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use canon::Millis;
use governor::clock::FakeRelativeClock;
use governor::middleware::NoOpMiddleware;
use governor::nanos::Nanos;
use governor::state::{InMemoryState, NotKeyed};
use governor::{Quota, RateLimiter};

pub use body::SIGNATURE;
pub use post::{Letter, Post, PostFuture};
pub use rules::{FOUND_MAX, Kind};
pub use settings::{Channel, Lang, Settings, TARGETS_MAX, To};

use crate::machines::Kept;
use disk::Samples;
use rules::Found;

type Limiter = RateLimiter<NotKeyed, InMemoryState, FakeRelativeClock, NoOpMiddleware<Nanos>>;

/// First wait after a message was not taken, ms; each next one is twice as long.
const WAIT_MIN: i64 = 60_000;
/// Longest wait, ms.
const WAIT_MAX: i64 = 15 * 60_000;

/// One receiver: a channel, or one telephone of it.
pub(crate) struct Target {
    /// The channel's name; with a number where there are several telephones. Never the number itself.
    id: String,
    to: To,
    /// Told at once, or only when it lasts.
    escalation: bool,
    limiter: Limiter,
    clock: FakeRelativeClock,
}

/// How a target does, in memory alone.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Doing {
    not_before: Option<Millis>,
    failed: u32,
}

/// What is only in memory.
#[derive(Debug, Default)]
struct Memory {
    last: Option<Millis>,
    doing: BTreeMap<String, Doing>,
    /// What stands, by kind.
    standing: BTreeMap<&'static str, u64>,
    /// Samples of the disk, once they were read.
    disk: Option<Samples>,
}

/// Alerts of one node.
pub struct Alerts {
    settings: Settings,
    targets: Vec<Target>,
    post: Arc<dyn Post>,
    memory: Mutex<Memory>,
    days: Kept<Vec<Found>>,
}

impl fmt::Debug for Alerts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "alerts to {} receivers", self.targets.len())
    }
}

impl Alerts {
    /// Alerts to a first list, and to a second one when something lasts. At most [`TARGETS_MAX`] are
    /// told.
    pub fn new(
        settings: Settings,
        (first, second): (Vec<Channel>, Vec<Channel>),
        post: Arc<dyn Post>,
    ) -> Self {
        let first = first.into_iter().flat_map(|c| targets(c, false, settings.per_hour));
        let second = second.into_iter().flat_map(|c| targets(c, true, settings.per_hour));
        let targets = first.chain(second).take(TARGETS_MAX).collect();
        let (memory, days) = (Mutex::default(), Kept::default());
        Self { settings, targets, post, memory, days }
    }

    fn memory(&self) -> MutexGuard<'_, Memory> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What stands, by kind.
    pub fn standing(&self) -> BTreeMap<&'static str, u64> {
        self.memory().standing.clone()
    }

    /// Days until the disk is full, as far as that can be told.
    pub fn days_left(&self, now: Millis) -> Option<f64> {
        self.memory().disk.as_ref().and_then(|samples| samples.days_left(now))
    }

    /// How often in a row each channel took no message.
    pub fn doing(&self) -> BTreeMap<String, u32> {
        let memory = self.memory();
        let failed = |id: &String| memory.doing.get(id).map_or(0, |doing| doing.failed);
        self.targets.iter().map(|target| (target.id.clone(), failed(&target.id))).collect()
    }

    /// The clock of the limits goes on.
    fn pass(&self, now: Millis) {
        let last = self.memory().last.replace(now).unwrap_or(now);
        let passed = Duration::from_millis(now.since(last).unsigned_abs());
        self.targets.iter().for_each(|target| target.clock.advance(passed));
    }

    /// Whether a target may be written to now.
    fn may(&self, target: &Target, now: Millis) -> bool {
        let waits = self.memory().doing.get(&target.id).and_then(|d| d.not_before);
        waits.is_none_or(|at| at <= now) && target.limiter.check().is_ok()
    }

    fn went(&self, target: &Target, well: bool, now: Millis) {
        let mut memory = self.memory();
        let doing = memory.doing.entry(target.id.clone()).or_default();
        if well {
            *doing = Doing::default();
            return;
        }
        let wait = WAIT_MIN.saturating_mul(1 << doing.failed.min(10)).min(WAIT_MAX);
        doing.failed = doing.failed.saturating_add(1);
        doing.not_before = Some(now.plus(wait));
    }
}

fn targets(channel: Channel, escalation: bool, per_hour: u32) -> Vec<Target> {
    let one = |id: String, to: To| {
        let clock = FakeRelativeClock::default();
        let quota = Quota::per_hour(NonZeroU32::new(per_hour).unwrap_or(NonZeroU32::MIN));
        let limiter = RateLimiter::direct_with_clock(quota, clock.clone());
        Target { id, to, escalation, limiter, clock }
    };
    let name = channel.name;
    let each = |phones: Vec<String>, to: &dyn Fn(Vec<String>) -> To| -> Vec<Target> {
        let numbered = (1..).zip(phones);
        numbered.map(|(n, phone)| one(format!("{name}#{n}"), to(vec![phone]))).collect()
    };
    match channel.to {
        To::SmsTable { phones } => each(phones, &|phones| To::SmsTable { phones }),
        To::SmsGateway { url, media_type, template, phones } => each(phones, &|phones| {
            let (url, media_type) = (url.clone(), media_type.clone());
            To::SmsGateway { url, media_type, template: template.clone(), phones }
        }),
        to => vec![one(name.clone(), to)],
    }
}

#[cfg(test)]
mod tests;
