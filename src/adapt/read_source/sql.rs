//! Reads `[source]` of tables: queries, change detection, write-back.

use std::collections::BTreeMap;

use super::{blocks, check_columns, columns, key, vanished};
use crate::problem::Problems;
use crate::source::{Detect, FlagValues, Query, Source, SqlSource, WriteBack};
use crate::text::Encoding;
use crate::tree::{Node, Tab, Text, Value};

/// Longest error text written back where the package does not say.
const ERROR_CHARS: u64 = 500;
/// Engines that may have a SELECT of their own.
const ENGINES: &[&str] = &["sqlite", "mysql", "postgres", "mssql", "oracle"];
/// How far a run looks back behind its cursor, where the package does not say.
pub(super) const OVERLAP_SECONDS: u64 = 600;

pub(super) fn sql(mut tab: Tab<'_>, problems: &mut Problems) -> Source {
    let encoding = encoding(&mut tab, problems);
    let queries = queries(&mut tab, "query", query, problems);
    tab.finish(problems);
    Source::Sql(SqlSource { encoding, queries })
}

/// How texts lie in a database.
pub(super) fn encoding(tab: &mut Tab<'_>, problems: &mut Problems) -> Encoding {
    let encodings =
        [("auto", Encoding::Auto), ("utf-8", Encoding::Utf8), ("gb18030", Encoding::Gb18030)];
    tab.word("encoding", &encodings, problems).unwrap_or_default()
}

/// The blocks `[[source.KEY]]`, each read by `read`.
pub(super) fn queries(
    tab: &mut Tab<'_>,
    key: &'static str,
    read: fn(Tab<'_>, Text, &mut Problems) -> Query,
    problems: &mut Problems,
) -> Vec<Query> {
    let found = blocks(tab, key, problems);
    found.into_iter().map(|(tab, name)| read(tab, name, problems)).collect()
}

#[derive(Clone, Copy)]
enum How {
    ModifiedTime,
    Flag,
    LogTable,
    Compare,
}

fn query(mut tab: Tab<'_>, name: Text, problems: &mut Problems) -> Query {
    let sql = tab.need("sql", problems);
    check_sql(&sql, tab.key("sql"), problems);
    let sql_for = sql_for(&mut tab, problems);
    let columns = columns(&mut tab, problems);
    let key = key(&mut tab, problems);
    let detect = detect(&mut tab, problems);
    let vanished = vanished(&mut tab, &detect, problems);
    let write_back = match tab.get("write_back") {
        Some(Node { value: Value::Text(word), .. }) if word == "none" => None,
        Some(node) => {
            let path = tab.key("write_back");
            Some(write_back(Tab::of(node, path, problems), &key, problems))
        }
        None => None,
    };
    let said = tab.text("history", problems);
    let history = said.or_else(|| match &detect {
        Detect::ModifiedTime { column, .. } => Some(column.clone()),
        _ => None,
    });
    let query =
        Query { name, sql: sql.text, sql_for, columns, key, detect, history, vanished, write_back };
    check_columns(&query, query.key.iter(), &tab.key("key"), problems);
    let cursor = match &query.detect {
        Detect::ModifiedTime { column, .. } | Detect::Flag { column, .. } => Some(column),
        Detect::LogTable { .. } | Detect::Compare | Detect::Feed | Detect::File => None,
    };
    check_columns(&query, cursor, &tab.key("cursor"), problems);
    tab.finish(problems);
    query
}

/// The SELECT where an engine needs another.
fn sql_for(tab: &mut Tab<'_>, problems: &mut Problems) -> BTreeMap<String, String> {
    let mut tab = tab.table("sql_for", problems);
    let mut found = BTreeMap::new();
    for engine in ENGINES {
        if let Some(sql) = tab.text(engine, problems) {
            check_sql(&sql, tab.key(engine), problems);
            found.insert((*engine).to_owned(), sql.text);
        }
    }
    tab.finish(problems);
    found
}

/// One SELECT; whoever runs it wraps it, so a second statement would be an accident or worse.
fn check_sql(sql: &Text, path: String, problems: &mut Problems) {
    let lower = sql.text.trim_start().to_ascii_lowercase();
    let select = lower.starts_with("select") || lower.starts_with("with");
    if !sql.text.is_empty() && (!select || sql.text.contains(';')) {
        problems.push(
            "adapter.bad_value",
            sql.pos,
            path,
            "must be one SELECT without a semicolon",
            "应为一条 SELECT，不含分号",
        );
    }
}

fn detect(tab: &mut Tab<'_>, problems: &mut Problems) -> Detect {
    let words = [
        ("modified_time", How::ModifiedTime),
        ("flag", How::Flag),
        ("log_table", How::LogTable),
        ("compare", How::Compare),
    ];
    if tab.get("detect").is_none() {
        tab.need("detect", problems);
    }
    match tab.word("detect", &words, problems) {
        Some(How::ModifiedTime) => Detect::ModifiedTime {
            column: tab.need("cursor", problems),
            overlap_seconds: tab.number("overlap_seconds", problems).unwrap_or(OVERLAP_SECONDS),
        },
        Some(How::Flag) => Detect::Flag {
            column: tab.need("cursor", problems),
            pending: pending(tab, problems),
            order: tab.text("order", problems),
        },
        Some(How::LogTable) => Detect::LogTable {
            table: tab.need("log_table", problems),
            column: tab.need("cursor", problems),
        },
        Some(How::Compare) | None => Detect::Compare,
    }
}

/// The flag of a row that is still to be read; the empty text is also NULL.
fn pending(tab: &mut Tab<'_>, problems: &mut Problems) -> String {
    if tab.get("pending").is_none() {
        tab.need("pending", problems);
    }
    tab.text("pending", problems).map(|t| t.text).unwrap_or_default()
}

fn write_back(mut tab: Tab<'_>, query_key: &[Text], problems: &mut Problems) -> WriteBack {
    let table = tab.need("table", problems);
    let modes = [("row", false), ("own_table", true)];
    let own_table = tab.word("into", &modes, problems).unwrap_or(false);
    let key = tab.texts("key", problems);
    let flag = tab.need("flag", problems);
    let error = tab.text("error", problems);
    let error_chars = tab.number("error_chars", problems).unwrap_or(ERROR_CHARS);
    let stamp = tab.text("stamp", problems);
    let flags = flag_values(&mut tab, problems);
    for name in [Some(&table), Some(&flag), error.as_ref(), stamp.as_ref()]
        .into_iter()
        .flatten()
        .chain(&key)
    {
        check_name(name, &tab.path, problems);
    }
    tab.finish(problems);
    let key = if key.is_empty() { query_key.to_vec() } else { key };
    WriteBack { table, own_table, key, flag, error, stamp, error_chars, values: flags }
}

/// What is written for each outcome.
pub(super) fn flag_values(tab: &mut Tab<'_>, problems: &mut Problems) -> FlagValues {
    let mut values = tab.table("values", problems);
    let flags = FlagValues {
        accepted: values.need("accepted", problems).text,
        warned: values.need("warned", problems).text,
        rejected: values.need("rejected", problems).text,
        quarantined: values.need("quarantined", problems).text,
    };
    values.finish(problems);
    flags
}

/// Names that stand in an UPDATE are plain, whatever the database.
pub(super) fn check_name(name: &Text, path: &str, problems: &mut Problems) {
    let plain = name.text.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '.' | '$'));
    if !plain {
        problems.push(
            "adapter.bad_value",
            name.pos,
            path,
            format!("`{}` is not a plain table or column name", name.text),
            format!("『{}』不是普通的表名或列名", name.text),
        );
    }
}
