//! Accept: judged envelopes, what is kept of them, sequences and gaps.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use canon::{EnvelopeId, Key, Millis, NodeCode, RecordId};
use sqlx::sqlite::SqliteConnection;

use super::codec::{digest_in, digest_out, numbers_in, numbers_out};
use super::collect::sorted;
use super::conn::{Bulk, Columns, big, changed, json, len, q};
use super::handle::{Handle, IdColumns, drop_blob};
use super::seal::{learn_controls, put_controls};
use super::tally::{self, Line, RECEIVED, Tallies};
use super::words::Seen;
use super::{account, inbox, people, problems, relay, sql};
use crate::error::StoreError;
use crate::packed::leaves::Counted;
use crate::types::*;

static KEPT: Bulk = Bulk::new(sql::KEPT_HEAD, sql::KEPT_ROW, "");

/// What is known of an envelope.
pub(super) async fn admission(
    handle: &Handle,
    id: &EnvelopeId,
) -> Result<Option<Admission>, StoreError> {
    let Some(columns) = handle.find_id(id) else { return Ok(None) };
    let mut conn = handle.writer().await;
    let received = columns.bind(q(sql::RECEIVED).bind(handle.ident));
    let received = received.fetch_optional(&mut *conn).await?;
    let relay = relay::row(handle, &mut conn, id).await?;
    let head_digest = match (&received, &relay) {
        (Some(row), _) | (None, Some(row)) => digest_in(row.blob(1)?)?,
        (None, None) => return Ok(None),
    };
    let receipt = received.map(|r| r.int_opt(4)).transpose()?.flatten();
    Ok(Some(Admission {
        id: id.clone(),
        head_digest,
        state: if relay.is_some() { InState::Relayed } else { InState::Judged },
        receipt_sealed: receipt.is_some_and(|state| state != 0),
    }))
}

/// Blobs kept of a received or relayed envelope: its frame, its receipt's.
pub(super) async fn frames(
    handle: &Handle,
    conn: &mut SqliteConnection,
    id: &EnvelopeId,
) -> Result<Option<(i64, Option<i64>)>, StoreError> {
    let Some(columns) = handle.find_id(id) else { return Ok(None) };
    let received = columns.bind(q(sql::RECEIVED).bind(handle.ident));
    if let Some(row) = received.fetch_optional(&mut *conn).await? {
        return Ok(row.int_opt(2)?.zip(Some(row.int_opt(5)?)));
    }
    let relay = relay::row(handle, conn, id).await?;
    Ok(relay.map(|r| r.int_opt(5)).transpose()?.flatten().map(|frame| (frame, None)))
}

/// Highest epoch of a sender that was judged here.
pub(super) async fn highest_epoch(handle: &Handle, sender: &NodeCode) -> Result<u32, StoreError> {
    let Some(word) = handle.words().find(sender.as_str()) else { return Ok(0) };
    let mut conn = handle.writer().await;
    let row = q(sql::HIGHEST_EPOCH).bind(handle.ident).bind(word).fetch_one(&mut *conn).await?;
    row.int_opt(0)?.map_or(Ok(0), super::conn::fit)
}

/// Every kept version of these cases' records.
pub(super) async fn kept_cases(
    handle: &Handle,
    roots: &[&str],
) -> Result<Vec<KeptRow>, StoreError> {
    let roots = sorted(roots)?;
    let mut conn = handle.writer().await;
    let rows = q(sql::KEPT_CASES).bind(handle.ident).bind(roots).fetch_all(&mut *conn).await?;
    let mut numbers = BTreeSet::new();
    for row in &rows {
        numbers.insert(row.int(7)?);
    }
    let mut ids = BTreeMap::new();
    if !numbers.is_empty() {
        let numbers: Vec<i64> = numbers.into_iter().collect();
        for row in q(sql::RECEIVED_IDS).bind(json(&numbers)?).fetch_all(&mut *conn).await? {
            ids.insert(row.int(0)?, handle.read_id(&row, 1)?);
        }
    }
    let mut kept = Vec::with_capacity(rows.len());
    for row in &rows {
        let number = row.int(7)?;
        let lost = || StoreError::Damaged(format!("received envelope {number} is missing"));
        kept.push(KeptRow {
            id: RecordId {
                kind: handle.words().text(row.int(1)?)?,
                key: Key::from_columns(row.text(0)?, row.text(2)?),
                version: row.num(3)?,
            },
            digest: digest_in(row.blob(4)?)?,
            facts: row.text(5)?.into(),
            voided: row.int(6)? != 0,
            envelope: ids.get(&number).cloned().ok_or_else(lost)?,
        });
    }
    Ok(kept)
}

/// An envelope judged.
pub(super) async fn commit_judged(
    handle: &Handle,
    lease: &Lease,
    judged: Judged,
) -> Result<(), StoreError> {
    let mut writer = handle.writer().await;
    let receipt: Vec<NewControl> = judged.receipt.iter().cloned().collect();
    let id = handle.learn_id(&mut writer, &judged.id).await?;
    learn_controls(handle, &mut writer, &receipt).await?;
    if let Some(relayed) = &judged.relayed {
        relay::learn(handle, &mut writer, relayed).await?;
    }
    let mut seen = Seen::default();
    let mut kinds = Vec::with_capacity(judged.kept.len());
    for kept in &judged.kept {
        kinds.push(seen.learn(handle.words(), &mut writer, &kept.id.kind).await?);
    }
    for count in &judged.counts {
        seen.learn(handle.words(), &mut writer, &count.kind).await?;
    }
    let (mut txn, now) = handle.begin(&mut writer, Some(lease), Some(judged.now)).await?;
    if let Some(saw) = &judged.saw {
        let rows = q(sql::KEPT_COUNT).bind(handle.ident).bind(json(&saw.roots)?);
        let rows: u64 = rows.fetch_one(&mut *txn).await?.num(0)?;
        if rows != saw.rows {
            let detail = format!("{} were seen, there are {rows}", saw.rows);
            return Err(StoreError::Conflict { what: "kept records", detail });
        }
    }
    let arrived = inbox::take(handle, &mut txn, judged.inbox_id).await?;
    let frame = inbox::move_frame(handle, &mut txn, &arrived, &judged.frame).await?;
    let received = put_received(handle, &mut txn, id, &judged, frame, now).await?;
    put_kept(handle, &mut txn, &judged.kept, &kinds, received).await?;
    let mut tallies = Tallies::new(handle.ident, RECEIVED);
    for count in &judged.counts {
        let IdColumns { sender: peer, epoch, route, .. } = id;
        let kind = handle.words().word(&count.kind)?;
        let line = Line { day: judged.day, peer, route, epoch, kind };
        tallies.add(line, Place::Accepted, big(count.accepted));
        tallies.add(line, Place::Superseded, big(count.superseded));
        tallies.add(line, Place::Rejected, big(count.rejected));
        tallies.sum(line, &count.sum);
        tallies.sequence(line, judged.id.sequence);
    }
    // What is only kept in passing is in another node's books.
    if judged.id.route.destination == handle.code {
        let kept = judged.kept.iter().map(|k| Counted::of(&k.id, &k.digest));
        let superseded = judged.superseded.iter().map(|(id, digest)| Counted::of(id, digest));
        for record in kept.chain(superseded) {
            tallies.leaf((judged.day, id.sender), true, record);
        }
    }
    tally::write(tallies, &mut txn).await?;
    let window = (handle.ident, BookSide::Received, judged.day, id.sender);
    account::put_units(&mut txn, window, judged.units.iter()).await?;
    see_sequence(handle, &mut txn, id, big(judged.settled_below), now).await?;
    put_controls(handle, &mut txn, &receipt).await?;
    if let Some(relayed) = &judged.relayed {
        let copy = handle.put_blob(&mut txn, relayed.frame.to_vec()).await?;
        relay::pass_on(handle, &mut txn, relayed, copy, now).await?;
    }
    handle.commit(txn).await?;
    Ok(())
}

async fn put_received(
    handle: &Handle,
    txn: &mut SqliteConnection,
    id: IdColumns,
    judged: &Judged,
    frame: i64,
    now: Millis,
) -> Result<i64, StoreError> {
    let received = handle.next_received();
    // All of them kept, in order, is the rule: then no list is needed.
    let all = judged.kept.len() == judged.count as usize;
    let mut kept: Vec<u32> = judged.kept.iter().map(|k| k.index).collect();
    kept.sort_unstable();
    let kept = (!all).then(|| numbers_out(kept));
    let statement = id.bind(q(sql::RECEIVED_ADD).bind(received).bind(handle.ident));
    let statement = statement.bind(digest_out(&judged.head_digest));
    let statement = statement.bind(i64::from(judged.day.0)).bind(i64::from(judged.count));
    let statement = statement.bind(kept).bind(json(&judged.problems)?).bind(frame).bind(now.0);
    statement.bind(len(judged.kept.len())).execute(txn).await?;
    Ok(received)
}

async fn put_kept(
    handle: &Handle,
    txn: &mut SqliteConnection,
    kept: &[NewKept],
    kinds: &[i64],
    received: i64,
) -> Result<(), StoreError> {
    let mut rows: Vec<_> = kept.iter().zip(kinds).collect();
    rows.sort_unstable_by(|(a, ak), (b, bk)| {
        let (x, y) = (&a.id.key, &b.id.key);
        (x.root(), ak, x.part(), a.id.version).cmp(&(y.root(), bk, y.part(), b.id.version))
    });
    let changes = KEPT
        .run(txn, &rows, |s, (row, kind)| {
            let s =
                s.bind(handle.ident).bind(row.id.key.root()).bind(**kind).bind(row.id.key.part());
            let s = s.bind(i64::from(row.id.version)).bind(received).bind(i64::from(row.index));
            s.bind(row.voided).bind(digest_out(&row.digest)).bind(Arc::clone(&row.facts))
        })
        .await?;
    changed("kept", rows.len() as u64, changes)
}

/// Remembers a sequence: opens a gap before it, or closes one. What is below `settled_below` is
/// no gap.
pub(super) async fn see_sequence(
    handle: &Handle,
    txn: &mut SqliteConnection,
    id: IdColumns,
    settled_below: i64,
    now: Millis,
) -> Result<(), StoreError> {
    let of = |text| q(text).bind(handle.ident).bind(id.sender).bind(id.epoch).bind(id.route);
    let row = of(sql::SENDER_ROUTE).fetch_optional(&mut *txn).await?;
    let (highest, settled) = match &row {
        None => (0, 0),
        Some(row) => (row.int(0)?, row.int(1)?),
    };
    let settled_below = settled_below.max(settled);
    let statement = of(sql::SENDER_ROUTE_PUT).bind(id.sequence).bind(settled_below);
    statement.execute(&mut *txn).await?;
    let gap = async |txn: &mut SqliteConnection, first: i64, last: i64, since: i64| {
        if first > last {
            return Ok::<_, StoreError>(());
        }
        of(sql::GAP_ADD).bind(first).bind(last).bind(since).execute(txn).await?;
        Ok(())
    };
    if id.sequence > highest {
        let first = (highest + 1).max(settled_below);
        gap(&mut *txn, first, id.sequence - 1, now.0).await?;
    } else if let Some(row) = of(sql::GAP_AT).bind(id.sequence).fetch_optional(&mut *txn).await? {
        let (first, last, since) = (row.int(0)?, row.int(1)?, row.int(2)?);
        of(sql::GAP_DROP).bind(first).execute(&mut *txn).await?;
        // What lies before the newcomer is as old as the gap was, or as the newcomer if that is
        // not older; what lies behind keeps its age.
        gap(&mut *txn, first, id.sequence - 1, since).await?;
        gap(&mut *txn, id.sequence + 1, last, since).await?;
    }
    if settled_below > settled {
        of(sql::GAPS_FINAL).bind(settled_below).execute(&mut *txn).await?;
        of(sql::GAPS_SHRINK).bind(settled_below).execute(&mut *txn).await?;
    }
    Ok(())
}

/// Sequences that never come are no gap; what is left of a gap is as old as it was.
pub(super) async fn close_gap(
    handle: &Handle,
    lease: &Lease,
    never: &NeverComing,
    now: Millis,
) -> Result<(), StoreError> {
    let words = handle.words();
    let (sender, route) = (words.find(never.sender.as_str()), words.find(&never.route.to_string()));
    let (Some(sender), Some(route)) = (sender, route) else { return Ok(()) };
    let mut writer = handle.writer().await;
    let (mut txn, _) = handle.begin(&mut writer, Some(lease), Some(now)).await?;
    let of =
        |text| q(text).bind(handle.ident).bind(sender).bind(i64::from(never.epoch)).bind(route);
    let (from, to) = (big(never.first), big(never.last));
    for row in of(sql::GAPS_WITHIN).bind(from).bind(to).fetch_all(&mut *txn).await? {
        let (first, last, since) = (row.int(0)?, row.int(1)?, row.int(2)?);
        of(sql::GAP_DROP).bind(first).execute(&mut *txn).await?;
        for (first, last) in [(first, from - 1), (to.saturating_add(1), last)] {
            if first <= last {
                of(sql::GAP_ADD).bind(first).bind(last).bind(since).execute(&mut *txn).await?;
            }
        }
    }
    handle.commit(txn).await?;
    Ok(())
}

/// Gaps of senders in their newest epoch.
pub(super) async fn gaps(
    handle: &Handle,
    before: Millis,
    limit: u32,
) -> Result<Vec<Gap>, StoreError> {
    let mut conn = handle.writer().await;
    let statement = q(sql::GAPS).bind(handle.ident).bind(before.0).bind(i64::from(limit));
    let mut gaps = Vec::new();
    for row in statement.fetch_all(&mut *conn).await? {
        gaps.push(Gap {
            sender: handle.words().node(row.int(0)?)?,
            epoch: row.num(1)?,
            route: handle.words().route(row.int(2)?)?,
            first: row.num(3)?,
            last: row.num(4)?,
            since: Millis(row.int(5)?),
        });
    }
    Ok(gaps)
}

/// A duplicate gets the same receipt again.
pub(super) async fn commit_duplicate(
    handle: &Handle,
    lease: &Lease,
    inbox_id: i64,
    id: &EnvelopeId,
    now: Millis,
) -> Result<(), StoreError> {
    let mut writer = handle.writer().await;
    let (mut txn, now) = handle.begin(&mut writer, Some(lease), Some(now)).await?;
    let frame = inbox::consume(handle, &mut txn, inbox_id).await?;
    drop_blob(&mut txn, Some(frame)).await?;
    let row = match handle.find_id(id) {
        None => None,
        Some(columns) => {
            let statement = columns.bind(q(sql::RECEIVED).bind(handle.ident));
            statement.fetch_optional(&mut *txn).await?
        }
    };
    let Some(row) = row else {
        let detail = format!("{id} was never judged");
        return Err(StoreError::Conflict { what: "envelope", detail });
    };
    if let Some(receipt) = row.int_opt(3)? {
        // Beside the lifecycle: a confirmed control parcel is done, and asked for again.
        q(sql::ENVELOPE_AGAIN).bind(receipt).bind(now.0).execute(&mut *txn).await?;
    }
    handle.commit(txn).await?;
    Ok(())
}

/// The sealed receipt of a judged envelope is due again.
pub(super) async fn receipt_again(
    handle: &Handle,
    lease: &Lease,
    id: &EnvelopeId,
    now: Millis,
) -> Result<(), StoreError> {
    let mut writer = handle.writer().await;
    let (mut txn, now) = handle.begin(&mut writer, Some(lease), Some(now)).await?;
    if let Some(columns) = handle.find_id(id) {
        let row = columns.bind(q(sql::RECEIVED).bind(handle.ident));
        let row = row.fetch_optional(&mut *txn).await?;
        if let Some(receipt) = row.map(|r| r.int_opt(3)).transpose()?.flatten() {
            q(sql::ENVELOPE_AGAIN).bind(receipt).bind(now.0).execute(&mut *txn).await?;
        }
    }
    handle.commit(txn).await?;
    Ok(())
}

/// A parcel set aside, audited, its refusal queued.
pub(super) async fn commit_refused(
    handle: &Handle,
    lease: &Lease,
    refused: RefusedParcel,
) -> Result<(), StoreError> {
    let mut writer = handle.writer().await;
    let refusal: Vec<NewControl> = refused.refusal.iter().cloned().collect();
    learn_controls(handle, &mut writer, &refusal).await?;
    let (mut txn, now) = handle.begin(&mut writer, Some(lease), Some(refused.now)).await?;
    let row = inbox::take(handle, &mut txn, refused.inbox_id).await?;
    let (sender, epoch, route) = (row.text(2)?, row.int(3)?, row.text(4)?);
    let reference = format!("{} {sender}/{epoch}/{route}/{}", row.text(1)?, row.int(5)?);
    problems::list_refused(handle, &mut txn, &reference, &refused, row.int(0)?, now).await?;
    let event = AuditEvent {
        at: now,
        who: "accept".to_owned(),
        action: "parcel.refused".to_owned(),
        subject: reference,
        reason: refused.code,
        ok: true,
    };
    people::append_audit(handle, &mut txn, &event).await?;
    put_controls(handle, &mut txn, &refusal).await?;
    handle.commit(txn).await?;
    Ok(())
}

/// Judged envelopes after an ordinal, in order.
pub(super) async fn judged_after(
    handle: &Handle,
    ordinal: i64,
    limit: u32,
) -> Result<Vec<JudgedEnvelope>, StoreError> {
    let mut conn = handle.writer().await;
    let statement = q(sql::JUDGED_AFTER).bind(handle.ident).bind(ordinal).bind(i64::from(limit));
    let mut judged = Vec::new();
    for row in statement.fetch_all(&mut *conn).await? {
        let count: u32 = row.num(5)?;
        judged.push(JudgedEnvelope {
            ordinal: row.int(0)?,
            id: handle.read_id(&row, 1)?,
            frame: row.blob(8)?.into(),
            kept: row.blob_opt(6)?.map_or_else(|| Ok((0..count).collect()), numbers_in)?,
            at: Millis(row.int(7)?),
        });
    }
    Ok(judged)
}

/// A sink's watermark.
pub(super) async fn watermark(handle: &Handle, sink: &str) -> Result<i64, StoreError> {
    let mut conn = handle.writer().await;
    let row = q(sql::WATERMARK).bind(handle.ident).bind(sink).fetch_optional(&mut *conn).await?;
    row.map_or(Ok(0), |r| r.int(0))
}

/// Moves a sink's watermark forward.
pub(super) async fn commit_delivered(
    handle: &Handle,
    lease: &Lease,
    sink: &str,
    watermark: i64,
    now: Millis,
) -> Result<(), StoreError> {
    let mut writer = handle.writer().await;
    let (mut txn, now) = handle.begin(&mut writer, Some(lease), Some(now)).await?;
    let statement = q(sql::WATERMARK_PUT).bind(handle.ident).bind(sink).bind(watermark);
    statement.bind(now.0).execute(&mut *txn).await?;
    handle.commit(txn).await?;
    drop(writer);
    handle.barrier().await?;
    Ok(())
}
