//! Settle: a verified receipt on its envelope.

use std::collections::BTreeSet;

use canon::EnvelopeId;
use sqlx::postgres::PgConnection;

use super::codec::{Entry, put_entry};
use super::collect::Chunks;
use super::conn::{Columns, Statement, len, q};
use super::handle::{Handle, Txn, drop_blob};
use super::moves::{Move, Moves, Own, own_row};
use super::problems::{ListedAt, Rejection, list_rejected};
use super::tally::{self, Line, OWN, Tallies};
use super::waiting::{self, NewWaiting};
use super::{inbox, sql, write_back};
use crate::error::{StoreError, conflict};
use crate::lifecycle::OutEvent;
use crate::packed::leaves::Counted;
use crate::packed::settle::{self, Listed, Members, Stretch, again_record, check};
use crate::packed::words::strand_text;
use crate::types::*;

/// Who is in an envelope.
async fn members_of(conn: &mut PgConnection, envelope: i64) -> Result<Members, StoreError> {
    let mut stretches = Vec::new();
    for row in q(sql::STRETCHES_OF).bind(envelope).fetch_all(&mut *conn).await? {
        let (first, count): (usize, usize) = (row.num(1)?, row.num(2)?);
        stretches.push(Stretch {
            entries: row.blob(3)?.to_vec(),
            range: first..first + count,
            adapter: row.int(4)?,
            epoch: row.int(5)?,
        });
    }
    Ok(Members(stretches))
}

/// Members of an own envelope, in order.
pub(super) async fn members(handle: &Handle, id: &EnvelopeId) -> Result<Vec<Member>, StoreError> {
    handle.find_id(id).await?;
    let mut conn = handle.conn().await?;
    let Some(row) = own_row(handle, &mut conn, id).await? else { return Ok(Vec::new()) };
    let members = members_of(&mut conn, row.int(0)?).await?;
    let list = members.list()?;
    let member = |Listed { entry, .. }: &Listed<'_>| {
        Ok(Member {
            kind: handle.words().text(entry.kind)?,
            digest: entry.digest,
            source_row: entry.source_row.map(Into::into),
        })
    };
    list.iter().map(member).collect()
}

/// A settlement under way.
struct Settling<'a> {
    handle: &'a Handle,
    own: &'a Own,
    members: &'a [Listed<'a>],
}

/// A verified receipt.
pub(super) async fn commit(
    handle: &Handle,
    lease: &Lease,
    settlement: &Settlement,
) -> Result<bool, StoreError> {
    if !matches!(settlement.event, OutEvent::Receipted | OutEvent::Declining) {
        return Err(conflict("settlement", format!("{:?} settles nothing", settlement.event)));
    }
    for again in settlement.not_accepted.iter().filter_map(|n| n.again.as_ref()) {
        let kind = &*again.waits_for.kind;
        handle.learn(&[kind, &strand_text(kind, &settlement.id.route.destination)]).await?;
    }
    for row in &settlement.rows {
        handle.learn(&[&*row.adapter]).await?;
    }
    handle.find_id(&settlement.id).await?;
    // A frame, and a chunk for each record that goes up again.
    let numbers = handle.numbers(settlement.not_accepted.len() + 1).await?;
    let mut txn = handle.begin(Some(lease), Some(settlement.now)).await?;
    let arrived = inbox::take(handle, &mut txn, settlement.inbox_id).await?;
    let own = own_row(handle, &mut txn, &settlement.id).await?;
    let own = own.map(|row| Own::read(&row)).transpose()?;
    let Some((own, next)) = own.and_then(|o| o.state.next(settlement.event).map(|n| (o, n))) else {
        drop_blob(&mut txn, Some(arrived.int(0)?)).await?;
        txn.commit().await?;
        return Ok(false);
    };
    let frame = inbox::move_frame(&mut txn, &arrived, &settlement.receipt, numbers).await?;
    let mut tallies = Tallies::new(handle.ident, OWN);
    let how = Move {
        reason: settlement.reason.clone(),
        refusals: -1,
        receipt: Some(frame),
        ..Move::default()
    };
    let mut moves = Moves::default();
    moves.add(handle, &mut tallies, &own, next, how, txn.now)?;
    moves.write(&mut txn).await?;
    let members = members_of(&mut txn, own.envelope).await?;
    let members = members.list()?;
    let settling = Settling { handle, own: &own, members: &members };
    settling.apply(&mut txn, &mut tallies, settlement, numbers + 1).await?;
    tally::write(tallies, &mut txn).await?;
    txn.commit().await?;
    Ok(true)
}

impl Settling<'_> {
    async fn apply(
        &self,
        txn: &mut Txn<'_>,
        tallies: &mut Tallies,
        settlement: &Settlement,
        chunks: i64,
    ) -> Result<(), StoreError> {
        let rejected = if settlement.event == OutEvent::Declining {
            self.decline(txn, settlement.reason.as_deref().unwrap_or_default()).await?;
            self.members.len()
        } else {
            for ((epoch, kind), sum) in &check(self.handle.words(), self.members, settlement)? {
                tallies.sum(self.line(*epoch, *kind)?, sum);
            }
            let peer = self.handle.words().word(settlement.id.route.destination.as_str())?;
            let window = (self.own.day, peer);
            let taken = |record: Counted<'_>| tallies.leaf(window, true, record);
            settle::taken(self.handle.words(), self.members, settlement, taken)?;
            self.except(txn, tallies, settlement, chunks).await?
        };
        let other = |n: &&NotAccepted| n.outcome != FinalOutcome::Rejected;
        let other = match settlement.event {
            OutEvent::Declining => 0,
            _ => settlement.not_accepted.iter().filter(other).count(),
        };
        let accepted = self.members.len().saturating_sub(rejected + other);
        let statement = q(sql::LINK_RECEIPT).bind(self.handle.ident).bind(self.own.link);
        let statement = statement.bind(len(accepted)).bind(len(rejected)).bind(txn.now.0);
        statement.execute(&mut **txn).await?;
        if txn.waits {
            let roots: Vec<&str> = self.members.iter().map(|m| m.entry.root).collect();
            waiting::wake(self.handle, txn, &roots).await?;
        }
        write_back::outcomes(self.handle, txn, &settlement.rows).await
    }

    /// Every record of a declined envelope is rejected with its code.
    async fn decline(&self, txn: &mut Txn<'_>, code: &str) -> Result<(), StoreError> {
        let text = canon::code(code).map_or("", |c| c.zh);
        let why = Rejection { code, field: "", text };
        let rejected: Vec<_> = self.members.iter().map(|m| (&m.entry, self.at(m), why)).collect();
        list_rejected(self.handle, txn, &rejected).await
    }

    /// Places the exceptions; returns how many were rejected.
    async fn except(
        &self,
        txn: &mut Txn<'_>,
        tallies: &mut Tallies,
        settlement: &Settlement,
        chunks: i64,
    ) -> Result<usize, StoreError> {
        let (mut rejected, mut again, mut placed) = (Vec::new(), Vec::new(), Vec::new());
        for exception in &settlement.not_accepted {
            let Some(member) = self.members.get(exception.position as usize) else { continue };
            let entry = &member.entry;
            let place = match exception.outcome {
                FinalOutcome::Superseded => Place::Superseded,
                FinalOutcome::Rejected => Place::Rejected,
                FinalOutcome::ParentMissing => Place::Waiting,
            };
            let line = self.line(member.epoch, entry.kind)?;
            tallies.shift(line, Place::Accepted, place, 1);
            if let Some(again_as) = &exception.again {
                again.push((member, again_as, exception));
                continue;
            }
            placed.push(((entry, self.strand(entry.kind)?), place));
            if exception.outcome == FinalOutcome::Rejected {
                let NotAccepted { code, field, text, .. } = exception;
                rejected.push((entry, self.at(member), Rejection { code, field, text }));
            }
        }
        if !placed.is_empty() {
            let places: Vec<i64> = placed.iter().map(|(_, place)| *place as i64).collect();
            let entries = placed.into_iter().map(|(of, _)| of);
            let statement = keys(q(sql::RECORDS_PLACE).bind(self.handle.ident), entries);
            statement.bind(places).execute(&mut **txn).await?;
        }
        list_rejected(self.handle, txn, &rejected).await?;
        self.put_again(txn, &again, chunks).await?;
        Ok(rejected.len())
    }

    /// Fragments that go up again stand in a chunk of their own and wait there.
    async fn put_again(
        &self,
        txn: &mut Txn<'_>,
        again: &[(&Listed<'_>, &Again, &NotAccepted)],
        chunks: i64,
    ) -> Result<(), StoreError> {
        let origins: BTreeSet<_> = again.iter().map(|a| (a.0.adapter, a.0.epoch)).collect();
        for (chunk, (adapter, epoch)) in (chunks..).zip(origins) {
            let same = |a: &&(&Listed<'_>, _, _)| (a.0.adapter, a.0.epoch) == (adapter, epoch);
            let of: Vec<_> = again.iter().filter(same).collect();
            let (mut bytes, mut entries, mut waits) = (Vec::new(), Vec::new(), Vec::new());
            for (i, (Listed { entry, .. }, again, exception)) in of.iter().enumerate() {
                bytes.extend_from_slice(&again.fragment);
                put_entry(&mut entries, entry.kind, &again_record(again, exception)?);
                let (key, version) = (&exception.id.key, exception.id.version);
                let (kind, at) = (self.strand(entry.kind)?, (chunk, len(i)));
                let (wait, route) = (&again.waits_for, self.own.route);
                waits.push(NewWaiting { key, kind, version, at, route, wait });
            }
            let statement = q(sql::RECORDS_AGAIN).bind(self.handle.ident);
            let strands = waits.iter().map(|w| w.kind);
            let statement = keys(statement, of.iter().map(|a| &a.0.entry).zip(strands));
            let places: Vec<i64> = (0..len(of.len())).collect();
            let statement = statement.bind(places).bind(chunk).bind(self.own.envelope);
            statement.execute(&mut **txn).await?;
            let mut chunks = Chunks::default();
            let from = (self.own.route, self.own.day, adapter);
            chunks.add(chunk, from, of.len(), (entries, &bytes));
            chunks.put(self.handle, txn, epoch).await?;
            waiting::put_rows(self.handle, txn, &waits).await?;
        }
        Ok(())
    }

    /// The strand of a member.
    fn strand(&self, kind: i64) -> Result<i64, StoreError> {
        self.handle.words().strand(kind, self.own.route)
    }

    /// The line a member is counted in.
    fn line(&self, epoch: i64, kind: i64) -> Result<Line, StoreError> {
        Line::own(self.handle.words(), self.own.day, (self.own.route, epoch), kind)
    }

    fn at(&self, member: &Listed<'_>) -> ListedAt {
        let Listed { adapter, epoch, .. } = *member;
        ListedAt { adapter, route: self.own.route, epoch, day: self.own.day }
    }
}

/// Binds the keys of entries with their strands: roots, strands, parts, versions.
fn keys<'q, 'e>(
    statement: Statement<'q>,
    entries: impl Iterator<Item = (&'e Entry<'e>, i64)>,
) -> Statement<'q> {
    let (mut roots, mut kinds, mut parts, mut versions) =
        (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for (entry, strand) in entries {
        roots.push(entry.root.to_owned());
        kinds.push(strand);
        parts.push(entry.part.to_owned());
        versions.push(i64::from(entry.version));
    }
    statement.bind(roots).bind(kinds).bind(parts).bind(versions)
}
