//! Reads `[source]`: which kind it is, and what every kind has.

mod files;
mod front;
mod push;
mod sql;

use crate::package::{Query, Source, SqlSource};
use crate::problem::Problems;
use crate::text::Encoding;
use crate::tree::{Tab, Text};

/// The one query of a file source.
pub(crate) const ROW: &str = "row";

#[derive(Clone, Copy)]
enum Kind {
    Csv,
    Workbook,
    Dbf,
    Xml,
    Json,
    FrontTable,
    HttpPush,
    SoapPush,
    Sql,
}

/// The kinds by name; a workbook's file says itself whether it is new or old.
const KINDS: &[(&str, Kind)] = &[
    ("csv", Kind::Csv),
    ("xlsx", Kind::Workbook),
    ("xls", Kind::Workbook),
    ("dbf", Kind::Dbf),
    ("xml", Kind::Xml),
    ("json", Kind::Json),
    ("sql", Kind::Sql),
    ("front_table", Kind::FrontTable),
    ("http_push", Kind::HttpPush),
    ("soap_push", Kind::SoapPush),
];

pub(crate) fn source(mut tab: Tab<'_>, problems: &mut Problems) -> Source {
    let kind = tab.word("kind", KINDS, problems);
    if tab.get("kind").is_none() {
        tab.need("kind", problems);
    }
    match kind {
        Some(Kind::Sql) => sql::sql(tab, problems),
        Some(Kind::FrontTable) => front::front(tab, problems),
        Some(Kind::HttpPush) => push::http(tab, problems),
        Some(Kind::SoapPush) => push::soap(tab, problems),
        Some(Kind::Csv) => files::csv(tab, problems),
        Some(Kind::Workbook) => files::workbook(tab, problems),
        Some(Kind::Dbf) => files::dbf(tab, problems),
        Some(Kind::Xml) => files::xml(tab, problems),
        Some(Kind::Json) => files::json(tab, problems),
        // Which keys are known depends on the kind: without it none is judged.
        None => Source::Sql(SqlSource { encoding: Encoding::Auto, queries: Vec::new() }),
    }
}

/// The columns that tell rows apart, where there must be some.
fn key(tab: &mut Tab<'_>, problems: &mut Problems) -> Vec<Text> {
    let key = tab.texts("key", problems);
    if key.is_empty() {
        problems.push(
            "adapter.missing_key",
            tab.pos,
            tab.key("key"),
            "the columns that tell rows apart must be given",
            "必须给出区分各行的列",
        );
    }
    key
}

fn columns(tab: &mut Tab<'_>, problems: &mut Problems) -> Vec<Text> {
    let columns = tab.texts("columns", problems);
    if columns.is_empty() {
        problems.push(
            "adapter.missing_key",
            tab.pos,
            tab.key("columns"),
            "the columns must be listed, in the order of the source",
            "必须按来源顺序列出各列",
        );
    }
    for (i, column) in columns.iter().enumerate() {
        if columns.iter().take(i).any(|c| c.text == column.text) {
            problems.push(
                "adapter.bad_value",
                column.pos,
                tab.key("columns"),
                format!("`{}` is listed twice", column.text),
                format!("『{}』重复列出", column.text),
            );
        }
    }
    columns
}

/// No two queries of a source have one name.
fn check_name_free(queries: &[Query], name: &Text, path: &str, problems: &mut Problems) {
    if queries.iter().any(|q| q.name.text == name.text) {
        let (en, zh) = ("another query has this name", "查询名重复");
        problems.push("adapter.bad_value", name.pos, path, en, zh);
    }
}

fn check_columns<'t>(
    query: &Query,
    names: impl IntoIterator<Item = &'t Text>,
    path: &str,
    problems: &mut Problems,
) {
    for name in names {
        crate::read_record::check_column(&query.columns, name, path, problems);
    }
}
