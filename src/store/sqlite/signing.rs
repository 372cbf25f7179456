//! Around signing: what is numbered and not sealed yet, and the frames once they are signed.

use canon::Millis;
use sqlx::sqlite::SqliteConnection;

use super::codec::{Entries, digest_out};
use super::conn::{Columns, q};
use super::handle::{Handle, blob};
use super::sql;
use crate::error::StoreError;
use crate::error::conflict;
use crate::types::*;

/// Envelopes numbered and not sealed, with all that signing needs.
pub(super) async fn numbered(
    handle: &Handle,
    slots: Slots,
    limit: u32,
) -> Result<Vec<Numbered>, StoreError> {
    let mut conn = handle.writer().await;
    let rows = if slots == Slots::ALL { i64::from(limit) } else { i64::MAX };
    let rows = q(sql::NUMBERED).bind(handle.ident).bind(rows);
    let mut numbered = Vec::new();
    for row in rows.fetch_all(&mut *conn).await? {
        let id = handle.read_own_id(&row, 3)?;
        if numbered.len() == limit as usize {
            break;
        }
        if !slots.has(slot_of_route(&id.route)) {
            continue;
        }
        let body = if row.int(1)? == 1 {
            fragments(&mut conn, row.int(0)?).await?
        } else {
            let body = q(sql::CONTROL_BODY).bind(row.int(0)?).fetch_one(&mut *conn).await?;
            body.blob(0)?.to_vec()
        };
        numbered.push(Numbered { id, head: blob(&mut conn, row.int(2)?).await?, body });
    }
    Ok(numbered)
}

/// Fragments of an envelope that is not sealed yet.
async fn fragments(conn: &mut SqliteConnection, envelope: i64) -> Result<Vec<u8>, StoreError> {
    let mut body = Vec::new();
    for row in q(sql::STRETCHES_OF).bind(envelope).fetch_all(&mut *conn).await? {
        let (first, count): (usize, usize) = (row.num(1)?, row.num(2)?);
        let entries = blob(conn, row.int(3)?).await?;
        let gone = || StoreError::Damaged("an unsealed chunk lost its fragments".to_owned());
        let bytes = blob(conn, row.int_opt(4)?.ok_or_else(gone)?).await?;
        let (mut from, mut to) = (0, 0);
        for (i, entry) in Entries::new(&entries).enumerate().take(first + count) {
            to += entry?.len as usize;
            if i + 1 == first {
                from = to;
            }
        }
        body.extend_from_slice(bytes.get(from..to).ok_or_else(gone)?);
    }
    Ok(body)
}

/// Stores frames; a chunk's fragments go with its last record.
pub(super) async fn sealed(
    handle: &Handle,
    lease: &Lease,
    sealed: Vec<Sealed>,
    now: Millis,
) -> Result<(), StoreError> {
    let mut writer = handle.writer().await;
    let (mut txn, now) = handle.begin(&mut writer, Some(lease), Some(now)).await?;
    for one in sealed {
        let missing = || conflict("signature", format!("{} is not numbered", one.id));
        let own = handle.find_id(&one.id).filter(|_| one.id.sender == handle.code);
        let own = own.ok_or_else(missing)?;
        let frame = handle.next_blob();
        let statement = q(sql::ENVELOPE_SEALED).bind(handle.ident).bind(own.route).bind(own.epoch);
        let statement = statement.bind(own.sequence).bind(now.0).bind(frame);
        let statement = statement.bind(one.head.as_ref().map(digest_out));
        let row = statement.fetch_optional(&mut *txn).await?.ok_or_else(missing)?;
        let text = if row.int(1)? == 1 { sql::RECORDS_SEALED } else { sql::CONTROL_SEALED };
        let statement = q(text).bind(row.int(0)?).bind(frame).bind(one.frame.to_vec());
        statement.execute(&mut *txn).await?;
    }
    handle.commit(txn).await?;
    Ok(())
}
