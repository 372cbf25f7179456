//! A department's web service, on a free port of this machine: a sample's answer is what it answers
//! until the next round.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use adapt::{AnswerForm, Ask, By, Call, Detect, HttpSource, Piece, Slot, Source, Template};
use canon::Millis;
use edge::legacy_http::{Asked, Reply, Service};
use serde_json::{Value, json};

use super::department::Department;
use super::drive::Unplayed;
use crate::demo::prepare::{remove_file, write_private};
use crate::text::Failure;

/// Seconds that a token is good for.
const TOKEN_SECONDS: u64 = 7200;

/// What it answers now: path → body.
type Answers = Arc<Mutex<BTreeMap<String, Vec<u8>>>>;

/// A department's web service.
pub(super) struct Web {
    service: Service,
    answers: Answers,
    source: HttpSource,
    /// The secret that it asks for, as a file.
    secret: PathBuf,
    /// Body of each query in each round.
    rounds: Vec<BTreeMap<String, Vec<u8>>>,
}

impl Web {
    pub(super) fn of(department: &Department, secret: PathBuf) -> Result<Self, Unplayed> {
        let Source::Http(source) = &department.package.source else {
            return Err(("it does not ask a web service".into(), "该适配包不读接口".into()));
        };
        let paths: BTreeSet<String> = source.asks.iter().map(|a| path(&a.call)).collect();
        let compared = source.queries.iter().any(|q| matches!(q.detect, Detect::Compare));
        if paths.len() < source.asks.len() || compared {
            return Err((
                "queries that share a path, or are compared, cannot be played by the demo".into(),
                "演示程序尚不能模拟共用路径或全量比对的接口".into(),
            ));
        }
        let rounds = rounds(department, source);
        let answers = Answers::default();
        let (now, asked_of) = (Arc::clone(&answers), source.clone());
        let service = Service::start(move |asked| answer(&asked_of, &now, asked));
        let service = service.map_err(|e| (format!("no port: {e}"), format!("无可用端口：{e}")))?;
        Ok(Self { service, answers, source: (**source).clone(), secret, rounds })
    }

    pub(super) fn rounds(&self) -> usize {
        self.rounds.len()
    }

    /// The lines of `[adapter.source]`; the port is another at every start.
    pub(super) fn config(&self) -> String {
        let name = self.secret.file_name().unwrap_or_default().to_string_lossy();
        let (mut secrets, mut values) = (BTreeSet::new(), BTreeSet::new());
        for slot in self.templates().flat_map(Template::slots) {
            match slot {
                Slot::Secret(name) => secrets.insert(name.clone()),
                Slot::Value(name) => values.insert(name.clone()),
                _ => false,
            };
        }
        let table = |key: &str, names: BTreeSet<String>, value: &str| {
            let all: Vec<String> = names.iter().map(|n| format!("{n} = \"{value}\"")).collect();
            if all.is_empty() {
                String::new()
            } else {
                format!("{key} = {{ {} }}\n", all.join(", "))
            }
        };
        let secrets = table("secrets", secrets, &format!("file:systems/{name}"));
        format!("url = \"{}\"\n{secrets}{}", self.service.url(), table("values", values, "demo"))
    }

    fn templates(&self) -> impl Iterator<Item = &Template> {
        let calls = self.source.asks.iter().map(|a| &a.call);
        let calls = calls.chain(self.source.asks.iter().filter_map(|a| a.history.as_ref()));
        let calls = calls.chain(self.source.login.iter().map(|l| &l.call));
        let headers = self.source.headers.iter().map(|(_, template)| template);
        calls.flat_map(Call::templates).chain(headers)
    }

    pub(super) fn stand(&self) -> Result<(), Failure> {
        remove_file(&self.secret)?;
        write_private(&self.secret, "of the demo")
    }

    /// From now on it answers what the round has; its rows were changed just now.
    pub(super) fn say(&self, round: usize, now: Millis) {
        let Some(bodies) = self.rounds.get(round) else { return };
        let stamp = self.source.times.write(now);
        let mut answers = self.answers.lock().unwrap_or_else(PoisonError::into_inner);
        for (query, ask) in self.source.queries.iter().zip(&self.source.asks) {
            let Some(body) = bodies.get(&query.name.text) else { continue };
            let body = match &query.detect {
                Detect::ModifiedTime { column, .. } => changed(body, ask, &column.text, &stamp),
                _ => body.clone(),
            };
            answers.insert(path(&ask.call), body);
        }
    }
}

fn rounds(department: &Department, source: &HttpSource) -> Vec<BTreeMap<String, Vec<u8>>> {
    let ending = match source.answers {
        AnswerForm::Json => "json",
        AnswerForm::Xml => "xml",
    };
    let mut all = Vec::new();
    for files in department.package.samples.values() {
        for number in 1.. {
            let stem = if number == 1 { "input".to_owned() } else { format!("input.{number}") };
            let named = |query: &str| match source.queries.len() {
                1 => format!("{stem}.{ending}"),
                _ => format!("{stem}.{query}.{ending}"),
            };
            let body = |q: &adapt::Query| {
                Some((q.name.text.clone(), files.get(&named(&q.name.text))?.clone()))
            };
            let bodies: BTreeMap<_, _> = source.queries.iter().filter_map(body).collect();
            if bodies.is_empty() {
                break;
            }
            all.push(bodies);
        }
    }
    all
}

/// The path of a call, without what fills it.
fn path(call: &Call) -> String {
    let plain = call.path.pieces.iter().map(|piece| match piece {
        Piece::Plain(text) => text.as_str(),
        Piece::Slot(_) => "",
    });
    let path: String = plain.collect();
    format!("/{}", path.trim_start_matches('/'))
}

fn answer(source: &HttpSource, answers: &Answers, asked: &Asked) -> Reply {
    let body = match &source.login {
        Some(login) if path(&login.call) == asked.path() => {
            let mut body = fine(source);
            put(&mut body, &login.token, "a token of the demo".into());
            if let Some(expires) = &login.expires {
                put(&mut body, expires, TOKEN_SECONDS.into());
            }
            body.to_string().into_bytes()
        }
        _ => {
            let Some(ask) = source.asks.iter().find(|a| path(&a.call) == asked.path()) else {
                return Reply::json(404, "{}");
            };
            let answers = answers.lock().unwrap_or_else(PoisonError::into_inner);
            let said = answers.get(asked.path()).filter(|_| is_first(ask, asked));
            said.cloned().unwrap_or_else(|| nothing(source, ask))
        }
    };
    match source.answers {
        AnswerForm::Json => Reply::json(200, body),
        AnswerForm::Xml => {
            let headers = vec![("content-type".into(), "text/xml; charset=utf-8".into())];
            Reply::Full { status: 200, headers, body }
        }
    }
}

/// Whether the first page is asked for: all there is stands on it.
fn is_first(ask: &Ask, asked: &Asked) -> bool {
    let slot = match ask.pages.by {
        By::Page => Slot::Page,
        By::Offset => Slot::Offset,
        By::Cursor(_) => Slot::Cursor,
        By::None | By::Link(_) => return true,
    };
    let holds = |template: &Template| template.slots().any(|s| *s == slot);
    let name = ask.call.params.iter().find(|(_, t)| holds(t)).map(|(name, _)| name);
    let said = name.and_then(|name| asked.query(&name.text)).unwrap_or_default();
    said.is_empty() || said == ask.pages.first.to_string()
}

fn fine(source: &HttpSource) -> Value {
    let mut body = json!({});
    if let Some(code) = &source.code {
        put(&mut body, &code.path, code.fine.first().cloned().unwrap_or_default().into());
    }
    body
}

/// An answer without rows.
fn nothing(source: &HttpSource, ask: &Ask) -> Vec<u8> {
    if source.answers == AnswerForm::Xml {
        let parts: Vec<&str> = ask.record.split('/').collect();
        let outer = parts.split_last().map_or(&[][..], |(_, outer)| outer);
        let open: String = outer.iter().map(|p| format!("<{p}>")).collect();
        let close: String = outer.iter().rev().map(|p| format!("</{p}>")).collect();
        return format!("{open}{close}").into_bytes();
    }
    let mut body = fine(source);
    put(&mut body, &ask.record, json!([]));
    if let Some(total) = &ask.pages.total {
        put(&mut body, total, 0.into());
    }
    body.to_string().into_bytes()
}

/// Puts a value at a path such as `data/token`.
fn put(body: &mut Value, path: &str, value: Value) {
    let mut at = body;
    for part in path.split('/').filter(|p| !p.is_empty()) {
        at = &mut at[part];
    }
    *at = value;
}

/// The answer with this moment in every row, also where the sample leaves it out.
fn changed(body: &[u8], ask: &Ask, column: &str, stamp: &str) -> Vec<u8> {
    let Ok(mut read) = serde_json::from_slice::<Value>(body) else {
        return stamped(body, column, stamp);
    };
    let mut at = &mut read;
    for part in ask.record.split('/').filter(|p| !p.is_empty()) {
        at = &mut at[part];
    }
    match at.as_array_mut() {
        Some(rows) => rows.iter_mut().for_each(|row| put(row, column, stamp.into())),
        None => return stamped(body, column, stamp),
    }
    read.to_string().into_bytes()
}

/// The answer with this moment wherever its rows say when they were changed.
fn stamped(body: &[u8], column: &str, stamp: &str) -> Vec<u8> {
    let text = String::from_utf8_lossy(body).into_owned();
    let name = column.rsplit('/').next().unwrap_or(column);
    let (quoted, element) = (format!("\"{name}\""), format!("<{name}>"));
    let (mut out, mut rest) = (String::new(), text.as_str());
    loop {
        let found = rest.split_once(&quoted).map(|(before, after)| (before, &quoted, after));
        let found = found.or_else(|| rest.split_once(&element).map(|(b, a)| (b, &element, a)));
        let Some((before, mark, after)) = found else { break };
        out.push_str(before);
        out.push_str(mark);
        let value = after.find(|c: char| !matches!(c, ' ' | ':' | '"')).unwrap_or(0);
        let (lead, after) = after.split_at(value);
        let end = after.find(['"', ',', '}', '<', '\n']).unwrap_or(after.len());
        out.push_str(lead);
        out.push_str(stamp);
        rest = after.split_at(end).1;
    }
    out.push_str(rest);
    out.into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_of_an_answer_was_changed_just_now() {
        let body = br#"{"a":[{"updated_at": "x", "b": 1}, {"updated_at":17}]}"#;
        let text = String::from_utf8(stamped(body, "h/updated_at", "NOW")).unwrap();
        assert_eq!(text, r#"{"a":[{"updated_at": "NOW", "b": 1}, {"updated_at":NOW}]}"#);
        let text = stamped(b"<r><t>1</t><u>2</u></r>", "t", "NOW");
        assert_eq!(text, b"<r><t>NOW</t><u>2</u></r>");
        let mut body = json!({});
        put(&mut body, "data/token", "t".into());
        assert_eq!(body, json!({ "data": { "token": "t" } }));
    }
}
