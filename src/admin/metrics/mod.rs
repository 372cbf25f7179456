//! `GET /metrics`: what the node counts, in the text format of Prometheus. Base units, `_total` for what
//! only rises, no personal data in any label.

mod families;
mod gather;
mod text;

use std::sync::Arc;

use axum::Router;
use axum::extract::{FromRequestParts, Request, State};
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use axum::routing::get;

pub use families::{FAMILIES, Family, Kind};
pub use gather::CAUSES_COUNTED_MAX;
pub(crate) use gather::Causes;

use crate::access::{Power, Who};
use crate::hall::Hall;
use crate::web::{Page, Refusal};

/// How long the figures hold, ms: two programs that ask at the same time get the same.
const FIGURES_FOR: i64 = 1_000;
/// The format, and its edition.
const MEDIA_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// The route.
pub(crate) fn routes() -> Router<Arc<Hall>> {
    Router::new().route("/metrics", get(metrics))
}

async fn metrics(State(hall): State<Arc<Hall>>, request: Request) -> Page {
    let (mut parts, _) = request.into_parts();
    if !hall.figures().open_to(&parts) {
        let who = Who::from_request_parts(&mut parts, &hall).await?;
        who.needs(Power::Look).map_err(|e| Refusal::to(&who, e))?;
    }
    let now = hall.now();
    let text = match hall.remembered.figures.young(FIGURES_FOR, now) {
        Some(text) => text,
        None => {
            let figures = gather::all(&hall, now).await.map_err(|e| Refusal::new(&parts, e))?;
            hall.remembered.figures.keep(Arc::from(figures.write()), now)
        }
    };
    Ok(shown(&text))
}

fn shown(text: &str) -> Response {
    ([(CONTENT_TYPE, MEDIA_TYPE)], text.to_owned()).into_response()
}

#[cfg(test)]
mod tests;
