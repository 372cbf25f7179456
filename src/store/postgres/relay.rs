//! Relay: parcels for other nodes, their bytes untouched.

use canon::{EnvelopeId, Millis, NodeCode};
use sqlx::postgres::{PgConnection, PgRow};

use super::codec::{digest_in, digest_out};
use super::columns::lane_column;
use super::conn::{Columns, fit, q};
use super::handle::{Handle, IdColumns, Txn, drop_blob};
use super::seal::{learn_controls, put_controls};
use super::{inbox, sql};
use crate::error::StoreError;
use crate::types::*;

const STATES: [&str; 4] = ["due", "sent", "hop_receipted", "done"];

/// A relay row by the envelope's id.
pub(super) async fn row(
    handle: &Handle,
    conn: &mut PgConnection,
    id: IdColumns,
) -> Result<Option<PgRow>, StoreError> {
    Ok(id.bind(q(sql::RELAY).bind(handle.ident)).fetch_optional(conn).await?)
}

/// Learns the words of a relayed parcel.
pub(super) async fn learn(handle: &Handle, relayed: &Relayed) -> Result<(), StoreError> {
    handle.learn_id(&relayed.id).await?;
    let words = [&*relayed.kind, relayed.to.as_str(), &*relayed.from_link, &*relayed.link];
    handle.learn(&words).await?;
    learn_controls(handle, &relayed.controls).await
}

/// A parcel for another node.
pub(super) async fn commit(
    handle: &Handle,
    lease: &Lease,
    relayed: &Relayed,
) -> Result<(), StoreError> {
    learn(handle, relayed).await?;
    let number = handle.numbers(1).await?;
    let mut txn = handle.begin(Some(lease), Some(relayed.now)).await?;
    let arrived = inbox::take(handle, &mut txn, relayed.inbox_id).await?;
    let frame = inbox::move_frame(&mut txn, &arrived, &relayed.frame, number).await?;
    pass_on(handle, &mut txn, relayed, frame).await?;
    txn.commit().await
}

/// Writes the relay row, or makes the one that is there due again; `frame` is its own from now on.
pub(super) async fn pass_on(
    handle: &Handle,
    txn: &mut Txn<'_>,
    relayed: &Relayed,
    frame: i64,
) -> Result<(), StoreError> {
    let words = handle.words();
    let id = handle.known_id(&relayed.id)?;
    let now = txn.now.0;
    if let Some(known) = row(handle, txn, id).await? {
        if digest_in(known.blob(1)?)? != relayed.head_digest {
            let detail = format!("{} passed with another head", relayed.id);
            return Err(StoreError::Conflict { what: "envelope", detail });
        }
        // The first bytes stay while they are here.
        let kept = known.int_opt(5)?;
        if kept.is_some() {
            drop_blob(txn, Some(frame)).await?;
        }
        let statement = q(sql::RELAY_AGAIN).bind(known.int(0)?).bind(now);
        let statement = statement.bind(words.word(&relayed.link)?).bind(kept.unwrap_or(frame));
        statement.execute(&mut **txn).await?;
    } else {
        let statement = id.bind(q(sql::RELAY_ADD).bind(handle.ident));
        let statement = statement.bind(words.word(&relayed.kind)?);
        let statement = statement.bind(i64::from(&*relayed.kind == "records"));
        let lane = lane_of(&relayed.kind, &relayed.id.route);
        let statement = statement.bind(lane_column(lane)).bind(words.word(relayed.to.as_str())?);
        let statement = statement.bind(words.word(&relayed.from_link)?);
        let statement = statement.bind(words.word(&relayed.link)?);
        let statement = statement.bind(digest_out(&relayed.head_digest));
        let statement = statement.bind(i64::from(relayed.count));
        let statement = statement.bind(i64::from(relayed.verified));
        statement.bind(now).bind(frame).execute(&mut **txn).await?;
    }
    put_controls(handle, txn, &relayed.controls).await
}

/// The relay row of an envelope.
pub(super) async fn get(handle: &Handle, id: &EnvelopeId) -> Result<Option<RelayRow>, StoreError> {
    let Some(columns) = handle.find_id(id).await? else { return Ok(None) };
    let mut conn = handle.conn().await?;
    let Some(row) = row(handle, &mut conn, columns).await? else { return Ok(None) };
    Ok(Some(RelayRow {
        id: id.clone(),
        to: handle.words().node(row.int(8)?)?,
        link: handle.words().text(row.int(2)?)?,
        state: state(row.int(3)?)?.to_owned(),
        head_digest: digest_in(row.blob(1)?)?,
        at: Millis(row.int(9)?),
    }))
}

/// The word of a state column.
pub(super) fn state(n: i64) -> Result<&'static str, StoreError> {
    let at: usize = fit(n)?;
    let state = STATES.get(at).copied();
    state.ok_or_else(|| StoreError::Damaged(format!("relay state {n}")))
}

/// A hop receipt.
pub(super) async fn commit_hop(
    handle: &Handle,
    lease: &Lease,
    inbox_id: i64,
    id: &EnvelopeId,
    (by, stage, kept): (&NodeCode, &str, &Option<Stands>),
    now: Millis,
) -> Result<(), StoreError> {
    let columns = handle.find_id(id).await?;
    let mut txn = handle.begin(Some(lease), Some(now)).await?;
    super::standing::put_all(handle, &mut txn, kept.as_slice()).await?;
    inbox::throw_away(handle, &mut txn, inbox_id).await?;
    if let Some(columns) = columns {
        let relayed = columns.bind(q(sql::RELAY_HOP).bind(handle.ident));
        relayed.execute(&mut *txn).await?;
        if id.sender == handle.code {
            let IdColumns { epoch, route, sequence, .. } = columns;
            let own = q(sql::OWN_HOP).bind(handle.ident).bind(epoch).bind(route).bind(sequence);
            let now = txn.now.0;
            own.bind(format!("{by}: {stage}")).bind(now).execute(&mut *txn).await?;
        }
    }
    txn.commit().await
}

/// The destination's receipt for this envelope passed by.
pub(super) async fn done(handle: &Handle, id: &EnvelopeId, now: Millis) -> Result<(), StoreError> {
    let Some(columns) = handle.find_id(id).await? else { return Ok(()) };
    let mut txn = handle.begin(None, Some(now)).await?;
    let now = txn.now.0;
    let statement = columns.bind(q(sql::RELAY_DONE).bind(handle.ident));
    statement.bind(now).execute(&mut *txn).await?;
    txn.commit().await
}
