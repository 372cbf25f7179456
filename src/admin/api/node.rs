//! The node as it is: who asks, numbers, links, sources, certificates.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Json;
use store::{LinkStatus, Place};

use super::ask::{Answer, Caller};
use super::view::{Adapters, Certificates, Link, Links, Sentence, Status, WhoAmI, moment};
use crate::access::{Power, Role};
use crate::error::PageError;
use crate::hall::Hall;
use crate::series::of_link;

/// Who asks, and what they may.
#[utoipa::path(
    get, path = "/whoami", tag = "access",
    responses((status = 200, description = "The account behind the session or token", body = WhoAmI))
)]
pub(super) async fn whoami(caller: Caller) -> Answer<WhoAmI> {
    let who = caller.0;
    let powers = Power::ALL.into_iter().filter(|power| who.may(*power));
    Ok(Json(WhoAmI {
        account: who.account.to_string(),
        roles: who.roles.iter().map(|role: &Role| role.word().to_owned()).collect(),
        powers: powers.map(|power| power.word().to_owned()).collect(),
        regions: who.scope.regions,
        units: who.scope.units,
    }))
}

/// The node's numbers, and a sentence wherever something is to be said.
#[utoipa::path(
    get, path = "/status", tag = "node",
    responses((status = 200, description = "Numbers and sentences", body = Status))
)]
pub(super) async fn status(State(hall): State<Arc<Hall>>, caller: Caller) -> Answer<Status> {
    caller.needs(Power::Look)?;
    let now = hall.now();
    let status = hall.store().status().await?;
    let said = hall.house.said(now).await.map_err(PageError::from)?;
    let own = said
        .into_iter()
        .filter(|s| s.kind != "adapter" || caller.0.scope.has_unit(&s.about))
        .map(Sentence::from)
        .collect::<Vec<_>>();
    let places = Place::ALL.iter().zip(status.places);
    Ok(Json(Status {
        node: hall.node.code.to_string(),
        title: hall.title.clone(),
        environment: hall.node.environment.to_string(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        at: moment(now),
        needs_a_person: own.iter().any(|s| s.needs_a_person),
        places: places.map(|(place, n)| (place.to_string(), n)).collect(),
        rows_without_key: status.rows_without_key,
        kept: status.kept,
        judged: status.judged,
        inbox: status.inbox,
        control_queued: status.control_queued,
        refused: status.refused,
        said: own,
    }))
}

/// Every link: what waits, how long, how fast it goes.
#[utoipa::path(
    get, path = "/links", tag = "node",
    responses((status = 200, description = "All of them, there is no paging", body = Links))
)]
pub(super) async fn links(State(hall): State<Arc<Hall>>, caller: Caller) -> Answer<Links> {
    caller.needs(Power::Look)?;
    let status = hall.store().status().await?;
    let links = status.links.into_iter().map(|link| one(&hall, link)).collect();
    Ok(Json(Links { links }))
}

fn one(hall: &Hall, link: LinkStatus) -> Link {
    let pace = hall.series.pace(&of_link(&link.link), hall.now());
    Link {
        due: link.due,
        in_flight: link.in_flight,
        unknown: link.unknown,
        dead: link.dead,
        accepted: link.accepted,
        rejected: link.rejected,
        oldest: link.oldest.map(moment),
        last_receipt: link.last_receipt.map(moment),
        reason: link.reason,
        paused: link.paused,
        rate: pace.rate,
        empty_in_seconds: pace.empty_in.and_then(|ms| u64::try_from(ms / 1000).ok()),
        still_since: pace.still_since.map(moment),
        link: link.link,
    }
}

/// Every source within the caller's scope.
#[utoipa::path(
    get, path = "/adapters", tag = "node",
    responses((status = 200, description = "All of them, there is no paging", body = Adapters))
)]
pub(super) async fn adapters(State(hall): State<Arc<Hall>>, caller: Caller) -> Answer<Adapters> {
    caller.needs(Power::Look)?;
    let all = hall.store().status().await?.adapters;
    let own = all.into_iter().filter(|a| caller.0.scope.has_unit(&a.adapter));
    Ok(Json(Adapters { adapters: own.map(Into::into).collect() }))
}

/// Certificates and authorities, those that end soonest first.
#[utoipa::path(
    get, path = "/certificates", tag = "node",
    responses((status = 200, description = "All of them, there is no paging", body = Certificates))
)]
pub(super) async fn certificates(
    State(hall): State<Arc<Hall>>,
    caller: Caller,
) -> Answer<Certificates> {
    caller.needs(Power::Look)?;
    let papers = hall.house.papers(hall.now());
    Ok(Json(Certificates { certificates: papers.into_iter().map(Into::into).collect() }))
}
