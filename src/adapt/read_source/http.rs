//! Reads `[source]` of a web service that is asked: requests, pages, codes, login.

use std::collections::BTreeMap;

use canon::Millis;

use super::sql::OVERLAP_SECONDS;
use super::{blocks, check_columns, columns, key, limited, vanished};
use crate::ask::{
    AnswerCode, AnswerForm, Ask, By, Call, Content, HttpSource, Login, Pages, SLOTS, Slot, Template,
};
use crate::problem::{Problems, nearest};
use crate::source::{Detect, Query, Source};
use crate::times::Times;
use crate::tree::{Tab, Text, Value, wrong_kind};

/// Most pages of one pass, where the package does not say.
const PAGES: u64 = 10_000;
/// Most pages that a package may ask for.
const PAGES_MAX: u64 = 1_000_000;
/// Most rows that a page may be asked for.
const SIZE_MAX: u64 = 100_000;
/// Rows of a page, where the package does not say.
const SIZE: u64 = 100;

pub(super) fn http(mut tab: Tab<'_>, problems: &mut Problems) -> Source {
    let answers = [("json", AnswerForm::Json), ("xml", AnswerForm::Xml)];
    let answers = tab.word("answers", &answers, problems).unwrap_or_default();
    let times = [
        ("text", Times::Text),
        ("iso", Times::Iso),
        ("compact", Times::Compact),
        ("date", Times::Date),
        ("unix", Times::Unix),
        ("unix_ms", Times::UnixMs),
    ];
    let times = tab.word("times", &times, problems).unwrap_or_default();
    let per_minute = tab.number("per_minute", problems).unwrap_or(0);
    let headers = named(&mut tab, "headers", problems);
    let code = tab.get("code").is_some().then(|| code(tab.table("code", problems), problems));
    let login = tab.get("login").is_some().then(|| login(tab.table("login", problems), problems));
    let (mut queries, mut asks): (Vec<Query>, Vec<Ask>) = (Vec::new(), Vec::new());
    for (mut of, name) in blocks(&mut tab, "query", problems) {
        let (query, ask) = query(&mut of, name, problems);
        of.finish(problems);
        queries.push(query);
        asks.push(ask);
    }
    if login.is_none() {
        let of_calls = asks.iter().flat_map(|a| a.call.templates());
        let mut all = of_calls.chain(headers.iter().map(|(_, template)| template));
        if all.any(|t| t.slots().any(|s| *s == Slot::Token)) {
            let (en, zh) = ("`{token}` needs a [source.login]", "用到 {token} 须有 [source.login]");
            problems.push("adapter.missing_key", tab.pos, tab.key("login"), en, zh);
        }
    }
    tab.finish(problems);
    let source = HttpSource { answers, per_minute, times, headers, code, login, queries, asks };
    Source::Http(Box::new(source))
}

fn code(mut tab: Tab<'_>, problems: &mut Problems) -> AnswerCode {
    let texts = |tab: &mut Tab<'_>, key, problems: &mut Problems| -> Vec<String> {
        tab.texts(key, problems).into_iter().map(|t| t.text).collect()
    };
    let code = AnswerCode {
        path: tab.need("path", problems).text,
        fine: texts(&mut tab, "fine", problems),
        empty: texts(&mut tab, "empty", problems),
        login: texts(&mut tab, "login", problems),
        denied: texts(&mut tab, "denied", problems),
    };
    if code.fine.is_empty() {
        let (en, zh) = ("must say which codes are fine", "必须列出表示成功的代码");
        problems.push("adapter.missing_key", tab.pos, tab.key("fine"), en, zh);
    }
    tab.finish(problems);
    code
}

fn login(mut tab: Tab<'_>, problems: &mut Problems) -> Login {
    let call = call(&mut tab, None, problems);
    let (pos, path) = (tab.pos, tab.path.clone());
    for slot in call.templates().flat_map(Template::slots) {
        if !matches!(slot, Slot::Secret(_) | Slot::Value(_)) {
            let en = "a login is filled with `{secret.NAME}` and `{value.NAME}` alone";
            let zh = "登录请求只能用 {secret.名称} 和 {value.名称}";
            problems.push("adapter.bad_value", pos, &path, en, zh);
            break;
        }
    }
    let login = Login {
        call,
        token: tab.need("token", problems).text,
        expires: tab.text("expires", problems).map(|t| t.text),
        lifetime_seconds: tab.number("lifetime_seconds", problems),
    };
    tab.finish(problems);
    login
}

/// A request; what it does not say is as `usual`.
fn call(tab: &mut Tab<'_>, usual: Option<&Call>, problems: &mut Problems) -> Call {
    let methods = [("GET", false), ("POST", true)];
    let contents = [("json", Content::Json), ("xml", Content::Xml), ("form", Content::Form)];
    let path = match (tab.get("path").is_some(), usual) {
        (false, Some(usual)) => usual.path.clone(),
        _ => {
            let text = tab.need("path", problems);
            template(&text, &tab.key("path"), problems)
        }
    };
    let body = tab.text("body", problems);
    let body = body.map(|text| template(&text, &tab.key("body"), problems));
    let body = body.or_else(|| usual.and_then(|u| u.body.clone()));
    let post = tab.word("method", &methods, problems);
    let post = post.unwrap_or_else(|| usual.map_or(body.is_some(), |u| u.post));
    let content = tab.word("content", &contents, problems);
    let content = content.unwrap_or_else(|| usual.map(|u| u.content).unwrap_or_default());
    let or_usual = |said: Vec<_>, of: Option<&Vec<_>>| match of {
        Some(usual) if said.is_empty() => usual.clone(),
        _ => said,
    };
    let params = or_usual(named(tab, "params", problems), usual.map(|u| &u.params));
    let headers = or_usual(named(tab, "headers", problems), usual.map(|u| &u.headers));
    if body.is_some() && !post {
        let (en, zh) = ("a body needs `method = \"POST\"`", "有 body 须写 method = \"POST\"");
        problems.push("adapter.bad_value", tab.pos, tab.key("body"), en, zh);
    }
    Call { post, path, params, headers, body, content }
}

/// A table of names and templates.
fn named(tab: &mut Tab<'_>, key: &'static str, problems: &mut Problems) -> Vec<(Text, Template)> {
    let below = tab.table(key, problems);
    let mut found = Vec::new();
    for (name, node) in below.entries() {
        let path = below.key(&name.text);
        match &node.value {
            Value::Text(text) => {
                let text = Text { text: text.clone(), pos: node.pos };
                found.push((name.clone(), template(&text, &path, problems)));
            }
            other => wrong_kind(problems, node.pos, &path, ("a text", "文本"), other),
        }
    }
    found
}

fn template(text: &Text, path: &str, problems: &mut Problems) -> Template {
    Template::read(&text.text).unwrap_or_else(|word| {
        let en = format!("`{{{word}}}` is no place that can be filled: {}", SLOTS.join(", "));
        let zh = format!("没有『{{{word}}}』这种占位：{}", SLOTS.join("、"));
        problems.push("adapter.bad_value", text.pos, path, en, zh).hint =
            nearest(&word, SLOTS.iter().copied());
        Template::default()
    })
}

#[derive(Clone, Copy)]
enum How {
    ModifiedTime,
    Compare,
    Feed,
}

fn query(tab: &mut Tab<'_>, name: Text, problems: &mut Problems) -> (Query, Ask) {
    let call = call(tab, None, problems);
    let record = tab.text("record", problems).unwrap_or_default().text;
    let columns = columns(tab, problems);
    let key = key(tab, problems);
    let detect = detect(tab, problems);
    let vanished = vanished(tab, &detect, problems);
    let begin = begin(tab, problems);
    let pages = pages(tab.table("pages", problems), problems);
    let history = match tab.get("history") {
        Some(node) => {
            let mut below = Tab::of(node, tab.key("history"), problems);
            let old = self::call(&mut below, Some(&call), problems);
            must_say(&below, "params", &old, &[Slot::From, Slot::To], problems);
            below.finish(problems);
            Some(old)
        }
        None => None,
    };
    let paged: &[Slot] = match pages.by {
        By::Page => &[Slot::Page],
        By::Offset => &[Slot::Offset],
        By::Cursor(_) => &[Slot::Cursor],
        By::None | By::Link(_) => &[],
    };
    must_say(tab, "pages", &call, paged, problems);
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
    check_columns(&query, query.key.iter(), &tab.key("key"), problems);
    if let Detect::ModifiedTime { column, .. } = &query.detect {
        check_columns(&query, Some(column), &tab.key("cursor"), problems);
        must_say(tab, "detect", &call, &[Slot::Since], problems);
    }
    if query.detect == Detect::Feed && !matches!(pages.by, By::Cursor(_)) {
        let (en, zh) =
            ("`feed` goes on by pages.by = \"cursor\"", "feed 须配 pages.by = \"cursor\"");
        problems.push("adapter.bad_value", tab.pos, tab.key("detect"), en, zh);
    }
    (query, Ask { call, history, record, pages, begin })
}

/// A request that never says these would be answered the same again and again.
fn must_say(tab: &Tab<'_>, key: &str, call: &Call, slots: &[Slot], problems: &mut Problems) {
    for slot in slots {
        if !call.templates().flat_map(Template::slots).any(|s| s == slot) {
            let word = format!("{slot:?}").to_lowercase();
            let en = format!("the request has no `{{{word}}}`, so every answer would be the same");
            let zh = format!("请求中没有 {{{word}}}，每次应答都会相同");
            problems.push("adapter.missing_key", tab.pos, tab.key(key), en, zh);
        }
    }
}

fn detect(tab: &mut Tab<'_>, problems: &mut Problems) -> Detect {
    let words =
        [("modified_time", How::ModifiedTime), ("compare", How::Compare), ("feed", How::Feed)];
    if tab.get("detect").is_none() {
        tab.need("detect", problems);
    }
    match tab.word("detect", &words, problems) {
        Some(How::ModifiedTime) => Detect::ModifiedTime {
            column: tab.need("cursor", problems),
            overlap_seconds: tab.number("overlap_seconds", problems).unwrap_or(OVERLAP_SECONDS),
        },
        Some(How::Feed) => Detect::Feed,
        Some(How::Compare) | None => Detect::Compare,
    }
}

fn begin(tab: &mut Tab<'_>, problems: &mut Problems) -> Option<Millis> {
    let text = tab.text("begin", problems)?;
    let found = Times::Text.read(&text.text);
    if found.is_none() {
        let (en, zh) = ("must be a time: 2026-01-01 00:00:00", "应为时间，如 2026-01-01 00:00:00");
        problems.push("adapter.bad_value", text.pos, tab.key("begin"), en, zh);
    }
    found
}

#[derive(Clone, Copy)]
enum Way {
    None,
    Page,
    Offset,
    Cursor,
    Link,
}

fn pages(mut tab: Tab<'_>, problems: &mut Problems) -> Pages {
    let ways = [
        ("none", Way::None),
        ("page", Way::Page),
        ("offset", Way::Offset),
        ("cursor", Way::Cursor),
        ("link", Way::Link),
    ];
    let way = tab.word("by", &ways, problems).unwrap_or(Way::None);
    let by = match way {
        Way::None => By::None,
        Way::Page => By::Page,
        Way::Offset => By::Offset,
        Way::Cursor => By::Cursor(tab.need("next", problems).text),
        Way::Link => By::Link(tab.need("next", problems).text),
    };
    let usual_first = u64::from(matches!(way, Way::Page));
    let first = tab.number("first", problems).unwrap_or(usual_first);
    let size = limited(&mut tab, "size", SIZE, SIZE_MAX, problems);
    let max = limited(&mut tab, "max", PAGES, PAGES_MAX, problems);
    let lasts = [("empty", false), ("short", true)];
    let pages = Pages {
        by,
        first,
        size,
        total: tab.text("total", problems).map(|t| t.text),
        more: tab.text("more", problems).map(|t| t.text),
        short_is_last: tab.word("last", &lasts, problems).unwrap_or(false),
        max,
    };
    tab.finish(problems);
    pages
}
