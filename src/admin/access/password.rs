//! Passwords: argon2id, what they must be like, and which were used before.

use std::sync::Arc;

use argon2::{Algorithm, Argon2, Params, Version};
use canon::Millis;
use serde::{Deserialize, Serialize};
use subtle::ConstantTimeEq;
use tokio::sync::Semaphore;

use super::account::{Account, PASSWORD_HISTORY};
use super::secret::{chance, hex, unhex};
use crate::error::PageError;
use crate::hall::Hall;

/// Memory of one hash, KiB (OWASP: argon2id with 19 MiB, two passes, one lane).
pub const HASH_KIB: u32 = 19 * 1024;
/// Passes over it.
pub const HASH_PASSES: u32 = 2;
/// Lanes.
pub const HASH_LANES: u32 = 1;
/// Hashes at the same time: each costs memory and a processor.
pub const HASHES_AT_ONCE_MAX: usize = 2;
/// Hashes that wait for their turn; one more is told to come again.
pub const HASHES_WAITING_MAX: usize = 32;
/// Fewest characters of a password: level 3 of classified protection (等保三级).
pub const PASSWORD_CHARS_MIN: usize = 10;
/// Fewest characters at level 2 (等保二级).
pub const PASSWORD_CHARS_MIN_LEVEL_2: usize = 8;
/// Most characters of a password.
pub const PASSWORD_CHARS_MAX: usize = 128;
/// Kinds of characters (small, large, digit, other) it must have.
const KINDS_MIN: usize = 3;
/// Different characters it must have.
const DIFFERENT_MIN: usize = 5;

/// What a hash costs; kept with it, so that it may rise later.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Cost {
    kib: u32,
    passes: u32,
    lanes: u32,
}

const COST: Cost = Cost { kib: HASH_KIB, passes: HASH_PASSES, lanes: HASH_LANES };

/// A password as it is kept.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Kept {
    salt: String,
    check: String,
    cost: Cost,
    /// Since when it is the one.
    pub(crate) set: Millis,
}

/// What a password was made into: half of it is kept to know it again, half is a key that is never kept.
pub(crate) struct Stretched {
    check: [u8; 32],
    /// Closes what only whoever knows the password may open.
    pub(crate) key: [u8; 32],
}

/// Turns for hashes.
pub(crate) struct Turns {
    waiting: Semaphore,
    at_once: Arc<Semaphore>,
}

impl Default for Turns {
    fn default() -> Self {
        let at_once = Arc::new(Semaphore::new(HASHES_AT_ONCE_MAX));
        Self { waiting: Semaphore::new(HASHES_WAITING_MAX), at_once }
    }
}

fn busy() -> PageError {
    PageError::of(axum::http::StatusCode::SERVICE_UNAVAILABLE, "admin.busy")
}

fn own(e: impl std::fmt::Display) -> PageError {
    PageError::from(format!("argon2: {e}"))
}

/// Makes it, on a thread that may be kept busy.
async fn stretch(
    hall: &Hall,
    password: &str,
    salt: Vec<u8>,
    cost: Cost,
) -> Result<Stretched, PageError> {
    let turns = &hall.access.turns;
    let _place = turns.waiting.try_acquire().map_err(|_| busy())?;
    let turn = Arc::clone(&turns.at_once).acquire_owned().await.map_err(own)?;
    let password: Vec<u8> = password.bytes().collect();
    let made = tokio::task::spawn_blocking(move || {
        // Whoever stopped waiting gives the turn back only when the work is done.
        let _turn = turn;
        let params = Params::new(cost.kib, cost.passes, cost.lanes, Some(64))?;
        let mut out = [0; 64];
        Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
            .hash_password_into(&password, &salt, &mut out)?;
        Ok::<_, argon2::Error>(out)
    });
    let made = made.await.map_err(own)?.map_err(own)?;
    let (mut check, mut key) = ([0; 32], [0; 32]);
    check.copy_from_slice(&made[..32]);
    key.copy_from_slice(&made[32..]);
    Ok(Stretched { check, key })
}

impl Kept {
    /// A password that was chosen, and the key it gives.
    pub(crate) async fn of(hall: &Hall, password: &str) -> Result<(Self, Stretched), PageError> {
        let salt: [u8; 16] = chance(hall);
        let made = stretch(hall, password, salt.to_vec(), COST).await?;
        let kept = Self { salt: hex(&salt), check: hex(&made.check), cost: COST, set: hall.now() };
        Ok((kept, made))
    }

    /// The key a password gives, if it is this one.
    pub(crate) async fn knows(
        &self,
        hall: &Hall,
        password: &str,
    ) -> Result<Option<Stretched>, PageError> {
        let salt = unhex(&self.salt).unwrap_or_default();
        let made = stretch(hall, password, salt, self.cost).await?;
        let check = unhex(&self.check).unwrap_or_default();
        Ok(bool::from(made.check.as_slice().ct_eq(&check)).then_some(made))
    }

    #[cfg(test)]
    pub(crate) fn test(set: Millis) -> Self {
        Self { salt: "00".repeat(16), check: String::new(), cost: COST, set }
    }
}

/// Costs what knowing a password costs, for a name that has none.
pub(crate) async fn nobody(hall: &Hall, password: &str) -> Result<(), PageError> {
    stretch(hall, password, vec![0; 16], COST).await.map(drop)
}

/// Refuses a password that is too easy, for this name.
pub(crate) fn fit(password: &str, name: &str, chars_min: usize) -> Result<(), PageError> {
    let bad = |en: String, zh: String| Err(PageError::bad(en, zh));
    let chars = password.chars().count();
    if chars < chars_min || chars > PASSWORD_CHARS_MAX {
        return bad(
            format!("a password has between {chars_min} and {PASSWORD_CHARS_MAX} characters"),
            format!("口令长度须为 {chars_min} 至 {PASSWORD_CHARS_MAX} 个字符"),
        );
    }
    let kinds = [
        password.chars().any(char::is_lowercase),
        password.chars().any(char::is_uppercase),
        password.chars().any(|c| c.is_ascii_digit()),
        password.chars().any(|c| !c.is_lowercase() && !c.is_uppercase() && !c.is_ascii_digit()),
    ];
    if kinds.into_iter().filter(|has| *has).count() < KINDS_MIN {
        return bad(
            "a password has three of these four: small letters, large letters, digits, others"
                .into(),
            "口令须包含小写字母、大写字母、数字、其他字符四类中的至少三类".into(),
        );
    }
    let different: std::collections::BTreeSet<char> = password.chars().collect();
    if different.len() < DIFFERENT_MIN {
        return bad(
            format!("a password has at least {DIFFERENT_MIN} different characters"),
            format!("口令至少包含 {DIFFERENT_MIN} 个不同字符"),
        );
    }
    let (small, turned) = (password.to_lowercase(), name.chars().rev().collect::<String>());
    if small.contains(name) || small.contains(&turned) {
        return bad(
            "a password does not contain the account's name, forwards or backwards".into(),
            "口令不得包含账号名或其倒序".into(),
        );
    }
    Ok(())
}

/// Refuses one that the account has or had.
pub(crate) async fn fresh(hall: &Hall, account: &Account, password: &str) -> Result<(), PageError> {
    for kept in account.former.iter().chain(&account.password) {
        if kept.knows(hall, password).await?.is_some() {
            return Err(PageError::bad(
                format!("the last {PASSWORD_HISTORY} passwords are not taken again"),
                format!("不得重复使用最近 {PASSWORD_HISTORY} 个口令"),
            ));
        }
    }
    Ok(())
}

/// Gives an account another password; those before are remembered.
pub(crate) fn replace(account: &mut Account, kept: Kept) {
    account.former.extend(account.password.replace(kept));
    let many = (account.former.len() + 1).saturating_sub(PASSWORD_HISTORY);
    account.former.drain(..many);
    account.changes += 1;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::access::role::{Role, Scope};
    use crate::test_hall;

    #[test]
    fn easy_passwords_are_refused() {
        for (bad, why) in [
            ("Ab1!efgh", "between 10"),
            ("abcdefghi1", "three of"),
            ("ABCDEFGHI1", "three of"),
            ("Aa1Aa1Aa1Aa1", "different"),
            ("xOp01-9zzQ", "name"),
            ("x10po-9zzQ", "name"),
        ] {
            let error = fit(bad, "op01", PASSWORD_CHARS_MIN).unwrap_err();
            assert!(error.text.en.contains(why), "{bad}: {error}");
        }
        assert!(fit("Ab1!efgh", "op01", PASSWORD_CHARS_MIN_LEVEL_2).is_ok());
        assert!(fit("Plough-7-swords", "op01", PASSWORD_CHARS_MIN).is_ok());
        assert!(fit("政务-Gate-2026!", "op01", PASSWORD_CHARS_MIN).is_ok());
    }

    #[tokio::test]
    async fn a_password_is_known_again_and_not_taken_again() {
        let hall = test_hall::hall();
        let mut account = Account::new(vec![Role::Observer], Scope::default(), "setup", hall.now());
        let (kept, made) = Kept::of(&hall, "Plough-7-swords").await.unwrap();
        let again = kept.knows(&hall, "Plough-7-swords").await.unwrap().unwrap();
        assert_eq!(again.key, made.key);
        assert!(kept.knows(&hall, "Plough-7-sword").await.unwrap().is_none());
        replace(&mut account, kept);
        assert!(fresh(&hall, &account, "Plough-7-swords").await.is_err());
        for _ in 0..PASSWORD_HISTORY {
            replace(&mut account, Kept::test(hall.now()));
        }
        assert_eq!(account.former.len() + 1, PASSWORD_HISTORY);
        assert!(fresh(&hall, &account, "Plough-7-swords").await.is_ok());
    }
}
