//! Reads `[source]` of files: their form, which of them, where they go.

use super::{ROW, check_columns, columns};
use crate::package::{Detect, FileSource, Form, Query, Source, Vanished};
use crate::problem::Problems;
use crate::text::{Encoding, Quote, TextSettings};
use crate::tree::{Tab, Text};

/// A file is read once it has not grown for so long, where the package does not say.
const SETTLE_SECONDS: u64 = 5;

pub(super) fn csv(mut tab: Tab<'_>, problems: &mut Problems) -> Source {
    let encodings =
        [("auto", Encoding::Auto), ("utf-8", Encoding::Utf8), ("gb18030", Encoding::Gb18030)];
    let quotes = [("strict", Quote::Strict), ("lenient", Quote::Lenient), ("none", Quote::None)];
    let encoding = tab.word("encoding", &encodings, problems).unwrap_or_default();
    let quote = tab.word("quote", &quotes, problems).unwrap_or_default();
    let delimiter = delimiter(&mut tab, problems);
    let files = tab.text("files", problems).map_or_else(|| "*.csv".into(), |t| t.text);
    let done = folder(&mut tab, "done", problems);
    let failed = folder(&mut tab, "failed", problems);
    let settle_seconds = tab.number("settle_seconds", problems).unwrap_or(SETTLE_SECONDS);
    let columns = columns(&mut tab, problems);
    let key = tab.texts("key", problems);
    let query = Query {
        name: Text { text: ROW.into(), pos: tab.pos },
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
    tab.finish(problems);
    let form = Form::Csv(TextSettings { encoding, delimiter, quote });
    let queries = vec![query];
    Source::Files(Box::new(FileSource { form, files, done, failed, settle_seconds, queries }))
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
