//! What people ask: the audit chain, the census, the trace of a case.

use canon::{Digest, Millis, NodeCode, RecordId};
use sqlx::sqlite::{SqliteConnection, SqliteRow};

use super::codec::{Entries, digest_in, digest_out};
use super::conn::{Columns, q};
use super::handle::{Handle, blob, place};
use super::{relay, sql};
use crate::audit::chain;
use crate::error::StoreError;
use crate::packed::row::{own_record_id, record_id};
use crate::packed::trace::{self, step};
use crate::types::*;

/// Appends to the hash chain.
pub(super) async fn append_audit(
    handle: &Handle,
    txn: &mut SqliteConnection,
    event: &AuditEvent,
) -> Result<(), StoreError> {
    let last = q(sql::AUDIT_LAST).bind(handle.ident).fetch_optional(&mut *txn).await?;
    let (nth, previous) = match &last {
        None => (0, None),
        Some(row) => (row.int(0)?, Some(digest_in(row.blob(1)?)?)),
    };
    let text = serde_json::to_string(event).map_err(|e| StoreError::Damaged(e.to_string()))?;
    let statement = q(sql::AUDIT_ADD).bind(handle.ident).bind(nth + 1).bind(text);
    statement.bind(digest_out(&chain(previous.as_ref(), event))).execute(txn).await?;
    Ok(())
}

/// Appends an audit event.
pub(super) async fn audit(handle: &Handle, mut event: AuditEvent) -> Result<(), StoreError> {
    let mut writer = handle.writer().await;
    let (mut txn, now) = handle.begin(&mut writer, None, Some(event.at)).await?;
    event.at = now;
    append_audit(handle, &mut txn, &event).await?;
    handle.commit(txn).await?;
    drop(writer);
    handle.barrier().await?;
    Ok(())
}

/// Audit events after a number.
pub(super) async fn audit_after(
    handle: &Handle,
    after: i64,
    limit: u32,
) -> Result<Vec<(i64, AuditEvent, Digest)>, StoreError> {
    let mut conn = handle.reader().await?;
    let statement = q(sql::AUDIT_AFTER).bind(handle.ident).bind(after).bind(i64::from(limit));
    let mut events = Vec::new();
    for row in statement.fetch_all(&mut *conn).await? {
        let event = serde_json::from_str(row.text(1)?);
        let event = event.map_err(|e| StoreError::Damaged(format!("audit event: {e}")))?;
        events.push((row.int(0)?, event, digest_in(row.blob(2)?)?));
    }
    Ok(events)
}

/// Counts by place, record by record.
pub(super) async fn census(handle: &Handle) -> Result<[u64; 10], StoreError> {
    let mut conn = handle.reader().await?;
    let mut places = [0; 10];
    for row in q(sql::CENSUS).bind(handle.ident).fetch_all(&mut *conn).await? {
        places[place(row.int(0)?)? as usize] = row.num(1)?;
    }
    Ok(places)
}

/// Where one record version is now.
pub(super) async fn place_of(
    handle: &Handle,
    id: &RecordId,
    to: &NodeCode,
) -> Result<Option<Place>, StoreError> {
    let Ok(kind) = handle.words().strand_to(&id.kind, to) else { return Ok(None) };
    let mut conn = handle.reader().await?;
    let statement = q(sql::PLACE).bind(handle.ident).bind(id.key.root()).bind(kind);
    let statement = statement.bind(id.key.part()).bind(i64::from(id.version));
    let row = statement.fetch_optional(&mut *conn).await?;
    row.map(|r| place(r.int(0)?)).transpose()
}

/// Everything known here of a case number, oldest first.
pub(super) async fn trace(handle: &Handle, number: &str) -> Result<Vec<TraceStep>, StoreError> {
    let (from, to) = trace::bounds(number);
    let mut conn = handle.reader().await?;
    let mut steps = Vec::new();
    let own = q(sql::TRACE_OWN).bind(handle.ident).bind(from.as_str()).bind(to.as_str());
    for row in own.fetch_all(&mut *conn).await? {
        trace_own(handle, &mut conn, &row, &mut steps).await?;
    }
    let kept = q(sql::TRACE_KEPT).bind(handle.ident).bind(from.as_str()).bind(to.as_str());
    for row in kept.fetch_all(&mut *conn).await? {
        trace_kept(handle, &mut conn, &row, &mut steps).await?;
    }
    let within = format!(":{from}");
    let written = trace::written(&within)?;
    let problems = q(sql::TRACE_PROBLEMS).bind(handle.ident).bind(within).bind(written);
    for row in problems.fetch_all(&mut *conn).await? {
        steps.extend(trace::problem(handle.words(), &row, &from)?);
    }
    steps.sort_by_key(|s| s.at);
    Ok(steps)
}

async fn trace_own(
    handle: &Handle,
    conn: &mut SqliteConnection,
    row: &SqliteRow,
    steps: &mut Vec<TraceStep>,
) -> Result<(), StoreError> {
    let (id, to) = own_record_id(handle.words(), row, 0)?;
    let (record, before) = (id.to_string(), steps.len());
    trace_ways(handle, conn, row, &record, steps).await?;
    steps.iter_mut().skip(before).for_each(|s| s.destination = Some(to.clone()));
    Ok(())
}

async fn trace_ways(
    handle: &Handle,
    conn: &mut SqliteConnection,
    row: &SqliteRow,
    record: &str,
    steps: &mut Vec<TraceStep>,
) -> Result<(), StoreError> {
    let Some(entries) = row.int_opt(8)? else {
        let at = Millis(row.int_opt(10)?.unwrap_or_default());
        steps.push(step(at, record, "quarantined", None));
        return Ok(());
    };
    let idx: usize = row.num(6)?;
    let entries = blob(conn, entries).await?;
    let mut first = step(Millis(row.int(7)?), record, "collected", None);
    if let Some(entry) = Entries::new(&entries).nth(idx) {
        first.detail = entry?.digest.to_string();
    }
    steps.push(first);
    let again = q(sql::TRACE_AGAIN).bind(handle.ident).bind(row.text(0)?).bind(row.int(1)?);
    let again = again.bind(row.text(2)?).bind(row.int(3)?);
    for earlier in again.fetch_all(&mut *conn).await? {
        let told = if earlier.int(1)? == 0 { "parent_missing" } else { "accepted" };
        trace_envelope(handle, conn, earlier.int(0)?, record, told, steps).await?;
    }
    if let Some(envelope) = row.int_opt(9)? {
        let told = place(row.int(4)?)?.to_string();
        trace_envelope(handle, conn, envelope, record, &told, steps).await?;
    }
    Ok(())
}

async fn trace_envelope(
    handle: &Handle,
    conn: &mut SqliteConnection,
    envelope: i64,
    record: &str,
    told: &str,
    steps: &mut Vec<TraceStep>,
) -> Result<(), StoreError> {
    let row = q(sql::TRACE_ENVELOPE).bind(envelope).fetch_one(conn).await?;
    let id = handle.read_own_id(&row, 0)?;
    trace::envelope(&row, &id, (record, told), steps)
}

async fn trace_kept(
    handle: &Handle,
    conn: &mut SqliteConnection,
    row: &SqliteRow,
    steps: &mut Vec<TraceStep>,
) -> Result<(), StoreError> {
    let record = record_id(handle.words(), row, 0)?.to_string();
    let id = handle.read_id(row, 7)?;
    let mut kept = step(Millis(row.int(6)?), &record, "kept", Some(&id));
    kept.detail = format!("{} at {}", digest_in(row.blob(4)?)?, row.int(5)?);
    steps.push(kept);
    if let Some(relay) = relay::row(handle, conn, &id).await? {
        let mut one = step(Millis(relay.int(9)?), &record, "relayed", Some(&id));
        let link = handle.words().text(relay.int(2)?)?;
        one.detail = format!("{link} {}", relay::state(relay.int(3)?)?);
        steps.push(one);
    }
    Ok(())
}
