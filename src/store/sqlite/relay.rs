//! Relay: parcels for other nodes, their bytes untouched.

use canon::{EnvelopeId, Millis, NodeCode};
use sqlx::sqlite::{SqliteConnection, SqliteRow};

use super::codec::{digest_in, digest_out};
use super::conn::{Columns, q};
use super::handle::{Handle, drop_blob};
use super::inbox;
use super::seal::{lane_column, learn_controls, put_controls};
use super::sql;
use crate::error::StoreError;
use crate::types::*;

/// Due at its link.
pub(super) const DUE: i64 = 0;
/// The carrier confirmed it.
pub(super) const SENT: i64 = 1;
/// Done: the destination's receipt passed, or nothing more will come.
pub(super) const DONE: i64 = 3;
const STATES: [&str; 4] = ["due", "sent", "hop_receipted", "done"];

/// A relay row by the envelope's id.
pub(super) async fn row(
    handle: &Handle,
    conn: &mut SqliteConnection,
    id: &EnvelopeId,
) -> Result<Option<SqliteRow>, StoreError> {
    let Some(columns) = handle.find_id(id) else { return Ok(None) };
    Ok(columns.bind(q(sql::RELAY).bind(handle.ident)).fetch_optional(conn).await?)
}

/// Learns the words of a relayed parcel.
pub(super) async fn learn(
    handle: &Handle,
    writer: &mut SqliteConnection,
    relayed: &Relayed,
) -> Result<(), StoreError> {
    handle.learn_id(writer, &relayed.id).await?;
    let words = [&*relayed.kind, relayed.to.as_str(), &*relayed.from_link, &*relayed.link];
    handle.words().learn(writer, &words).await?;
    learn_controls(handle, writer, &relayed.controls).await
}

/// A parcel for another node.
pub(super) async fn commit(
    handle: &Handle,
    lease: &Lease,
    relayed: Relayed,
) -> Result<(), StoreError> {
    let mut writer = handle.writer().await;
    learn(handle, &mut writer, &relayed).await?;
    let (mut txn, now) = handle.begin(&mut writer, Some(lease), Some(relayed.now)).await?;
    let arrived = inbox::take(handle, &mut txn, relayed.inbox_id).await?;
    let frame = inbox::move_frame(handle, &mut txn, &arrived, &relayed.frame).await?;
    pass_on(handle, &mut txn, &relayed, frame, now).await?;
    handle.commit(txn).await?;
    Ok(())
}

/// Writes the relay row, or makes the one that is there due again; `frame` is its own from now on.
pub(super) async fn pass_on(
    handle: &Handle,
    txn: &mut SqliteConnection,
    relayed: &Relayed,
    frame: i64,
    now: Millis,
) -> Result<(), StoreError> {
    let words = handle.words();
    if let Some(known) = row(handle, txn, &relayed.id).await? {
        if digest_in(known.blob(1)?)? != relayed.head_digest {
            let detail = format!("{} passed with another head", relayed.id);
            return Err(StoreError::Conflict { what: "envelope", detail });
        }
        // The first bytes stay while they are here.
        let kept = known.int_opt(5)?;
        if kept.is_some() {
            drop_blob(txn, Some(frame)).await?;
        }
        let statement = q(sql::RELAY_AGAIN).bind(known.int(0)?).bind(now.0);
        let statement = statement.bind(words.word(&relayed.link)?).bind(kept.unwrap_or(frame));
        statement.execute(&mut *txn).await?;
    } else {
        let detail = || StoreError::Damaged(format!("{}: no words", relayed.id));
        let id = handle.find_id(&relayed.id).ok_or_else(detail)?;
        let statement = id.bind(q(sql::RELAY_ADD).bind(handle.ident));
        let statement = statement.bind(words.word(&relayed.kind)?);
        let statement = statement.bind(&*relayed.kind == "records");
        let lane = lane_of(&relayed.kind, &relayed.id.route);
        let statement = statement.bind(lane_column(lane)).bind(words.word(relayed.to.as_str())?);
        let statement = statement.bind(words.word(&relayed.from_link)?);
        let statement = statement.bind(words.word(&relayed.link)?);
        let statement = statement.bind(digest_out(&relayed.head_digest));
        let statement = statement.bind(i64::from(relayed.count)).bind(relayed.verified);
        statement.bind(now.0).bind(frame).execute(&mut *txn).await?;
    }
    put_controls(handle, txn, &relayed.controls).await
}

/// The relay row of an envelope.
pub(super) async fn get(handle: &Handle, id: &EnvelopeId) -> Result<Option<RelayRow>, StoreError> {
    let mut conn = handle.writer().await;
    let Some(row) = row(handle, &mut conn, id).await? else { return Ok(None) };
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
    let at: usize = super::conn::fit(n)?;
    let state = STATES.get(at).copied();
    state.ok_or_else(|| StoreError::Damaged(format!("relay state {n}")))
}

/// A hop receipt.
pub(super) async fn commit_hop(
    handle: &Handle,
    lease: &Lease,
    inbox_id: i64,
    id: &EnvelopeId,
    (by, stage, kept): (&NodeCode, &str, Option<Stands>),
    now: Millis,
) -> Result<(), StoreError> {
    let mut writer = handle.writer().await;
    let (mut txn, now) = handle.begin(&mut writer, Some(lease), Some(now)).await?;
    super::standing::put(handle, &mut txn, kept.as_slice(), now).await?;
    let frame = inbox::consume(handle, &mut txn, inbox_id).await?;
    drop_blob(&mut txn, Some(frame)).await?;
    if let Some(relay) = row(handle, &mut txn, id).await? {
        q(sql::RELAY_HOP).bind(relay.int(0)?).execute(&mut *txn).await?;
    }
    if let Some(own) = super::dispatch::own_row(handle, &mut txn, id).await? {
        let statement = q(sql::ENVELOPE_HOP).bind(own.int(0)?).bind(format!("{by}: {stage}"));
        statement.bind(now.0).execute(&mut *txn).await?;
    }
    handle.commit(txn).await?;
    Ok(())
}

/// The destination's receipt for this envelope passed by.
pub(super) async fn done(handle: &Handle, id: &EnvelopeId, now: Millis) -> Result<(), StoreError> {
    let mut writer = handle.writer().await;
    let Some(relay) = row(handle, &mut writer, id).await? else { return Ok(()) };
    let (mut txn, now) = handle.begin(&mut writer, None, Some(now)).await?;
    q(sql::RELAY_DONE).bind(relay.int(0)?).bind(now.0).execute(&mut *txn).await?;
    handle.commit(txn).await?;
    Ok(())
}
