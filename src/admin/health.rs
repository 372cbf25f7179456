//! Whether the process lives and the node is ready: for those who restart processes and share out
//! requests. They need not log in, and are told nothing but words.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use canon::Millis;
use exchange::errands::HALTED;
use store::LeaseRow;

use crate::hall::Hall;

/// How long an answer holds, ms: whoever asks without a login cannot keep the store busy.
const READY_FOR: i64 = 1_000;

/// How a node is. The words are the whole answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ready {
    Yes,
    /// The store does not answer.
    NoStore,
    /// The node has stopped itself.
    Halted,
    /// This process has none of the node's work: it has just started, stops, or others have it all.
    NoWork,
}

impl Ready {
    const fn answer(self) -> (StatusCode, &'static str) {
        match self {
            Self::Yes => (StatusCode::OK, "ready\n"),
            Self::NoStore => (StatusCode::SERVICE_UNAVAILABLE, "store\n"),
            Self::Halted => (StatusCode::SERVICE_UNAVAILABLE, "halted\n"),
            Self::NoWork => (StatusCode::SERVICE_UNAVAILABLE, "leases\n"),
        }
    }
}

/// The two routes.
pub(crate) fn routes() -> Router<Arc<Hall>> {
    let live = || async { "live\n" };
    Router::new().route("/health/live", get(live)).route("/health/ready", get(ready))
}

async fn ready(State(hall): State<Arc<Hall>>) -> Response {
    let now = hall.now();
    let known = hall.remembered.ready.young(READY_FOR, now);
    let ready = match known {
        Some(ready) => ready,
        None => hall.remembered.ready.keep(how(&hall, now).await, now),
    };
    ready.answer().into_response()
}

pub(crate) async fn how(hall: &Hall, now: Millis) -> Ready {
    let store = hall.store();
    let (Ok(halted), Ok(leases)) = (store.standing(HALTED).await, store.lease_rows().await) else {
        return Ready::NoStore;
    };
    if halted.iter().any(|stands| stands.name == HALTED) {
        return Ready::Halted;
    }
    // That a process is there, or tells alerts, is no work of the node.
    let work = |name: &str| !name.starts_with("instance/") && !name.starts_with("admin/");
    let own = |row: &LeaseRow| row.holder == hall.node.holder && row.until > now && work(&row.name);
    let own = leases.iter().any(own);
    if own { Ready::Yes } else { Ready::NoWork }
}
