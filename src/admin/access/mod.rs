//! Accounts, passwords, second factors, sessions, tokens.

mod role;
mod who;

use std::sync::Arc;

use axum::Router;
use axum::http::request::Parts;

pub use role::{Power, Role, Scope};
pub use who::{Told, Via, Who};

use crate::hall::Hall;
use crate::web::Refusal;

/// Accounts and sessions of a node's pages.
#[derive(Debug, Default)]
pub struct Access {}

impl Access {
    /// Who sends this request.
    pub(crate) async fn who(&self, _hall: &Hall, parts: &Parts) -> Result<Who, Refusal> {
        Err(Refusal::unknown(parts))
    }

    /// The way in for the first person, once; none where somebody has an account.
    ///
    /// # Errors
    /// The store does not answer.
    pub async fn first_link(
        &self,
        _hall: &Hall,
    ) -> Result<Option<String>, crate::error::PageError> {
        Ok(None)
    }

    /// Whether somebody who was let in still is.
    pub(crate) async fn lasts(&self, _hall: &Hall, _who: &Who) -> bool {
        true
    }
}

/// Pages about oneself and about accounts.
pub fn routes() -> Router<Arc<Hall>> {
    Router::new()
}
