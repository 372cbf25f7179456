//! A kept record as a row of its type's table.

use std::collections::BTreeMap;

use canon::format::{Field, Kind, Op, Parsed, RecordType};

use super::ddl::{DAY, DECIMAL, OWN};
use crate::db::Dialect;
use crate::sink::KeptRecord;

/// Names of a row's columns, in the order of its values.
pub(super) fn names(record: &RecordType) -> Vec<String> {
    let own = OWN.iter().map(|(name, ..)| (*name).to_owned());
    let mut names: Vec<String> = own.collect();
    for field in &record.fields {
        names.push(field.name.clone());
        if field.kind == Kind::DateTime {
            names.push(format!("{}{DAY}", field.name));
        }
    }
    names
}

/// The row's values as literals, in that order: of the table's record type, and of the edition's that it is
/// written in.
pub(super) fn values(
    d: Dialect,
    (record, written): (&RecordType, &RecordType),
    kept: &KeptRecord<'_>,
    parsed: &Parsed,
) -> String {
    let attrs = &parsed.attrs;
    let text = |value: Option<&str>| d.literal(value);
    let mut misfit: BTreeMap<&str, &str> = BTreeMap::new();
    let mut fields: Vec<String> = Vec::with_capacity(record.fields.len() + 8);
    for field in &record.fields {
        let value = written.field_by_name(&field.name).and_then(|ix| parsed.values.get(ix));
        let fitting = value.filter(|v| fits(field, v));
        if let (Some(value), None) = (value, fitting) {
            misfit.insert(&field.name, value);
        }
        match field.kind {
            Kind::DateTime => {
                let (time, day) = match fitting {
                    Some(day) if day.len() == 10 => (Some(format!("{day} 00:00:00")), "1"),
                    Some(time) => (Some(time.to_owned()), "0"),
                    None => (None, "NULL"),
                };
                fields.push(text(time.as_deref()));
                fields.push(day.to_owned());
            }
            _ => fields.push(text(fitting)),
        }
    }
    let misfit = (!misfit.is_empty())
        .then(|| serde_json::to_string(&misfit).expect("a map of strings always serializes"));
    let entered = attrs
        .entered
        .as_deref()
        .map(|e| if e.len() == 10 { format!("{e} 00:00:00") } else { e.to_owned() });
    let version = kept.id.version.to_string();
    let (key, window) = (kept.id.key.to_string(), kept.window.to_string());
    let own = [
        text(Some(&key)),
        version,
        if attrs.op == Op::Void { "1" } else { "0" }.to_owned(),
        text(Some(attrs.nature.as_str())),
        text(Some(&window)),
        text(Some(kept.envelope)),
        text(Some(kept.edition)),
        text(Some(&attrs.system)),
        text(Some(&attrs.collected.to_string())),
        text(entered.as_deref()),
        text(attrs.reason.as_deref()),
        text(attrs.by.as_deref()),
        kept.watermark.to_string(),
        text(misfit.as_deref()),
    ];
    format!("({}, {})", own.join(", "), fields.join(", "))
}

/// Whether a value is what its column is made for. Old records may be kept though a rule was broken.
fn fits(field: &Field, value: &str) -> bool {
    match field.kind {
        Kind::Int => value.parse::<i64>().is_ok(),
        Kind::Decimal => {
            let unsigned = value.strip_prefix('-').unwrap_or(value);
            let (whole, part) = unsigned.split_once('.').unwrap_or((unsigned, ""));
            let digits = |t: &str| t.bytes().all(|b| b.is_ascii_digit());
            !whole.is_empty()
                && digits(whole)
                && digits(part)
                && whole.len() <= DECIMAL.0
                && part.len() <= DECIMAL.1
        }
        Kind::DateTime => match value.len() {
            10 => canon::Day::parse(value).is_some(),
            19 => canon::Millis::parse(value).is_some(),
            _ => false,
        },
        Kind::Text | Kind::Code | Kind::Digest => {
            u32::try_from(value.chars().count()).is_ok_and(|n| n <= field.max_len)
                && !value.contains('\0')
        }
    }
}
