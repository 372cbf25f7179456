//! Reads `[source]` of front tables (前置库): no SQL, a table's name, its sync columns and its order.

use std::collections::BTreeMap;

use super::sql::{check_name, encoding, flag_values, queries};
use super::{check_columns, columns, key};
use crate::problem::Problems;
use crate::source::{Detect, Query, Source, SqlSource, Vanished, WriteBack};
use crate::tree::{Tab, Text};

/// Longest error text written back where the package does not say.
const ERROR_CHARS: u64 = 500;

pub(super) fn front(mut tab: Tab<'_>, problems: &mut Problems) -> Source {
    let encoding = encoding(&mut tab, problems);
    let queries = queries(&mut tab, "table", table, problems);
    tab.finish(problems);
    Source::Sql(SqlSource { encoding, queries })
}

fn table(mut tab: Tab<'_>, name: Text, problems: &mut Problems) -> Query {
    let table = tab.text("table", problems).unwrap_or_else(|| name.clone());
    let columns = columns(&mut tab, problems);
    let key = key(&mut tab, problems);
    let flag = tab.need("flag", problems);
    let pending = tab.text("pending", problems).map(|t| t.text).unwrap_or_default();
    let order = tab.need("order", problems);
    let error = tab.text("error", problems);
    let stamp = tab.text("stamp", problems);
    let error_chars = tab.number("error_chars", problems).unwrap_or(ERROR_CHARS);
    let values = flag_values(&mut tab, problems);
    let history = tab.text("history", problems);
    for named in [Some(&table), Some(&flag), error.as_ref(), stamp.as_ref()].into_iter().flatten() {
        check_name(named, &tab.path, problems);
    }
    for written in [&values.accepted, &values.warned, &values.rejected, &values.quarantined] {
        if *written == pending && !flag.text.is_empty() {
            // The row would come again for ever.
            problems.push(
                "adapter.bad_value",
                flag.pos,
                tab.key("values"),
                "an outcome is not the flag of a row that is still to be read; see `pending`",
                "结果标志不得与待读标志 pending 相同，否则该行会被反复读取",
            );
            break;
        }
    }
    let query = Query {
        sql: format!("SELECT * FROM {}", table.text),
        sql_for: BTreeMap::new(),
        detect: Detect::Flag { column: flag.clone(), pending, order: Some(order) },
        write_back: Some(WriteBack {
            table,
            own_table: false,
            key: key.clone(),
            flag,
            error,
            stamp,
            error_chars,
            values,
        }),
        name,
        columns,
        key,
        history,
        vanished: Vanished::Ignore,
    };
    check_columns(&query, query.key.iter(), &tab.key("key"), problems);
    tab.finish(problems);
    query
}
