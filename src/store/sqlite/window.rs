//! Windows below their sums: leaves by prefix, what is outstanding; steps of a correspondence.

use std::collections::BTreeMap;

use canon::{Day, HashSum, NodeCode, Prefix, RecordId};
use sqlx::Connection as _;
use sqlx::sqlite::{SqliteConnection, SqliteRow};

use super::codec::Entries;
use super::conn::{Columns, big, json, q};
use super::handle::{Handle, blob, drop_blob, place};
use super::seal::{learn_controls, put_controls};
use super::{inbox, people, source_rows, sql, standing};
use crate::api::StoreFuture;
use crate::api_window::WindowFacts;
use crate::error::StoreError;
use crate::packed::leaves::{self, Bundle, DEPTH_MAX, FOLDED_MAX, Gathering, Summing};
use crate::packed::window::{Candidates, first_rule, prefix_of, side_of};
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
    conn: &mut SqliteConnection,
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
    fn window(&self, window: &Window) -> Option<Of> {
        let peer = self.words().find(window.peer.as_str())?;
        let (side, day) = (side_of(window.side), i64::from(window.day.0));
        Some(Of { ident: self.ident, side, day, peer })
    }
}

async fn buckets(
    handle: &Handle,
    window: &Window,
    under: &[Prefix],
) -> Result<Vec<[Bucket; 16]>, StoreError> {
    let mut summing = Summing::new(under);
    let Some(Of { ident, side, day, peer }) = handle.window(window) else {
        return Ok(summing.finish());
    };
    // Both questions of one moment, and the writer goes on.
    let mut reader = handle.reader().await?;
    let mut conn = reader.begin().await?;
    let of = |text| q(text).bind(ident).bind(side).bind(day).bind(peer);
    let rows = of(sql::BRANCHES).bind(json(&summing.children())?).fetch_all(&mut *conn).await?;
    for row in rows {
        let mut sum = HashSum::default();
        for (i, limb) in sum.0.iter_mut().enumerate() {
            *limb = row.num(2 + i)?;
        }
        summing.child(prefix_of(row.text(0)?)?, row.int(1)?, &sum);
    }
    for row in of(sql::TWIGS).bind(json(&summing.holders())?).fetch_all(&mut *conn).await? {
        summing.held(row.blob(0)?)?;
    }
    Ok(summing.finish())
}

async fn leaves(
    handle: &Handle,
    window: &Window,
    under: &[Prefix],
    limit: u32,
) -> Result<Vec<Leaf>, StoreError> {
    let mut gathering = Gathering::new(under);
    let Some(Of { ident, side, day, peer }) = handle.window(window) else { return Ok(Vec::new()) };
    let mut reader = handle.reader().await?;
    let mut conn = reader.begin().await?;
    let of = |text| q(text).bind(ident).bind(side).bind(day).bind(peer);
    let below: Vec<String> = under.iter().map(Prefix::to_string).collect();
    for (text, list) in [(sql::TWIGS, leaves::holders(under)), (sql::TWIGS_BELOW, below)] {
        for row in of(text).bind(json(&list)?).fetch_all(&mut *conn).await? {
            gathering.held(row.blob(0)?)?;
        }
    }
    Ok(gathering.finish(limit))
}

/// Hands down what the fullest prefix holds, in a fact of its own.
async fn fold(handle: &Handle) -> Result<bool, StoreError> {
    let mut writer = handle.writer().await;
    let full = q(sql::BRANCH_FULL).bind(handle.ident).bind(i64::from(DEPTH_MAX));
    let Some(row) = full.fetch_optional(&mut *writer).await? else { return Ok(false) };
    let (side, day, peer) = (row.int(0)?, row.int(1)?, row.int(2)?);
    let (ident, prefix) = (handle.ident, prefix_of(row.text(3)?)?);
    let (mut txn, _) = handle.begin(&mut writer, None, None).await?;
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
    handle.commit(txn).await?;
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
    let mut writer = handle.writer().await;
    let (mut txn, _) = handle.begin(&mut writer, None, None).await?;
    let mut gone = 0;
    for side in [BookSide::Own, BookSide::Received] {
        for text in [sql::TWIGS_FORGET, sql::BRANCHES_FORGET] {
            let statement = q(text).bind(handle.ident).bind(side_of(side));
            let statement = statement.bind(i64::from(before.0)).bind(i64::from(limit));
            gone += statement.execute(&mut *txn).await?.rows_affected();
        }
    }
    handle.commit(txn).await?;
    Ok(gone)
}

async fn commit_step(handle: &Handle, mut step: Step) -> Result<(), StoreError> {
    let mut writer = handle.writer().await;
    learn_controls(handle, &mut writer, &step.controls).await?;
    let (mut txn, now) = handle.begin(&mut writer, None, Some(step.now)).await?;
    if let Some(inbox_id) = step.inbox_id {
        let frame = inbox::consume(handle, &mut txn, inbox_id).await?;
        drop_blob(&mut txn, Some(frame)).await?;
    }
    standing::put(handle, &mut txn, &step.stands, now).await?;
    if let Some(audit) = &mut step.audit {
        audit.at = now;
        people::append_audit(handle, &mut txn, audit).await?;
    }
    put_controls(handle, &mut txn, &step.controls).await?;
    handle.commit(txn).await?;
    drop(writer);
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
        let mut reader = handle.reader().await?;
        let mut conn = reader.begin().await?;
        let of = |text| q(text).bind(handle.ident).bind(i64::from(day.0)).bind(i64::from(limit));
        for row in of(sql::OUT_WAITING).fetch_all(&mut *conn).await? {
            found.record(words, &row, String::new())?;
        }
        for row in of(sql::OUT_PROBLEMS).fetch_all(&mut *conn).await? {
            found.record(words, &row, first_rule(row.text(4)?))?;
        }
        for row in of(sql::OUT_STAGED).fetch_all(&mut *conn).await? {
            let entries = blob(&mut conn, row.int(3)?).await?;
            found.entries(words, &row, Entries::new(&entries), String::new())?;
        }
        for row in of(sql::OUT_OPEN).fetch_all(&mut *conn).await? {
            let entries = blob(&mut conn, row.int(3)?).await?;
            let reason = row.text_opt(4)?.unwrap_or_default().to_owned();
            found.entries(words, &row, Entries::new(&entries), reason)?;
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
    let mut conn = handle.reader().await?;
    let mut located = Vec::with_capacity(ids.len());
    for id in ids {
        let Ok(kind) = handle.words().strand_to(&id.kind, to) else {
            located.push(None);
            continue;
        };
        let statement = q(sql::LOCATE).bind(handle.ident).bind(id.key.root()).bind(kind);
        let statement = statement.bind(id.key.part()).bind(i64::from(id.version));
        let row = statement.fetch_optional(&mut *conn).await?;
        let read = |row: SqliteRow| {
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
        Box::pin(buckets(self, window, under))
    }

    fn leaves<'a>(
        &'a self,
        window: &'a Window,
        under: &'a [Prefix],
        limit: u32,
    ) -> StoreFuture<'a, Vec<Leaf>> {
        Box::pin(leaves(self, window, under, limit))
    }

    fn fold_leaves(&self, limit: u32) -> StoreFuture<'_, u64> {
        Box::pin(fold_all(self, limit))
    }

    fn forget_leaves(&self, before: Day, limit: u32) -> StoreFuture<'_, u64> {
        Box::pin(forget(self, before, limit))
    }

    fn commit_step(&self, step: Step) -> StoreFuture<'_, ()> {
        Box::pin(commit_step(self, step.plain()))
    }

    fn outstanding(&self, day: Day, limit: u32) -> StoreFuture<'_, Vec<Outstanding>> {
        Box::pin(outstanding(self, day, limit))
    }

    fn rows_seen<'a>(
        &'a self,
        adapter: &'a str,
        prefix: &'a str,
        since: u64,
    ) -> StoreFuture<'a, u64> {
        Box::pin(source_rows::seen(self, adapter, prefix, since))
    }

    fn locate<'a>(
        &'a self,
        to: &'a NodeCode,
        ids: &'a [RecordId],
    ) -> StoreFuture<'a, Vec<Option<Located>>> {
        Box::pin(locate(self, to, ids))
    }
}
