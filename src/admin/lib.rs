//! The administrator's view of one node: what is stuck, why, since when, and one click to the records.
//!
//! [`hall::Hall`] holds a node with what its pages need; [`router`] serves it. What only the process
//! knows (papers, files, the services of a node) comes through [`house::House`]; time and chance are
//! arguments. Everything that changes something goes through [`act`], so that a page, the JSON API and
//! a script have the same powers, the same reasons asked, and the same lines in the audit chain.

pub mod access;
pub mod act;
pub mod chart;
pub mod error;
pub mod hall;
pub mod house;
pub mod live;
pub mod page;
pub mod series;
pub mod shell;
#[cfg(test)]
pub(crate) mod test_hall;
pub mod tongue;
pub mod web;

use std::sync::Arc;

use axum::Router;
use axum::extract::Request;
use axum::http::Extensions;
use axum::middleware::{self, Next};

pub use hall::Hall;

/// Finds the SHA-256 of the client certificate that TLS verified, among what a listener leaves with a
/// request.
pub type Shown = fn(&Extensions) -> Option<[u8; 32]>;

/// Everything that is served for one node.
pub fn router(hall: &Arc<Hall>, shown: Shown) -> Router {
    let pages = Router::new().merge(access::routes()).merge(page::routes()).merge(live::routes());
    let pages = pages.merge(web::assets());
    let told = middleware::from_fn(move |mut request: Request, next: Next| async move {
        if let Some(certificate) = shown(request.extensions()) {
            request.extensions_mut().insert(access::ClientCertificate(certificate));
        }
        next.run(request).await
    });
    web::shielded(pages).layer(told).with_state(Arc::clone(hall))
}
