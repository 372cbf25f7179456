//! Steps of a case's way, out of rows.

use canon::{EnvelopeId, Key, Millis};

use super::columns::state;
use super::row::{self, Columns};
use super::words::Words;
use crate::error::StoreError;
use crate::lifecycle::OutState;
use crate::types::*;

/// One step, without detail.
pub(crate) fn step(
    at: Millis,
    record: &str,
    what: &str,
    envelope: Option<&EnvelopeId>,
) -> TraceStep {
    TraceStep {
        at,
        record: record.to_owned(),
        destination: None,
        what: what.to_owned(),
        envelope: envelope.map(ToString::to_string),
        detail: String::new(),
    }
}

/// Between what the roots of a case number lie, whatever its namespace: every root up to and including
/// the `@`, before the next character.
pub(crate) fn bounds(number: &str) -> (String, String) {
    let from = Key::new("", &[number]).root().to_owned();
    let to = format!("{}A", from.trim_end_matches('@'));
    (from, to)
}

/// A text as it stands inside a JSON text.
pub(crate) fn written(text: &str) -> Result<String, StoreError> {
    let written = serde_json::to_string(text).map_err(|e| StoreError::Damaged(e.to_string()))?;
    Ok(written.trim_matches('"').to_owned())
}

/// What a receipt of ours said of a record of the case whose root begins so: a row of id, time, problem.
pub(crate) fn problem(
    words: &Words,
    row: &impl Columns,
    from: &str,
) -> Result<Option<TraceStep>, StoreError> {
    let problem: Problem = serde_json::from_str(row.text(5)?)
        .map_err(|e| StoreError::Damaged(format!("problems of an envelope: {e}")))?;
    if !problem.id.split_once(':').is_some_and(|(_, key)| key.starts_with(from)) {
        return Ok(None);
    }
    let id = row::id(words, row, 0)?;
    let mut one = step(Millis(row.int(4)?), &problem.id, &problem.outcome, Some(&id));
    one.detail = format!("{} {}", problem.code, problem.text).trim().to_owned();
    Ok(Some(one))
}

/// The way of an own envelope; at its end, its record is told so.
pub(crate) fn envelope(
    row: &impl Columns,
    id: &EnvelopeId,
    (record, told): (&str, &str),
    steps: &mut Vec<TraceStep>,
) -> Result<(), StoreError> {
    steps.push(step(Millis(row.int(3)?), record, "numbered", Some(id)));
    if let Some(at) = row.int_opt(4)? {
        steps.push(step(Millis(at), record, "sent", Some(id)));
    }
    if let (Some(at), Some(hop)) = (row.int_opt(5)?, row.text_opt(6)?) {
        let mut one = step(Millis(at), record, "hop", Some(id));
        hop.clone_into(&mut one.detail);
        steps.push(one);
    }
    if let Some(at) = row.int_opt(7)? {
        let dead = state(row.int(8)?)? == OutState::Dead;
        let mut one = step(Millis(at), record, if dead { "dead" } else { told }, Some(id));
        if dead {
            row.text_opt(9)?.unwrap_or_default().clone_into(&mut one.detail);
        }
        steps.push(one);
    }
    Ok(())
}
