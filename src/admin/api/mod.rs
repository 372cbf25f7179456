//! `/api/v1`: what pages show and do, as JSON for programs. The same powers, the same scope, the same
//! reasons, the same lines in the audit chain. The document at `/api/v1/openapi.json` is made from the
//! handlers; there is no second list of them.

mod acts;
mod ask;
mod audit;
mod books;
mod document;
mod node;
mod problems;
mod view;

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::http::{StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub use ask::LIST_MAX;
pub use books::NAMED_MAX;

use crate::error::PageError;
use crate::hall::Hall;
use ask::{ApiError, Caller};

/// Where the API lives.
pub(crate) const ROOT: &str = "/api/v1";

/// Every operation, with its part of the document.
fn operations() -> OpenApiRouter<Arc<Hall>> {
    OpenApiRouter::with_openapi(document::head())
        .routes(routes!(node::whoami))
        .routes(routes!(node::status))
        .routes(routes!(node::links))
        .routes(routes!(node::adapters))
        .routes(routes!(node::certificates))
        .routes(routes!(problems::list))
        .routes(routes!(problems::show))
        .routes(routes!(books::day))
        .routes(routes!(books::month))
        .routes(routes!(books::trace))
        .routes(routes!(audit::events))
        .routes(routes!(acts::act))
        .routes(routes!(openapi))
}

/// The routes, and what is answered where there is none.
pub(crate) fn routes() -> Router<Arc<Hall>> {
    let (api, _) = operations().split_for_parts();
    let none = |uri: Uri| async move {
        let path = uri.path().chars().take(200).collect::<String>();
        ApiError(PageError::gone(
            format!("there is no `{path}` in the API; see {ROOT}/openapi.json"),
            format!("接口中没有 {path}，请查看 {ROOT}/openapi.json"),
        ))
    };
    let other =
        || async { ApiError(PageError::of(StatusCode::METHOD_NOT_ALLOWED, "admin.method")) };
    let api = api.method_not_allowed_fallback(other).fallback(none);
    Router::new().nest(ROOT, api)
}

/// This document.
#[utoipa::path(
    get, path = "/openapi.json", tag = "document",
    responses((status = 200, description = "OpenAPI 3.1", body = serde_json::Value))
)]
async fn openapi(State(_hall): State<Arc<Hall>>, _caller: Caller) -> Response {
    ([(CONTENT_TYPE, "application/json")], document::text()).into_response()
}

#[cfg(test)]
mod tests;
