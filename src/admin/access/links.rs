//! One-time links: by one somebody chooses the password of an account, so that nobody else ever knew it.

use canon::Millis;
use exchange::standing;
use serde::{Deserialize, Serialize};

use super::account::{Account, is_name};
use super::admit::note;
use super::password::{self, Kept};
use super::role::{Role, Scope};
use super::secret::Secret;
use super::tries::Tries;
use super::{Access, session};
use crate::error::PageError;
use crate::hall::Hall;

/// Prefix of what stands in the store: `setup/DIGEST`.
const LINK: &str = "setup/";
/// A one-time link is good for this long, ms.
pub const LINK_LIFE_MAX: i64 = 24 * 3_600_000;

/// A one-time link.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Link {
    /// Whose password is chosen by it; none is the first person's, who names the account.
    pub(crate) account: Option<String>,
    made: Millis,
}

/// Makes one, in place of those the account had: the path with its secret.
pub(crate) async fn make(hall: &Hall, account: Option<&str>) -> Result<String, PageError> {
    let (secret, now) = (Secret::new(hall), hall.now());
    for (digest, link) in standing::read::<Link>(hall.store(), LINK).await? {
        if link.account.as_deref() == account || now.since(link.made) >= LINK_LIFE_MAX {
            drop_one(hall, &digest).await?;
        }
    }
    let link = Link { account: account.map(str::to_owned), made: now };
    standing::put(hall.store(), &format!("{LINK}{}", secret.digest()), &link, now).await?;
    Ok(format!("/setup?token={}", secret.text()))
}

async fn drop_one(hall: &Hall, digest: &str) -> Result<(), PageError> {
    Ok(hall.store().stand(&format!("{LINK}{digest}"), None, hall.now()).await?)
}

/// The link of a secret, if it is good.
pub(crate) async fn find(hall: &Hall, token: &str) -> Result<Link, PageError> {
    let over = || PageError::of(axum::http::StatusCode::GONE, "admin.link_over");
    let secret = Secret::read(token).ok_or_else(over)?;
    let link: Option<Link> =
        standing::one(hall.store(), &format!("{LINK}{}", secret.digest())).await?;
    let link = link.filter(|link| hall.now().since(link.made) < LINK_LIFE_MAX).ok_or_else(over)?;
    if link.account.is_none() && Account::any(hall).await? {
        return Err(over());
    }
    Ok(link)
}

/// What somebody who came by a link chose.
pub(crate) struct Chosen<'c> {
    /// The secret of the link.
    pub(crate) token: &'c str,
    /// The account's name, where the link names none.
    pub(crate) name: &'c str,
    /// The password.
    pub(crate) password: &'c str,
}

/// Takes what was chosen, once, and lets the person in.
pub(crate) async fn take(hall: &Hall, chosen: Chosen<'_>) -> Result<Secret, PageError> {
    let _held = hall.access.changing.lock().await;
    let link = find(hall, chosen.token).await?;
    let now = hall.now();
    let (name, mut account) = match link.account {
        Some(name) => {
            let account = Account::read(hall, &name).await?.filter(|a| !a.disabled);
            let over = PageError::of(axum::http::StatusCode::GONE, "admin.link_over");
            (name, account.ok_or(over)?)
        }
        None => (
            named(chosen.name)?,
            Account::new(vec![Role::Security], Scope::default(), "setup", now),
        ),
    };
    password::fit(chosen.password, &name, hall.access.terms.password_chars_min)?;
    password::fresh(hall, &account, chosen.password).await?;
    let (kept, _) = Kept::of(hall, chosen.password).await?;
    password::replace(&mut account, kept);
    account.last = Some(now);
    if let Some(secret) = Secret::read(chosen.token) {
        drop_one(hall, &secret.digest()).await?;
    }
    account.keep(hall, &name).await?;
    Tries::forget(hall, &name).await?;
    note(hall, &name, "account.setup", &name, "one-time link", true).await?;
    session::begin(hall, (&name, &account), None).await
}

/// A name somebody wants for an account.
pub(crate) fn named(name: &str) -> Result<String, PageError> {
    let name = name.trim();
    if is_name(name) {
        return Ok(name.to_owned());
    }
    Err(PageError::bad(
        "an account is called by an operator code: 2 to 32 small letters, digits, `.`, `_` or `-`",
        "账号须为操作员代码：2 至 32 位小写字母、数字或 . _ -",
    ))
}

impl Access {
    /// The way in for the first person, once; none where somebody has an account. A link of before is
    /// good no more.
    ///
    /// # Errors
    /// The store does not answer.
    pub async fn first_link(&self, hall: &Hall) -> Result<Option<String>, PageError> {
        let _held = self.changing.lock().await;
        if Account::any(hall).await? {
            return Ok(None);
        }
        Ok(Some(make(hall, None).await?))
    }

    /// A one-time link for an account there is: the way back for somebody at the machine itself, where
    /// nobody is left who could make one. Its second factor has to be enrolled anew.
    ///
    /// # Errors
    /// There is no such account, or the store does not answer.
    pub async fn link_back(&self, hall: &Hall, name: &str) -> Result<String, PageError> {
        let _held = self.changing.lock().await;
        let Some(mut account) = Account::read(hall, name).await? else {
            return Err(PageError::gone(
                format!("there is no account `{name}`"),
                format!("没有账号『{name}』"),
            ));
        };
        super::manage::without_factors(&mut account);
        account.disabled = false;
        account.keep(hall, name).await?;
        note(hall, "console", "account.reset", name, "at the machine", true).await?;
        make(hall, Some(name)).await
    }

    /// One account of each role, for a demonstration, each with the one-time link by which its password
    /// is chosen. Accounts that have one already get no link.
    ///
    /// # Errors
    /// The store does not answer.
    pub async fn demo_accounts(&self, hall: &Hall) -> Result<Vec<(Role, String)>, PageError> {
        let _held = self.changing.lock().await;
        let mut links = Vec::new();
        for role in Role::ALL {
            let name = role.word();
            let there = Account::read(hall, name).await?;
            if there.as_ref().is_some_and(|account| account.password.is_some()) {
                continue;
            }
            if there.is_none() {
                let account = Account::new(vec![role], Scope::default(), "demo", hall.now());
                account.keep(hall, name).await?;
                note(hall, "demo", "account.add", name, "demonstration", true).await?;
            }
            links.push((role, make(hall, Some(name)).await?));
        }
        Ok(links)
    }
}
