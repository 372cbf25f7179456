//! What a receipt says, record by record: one outcome for each, counts by type, outcomes of source
//! rows.

use std::collections::BTreeMap;
use std::sync::Arc;

use envelope::{Opened, Outcome, OutcomeLine};
use store::{FinalOutcome, Member, RowOutcome, TypeCount};

use crate::gate::Refusal;

/// One outcome for every record, in order: anything else is not a receipt. A declining receipt
/// has none of its own: each record is rejected with the code of the decline.
pub(crate) fn outcomes(
    opened: &Opened<'_>,
    count: u32,
    decline: Option<&str>,
) -> Result<Vec<OutcomeLine>, Refusal> {
    if let Some(code) = decline {
        return Ok((0..count)
            .map(|i| OutcomeLine::with_code(i, Outcome::Rejected, code))
            .collect());
    }
    let wrong = || Refusal::new("receipt.incomplete", "not one outcome for every record, in order");
    if opened.fragments.len() != count as usize {
        return Err(wrong());
    }
    let mut lines = Vec::with_capacity(opened.fragments.len());
    for (position, fragment) in opened.fragments.iter().enumerate() {
        let line = envelope::read_outcome(fragment)?;
        if line.position as usize != position {
            return Err(wrong());
        }
        lines.push(line);
    }
    Ok(lines)
}

/// Counts by type, and the outcome of each source row that wants a write-back.
pub(crate) fn counted(
    members: &[Member],
    lines: &[OutcomeLine],
) -> (Vec<TypeCount>, Vec<RowOutcome>) {
    let mut counts: BTreeMap<&str, TypeCount> = BTreeMap::new();
    let mut rows = Vec::new();
    for (member, line) in members.iter().zip(lines) {
        let count = match counts.get_mut(&*member.kind) {
            Some(count) => count,
            None => counts.entry(&member.kind).or_insert_with(|| TypeCount {
                kind: Arc::clone(&member.kind),
                ..TypeCount::default()
            }),
        };
        let outcome = match line.outcome {
            Outcome::Accepted => {
                count.accepted += 1;
                count.sum.add(&member.digest);
                None
            }
            Outcome::Superseded => {
                count.superseded += 1;
                count.sum.add(&member.digest);
                Some(FinalOutcome::Superseded)
            }
            Outcome::Rejected => {
                count.rejected += 1;
                Some(FinalOutcome::Rejected)
            }
            Outcome::ParentMissing => {
                count.parent_missing += 1;
                Some(FinalOutcome::ParentMissing)
            }
        };
        let Some(row) = &member.source_row else { continue };
        let (adapter, _) = row.split_once('|').unwrap_or((row, ""));
        rows.push(RowOutcome {
            adapter: adapter.into(),
            row: Arc::clone(row),
            outcome,
            text: line.text.clone().or_else(|| line.code.clone()).unwrap_or_default(),
        });
    }
    (counts.into_values().collect(), rows)
}
