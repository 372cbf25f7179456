//! The pages, one file each; their paths stand in [`crate::shell::PLACES`].

pub mod adapters;
pub mod audit;
pub mod books;
pub mod case;
pub mod causes;
pub mod dead;
pub mod language;
pub mod nodes;
pub mod overview;
pub mod papers;
pub mod problems;
pub mod ranking;
pub mod reconcile;
pub mod records;
pub(crate) mod words;

use std::sync::Arc;

use axum::Router;

use crate::hall::Hall;

/// Every page.
pub(crate) fn routes() -> Router<Arc<Hall>> {
    Router::new()
        .merge(overview::routes())
        .merge(problems::routes())
        .merge(records::routes())
        .merge(case::routes())
        .merge(dead::routes())
        .merge(nodes::routes())
        .merge(reconcile::routes())
        .merge(ranking::routes())
        .merge(adapters::routes())
        .merge(audit::routes())
        .merge(papers::routes())
        .merge(language::routes())
}

#[cfg(test)]
mod tests;
