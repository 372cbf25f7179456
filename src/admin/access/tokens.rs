//! Tokens of the API: made by the security administrator, shown once, good for some powers of one role
//! until a day.

use std::sync::Arc;

use axum::http::StatusCode;
use axum::http::header::AUTHORIZATION;
use axum::http::request::Parts;
use canon::Millis;
use exchange::standing;
use serde::{Deserialize, Serialize};
use store::AuditEvent;

use super::links::named;
use super::manage::fitting;
use super::role::{Power, Role, Scope};
use super::secret::Secret;
use super::who::{Via, Who};
use crate::act::reasoned;
use crate::error::PageError;
use crate::hall::Hall;
use crate::tongue::Tongue;

/// Prefix of what stands in the store: `token/DIGEST`.
const TOKEN: &str = "token/";
/// Most tokens of a node.
pub const TOKENS_MAX: usize = 200;
/// The longest life of one, ms.
pub const TOKEN_LIFE_MAX: i64 = 366 * DAY;
/// Use is written down this often, ms.
const USED_EVERY: i64 = 60_000;
/// What a token begins with, so that it is found where it was left by mistake.
const BEGINS: &str = "tgt_";
pub(crate) const DAY: i64 = 86_400_000;

/// A token as it stands.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Token {
    /// What it is called.
    pub(crate) name: String,
    /// Whose powers it has some of.
    pub(crate) role: Role,
    /// Which.
    pub(crate) powers: Vec<Power>,
    /// What it sees.
    pub(crate) scope: Scope,
    /// Who made it.
    pub(crate) by: String,
    /// When.
    pub(crate) made: Millis,
    /// Until then.
    pub(crate) until: Millis,
    /// When it was used last, to a minute.
    pub(crate) used: Option<Millis>,
}

/// A token that is wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// What it is called: audit lines are of `token:NAME`.
    pub name: String,
    /// Whose powers it has some of.
    pub role: Role,
    /// Which.
    pub powers: Vec<Power>,
    /// What it sees.
    pub scope: Scope,
    /// How many days it is good.
    pub days: i64,
}

/// What a request says as its token.
pub(crate) fn said(parts: &Parts) -> Option<&str> {
    let said = parts.headers.get(AUTHORIZATION)?.to_str().ok()?;
    let (kind, token) = said.split_once(' ')?;
    kind.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

async fn find(hall: &Hall, digest: &str) -> Result<Option<Token>, PageError> {
    let token: Option<Token> = standing::one(hall.store(), &format!("{TOKEN}{digest}")).await?;
    Ok(token.filter(|token| hall.now() < token.until))
}

/// Who has this token.
pub(crate) async fn who(hall: &Hall, said: &str, tongue: Tongue) -> Result<Who, PageError> {
    let unknown = || PageError::of(StatusCode::UNAUTHORIZED, "admin.token");
    let secret = said.strip_prefix(BEGINS).and_then(Secret::read).ok_or_else(unknown)?;
    let digest = secret.digest();
    let mut token = find(hall, &digest).await?.ok_or_else(unknown)?;
    let now = hall.now();
    if token.used.is_none_or(|used| now.since(used) >= USED_EVERY) {
        let _held = hall.access.changing.lock().await;
        // It may have been revoked a moment ago, and must not stand again.
        token = find(hall, &digest).await?.ok_or_else(unknown)?;
        token.used = Some(now);
        standing::put(hall.store(), &format!("{TOKEN}{digest}"), &token, now).await?;
    }
    Ok(Who {
        account: format!("token:{}", token.name).into(),
        roles: vec![token.role],
        scope: token.scope,
        only: Some(Arc::from(token.powers)),
        via: Via::Token,
        key: digest.as_str().into(),
        csrf: "".into(),
        tongue,
    })
}

/// Whether a token is good still.
pub(crate) async fn lasts(hall: &Hall, digest: &str) -> bool {
    find(hall, digest).await.is_ok_and(|found| found.is_some())
}

/// Every token, those that are over too.
pub(crate) async fn all(hall: &Hall) -> Result<Vec<(String, Token)>, PageError> {
    Ok(standing::read(hall.store(), TOKEN).await?)
}

fn fit(wanted: &Wanted) -> Result<(), PageError> {
    let _name = named(&wanted.name)?;
    fitting(&[wanted.role], &wanted.scope)?;
    let given = |power: &Power| wanted.role.may(*power) && *power != Power::Accounts;
    if wanted.powers.is_empty() || !wanted.powers.iter().all(given) {
        return Err(PageError::bad(
            "a token has at least one power, all of them of its role; none keeps accounts",
            "令牌至少有一项权限，且均须属于其角色；管理账号的权限不授予令牌",
        ));
    }
    let most = TOKEN_LIFE_MAX / DAY;
    if !(1..=most).contains(&wanted.days) {
        return Err(PageError::bad(
            format!("a token is good for 1 to {most} days"),
            format!("令牌有效期须为 1 至 {most} 天"),
        ));
    }
    Ok(())
}

impl Hall {
    async fn note_token(
        &self,
        who: &Who,
        (action, name): (&str, &str),
        reason: &str,
        ok: bool,
    ) -> Result<(), PageError> {
        let event = AuditEvent {
            at: self.now(),
            who: who.account.to_string(),
            action: action.to_owned(),
            subject: format!("token/{name}"),
            reason: reason.to_owned(),
            ok,
        };
        Ok(self.store().audit(event).await?)
    }

    /// Makes a token, for a reason. What is returned is shown once.
    ///
    /// # Errors
    /// They may not, there is no reason, it cannot be so, or the store does not answer.
    pub async fn give_token(
        &self,
        who: &Who,
        wanted: &Wanted,
        reason: &str,
    ) -> Result<String, PageError> {
        let of = ("token.add", named(&wanted.name).map_or("unknown", |_| wanted.name.trim()));
        let given = async {
            who.needs(Power::Accounts)?;
            let reason = reasoned(reason)?;
            fit(wanted)?;
            let _held = self.access.changing.lock().await;
            let there = all(self).await?;
            if there.len() >= TOKENS_MAX || there.iter().any(|(_, t)| t.name == of.1) {
                return Err(PageError::bad(
                    format!("there is a token of that name, or there are {TOKENS_MAX}: revoke one"),
                    format!("已有同名令牌，或令牌已达上限 {TOKENS_MAX} 个，请先吊销"),
                ));
            }
            let (secret, now) = (Secret::new(self), self.now());
            let token = Token {
                name: of.1.to_owned(),
                role: wanted.role,
                powers: wanted.powers.clone(),
                scope: wanted.scope.clone(),
                by: who.account.to_string(),
                made: now,
                until: now.plus(wanted.days * DAY),
                used: None,
            };
            let words: Vec<&str> = token.powers.iter().map(|power| power.word()).collect();
            let told =
                format!("{reason} [{}: {}; {} d]", token.role.word(), words.join(","), wanted.days);
            standing::put(self.store(), &format!("{TOKEN}{}", secret.digest()), &token, now)
                .await?;
            Ok((format!("{BEGINS}{}", secret.text()), told))
        };
        match given.await {
            Ok((text, told)) => {
                self.note_token(who, of, &told, true).await?;
                Ok(text)
            }
            Err(error) => {
                self.note_token(who, of, error.code, false).await?;
                Err(error)
            }
        }
    }

    /// Revokes a token by its name, for a reason.
    ///
    /// # Errors
    /// They may not, there is no reason or no such token, or the store does not answer.
    pub async fn revoke_token(&self, who: &Who, name: &str, reason: &str) -> Result<(), PageError> {
        let of = ("token.revoke", named(name).map_or("unknown", |_| name.trim()));
        let revoked = async {
            who.needs(Power::Accounts)?;
            let reason = reasoned(reason)?;
            let _held = self.access.changing.lock().await;
            let found = all(self).await?.into_iter().find(|(_, token)| token.name == of.1);
            let Some((digest, _)) = found else {
                return Err(PageError::gone("there is no such token", "没有该令牌"));
            };
            self.store().stand(&format!("{TOKEN}{digest}"), None, self.now()).await?;
            Ok(reason)
        };
        match revoked.await {
            Ok(reason) => self.note_token(who, of, reason, true).await,
            Err(error) => {
                self.note_token(who, of, error.code, false).await?;
                Err(error)
            }
        }
    }
}
