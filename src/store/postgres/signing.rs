//! Around signing: what is numbered and not sealed yet, and the frames once they are signed.

use canon::Millis;
use sqlx::postgres::PgConnection;

use super::codec::{Entries, digest_out};
use super::conn::{Columns, len, q};
use super::handle::Handle;
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
    let mut conn = handle.conn().await?;
    let mut routes = None;
    if slots != Slots::ALL {
        let mut of = Vec::new();
        for row in q(sql::NUMBERED_ROUTES).bind(handle.ident).fetch_all(&mut *conn).await? {
            let word = row.int(0)?;
            if slots.has(slot_of_route(&handle.words().route(word)?)) {
                of.push(word);
            }
        }
        routes = Some(of);
    }
    let rows = q(sql::NUMBERED).bind(handle.ident).bind(i64::from(limit)).bind(routes);
    let mut numbered = Vec::new();
    for row in rows.fetch_all(&mut *conn).await? {
        let envelope = row.int(0)?;
        let body = if row.int(1)? == 1 {
            fragments(&mut conn, envelope).await?
        } else {
            let body = q(sql::CONTROL_BODY).bind(envelope).fetch_optional(&mut *conn).await?;
            body.map(|row| row.blob(0).map(<[u8]>::to_vec)).transpose()?
        };
        // Another process sealed it meanwhile.
        let (Some(body), Some(head)) = (body, row.blob_opt(2)?) else { continue };
        numbered.push(Numbered { id: handle.read_own_id(&row, 3)?, head: head.to_vec(), body });
    }
    Ok(numbered)
}

/// Fragments of an envelope, if it is not sealed yet.
async fn fragments(conn: &mut PgConnection, envelope: i64) -> Result<Option<Vec<u8>>, StoreError> {
    let mut body = Vec::new();
    for row in q(sql::FRAGMENTS_OF).bind(envelope).fetch_all(conn).await? {
        let (first, count): (usize, usize) = (row.num(0)?, row.num(1)?);
        let Some(bytes) = row.blob_opt(3)? else { return Ok(None) };
        let (mut from, mut to) = (0, 0);
        for (i, entry) in Entries::new(row.blob(2)?).enumerate().take(first + count) {
            to += entry?.len as usize;
            if i + 1 == first {
                from = to;
            }
        }
        let cut = || StoreError::Damaged("a chunk is cut short".to_owned());
        body.extend_from_slice(bytes.get(from..to).ok_or_else(cut)?);
    }
    Ok(Some(body))
}

/// Stores frames; a chunk's fragments go with its last record.
pub(super) async fn sealed(
    handle: &Handle,
    lease: &Lease,
    sealed: &[Sealed],
    now: Millis,
) -> Result<(), StoreError> {
    let (mut routes, mut epochs, mut sequences) = (Vec::new(), Vec::new(), Vec::new());
    for one in sealed {
        let missing = || conflict("signature", format!("{} is not numbered", one.id));
        let own = handle.find_id(&one.id).await?.filter(|_| one.id.sender == handle.code);
        let own = own.ok_or_else(missing)?;
        routes.push(own.route);
        epochs.push(own.epoch);
        sequences.push(own.sequence);
    }
    let first = handle.numbers(sealed.len()).await?;
    let frames: Vec<i64> = (first..).take(sealed.len()).collect();
    let bytes: Vec<&[u8]> = sealed.iter().map(|one| &*one.frame).collect();
    let mut txn = handle.begin(Some(lease), Some(now)).await?;
    let statement = q(sql::ENVELOPES_SEALED).bind(handle.ident).bind(txn.now.0).bind(routes);
    let statement = statement.bind(epochs).bind(sequences).bind(frames).bind(bytes);
    let heads: Vec<_> = sealed.iter().map(|one| one.head.as_ref().map(digest_out)).collect();
    let statement = statement.bind(heads);
    let stored = statement.fetch_one(&mut *txn).await?.int(0)?;
    if stored != len(sealed.len()) {
        let detail = format!("{stored} of {} are numbered", sealed.len());
        return Err(conflict("signature", detail));
    }
    txn.commit().await
}
