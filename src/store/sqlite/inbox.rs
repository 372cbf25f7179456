//! Receive: the inbox and who takes what out of it.

use canon::{EnvelopeId, Lane, Millis, NodeCode};
use sqlx::sqlite::{SqliteConnection, SqliteRow};

use super::codec::{digest_in, digest_out};
use super::conn::{Columns, big, json, len, q};
use super::handle::{Handle, drop_blob};
use super::sql;
use crate::error::StoreError;
use crate::types::*;

const fn class(which: InboxFor) -> i64 {
    match which {
        InboxFor::Accept => 0,
        InboxFor::Relay => 1,
        InboxFor::Settle => 2,
    }
}

/// Parcels of the bulk lane stand in classes of their own, behind the three: 3 accept, 4 relay.
const BULK: i64 = 3;

/// The class of parcels that wait for a platform: in no claim.
const AWAITING: i64 = 6;

/// Parcels into the inbox; one that waits there already is not added twice.
pub(super) async fn admit(
    handle: &Handle,
    parcels: Vec<Arrived>,
    now: Millis,
) -> Result<(), StoreError> {
    let mut writer = handle.writer().await;
    let (mut txn, now) = handle.begin(&mut writer, None, Some(now)).await?;
    for parcel in parcels {
        let digest = digest_out(&parcel.parcel);
        let which = match (parcel.to == handle.code, &*parcel.kind) {
            (false, _) => InboxFor::Relay,
            (true, "records") => InboxFor::Accept,
            (true, _) => InboxFor::Settle,
        };
        let bulk = which != InboxFor::Settle && parcel.id.route.lane == Lane::Bulk;
        let class = class(which) + if bulk { BULK } else { 0 };
        let statement = q(sql::INBOX_ADD).bind(handle.ident).bind(class);
        let statement = statement.bind(&*parcel.link).bind(parcel.from.as_str());
        let statement = statement.bind(parcel.id.sender.as_str()).bind(i64::from(parcel.id.epoch));
        let statement = statement.bind(parcel.id.route.to_string()).bind(big(parcel.id.sequence));
        let statement = statement.bind(&*parcel.kind).bind(parcel.to.as_str()).bind(digest);
        let statement = statement.bind(now.0).bind(handle.next_blob());
        statement.bind(parcel.frame.to_vec()).execute(&mut *txn).await?;
    }
    handle.commit(txn).await?;
    drop(writer);
    handle.barrier().await?;
    Ok(())
}

/// Reads a row of the inbox.
pub(super) fn parcel(row: &SqliteRow) -> Result<InboxParcel, StoreError> {
    let route = row.text(7)?.parse();
    let route = route.map_err(|e| StoreError::Damaged(format!("inbox row: {e}")))?;
    Ok(InboxParcel {
        inbox_id: row.int(0)?,
        tries: row.num::<u32>(1)? + 1,
        received_at: Millis(row.int(2)?),
        arrived: Arrived {
            link: row.text(3)?.into(),
            from: NodeCode(row.text(4)?.into()),
            id: EnvelopeId {
                sender: NodeCode(row.text(5)?.into()),
                epoch: row.num(6)?,
                route,
                sequence: row.num(8)?,
            },
            kind: row.text(9)?.into(),
            to: NodeCode(row.text(10)?.into()),
            parcel: digest_in(row.blob(11)?)?,
            frame: row.blob(12)?.into(),
        },
    })
}

/// Parcels in the inbox by sender.
pub(super) async fn depths(handle: &Handle) -> Result<Vec<(NodeCode, u64)>, StoreError> {
    let mut conn = handle.writer().await;
    let rows = q(sql::INBOX_DEPTHS).bind(handle.ident).fetch_all(&mut *conn).await?;
    rows.iter().map(|row| Ok((NodeCode(row.text(0)?.into()), row.num(1)?))).collect()
}

/// Claims inbox rows, senders in turn; `tries + 1` is committed before anything is given out.
pub(super) async fn claim(
    handle: &Handle,
    lease: &Lease,
    which: InboxFor,
    limit: u32,
    now: Millis,
) -> Result<Vec<InboxParcel>, StoreError> {
    handle.note(now);
    let mut writer = handle.writer().await;
    if !lease.slots.is_empty() {
        handle.all_good(&mut writer, lease).await?;
    }
    let mut rows = rows_of(handle, &mut writer, class(which), lease, i64::from(limit)).await?;
    let bulk = i64::from(limit).saturating_sub(len(rows.len())).min(i64::from(bulk_share(limit)));
    if bulk > 0 && which != InboxFor::Settle {
        let class = class(which) + BULK;
        rows.extend(rows_of(handle, &mut writer, class, lease, bulk).await?);
    }
    let lost = || StoreError::LeaseLost(lease.name.clone());
    if rows.is_empty() {
        handle.all_good(&mut writer, lease).await?;
        return Ok(Vec::new());
    }
    // The writer is ours: what was good above is good now.
    let (name, token) = lease.rows().next().ok_or_else(lost)?;
    let (name, token) = (&*name, big(token));
    let claimed = rows.iter().map(parcel).collect::<Result<Vec<_>, _>>()?;
    let numbers: Vec<i64> = claimed.iter().map(|p| p.inbox_id).collect();
    let statement = q(sql::INBOX_TRIED).bind(json(&numbers)?).bind(handle.ident);
    let tried = statement.bind(name).bind(token).execute(&mut *writer).await?;
    handle.committed();
    if tried.rows_affected() == 0 {
        return Err(lost());
    }
    Ok(claimed)
}

/// The first rows of a class whose senders a lease covers.
async fn rows_of(
    handle: &Handle,
    conn: &mut SqliteConnection,
    class: i64,
    lease: &Lease,
    limit: i64,
) -> Result<Vec<SqliteRow>, StoreError> {
    if lease.slots.is_empty() {
        let rows = q(sql::INBOX_CLAIM).bind(handle.ident).bind(class).bind(limit);
        return Ok(rows.fetch_all(conn).await?);
    }
    let slots = lease.covers();
    let mut of = Vec::new();
    let senders = q(sql::INBOX_SENDERS).bind(handle.ident).bind(class);
    for row in senders.fetch_all(&mut *conn).await? {
        let sender = NodeCode(row.text(0)?.into());
        if slots.has(slot_of_sender(&sender)) {
            of.push(sender.as_str().to_owned());
        }
    }
    let rows = q(sql::INBOX_CLAIM_OF).bind(handle.ident).bind(class).bind(json(&of)?);
    Ok(rows.bind(limit).fetch_all(conn).await?)
}

/// Takes an inbox row out; gives back its frame's number, which the caller moves or drops.
pub(super) async fn consume(
    handle: &Handle,
    txn: &mut SqliteConnection,
    inbox_id: i64,
) -> Result<i64, StoreError> {
    take(handle, txn, inbox_id).await?.int(0)
}

/// Takes an inbox row out: frame, link, sender, epoch, route, sequence, length of the frame.
pub(super) async fn take(
    handle: &Handle,
    txn: &mut SqliteConnection,
    inbox_id: i64,
) -> Result<SqliteRow, StoreError> {
    let row =
        q(sql::INBOX_TAKE).bind(handle.ident).bind(inbox_id).fetch_optional(&mut *txn).await?;
    let detail = || format!("row {inbox_id} is gone");
    let row = row.ok_or_else(|| StoreError::Conflict { what: "inbox", detail: detail() })?;
    if row.int(7)? == AWAITING {
        q(sql::SUBMISSIONS_DROP).bind(inbox_id).execute(txn).await?;
    }
    Ok(row)
}

/// The bytes of a fact that came as this inbox row: its frame is moved, not copied, unless the
/// fact brings other bytes.
pub(super) async fn move_frame(
    handle: &Handle,
    txn: &mut SqliteConnection,
    arrived: &SqliteRow,
    bytes: &[u8],
) -> Result<i64, StoreError> {
    let frame = arrived.int(0)?;
    if arrived.int_opt(6)? == Some(len(bytes.len())) {
        return Ok(frame);
    }
    drop_blob(txn, Some(frame)).await?;
    handle.put_blob(txn, bytes.to_vec()).await
}

/// Consumes an inbox row without any other effect.
pub(super) async fn discard(
    handle: &Handle,
    lease: &Lease,
    inbox_id: i64,
) -> Result<(), StoreError> {
    let mut writer = handle.writer().await;
    let (mut txn, _) = handle.begin(&mut writer, Some(lease), None).await?;
    let frame = consume(handle, &mut txn, inbox_id).await?;
    drop_blob(&mut txn, Some(frame)).await?;
    handle.commit(txn).await?;
    Ok(())
}
