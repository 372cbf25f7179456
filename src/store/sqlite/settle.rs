//! Settle: a verified receipt on its envelope.

use std::collections::BTreeSet;

use canon::{Day, EnvelopeId, Millis};
use sqlx::sqlite::{SqliteConnection, SqliteRow};

use super::codec::put_entry;
use super::conn::{Columns, len, q};
use super::dispatch::{Move, move_envelope, own_row, state};
use super::handle::{Handle, blob, drop_blob};
use super::problems::{ListedAt, Rejection, list_rejected};
use super::tally::{self, Line, OWN, Tallies};
use super::waiting::{self, NewWaiting};
use super::words::learn_strand;
use super::{inbox, sql, write_back};
use crate::error::{StoreError, conflict};
use crate::lifecycle::OutEvent;
use crate::packed::leaves::Counted;
use crate::packed::settle::{self, Listed, Members, Stretch, again_record, check};
use crate::types::*;

/// Who is in an envelope.
async fn members_of(conn: &mut SqliteConnection, envelope: i64) -> Result<Members, StoreError> {
    let mut stretches = Vec::new();
    for row in q(sql::STRETCHES_OF).bind(envelope).fetch_all(&mut *conn).await? {
        let (first, count): (usize, usize) = (row.num(1)?, row.num(2)?);
        stretches.push(Stretch {
            entries: blob(conn, row.int(3)?).await?,
            range: first..first + count,
            adapter: row.int(5)?,
            epoch: row.int(6)?,
        });
    }
    Ok(Members(stretches))
}

/// Members of an own envelope, in order.
pub(super) async fn members(handle: &Handle, id: &EnvelopeId) -> Result<Vec<Member>, StoreError> {
    let mut conn = handle.writer().await;
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
    row: &'a SqliteRow,
    members: &'a [Listed<'a>],
    day: Day,
    route: i64,
    now: Millis,
}

/// A verified receipt.
pub(super) async fn commit(
    handle: &Handle,
    lease: &Lease,
    settlement: Settlement,
) -> Result<bool, StoreError> {
    if !matches!(settlement.event, OutEvent::Receipted | OutEvent::Declining) {
        return Err(conflict("settlement", format!("{:?} settles nothing", settlement.event)));
    }
    let mut writer = handle.writer().await;
    for again in settlement.not_accepted.iter().filter_map(|n| n.again.as_ref()) {
        let to = &settlement.id.route.destination;
        learn_strand(handle, &mut writer, &again.waits_for.kind, to).await?;
    }
    for row in &settlement.rows {
        handle.words().learn(&mut writer, &[&*row.adapter]).await?;
    }
    let (mut txn, now) = handle.begin(&mut writer, Some(lease), Some(settlement.now)).await?;
    let arrived = inbox::take(handle, &mut txn, settlement.inbox_id).await?;
    let row = own_row(handle, &mut txn, &settlement.id).await?;
    let next = row.as_ref().map(|r| Ok::<_, StoreError>(state(r.int(1)?)?.next(settlement.event)));
    let (Some(row), Some(next)) = (&row, next.transpose()?.flatten()) else {
        drop_blob(&mut txn, Some(arrived.int(0)?)).await?;
        handle.commit(txn).await?;
        return Ok(false);
    };
    let frame = inbox::move_frame(handle, &mut txn, &arrived, &settlement.receipt).await?;
    let mut tallies = Tallies::new(handle.ident, OWN);
    let how = Move {
        reason: settlement.reason.clone(),
        refusals: -1,
        receipt: Some(frame),
        ..Move::default()
    };
    move_envelope(handle, &mut txn, &mut tallies, row, next, &how, now).await?;
    let members = members_of(&mut txn, row.int(0)?).await?;
    let members = members.list()?;
    let (day, route) = (Day(row.num(5)?), row.int(6)?);
    let settling = Settling { handle, row, members: &members, day, route, now };
    settling.apply(&mut txn, &mut tallies, &settlement).await?;
    tally::write(tallies, &mut txn).await?;
    handle.commit(txn).await?;
    Ok(true)
}

impl Settling<'_> {
    async fn apply(
        &self,
        txn: &mut SqliteConnection,
        tallies: &mut Tallies,
        settlement: &Settlement,
    ) -> Result<(), StoreError> {
        let rejected = if settlement.event == OutEvent::Declining {
            self.decline(txn, settlement.reason.as_deref().unwrap_or_default()).await?;
            self.members.len()
        } else {
            for ((epoch, kind), sum) in &check(self.handle.words(), self.members, settlement)? {
                tallies.sum(self.line(*epoch, *kind)?, sum);
            }
            let peer = self.handle.words().word(settlement.id.route.destination.as_str())?;
            let window = (self.day, peer);
            let taken = |record: Counted<'_>| tallies.leaf(window, true, record);
            settle::taken(self.handle.words(), self.members, settlement, taken)?;
            self.except(txn, tallies, settlement).await?
        };
        let other = |n: &&NotAccepted| n.outcome != FinalOutcome::Rejected;
        let other = match settlement.event {
            OutEvent::Declining => 0,
            _ => settlement.not_accepted.iter().filter(other).count(),
        };
        let accepted = self.members.len().saturating_sub(rejected + other);
        let statement = q(sql::LINK_RECEIPT).bind(self.handle.ident).bind(self.row.int(4)?);
        let statement = statement.bind(len(accepted)).bind(len(rejected)).bind(self.now.0);
        statement.execute(&mut *txn).await?;
        if waiting::any(self.handle, txn).await? {
            let roots: Vec<&str> = self.members.iter().map(|m| m.entry.root).collect();
            waiting::wake(self.handle, txn, &roots, self.now).await?;
        }
        write_back::outcomes(self.handle, txn, &settlement.rows, self.now).await
    }

    /// Every record of a declined envelope is rejected with its code.
    async fn decline(&self, txn: &mut SqliteConnection, code: &str) -> Result<(), StoreError> {
        let text = canon::code(code).map_or("", |c| c.zh);
        let why = Rejection { code, field: "", text };
        for member in self.members {
            let at = self.at(member);
            list_rejected(self.handle, txn, &member.entry, &at, &why, self.now).await?;
        }
        Ok(())
    }

    /// Places the exceptions; returns how many were rejected.
    async fn except(
        &self,
        txn: &mut SqliteConnection,
        tallies: &mut Tallies,
        settlement: &Settlement,
    ) -> Result<usize, StoreError> {
        let mut rejected = 0;
        let mut again = Vec::new();
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
            let statement = q(sql::RECORD_PLACE).bind(self.handle.ident).bind(entry.root);
            let statement = statement.bind(self.strand(entry.kind)?).bind(entry.part);
            let statement = statement.bind(i64::from(entry.version)).bind(place as i64);
            statement.execute(&mut *txn).await?;
            if exception.outcome == FinalOutcome::Rejected {
                rejected += 1;
                let NotAccepted { code, field, text, .. } = exception;
                let why = Rejection { code, field, text };
                let at = self.at(member);
                list_rejected(self.handle, txn, entry, &at, &why, self.now).await?;
            }
        }
        self.put_again(txn, &again).await?;
        Ok(rejected)
    }

    /// Fragments that go up again stand in a chunk of their own and wait there.
    async fn put_again(
        &self,
        txn: &mut SqliteConnection,
        again: &[(&Listed<'_>, &Again, &NotAccepted)],
    ) -> Result<(), StoreError> {
        let origins: BTreeSet<_> = again.iter().map(|a| (a.0.adapter, a.0.epoch)).collect();
        for (adapter, epoch) in origins {
            let same = |a: &&(&Listed<'_>, _, _)| (a.0.adapter, a.0.epoch) == (adapter, epoch);
            let of: Vec<_> = again.iter().filter(same).collect();
            let chunk = self.handle.next_chunk();
            let (mut bytes, mut entries, mut waits) = (Vec::new(), Vec::new(), Vec::new());
            for (i, (Listed { entry, .. }, again, exception)) in of.iter().enumerate() {
                bytes.extend_from_slice(&again.fragment);
                put_entry(&mut entries, entry.kind, &again_record(again, exception)?);
                let (key, version) = (&exception.id.key, exception.id.version);
                let (kind, at) = (self.strand(entry.kind)?, (chunk, len(i)));
                let wait = &again.waits_for;
                waits.push(NewWaiting { key, kind, version, at, wait, route: self.route });
                let of = |text| {
                    let s = q(text).bind(self.handle.ident).bind(entry.root).bind(kind);
                    s.bind(entry.part).bind(i64::from(entry.version))
                };
                let statement = of(sql::AGAIN_ADD).bind(self.row.int(0)?);
                statement.execute(&mut *txn).await?;
                of(sql::RECORD_AGAIN).bind(chunk).bind(len(i)).execute(&mut *txn).await?;
            }
            let statement = q(sql::CHUNK_ADD).bind(chunk).bind(self.handle.ident);
            let statement = statement.bind(self.route).bind(epoch).bind(i64::from(self.day.0));
            let statement = statement.bind(adapter).bind(self.now.0).bind(len(of.len()));
            let statement = statement.bind(self.handle.next_blob()).bind(self.handle.next_blob());
            statement.bind(entries).bind(bytes).execute(&mut *txn).await?;
            waiting::put_rows(self.handle, txn, &waits, self.now).await?;
        }
        Ok(())
    }

    /// The strand of a member.
    fn strand(&self, kind: i64) -> Result<i64, StoreError> {
        self.handle.words().strand(kind, self.route)
    }

    /// The line a member is counted in.
    fn line(&self, epoch: i64, kind: i64) -> Result<Line, StoreError> {
        Line::own(self.handle.words(), self.day, (self.route, epoch), kind)
    }

    fn at(&self, member: &Listed<'_>) -> ListedAt {
        let Listed { adapter, epoch, .. } = *member;
        ListedAt { adapter, route: self.route, epoch, day: self.day }
    }
}
