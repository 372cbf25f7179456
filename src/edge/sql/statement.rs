//! The statements, as text. SELECTs come from the adapter; we only wrap them.

use std::fmt::Write as _;

use canon::Day;

use super::{Detect, Query, WriteBackTo};

/// A quoted identifier. Names were checked when the source was opened.
fn name(text: &str) -> String {
    format!("\"{text}\"")
}

fn names(prefix: &str, columns: &[String]) -> String {
    columns.iter().map(|c| format!("{prefix}{}", name(c))).collect::<Vec<_>>().join(", ")
}

fn marks(n: usize) -> String {
    vec!["?"; n].join(", ")
}

fn push(sql: &mut String, text: std::fmt::Arguments<'_>) {
    sql.write_fmt(text).expect("a string takes all text");
}

/// The rows of a SELECT whose time lies in these days, the last not included. Days compare as text
/// with every written time that begins with one.
pub(super) fn between(sql: &str, column: &str, from: Day, before: Day) -> String {
    let time = format!("CAST(h.{} AS TEXT)", name(column));
    format!("SELECT * FROM ({sql}) AS h WHERE {time} >= '{from}' AND {time} < '{before}'")
}

/// Where a page begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum From {
    /// At the first row.
    Start,
    /// At a time, that time included: bind the time.
    Time,
    /// After a time: bind the time.
    AfterTime,
    /// After a row: bind the time (where there is one) and the key.
    Row,
}

/// The page of a query: its key columns, then its order column if any, then its columns, all as
/// text. Binds: flag value (flag), then as [`From`] says, then the limit.
pub(super) fn page(query: &Query, from: From) -> String {
    let mut sql = String::from("SELECT ");
    let casts = |columns: &[String]| -> String {
        columns.iter().map(|c| format!("CAST(q.{} AS TEXT), ", name(c))).collect()
    };
    sql.push_str(&casts(&query.key));
    let order = match &query.detect {
        Detect::ModifiedTime { column, .. } => Some(format!("q.{}", name(column))),
        Detect::LogTable { column, .. } => Some(format!("l.{}", name(column))),
        Detect::Flag { .. } | Detect::Compare => None,
    };
    if let Some(order) = &order {
        push(&mut sql, format_args!("CAST({order} AS TEXT), "));
    }
    sql.push_str(casts(&query.columns).trim_end_matches(", "));
    push(&mut sql, format_args!(" FROM ({}) AS q", query.sql));
    if let Detect::LogTable { table, .. } = &query.detect {
        let on: Vec<String> = query.key.iter().map(|k| format!("l.{0} = q.{0}", name(k))).collect();
        push(&mut sql, format_args!(" JOIN {} AS l ON {}", name(table), on.join(" AND ")));
    }
    let sort = match &order {
        Some(order) => format!("{order}, {}", names("q.", &query.key)),
        None => names("q.", &query.key),
    };
    let mut conditions = Vec::new();
    if let Detect::Flag { column, .. } = &query.detect {
        conditions.push(format!("q.{} = ?", name(column)));
    }
    let width = query.key.len() + usize::from(order.is_some());
    match (from, &order) {
        (From::Start, _) => {}
        (From::Time, Some(order)) => conditions.push(format!("{order} >= ?")),
        (From::AfterTime, Some(order)) => conditions.push(format!("{order} > ?")),
        (From::Row | From::Time | From::AfterTime, _) => {
            conditions.push(format!("({sort}) > ({})", marks(width)));
        }
    }
    if !conditions.is_empty() {
        push(&mut sql, format_args!(" WHERE {}", conditions.join(" AND ")));
    }
    push(&mut sql, format_args!(" ORDER BY {sort} LIMIT ?"));
    sql
}

/// The same page as one JSON text: an array of rows, each an array of `width` texts and nulls.
pub(super) fn page_as_json(query: &Query, from: From, width: usize) -> String {
    let names: Vec<String> = (0..width).map(|n| format!("v{n}")).collect();
    let names = names.join(", ");
    // The inner page is ordered and limited, so its rows arrive in that order.
    format!(
        "WITH page({names}) AS ({}) SELECT json_group_array(json_array({names})) FROM page",
        page(query, from)
    )
}

/// The highest time there is, as text.
pub(super) fn newest(query: &Query, column: &str) -> String {
    format!("SELECT CAST(max(q.{}) AS TEXT) FROM ({}) AS q", name(column), query.sql)
}

/// How many rows have no time.
pub(super) fn timeless(query: &Query, column: &str) -> String {
    format!("SELECT count(*) FROM ({}) AS q WHERE q.{} IS NULL", query.sql, name(column))
}

/// How many rows there are.
pub(super) fn count(query: &Query) -> String {
    format!("SELECT count(*) FROM ({}) AS q", query.sql)
}

/// The write-back: changes nothing where the row already says so, so that a repeated one does not
/// wake the source's triggers. Binds: flag, text, keys, flag, text.
pub(super) fn write_back(to: &WriteBackTo) -> String {
    let keys: Vec<String> = to.key.iter().map(|k| format!("{} = ?", name(k))).collect();
    let (mut set, mut differs) =
        (format!("{} = ?", name(&to.flag)), format!("{} IS NOT ?", name(&to.flag)));
    if let Some(error) = &to.error {
        push(&mut set, format_args!(", {} = ?", name(error)));
        push(&mut differs, format_args!(" OR {} IS NOT ?", name(error)));
    }
    format!("UPDATE {} SET {set} WHERE {} AND ({differs})", name(&to.table), keys.join(" AND "))
}

/// Whether the row of a write-back is there. Binds: keys.
pub(super) fn exists(to: &WriteBackTo) -> String {
    let keys: Vec<String> = to.key.iter().map(|k| format!("{} = ?", name(k))).collect();
    format!("SELECT count(*) FROM {} WHERE {}", name(&to.table), keys.join(" AND "))
}
