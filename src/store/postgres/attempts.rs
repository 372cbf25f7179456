//! What became of attempts: many at a time, in a handful of statements.

use std::collections::{BTreeMap, HashMap, HashSet};

use canon::Millis;

use super::conn::{Columns, big, q};
use super::handle::{Handle, Txn};
use super::moves::{Move, Moves, Own};
use super::sql;
use super::tally::{self, OWN, Tallies};
use crate::error::StoreError;
use crate::lifecycle::{OutEvent, OutState};
use crate::types::*;

/// Relay states: due at its link, the carrier confirmed it, done.
const RELAY_DUE: i64 = 0;
const RELAY_SENT: i64 = 1;
const RELAY_DONE: i64 = 3;

const fn event_word(event: OutEvent) -> &'static str {
    match event {
        OutEvent::Confirmed => "confirmed",
        OutEvent::NotConfirmed => "not_confirmed",
        _ => "given_up",
    }
}

/// New rows of `attempt`, and the last reason of each link.
#[derive(Default)]
struct Told<'a> {
    rows: Vec<(bool, i64, i64, &'a Attempted)>,
    links: BTreeMap<i64, Option<&'a str>>,
}

impl<'a> Told<'a> {
    fn note(&mut self, attempt: &'a Attempted, (number, nth, link): (i64, i64, i64)) {
        // A plain confirm leaves its count and time on the envelope; a row tells why not.
        if attempt.event != OutEvent::Confirmed {
            self.rows.push((attempt.own, number, nth, attempt));
        }
        self.links.insert(link, attempt.reason.as_deref());
    }

    async fn write(self, handle: &Handle, txn: &mut Txn<'_>) -> Result<(), StoreError> {
        if !self.rows.is_empty() {
            let own: Vec<i64> = self.rows.iter().map(|r| i64::from(r.0)).collect();
            let numbers: Vec<i64> = self.rows.iter().map(|r| r.1).collect();
            let nth: Vec<i64> = self.rows.iter().map(|r| r.2).collect();
            let events: Vec<&str> = self.rows.iter().map(|r| event_word(r.3.event)).collect();
            let reasons: Vec<Option<&str>> =
                self.rows.iter().map(|r| r.3.reason.as_deref()).collect();
            let due: Vec<i64> = self.rows.iter().map(|r| r.3.due_at.0).collect();
            let statement = q(sql::ATTEMPTS_ADD).bind(handle.ident).bind(txn.now.0).bind(own);
            let statement = statement.bind(numbers).bind(nth).bind(events).bind(reasons);
            statement.bind(due).execute(&mut **txn).await?;
        }
        if !self.links.is_empty() {
            let (links, reasons): (Vec<i64>, Vec<Option<&str>>) = self.links.into_iter().unzip();
            let statement = q(sql::LINK_REASONS).bind(handle.ident).bind(links).bind(reasons);
            statement.execute(&mut **txn).await?;
        }
        Ok(())
    }
}

/// What became of attempts.
pub(super) async fn commit(
    handle: &Handle,
    lease: &Lease,
    attempts: &[Attempted],
    now: Millis,
) -> Result<(), StoreError> {
    let legal = |e| matches!(e, OutEvent::Confirmed | OutEvent::NotConfirmed | OutEvent::GivenUp);
    if let Some(odd) = attempts.iter().find(|a| !legal(a.event)) {
        let detail = format!("{:?} is not an attempt's end", odd.event);
        return Err(StoreError::Conflict { what: "attempt", detail });
    }
    for attempt in attempts {
        // Known or not, it is in memory afterwards.
        handle.find_id(&attempt.id).await?;
    }
    let mut txn = handle.begin(Some(lease), Some(now)).await?;
    let mut tallies = Tallies::new(handle.ident, OWN);
    let mut told = Told::default();
    let mut rest: Vec<&Attempted> = attempts.iter().collect();
    // Several attempts on one envelope follow each other.
    while !rest.is_empty() {
        let mut seen = HashSet::new();
        let first = |a: &&Attempted| seen.insert((a.own, a.id.clone()));
        let (now, later): (Vec<_>, Vec<_>) = rest.into_iter().partition(first);
        attempted_own(handle, &mut txn, &mut tallies, &now, &mut told).await?;
        attempted_relay(handle, &mut txn, &now, &mut told).await?;
        rest = later;
    }
    told.write(handle, &mut txn).await?;
    tally::write(tallies, &mut txn).await?;
    txn.commit().await
}

/// Own envelopes. An attempt that comes too late changes only the count.
async fn attempted_own<'a>(
    handle: &Handle,
    txn: &mut Txn<'_>,
    tallies: &mut Tallies,
    attempts: &[&'a Attempted],
    told: &mut Told<'a>,
) -> Result<(), StoreError> {
    let (mut routes, mut epochs, mut sequences, mut of) =
        (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for attempt in attempts.iter().filter(|a| a.own && a.id.sender == handle.code) {
        let Some(route) = handle.words().find(&attempt.id.route.to_string()) else { continue };
        routes.push(route);
        epochs.push(i64::from(attempt.id.epoch));
        sequences.push(big(attempt.id.sequence));
        of.push(*attempt);
    }
    if of.is_empty() {
        return Ok(());
    }
    let statement = q(sql::ENVELOPES).bind(handle.ident).bind(routes).bind(epochs);
    let rows = statement.bind(sequences).fetch_all(&mut **txn).await?;
    let (mut moves, mut tried) = (Moves::default(), Vec::new());
    for row in rows {
        let own = Own::read(&row)?;
        let Some(attempt) = of.get(row.num::<usize>(23)?.saturating_sub(1)) else { continue };
        told.note(attempt, (own.envelope, own.attempts + 1, own.link));
        let Some(mut next) = own.state.next(attempt.event) else {
            tried.push(own.envelope);
            continue;
        };
        let how = Move {
            due_at: (next != OutState::Dead).then_some(attempt.due_at),
            reason: attempt.reason.clone(),
            sent_at: (next == OutState::Sent).then_some(txn.now),
            attempts: 1,
            ..Move::default()
        };
        // Nobody answers a control parcel: the carrier's confirm is its end.
        if next == OutState::Sent && !own.records {
            next = next.next(OutEvent::Receipted).unwrap_or(next);
        }
        moves.add(handle, tallies, &own, next, how, txn.now)?;
    }
    moves.write(txn).await?;
    if !tried.is_empty() {
        q(sql::ENVELOPES_TRIED).bind(tried).execute(&mut **txn).await?;
    }
    Ok(())
}

/// Changes of relay rows.
#[derive(Default)]
struct RelayMoves {
    relays: Vec<i64>,
    states: Vec<i64>,
    due: Vec<Option<i64>>,
    done: Vec<Option<i64>>,
    reasons: Vec<Option<String>>,
    frames: Vec<Option<i64>>,
    gone: Vec<Option<i64>>,
}

async fn attempted_relay<'a>(
    handle: &Handle,
    txn: &mut Txn<'_>,
    attempts: &[&'a Attempted],
    told: &mut Told<'a>,
) -> Result<(), StoreError> {
    let mut ids = Vec::new();
    let mut of = HashMap::new();
    for attempt in attempts.iter().filter(|a| !a.own) {
        let sender = handle.words().find(attempt.id.sender.as_str());
        let route = handle.words().find(&attempt.id.route.to_string());
        if let (Some(sender), Some(route)) = (sender, route) {
            ids.push((sender, i64::from(attempt.id.epoch), route, big(attempt.id.sequence)));
            of.insert(ids.len(), *attempt);
        }
    }
    if ids.is_empty() {
        return Ok(());
    }
    let statement = q(sql::RELAYS).bind(handle.ident);
    let statement = statement.bind(ids.iter().map(|i| i.0).collect::<Vec<_>>());
    let statement = statement.bind(ids.iter().map(|i| i.1).collect::<Vec<_>>());
    let statement = statement.bind(ids.iter().map(|i| i.2).collect::<Vec<_>>());
    let statement = statement.bind(ids.iter().map(|i| i.3).collect::<Vec<_>>());
    let mut moves = RelayMoves::default();
    for row in statement.fetch_all(&mut **txn).await? {
        let Some(attempt) = of.get(&row.num::<usize>(7)?) else { continue };
        let (relay, link, before, records) =
            (row.int(0)?, row.int(1)?, row.int(2)?, row.int(3)? == 1);
        let (frame, done_at) = (row.int_opt(4)?, row.int_opt(6)?);
        told.note(attempt, (relay, row.int(5)? + 1, link));
        let (state, due_at, done_at) = relay_next(attempt, before, records, done_at, txn.now);
        let ends = before == RELAY_DUE && state == RELAY_DONE;
        moves.relays.push(relay);
        moves.states.push(state);
        moves.due.push(due_at);
        moves.done.push(done_at);
        moves.reasons.push(attempt.reason.clone());
        moves.frames.push(frame.filter(|_| !ends));
        moves.gone.push(frame.filter(|_| ends));
    }
    let statement = q(sql::RELAYS_TRIED).bind(moves.relays).bind(moves.states).bind(moves.due);
    let statement = statement.bind(moves.done).bind(moves.reasons).bind(moves.frames);
    statement.bind(moves.gone).execute(&mut **txn).await?;
    Ok(())
}

/// State, due, done.
fn relay_next(
    attempt: &Attempted,
    before: i64,
    records: bool,
    done_at: Option<i64>,
    now: Millis,
) -> (i64, Option<i64>, Option<i64>) {
    match attempt.event {
        _ if before != RELAY_DUE => (before, None, done_at),
        OutEvent::NotConfirmed => (RELAY_DUE, Some(attempt.due_at.0), None),
        OutEvent::Confirmed if records => (RELAY_SENT, None, None),
        // A control parcel passed on, or one given up: only the origin sends again.
        _ => (RELAY_DONE, None, Some(now.0)),
    }
}
