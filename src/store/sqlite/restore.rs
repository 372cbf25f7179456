//! Restore: a new epoch, what a restored sender is told, what a restored destination gets again.

use std::collections::{BTreeMap, BTreeSet};

use canon::{Day, EnvelopeId, HashSum, Lane, Millis, NodeCode, Route};
use sqlx::sqlite::SqliteConnection;

use super::codec::{Entries, Entry, put_entry};
use super::collect::put_stretches;
use super::conn::{Columns, big, fit, json, len, q};
use super::dispatch::{envelope, own_row, state};
use super::handle::{Handle, blob};
use super::tally::{self, Line, OWN, Tallies};
use super::waiting::Staged;
use super::{people, sql};
use crate::error::{StoreError, conflict};
use crate::lifecycle::OutState;
use crate::packed::leaves::Counted;
use crate::packed::restore::{self, Again, as_new};
use crate::types::*;

/// Makes a text stand, or takes it back, in the transaction that causes it.
pub(super) async fn stand(
    handle: &Handle,
    txn: &mut SqliteConnection,
    name: &str,
    text: Option<&str>,
    now: Millis,
) -> Result<(), StoreError> {
    let statement = match text {
        Some(text) => q(sql::STAND).bind(handle.ident).bind(name).bind(text).bind(now.0),
        None => q(sql::STAND_NO_MORE).bind(handle.ident).bind(name),
    };
    statement.execute(txn).await?;
    Ok(())
}

/// A new epoch begins.
pub(super) async fn begin_epoch(handle: &Handle, new: NewEpoch) -> Result<(), StoreError> {
    let mut writer = handle.writer().await;
    let (mut txn, now) = handle.begin(&mut writer, None, Some(new.audit.at)).await?;
    let epoch = i64::from(new.epoch);
    let statement = q(sql::EPOCH_BEGIN).bind(handle.ident).bind(epoch).bind(new.ordinal);
    if statement.execute(&mut *txn).await?.rows_affected() != 1 {
        let detail = format!("{epoch} is not above epoch {}", handle.epoch());
        return Err(conflict("epoch", detail));
    }
    q(sql::LEASES_END).bind(handle.ident).bind(now.0).execute(&mut *txn).await?;
    for (name, text) in &new.stand {
        stand(handle, &mut txn, name, text.as_deref(), now).await?;
    }
    let event = AuditEvent { at: now, ..new.audit };
    people::append_audit(handle, &mut txn, &event).await?;
    handle.commit(txn).await?;
    handle.epoch_begun(epoch, new.ordinal);
    drop(writer);
    handle.barrier().await?;
    Ok(())
}

/// Words of the routes that own records envelopes took, with the routes.
pub(super) async fn own_routes(
    handle: &Handle,
    conn: &mut SqliteConnection,
) -> Result<Vec<(i64, Route)>, StoreError> {
    let mut routes = Vec::new();
    for row in q(sql::ENVELOPE_ROUTES).bind(handle.ident).fetch_all(conn).await? {
        let word = row.int(0)?;
        let route = handle.words().route(word)?;
        if route.lane != Lane::Control {
            routes.push((word, route));
        }
    }
    Ok(routes)
}

/// Where own records go or went.
pub(super) async fn destinations(handle: &Handle) -> Result<Vec<Destination>, StoreError> {
    let mut conn = handle.writer().await;
    let mut open = BTreeMap::<NodeCode, u64>::new();
    for (_, route) in own_routes(handle, &mut conn).await? {
        open.entry(route.destination).or_default();
    }
    let statement = q(sql::OLDER_OPEN).bind(handle.ident).bind(handle.epoch());
    for row in statement.fetch_all(&mut *conn).await? {
        let route = handle.words().route(row.int(0)?)?;
        *open.entry(route.destination).or_default() += row.num::<u64>(1)?;
    }
    Ok(open.into_iter().map(|(peer, older_open)| Destination { peer, older_open }).collect())
}

/// Envelopes of a sender judged here as their destination: by epoch, route, sequence.
pub(super) async fn judged_of(
    handle: &Handle,
    sender: &NodeCode,
    after: Option<&EnvelopeId>,
    limit: u32,
) -> Result<Vec<JudgedOf>, StoreError> {
    let Some(word) = handle.words().find(sender.as_str()) else { return Ok(Vec::new()) };
    let mut conn = handle.writer().await;
    let mut routes = BTreeMap::new();
    let mut last = (0, 0);
    let next = |last: (i64, i64)| {
        let s = q(sql::SENDER_NEXT_ROUTE).bind(handle.ident).bind(word);
        s.bind(last.0).bind(last.1)
    };
    while let Some(row) = next(last).fetch_optional(&mut *conn).await? {
        last = (row.int(0)?, row.int(1)?);
        let route = handle.words().route(last.1)?;
        if route.destination == handle.code {
            routes.insert((fit::<u32>(last.0)?, route), last.1);
        }
    }
    let mut judged = Vec::new();
    for ((epoch, route), route_word) in routes {
        let sequence = match after {
            Some(a) if (a.epoch, &a.route) > (epoch, &route) => continue,
            Some(a) if (a.epoch, &a.route) == (epoch, &route) => a.sequence,
            _ => 0,
        };
        let left = len(limit as usize - judged.len());
        if left == 0 {
            break;
        }
        let statement = q(sql::JUDGED_OF).bind(handle.ident).bind(word).bind(i64::from(epoch));
        let statement = statement.bind(route_word).bind(big(sequence)).bind(left);
        for row in statement.fetch_all(&mut *conn).await? {
            judged.push(restore::judged_of(sender, epoch, &route, &row)?);
        }
    }
    Ok(judged)
}

/// How far every sender's route is here.
pub(super) async fn held_routes(handle: &Handle) -> Result<Vec<HeldRoute>, StoreError> {
    let mut conn = handle.writer().await;
    let mut held = Vec::new();
    for row in q(sql::HELD_ROUTES).bind(handle.ident).fetch_all(&mut *conn).await? {
        let route = handle.words().route(row.int(2)?)?;
        if route.destination == handle.code {
            let sender = handle.words().node(row.int(0)?)?;
            held.push(HeldRoute { sender, epoch: row.num(1)?, route, through: row.num(3)? });
        }
    }
    held.sort_by(|a, b| (&a.sender, a.epoch, &a.route).cmp(&(&b.sender, b.epoch, &b.route)));
    Ok(held)
}

/// Own settled envelopes to a destination.
pub(super) async fn settled_to(
    handle: &Handle,
    peer: &NodeCode,
    after: i64,
    limit: u32,
) -> Result<Vec<(i64, OutEnvelope)>, StoreError> {
    let mut conn = handle.writer().await;
    let routes = own_routes(handle, &mut conn).await?;
    let routes: Vec<i64> =
        routes.into_iter().filter(|(_, r)| r.destination == *peer).map(|(w, _)| w).collect();
    let statement = q(sql::SETTLED_TO).bind(handle.ident).bind(after).bind(json(&routes)?);
    let rows = statement.bind(i64::from(limit)).fetch_all(&mut *conn).await?;
    rows.iter().map(|row| Ok((row.int(0)?, envelope(handle, row)?))).collect()
}

/// What a settled envelope still holds is staged again.
pub(super) async fn give_again(
    handle: &Handle,
    lease: &Lease,
    given: GivenAgain,
) -> Result<u64, StoreError> {
    let mut writer = handle.writer().await;
    let (mut txn, now) = handle.begin(&mut writer, Some(lease), Some(given.now)).await?;
    let row = own_row(handle, &mut txn, &given.id).await?;
    let older = i64::from(given.id.epoch) < handle.epoch();
    let from = match row.as_ref().map(|r| state(r.int(1)?)).transpose()? {
        Some(OutState::Settled) => Some(Place::Accepted),
        Some(OutState::Dead) if older => Some(Place::Dead),
        _ => None,
    };
    let (Some(row), Some(from)) = (row, from) else {
        return Err(conflict("envelope", format!("{} is not settled here", given.id)));
    };
    let (number, link, route) = (row.int(0)?, row.int(4)?, row.int(6)?);
    let day = Day(row.num(5)?);
    if !given.fragments.is_empty() && given.fragments.len() != row.num::<usize>(7)? {
        return Err(conflict("envelope", format!("{} has other members", given.id)));
    }
    let stretches = stretches(&mut txn, number).await?;
    let again = held(handle, &mut txn, (route, &stretches), &given, from).await?;
    let mut tallies = Tallies::new(handle.ident, OWN);
    let mut accepted = 0;
    for one in &again {
        let line = Line::own(handle.words(), day, (route, one.epoch), one.entry.kind)?;
        tallies.shift(line, one.from, Place::Staged, 1);
        if one.from != Place::Dead {
            let mut gone = HashSum::default();
            gone.remove(&one.entry.digest);
            tallies.sum(line, &gone);
            let kind = handle.words().text(one.entry.kind)?;
            let Entry { root, part, version, digest, .. } = &one.entry;
            let record = Counted { kind: &kind, root, part, version: *version, digest };
            tallies.leaf((line.day, line.peer), false, record);
        }
        accepted += i64::from(one.from == Place::Accepted);
    }
    stage(handle, &mut txn, (number, route, day), &again, now).await?;
    let statement = q(sql::LINK_MORE).bind(handle.ident).bind(link).bind(-accepted).bind(0_i64);
    statement.execute(&mut *txn).await?;
    tally::write(tallies, &mut txn).await?;
    stand(handle, &mut txn, &given.stand.0, Some(&given.stand.1), now).await?;
    handle.commit(txn).await?;
    Ok(again.len() as u64)
}

/// A part of a chunk that is in the envelope.
struct Stretch {
    chunk: i64,
    first: usize,
    count: usize,
    entries: Vec<u8>,
    adapter: i64,
    epoch: i64,
}

async fn stretches(txn: &mut SqliteConnection, number: i64) -> Result<Vec<Stretch>, StoreError> {
    let mut found = Vec::new();
    for row in q(sql::STRETCHES_OF).bind(number).fetch_all(&mut *txn).await? {
        found.push(Stretch {
            chunk: row.int(0)?,
            first: row.num(1)?,
            count: row.num(2)?,
            entries: blob(txn, row.int(3)?).await?,
            adapter: row.int(5)?,
            epoch: row.int(6)?,
        });
    }
    Ok(found)
}

/// Members that still follow this envelope, or that its receipt called superseded.
async fn held<'a>(
    handle: &Handle,
    txn: &mut SqliteConnection,
    (route, stretches): (i64, &'a [Stretch]),
    given: &'a GivenAgain,
    follows: Place,
) -> Result<Vec<Again<'a>>, StoreError> {
    let orphans: BTreeSet<u32> = given.orphans.iter().copied().collect();
    let mut again = Vec::new();
    let mut fragments = (0..).zip(&given.fragments);
    for stretch in stretches {
        let entries = Entries::new(&stretch.entries).enumerate().skip(stretch.first);
        for ((idx, entry), (position, fragment)) in
            entries.take(stretch.count).zip(fragments.by_ref())
        {
            let entry = entry?;
            if given.only.as_ref().is_some_and(|only| !only.contains(&position)) {
                continue;
            }
            let statement = q(sql::RECORD_FOLLOWS).bind(handle.ident).bind(entry.root);
            let strand = handle.words().strand(entry.kind, route)?;
            let statement = statement.bind(strand).bind(entry.part);
            let statement = statement.bind(i64::from(entry.version)).bind(stretch.chunk);
            let row = statement.bind(len(idx)).fetch_optional(&mut *txn).await?;
            let from = match row.map(|r| r.int(0)).transpose()? {
                Some(-1) => follows,
                Some(n) if n == Place::Superseded as i64 => Place::Superseded,
                _ => continue,
            };
            let (adapter, epoch) = (stretch.adapter, stretch.epoch);
            let orphan = orphans.contains(&position);
            again.push(Again { entry, adapter, epoch, from, fragment, orphan });
        }
    }
    Ok(again)
}

/// Stages them in order: a chunk for each run of one origin.
async fn stage(
    handle: &Handle,
    txn: &mut SqliteConnection,
    (number, route, day): (i64, i64, Day),
    again: &[Again<'_>],
    now: Millis,
) -> Result<(), StoreError> {
    for run in again.chunk_by(|a, b| (a.adapter, a.epoch) == (b.adapter, b.epoch)) {
        let Some(first) = run.first() else { continue };
        let chunk = handle.next_chunk();
        let (mut bytes, mut entries) = (Vec::new(), Vec::new());
        let mut staged = Vec::<Staged>::new();
        for (idx, one) in run.iter().enumerate() {
            bytes.extend_from_slice(one.fragment);
            put_entry(&mut entries, one.entry.kind, &as_new(one)?);
            match staged.last_mut().filter(|s| s.orphan == one.orphan) {
                Some(last) => last.count += 1,
                None => {
                    let orphan = one.orphan;
                    staged.push(Staged { route, chunk, first: len(idx), count: 1, orphan });
                }
            }
            let strand = handle.words().strand(one.entry.kind, route)?;
            let of = |text| {
                let s = q(text).bind(handle.ident).bind(one.entry.root).bind(strand);
                s.bind(one.entry.part).bind(i64::from(one.entry.version))
            };
            of(sql::GIVEN_ADD).bind(number).execute(&mut *txn).await?;
            of(sql::RECORD_GIVEN).bind(chunk).bind(len(idx)).execute(&mut *txn).await?;
        }
        let statement = q(sql::CHUNK_ADD).bind(chunk).bind(handle.ident).bind(route);
        let statement = statement.bind(first.epoch).bind(i64::from(day.0)).bind(first.adapter);
        let statement = statement.bind(now.0).bind(len(run.len()));
        let statement = statement.bind(handle.next_blob()).bind(handle.next_blob());
        statement.bind(entries).bind(bytes).execute(&mut *txn).await?;
        put_stretches(handle, txn, &staged, now).await?;
    }
    Ok(())
}

/// Windows are reconciled again.
pub(super) async fn reopen_windows(
    handle: &Handle,
    peer: &NodeCode,
    since: Day,
    now: Millis,
) -> Result<(), StoreError> {
    let mut writer = handle.writer().await;
    let (mut txn, _) = handle.begin(&mut writer, None, Some(now)).await?;
    let since = i64::from(since.0);
    let statement = q(sql::WINDOWS_REOPEN).bind(handle.ident).bind(handle.code.as_str());
    statement.bind(peer.as_str()).bind(since).execute(&mut *txn).await?;
    for text in [sql::ANSWERS_DROP, sql::ANSWER_CAUSES_DROP] {
        let statement = q(text).bind(handle.ident).bind(peer.as_str()).bind(since);
        statement.execute(&mut *txn).await?;
    }
    handle.commit(txn).await?;
    Ok(())
}
