//! The flag of a source row: the worst outcome among its records.

use std::collections::BTreeMap;

use canon::NodeCode;

use super::columns::place;
use super::problems::owner_text;
use super::row::Columns;
use super::words::Words;
use crate::error::StoreError;
use crate::told::{self, Said};
use crate::types::*;

/// Flags from the best to the worst.
pub(crate) const FLAGS: [&str; 4] = ["accepted", "superseded", "rejected", "returned"];
/// Number of the flag `returned`.
pub(crate) const RETURNED: i64 = 3;

/// A source row: word of the adapter, row key.
pub(crate) type SourceRow<'a> = (i64, &'a str);

/// One record of a source row as its write-back sees it.
pub(crate) struct RowRecord {
    /// Where it went.
    pub(crate) to: NodeCode,
    /// Where it is.
    pub(crate) place: Place,
    /// Whether it is the key's latest version.
    pub(crate) latest: bool,
    /// State and violations of its problem.
    pub(crate) problem: Option<(String, String)>,
}

impl RowRecord {
    /// Reads place, whether it is the latest, state and violations, strand from the second column on.
    pub(crate) fn read(words: &Words, row: &impl Columns) -> Result<Self, StoreError> {
        let problem = row.text_opt(3)?.zip(row.text_opt(4)?);
        Ok(Self {
            to: words.strand_parts(row.int(5)?)?.1,
            place: place(row.int(1)?)?,
            latest: row.int(2)? != 0,
            problem: problem.map(|(state, violations)| (state.to_owned(), violations.to_owned())),
        })
    }

    /// How bad its outcome is, if there is one.
    pub(crate) fn flag(&self) -> Option<i64> {
        if self.problem.as_ref().is_some_and(|(state, _)| state == "returned") {
            return Some(RETURNED);
        }
        match self.place {
            Place::Accepted => Some(0),
            Place::Superseded => Some(1),
            Place::Rejected => Some(2),
            _ => None,
        }
    }

    /// What is wrong with it.
    fn text(&self) -> Result<String, StoreError> {
        self.problem.as_ref().map_or(Ok(String::new()), |(_, violations)| owner_text(violations))
    }

    /// Nothing of it is under way, and it does not let its row look accepted while it is held.
    pub(crate) fn is_final(&self) -> bool {
        match self.place {
            Place::Waiting
            | Place::Staged
            | Place::InFlight
            | Place::AwaitingReview
            | Place::Dead => false,
            Place::Quarantined => {
                !self.latest || self.problem.as_ref().is_none_or(|(state, _)| state != "held")
            }
            Place::Accepted | Place::Superseded | Place::Rejected | Place::Voided => true,
        }
    }
}

/// The worst outcome of each row in a receipt, with its text.
pub(crate) fn worst_of<'r>(
    words: &Words,
    rows: &'r [RowOutcome],
) -> Result<BTreeMap<SourceRow<'r>, (i64, String)>, StoreError> {
    let mut worst = BTreeMap::<SourceRow<'_>, (i64, String)>::new();
    for row in rows {
        let flag = match row.outcome {
            None => 0,
            Some(FinalOutcome::Superseded) => 1,
            Some(FinalOutcome::Rejected) => 2,
            // Not final: the row waits for the record that goes up again.
            Some(FinalOutcome::ParentMissing) => continue,
        };
        let adapter = words.word(&row.adapter)?;
        let known = worst.entry((adapter, &row.row)).or_insert_with(|| (flag, row.text.clone()));
        if flag > known.0 {
            *known = (flag, row.text.clone());
        }
    }
    Ok(worst)
}

/// The outcome with what is known of the row's other records.
pub(crate) fn worsen(
    outcome: &mut (i64, String),
    known: Option<&Vec<RowRecord>>,
) -> Result<(), StoreError> {
    let known = known.map_or(&[][..], Vec::as_slice);
    for record in known.iter().filter(|r| r.latest) {
        let Some(flag) = record.flag().filter(|flag| *flag > outcome.0) else { continue };
        *outcome = (flag, record.text()?);
    }
    outcome.1 = told(outcome.0, std::mem::take(&mut outcome.1), known)?;
    Ok(())
}

/// What a row is told, with the destinations where there are several.
pub(crate) fn told(worst: i64, said: String, known: &[RowRecord]) -> Result<String, StoreError> {
    let mut records = Vec::with_capacity(known.len());
    for record in known.iter().filter(|r| r.latest) {
        records.push(Said { to: &record.to, flag: record.flag(), text: record.text()? });
    }
    Ok(told::text(worst, said, &records))
}
