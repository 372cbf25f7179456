//! Reads `[source]` of what a department posts: the form of the document, the operation of a SOAP call.

use super::files::row;
use crate::problem::Problems;
use crate::source::{FileSource, Form, PushSource, Query, Soap, Source};
use crate::tree::{Tab, Text};

#[derive(Clone, Copy)]
enum Body {
    Json,
    Xml,
}

pub(super) fn http(mut tab: Tab<'_>, problems: &mut Problems) -> Source {
    if tab.get("form").is_none() {
        tab.need("form", problems);
    }
    let body = tab.word("form", &[("json", Body::Json), ("xml", Body::Xml)], problems);
    let form = match body {
        Some(Body::Xml) => Form::Xml(tab.need("record", problems).text),
        Some(Body::Json) | None => {
            Form::Json(tab.text("record", problems).unwrap_or_default().text)
        }
    };
    let query = row(&mut tab, problems);
    tab.finish(problems);
    posted(form, query)
}

pub(super) fn soap(mut tab: Tab<'_>, problems: &mut Problems) -> Source {
    let namespace = tab.need("namespace", problems);
    let operation = tab.need("operation", problems);
    let action = tab.text("action", problems);
    let payload = tab.text("payload", problems);
    let record = tab.need("record", problems);
    for (key, text) in [("operation", Some(&operation)), ("payload", payload.as_ref())] {
        name(&tab.key(key), text, problems);
    }
    if namespace.text.contains(char::is_whitespace) {
        let (en, zh) = ("a namespace has no blanks", "命名空间中不可有空格");
        problems.push("adapter.bad_value", namespace.pos, tab.key("namespace"), en, zh);
    }
    let action = match action {
        Some(text) => text.text,
        None => format!("{}/{}", namespace.text.trim_end_matches('/'), operation.text),
    };
    let form = Form::Soap(Box::new(Soap {
        action,
        namespace: namespace.text,
        operation: operation.text,
        payload: payload.map(|p| p.text),
        record: record.text,
    }));
    let query = row(&mut tab, problems);
    tab.finish(problems);
    posted(form, query)
}

/// An element's local name.
fn name(path: &str, text: Option<&Text>, problems: &mut Problems) {
    let Some(text) = text.filter(|t| !t.text.is_empty()) else { return };
    let legal = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '.');
    let first = text.text.chars().next().is_some_and(|c| c.is_alphabetic() || c == '_');
    if !first || !text.text.chars().all(legal) {
        let (en, zh) = ("must be the local name of an element", "应为元素的本地名，不带前缀");
        problems.push("adapter.bad_value", text.pos, path, en, zh);
    }
}

fn posted(form: Form, query: Query) -> Source {
    Source::Push(Box::new(PushSource { body: FileSource::of(form, vec![query]) }))
}
