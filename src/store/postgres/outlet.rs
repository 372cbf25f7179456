//! Records on their way through an outlet.

use canon::{EnvelopeId, Millis};

use super::accept::see_sequence;
use super::codec::digest_out;
use super::conn::{Columns, big, q, sorted};
use super::handle::Handle;
use super::inbox::parcel;
use super::sql;
use crate::api::StoreFuture;
use crate::api_outlet::OutletFacts;
use crate::error::StoreError;
use crate::packed::outlet;
use crate::plain::Plain;
use crate::types::*;

async fn submit(handle: &Handle, lease: &Lease, submit: &Submit) -> Result<(), StoreError> {
    let Submit { inbox_id, settled_below, ref records, now, .. } = *submit;
    let id = handle.learn_id(&submit.id).await?;
    let words: Vec<&str> = records.iter().map(|r| &*r.id.kind).collect();
    handle.learn(&words).await?;
    let mut kinds = Vec::with_capacity(records.len());
    for word in words {
        kinds.push(handle.words().word(word)?);
    }
    let mut txn = handle.begin(Some(lease), Some(now)).await?;
    let parked = q(sql::OUTLET_PARK).bind(handle.ident).bind(inbox_id).execute(&mut *txn).await?;
    if parked.rows_affected() == 0 {
        let detail = format!("row {inbox_id} is gone");
        return Err(StoreError::Conflict { what: "inbox", detail });
    }
    see_sequence(handle, &mut txn, id, big(settled_below)).await?;
    let turn = q(sql::SUBMISSIONS_TURN).bind(handle.ident).bind(inbox_id);
    let turn = turn.fetch_one(&mut *txn).await?.int(0)?;
    q(sql::SUBMISSIONS_HELD_DROP).bind(inbox_id).execute(&mut *txn).await?;
    let texts = |text: fn(&NewSubmission) -> &str| records.iter().map(text).collect::<Vec<_>>();
    let numbers = |n: fn(&NewSubmission) -> i64| records.iter().map(n).collect::<Vec<_>>();
    let digests: Vec<Vec<u8>> = records.iter().map(|r| digest_out(&r.digest)).collect();
    let steps: Vec<i16> = records.iter().map(|r| r.step as i16).collect();
    let on: Vec<Option<i64>> = records.iter().map(|r| r.after.map(|on| on.0)).collect();
    let at: Vec<Option<i64>> = records.iter().map(|r| r.after.map(|on| i64::from(on.1))).collect();
    let statement = q(sql::SUBMISSIONS_ADD).bind(handle.ident).bind(inbox_id);
    let statement = statement.bind(numbers(|r| i64::from(r.position)));
    let statement = statement.bind(texts(|r| r.id.key.root())).bind(kinds);
    let statement = statement.bind(texts(|r| r.id.key.part()));
    let statement = statement.bind(numbers(|r| i64::from(r.id.version))).bind(digests);
    let statement = statement.bind(texts(|r| &r.facts)).bind(texts(|r| &r.message));
    let statement = statement.bind(steps).bind(on).bind(at).bind(numbers(|r| r.due_at.0));
    statement.bind(turn).execute(&mut *txn).await?;
    txn.commit().await
}

async fn awaiting(handle: &Handle, id: &EnvelopeId) -> Result<Option<InboxParcel>, StoreError> {
    let mut conn = handle.conn().await?;
    let statement = q(sql::AWAITING).bind(handle.ident).bind(id.sender.as_str());
    let statement = statement.bind(i64::from(id.epoch)).bind(id.route.to_string());
    let row = statement.bind(big(id.sequence)).fetch_optional(&mut *conn).await?;
    row.as_ref().map(parcel).transpose()
}

async fn inbox_parcel(handle: &Handle, inbox_id: i64) -> Result<Option<InboxParcel>, StoreError> {
    let mut conn = handle.conn().await?;
    let statement = q(sql::INBOX_PARCEL).bind(handle.ident).bind(inbox_id);
    statement.fetch_optional(&mut *conn).await?.as_ref().map(parcel).transpose()
}

async fn submissions(handle: &Handle, roots: &[&str]) -> Result<Vec<Submission>, StoreError> {
    let mut conn = handle.conn().await?;
    let statement = q(sql::SUBMISSIONS).bind(handle.ident).bind(sorted(roots));
    let rows = statement.fetch_all(&mut *conn).await?;
    rows.iter().map(|row| outlet::submission(handle.words(), row)).collect()
}

async fn due(handle: &Handle, now: Millis, limit: u32) -> Result<Vec<Submission>, StoreError> {
    let mut conn = handle.conn().await?;
    let statement = q(sql::SUBMISSIONS_DUE).bind(handle.ident).bind(now.0).bind(i64::from(limit));
    let rows = statement.fetch_all(&mut *conn).await?;
    rows.iter().map(|row| outlet::submission(handle.words(), row)).collect()
}

async fn commit(
    handle: &Handle,
    lease: &Lease,
    done: &[Submitted],
    now: Millis,
) -> Result<(), StoreError> {
    let numbers = |n: fn(&Submitted) -> i64| done.iter().map(n).collect::<Vec<_>>();
    let answers = || done.iter().map(|d| d.answer.as_ref());
    let steps: Vec<i16> = done.iter().map(|d| d.step as i16).collect();
    let verdicts: Vec<Option<i16>> = answers().map(|a| a.map(|a| a.verdict as i16)).collect();
    let codes: Vec<Option<&str>> = answers().map(|a| a.map(|a| &*a.code)).collect();
    let said: Vec<Option<&str>> = answers().map(|a| a.map(|a| &*a.said)).collect();
    let at: Vec<Option<i64>> = answers().map(|a| a.map(|a| a.at.0)).collect();
    let mut txn = handle.begin(Some(lease), Some(now)).await?;
    let statement = q(sql::SUBMISSIONS_DONE).bind(handle.ident).bind(numbers(|d| d.inbox_id));
    let statement = statement.bind(numbers(|d| i64::from(d.position))).bind(steps);
    let statement = statement.bind(numbers(|d| i64::from(d.attempts)));
    let statement = statement.bind(numbers(|d| d.due_at.0)).bind(verdicts).bind(codes).bind(said);
    let changed = statement.bind(at).execute(&mut *txn).await?.rows_affected();
    if changed != done.len() as u64 {
        let detail = format!("{changed} of {} are here", done.len());
        return Err(StoreError::Conflict { what: "submission", detail });
    }
    txn.commit().await?;
    handle.barrier().await
}

async fn ripe(handle: &Handle, limit: u32) -> Result<Vec<InboxParcel>, StoreError> {
    let mut conn = handle.conn().await?;
    let statement = q(sql::RIPE).bind(handle.ident).bind(i64::from(limit));
    statement.fetch_all(&mut *conn).await?.iter().map(parcel).collect()
}

async fn status(handle: &Handle) -> Result<OutletStatus, StoreError> {
    let mut conn = handle.conn().await?;
    outlet::status(&q(sql::OUTLET_STATUS).bind(handle.ident).fetch_one(&mut *conn).await?)
}

impl OutletFacts for Handle {
    fn submit<'a>(&'a self, lease: &'a Lease, submit: Submit) -> StoreFuture<'a, ()> {
        fact!(self, submit => self::submit(self, lease, &submit))
    }

    fn awaiting<'a>(&'a self, id: &'a EnvelopeId) -> StoreFuture<'a, Option<InboxParcel>> {
        fact!(self, awaiting(self, id))
    }

    fn inbox_parcel(&self, inbox_id: i64) -> StoreFuture<'_, Option<InboxParcel>> {
        fact!(self, inbox_parcel(self, inbox_id))
    }

    fn submissions<'a>(&'a self, roots: &'a [&'a str]) -> StoreFuture<'a, Vec<Submission>> {
        fact!(self, submissions(self, roots))
    }

    fn submissions_due(&self, now: Millis, limit: u32) -> StoreFuture<'_, Vec<Submission>> {
        fact!(self, due(self, now, limit))
    }

    fn commit_submitted<'a>(
        &'a self,
        lease: &'a Lease,
        done: Vec<Submitted>,
        now: Millis,
    ) -> StoreFuture<'a, ()> {
        fact!(self, done => commit(self, lease, &done, now))
    }

    fn ripe(&self, limit: u32) -> StoreFuture<'_, Vec<InboxParcel>> {
        fact!(self, ripe(self, limit))
    }

    fn outlet_status(&self) -> StoreFuture<'_, OutletStatus> {
        fact!(self, status(self))
    }
}
