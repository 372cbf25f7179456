//! Who asks: the account behind a session, a token or a client certificate.

use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::http::StatusCode;
use axum::http::request::Parts;
use exchange::reconcile::sheets::Tongue;
use serde::de::DeserializeOwned;
use subtle::ConstantTimeEq;

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
    /// Of its roles' powers, those it has here; none is all of them.
    pub only: Option<Arc<[Power]>>,
    /// How it came.
    pub via: Via,
    /// The digest of its session or token.
    pub key: Arc<str>,
    /// What each form must say again; empty for a token.
    pub csrf: Arc<str>,
    /// The language it reads.
    pub tongue: Tongue,
}

impl Who {
    /// Whether it has a power.
    pub fn may(&self, power: Power) -> bool {
        let within = self.only.as_deref().is_none_or(|only| only.contains(&power));
        within && self.roles.iter().any(|role| role.may(power))
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
        let refused = |error| Refusal::to(&who, error);
        let bytes = bytes(body).await.map_err(refused)?;
        let pairs: Vec<(String, String)> = read(&bytes).map_err(refused)?;
        let said = pairs.iter().find(|(name, _)| name == "csrf").map_or("", |(_, value)| value);
        let same = bool::from(who.csrf.as_bytes().ct_eq(said.as_bytes()));
        if who.via == Via::Session && (who.csrf.is_empty() || !same) {
            return Err(refused(PageError::of(StatusCode::FORBIDDEN, "admin.csrf")));
        }
        let form = read(&bytes).map_err(refused)?;
        Ok(Self { who, form })
    }
}

/// A form of somebody who is not known yet, with the request it came by. A browser that says the form
/// was made by another site is refused.
pub(crate) struct Given<T> {
    /// The request.
    pub(crate) parts: Parts,
    /// What.
    pub(crate) form: T,
}

impl<T: DeserializeOwned> FromRequest<Arc<Hall>> for Given<T> {
    type Rejection = Refusal;

    async fn from_request(request: Request, _hall: &Arc<Hall>) -> Result<Self, Refusal> {
        let (parts, body) = request.into_parts();
        if parts.headers.get("sec-fetch-site").is_some_and(|site| site == "cross-site") {
            let error = PageError::of(StatusCode::FORBIDDEN, "admin.csrf");
            return Err(Refusal::new(&parts, error));
        }
        let form = match bytes(body).await {
            Ok(bytes) => read(&bytes),
            Err(error) => Err(error),
        };
        match form {
            Ok(form) => Ok(Self { parts, form }),
            Err(error) => Err(Refusal::new(&parts, error)),
        }
    }
}

fn bad(e: impl std::fmt::Display) -> PageError {
    PageError::bad(format!("the form: {e}"), format!("表单有误：{e}"))
}

async fn bytes(body: Body) -> Result<Bytes, PageError> {
    axum::body::to_bytes(body, FORM_BYTES_MAX).await.map_err(bad)
}

fn read<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, PageError> {
    serde_urlencoded::from_bytes(bytes).map_err(bad)
}
