//! Seal: envelopes take their numbers.

use std::collections::{BTreeMap, HashMap};

use canon::{Day, EnvelopeId, Millis};
use sqlx::postgres::PgConnection;

use super::codec::{Kinds, digest_out, kinds_out, numbers_in};
use super::columns::lane_column;
use super::conn::{Columns, big, len, q};
use super::handle::{Handle, Txn};
use super::sql;
use super::tally::{self, Line, OWN, Tallies};
use crate::error::{StoreError, conflict};
use crate::types::*;

/// Envelopes under way.
struct Numbering<'e> {
    envelopes: &'e [NewEnvelope],
    /// Number of the first; the others follow.
    first: i64,
    /// Word of each one's route.
    routes: Vec<i64>,
}

/// What an envelope's row needs of what it consumes.
#[derive(Clone, Default)]
struct Consumed {
    day: Day,
    count: i64,
    kinds: Vec<Kinds>,
}

/// Envelopes take their numbers.
pub(super) async fn number(
    handle: &Handle,
    lease: &Lease,
    envelopes: &[NewEnvelope],
    now: Millis,
) -> Result<(), StoreError> {
    let mut routes = Vec::with_capacity(envelopes.len());
    for new in envelopes {
        handle.learn(&[&*new.kind, &*new.link]).await?;
        routes.push(handle.learn_id(&new.id).await?.route);
    }
    let first = handle.numbers(envelopes.len()).await?;
    let numbering = Numbering { envelopes, first, routes };
    let mut txn = handle.begin(Some(lease), Some(now)).await?;
    let mut tallies = Tallies::new(handle.ident, OWN);
    let counters = numbering.sequences(handle, txn.epoch)?;
    let mut consumed = vec![Consumed::default(); envelopes.len()];
    numbering.take_staged(handle, &mut txn, &mut tallies, &mut consumed).await?;
    numbering.take_controls(handle, &mut txn, &mut consumed).await?;
    numbering.put(handle, &mut txn, &consumed).await?;
    move_counters(handle, &mut txn, counters).await?;
    tally::write(tallies, &mut txn).await?;
    txn.commit().await
}

impl Numbering<'_> {
    /// Sequences must follow each other: first and next of each route.
    fn sequences(
        &self,
        handle: &Handle,
        epoch: i64,
    ) -> Result<BTreeMap<i64, (u64, u64)>, StoreError> {
        let mut counters = BTreeMap::<i64, (u64, u64)>::new();
        for (new, route) in self.envelopes.iter().zip(&self.routes) {
            let id = &new.id;
            if id.sender != handle.code || i64::from(id.epoch) != epoch {
                let detail = format!("{id} is not of {} in epoch {epoch}", handle.code);
                return Err(conflict("sender", detail));
            }
            let (_, next) = counters.entry(*route).or_insert((id.sequence, id.sequence));
            if id.sequence != *next {
                return Err(conflict("sequence", format!("{id} is not the next, {next} is")));
            }
            *next += 1;
        }
        Ok(counters)
    }

    /// Marks ranges as an envelope's; the last may be split.
    async fn take_staged(
        &self,
        handle: &Handle,
        txn: &mut Txn<'_>,
        tallies: &mut Tallies,
        consumed: &mut [Consumed],
    ) -> Result<(), StoreError> {
        let epochs = self.take_whole(handle, txn).await?;
        for (i, new) in self.envelopes.iter().enumerate() {
            let Consumes::Staged(batch) = &new.consumes else { continue };
            let id = &new.id;
            if batch.route != id.route {
                let detail = format!("{id} takes records of {}", batch.route);
                return Err(conflict("ticket", detail));
            }
            let (mut position, mut records) = (0, batch.records.iter());
            let mut kinds = BTreeMap::<(i64, &str), u64>::new();
            for ticket in &batch.ticket {
                let epoch = match epochs.get(&(ticket.range, i)) {
                    Some(epoch) => *epoch,
                    None => split(handle, txn, ticket, id, (self.first + len(i), position)).await?,
                };
                position += i64::from(ticket.count);
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
                let line = Line::own(handle.words(), batch.day, (self.routes[i], epoch), kind)?;
                tallies.shift(line, Place::Staged, Place::InFlight, count);
                tallies.sequence(line, id.sequence);
                counts.push(((epoch, kind), count));
            }
            consumed[i] = Consumed { day: batch.day, count: position, kinds: counts };
        }
        Ok(())
    }

    /// Takes every range of which all is wanted; gives the epoch each was collected in, by range
    /// and envelope.
    async fn take_whole(
        &self,
        handle: &Handle,
        txn: &mut Txn<'_>,
    ) -> Result<HashMap<(i64, usize), i64>, StoreError> {
        let (mut ranges, mut counts, mut envelopes, mut positions) =
            (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        let mut wanted = HashMap::new();
        for (i, new) in self.envelopes.iter().enumerate() {
            let Consumes::Staged(batch) = &new.consumes else { continue };
            let mut position = 0;
            for ticket in &batch.ticket {
                // A range named twice is taken once; the second who names it finds it gone.
                if let std::collections::hash_map::Entry::Vacant(v) = wanted.entry(ticket.range) {
                    v.insert(i);
                    ranges.push(ticket.range);
                    counts.push(i64::from(ticket.count));
                    envelopes.push(self.first + len(i));
                    positions.push(position);
                }
                position += i64::from(ticket.count);
            }
        }
        let mut epochs = HashMap::new();
        if ranges.is_empty() {
            return Ok(epochs);
        }
        let statement = q(sql::STRETCHES_WHOLE).bind(handle.ident).bind(ranges).bind(counts);
        let statement = statement.bind(envelopes).bind(positions);
        for row in statement.fetch_all(&mut **txn).await? {
            let range = row.int(0)?;
            if let Some(i) = wanted.get(&range) {
                epochs.insert((range, *i), row.int(1)?);
            }
        }
        Ok(epochs)
    }

    /// Marks queued control contents as an envelope's.
    async fn take_controls(
        &self,
        handle: &Handle,
        txn: &mut PgConnection,
        consumed: &mut [Consumed],
    ) -> Result<(), StoreError> {
        let mut wanted = BTreeMap::new();
        for (i, new) in self.envelopes.iter().enumerate() {
            let Consumes::Control(queued) = &new.consumes else { continue };
            if wanted.insert(queued.queue_id, i).is_some() {
                return Err(moved(queued.queue_id));
            }
        }
        if wanted.is_empty() {
            return Ok(());
        }
        let ids: Vec<i64> = wanted.keys().copied().collect();
        let envelopes: Vec<i64> = wanted.values().map(|i| self.first + len(*i)).collect();
        let statement = q(sql::CONTROLS_TAKE).bind(handle.ident).bind(&ids).bind(envelopes);
        for row in statement.fetch_all(txn).await? {
            let count = len(numbers_in(row.blob(2)?)?.len());
            let queue_id = row.int(0)?;
            let i = wanted.remove(&queue_id).ok_or_else(|| moved(queue_id))?;
            consumed[i] = Consumed { day: Day(row.num(1)?), count, kinds: Vec::new() };
        }
        wanted.keys().next().map_or(Ok(()), |queue_id| Err(moved(*queue_id)))
    }

    /// Writes the rows of the envelopes.
    async fn put(
        &self,
        handle: &Handle,
        txn: &mut Txn<'_>,
        consumed: &[Consumed],
    ) -> Result<(), StoreError> {
        let (words, envelopes) = (handle.words(), self.envelopes);
        let numbers: Vec<i64> = (self.first..).take(envelopes.len()).collect();
        let of = |column: fn(&NewEnvelope) -> i64| envelopes.iter().map(column).collect::<Vec<_>>();
        let word = |text: fn(&NewEnvelope) -> &str| {
            envelopes.iter().map(|e| words.word(text(e))).collect::<Result<Vec<_>, _>>()
        };
        let days: Vec<i64> = consumed.iter().map(|c| i64::from(c.day.0)).collect();
        let counts: Vec<i64> = consumed.iter().map(|c| c.count).collect();
        let kinds: Vec<Vec<u8>> = consumed.iter().map(|c| kinds_out(&c.kinds)).collect();
        let digests: Vec<Vec<u8>> = envelopes.iter().map(|e| digest_out(&e.head_digest)).collect();
        let roots: Vec<Vec<u8>> = envelopes.iter().map(|e| digest_out(&e.root)).collect();
        let heads: Vec<&[u8]> = envelopes.iter().map(|e| e.head.as_slice()).collect();
        let statement = q(sql::ENVELOPES_ADD).bind(handle.ident).bind(txn.epoch).bind(txn.now.0);
        let statement = statement.bind(numbers).bind(&self.routes);
        let statement = statement.bind(of(|e| big(e.id.sequence))).bind(word(|e| &e.kind)?);
        let statement = statement.bind(of(|e| i64::from(&*e.kind == "records")));
        let statement = statement.bind(of(|e| lane_column(lane_of(&e.kind, &e.id.route))));
        let statement = statement.bind(word(|e| &e.link)?).bind(days).bind(counts).bind(kinds);
        statement.bind(digests).bind(roots).bind(heads).execute(&mut **txn).await?;
        Ok(())
    }
}

fn moved(queue_id: i64) -> StoreError {
    conflict("queue", format!("control {queue_id} moved on"))
}

/// Takes the first part of a range. Gives the epoch it was collected in.
async fn split(
    handle: &Handle,
    txn: &mut PgConnection,
    ticket: &StagedRange,
    id: &EnvelopeId,
    (envelope, position): (i64, i64),
) -> Result<i64, StoreError> {
    let statement = q(sql::STRETCH_SPLIT).bind(ticket.range).bind(handle.ident).bind(envelope);
    let statement = statement.bind(position).bind(i64::from(ticket.count));
    let row = statement.fetch_optional(txn).await?;
    let stale = || conflict("ticket", format!("range {} of {id} moved on", ticket.range));
    row.ok_or_else(stale)?.int(0)
}

async fn move_counters(
    handle: &Handle,
    txn: &mut Txn<'_>,
    counters: BTreeMap<i64, (u64, u64)>,
) -> Result<(), StoreError> {
    let routes: Vec<i64> = counters.keys().copied().collect();
    let firsts: Vec<i64> = counters.values().map(|c| big(c.0)).collect();
    let nexts: Vec<i64> = counters.values().map(|c| big(c.1)).collect();
    let statement = q(sql::COUNTERS_MOVE).bind(handle.ident).bind(txn.epoch).bind(&routes);
    let statement = statement.bind(&firsts).bind(nexts);
    let moved = statement.fetch_one(&mut **txn).await?.int(0)?;
    if moved == len(routes.len()) {
        return Ok(());
    }
    Err(conflict("sequence", format!("{firsts:?} of routes {routes:?} are not the next")))
}
