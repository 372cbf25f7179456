//! Windows below their sums: leaves by prefix, what is outstanding; steps of a correspondence.

use std::collections::{BTreeMap, BTreeSet};

use canon::{Day, HashSum, NodeCode, Prefix, RecordId};
use sqlx::postgres::{PgConnection, PgRow};

use super::codec::Entries;
use super::columns::place;
use super::conn::{Columns, big, q};
use super::handle::Handle;
use super::seal::{learn_controls, put_controls};
use super::{inbox, people, source_rows, sql, standing};
use crate::api::StoreFuture;
use crate::api_window::WindowFacts;
use crate::error::StoreError;
use crate::packed::leaves::{self, Bundle, DEPTH_MAX, FOLDED_MAX, Gathering, Summing};
use crate::packed::window::{Candidates, first_rule, prefix_of, side_of};
use crate::packed::words::strand_text;
use crate::plain::Plain;
use crate::types::*;

/// A window as columns.
#[derive(Clone, Copy)]
pub(super) struct Of {
    pub(super) ident: i64,
    pub(super) side: i64,
    pub(super) day: i64,
    pub(super) peer: i64,
}

/// Leaves come to a prefix.
pub(super) async fn put(
    conn: &mut PgConnection,
    of: Of,
    prefix: Prefix,
    bundle: Bundle,
) -> Result<(), StoreError> {
    let Of { ident, side, day, peer } = of;
    let prefix = prefix.to_string();
    let statement = q(sql::BRANCH_ADD).bind(ident).bind(side).bind(day).bind(peer);
    let statement = statement.bind(prefix.as_str()).bind(bundle.count);
    let sums = bundle.sum.0.iter();
    let statement = sums.fold(statement, |s, limb| s.bind(i64::from(*limb)));
    let row = statement.bind(big(bundle.held)).fetch_one(&mut *conn).await?;
    let statement = q(sql::TWIG_ADD).bind(ident).bind(side).bind(day).bind(peer).bind(prefix);
    let statement = statement.bind(row.int(0)?).bind(big(bundle.held)).bind(bundle.bytes);
    statement.execute(conn).await?;
    Ok(())
}

impl Handle {
    /// A window as columns; none if nothing is known of its peer.
    async fn window(&self, window: &Window) -> Result<Option<Of>, StoreError> {
        let Some(peer) = self.find(window.peer.as_str()).await? else { return Ok(None) };
        let (side, day) = (side_of(window.side), i64::from(window.day.0));
        Ok(Some(Of { ident: self.ident, side, day, peer }))
    }
}

async fn buckets(
    handle: &Handle,
    window: &Window,
    under: &[Prefix],
) -> Result<Vec<[Bucket; 16]>, StoreError> {
    let mut summing = Summing::new(under);
    let Some(Of { ident, side, day, peer }) = handle.window(window).await? else {
        return Ok(summing.finish());
    };
    let mut conn = handle.look().await?;
    let of = |text| q(text).bind(ident).bind(side).bind(day).bind(peer);
    let rows = of(sql::BRANCHES).bind(summing.children()).fetch_all(&mut *conn).await?;
    for row in rows {
        let mut sum = HashSum::default();
        for (i, limb) in sum.0.iter_mut().enumerate() {
            *limb = row.num(2 + i)?;
        }
        summing.child(prefix_of(row.text(0)?)?, row.int(1)?, &sum);
    }
    for row in of(sql::TWIGS).bind(summing.holders()).fetch_all(&mut *conn).await? {
        summing.held(row.blob(0)?)?;
    }
    conn.looked().await?;
    Ok(summing.finish())
}

async fn leaves(
    handle: &Handle,
    window: &Window,
    under: &[Prefix],
    limit: u32,
) -> Result<Vec<Leaf>, StoreError> {
    let mut gathering = Gathering::new(under);
    let Some(Of { ident, side, day, peer }) = handle.window(window).await? else {
        return Ok(Vec::new());
    };
    let mut conn = handle.look().await?;
    let of = |text| q(text).bind(ident).bind(side).bind(day).bind(peer);
    let below: Vec<String> = under.iter().map(Prefix::to_string).collect();
    for (text, list) in [(sql::TWIGS, leaves::holders(under)), (sql::TWIGS_BELOW, below)] {
        for row in of(text).bind(list).fetch_all(&mut *conn).await? {
            gathering.held(row.blob(0)?)?;
        }
    }
    conn.looked().await?;
    Ok(gathering.finish(limit))
}

/// Hands down what the fullest prefix holds, in a fact of its own.
async fn fold(handle: &Handle) -> Result<bool, StoreError> {
    let mut txn = handle.begin(None, None).await?;
    let full = q(sql::BRANCH_FULL).bind(handle.ident).bind(i64::from(DEPTH_MAX));
    let Some(row) = full.fetch_optional(&mut *txn).await? else {
        txn.commit().await?;
        return Ok(false);
    };
    let (side, day, peer) = (row.int(0)?, row.int(1)?, row.int(2)?);
    let (ident, prefix) = (handle.ident, prefix_of(row.text(3)?)?);
    let at = |text| q(text).bind(ident).bind(side).bind(day).bind(peer).bind(prefix.to_string());
    let (mut last, mut gone, mut columns) = (0, 0, Vec::new());
    for row in at(sql::TWIGS_AT).fetch_all(&mut *txn).await? {
        if gone >= FOLDED_MAX {
            break;
        }
        last = row.int(0)?;
        gone += row.num::<u64>(1)?;
        columns.push(row.blob(2)?.to_vec());
    }
    for (child, bundle) in leaves::handed_down(prefix, &columns)? {
        put(&mut txn, Of { ident, side, day, peer }, child, bundle).await?;
    }
    at(sql::TWIGS_GONE).bind(last).execute(&mut *txn).await?;
    at(sql::BRANCH_LESS).bind(big(gone)).execute(&mut *txn).await?;
    txn.commit().await?;
    Ok(true)
}

async fn fold_all(handle: &Handle, limit: u32) -> Result<u64, StoreError> {
    let mut folded = 0;
    while folded < u64::from(limit) && fold(handle).await? {
        folded += 1;
    }
    Ok(folded)
}

async fn forget(handle: &Handle, before: Day, limit: u32) -> Result<u64, StoreError> {
    let mut txn = handle.begin(None, None).await?;
    let mut gone = 0;
    for side in [BookSide::Own, BookSide::Received] {
        for text in [sql::TWIGS_FORGET, sql::BRANCHES_FORGET] {
            let statement = q(text).bind(handle.ident).bind(side_of(side));
            let statement = statement.bind(i64::from(before.0)).bind(i64::from(limit));
            gone += statement.execute(&mut *txn).await?.rows_affected();
        }
    }
    txn.commit().await?;
    Ok(gone)
}

async fn commit_step(handle: &Handle, step: &Step) -> Result<(), StoreError> {
    learn_controls(handle, &step.controls).await?;
    let mut txn = handle.begin(None, Some(step.now)).await?;
    if let Some(inbox_id) = step.inbox_id {
        inbox::throw_away(handle, &mut txn, inbox_id).await?;
    }
    let now = txn.now;
    standing::put(handle, &mut txn, &step.stands, now).await?;
    if let Some(audit) = &step.audit {
        let event = AuditEvent { at: now, ..audit.clone() };
        people::append_audit(handle, &mut txn, &event).await?;
    }
    put_controls(handle, &mut txn, &step.controls).await?;
    txn.commit().await?;
    if step.audit.is_some() {
        handle.barrier().await?;
    }
    Ok(())
}

async fn outstanding(
    handle: &Handle,
    day: Day,
    limit: u32,
) -> Result<Vec<Outstanding>, StoreError> {
    let words = handle.words();
    let mut found = Candidates::default();
    {
        let mut conn = handle.conn().await?;
        let of = |text| q(text).bind(handle.ident).bind(i64::from(day.0)).bind(i64::from(limit));
        for row in of(sql::OUT_WAITING).fetch_all(&mut *conn).await? {
            found.record(words, &row, String::new())?;
        }
        for row in of(sql::OUT_PROBLEMS).fetch_all(&mut *conn).await? {
            found.record(words, &row, first_rule(row.text(4)?))?;
        }
        for row in of(sql::OUT_STAGED).fetch_all(&mut *conn).await? {
            let entries = row.blob(3)?;
            found.entries(words, &row, Entries::new(entries), String::new())?;
        }
        for row in of(sql::OUT_OPEN).fetch_all(&mut *conn).await? {
            let entries = row.blob(3)?;
            let reason = row.text_opt(4)?.unwrap_or_default().to_owned();
            found.entries(words, &row, Entries::new(entries), reason)?;
        }
    }
    let mut places = BTreeMap::new();
    for (to, ids) in found.by_destination(limit) {
        let located = locate(handle, &to, &ids).await?;
        places.extend(ids.into_iter().map(|id| (to.clone(), id)).zip(located));
    }
    Ok(found.finish(&places, limit))
}

async fn locate(
    handle: &Handle,
    to: &NodeCode,
    ids: &[RecordId],
) -> Result<Vec<Option<Located>>, StoreError> {
    let kinds: BTreeSet<&str> = ids.iter().map(|id| &*id.kind).collect();
    for kind in kinds {
        handle.find(&strand_text(kind, to)).await?;
    }
    let mut conn = handle.conn().await?;
    let mut located = Vec::with_capacity(ids.len());
    for id in ids {
        let Some(kind) = handle.words().find(&strand_text(&id.kind, to)) else {
            located.push(None);
            continue;
        };
        let statement = q(sql::LOCATE).bind(handle.ident).bind(id.key.root()).bind(kind);
        let statement = statement.bind(id.key.part()).bind(i64::from(id.version));
        let row = statement.fetch_optional(&mut *conn).await?;
        let read = |row: PgRow| {
            let envelope = match row.int_opt(3)? {
                Some(_) => Some((handle.read_own_id(&row, 1)?, row.num(4)?)),
                None => None,
            };
            Ok::<_, StoreError>(Located { place: place(row.int(0)?)?, envelope })
        };
        located.push(row.map(read).transpose()?);
    }
    Ok(located)
}

impl WindowFacts for Handle {
    fn buckets<'a>(
        &'a self,
        window: &'a Window,
        under: &'a [Prefix],
    ) -> StoreFuture<'a, Vec<[Bucket; 16]>> {
        fact!(self, buckets(self, window, under))
    }

    fn leaves<'a>(
        &'a self,
        window: &'a Window,
        under: &'a [Prefix],
        limit: u32,
    ) -> StoreFuture<'a, Vec<Leaf>> {
        fact!(self, leaves(self, window, under, limit))
    }

    fn fold_leaves(&self, limit: u32) -> StoreFuture<'_, u64> {
        fact!(self, fold_all(self, limit))
    }

    fn forget_leaves(&self, before: Day, limit: u32) -> StoreFuture<'_, u64> {
        fact!(self, forget(self, before, limit))
    }

    fn commit_step(&self, step: Step) -> StoreFuture<'_, ()> {
        fact!(self, step => commit_step(self, &step))
    }

    fn outstanding(&self, day: Day, limit: u32) -> StoreFuture<'_, Vec<Outstanding>> {
        fact!(self, outstanding(self, day, limit))
    }

    fn rows_seen<'a>(
        &'a self,
        adapter: &'a str,
        prefix: &'a str,
        since: u64,
    ) -> StoreFuture<'a, u64> {
        fact!(self, source_rows::seen(self, adapter, prefix, since))
    }

    fn locate<'a>(
        &'a self,
        to: &'a NodeCode,
        ids: &'a [RecordId],
    ) -> StoreFuture<'a, Vec<Option<Located>>> {
        fact!(self, locate(self, to, ids))
    }
}
