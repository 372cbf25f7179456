//! The pages, one file each; their paths stand in [`crate::shell::PLACES`].

pub mod adapters;
pub mod audit;
pub mod language;
pub mod overview;
pub mod papers;
pub mod problems;

use std::sync::Arc;

use axum::Router;

use crate::hall::Hall;

/// Every page.
pub(crate) fn routes() -> Router<Arc<Hall>> {
    Router::new()
        .merge(overview::routes())
        .merge(problems::routes())
        .merge(adapters::routes())
        .merge(audit::routes())
        .merge(papers::routes())
        .merge(language::routes())
}
