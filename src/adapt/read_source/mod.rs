//! Reads `[source]`: which kind it is, and what every kind has.

mod exec;
mod files;
mod front;
mod http;
mod push;
mod sql;

use crate::problem::Problems;
use crate::read::check_token;
use crate::source::{Detect, Query, Source, SqlSource, Vanished};
use crate::text::Encoding;
use crate::tree::{Node, Tab, Text, Value, wrong_kind};

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
    HttpPull,
    Exec,
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
    ("http_pull", Kind::HttpPull),
    ("exec", Kind::Exec),
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
        Some(Kind::Exec) => exec::exec(tab, problems),
        Some(Kind::HttpPull) => http::http(tab, problems),
        Some(Kind::Csv) => files::csv(tab, problems),
        Some(Kind::Workbook) => files::workbook(tab, problems),
        Some(Kind::Dbf) => files::dbf(tab, problems),
        Some(Kind::Xml) => files::xml(tab, problems),
        Some(Kind::Json) => files::json(tab, problems),
        // Which keys are known depends on the kind: without it none is judged.
        None => Source::Sql(SqlSource { encoding: Encoding::Auto, queries: Vec::new() }),
    }
}

#[derive(Clone, Copy)]
enum Gone {
    Hold,
    Void,
    Ignore,
}

/// What happens to the records of a row that is gone. Only full passes can tell that one is.
fn vanished(tab: &mut Tab<'_>, detect: &Detect, problems: &mut Problems) -> Vanished {
    let ways = [("hold", Gone::Hold), ("void", Gone::Void), ("ignore", Gone::Ignore)];
    let void = match tab.word("vanished", &ways, problems) {
        None | Some(Gone::Hold) => return Vanished::Hold,
        Some(Gone::Ignore) => return Vanished::Ignore,
        Some(Gone::Void) => tab.key("vanished"),
    };
    if *detect != Detect::Compare {
        let (en, zh) = ("`void` needs detect = \"compare\"", "void 须配 detect = \"compare\"");
        problems.push("adapter.bad_value", tab.pos, void, en, zh);
    }
    let [reason, by] = ["void_reason", "void_by"].map(|key| {
        let said = tab.need(key, problems);
        check_token(&said, &tab.key(key), canon::format::TOKEN_MAX, problems);
        said.text
    });
    Vanished::Void { reason, by }
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

/// The blocks `[[source.KEY]]`, each a stream of rows, by their names.
fn blocks<'a>(
    tab: &mut Tab<'a>,
    key: &'static str,
    problems: &mut Problems,
) -> Vec<(Tab<'a>, Text)> {
    let mut found: Vec<(Tab<'a>, Text)> = Vec::new();
    let path = tab.key(key);
    match tab.get(key) {
        Some(Node { value: Value::List(items), .. }) => {
            for (i, item) in items.iter().enumerate() {
                let mut of = Tab::of(item, format!("{path}[{}]", i + 1), problems);
                let name = of.need("name", problems);
                if found.iter().any(|(_, other)| other.text == name.text) {
                    let (en, zh) = ("another query has this name", "查询名重复");
                    problems.push("adapter.bad_value", name.pos, of.key("name"), en, zh);
                }
                found.push((of, name));
            }
        }
        Some(node) => {
            let (en, zh) = (format!("[[source.{key}]] blocks"), format!("[[source.{key}]] 块"));
            wrong_kind(problems, node.pos, &path, (&en, &zh), &node.value);
        }
        None => {
            problems.push(
                "adapter.missing_key",
                tab.pos,
                path,
                format!("there must be at least one [[source.{key}]]"),
                format!("至少要有一个 [[source.{key}]]"),
            );
        }
    }
    found
}

/// A number from 1.
fn limited(
    tab: &mut Tab<'_>,
    key: &'static str,
    usual: u64,
    max: u64,
    problems: &mut Problems,
) -> u64 {
    let said = tab.number(key, problems).unwrap_or(usual);
    if said == 0 || said > max {
        let (en, zh) = (format!("must be from 1 to {max}"), format!("应在 1 到 {max} 之间"));
        problems.push("adapter.bad_value", tab.pos, tab.key(key), en, zh);
    }
    said.clamp(1, max)
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
