//! What stands in the province's tables, held against the samples value by value.

use std::collections::BTreeMap;

use canon::format::{Format, Kind, RecordType};
use edge::db::{Connection, DbError};

use crate::demo::checks::Wrong;

/// Longest answer of one table.
const BYTES_MAX: usize = 1 << 26;
/// Differences that are told of a package.
const TOLD: usize = 5;

/// A version of a record as both sides write it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Content {
    /// English name of the type.
    pub(super) kind: String,
    /// Whether it withdraws the record.
    pub(super) void: bool,
    /// Every value by its English name.
    pub(super) values: BTreeMap<String, String>,
}

/// A value as it is compared: a number is a number, however many zeros it is written with, and a day is
/// midnight, as a database has it that knows no day alone where a time may stand.
pub(super) fn plain(kind: Kind, value: &str) -> String {
    match kind {
        Kind::Int => value.parse::<i64>().map_or_else(|_| value.to_owned(), |n| n.to_string()),
        Kind::Decimal if value.contains('.') => {
            value.trim_end_matches('0').trim_end_matches('.').to_owned()
        }
        Kind::DateTime => value.strip_suffix(" 00:00:00").unwrap_or(value).to_owned(),
        _ => value.to_owned(),
    }
}

/// What the tables hold, by sender. Before the first record there are no tables: then nothing.
pub(super) async fn kept(
    connection: &mut Connection,
    format: &Format,
) -> Result<BTreeMap<String, Vec<Content>>, DbError> {
    let mut found: BTreeMap<String, Vec<Content>> = BTreeMap::new();
    let (d, engine) = (connection.dialect(), connection.dialect().engine);
    let tables = edge::tables::tables(format, engine, "");
    for (table, record) in tables.iter().zip(format.types()) {
        let columns = columns(record);
        let names: Vec<String> = columns.iter().map(|c| d.name(c)).collect();
        let sql = format!("SELECT {} FROM {}", names.join(", "), d.name(&table.name));
        let Ok(rows) = connection.rows(sql, BYTES_MAX).await else { return Ok(found) };
        for row in 0..rows.len() {
            let cell = |column: usize| {
                let bytes = rows.cell(row, column)?;
                Some(String::from_utf8_lossy(bytes).into_owned())
            };
            let sender = cell(0).unwrap_or_default();
            let sender = sender.split('/').next().unwrap_or_default().to_owned();
            found.entry(sender).or_default().push(content(record, cell));
        }
    }
    Ok(found)
}

/// The columns that are asked for: the envelope, the withdrawal, then the fields in their order.
fn columns(record: &RecordType) -> Vec<String> {
    let own = ["tg_envelope", "tg_void"].map(str::to_owned);
    own.into_iter().chain(record.fields.iter().map(|f| f.name.clone())).collect()
}

fn content(record: &RecordType, cell: impl Fn(usize) -> Option<String>) -> Content {
    let values = record.fields.iter().zip(2..).filter_map(|(field, column)| {
        Some((field.name.clone(), plain(field.kind, &cell(column)?)))
    });
    Content {
        kind: record.name.clone(),
        void: cell(1).as_deref() == Some("1"),
        values: values.collect(),
    }
}

/// What is there and in no sample, each named by the fields in which it is otherwise than the sample
/// that is nearest; values are never told.
pub(super) fn differences(want: &[Content], got: &[Content]) -> Vec<Wrong> {
    let mut left: Vec<&Content> = want.iter().collect();
    let mut strange = Vec::new();
    for one in got {
        match left.iter().position(|w| *w == one) {
            Some(at) => drop(left.swap_remove(at)),
            None => strange.push(one),
        }
    }
    let mut wrong = Vec::new();
    for one in strange {
        let same = left.iter().enumerate().filter(|(_, w)| w.kind == one.kind);
        let nearest = same.min_by_key(|(_, w)| otherwise(w, one).len()).map(|(at, _)| at);
        let kind = &one.kind;
        wrong.push(match nearest.map(|at| left.swap_remove(at)) {
            Some(sample) => {
                let names = otherwise(sample, one).join(", ");
                (
                    format!("{kind} in the province's tables: {names} is not what the sample says"),
                    format!("省平台库表中的 {kind}：{names} 与样例不同"),
                )
            }
            None => (
                format!("{kind} in the province's tables: in no sample"),
                format!("省平台库表中的 {kind}：样例中没有"),
            ),
        });
    }
    if wrong.len() > TOLD {
        let more = wrong.len() - TOLD;
        wrong.truncate(TOLD);
        wrong.push((format!("and {more} more"), format!("另有 {more} 处")));
    }
    wrong
}

/// In what two records of a type differ.
fn otherwise(a: &Content, b: &Content) -> Vec<String> {
    let mut names: Vec<String> = a.values.keys().chain(b.values.keys()).cloned().collect();
    names.sort();
    names.dedup();
    names.retain(|name| a.values.get(name) != b.values.get(name));
    if a.void != b.void {
        names.push("op".into());
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(kind: &str, values: &[(&str, &str)]) -> Content {
        let values = values.iter().map(|(k, v)| ((*k).into(), (*v).into())).collect();
        Content { kind: kind.into(), void: false, values }
    }

    #[test]
    fn a_value_that_is_otherwise_is_named_and_a_record_of_no_sample() {
        let want = [one("fee", &[("no", "1"), ("sum", "2")]), one("fee", &[("no", "3")])];
        assert!(differences(&want, &[want[1].clone(), want[0].clone()]).is_empty());
        let said = |got: &[Content]| -> Vec<String> {
            differences(&want, got).into_iter().map(|(en, _)| en).collect()
        };
        let changed = one("fee", &[("no", "1"), ("sum", "9")]);
        let told = said(&[changed, want[1].clone()]);
        assert_eq!(told, ["fee in the province's tables: sum is not what the sample says"]);
        let void = Content { void: true, ..want[0].clone() };
        assert!(said(&[void])[0].contains(": op is not"));
        let told = said(&[want[0].clone(), want[1].clone(), want[1].clone()]);
        assert_eq!(told, ["fee in the province's tables: in no sample"]);
        let many = vec![one("case", &[]); 9];
        assert_eq!(said(&many).len(), 6, "no more than can be read");
    }

    #[test]
    fn a_number_is_a_number_however_it_is_written() {
        assert_eq!(plain(Kind::Decimal, "12.500000"), "12.5");
        assert_eq!(plain(Kind::Decimal, "100"), "100");
        assert_eq!(plain(Kind::Decimal, "3.000000"), "3");
        assert_eq!(plain(Kind::Int, "007"), "7");
        assert_eq!(plain(Kind::Code, "007"), "007");
        assert_eq!(plain(Kind::DateTime, "2026-11-21 00:00:00"), "2026-11-21");
    }
}
