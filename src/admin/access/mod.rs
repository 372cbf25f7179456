//! Accounts, passwords, second factors, sessions, tokens. The README of this folder is the manual.

mod account;
mod admit;
mod links;
mod manage;
mod own;
mod page;
mod password;
mod role;
mod second;
mod secret;
mod session;
mod tokens;
mod tries;
mod who;

#[cfg(test)]
pub(crate) mod tests;

use std::fmt;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::http::StatusCode;
use axum::http::request::Parts;

pub use account::{
    ACCOUNT_CHARS_MAX, ACCOUNTS_MAX, PASSWORD_HISTORY, PASSWORD_LIFE_MAX, PASSWORD_WARNING,
};
pub use links::LINK_LIFE_MAX;
pub use manage::{Change, SCOPE_ENTRIES_MAX};
pub use password::{
    HASH_KIB, HASH_LANES, HASH_PASSES, HASHES_AT_ONCE_MAX, HASHES_WAITING_MAX, PASSWORD_CHARS_MAX,
    PASSWORD_CHARS_MIN, PASSWORD_CHARS_MIN_LEVEL_2,
};
pub use role::{Power, Role, Scope};
pub use second::RECOVERY_CODES;
pub use session::{ACCOUNT_SESSIONS_MAX, SESSION_IDLE_MAX, SESSION_LIFE_MAX};
pub use tokens::{TOKEN_LIFE_MAX, TOKENS_MAX, Wanted};
pub use tries::{LOCKED_FOR, STRANGER_LINES_MAX, WRONG_MAX};
pub(crate) use who::Given;
pub use who::{Told, Via, Who};

use crate::error::PageError;
use crate::hall::Hall;
use crate::tongue::{self, cookie};
use crate::web::Refusal;

use account::First;
use secret::Secret;

/// SHA-256 of the client certificate that TLS has verified, as an extension of the request. Whoever serves
/// the pages puts it there; nothing a client sends can.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClientCertificate(pub [u8; 32]);

/// How the pages are served, as far as access is concerned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Terms {
    /// Over TLS, here or by a proxy before us: browsers then keep the session to it.
    pub tls: bool,
    /// Fewest characters of a password.
    pub password_chars_min: usize,
}

impl Default for Terms {
    fn default() -> Self {
        Self { tls: true, password_chars_min: PASSWORD_CHARS_MIN }
    }
}

/// Accounts and sessions of a node's pages.
#[derive(Default)]
pub struct Access {
    terms: Terms,
    turns: password::Turns,
    /// Held by whoever reads what stands, changes it, and lets it stand again.
    changing: tokio::sync::Mutex<()>,
    strangers: Mutex<tries::Strangers>,
}

impl fmt::Debug for Access {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "access, {:?}", self.terms)
    }
}

impl Access {
    /// Of pages that are served so.
    pub fn new(terms: Terms) -> Self {
        Self { terms, ..Self::default() }
    }

    /// Who sends this request.
    pub(crate) async fn who(&self, hall: &Hall, parts: &Parts) -> Result<Who, Refusal> {
        if let Some(said) = tokens::said(parts) {
            let found = tokens::who(hall, said, tongue::chosen(&parts.headers)).await;
            return found.map_err(|error| Refusal::for_program(parts, error));
        }
        let carried = cookie(&parts.headers, &session::cookie_name(hall)).and_then(Secret::read);
        let Some(secret) = carried else { return Err(Refusal::unknown(parts)) };
        let failed = |error| Refusal::new(parts, error);
        let digest = secret.digest();
        let found = session::find(hall, &digest).await.map_err(failed)?;
        let Some((session, account)) = found else { return Err(Refusal::unknown(parts)) };
        // A session whose second factor was a certificate is worth nothing without it.
        if session.certificate.is_some() && session.certificate != shown(parts) {
            return Err(Refusal::unknown(parts));
        }
        if let Some(first) = account.first(hall.now()).filter(|_| !is_own(parts.uri.path())) {
            let (code, there) = match first {
                First::Password => ("admin.password_over", "/me"),
                First::Second => ("admin.second_needed", "/me/second"),
            };
            let error = PageError::of(StatusCode::FORBIDDEN, code);
            return Err(Refusal::first(parts, error, there));
        }
        let seen = session.seen;
        let who = Who {
            account: session.account.as_str().into(),
            roles: account.roles,
            scope: account.scope,
            only: None,
            via: Via::Session,
            key: digest.as_str().into(),
            csrf: secret.csrf().into(),
            tongue: tongue::chosen(&parts.headers),
        };
        session::used(hall, &digest, seen).await.map_err(failed)?;
        Ok(who)
    }

    /// Whether somebody who was let in still is.
    pub(crate) async fn lasts(&self, hall: &Hall, who: &Who) -> bool {
        match who.via {
            Via::Session => session::find(hall, &who.key).await.is_ok_and(|found| found.is_some()),
            Via::Token => tokens::lasts(hall, &who.key).await,
        }
    }
}

/// The certificate that TLS verified, as accounts name it.
fn shown(parts: &Parts) -> Option<String> {
    parts.extensions.get::<ClientCertificate>().map(|c| secret::hex(&c.0))
}

/// Pages about oneself, that somebody needs to be let in at all.
fn is_own(path: &str) -> bool {
    path == "/me" || path.starts_with("/me/") || path == "/logout"
}

/// Pages about oneself and about accounts.
pub fn routes() -> Router<Arc<Hall>> {
    page::routes()
}
