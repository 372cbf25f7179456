//! Seal: batches, queued control contents, counters.

use std::collections::BTreeMap;

use canon::{Day, Lane, Millis, NodeCode, Route};
use sqlx::postgres::{PgConnection, PgRow};

use super::codec::{numbers_in, numbers_out};
use super::conn::{Columns, fit, len, q};
use super::handle::{Handle, IdColumns};
use super::sql;
use crate::error::StoreError;
use crate::packed::seal::Filling;
use crate::types::*;

/// Routes with staged records.
pub(super) async fn staged_routes(
    handle: &Handle,
) -> Result<Vec<(Route, u64, Millis)>, StoreError> {
    let mut conn = handle.conn().await?;
    let mut routes = Vec::new();
    for row in q(sql::STAGED_ROUTES).bind(handle.ident).fetch_all(&mut *conn).await? {
        routes.push((handle.words().route(row.int(0)?)?, row.num(1)?, Millis(row.int(2)?)));
    }
    routes.sort();
    Ok(routes)
}

/// Ranges read at a time: an envelope usually takes one or two.
const RANGES_PER_READ: i64 = 16;

/// Entries and fragments of chunks.
type Read = BTreeMap<i64, (Vec<u8>, Vec<u8>)>;

/// The first staged records of a route, of one day.
pub(super) async fn staged_batch(
    handle: &Handle,
    route: &Route,
    records_max: u32,
    bytes_max: u64,
) -> Result<Option<StagedBatch>, StoreError> {
    let Some(word) = handle.find(&route.to_string()).await? else { return Ok(None) };
    let mut conn = handle.conn().await?;
    let mut filling: Option<Filling> = None;
    let mut line = (-1, -1);
    loop {
        let statement = q(sql::STAGED).bind(handle.ident).bind(word).bind(line.0).bind(line.1);
        let rows = statement.bind(RANGES_PER_READ).fetch_all(&mut *conn).await?;
        let mut read = Read::new();
        for (i, row) in rows.iter().enumerate() {
            line = (row.int(8)?, row.int(2)?);
            let day = Day(row.num(6)?);
            let batch = || Filling::new(route, day, records_max.max(1) as usize, bytes_max);
            let filling = filling.get_or_insert_with(batch);
            if filling.batch.day != day {
                return Ok(Some(filling.finish()));
            }
            let chunk = row.int(1)?;
            if !read.contains_key(&chunk) {
                read =
                    read_chunks(&mut conn, &rows[i..], filling.records_left(), bytes_max).await?;
            }
            // Another process sealed it meanwhile: what is known so far is a batch too.
            let Some((entries, bytes)) = read.get_mut(&chunk) else {
                let batch = (!filling.batch.records.is_empty()).then(|| filling.finish());
                return Ok(batch);
            };
            let more = rows.get(i + 1).is_some_and(|next| next.int(1).is_ok_and(|n| n == chunk));
            if !filling.take(handle.words(), row, entries, bytes, more)? {
                return Ok(Some(filling.finish()));
            }
        }
        if len(rows.len()) < RANGES_PER_READ {
            return Ok(filling.as_mut().map(Filling::finish));
        }
    }
}

/// Reads the chunks of the first of these ranges: as many as may be wanted for a batch.
async fn read_chunks(
    conn: &mut PgConnection,
    rows: &[PgRow],
    records_left: usize,
    bytes_max: u64,
) -> Result<Read, StoreError> {
    let (mut numbers, mut records, mut size) = (Vec::new(), 0, 0);
    for row in rows {
        let chunk = row.int(1)?;
        if !numbers.contains(&chunk) {
            size += row.int_opt(9)?.map_or(Ok(0), fit::<u64>)?;
            if !numbers.is_empty() && (records >= records_left || size > bytes_max) {
                break;
            }
            numbers.push(chunk);
        }
        records += row.num::<usize>(3)?;
    }
    let mut read = Read::new();
    for row in q(sql::CHUNKS).bind(numbers).fetch_all(conn).await? {
        if let Some(bytes) = row.blob_opt(2)? {
            read.insert(row.int(0)?, (row.blob(1)?.to_vec(), bytes.to_vec()));
        }
    }
    Ok(read)
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
    learn_controls(handle, controls).await?;
    let mut txn = handle.begin(None, Some(now)).await?;
    put_controls(handle, &mut txn, controls).await?;
    txn.commit().await
}

/// Learns the words of control contents.
pub(super) async fn learn_controls(
    handle: &Handle,
    controls: &[NewControl],
) -> Result<(), StoreError> {
    for control in controls {
        handle.learn(&[&*control.kind, control.to.as_str()]).await?;
        if let Some(id) = &control.answers {
            handle.learn_id(id).await?;
        }
    }
    Ok(())
}

/// Queues control contents in the transaction that causes them.
pub(super) async fn put_controls(
    handle: &Handle,
    txn: &mut PgConnection,
    controls: &[NewControl],
) -> Result<(), StoreError> {
    if controls.is_empty() {
        return Ok(());
    }
    let words = handle.words();
    let (mut kinds, mut dests, mut answers) = (Vec::new(), Vec::new(), Vec::new());
    for control in controls {
        kinds.push(words.word(&control.kind)?);
        dests.push(words.word(control.to.as_str())?);
        answers.push(control.answers.as_ref().map(|id| handle.known_id(id)).transpose()?);
    }
    let days: Vec<i64> = controls.iter().map(|c| i64::from(c.day.0)).collect();
    let details: Vec<&str> = controls.iter().map(|c| c.detail.as_str()).collect();
    let bodies: Vec<&[u8]> = controls.iter().map(|c| c.body.as_slice()).collect();
    let lengths = controls.iter().map(|c| numbers_out(c.lengths.iter().copied()));
    let of = |column: fn(&IdColumns) -> i64| {
        answers.iter().map(|a| a.as_ref().map(column)).collect::<Vec<_>>()
    };
    let statement = q(sql::CONTROLS_ADD).bind(handle.ident).bind(kinds).bind(dests).bind(days);
    let statement = statement.bind(details).bind(bodies).bind(lengths.collect::<Vec<_>>());
    let statement = statement.bind(of(|a| a.sender)).bind(of(|a| a.epoch));
    statement.bind(of(|a| a.route)).bind(of(|a| a.sequence)).execute(txn).await?;
    Ok(())
}

/// Queued control contents, oldest first.
pub(super) async fn queued_controls(
    handle: &Handle,
    slots: Slots,
    limit: u32,
) -> Result<Vec<QueuedControl>, StoreError> {
    let mut conn = handle.conn().await?;
    let mut dests = None;
    if slots != Slots::ALL {
        let mut of = Vec::new();
        for row in q(sql::CONTROL_DESTS).bind(handle.ident).fetch_all(&mut *conn).await? {
            let word = row.int(0)?;
            if slots.has(slot_of_lane(&handle.words().node(word)?, Lane::Control)) {
                of.push(word);
            }
        }
        dests = Some(of);
    }
    let rows = q(sql::CONTROLS).bind(handle.ident).bind(i64::from(limit)).bind(dests);
    let mut controls = Vec::new();
    for row in rows.fetch_all(&mut *conn).await? {
        let answers = match row.int_opt(7)? {
            None => None,
            Some(_) => Some(handle.read_id(&row, 7)?),
        };
        controls.push(QueuedControl {
            queue_id: row.int(0)?,
            control: NewControl {
                kind: handle.words().text(row.int(1)?)?,
                to: NodeCode(handle.words().text(row.int(2)?)?),
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
    let word = handle.find(&route.to_string()).await?.unwrap_or(0);
    let mut conn = handle.conn().await?;
    let row = q(sql::COUNTERS).bind(handle.ident).bind(word).fetch_one(&mut *conn).await?;
    let next_sequence = row.int_opt(1)?.map_or(Ok(1), fit)?;
    let settled_below = row.int_opt(2)?.map_or(Ok(next_sequence), fit)?;
    Ok(RouteCounters { epoch: row.num(0)?, next_sequence, settled_below })
}
