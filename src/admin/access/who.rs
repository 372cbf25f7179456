//! Who asks: the account behind a session, a token or a client certificate.

use std::sync::Arc;

use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::http::StatusCode;
use axum::http::request::Parts;
use exchange::reconcile::sheets::Tongue;
use serde::de::DeserializeOwned;

use super::role::{Power, Role, Scope};
use crate::error::PageError;
use crate::hall::Hall;
use crate::web::{FORM_BYTES_MAX, Refusal};

/// How somebody has shown who they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Via {
    /// A session of a browser.
    Session,
    /// A token of the API.
    Token,
}

/// Who asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Who {
    /// The account: an operator code, never a person's name.
    pub account: Arc<str>,
    /// Its roles.
    pub roles: Vec<Role>,
    /// What it sees.
    pub scope: Scope,
    /// How it came.
    pub via: Via,
    /// What each form must say again; empty for a token.
    pub csrf: Arc<str>,
    /// The language it reads.
    pub tongue: Tongue,
}

impl Who {
    /// Whether it has a power.
    pub fn may(&self, power: Power) -> bool {
        self.roles.iter().any(|role| role.may(power))
    }

    /// Refuses unless it has the power.
    ///
    /// # Errors
    /// It has not.
    pub fn needs(&self, power: Power) -> Result<(), PageError> {
        if self.may(power) {
            return Ok(());
        }
        Err(PageError::of(StatusCode::FORBIDDEN, "admin.forbidden"))
    }

    /// One of two texts.
    pub const fn of<'t>(&self, en: &'t str, zh: &'t str) -> &'t str {
        self.tongue.of(en, zh)
    }
}

impl FromRequestParts<Arc<Hall>> for Who {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, hall: &Arc<Hall>) -> Result<Self, Refusal> {
        hall.access.who(hall, parts).await
    }
}

/// A form that somebody sent, who said its page's secret again: no other site can send it for them.
#[derive(Debug)]
pub struct Told<T> {
    /// Who.
    pub who: Who,
    /// What.
    pub form: T,
}

impl<T: DeserializeOwned> FromRequest<Arc<Hall>> for Told<T> {
    type Rejection = Refusal;

    async fn from_request(request: Request, hall: &Arc<Hall>) -> Result<Self, Refusal> {
        let (mut parts, body) = request.into_parts();
        let who = Who::from_request_parts(&mut parts, hall).await?;
        let refused = |code| Refusal::to(&who, PageError::of(StatusCode::FORBIDDEN, code));
        let bad = |e: &dyn std::fmt::Display| {
            Refusal::to(&who, PageError::bad(format!("the form: {e}"), format!("表单有误：{e}")))
        };
        let bytes = axum::body::to_bytes(body, FORM_BYTES_MAX).await.map_err(|e| bad(&e))?;
        let pairs: Vec<(String, String)> =
            serde_urlencoded::from_bytes(&bytes).map_err(|e| bad(&e))?;
        let said = pairs.iter().find(|(name, _)| name == "csrf").map_or("", |(_, value)| value);
        let same = who.csrf.len() == said.len() && ring_equal(who.csrf.as_bytes(), said.as_bytes());
        if who.via == Via::Session && (who.csrf.is_empty() || !same) {
            return Err(refused("admin.csrf"));
        }
        let form = serde_urlencoded::from_bytes(&bytes).map_err(|e| bad(&e))?;
        Ok(Self { who, form })
    }
}

/// Compares without telling where two texts differ.
fn ring_equal(a: &[u8], b: &[u8]) -> bool {
    a.iter().zip(b).fold(0, |differs, (x, y)| differs | (x ^ y)) == 0
}
