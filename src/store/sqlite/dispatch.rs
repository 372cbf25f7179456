//! Dispatch: what is due, what became of an attempt, and every change of an own envelope's state.

use std::sync::Arc;

use canon::{Day, EnvelopeId, Lane, Millis, Route};
use sqlx::sqlite::{SqliteConnection, SqliteRow};

use super::codec::{digest_in, kinds_in};
use super::conn::{Bulk, Columns, big, changed, q};
use super::handle::{Handle, blob, drop_blob};
use super::seal::{lane_column, learn_controls, put_controls};
use super::sql;
use super::tally::{self, Line, OWN, Tallies};
use crate::error::StoreError;
use crate::lifecycle::{OutEvent, OutState};
pub(super) use crate::packed::columns::state;
use crate::packed::columns::{envelope_place, state_column};
use crate::types::EventOn;
use crate::types::*;

static ATTEMPTS: Bulk = Bulk::new(sql::ATTEMPT_HEAD, sql::ATTEMPT_ROW, "");

/// An own envelope's row by its id.
pub(super) async fn own_row(
    handle: &Handle,
    conn: &mut SqliteConnection,
    id: &EnvelopeId,
) -> Result<Option<SqliteRow>, StoreError> {
    if id.sender != handle.code {
        return Ok(None);
    }
    let Some(route) = handle.words().find(&id.route.to_string()) else { return Ok(None) };
    let statement = q(sql::ENVELOPE).bind(handle.ident).bind(route).bind(i64::from(id.epoch));
    Ok(statement.bind(big(id.sequence)).fetch_optional(conn).await?)
}

/// A change of an own envelope.
#[derive(Default)]
pub(super) struct Move {
    /// Next attempt or inquiry; none once nothing more is due.
    pub(super) due_at: Option<Millis>,
    /// Why.
    pub(super) reason: Option<String>,
    /// When the carrier confirmed it.
    pub(super) sent_at: Option<Millis>,
    /// Attempts more.
    pub(super) attempts: i64,
    /// Refusals more; below 0: none any more.
    pub(super) refusals: i64,
    /// Blob of its receipt.
    pub(super) receipt: Option<i64>,
}

/// Moves an envelope (its row as read by [`own_row`]), with the records that follow it.
pub(super) async fn move_envelope(
    handle: &Handle,
    txn: &mut SqliteConnection,
    tallies: &mut Tallies,
    row: &SqliteRow,
    next: OutState,
    how: &Move,
    now: Millis,
) -> Result<(), StoreError> {
    let from = envelope_place(state(row.int(1)?)?);
    let to = envelope_place(next);
    if from != to {
        for ((epoch, kind), count) in kinds_in(row.blob(8)?)? {
            let line = Line::own(handle.words(), Day(row.num(5)?), (row.int(6)?, epoch), kind)?;
            tallies.shift(line, from, to, count);
        }
    }
    let due_at = how.due_at.filter(|_| !next.is_final());
    let ended = next.is_final() || next == OutState::Dead;
    let statement = q(sql::ENVELOPE_MOVE).bind(row.int(0)?).bind(state_column(next));
    let statement = statement.bind(due_at.map(|t| t.0)).bind(how.reason.as_deref());
    let statement = statement.bind(ended.then_some(now.0)).bind(how.sent_at.map(|t| t.0));
    let statement = statement.bind(how.attempts).bind(how.refusals).bind(how.receipt);
    changed("envelope", 1, statement.execute(txn).await?.rows_affected())
}

/// Reads an own envelope.
pub(super) fn envelope(handle: &Handle, row: &SqliteRow) -> Result<OutEnvelope, StoreError> {
    let route = handle.words().route(row.int(6)?)?;
    Ok(OutEnvelope {
        id: EnvelopeId {
            sender: handle.code.clone(),
            epoch: row.num(12)?,
            route,
            sequence: row.num(13)?,
        },
        kind: handle.words().text(row.int(14)?)?,
        state: state(row.int(1)?)?,
        day: Day(row.num(5)?),
        link: handle.words().text(row.int(4)?)?,
        head_digest: digest_in(row.blob(15)?)?,
        root: digest_in(row.blob(16)?)?,
        count: row.num(7)?,
        attempts: row.num(17)?,
        refusals: row.num(18)?,
        numbered_at: Millis(row.int(19)?),
        sent_at: row.int_opt(20)?.map(Millis),
        due_at: row.int_opt(21)?.map(Millis),
        reason: row.text_opt(22)?.map(str::to_owned),
        hop: row.text_opt(23)?.map(str::to_owned),
    })
}

/// An own envelope.
pub(super) async fn outbound(
    handle: &Handle,
    id: &EnvelopeId,
) -> Result<Option<OutEnvelope>, StoreError> {
    let mut conn = handle.writer().await;
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
    let Some(word) = handle.words().find(&route.to_string()) else { return Ok(Vec::new()) };
    let mut conn = handle.writer().await;
    let epoch = handle.epoch();
    let statement = q(sql::OUTBOUND_RANGE).bind(handle.ident).bind(word).bind(epoch);
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
    let mut conn = handle.writer().await;
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
    let Some(link) = handle.words().find(link) else { return Ok(Vec::new()) };
    let now = handle.clock(now);
    let (lane, limit) = (lane_column(lane), i64::from(parcels_max.max(1)));
    let mut conn = handle.writer().await;
    let sender = handle.words().find(handle.code.as_str()).unwrap_or(0);
    let statement = q(sql::DUE).bind(handle.ident).bind(link).bind(lane).bind(now.0);
    let mut rows = statement.bind(sender).bind(limit).fetch_all(&mut *conn).await?;
    in_turn(&mut rows);
    let (mut parcels, mut bytes) = (Vec::new(), 0_u64);
    for row in rows {
        let own = row.int(0)? == 1;
        bytes += row.num::<u64>(10)?;
        let full = parcels.len() >= parcels_max as usize || bytes > bytes_max;
        if full && !parcels.is_empty() {
            break;
        }
        let id = handle.read_id(&row, 1)?;
        parcels.push(DueParcel {
            own,
            kind: handle.words().text(row.int(5)?)?,
            to: id.route.destination.clone(),
            id,
            frame: blob(&mut conn, row.int(9)?).await?.into(),
            // A control parcel of our own counts as one, however many fragments it has.
            count: if own && row.int(11)? == 0 { 1 } else { row.num(6)? },
            attempts: row.num(7)?,
            since: Millis(row.int(8)?),
        });
    }
    drop(conn);
    // What leaves must be on the disk, and so must all that it follows from.
    if !parcels.is_empty() {
        handle.barrier().await?;
    }
    Ok(parcels)
}

/// Own and relayed parcels in turn, each in their own order: a node's own backlog does not stand
/// before what passes through it, nor the other way round.
fn in_turn(rows: &mut [SqliteRow]) {
    let mut turns = [0_u32; 2];
    rows.sort_by_cached_key(|row| {
        let own = usize::from(row.int(0).unwrap_or_default() == 1);
        turns[own] += 1;
        (turns[own], row.int(8).unwrap_or_default())
    });
}

/// A new row of `attempt`.
struct AttemptRow<'a> {
    own: bool,
    envelope: i64,
    nth: i64,
    attempt: &'a Attempted,
}

const fn event_word(event: OutEvent) -> &'static str {
    match event {
        OutEvent::Confirmed => "confirmed",
        OutEvent::NotConfirmed => "not_confirmed",
        _ => "given_up",
    }
}

/// What became of attempts.
pub(super) async fn attempted(
    handle: &Handle,
    lease: &Lease,
    attempts: Vec<Attempted>,
    now: Millis,
) -> Result<(), StoreError> {
    let legal = |e| matches!(e, OutEvent::Confirmed | OutEvent::NotConfirmed | OutEvent::GivenUp);
    if let Some(odd) = attempts.iter().find(|a| !legal(a.event)) {
        let detail = format!("{:?} is not an attempt's end", odd.event);
        return Err(StoreError::Conflict { what: "attempt", detail });
    }
    let mut writer = handle.writer().await;
    let (mut txn, now) = handle.begin(&mut writer, Some(lease), Some(now)).await?;
    let mut tallies = Tallies::new(handle.ident, OWN);
    let (mut rows, mut links) = (Vec::new(), std::collections::BTreeMap::new());
    for attempt in &attempts {
        let done = if attempt.own {
            attempted_own(handle, &mut txn, &mut tallies, attempt, now).await?
        } else {
            attempted_relay(handle, &mut txn, attempt, now).await?
        };
        let Some((envelope, nth, link)) = done else { continue };
        // A plain confirm leaves its count and time on the envelope; a row tells why not.
        if attempt.event != OutEvent::Confirmed {
            rows.push(AttemptRow { own: attempt.own, envelope, nth, attempt });
        }
        links.insert(link, attempt.reason.as_deref());
    }
    ATTEMPTS
        .run(&mut txn, &rows, |s, row| {
            let s = s.bind(handle.ident).bind(row.own).bind(row.envelope).bind(row.nth);
            let s = s.bind(now.0).bind(event_word(row.attempt.event));
            s.bind(row.attempt.reason.clone()).bind(row.attempt.due_at.0)
        })
        .await?;
    links.retain(|link, reason| handle.reason_is_news(*link, *reason));
    for (link, reason) in &links {
        let statement = q(sql::LINK_REASON).bind(handle.ident).bind(*link).bind(*reason);
        statement.execute(&mut *txn).await?;
    }
    tally::write(tallies, &mut txn).await?;
    handle.commit(txn).await?;
    for (link, reason) in links {
        handle.reason_written(link, reason);
    }
    Ok(())
}

/// Envelope, number of the attempt, link. An attempt that comes too late changes only the count.
async fn attempted_own(
    handle: &Handle,
    txn: &mut SqliteConnection,
    tallies: &mut Tallies,
    attempt: &Attempted,
    now: Millis,
) -> Result<Option<(i64, i64, i64)>, StoreError> {
    let Some(row) = own_row(handle, txn, &attempt.id).await? else { return Ok(None) };
    let (envelope, nth) = (row.int(0)?, row.int(17)? + 1);
    let done = Some((envelope, nth, row.int(4)?));
    let Some(mut next) = state(row.int(1)?)?.next(attempt.event) else {
        q(sql::ENVELOPE_TRIED).bind(envelope).execute(txn).await?;
        return Ok(done);
    };
    let how = Move {
        due_at: (next != OutState::Dead).then_some(attempt.due_at),
        reason: attempt.reason.clone(),
        sent_at: (next == OutState::Sent).then_some(now),
        attempts: 1,
        ..Move::default()
    };
    // Nobody answers a control parcel: the carrier's confirm is its end.
    if next == OutState::Sent && row.int(2)? == 0 {
        next = next.next(OutEvent::Receipted).unwrap_or(next);
    }
    move_envelope(handle, txn, tallies, &row, next, &how, now).await?;
    Ok(done)
}

async fn attempted_relay(
    handle: &Handle,
    txn: &mut SqliteConnection,
    attempt: &Attempted,
    now: Millis,
) -> Result<Option<(i64, i64, i64)>, StoreError> {
    let Some(row) = super::relay::row(handle, txn, &attempt.id).await? else { return Ok(None) };
    let (relay, nth, frame) = (row.int(0)?, row.int(6)? + 1, row.int_opt(5)?);
    let records = row.int(4)? == 1;
    let before = row.int(3)?;
    let (state, due_at, done_at) = match attempt.event {
        _ if before != super::relay::DUE => (before, None, row.int_opt(7)?),
        OutEvent::NotConfirmed => (super::relay::DUE, Some(attempt.due_at.0), None),
        OutEvent::Confirmed if records => (super::relay::SENT, None, None),
        // A control parcel passed on, or one given up: only the origin sends again.
        _ => (super::relay::DONE, None, Some(now.0)),
    };
    let ends = before == super::relay::DUE && state == super::relay::DONE;
    let statement = q(sql::RELAY_TRIED).bind(relay).bind(state).bind(due_at).bind(done_at);
    let statement = statement.bind(attempt.reason.as_deref()).bind(frame.filter(|_| !ends));
    statement.execute(&mut *txn).await?;
    if ends {
        drop_blob(txn, frame).await?;
    }
    Ok(Some((relay, nth, row.int(2)?)))
}

/// Puts off what is due on a route.
pub(super) async fn defer_route(
    handle: &Handle,
    route: &Route,
    until: Millis,
    reason: &str,
    now: Millis,
) -> Result<u64, StoreError> {
    let Some(route) = handle.words().find(&route.to_string()) else { return Ok(0) };
    let mut writer = handle.writer().await;
    let (mut txn, _) = handle.begin(&mut writer, None, Some(now)).await?;
    let statement = q(sql::ROUTE_DEFER).bind(handle.ident).bind(route).bind(until.0);
    let deferred = statement.bind(reason).execute(&mut *txn).await?.rows_affected();
    handle.commit(txn).await?;
    Ok(deferred)
}

/// Pauses or resumes a link.
pub(super) async fn pause_link(
    handle: &Handle,
    link: &str,
    reason: Option<&str>,
    now: Millis,
) -> Result<(), StoreError> {
    let mut writer = handle.writer().await;
    handle.words().learn(&mut writer, &[link]).await?;
    let (mut txn, _) = handle.begin(&mut writer, None, Some(now)).await?;
    let statement = q(sql::LINK_PAUSE).bind(handle.ident).bind(handle.words().word(link)?);
    statement.bind(reason).execute(&mut *txn).await?;
    handle.commit(txn).await?;
    drop(writer);
    handle.barrier().await?;
    Ok(())
}

/// A state change of an own envelope that no receipt causes.
pub(super) async fn commit_event(
    handle: &Handle,
    lease: &Lease,
    id: &EnvelopeId,
    on: EventOn,
) -> Result<bool, StoreError> {
    let mut writer = handle.writer().await;
    learn_controls(handle, &mut writer, &on.controls).await?;
    let (mut txn, now) = handle.begin(&mut writer, Some(lease), Some(on.now)).await?;
    if let Some(inbox_id) = on.inbox_id {
        let frame = super::inbox::consume(handle, &mut txn, inbox_id).await?;
        drop_blob(&mut txn, Some(frame)).await?;
    }
    let row = own_row(handle, &mut txn, id).await?;
    let settles = matches!(on.event, OutEvent::Receipted | OutEvent::Declining);
    if settles && row.as_ref().is_some_and(|r| matches!(r.int(2), Ok(1))) {
        let detail = "records are settled by commit_settled".to_owned();
        return Err(StoreError::Conflict { what: "event", detail });
    }
    let mut tallies = Tallies::new(handle.ident, OWN);
    let mut moved = false;
    if let Some(row) = row
        && let Some(next) = state(row.int(1)?)?.next(on.event)
    {
        let due_at = match next {
            OutState::Sealed => Some(on.due_at.unwrap_or(now)),
            OutState::Dead => None,
            _ => on.due_at,
        };
        let refusals = i64::from(on.event == OutEvent::Refused);
        let attempts = -i64::from(on.event == OutEvent::Deferred);
        let how = Move { due_at, reason: on.reason, refusals, attempts, ..Move::default() };
        move_envelope(handle, &mut txn, &mut tallies, &row, next, &how, now).await?;
        put_controls(handle, &mut txn, &on.controls).await?;
        moved = true;
    }
    tally::write(tallies, &mut txn).await?;
    handle.commit(txn).await?;
    Ok(moved)
}

/// Frames kept here of an envelope, own, received or relayed.
pub(super) async fn frames(
    handle: &Handle,
    id: &EnvelopeId,
) -> Result<Option<StoredFrames>, StoreError> {
    let mut conn = handle.writer().await;
    let found = match own_row(handle, &mut conn, id).await? {
        Some(row) => row.int_opt(10)?.zip(Some(row.int_opt(11)?)),
        None => super::accept::frames(handle, &mut conn, id).await?,
    };
    let Some((frame, receipt)) = found else { return Ok(None) };
    let receipt: Option<Arc<[u8]>> = match receipt {
        None => None,
        Some(number) => Some(blob(&mut conn, number).await?.into()),
    };
    Ok(Some(StoredFrames { frame: blob(&mut conn, frame).await?.into(), receipt }))
}
