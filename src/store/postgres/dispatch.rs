//! Dispatch: what is due, what is overdue, and changes that no receipt causes.

use std::sync::Arc;

use canon::{EnvelopeId, Lane, Millis, Route};

use super::columns::lane_column;
use super::conn::{Columns, big, q};
use super::handle::{Handle, blob, drop_blob};
use super::moves::{Move, Moves, Own, envelope, own_row};
use super::seal::{learn_controls, put_controls};
use super::sql;
use super::tally::{self, OWN, Tallies};
use crate::error::StoreError;
use crate::lifecycle::{OutEvent, OutState};
use crate::types::EventOn;
use crate::types::*;

/// An own envelope.
pub(super) async fn outbound(
    handle: &Handle,
    id: &EnvelopeId,
) -> Result<Option<OutEnvelope>, StoreError> {
    handle.find_id(id).await?;
    let mut conn = handle.conn().await?;
    let row = own_row(handle, &mut conn, id).await?;
    row.map(|row| envelope(handle, &row)).transpose()
}

/// Own envelopes of a route in this epoch.
pub(super) async fn outbound_range(
    handle: &Handle,
    route: &Route,
    first: u64,
    last: u64,
    limit: u32,
) -> Result<Vec<OutEnvelope>, StoreError> {
    let Some(word) = handle.find(&route.to_string()).await? else { return Ok(Vec::new()) };
    let mut conn = handle.conn().await?;
    let statement = q(sql::OUTBOUND_RANGE).bind(handle.ident).bind(word);
    let statement = statement.bind(big(first)).bind(big(last)).bind(i64::from(limit));
    let rows = statement.fetch_all(&mut *conn).await?;
    rows.iter().map(|row| envelope(handle, row)).collect()
}

/// Own records envelopes whose receipt, or next inquiry, is due.
pub(super) async fn overdue(
    handle: &Handle,
    now: Millis,
    limit: u32,
) -> Result<Vec<OutEnvelope>, StoreError> {
    let now = handle.clock(now);
    let mut conn = handle.conn().await?;
    let statement = q(sql::OVERDUE).bind(handle.ident).bind(now.0).bind(i64::from(limit));
    let rows = statement.fetch_all(&mut *conn).await?;
    rows.iter().map(|row| envelope(handle, row)).collect()
}

/// Parcels due on a link and lane, own and relayed.
pub(super) async fn due(
    handle: &Handle,
    link: &str,
    lane: Lane,
    now: Millis,
    parcels_max: u32,
    bytes_max: u64,
) -> Result<Vec<DueParcel>, StoreError> {
    let Some(link) = handle.find(link).await? else { return Ok(Vec::new()) };
    let sender = handle.find(handle.code.as_str()).await?.unwrap_or(0);
    let now = handle.clock(now);
    let mut conn = handle.conn().await?;
    let statement = q(sql::DUE).bind(handle.ident).bind(link).bind(lane_column(lane)).bind(now.0);
    let statement = statement.bind(sender).bind(i64::from(parcels_max.max(1)));
    let rows = statement.bind(big(bytes_max)).fetch_all(&mut *conn).await?;
    drop(conn);
    let (mut parcels, mut unflushed) = (Vec::with_capacity(rows.len()), false);
    for row in &rows {
        let own = row.int(0)? == 1;
        let id = if own {
            handle.read_own_id(row, 2)?
        } else {
            EnvelopeId { sender: handle.words().node(row.int(12)?)?, ..handle.read_own_id(row, 2)? }
        };
        unflushed |= row.int(11)? != 0;
        parcels.push(DueParcel {
            own,
            kind: handle.words().text(row.int(5)?)?,
            to: id.route.destination.clone(),
            id,
            frame: row.blob(10)?.into(),
            // A control parcel of our own counts as one, however many fragments it has.
            count: if own && row.int(9)? == 0 { 1 } else { row.num(6)? },
            attempts: row.num(7)?,
            since: Millis(row.int(8)?),
        });
    }
    // What leaves must be on the disk, and so must all that it follows from, whoever wrote it.
    if unflushed {
        handle.barrier_for_all().await?;
    }
    Ok(parcels)
}

/// Puts off what is due on a route.
pub(super) async fn defer_route(
    handle: &Handle,
    route: &Route,
    until: Millis,
    reason: &str,
    now: Millis,
) -> Result<u64, StoreError> {
    let Some(route) = handle.find(&route.to_string()).await? else { return Ok(0) };
    let mut txn = handle.begin(None, Some(now)).await?;
    let statement = q(sql::ROUTE_DEFER).bind(handle.ident).bind(route).bind(until.0);
    let deferred = statement.bind(reason).execute(&mut *txn).await?.rows_affected();
    txn.commit().await?;
    Ok(deferred)
}

/// Pauses or resumes a link.
pub(super) async fn pause_link(
    handle: &Handle,
    link: &str,
    reason: Option<&str>,
    now: Millis,
) -> Result<(), StoreError> {
    handle.learn(&[link]).await?;
    let mut txn = handle.begin(None, Some(now)).await?;
    let statement = q(sql::LINK_PAUSE).bind(handle.ident).bind(handle.words().word(link)?);
    statement.bind(reason).execute(&mut *txn).await?;
    txn.commit().await?;
    handle.barrier().await
}

/// A state change of an own envelope that no receipt causes.
pub(super) async fn commit_event(
    handle: &Handle,
    lease: &Lease,
    id: &EnvelopeId,
    on: &EventOn,
) -> Result<bool, StoreError> {
    learn_controls(handle, &on.controls).await?;
    handle.find_id(id).await?;
    let mut txn = handle.begin(Some(lease), Some(on.now)).await?;
    if let Some(inbox_id) = on.inbox_id {
        let frame = super::inbox::consume(handle, &mut txn, inbox_id).await?;
        drop_blob(&mut txn, Some(frame)).await?;
    }
    let own = own_row(handle, &mut txn, id).await?.map(|row| Own::read(&row)).transpose()?;
    let settles = matches!(on.event, OutEvent::Receipted | OutEvent::Declining);
    if settles && own.as_ref().is_some_and(|o| o.records) {
        let detail = "records are settled by commit_settled".to_owned();
        return Err(StoreError::Conflict { what: "event", detail });
    }
    let now = txn.now;
    let mut tallies = Tallies::new(handle.ident, OWN);
    let mut moved = false;
    if let Some(own) = own
        && let Some(next) = own.state.next(on.event)
    {
        let due_at = match next {
            OutState::Sealed => Some(on.due_at.unwrap_or(now)),
            OutState::Dead => None,
            _ => on.due_at,
        };
        let refusals = i64::from(on.event == OutEvent::Refused);
        let attempts = -i64::from(on.event == OutEvent::Deferred);
        let reason = on.reason.clone();
        let how = Move { due_at, reason, refusals, attempts, ..Move::default() };
        let mut moves = Moves::default();
        moves.add(handle, &mut tallies, &own, next, how, now)?;
        moves.write(&mut txn).await?;
        put_controls(handle, &mut txn, &on.controls).await?;
        moved = true;
    }
    tally::write(tallies, &mut txn).await?;
    txn.commit().await?;
    Ok(moved)
}

/// Frames kept here of an envelope, own, received or relayed.
pub(super) async fn frames(
    handle: &Handle,
    id: &EnvelopeId,
) -> Result<Option<StoredFrames>, StoreError> {
    handle.find_id(id).await?;
    let mut conn = handle.conn().await?;
    let found = match own_row(handle, &mut conn, id).await? {
        Some(row) => row.int_opt(21)?.zip(Some(row.int_opt(22)?)),
        None => super::accept::frames(handle, &mut conn, id).await?,
    };
    let Some((frame, receipt)) = found else { return Ok(None) };
    let receipt: Option<Arc<[u8]>> = match receipt {
        None => None,
        Some(number) => Some(blob(&mut conn, number).await?.into()),
    };
    Ok(Some(StoredFrames { frame: blob(&mut conn, frame).await?.into(), receipt }))
}
