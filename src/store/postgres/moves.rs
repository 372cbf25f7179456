//! An own envelope's row, and every change of its state.

use canon::{Day, EnvelopeId, Millis};
use sqlx::postgres::{PgConnection, PgRow};

use super::codec::{digest_in, kinds_in};
use super::columns::{envelope_place, state, state_column};
use super::conn::{Columns, big, changed, q};
use super::handle::Handle;
use super::sql;
use super::tally::{Line, Tallies};
use crate::error::StoreError;
use crate::lifecycle::OutState;
use crate::types::*;

/// An own envelope's row by its id, whose words are known (others' are never own).
pub(super) async fn own_row(
    handle: &Handle,
    conn: &mut PgConnection,
    id: &EnvelopeId,
) -> Result<Option<PgRow>, StoreError> {
    if id.sender != handle.code {
        return Ok(None);
    }
    let Some(route) = handle.words().find(&id.route.to_string()) else { return Ok(None) };
    let statement = q(sql::ENVELOPE).bind(handle.ident).bind(route).bind(i64::from(id.epoch));
    Ok(statement.bind(big(id.sequence)).fetch_optional(conn).await?)
}

/// What a change of state needs of an envelope's row.
pub(super) struct Own {
    /// Number.
    pub(super) envelope: i64,
    /// State.
    pub(super) state: OutState,
    /// Whether it carries records.
    pub(super) records: bool,
    /// Word of the link.
    pub(super) link: i64,
    /// Window day.
    pub(super) day: Day,
    /// Word of the route.
    pub(super) route: i64,
    /// Attempts so far.
    pub(super) attempts: i64,
    kinds: Vec<super::codec::Kinds>,
}

impl Own {
    /// Out of a row as [`own_row`] gives it.
    pub(super) fn read(row: &PgRow) -> Result<Self, StoreError> {
        Ok(Self {
            envelope: row.int(0)?,
            state: state(row.int(1)?)?,
            records: row.int(2)? == 1,
            link: row.int(4)?,
            day: Day(row.num(5)?),
            route: row.int(6)?,
            kinds: kinds_in(row.blob(8)?)?,
            attempts: row.int(14)?,
        })
    }
}

/// Reads an own envelope.
pub(super) fn envelope(handle: &Handle, row: &PgRow) -> Result<OutEnvelope, StoreError> {
    let route = handle.words().route(row.int(6)?)?;
    Ok(OutEnvelope {
        id: EnvelopeId {
            sender: handle.code.clone(),
            epoch: row.num(9)?,
            route,
            sequence: row.num(10)?,
        },
        kind: handle.words().text(row.int(11)?)?,
        state: state(row.int(1)?)?,
        day: Day(row.num(5)?),
        link: handle.words().text(row.int(4)?)?,
        head_digest: digest_in(row.blob(12)?)?,
        root: digest_in(row.blob(13)?)?,
        count: row.num(7)?,
        attempts: row.num(14)?,
        refusals: row.num(15)?,
        numbered_at: Millis(row.int(16)?),
        sent_at: row.int_opt(17)?.map(Millis),
        due_at: row.int_opt(18)?.map(Millis),
        reason: row.text_opt(19)?.map(str::to_owned),
        hop: row.text_opt(20)?.map(str::to_owned),
    })
}

/// A change of an own envelope.
#[derive(Default)]
pub(super) struct Move {
    /// Next attempt or inquiry; none once nothing more is due.
    pub(super) due_at: Option<Millis>,
    /// Why.
    pub(super) reason: Option<String>,
    /// When the carrier confirmed it.
    pub(super) sent_at: Option<Millis>,
    /// Attempts more.
    pub(super) attempts: i64,
    /// Refusals more; below 0: none any more.
    pub(super) refusals: i64,
    /// Blob of its receipt.
    pub(super) receipt: Option<i64>,
}

/// Changes of envelopes, written in one statement.
#[derive(Default)]
pub(super) struct Moves {
    envelopes: Vec<i64>,
    states: Vec<i64>,
    due: Vec<Option<i64>>,
    reasons: Vec<Option<String>>,
    ended: Vec<Option<i64>>,
    sent: Vec<Option<i64>>,
    attempts: Vec<i64>,
    refusals: Vec<i64>,
    receipts: Vec<Option<i64>>,
}

impl Moves {
    /// Moves an envelope, with the records that follow it.
    pub(super) fn add(
        &mut self,
        handle: &Handle,
        tallies: &mut Tallies,
        own: &Own,
        next: OutState,
        how: Move,
        now: Millis,
    ) -> Result<(), StoreError> {
        let (from, to) = (envelope_place(own.state), envelope_place(next));
        if from != to {
            for ((epoch, kind), count) in &own.kinds {
                let line = Line::own(handle.words(), own.day, (own.route, *epoch), *kind)?;
                tallies.shift(line, from, to, *count);
            }
        }
        let ended = next.is_final() || next == OutState::Dead;
        self.envelopes.push(own.envelope);
        self.states.push(state_column(next));
        self.due.push(how.due_at.filter(|_| !next.is_final()).map(|t| t.0));
        self.reasons.push(how.reason);
        self.ended.push(ended.then_some(now.0));
        self.sent.push(how.sent_at.map(|t| t.0));
        self.attempts.push(how.attempts);
        self.refusals.push(how.refusals);
        self.receipts.push(how.receipt);
        Ok(())
    }

    /// Writes them.
    pub(super) async fn write(self, txn: &mut PgConnection) -> Result<(), StoreError> {
        if self.envelopes.is_empty() {
            return Ok(());
        }
        let expected = self.envelopes.len() as u64;
        let statement = q(sql::ENVELOPES_MOVE).bind(self.envelopes).bind(self.states);
        let statement = statement.bind(self.due).bind(self.reasons).bind(self.ended);
        let statement = statement.bind(self.sent).bind(self.attempts).bind(self.refusals);
        let done = statement.bind(self.receipts).execute(txn).await?;
        changed("envelope", expected, done.rows_affected())
    }
}
