//! `when`, `where`, severities and the order rule's other time.

use super::super::model::{Condition, Kind, RecordType, Test, TypeIx, Weight};
use super::super::xsd::Node;
use super::Ctx;
use crate::time::Day;
use crate::violation::Severity;

/// A condition on fields of `record`; `facts_only` where it is judged on another record's facts.
pub(crate) fn condition(
    node: &Node,
    attr: &str,
    record: &RecordType,
    facts_only: bool,
    ctx: &mut Ctx,
) -> Condition {
    let Some(text) = node.attr(attr) else {
        return Condition::default();
    };
    let mut tests = vec![];
    for clause in text.split(" and ") {
        match test(clause, record) {
            Ok((ix, _)) if facts_only && !record.fields[ix].fact => ctx.at(
                node,
                format!(
                    "{attr}: `{}` is no fact of {}; mark it fact=\"true\"",
                    record.fields[ix].wire, record.wire
                ),
            ),
            Ok(found) => tests.push(found),
            Err(why) => ctx.at(node, format!("{attr}=\"{text}\": {why}")),
        }
    }
    Condition { tests, text: text.to_owned() }
}

fn test(clause: &str, record: &RecordType) -> Result<(usize, Test), String> {
    let words: Vec<&str> = clause.split_whitespace().collect();
    let (wire, rest) = words.split_first().ok_or("an empty condition; remove it or fill it")?;
    let ix = record
        .field_by_wire(wire)
        .ok_or_else(|| format!("`{wire}` is not a field of {}", record.wire))?;
    let codes = |list: &[&str]| list.iter().map(|c| (*c).into()).collect();
    let test = match rest {
        ["present"] => Test::Present,
        ["absent"] => Test::Absent,
        ["=", code] => Test::In(codes(&[code])),
        ["!=", code] => Test::NotIn(codes(&[code])),
        ["in", list @ ..] if !list.is_empty() => Test::In(codes(list)),
        ["not", "in", list @ ..] if !list.is_empty() => Test::NotIn(codes(list)),
        _ => {
            return Err(format!(
                "`{clause}` is not a test; write `F = code`, `F != code`, `F in a b`, `F not in a b`, \
                 `F present` or `F absent`, joined by `and`"
            ));
        }
    };
    known_codes(&test, record, ix)?;
    Ok((ix, test))
}

/// A code that the field's closed list does not have could never match.
fn known_codes(test: &Test, record: &RecordType, ix: usize) -> Result<(), String> {
    let (Test::In(codes) | Test::NotIn(codes)) = test else { return Ok(()) };
    let field = &record.fields[ix];
    let Some(super::super::model::CodeList::Closed { codes: listed, .. }) = &field.list else {
        return Ok(());
    };
    for code in codes {
        if listed.binary_search_by(|(c, _)| c.cmp(code)).is_err() {
            return Err(format!("`{code}` is not a code of `{}`", field.wire));
        }
    }
    Ok(())
}

/// `severity` (error unless said otherwise), `error_from`, and `history` for old records.
pub(crate) fn weight(node: &Node, ctx: &mut Ctx) -> Weight {
    let mut word = |attr: &str| match node.attr(attr)? {
        "error" => Some(Severity::Error),
        "warn" => Some(Severity::Warn),
        other => {
            ctx.at(node, format!("{attr} `{other}` is not error or warn"));
            None
        }
    };
    let (severity, history) = (word("severity").unwrap_or(Severity::Error), word("history"));
    let error_from = node.attr("error_from").and_then(|day| {
        let day = Day::parse(day);
        if day.is_none() {
            ctx.at(node, "error_from is not a day; write YYYY-MM-DD");
        }
        day
    });
    Weight { severity, error_from, history }
}

/// A time field, by wire name.
pub(crate) fn time_field(
    node: &Node,
    wire: &str,
    record: &RecordType,
    ctx: &mut Ctx,
) -> Option<usize> {
    let ix = field(node, wire, record, ctx)?;
    if record.fields[ix].kind != Kind::DateTime {
        ctx.at(node, format!("`{wire}` of {} is not a time; order compares times", record.wire));
        return None;
    }
    Some(ix)
}

/// A field by wire name.
pub(crate) fn field(node: &Node, wire: &str, record: &RecordType, ctx: &mut Ctx) -> Option<usize> {
    let ix = record.field_by_wire(wire);
    if ix.is_none() {
        ctx.at(
            node,
            format!("`{wire}` is not a field of {}; name one of its elements", record.wire),
        );
    }
    ix
}

/// A record type by wire name.
pub(crate) fn record(
    node: &Node,
    wire: &str,
    types: &[RecordType],
    ctx: &mut Ctx,
) -> Option<TypeIx> {
    let ix = types.iter().position(|t| *t.wire == *wire).map(|ix| TypeIx(ix as u16));
    if ix.is_none() {
        ctx.at(node, format!("`{wire}` is not a record type of this format"));
    }
    ix
}
