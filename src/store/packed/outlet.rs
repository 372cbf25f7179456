//! Records on their way through an outlet, out of rows.

use canon::{EnvelopeId, Millis, NodeCode};

use super::codec::digest_in;
use super::columns::fit;
use super::row::{self, Columns};
use super::words::Words;
use crate::error::StoreError;
use crate::types::*;

/// Columns of a submission and of its envelope, in the order that [`submission`] reads.
macro_rules! columns {
    () => {
        "s.inbox, s.position, s.root, s.kind, s.part, s.version, s.digest, s.facts, s.message, \
         s.step, s.after_inbox, s.after_position, s.attempts, s.due, s.verdict, s.code, s.said, \
         s.said_at, i.sender, i.epoch, i.route, i.sequence, s.turn"
    };
}
pub(crate) use columns;

/// Waiting envelopes that may go on; needs `i` (inbox).
macro_rules! ripe {
    () => {
        "(EXISTS (SELECT 1 FROM submission s WHERE s.inbox = i.inbox AND s.step = 0 \
         AND NOT EXISTS (SELECT 1 FROM submission o WHERE o.inbox = s.after_inbox \
         AND o.position = s.after_position AND o.step <> 3)) \
         OR NOT EXISTS (SELECT 1 FROM submission s WHERE s.inbox = i.inbox AND (s.step <> 3 \
         OR (s.after_inbox <> i.inbox AND EXISTS (SELECT 1 FROM submission o \
         WHERE o.inbox = s.after_inbox AND o.position = s.after_position)))))"
    };
}
pub(crate) use ripe;

/// Reads a submission.
pub(crate) fn submission(words: &Words, row: &impl Columns) -> Result<Submission, StoreError> {
    let route = row.text(20)?.parse();
    let route = route.map_err(|e| StoreError::Damaged(format!("inbox row: {e}")))?;
    let after = row.int_opt(10)?.zip(row.int_opt(11)?);
    let step = row.num::<usize>(9)?;
    let damaged = |what: &str| StoreError::Damaged(format!("submission: {what}"));
    let answer = match row.int_opt(14)? {
        None => None,
        Some(verdict) => {
            let verdict = Verdict::ALL.get(fit::<usize>(verdict)?).copied();
            Some(PlatformAnswer {
                verdict: verdict.ok_or_else(|| damaged("verdict"))?,
                code: row.text_opt(15)?.unwrap_or_default().to_owned(),
                said: row.text_opt(16)?.unwrap_or_default().to_owned(),
                at: Millis(row.int_opt(17)?.unwrap_or_default()),
            })
        }
    };
    Ok(Submission {
        inbox_id: row.int(0)?,
        turn: row.int(22)?,
        position: row.num(1)?,
        id: row::record_id(words, row, 2)?,
        digest: digest_in(row.blob(6)?)?,
        facts: row.text(7)?.into(),
        message: row.text(8)?.to_owned(),
        step: SubmissionStep::ALL.get(step).copied().ok_or_else(|| damaged("step"))?,
        after: after.map(|(inbox, at)| Ok::<_, StoreError>((inbox, fit(at)?))).transpose()?,
        attempts: row.num(12)?,
        due_at: Millis(row.int(13)?),
        answer,
        envelope: EnvelopeId {
            sender: NodeCode(row.text(18)?.into()),
            epoch: row.num(19)?,
            route,
            sequence: row.num(21)?,
        },
    })
}

/// Reads what waits: envelopes, oldest, records by step.
pub(crate) fn status(row: &impl Columns) -> Result<OutletStatus, StoreError> {
    let mut status = OutletStatus {
        envelopes: row.num(0)?,
        oldest: row.int_opt(1)?.map(Millis),
        ..OutletStatus::default()
    };
    for (at, step) in status.steps.iter_mut().enumerate() {
        *step = row.num(2 + at)?;
    }
    Ok(status)
}
