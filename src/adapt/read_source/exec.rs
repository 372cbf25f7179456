//! Reads `[source]` of a program that speaks the Singer protocol: which streams are which rows.

use std::collections::BTreeMap;

use super::{blocks, check_columns, columns, key, vanished};
use crate::problem::Problems;
use crate::source::{Detect, ExecSource, FileSource, Form, Query, Source};
use crate::tree::Tab;

pub(super) fn exec(mut tab: Tab<'_>, problems: &mut Problems) -> Source {
    let (mut queries, mut streams): (Vec<Query>, Vec<String>) = (Vec::new(), Vec::new());
    for (mut of, name) in blocks(&mut tab, "stream", problems) {
        let said = of.text("stream", problems);
        let stream = said.as_ref().unwrap_or(&name);
        if streams.contains(&stream.text) {
            let (en, zh) = ("another block reads this stream", "该 stream 已由另一块读取");
            problems.push("adapter.bad_value", stream.pos, of.key("stream"), en, zh);
        }
        streams.push(stream.text.clone());
        let columns = columns(&mut of, problems);
        let key = key(&mut of, problems);
        let ways = [("feed", Detect::Feed), ("compare", Detect::Compare)];
        let feeds = of.word("detect", &ways.each_ref().map(|(w, d)| (*w, d)), problems);
        let detect = feeds.cloned().unwrap_or(Detect::Feed);
        let vanished = vanished(&mut of, &detect, problems);
        let query = Query {
            name,
            sql: String::new(),
            sql_for: BTreeMap::new(),
            columns,
            key,
            detect,
            history: None,
            vanished,
            write_back: None,
        };
        check_columns(&query, query.key.iter(), &of.key("key"), problems);
        of.finish(problems);
        queries.push(query);
    }
    tab.finish(problems);
    let read = FileSource::of(Form::Singer(streams), queries);
    Source::Exec(Box::new(ExecSource { read }))
}
