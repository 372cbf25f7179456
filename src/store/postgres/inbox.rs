//! Receive: the inbox and who takes what out of it.

use canon::{EnvelopeId, Lane, Millis, NodeCode};
use sqlx::postgres::{PgConnection, PgRow};

use super::codec::{digest_in, digest_out};
use super::conn::{Columns, big, len, q};
use super::handle::{Handle, drop_blob, put_blob};
use super::sql;
use crate::error::StoreError;
use crate::types::*;

/// Parcels of the bulk lane stand in classes of their own, behind the three: 3 accept, 4 relay.
const BULK: i16 = 3;

/// The class of parcels that wait for a platform: in no claim.
const AWAITING: i64 = 6;

const fn class(which: InboxFor) -> i16 {
    match which {
        InboxFor::Accept => 0,
        InboxFor::Relay => 1,
        InboxFor::Settle => 2,
    }
}

fn class_of(handle: &Handle, parcel: &Arrived) -> i16 {
    let which = match (parcel.to == handle.code, &*parcel.kind) {
        (false, _) => InboxFor::Relay,
        (true, "records") => InboxFor::Accept,
        (true, _) => InboxFor::Settle,
    };
    let bulk = which != InboxFor::Settle && parcel.id.route.lane == Lane::Bulk;
    class(which) + if bulk { BULK } else { 0 }
}

/// Parcels into the inbox; one that waits there already is not added twice. On the disk before the
/// carrier hears of it.
pub(super) async fn admit(
    handle: &Handle,
    parcels: &[Arrived],
    now: Millis,
) -> Result<(), StoreError> {
    if parcels.is_empty() {
        return Ok(());
    }
    let frames = handle.numbers(parcels.len()).await?;
    let texts = |text: fn(&Arrived) -> &str| parcels.iter().map(text).collect::<Vec<&str>>();
    let classes: Vec<i16> = parcels.iter().map(|p| class_of(handle, p)).collect();
    let epochs: Vec<i64> = parcels.iter().map(|p| i64::from(p.id.epoch)).collect();
    let routes: Vec<String> = parcels.iter().map(|p| p.id.route.to_string()).collect();
    let sequences: Vec<i64> = parcels.iter().map(|p| big(p.id.sequence)).collect();
    let digests: Vec<Vec<u8>> = parcels.iter().map(|p| digest_out(&p.parcel)).collect();
    let numbers: Vec<i64> = (frames..).take(parcels.len()).collect();
    let slots: Vec<i16> = parcels.iter().map(|p| i16::from(slot_of_sender(&p.id.sender))).collect();
    let bytes: Vec<&[u8]> = parcels.iter().map(|p| &*p.frame).collect();
    let mut txn = handle.begin(None, Some(now)).await?;
    let statement = q(sql::INBOX_ADD).bind(handle.ident).bind(txn.now.0).bind(classes);
    let statement = statement.bind(texts(|p| &p.link)).bind(texts(|p| p.from.as_str()));
    let statement = statement.bind(texts(|p| p.id.sender.as_str())).bind(epochs).bind(routes);
    let statement = statement.bind(sequences).bind(texts(|p| &p.kind));
    let statement = statement.bind(texts(|p| p.to.as_str())).bind(digests).bind(numbers);
    statement.bind(slots).bind(bytes).execute(&mut *txn).await?;
    txn.commit().await?;
    handle.barrier().await
}

/// Parcels in the inbox by sender.
pub(super) async fn depths(handle: &Handle) -> Result<Vec<(NodeCode, u64)>, StoreError> {
    let mut conn = handle.conn().await?;
    let rows = q(sql::INBOX_DEPTHS).bind(handle.ident).fetch_all(&mut *conn).await?;
    rows.iter().map(|row| Ok((NodeCode(row.text(0)?.into()), row.num(1)?))).collect()
}

/// Reads a row of the inbox.
pub(super) fn parcel(row: &PgRow) -> Result<InboxParcel, StoreError> {
    let route = row.text(8)?.parse();
    let route = route.map_err(|e| StoreError::Damaged(format!("inbox row: {e}")))?;
    Ok(InboxParcel {
        inbox_id: row.int(1)?,
        tries: row.num(2)?,
        received_at: Millis(row.int(3)?),
        arrived: Arrived {
            link: row.text(4)?.into(),
            from: NodeCode(row.text(5)?.into()),
            id: EnvelopeId {
                sender: NodeCode(row.text(6)?.into()),
                epoch: row.num(7)?,
                route,
                sequence: row.num(9)?,
            },
            kind: row.text(10)?.into(),
            to: NodeCode(row.text(11)?.into()),
            parcel: digest_in(row.blob(12)?)?,
            frame: row.blob(13)?.into(),
        },
    })
}

/// Claims inbox rows, senders in turn; `tries + 1` is committed before anything is given out. One
/// statement, outside the turn: who else may claim these rows has no lease on their slots.
pub(super) async fn claim(
    handle: &Handle,
    lease: &Lease,
    which: InboxFor,
    limit: u32,
    now: Millis,
) -> Result<Vec<InboxParcel>, StoreError> {
    handle.note(now);
    let mut classes = vec![class(which)];
    if which != InboxFor::Settle {
        classes.push(class(which) + BULK);
    }
    let covers = lease.covers().each().fold(0_i64, |mask, slot| mask | 1 << slot);
    let (names, tokens): (Vec<String>, Vec<i64>) =
        lease.rows().map(|(name, token)| (name.into_owned(), big(token))).unzip();
    let mut conn = handle.conn().await?;
    let statement = q(sql::INBOX_CLAIM).bind(handle.ident).bind(classes).bind(covers);
    let statement = statement.bind(i64::from(limit)).bind(class(which));
    let statement = statement.bind(i64::from(bulk_share(limit))).bind(names).bind(tokens);
    let rows = statement.fetch_all(&mut *conn).await?;
    let mut claimed = Vec::with_capacity(rows.len());
    for row in &rows {
        if row.int(0)? == 0 {
            return Err(StoreError::LeaseLost(lease.name.clone()));
        }
        if row.int_opt(1)?.is_some() {
            claimed.push(parcel(row)?);
        }
    }
    Ok(claimed)
}

/// Takes an inbox row out; gives back its frame's number, which the caller moves or drops.
pub(super) async fn consume(
    handle: &Handle,
    txn: &mut PgConnection,
    inbox_id: i64,
) -> Result<i64, StoreError> {
    take(handle, txn, inbox_id).await?.int(0)
}

/// Takes an inbox row out with its frame.
pub(super) async fn throw_away(
    handle: &Handle,
    txn: &mut PgConnection,
    inbox_id: i64,
) -> Result<(), StoreError> {
    let frame = consume(handle, txn, inbox_id).await?;
    drop_blob(txn, Some(frame)).await
}

/// Takes an inbox row out: frame, link, sender, epoch, route, sequence, length of the frame.
pub(super) async fn take(
    handle: &Handle,
    txn: &mut PgConnection,
    inbox_id: i64,
) -> Result<PgRow, StoreError> {
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
/// fact brings other bytes, which go under `number`.
pub(super) async fn move_frame(
    txn: &mut PgConnection,
    arrived: &PgRow,
    bytes: &[u8],
    number: i64,
) -> Result<i64, StoreError> {
    let frame = arrived.int(0)?;
    if arrived.int_opt(6)? == Some(len(bytes.len())) {
        return Ok(frame);
    }
    drop_blob(txn, Some(frame)).await?;
    put_blob(txn, number, bytes).await?;
    Ok(number)
}

/// Consumes an inbox row without any other effect.
pub(super) async fn discard(
    handle: &Handle,
    lease: &Lease,
    inbox_id: i64,
) -> Result<(), StoreError> {
    let mut txn = handle.begin(Some(lease), None).await?;
    throw_away(handle, &mut txn, inbox_id).await?;
    txn.commit().await
}
