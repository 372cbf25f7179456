//! The audit chain.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Json;
use serde::Deserialize;

use super::ask::{Answer, Asked, Caller, after, limit};
use super::view::{Audit, Event};
use crate::access::Power;
use crate::hall::Hall;

/// Which lines are wanted.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Wanted {
    /// Only those after this number.
    #[param(minimum = 0)]
    after: Option<i64>,
    /// At most so many; 100 if nothing is said.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<u32>,
}

/// Lines of the audit chain, in their order, page by page.
#[utoipa::path(
    get, path = "/audit", tag = "audit", params(Wanted),
    responses((status = 200, description = "One page of them", body = Audit))
)]
pub(super) async fn events(
    State(hall): State<Arc<Hall>>,
    caller: Caller,
    Asked(wanted): Asked<Wanted>,
) -> Answer<Audit> {
    caller.needs(Power::AuditLog)?;
    let limit = limit(wanted.limit)?;
    let lines = hall.store().audit_after(after(wanted.after)?, limit).await?;
    let next = lines.last().filter(|_| lines.len() == limit as usize).map(|(number, ..)| *number);
    let events =
        lines.into_iter().map(|(number, event, digest)| Event::new(number, event, &digest));
    Ok(Json(Audit { events: events.collect(), next }))
}
