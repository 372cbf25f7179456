//! Restore: a new epoch, what a restored sender is told, what a restored destination gets again.

use std::collections::{BTreeMap, BTreeSet};

use canon::{Day, EnvelopeId, HashSum, Lane, Millis, NodeCode, Route};
use sqlx::postgres::PgConnection;

use super::codec::{Entries, Entry, put_entry};
use super::collect::{Chunks, put_stretches};
use super::conn::{Columns, big, fit, len, q};
use super::handle::{Handle, Txn};
use super::moves::{Own, envelope, own_row};
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
    txn: &mut PgConnection,
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
pub(super) async fn begin_epoch(handle: &Handle, new: &NewEpoch) -> Result<(), StoreError> {
    let mut txn = handle.begin(None, Some(new.audit.at)).await?;
    let (now, before) = (txn.now, txn.epoch);
    let statement = q(sql::EPOCH_BEGIN).bind(handle.ident).bind(i64::from(new.epoch));
    if statement.execute(&mut *txn).await?.rows_affected() != 1 {
        let detail = format!("{} is not above epoch {before}", new.epoch);
        return Err(conflict("epoch", detail));
    }
    q(sql::LEASES_END).bind(handle.ident).bind(now.0).execute(&mut *txn).await?;
    q(sql::SEQUENCE_ABOVE).bind("received").bind(new.ordinal).fetch_one(&mut *txn).await?;
    for (name, text) in &new.stand {
        stand(handle, &mut txn, name, text.as_deref(), now).await?;
    }
    let event = AuditEvent { at: now, ..new.audit.clone() };
    people::append_audit(handle, &mut txn, &event).await?;
    txn.commit().await?;
    handle.barrier().await
}

/// Words of the routes that own records envelopes took, with the routes.
pub(super) async fn own_routes(
    handle: &Handle,
    conn: &mut PgConnection,
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
    let mut conn = handle.conn().await?;
    let mut open = BTreeMap::<NodeCode, u64>::new();
    for (_, route) in own_routes(handle, &mut conn).await? {
        open.entry(route.destination).or_default();
    }
    let statement = q(sql::OLDER_OPEN).bind(handle.ident);
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
    let Some(word) = handle.find(sender.as_str()).await? else { return Ok(Vec::new()) };
    let mut conn = handle.conn().await?;
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
    let mut conn = handle.conn().await?;
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
    let mut conn = handle.conn().await?;
    let routes = own_routes(handle, &mut conn).await?;
    let routes: Vec<i64> =
        routes.into_iter().filter(|(_, r)| r.destination == *peer).map(|(w, _)| w).collect();
    let statement = q(sql::SETTLED_TO).bind(handle.ident).bind(after).bind(routes);
    let rows = statement.bind(i64::from(limit)).fetch_all(&mut *conn).await?;
    drop(conn);
    rows.iter().map(|row| Ok((row.int(0)?, envelope(handle, row)?))).collect()
}

/// What a settled envelope still holds is staged again.
pub(super) async fn give_again(
    handle: &Handle,
    lease: &Lease,
    given: &GivenAgain,
) -> Result<u64, StoreError> {
    handle.find_id(&given.id).await?;
    let chunks = handle.numbers(given.fragments.len() + 1).await?;
    let mut txn = handle.begin(Some(lease), Some(given.now)).await?;
    let older = i64::from(given.id.epoch) < txn.epoch;
    let row = own_row(handle, &mut txn, &given.id).await?;
    let own = row.as_ref().map(Own::read).transpose()?;
    let from = match own.as_ref().map(|o| o.state) {
        Some(OutState::Settled) => Some(Place::Accepted),
        Some(OutState::Dead) if older => Some(Place::Dead),
        _ => None,
    };
    let (Some(row), Some(own), Some(from)) = (row, own, from) else {
        return Err(conflict("envelope", format!("{} is not settled here", given.id)));
    };
    if !given.fragments.is_empty() && given.fragments.len() != row.num::<usize>(7)? {
        return Err(conflict("envelope", format!("{} has other members", given.id)));
    }
    let stretches = stretches(&mut txn, own.envelope).await?;
    let again = held(handle, &mut txn, (own.route, &stretches), given, from).await?;
    let mut tallies = Tallies::new(handle.ident, OWN);
    let mut accepted = 0;
    for one in &again {
        let line = Line::own(handle.words(), own.day, (own.route, one.epoch), one.entry.kind)?;
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
    stage(handle, &mut txn, &own, &again, chunks).await?;
    let statement = q(sql::LINK_MORE).bind(handle.ident).bind(own.link).bind(-accepted);
    statement.bind(0_i64).execute(&mut *txn).await?;
    tally::write(tallies, &mut txn).await?;
    let now = txn.now;
    stand(handle, &mut txn, &given.stand.0, Some(&given.stand.1), now).await?;
    txn.commit().await?;
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

async fn stretches(txn: &mut PgConnection, number: i64) -> Result<Vec<Stretch>, StoreError> {
    let mut found = Vec::new();
    for row in q(sql::STRETCHES_OF).bind(number).fetch_all(&mut *txn).await? {
        found.push(Stretch {
            chunk: row.int(0)?,
            first: row.num(1)?,
            count: row.num(2)?,
            entries: row.blob(3)?.to_vec(),
            adapter: row.int(4)?,
            epoch: row.int(5)?,
        });
    }
    Ok(found)
}

/// Members that still follow this envelope, or that its receipt called superseded.
async fn held<'a>(
    handle: &Handle,
    txn: &mut PgConnection,
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
    txn: &mut Txn<'_>,
    own: &Own,
    again: &[Again<'_>],
    chunks: i64,
) -> Result<(), StoreError> {
    let runs = again.chunk_by(|a, b| (a.adapter, a.epoch) == (b.adapter, b.epoch));
    for (chunk, run) in (chunks..).zip(runs) {
        let Some(first) = run.first() else { continue };
        let (mut bytes, mut entries) = (Vec::new(), Vec::new());
        let mut staged = Vec::<Staged>::new();
        for (idx, one) in run.iter().enumerate() {
            bytes.extend_from_slice(one.fragment);
            put_entry(&mut entries, one.entry.kind, &as_new(one)?);
            match staged.last_mut().filter(|s| s.orphan == one.orphan) {
                Some(last) => last.count += 1,
                None => {
                    let (route, orphan) = (own.route, one.orphan);
                    staged.push(Staged { route, chunk, first: len(idx), count: 1, orphan });
                }
            }
            let strand = handle.words().strand(one.entry.kind, own.route)?;
            let of = |text| {
                let s = q(text).bind(handle.ident).bind(one.entry.root).bind(strand);
                s.bind(one.entry.part).bind(i64::from(one.entry.version))
            };
            of(sql::GIVEN_ADD).bind(own.envelope).execute(&mut **txn).await?;
            of(sql::RECORD_GIVEN).bind(chunk).bind(len(idx)).execute(&mut **txn).await?;
        }
        let mut new = Chunks::default();
        new.add(chunk, (own.route, own.day, first.adapter), run.len(), (entries, &bytes));
        new.put(handle, txn, first.epoch).await?;
        put_stretches(handle, txn, &staged).await?;
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
    let mut txn = handle.begin(None, Some(now)).await?;
    let since = i64::from(since.0);
    let statement = q(sql::WINDOWS_REOPEN).bind(handle.ident).bind(handle.code.as_str());
    statement.bind(peer.as_str()).bind(since).execute(&mut *txn).await?;
    for text in [sql::ANSWERS_DROP, sql::ANSWER_CAUSES_DROP] {
        let statement = q(text).bind(handle.ident).bind(peer.as_str()).bind(since);
        statement.execute(&mut *txn).await?;
    }
    txn.commit().await
}
