//! Reads `[source]` of files: their form, which of them, where they go.

use super::{ROW, blocks, check_columns, columns, limited};
use crate::problem::Problems;
use crate::read_record;
use crate::source::{
    Detect, FileSource, FlagValues, Form, Query, Sheet, Source, Vanished, Workbook, WriteBack,
};
use crate::text::{Encoding, Quote, TextSettings};
use crate::tree::{Tab, Text};

/// A file is read once it has not grown for so long, where the package does not say.
const SETTLE_SECONDS: u64 = 5;
/// Most rows of a sheet's header.
const HEADER_ROWS_MAX: u64 = 10;
/// Last row of a sheet.
const ROW_LAST: u64 = 1_048_576;

pub(super) fn csv(mut tab: Tab<'_>, problems: &mut Problems) -> Source {
    let quotes = [("strict", Quote::Strict), ("lenient", Quote::Lenient), ("none", Quote::None)];
    let encoding = encoding(&mut tab, problems);
    let quote = tab.word("quote", &quotes, problems).unwrap_or_default();
    let delimiter = delimiter(&mut tab, problems);
    let form = Form::Csv(TextSettings { encoding, delimiter, quote });
    let query = row(&mut tab, problems);
    folder_of(tab, form, "*.csv", vec![query], problems)
}

pub(super) fn dbf(mut tab: Tab<'_>, problems: &mut Problems) -> Source {
    let form = Form::Dbf(encoding(&mut tab, problems));
    let query = row(&mut tab, problems);
    folder_of(tab, form, "*.dbf", vec![query], problems)
}

pub(super) fn xml(mut tab: Tab<'_>, problems: &mut Problems) -> Source {
    let record = tab.need("record", problems);
    let form = Form::Xml(record.text);
    let query = row(&mut tab, problems);
    folder_of(tab, form, "*.xml", vec![query], problems)
}

pub(super) fn json(mut tab: Tab<'_>, problems: &mut Problems) -> Source {
    let form = Form::Json(tab.text("record", problems).unwrap_or_default().text);
    let query = row(&mut tab, problems);
    folder_of(tab, form, "*.json", vec![query], problems)
}

/// One sheet in `[source]` itself, or several as `[[source.query]]`.
pub(super) fn workbook(mut tab: Tab<'_>, problems: &mut Problems) -> Source {
    let (mut queries, mut sheets) = (Vec::new(), Vec::new());
    if tab.get("query").is_some() {
        for (mut of, name) in blocks(&mut tab, "query", problems) {
            let query = query(&mut of, name, problems);
            sheets.push(sheet(&mut of, &query, problems));
            of.finish(problems);
            queries.push(query);
        }
    } else {
        let query = row(&mut tab, problems);
        sheets.push(sheet(&mut tab, &query, problems));
        queries.push(query);
    }
    folder_of(tab, Form::Workbook(Workbook { sheets }), "*.xls*", queries, problems)
}

fn sheet(tab: &mut Tab<'_>, query: &Query, problems: &mut Problems) -> Sheet {
    let usual = Sheet::default();
    let name = tab.text("sheet", problems).map(|t| t.text);
    let header_row = count(tab, "header_row", 1, ROW_LAST, problems);
    let header_rows = count(tab, "header_rows", 1, HEADER_ROWS_MAX, problems);
    let first = header_row.saturating_add(header_rows);
    let first_row = count(tab, "first_row", first.into(), ROW_LAST, problems);
    if first_row < first {
        let (en, zh) = ("must be below the header", "应在表头之下");
        problems.push("adapter.bad_value", tab.pos, tab.key("first_row"), en, zh);
    }
    let join = tab.text("join", problems).map_or(usual.join, |t| t.text);
    let stop = tab.texts("stop", problems).into_iter().map(|t| t.text).filter(|t| !t.is_empty());
    let stop = stop.collect();
    let mut fill_down = Vec::new();
    let key = tab.key("fill_down");
    for name in tab.texts("fill_down", problems) {
        read_record::check_column(&query.columns, &name, &key, problems);
        fill_down.extend(query.columns.iter().position(|c| c.text == name.text));
    }
    Sheet { sheet: name, header_row, header_rows, join, first_row, stop, fill_down }
}

fn count(
    tab: &mut Tab<'_>,
    key: &'static str,
    usual: u64,
    max: u64,
    problems: &mut Problems,
) -> u32 {
    u32::try_from(limited(tab, key, usual, max, problems)).unwrap_or(1)
}

fn encoding(tab: &mut Tab<'_>, problems: &mut Problems) -> Encoding {
    let encodings =
        [("auto", Encoding::Auto), ("utf-8", Encoding::Utf8), ("gb18030", Encoding::Gb18030)];
    tab.word("encoding", &encodings, problems).unwrap_or_default()
}

/// The query of files that hold one kind of row.
pub(super) fn row(tab: &mut Tab<'_>, problems: &mut Problems) -> Query {
    let name = Text { text: ROW.into(), pos: tab.pos };
    query(tab, name, problems)
}

fn query(tab: &mut Tab<'_>, name: Text, problems: &mut Problems) -> Query {
    let columns = columns(tab, problems);
    let key = tab.texts("key", problems);
    let query = Query {
        name,
        sql: String::new(),
        sql_for: std::collections::BTreeMap::new(),
        columns,
        key,
        detect: Detect::File,
        history: None,
        vanished: Vanished::Ignore,
        write_back: None,
    };
    check_columns(&query, query.key.iter(), &tab.key("key"), problems);
    query
}

/// Outcomes go into the answer to the file: there is no table, and the flags are its own words.
fn to_answer() -> WriteBack {
    let (accepted, rejected) = ("accepted".to_owned(), "rejected".to_owned());
    WriteBack {
        table: Text::default(),
        own_table: false,
        key: Vec::new(),
        flag: Text::default(),
        stamp: None,
        error: None,
        error_chars: 0,
        values: FlagValues {
            warned: accepted.clone(),
            accepted,
            rejected,
            quarantined: "returned".into(),
        },
    }
}

/// What files of every form have; the last that is read of `[source]`.
fn folder_of(
    mut tab: Tab<'_>,
    form: Form,
    usual: &str,
    mut queries: Vec<Query>,
    problems: &mut Problems,
) -> Source {
    let files = tab.text("files", problems).map_or_else(|| usual.into(), |t| t.text);
    let done = folder(&mut tab, "done", problems);
    let failed = folder(&mut tab, "failed", problems);
    let answer = tab.get("answer").is_some().then(|| folder(&mut tab, "answer", problems));
    if answer.is_some() {
        for query in &mut queries {
            query.write_back = Some(to_answer());
        }
    }
    let settle_seconds = tab.number("settle_seconds", problems).unwrap_or(SETTLE_SECONDS);
    tab.finish(problems);
    Source::Files(Box::new(FileSource {
        form,
        files,
        done,
        failed,
        answer,
        settle_seconds,
        queries,
    }))
}

fn delimiter(tab: &mut Tab<'_>, problems: &mut Problems) -> char {
    let Some(text) = tab.text("delimiter", problems) else { return ',' };
    let mut chars = text.text.chars();
    match (chars.next(), chars.next()) {
        (Some(c), None) if !matches!(c, '"' | '\n' | '\r') => c,
        _ => {
            problems.push(
                "adapter.bad_value",
                text.pos,
                tab.key("delimiter"),
                "must be one character, no quote and no line end",
                "应为一个字符，不可为引号或换行",
            );
            ','
        }
    }
}

/// A folder below the source's own: one plain name.
fn folder(tab: &mut Tab<'_>, key: &'static str, problems: &mut Problems) -> String {
    let Some(text) = tab.text(key, problems) else { return key.into() };
    let plain = !text.text.is_empty()
        && !text.text.contains(['/', '\\'])
        && text.text != "."
        && text.text != "..";
    if !plain {
        problems.push(
            "adapter.bad_value",
            text.pos,
            tab.key(key),
            "must be a plain folder name below the source's folder",
            "应为来源目录下的普通目录名",
        );
    }
    text.text
}
