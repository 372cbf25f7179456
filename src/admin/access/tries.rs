//! Wrong tries: each name has its count, whether there is such an account or not, so that nobody learns
//! from an answer, or from how long it took, which names there are. Addresses play no part: behind a
//! proxy all people have the same.

use axum::http::StatusCode;
use canon::{DigestAlg, Millis};
use exchange::standing;
use serde::{Deserialize, Serialize};

use super::secret::hex;
use crate::error::PageError;
use crate::hall::Hall;

/// Prefix of what stands in the store: `tries/PLACE`.
const TRIES: &str = "tries/";
/// Wrong tries after which a name is locked.
pub const WRONG_MAX: u32 = 5;
/// How long it is locked, and how long wrong tries are remembered, ms.
pub const LOCKED_FOR: i64 = 30 * 60_000;
/// Lines of the audit chain in a minute about names that are no account; more are counted in the next.
pub const STRANGER_LINES_MAX: u32 = 30;
/// The wait after the second wrong try, ms; it doubles with each.
const WAIT: i64 = 1_000;
/// Tries of a locked name leave a line this often, ms.
const TOLD_EVERY: i64 = 60_000;
/// Counts that are looked at for being over with each login.
const SWEPT: u32 = 50;

/// The wrong tries of a name.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Tries {
    wrong: u32,
    last: Millis,
    until: Option<Millis>,
    told: Millis,
}

/// Names share 65 536 places, so that made-up names do not fill the store.
fn place(hall: &Hall, name: &str) -> String {
    let digest = DigestAlg::Sha256.of(&[hall.node.code.as_str().as_bytes(), b":", name.as_bytes()]);
    format!("{TRIES}{}", hex(&digest.bytes[..2]))
}

impl Tries {
    /// Those of a name.
    pub(crate) async fn read(hall: &Hall, name: &str) -> Result<Self, PageError> {
        let tries: Option<Self> = standing::one(hall.store(), &place(hall, name)).await?;
        let now = hall.now();
        Ok(tries.filter(|t| !t.is_over(now)).unwrap_or_default())
    }

    fn is_over(&self, now: Millis) -> bool {
        now.since(self.last) >= LOCKED_FOR
    }

    /// Until when it is locked.
    pub(crate) fn locked(&self, now: Millis) -> Option<Millis> {
        self.until.filter(|until| now < *until)
    }

    /// Refuses a try that comes while the name is locked, or too soon after a wrong one.
    pub(crate) fn turn(&self, now: Millis) -> Result<(), PageError> {
        let refused = |code| Err(PageError::of(StatusCode::TOO_MANY_REQUESTS, code));
        if self.locked(now).is_some() {
            return refused("admin.locked");
        }
        let wait = match self.wrong {
            0 | 1 => 0,
            n => WAIT << (n - 2).min(WRONG_MAX),
        };
        if now.since(self.last) < wait {
            return refused("admin.too_soon");
        }
        Ok(())
    }

    /// One more was wrong. Returns whether it is locked from now on.
    pub(crate) fn add(&mut self, now: Millis) -> bool {
        self.wrong += 1;
        self.last = now;
        if self.wrong < WRONG_MAX {
            return false;
        }
        *self = Self { wrong: 0, until: Some(now.plus(LOCKED_FOR)), told: now, last: now };
        true
    }

    /// Whether a try of a locked name leaves a line now.
    pub(crate) fn tells(&mut self, now: Millis) -> bool {
        let tells = self.locked(now).is_some() && now.since(self.told) >= TOLD_EVERY;
        if tells {
            self.told = now;
        }
        tells
    }

    /// Keeps them as they are now.
    pub(crate) async fn keep(&self, hall: &Hall, name: &str) -> Result<(), PageError> {
        Ok(standing::put(hall.store(), &place(hall, name), self, hall.now()).await?)
    }

    /// Forgets them. Counts of other names that are over go with them.
    pub(crate) async fn forget(hall: &Hall, name: &str) -> Result<(), PageError> {
        let (store, now) = (hall.store(), hall.now());
        store.stand(&place(hall, name), None, now).await?;
        for old in store.standing_names(TRIES, SWEPT).await? {
            if now.since(old.at) > LOCKED_FOR {
                store.stand(&old.name, None, now).await?;
            }
        }
        Ok(())
    }
}

/// Lines about names that are no account, so that made-up names do not fill the audit chain.
#[derive(Debug, Default)]
pub(crate) struct Strangers {
    since: Millis,
    lines: u32,
    more: u64,
}

impl Strangers {
    /// Whether there is a line now, and of how many tries that had none it tells.
    pub(crate) fn line(&mut self, now: Millis) -> Option<u64> {
        if now.since(self.since) >= 60_000 {
            (self.since, self.lines) = (now, 0);
        }
        self.lines += 1;
        if self.lines > STRANGER_LINES_MAX {
            self.more += 1;
            return None;
        }
        Some(std::mem::take(&mut self.more))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wrong_tries_wait_longer_each_time_and_then_lock() {
        let (mut tries, mut now) = (Tries::default(), Millis(1_000_000));
        for wait in [0, 1_000, 2_000, 4_000] {
            assert!(!tries.add(now));
            if wait > 0 {
                let early = tries.turn(now.plus(wait - 1)).unwrap_err();
                assert_eq!(early.code, "admin.too_soon");
            }
            now = now.plus(wait);
            assert!(tries.turn(now).is_ok());
        }
        assert!(tries.add(now));
        assert_eq!(tries.turn(now.plus(LOCKED_FOR - 1)).unwrap_err().code, "admin.locked");
        assert!(!tries.tells(now.plus(59_999)) && tries.tells(now.plus(60_000)));
        assert!(!tries.tells(now.plus(60_001)));
        assert!(!tries.is_over(now.plus(LOCKED_FOR - 1)) && tries.is_over(now.plus(LOCKED_FOR)));
        assert!(tries.turn(now.plus(LOCKED_FOR)).is_ok());
    }

    #[test]
    fn made_up_names_have_few_lines() {
        let mut strangers = Strangers::default();
        let told = (0..100).filter(|_| strangers.line(Millis(5)).is_some()).count();
        assert_eq!(told, STRANGER_LINES_MAX as usize);
        assert_eq!(strangers.line(Millis(60_005)), Some(70));
        assert_eq!(strangers.line(Millis(60_006)), Some(0));
    }
}
