//! The statements, as text. SELECTs come from the adapter; we only wrap them.

use canon::Day;

use super::{Detect, Query, WriteBackTo};
use crate::db::{Dialect, Engine};

/// The rows of a SELECT whose time lies in these days, the last not included.
pub(super) fn between(d: Dialect, sql: &str, column: &str, from: Day, before: Day) -> String {
    let time = format!("h.{}", d.name(column));
    let (from, before) =
        (d.on_or_after(&time, &from.to_string()), d.before(&time, &before.to_string()));
    format!("SELECT h.* FROM ({sql}) h WHERE {from} AND {before}")
}

/// Where a page begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum From {
    /// At the first row.
    Start,
    /// At a time, that time included.
    Time(String),
    /// After a time.
    AfterTime(String),
    /// After a row: its time where there is one, and its key.
    Row(Option<String>, Vec<String>),
}

fn of(prefix: &str, d: Dialect, columns: &[String]) -> Vec<String> {
    columns.iter().map(|c| format!("{prefix}{}", d.name(c))).collect()
}

/// The column that is ordered by before the key.
fn order(d: Dialect, query: &Query) -> Option<String> {
    let prefix = if matches!(query.detect, Detect::LogTable { .. }) { "l" } else { "q" };
    query.detect.order().map(|column| format!("{prefix}.{}", d.name(column)))
}

/// Values in a row of a page: the key, the time where there is one, the columns.
pub(super) fn width(query: &Query) -> usize {
    query.key.len() + usize::from(query.detect.order().is_some()) + query.columns.len()
}

/// A page of a query: key columns, the time where there is one, the columns; in order.
pub(super) fn page(d: Dialect, query: &Query, from: &From, limit: usize) -> String {
    let key = of("q.", d, &query.key);
    let order = order(d, query);
    let columns = of("q.", d, &query.columns);
    let what: Vec<String> = key
        .iter()
        .chain(&order)
        .chain(&columns)
        .enumerate()
        .map(|(n, column)| format!("{} AS v{n}", d.text(column)))
        .collect();
    let mut rest = format!("FROM ({}) q", query.sql);
    if let Detect::LogTable { table, .. } = &query.detect {
        let on = |k: &String| format!("l.{0} = q.{0}", d.name(k));
        let on: Vec<String> = query.key.iter().map(on).collect();
        rest.push_str(&format!(" JOIN {} l ON {}", d.name(table), on.join(" AND ")));
    }
    let sort: Vec<String> = order.iter().chain(&key).cloned().collect();
    let mut conditions = Vec::new();
    conditions.extend(pending(d, query));
    match (from, &order) {
        (From::Start, _) => {}
        (From::Time(time), Some(order)) => {
            conditions.push(format!("{order} >= {}", d.literal(Some(time))));
        }
        (From::AfterTime(time), Some(order)) => {
            conditions.push(format!("{order} > {}", d.literal(Some(time))));
        }
        (From::Row(time, key), _) => {
            let values: Vec<&str> = time.iter().chain(key).map(String::as_str).collect();
            conditions.push(d.after(&sort, &values));
        }
        (From::Time(_) | From::AfterTime(_), None) => {}
    }
    if !conditions.is_empty() {
        rest.push_str(&format!(" WHERE {}", conditions.join(" AND ")));
    }
    rest.push_str(&format!(" ORDER BY {}", sort.join(", ")));
    d.limited(&what.join(", "), &rest, limit)
}

/// What holds for a row that is still to be read.
fn pending(d: Dialect, query: &Query) -> Option<String> {
    let Detect::Flag { column, pending, .. } = &query.detect else { return None };
    let column = format!("q.{}", d.name(column));
    let is = format!("{column} = {}", d.literal(Some(pending)));
    Some(if pending.is_empty() { format!("({is} OR {column} IS NULL)") } else { is })
}

/// The same page as one JSON text: an array of rows, each an array of texts and nulls. SQLite's.
pub(super) fn page_as_json(d: Dialect, query: &Query, from: &From, limit: usize) -> String {
    let names: Vec<String> = (0..width(query)).map(|n| format!("v{n}")).collect();
    let names = names.join(", ");
    // The inner page is ordered and limited, so its rows arrive in that order.
    format!(
        "WITH page({names}) AS ({}) SELECT json_group_array(json_array({names})) FROM page",
        page(d, query, from, limit)
    )
}

/// The highest time there is, as text.
pub(super) fn newest(d: Dialect, query: &Query, column: &str) -> String {
    let max = format!("max(q.{})", d.name(column));
    format!("SELECT {} AS v0 FROM ({}) q", d.text(&max), query.sql)
}

/// How many rows that are to be read have no place in the order.
pub(super) fn timeless(d: Dialect, query: &Query, column: &str) -> String {
    let pending = pending(d, query).map(|p| format!(" AND {p}")).unwrap_or_default();
    let column = d.name(column);
    format!("SELECT count(*) FROM ({}) q WHERE q.{column} IS NULL{pending}", query.sql)
}

/// How many rows there are.
pub(super) fn count(query: &Query) -> String {
    format!("SELECT count(*) FROM ({}) q", query.sql)
}

fn keys(d: Dialect, to: &WriteBackTo, key: &[String]) -> String {
    let pairs = to.key.iter().zip(key);
    let pairs = pairs.map(|(k, v)| format!("{} = {}", d.name(k), d.literal(Some(v))));
    pairs.collect::<Vec<_>>().join(" AND ")
}

/// The write-back: changes nothing where the row already says so, so that a repeated one does not
/// wake the source's triggers.
pub(super) fn write_back(
    d: Dialect,
    to: &WriteBackTo,
    key: &[String],
    flag: &str,
    text: Option<&str>,
) -> String {
    let mut set = format!("{} = {}", d.name(&to.flag), d.literal(Some(flag)));
    let mut differs = d.differs(&d.name(&to.flag), Some(flag));
    if let Some(error) = &to.error {
        set.push_str(&format!(", {} = {}", d.name(error), d.literal(text)));
        differs.push_str(&format!(" OR {}", d.differs(&d.name(error), text)));
    }
    if let Some(stamp) = &to.stamp {
        set.push_str(&format!(", {} = {}", d.name(stamp), d.now()));
    }
    format!("UPDATE {} SET {set} WHERE {} AND ({differs})", d.name(&to.table), keys(d, to, key))
}

/// A first outcome in a table of outcomes.
pub(super) fn insert(
    d: Dialect,
    to: &WriteBackTo,
    key: &[String],
    flag: &str,
    text: Option<&str>,
) -> String {
    let mut names: Vec<String> = to.key.iter().chain([&to.flag]).map(|n| d.name(n)).collect();
    let mut values: Vec<String> = key.iter().map(|k| d.literal(Some(k))).collect();
    values.push(d.literal(Some(flag)));
    if let Some(error) = &to.error {
        names.push(d.name(error));
        values.push(d.literal(text));
    }
    if let Some(stamp) = &to.stamp {
        names.push(d.name(stamp));
        values.push(d.now().into());
    }
    let (names, values) = (names.join(", "), values.join(", "));
    format!("INSERT INTO {} ({names}) VALUES ({values})", d.name(&to.table))
}

/// Whether the row of a write-back is there.
pub(super) fn exists(d: Dialect, to: &WriteBackTo, key: &[String]) -> String {
    format!("SELECT count(*) FROM {} WHERE {}", d.name(&to.table), keys(d, to, key))
}

/// Whether a page is better asked for as one text.
pub(super) fn as_json(d: Dialect, query: &Query, values_max: usize) -> bool {
    d.engine == Engine::Sqlite
        && d.stored == crate::db::Stored::Declared
        && width(query) <= values_max
}
