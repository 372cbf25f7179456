//! Seal: batches, numbers, frames.

use std::collections::BTreeMap;

use canon::{Day, EnvelopeId, Lane, Millis, NodeCode, Route};
use sqlx::sqlite::{SqliteConnection, SqliteRow};

use super::codec::{Kinds, digest_out, kinds_out, numbers_in, numbers_out};
use super::conn::{Columns, big, fit, len, q};
use super::handle::{Handle, IdColumns, blob};
use super::sql;
use super::tally::{self, Line, OWN, Tallies};
use crate::error::{StoreError, conflict};
pub(super) use crate::packed::columns::lane_column;
use crate::packed::seal::Filling;
use crate::types::*;

/// Routes with staged records.
pub(super) async fn staged_routes(
    handle: &Handle,
) -> Result<Vec<(Route, u64, Millis)>, StoreError> {
    let mut conn = handle.writer().await;
    let mut routes = Vec::new();
    for row in q(sql::STAGED_ROUTES).bind(handle.ident).fetch_all(&mut *conn).await? {
        routes.push((handle.words().route(row.int(0)?)?, row.num(1)?, Millis(row.int(2)?)));
    }
    routes.sort();
    Ok(routes)
}

/// Ranges read at a time: an envelope usually takes one or two.
const RANGES_PER_READ: i64 = 16;

/// The first staged records of a route, of one day.
pub(super) async fn staged_batch(
    handle: &Handle,
    route: &Route,
    records_max: u32,
    bytes_max: u64,
) -> Result<Option<StagedBatch>, StoreError> {
    let Some(word) = handle.words().find(&route.to_string()) else { return Ok(None) };
    let mut conn = handle.writer().await;
    let mut filling: Option<Filling> = None;
    let (mut line, mut read) = ((-1, -1), None);
    loop {
        let statement = q(sql::STAGED).bind(handle.ident).bind(word).bind(line.0).bind(line.1);
        let rows = statement.bind(RANGES_PER_READ).fetch_all(&mut *conn).await?;
        for row in &rows {
            line = (row.int(8)?, row.int(2)?);
            let day = Day(row.num(6)?);
            let batch = || Filling::new(route, day, records_max.max(1) as usize, bytes_max);
            let filling = filling.get_or_insert_with(batch);
            if filling.batch.day != day {
                return Ok(Some(filling.finish()));
            }
            let (entries, bytes) = chunk(&mut conn, row, &mut read).await?;
            if !filling.take(handle.words(), row, entries, bytes, false)? {
                return Ok(Some(filling.finish()));
            }
        }
        if len(rows.len()) < RANGES_PER_READ {
            return Ok(filling.as_mut().map(Filling::finish));
        }
    }
}

/// Entries and fragments of a range's chunk; several ranges of one chunk read it once.
async fn chunk<'r>(
    conn: &mut SqliteConnection,
    row: &SqliteRow,
    read: &'r mut Option<(i64, Vec<u8>, Vec<u8>)>,
) -> Result<(&'r [u8], &'r mut Vec<u8>), StoreError> {
    let number = row.int(1)?;
    if read.as_ref().is_none_or(|(of, ..)| *of != number) {
        let gone = || StoreError::Damaged(format!("chunk {number} lost its fragments"));
        let bytes = blob(conn, row.int_opt(10)?.ok_or_else(gone)?).await?;
        *read = Some((number, blob(conn, row.int(9)?).await?, bytes));
    }
    let gone = || StoreError::Damaged(format!("chunk {number} was not read"));
    let (_, entries, bytes) = read.as_mut().ok_or_else(gone)?;
    Ok((entries, bytes))
}

/// Queues control contents.
pub(super) async fn queue_controls(
    handle: &Handle,
    controls: &[NewControl],
    now: Millis,
) -> Result<(), StoreError> {
    if controls.is_empty() {
        return Ok(());
    }
    let mut writer = handle.writer().await;
    learn_controls(handle, &mut writer, controls).await?;
    let (mut txn, _) = handle.begin(&mut writer, None, Some(now)).await?;
    put_controls(handle, &mut txn, controls).await?;
    handle.commit(txn).await?;
    Ok(())
}

/// Learns the words of control contents.
pub(super) async fn learn_controls(
    handle: &Handle,
    writer: &mut SqliteConnection,
    controls: &[NewControl],
) -> Result<(), StoreError> {
    for control in controls {
        handle.words().learn(writer, &[&*control.kind, control.to.as_str()]).await?;
        if let Some(id) = &control.answers {
            handle.learn_id(writer, id).await?;
        }
    }
    Ok(())
}

/// Queues control contents in the transaction that causes them.
pub(super) async fn put_controls(
    handle: &Handle,
    txn: &mut SqliteConnection,
    controls: &[NewControl],
) -> Result<(), StoreError> {
    for control in controls {
        let words = handle.words();
        let answers = control.answers.as_ref().and_then(|id| handle.find_id(id));
        let statement = q(sql::CONTROL_ADD).bind(handle.ident).bind(words.word(&control.kind)?);
        let statement = statement.bind(words.word(control.to.as_str())?);
        let statement = statement.bind(i64::from(control.day.0)).bind(control.detail.as_str());
        let statement = statement.bind(control.body.as_slice());
        let statement = statement.bind(numbers_out(control.lengths.iter().copied()));
        let statement = statement.bind(answers.map(|a| a.sender)).bind(answers.map(|a| a.epoch));
        let statement = statement.bind(answers.map(|a| a.route)).bind(answers.map(|a| a.sequence));
        statement.execute(&mut *txn).await?;
    }
    Ok(())
}

/// Queued control contents, oldest first.
pub(super) async fn queued_controls(
    handle: &Handle,
    slots: Slots,
    limit: u32,
) -> Result<Vec<QueuedControl>, StoreError> {
    let mut conn = handle.writer().await;
    // Who shares a file's work picks from all of it: a file has one process, so this is rare.
    let all = slots == Slots::ALL;
    let rows = if all { i64::from(limit) } else { i64::MAX };
    let rows = q(sql::CONTROLS).bind(handle.ident).bind(rows);
    let mut controls = Vec::new();
    for row in rows.fetch_all(&mut *conn).await? {
        let to = NodeCode(handle.words().text(row.int(2)?)?);
        if controls.len() == limit as usize {
            break;
        }
        if !slots.has(slot_of_lane(&to, Lane::Control)) {
            continue;
        }
        let answers = match row.int_opt(7)? {
            None => None,
            Some(_) => Some(handle.read_id(&row, 7)?),
        };
        controls.push(QueuedControl {
            queue_id: row.int(0)?,
            control: NewControl {
                kind: handle.words().text(row.int(1)?)?,
                to,
                day: Day(row.num(3)?),
                detail: row.text(4)?.to_owned(),
                body: row.blob(5)?.to_vec(),
                lengths: numbers_in(row.blob(6)?)?,
                answers,
            },
        });
    }
    Ok(controls)
}

/// Counters of a route.
pub(super) async fn counters(handle: &Handle, route: &Route) -> Result<RouteCounters, StoreError> {
    let mut conn = handle.writer().await;
    let word = handle.words().find(&route.to_string()).unwrap_or(0);
    let epoch = handle.epoch();
    let row = q(sql::COUNTER).bind(handle.ident).bind(word).bind(epoch);
    let row = row.fetch_optional(&mut *conn).await?;
    let next_sequence = row.map_or(Ok(1), |r| r.num(0))?;
    let open = q(sql::FIRST_OPEN).bind(handle.ident).bind(word).bind(epoch);
    let open = open.fetch_one(&mut *conn).await?.int_opt(0)?;
    let settled_below = open.map_or(Ok(next_sequence), fit)?;
    Ok(RouteCounters { epoch: fit(epoch)?, next_sequence, settled_below })
}

/// What an envelope's row needs of what it consumes.
struct Consumed {
    day: Day,
    count: i64,
    kinds: Vec<Kinds>,
}

/// Envelopes take their numbers.
pub(super) async fn number(
    handle: &Handle,
    lease: &Lease,
    envelopes: Vec<NewEnvelope>,
    now: Millis,
) -> Result<(), StoreError> {
    let mut writer = handle.writer().await;
    for new in &envelopes {
        handle.words().learn(&mut writer, &[&*new.kind, &*new.link]).await?;
        handle.learn_id(&mut writer, &new.id).await?;
    }
    let (mut txn, now) = handle.begin(&mut writer, Some(lease), Some(now)).await?;
    let mut tallies = Tallies::new(handle.ident, OWN);
    let epoch = handle.epoch();
    let mut counters = BTreeMap::<i64, (u64, u64)>::new();
    for new in envelopes {
        let id = &new.id;
        if id.sender != handle.code || i64::from(id.epoch) != epoch {
            let detail = format!("{id} is not of {} in epoch {epoch}", handle.code);
            return Err(conflict("sender", detail));
        }
        let route = handle.words().route_word(&id.route)?;
        let (_, next) = counters.entry(route).or_insert((id.sequence, id.sequence));
        if id.sequence != *next {
            return Err(conflict("sequence", format!("{id} is not the next, {next} is")));
        }
        *next += 1;
        number_one(handle, &mut txn, &mut tallies, new, route, now).await?;
    }
    for (route, (first, next)) in counters {
        let statement = q(sql::COUNTER_MOVE).bind(handle.ident).bind(route).bind(epoch);
        let moved = statement.bind(big(first)).bind(big(next)).execute(&mut *txn).await?;
        if moved.rows_affected() != 1 {
            return Err(conflict("sequence", format!("{first} is not the next")));
        }
    }
    tally::write(tallies, &mut txn).await?;
    handle.commit(txn).await?;
    Ok(())
}

async fn number_one(
    handle: &Handle,
    txn: &mut SqliteConnection,
    tallies: &mut Tallies,
    new: NewEnvelope,
    route: i64,
    now: Millis,
) -> Result<(), StoreError> {
    let envelope = handle.next_envelope();
    let consumed = match &new.consumes {
        Consumes::Staged(batch) if batch.route == new.id.route => {
            take_staged(handle, txn, tallies, &new.id, batch, envelope).await?
        }
        Consumes::Staged(batch) => {
            return Err(conflict("ticket", format!("{} takes records of {}", new.id, batch.route)));
        }
        Consumes::Control(queued) => take_control(handle, txn, queued.queue_id, envelope).await?,
    };
    let lane = lane_of(&new.kind, &new.id.route);
    let statement = q(sql::ENVELOPE_ADD).bind(envelope).bind(handle.ident).bind(route);
    let statement = statement.bind(i64::from(new.id.epoch)).bind(big(new.id.sequence));
    let statement = statement.bind(handle.words().word(&new.kind)?).bind(&*new.kind == "records");
    let statement = statement.bind(lane_column(lane)).bind(handle.words().word(&new.link)?);
    let statement = statement.bind(i64::from(consumed.day.0)).bind(consumed.count);
    let statement = statement.bind(kinds_out(&consumed.kinds)).bind(digest_out(&new.head_digest));
    let statement = statement.bind(digest_out(&new.root)).bind(now.0);
    let statement = statement.bind(handle.next_blob()).bind(new.head);
    statement.execute(txn).await?;
    Ok(())
}

/// Marks ranges as an envelope's; the last may be split.
async fn take_staged(
    handle: &Handle,
    txn: &mut SqliteConnection,
    tallies: &mut Tallies,
    id: &EnvelopeId,
    batch: &StagedBatch,
    envelope: i64,
) -> Result<Consumed, StoreError> {
    let mut position = 0;
    let mut records = batch.records.iter();
    let mut kinds = BTreeMap::<(i64, &str), u64>::new();
    let route = handle.words().route_word(&id.route)?;
    for ticket in &batch.ticket {
        let taken = i64::from(ticket.count);
        let statement = q(sql::STRETCH_WHOLE).bind(ticket.range).bind(handle.ident).bind(taken);
        let whole = statement.bind(envelope).bind(position).fetch_optional(&mut *txn).await?;
        let epoch = match whole {
            Some(row) => row.int(0)?,
            None => split(handle, txn, ticket, id, (envelope, position)).await?,
        };
        position += taken;
        for record in records.by_ref().take(ticket.count as usize) {
            *kinds.entry((epoch, &record.kind)).or_default() += 1;
        }
    }
    if position != len(batch.records.len()) || position == 0 {
        let have = batch.records.len();
        return Err(conflict("ticket", format!("{position} of {have} records of {id}")));
    }
    let mut counts = Vec::with_capacity(kinds.len());
    for ((epoch, kind), count) in kinds {
        let kind = handle.words().word(kind)?;
        let line = Line::own(handle.words(), batch.day, (route, epoch), kind)?;
        tallies.shift(line, Place::Staged, Place::InFlight, count);
        tallies.sequence(line, id.sequence);
        counts.push(((epoch, kind), count));
    }
    Ok(Consumed { day: batch.day, count: position, kinds: counts })
}

/// Takes the first part of a range; the rest keeps its place in line. Gives the epoch it was
/// collected in.
async fn split(
    handle: &Handle,
    txn: &mut SqliteConnection,
    ticket: &StagedRange,
    id: &EnvelopeId,
    (envelope, position): (i64, i64),
) -> Result<i64, StoreError> {
    let stale = || conflict("ticket", format!("range {} of {id} moved on", ticket.range));
    let row = q(sql::STRETCH).bind(ticket.range).bind(handle.ident);
    let row = row.fetch_optional(&mut *txn).await?.ok_or_else(stale)?;
    let (count, taken) = (row.int(4)?, i64::from(ticket.count));
    if taken == 0 || taken >= count {
        return Err(stale());
    }
    let statement = q(sql::STRETCH_TAKE).bind(ticket.range).bind(envelope);
    statement.bind(position).bind(taken).execute(&mut *txn).await?;
    let statement = q(sql::STRETCH_REST).bind(handle.next_range()).bind(handle.ident);
    let statement = statement.bind(row.int(0)?).bind(row.int(1)?).bind(row.int(2)?);
    let statement = statement.bind(row.int(3)? + taken).bind(count - taken);
    statement.bind(row.int(5)?).bind(row.int(6)?).execute(&mut *txn).await?;
    row.int(7)
}

/// Marks a queued control content as an envelope's; a judged envelope's receipt is this one.
async fn take_control(
    handle: &Handle,
    txn: &mut SqliteConnection,
    queue_id: i64,
    envelope: i64,
) -> Result<Consumed, StoreError> {
    let moved = || conflict("queue", format!("control {queue_id} moved on"));
    let row = q(sql::CONTROL_TAKE).bind(handle.ident).bind(queue_id).bind(envelope);
    let row = row.fetch_optional(&mut *txn).await?.ok_or_else(moved)?;
    if let Some(sender) = row.int_opt(2)? {
        let id =
            IdColumns { sender, epoch: row.int(3)?, route: row.int(4)?, sequence: row.int(5)? };
        let statement = id.bind(q(sql::RECEIPT_NUMBERED).bind(handle.ident)).bind(envelope);
        statement.execute(txn).await?;
    }
    let count = len(numbers_in(row.blob(1)?)?.len());
    Ok(Consumed { day: Day(row.num(0)?), count, kinds: Vec::new() })
}
