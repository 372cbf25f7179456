//! Accounts, as they stand in the store.

use canon::Millis;
use exchange::standing;
use serde::{Deserialize, Serialize};

use super::password::Kept;
use super::role::{Role, Scope};
use super::second::Second;
use crate::error::PageError;
use crate::hall::Hall;

/// Prefix of what stands in the store: `account/NAME`.
const ACCOUNT: &str = "account/";
/// Most accounts of a node.
pub const ACCOUNTS_MAX: usize = 2_000;
/// Longest name of an account, characters.
pub const ACCOUNT_CHARS_MAX: usize = 32;
/// A password is good for this long, ms.
pub const PASSWORD_LIFE_MAX: i64 = 90 * DAY;
/// Its end is told so long before, ms.
pub const PASSWORD_WARNING: i64 = 7 * DAY;
/// Passwords that are not taken again.
pub const PASSWORD_HISTORY: usize = 5;
const DAY: i64 = 86_400_000;

/// An account. There is no password in it until its owner has chosen one by a one-time link.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Account {
    /// What it is.
    pub(crate) roles: Vec<Role>,
    /// What it sees.
    #[serde(default)]
    pub(crate) scope: Scope,
    /// When it was made.
    pub(crate) made: Millis,
    /// By whom.
    pub(crate) by: String,
    /// How often it was changed: a session of before is over.
    pub(crate) changes: u64,
    /// It lets nobody in.
    pub(crate) disabled: bool,
    /// Its password.
    pub(crate) password: Option<Kept>,
    /// Those before, the newest last.
    pub(crate) former: Vec<Kept>,
    /// Its codes.
    pub(crate) second: Option<Second>,
    /// Digest of the client certificate that is its second factor.
    pub(crate) certificate: Option<String>,
    /// When somebody came in last.
    pub(crate) last: Option<Millis>,
}

/// What somebody has to do before anything else.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum First {
    /// Choose another password.
    Password,
    /// Enrol a second factor.
    Second,
}

impl Account {
    /// A new one that lets nobody in yet.
    pub(crate) fn new(roles: Vec<Role>, scope: Scope, by: &str, now: Millis) -> Self {
        Self {
            roles,
            scope,
            made: now,
            by: by.to_owned(),
            changes: 0,
            disabled: false,
            password: None,
            former: Vec::new(),
            second: None,
            certificate: None,
            last: None,
        }
    }

    /// The account of a name.
    pub(crate) async fn read(hall: &Hall, name: &str) -> Result<Option<Self>, PageError> {
        if !is_name(name) {
            return Ok(None);
        }
        Ok(standing::one(hall.store(), &format!("{ACCOUNT}{name}")).await?)
    }

    /// Every account by its name.
    pub(crate) async fn all(hall: &Hall) -> Result<Vec<(String, Self)>, PageError> {
        Ok(standing::read(hall.store(), ACCOUNT).await?)
    }

    /// Whether there is one.
    pub(crate) async fn any(hall: &Hall) -> Result<bool, PageError> {
        Ok(!hall.store().standing_names(ACCOUNT, 1).await?.is_empty())
    }

    /// Keeps it as it is now.
    pub(crate) async fn keep(&self, hall: &Hall, name: &str) -> Result<(), PageError> {
        Ok(standing::put(hall.store(), &format!("{ACCOUNT}{name}"), self, hall.now()).await?)
    }

    /// When its password ends.
    pub(crate) fn password_until(&self) -> Option<Millis> {
        self.password.as_ref().map(|kept| kept.set.plus(PASSWORD_LIFE_MAX))
    }

    /// Whether its people should be told that the password ends.
    pub(crate) fn warned(&self, now: Millis) -> bool {
        self.password_until().is_some_and(|until| until.plus(-PASSWORD_WARNING) <= now)
    }

    /// Whether there is a second factor.
    pub(crate) const fn has_second(&self) -> bool {
        self.second.is_some() || self.certificate.is_some()
    }

    /// What comes before anything else.
    pub(crate) fn first(&self, now: Millis) -> Option<First> {
        if self.password_until().is_none_or(|until| until <= now) {
            return Some(First::Password);
        }
        let writes = self.roles.iter().any(|role| role.writes());
        (writes && !self.has_second()).then_some(First::Second)
    }
}

/// Whether this may be the name of an account: an operator code, never a person's name.
pub(crate) fn is_name(name: &str) -> bool {
    let legal = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "._-".contains(c);
    (2..=ACCOUNT_CHARS_MAX).contains(&name.len())
        && name.chars().all(legal)
        && name.starts_with(|c: char| c.is_ascii_alphanumeric())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_operator_codes() {
        for good in ["op01", "county.audit-2", "ab"] {
            assert!(is_name(good), "{good}");
        }
        for bad in ["", "a", "张三", "Op", "a/b", ".ab", "a b", &"a".repeat(33)] {
            assert!(!is_name(bad), "{bad}");
        }
    }

    #[test]
    fn whoever_writes_needs_a_second_factor_and_nobody_an_old_password() {
        let at = Millis(0);
        let mut account = Account::new(vec![Role::Operator], Scope::default(), "setup", at);
        assert_eq!(account.first(at), Some(First::Password));
        account.password = Some(Kept::test(at));
        assert_eq!(account.first(at), Some(First::Second));
        account.certificate = Some("ab".into());
        assert_eq!(account.first(at), None);
        assert!(!account.warned(Millis(82 * DAY)) && account.warned(Millis(83 * DAY)));
        assert_eq!(account.first(Millis(90 * DAY - 1)), None);
        assert_eq!(account.first(Millis(90 * DAY)), Some(First::Password));
        let mut looks = Account::new(vec![Role::Observer], Scope::default(), "setup", at);
        looks.password = Some(Kept::test(at));
        assert_eq!(looks.first(at), None);
    }
}
