//! Records on their way through an outlet.

use canon::{EnvelopeId, Millis};

use super::accept::see_sequence;
use super::collect::sorted;
use super::conn::{Columns, big, json, q};
use super::handle::Handle;
use super::inbox::parcel;
use super::sql;
use super::standing::hex;
use crate::api::StoreFuture;
use crate::api_outlet::OutletFacts;
use crate::error::StoreError;
use crate::packed::outlet;
use crate::plain::Plain;
use crate::types::*;

async fn submit(handle: &Handle, lease: &Lease, submit: Submit) -> Result<(), StoreError> {
    let Submit { inbox_id, id, settled_below, records, now } = submit;
    let mut writer = handle.writer().await;
    let id = handle.learn_id(&mut writer, &id).await?;
    let mut rows = Vec::with_capacity(records.len());
    for new in &records {
        handle.words().learn(&mut writer, &[&*new.id.kind]).await?;
        let (key, kind) = (&new.id.key, handle.words().word(&new.id.kind)?);
        let (inbox, at) = new.after.unzip();
        let (version, digest, step) = (new.id.version, hex(new.digest), new.step as usize);
        let (root, part, facts) = (key.root(), key.part(), &*new.facts);
        let (position, message, due) = (new.position, &new.message, new.due_at.0);
        rows.push((
            position, root, kind, part, version, digest, facts, message, step, inbox, at, due,
        ));
    }
    let rows = json(&rows)?;
    let (mut txn, now) = handle.begin(&mut writer, Some(lease), Some(now)).await?;
    let parked = q(sql::OUTLET_PARK).bind(handle.ident).bind(inbox_id).execute(&mut *txn).await?;
    if parked.rows_affected() == 0 {
        let detail = format!("row {inbox_id} is gone");
        return Err(StoreError::Conflict { what: "inbox", detail });
    }
    see_sequence(handle, &mut txn, id, big(settled_below), now).await?;
    let turn = q(sql::SUBMISSIONS_TURN).bind(handle.ident).bind(inbox_id);
    let turn = turn.fetch_one(&mut *txn).await?.int(0)?;
    q(sql::SUBMISSIONS_HELD_DROP).bind(inbox_id).execute(&mut *txn).await?;
    let statement = q(sql::SUBMISSIONS_ADD).bind(handle.ident).bind(inbox_id).bind(rows).bind(turn);
    statement.execute(&mut *txn).await?;
    handle.commit(txn).await
}

async fn awaiting(handle: &Handle, id: &EnvelopeId) -> Result<Option<InboxParcel>, StoreError> {
    let mut conn = handle.writer().await;
    let statement = q(sql::AWAITING).bind(handle.ident).bind(id.sender.as_str());
    let statement = statement.bind(i64::from(id.epoch)).bind(id.route.to_string());
    let row = statement.bind(big(id.sequence)).fetch_optional(&mut *conn).await?;
    row.as_ref().map(parcel).transpose()
}

async fn inbox_parcel(handle: &Handle, inbox_id: i64) -> Result<Option<InboxParcel>, StoreError> {
    let mut conn = handle.writer().await;
    let statement = q(sql::INBOX_PARCEL).bind(handle.ident).bind(inbox_id);
    statement.fetch_optional(&mut *conn).await?.as_ref().map(parcel).transpose()
}

async fn submissions(handle: &Handle, roots: &[&str]) -> Result<Vec<Submission>, StoreError> {
    let roots = sorted(roots)?;
    let mut conn = handle.writer().await;
    let statement = q(sql::SUBMISSIONS).bind(handle.ident).bind(roots);
    let rows = statement.fetch_all(&mut *conn).await?;
    rows.iter().map(|row| outlet::submission(handle.words(), row)).collect()
}

async fn due(handle: &Handle, now: Millis, limit: u32) -> Result<Vec<Submission>, StoreError> {
    let mut conn = handle.writer().await;
    let statement = q(sql::SUBMISSIONS_DUE).bind(handle.ident).bind(now.0).bind(i64::from(limit));
    let rows = statement.fetch_all(&mut *conn).await?;
    rows.iter().map(|row| outlet::submission(handle.words(), row)).collect()
}

async fn commit(
    handle: &Handle,
    lease: &Lease,
    done: Vec<Submitted>,
    now: Millis,
) -> Result<(), StoreError> {
    let rows: Vec<_> = done
        .iter()
        .map(|d| {
            let answer = d.answer.as_ref();
            let verdict = answer.map(|a| a.verdict as usize);
            let (code, said) = answer.map(|a| (&a.code, &a.said)).unzip();
            let at = answer.map(|a| a.at.0);
            let step = d.step as usize;
            (d.inbox_id, d.position, step, d.attempts, d.due_at.0, verdict, code, said, at)
        })
        .collect();
    let rows = json(&rows)?;
    let mut writer = handle.writer().await;
    let (mut txn, _) = handle.begin(&mut writer, Some(lease), Some(now)).await?;
    let statement = q(sql::SUBMISSIONS_DONE).bind(handle.ident).bind(rows);
    let changed = statement.execute(&mut *txn).await?.rows_affected();
    if changed != done.len() as u64 {
        let detail = format!("{changed} of {} are here", done.len());
        return Err(StoreError::Conflict { what: "submission", detail });
    }
    handle.commit(txn).await?;
    drop(writer);
    handle.barrier().await
}

async fn ripe(handle: &Handle, limit: u32) -> Result<Vec<InboxParcel>, StoreError> {
    let mut conn = handle.writer().await;
    let statement = q(sql::RIPE).bind(handle.ident).bind(i64::from(limit));
    statement.fetch_all(&mut *conn).await?.iter().map(parcel).collect()
}

async fn status(handle: &Handle) -> Result<OutletStatus, StoreError> {
    let mut conn = handle.reader().await?;
    outlet::status(&q(sql::OUTLET_STATUS).bind(handle.ident).fetch_one(&mut *conn).await?)
}

impl OutletFacts for Handle {
    fn submit<'a>(&'a self, lease: &'a Lease, submit: Submit) -> StoreFuture<'a, ()> {
        Box::pin(self::submit(self, lease, submit.plain()))
    }

    fn awaiting<'a>(&'a self, id: &'a EnvelopeId) -> StoreFuture<'a, Option<InboxParcel>> {
        Box::pin(awaiting(self, id))
    }

    fn inbox_parcel(&self, inbox_id: i64) -> StoreFuture<'_, Option<InboxParcel>> {
        Box::pin(inbox_parcel(self, inbox_id))
    }

    fn submissions<'a>(&'a self, roots: &'a [&'a str]) -> StoreFuture<'a, Vec<Submission>> {
        Box::pin(submissions(self, roots))
    }

    fn submissions_due(&self, now: Millis, limit: u32) -> StoreFuture<'_, Vec<Submission>> {
        Box::pin(due(self, now, limit))
    }

    fn commit_submitted<'a>(
        &'a self,
        lease: &'a Lease,
        done: Vec<Submitted>,
        now: Millis,
    ) -> StoreFuture<'a, ()> {
        Box::pin(commit(self, lease, done.plain(), now))
    }

    fn ripe(&self, limit: u32) -> StoreFuture<'_, Vec<InboxParcel>> {
        Box::pin(ripe(self, limit))
    }

    fn outlet_status(&self) -> StoreFuture<'_, OutletStatus> {
        Box::pin(status(self))
    }
}
