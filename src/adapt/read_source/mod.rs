//! Reads `[source]`: which kind it is, and what every kind has.

mod files;
mod front;
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
    FrontTable,
    Sql,
}

pub(crate) fn source(mut tab: Tab<'_>, problems: &mut Problems) -> Source {
    let kinds = [("csv", Kind::Csv), ("sql", Kind::Sql), ("front_table", Kind::FrontTable)];
    let kind = tab.word("kind", &kinds, problems);
    if tab.get("kind").is_none() {
        tab.need("kind", problems);
    }
    match kind {
        Some(Kind::Sql) => sql::sql(tab, problems),
        Some(Kind::FrontTable) => front::front(tab, problems),
        Some(Kind::Csv) => files::csv(tab, problems),
        // Which keys are known depends on the kind: without it none is judged.
        None => Source::Sql(SqlSource { encoding: Encoding::Auto, queries: Vec::new() }),
    }
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
