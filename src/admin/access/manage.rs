//! What the security administrator does with accounts: each with a reason, and a line in the audit chain,
//! done or not.

use axum::http::StatusCode;

use super::account::{ACCOUNTS_MAX, Account};
use super::admit::note;
use super::links::{self, named};
use super::role::{Power, Role, Scope};
use super::secret::hex;
use super::session;
use super::tries::Tries;
use super::who::Who;
use crate::act::reasoned;
use crate::error::PageError;
use crate::hall::Hall;

/// Most regions, and most units, of one account.
pub const SCOPE_ENTRIES_MAX: usize = 200;

/// What is changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// A new account; its password is chosen by a one-time link.
    Add {
        /// What it is.
        roles: Vec<Role>,
        /// What it sees.
        scope: Scope,
    },
    /// Other roles or another scope.
    Alter {
        /// What it is from now on.
        roles: Vec<Role>,
        /// What it sees from now on.
        scope: Scope,
    },
    /// Password and codes are forgotten: chosen and enrolled anew, by a one-time link.
    Reset,
    /// Its wrong tries are forgotten.
    Unlock,
    /// It lets nobody in.
    Disable,
    /// It does again.
    Enable,
    /// Its client certificate is this one, by the SHA-256 of its DER; none is no certificate.
    Certificate(Option<[u8; 32]>),
}

impl Change {
    /// Its word in the audit chain.
    pub const fn word(&self) -> &'static str {
        match self {
            Self::Add { .. } => "account.add",
            Self::Alter { .. } => "account.alter",
            Self::Reset => "account.reset",
            Self::Unlock => "account.unlock",
            Self::Disable => "account.disable",
            Self::Enable => "account.enable",
            Self::Certificate(_) => "account.certificate",
        }
    }

    /// What it is changed to, for the audit chain.
    fn told(&self) -> String {
        match self {
            Self::Add { roles, scope } | Self::Alter { roles, scope } => {
                let words: Vec<&str> = roles.iter().map(|role| role.word()).collect();
                let (regions, units) = (scope.regions.join(","), scope.units.join(","));
                format!(" [roles {}; regions {regions}; units {units}]", words.join(","))
            }
            Self::Certificate(Some(certificate)) => format!(" [sha256 {}]", hex(certificate)),
            Self::Certificate(None) => " [none]".to_owned(),
            Self::Reset | Self::Unlock | Self::Disable | Self::Enable => String::new(),
        }
    }
}

/// Codes and certificate are forgotten, and the password with them; sessions end.
pub(crate) fn without_factors(account: &mut Account) {
    account.former.extend(account.password.take());
    (account.second, account.certificate) = (None, None);
    account.changes += 1;
}

impl Hall {
    /// Changes an account, for a reason. Returns the path of a one-time link where one was made: it is
    /// shown once.
    ///
    /// # Errors
    /// They may not, there is no reason, the account cannot be so, or the store does not answer.
    pub async fn manage(
        &self,
        who: &Who,
        name: &str,
        change: &Change,
        reason: &str,
    ) -> Result<Option<String>, PageError> {
        let word = change.word();
        let known = if super::account::is_name(name) { name } else { "unknown" };
        let by = &*who.account;
        if !who.may(Power::Accounts) {
            note(self, by, word, known, "admin.forbidden", false).await?;
            return Err(PageError::of(StatusCode::FORBIDDEN, "admin.forbidden"));
        }
        let done = match reasoned(reason) {
            Ok(reason) => self.managed(who, name, change, reason).await,
            Err(error) => Err(error),
        };
        if let Err(error) = &done {
            note(self, by, word, known, error.code, false).await?;
        }
        done
    }

    async fn managed(
        &self,
        who: &Who,
        name: &str,
        change: &Change,
        reason: &str,
    ) -> Result<Option<String>, PageError> {
        let _held = self.access.changing.lock().await;
        let name = named(name)?;
        if *name == *who.account {
            return Err(PageError::bad(
                "nobody changes their own account here: another security administrator has to",
                "不得在此变更本人账号，请由其他安全管理员办理",
            ));
        }
        let before = Account::read(self, &name).await?;
        let link = match (change, before) {
            (Change::Add { .. }, Some(_)) => {
                return Err(PageError::bad(
                    format!("there is an account `{name}` already"),
                    format!("账号『{name}』已存在"),
                ));
            }
            (Change::Add { roles, scope }, None) => {
                self.added(who, &name, (roles, scope)).await?;
                true
            }
            (_, None) => {
                return Err(PageError::gone(
                    format!("there is no account `{name}`"),
                    format!("没有账号『{name}』"),
                ));
            }
            (change, Some(account)) => self.changed(&name, account, change).await?,
        };
        let reason = format!("{reason}{}", change.told());
        note(self, &who.account, change.word(), &name, &reason, true).await?;
        if link {
            return links::make(self, Some(&name)).await.map(Some);
        }
        Ok(None)
    }

    async fn added(
        &self,
        who: &Who,
        name: &str,
        (roles, scope): (&[Role], &Scope),
    ) -> Result<(), PageError> {
        fitting(roles, scope)?;
        let most = u32::try_from(ACCOUNTS_MAX).unwrap_or(u32::MAX);
        let there = self.store().standing_names("account/", most).await?.len();
        if there >= ACCOUNTS_MAX {
            return Err(PageError::bad(
                format!("there are {ACCOUNTS_MAX} accounts already"),
                format!("账号已达上限 {ACCOUNTS_MAX} 个"),
            ));
        }
        Account::new(roles.to_vec(), scope.clone(), &who.account, self.now()).keep(self, name).await
    }

    /// Whether a one-time link is to be made.
    async fn changed(
        &self,
        name: &str,
        mut account: Account,
        change: &Change,
    ) -> Result<bool, PageError> {
        match change {
            Change::Alter { roles, scope } => {
                fitting(roles, scope)?;
                (account.roles, account.scope) = (roles.clone(), scope.clone());
                account.changes += 1;
            }
            Change::Reset => without_factors(&mut account),
            Change::Unlock => {
                Tries::forget(self, name).await?;
                return Ok(false);
            }
            Change::Disable | Change::Enable => {
                account.disabled = matches!(change, Change::Disable);
                account.changes += 1;
            }
            Change::Certificate(certificate) => {
                let certificate = certificate.map(|c| hex(&c));
                bound(self, name, certificate.as_deref()).await?;
                account.certificate = certificate;
                account.changes += 1;
            }
            Change::Add { .. } => return Ok(false),
        }
        account.keep(self, name).await?;
        session::end_of(self, name, "").await?;
        if matches!(change, Change::Reset) {
            Tries::forget(self, name).await?;
            return Ok(true);
        }
        Ok(false)
    }
}

/// A certificate is bound to one account only.
pub(crate) async fn bound(
    hall: &Hall,
    name: &str,
    certificate: Option<&str>,
) -> Result<(), PageError> {
    let Some(certificate) = certificate else { return Ok(()) };
    let mut all = Account::all(hall).await?.into_iter();
    let other = all.any(|(of, a)| of != name && a.certificate.as_deref() == Some(certificate));
    if other {
        return Err(PageError::bad(
            "this certificate is bound to another account",
            "该证书已绑定其他账号",
        ));
    }
    Ok(())
}

/// Refuses roles that nobody may have together, and scopes that are none.
pub(crate) fn fitting(roles: &[Role], scope: &Scope) -> Result<(), PageError> {
    if !Role::go_together(roles) {
        return Err(PageError::bad(
            "an account has at least one role, and of system, security and audit administrator at most one",
            "账号至少有一个角色；系统管理员、安全管理员、审计管理员三员分立，同一账号至多其一",
        ));
    }
    let is_region =
        |r: &String| (2..=12).contains(&r.len()) && r.chars().all(|c| c.is_ascii_digit());
    let is_unit =
        |u: &String| !u.is_empty() && u.chars().count() <= 64 && !u.chars().any(char::is_control);
    let few = scope.regions.len().max(scope.units.len()) <= SCOPE_ENTRIES_MAX;
    if few && scope.regions.iter().all(is_region) && scope.units.iter().all(is_unit) {
        return Ok(());
    }
    Err(PageError::bad(
        format!(
            "regions are codes of 2 to 12 digits, units are names, at most {SCOPE_ENTRIES_MAX} of each"
        ),
        format!("区划须为 2 至 12 位数字代码，单位须为名称，各不超过 {SCOPE_ENTRIES_MAX} 个"),
    ))
}
