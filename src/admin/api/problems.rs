//! 问题数据: what is held, returned or rejected.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Json;
use serde::Deserialize;
use store::ProblemFilter;

use super::ask::{Answer, Asked, Caller, Named, after, limit};
use super::view::{Problem, Problems};
use crate::access::Power;
use crate::error::PageError;
use crate::hall::Hall;
use crate::page::problems::one;

/// Which are wanted.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Wanted {
    /// Only this state: `held`, `returned`, `resubmitted`, `cured`, `voided`.
    #[param(max_length = 64)]
    state: Option<String>,
    /// Only this adapter.
    #[param(max_length = 200)]
    adapter: Option<String>,
    /// Only those that broke this rule.
    #[param(max_length = 200)]
    rule: Option<String>,
    /// Only those after this number.
    #[param(minimum = 0)]
    after: Option<i64>,
    /// At most so many; 100 if nothing is said.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<u32>,
}

/// Problem data within the caller's scope, page by page. A page may be shorter than its limit, or empty,
/// and still have a next one: entries outside the scope are left out of it.
#[utoipa::path(
    get, path = "/problems", tag = "problems", params(Wanted),
    responses((status = 200, description = "One page of them", body = Problems))
)]
pub(super) async fn list(
    State(hall): State<Arc<Hall>>,
    caller: Caller,
    Asked(wanted): Asked<Wanted>,
) -> Answer<Problems> {
    caller.needs(Power::Look)?;
    let limit = limit(wanted.limit)?;
    let filter = ProblemFilter {
        state: wanted.state,
        adapter: wanted.adapter,
        rule: wanted.rule,
        after: after(wanted.after)?,
        limit,
    };
    let items = hall.store().problems(filter).await?;
    let next = items.last().filter(|_| items.len() == limit as usize).map(|item| item.number);
    let own = items.into_iter().filter(|item| caller.0.scope.has_unit(&item.adapter));
    Ok(Json(Problems { problems: own.map(Into::into).collect(), next }))
}

/// One entry.
#[utoipa::path(
    get, path = "/problems/{number}", tag = "problems",
    params(("number" = i64, Path, description = "Its number", minimum = 1)),
    responses((status = 200, description = "The entry, without its row", body = Problem))
)]
pub(super) async fn show(
    State(hall): State<Arc<Hall>>,
    caller: Caller,
    Named(number): Named<i64>,
) -> Answer<Problem> {
    caller.needs(Power::Look)?;
    let item = one(&hall, number).await?;
    if !caller.0.scope.has_unit(&item.adapter) {
        return Err(PageError::of(StatusCode::FORBIDDEN, "admin.out_of_scope").into());
    }
    Ok(Json(item.into()))
}
