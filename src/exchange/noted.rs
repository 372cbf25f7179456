//! What is noted of a record that was not simply accepted.

use canon::Violation;
use envelope::{Note, OutcomeLine};
use store::Problem;

/// What a receipt says of a violation.
pub(crate) fn note(violation: &Violation) -> Note {
    Note {
        code: violation.rule.to_string(),
        field: violation.field.to_string(),
        text: violation.zh.clone(),
    }
}

/// What the pages show of an outcome.
pub(crate) fn problem(line: &OutcomeLine, id: &str) -> Problem {
    let first = line.notes.first();
    let pick = |own: &Option<String>, noted: fn(&Note) -> &String| {
        own.clone().or_else(|| first.map(|n| noted(n).clone())).unwrap_or_default()
    };
    Problem {
        position: line.position,
        id: id.to_owned(),
        outcome: line.outcome.as_str().to_owned(),
        code: pick(&line.code, |n| &n.code),
        field: pick(&line.field, |n| &n.field),
        text: pick(&line.text, |n| &n.text),
    }
}
