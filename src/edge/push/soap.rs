//! The SOAP side of the endpoint: what a call must say in its headers, answers and faults.

use std::fmt::Write as _;

use adapt::Soap;
use adapt::form::soap::{NS_11, NS_12, Version};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use canon::codes;

use super::body::Kind;
use super::door::Taken;
use super::http::{answer, mark};
use super::post::{Answer, AnsweredRow, Outcome};
use super::refusal::Refusal;

/// The version that a content type belongs to: with this one it is answered, whatever the body is.
pub(super) fn spoken(kind: &Kind) -> Version {
    if kind.essence == "application/soap+xml" { Version::V12 } else { Version::V11 }
}

/// The action must be that of the operation, where one is said.
pub(super) fn check_action(soap: &Soap, headers: &HeaderMap, kind: &Kind) -> Result<(), Refusal> {
    let said = match spoken(kind) {
        Version::V12 => kind.action.as_deref(),
        Version::V11 => headers.get("soapaction").and_then(|v| v.to_str().ok()),
    };
    let said = said.unwrap_or_default().trim().trim_matches('"');
    if said.is_empty() || said == soap.action {
        return Ok(());
    }
    let (en, zh) = (format!("it must be `{}`", soap.action), format!("应为 {}", soap.action));
    Err(Refusal::with("post.soap_action", en, zh))
}

/// The answer to a call.
pub(super) fn response(
    soap: &Soap,
    version: Version,
    outcome: &Result<Taken, Refusal>,
) -> Response {
    let kind = match version {
        Version::V11 => "text/xml; charset=utf-8",
        Version::V12 => "application/soap+xml; charset=utf-8",
    };
    match outcome {
        Ok(taken) => answer(StatusCode::OK, kind, envelope(version, &result(soap, taken))),
        Err(refusal) => {
            // SOAP 1.1 knows no status but 500 for a fault; 1.2 tells the sender's from its own.
            let status = match (version, refusal.status()) {
                (_, status @ (401 | 429 | 503)) => status,
                (Version::V12, status) if status < 500 => 400,
                _ => 500,
            };
            let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
            let mut response = answer(status, kind, envelope(version, &fault(version, refusal)));
            mark(&mut response, refusal);
            response
        }
    }
}

fn envelope(version: Version, body: &str) -> String {
    let space = if version == Version::V11 { NS_11 } else { NS_12 };
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<env:Envelope xmlns:env=\"{space}\"><env:Body>{body}</env:Body></env:Envelope>"
    )
}

/// Writes text into XML.
pub(super) fn put(out: &mut String, text: &str) {
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            c if c < ' ' && !matches!(c, '\t' | '\n' | '\r') => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
}

fn element(out: &mut String, name: &str, text: &str) {
    write!(out, "<{name}>").expect("writing to a string cannot fail");
    put(out, text);
    write!(out, "</{name}>").expect("writing to a string cannot fail");
}

/// The result: a class of one digit, words, and row by row what became of it. Class 0: everything is
/// taken; 1: some rows are returned to their owner; 2: kept, not judged yet.
fn result(soap: &Soap, taken: &Taken) -> String {
    let mut out = String::new();
    write!(out, "<{}Response xmlns=\"", soap.operation).expect("writing to a string cannot fail");
    put(&mut out, &soap.namespace);
    out.push_str("\">");
    let zh = |code: &str| codes::code(code).map_or("", |c| c.zh);
    match taken {
        Taken::Committed(answer) => {
            let class = u8::from(answer.count(Outcome::Quarantined) > 0).to_string();
            head(&mut out, &class, "post.committed", zh("post.committed"), &answer.id);
            rows(&mut out, answer);
        }
        Taken::Kept { id } => head(&mut out, "2", "post.not_yet", zh("post.not_yet"), id),
    }
    write!(out, "</{}Response>", soap.operation).expect("writing to a string cannot fail");
    out
}

fn head(out: &mut String, class: &str, code: &str, message: &str, id: &str) {
    element(out, "class", class);
    element(out, "code", code);
    element(out, "message", message);
    element(out, "id", id);
}

fn rows(out: &mut String, answer: &Answer) {
    for (name, outcome) in [
        ("collected", Outcome::Collected),
        ("duplicate", Outcome::Duplicate),
        ("quarantined", Outcome::Quarantined),
        ("nothing", Outcome::Nothing),
    ] {
        element(out, name, &answer.count(outcome).to_string());
    }
    for row in &answer.rows {
        self::row(out, row);
    }
}

/// A word for an outcome, as in the JSON answer.
pub(super) const fn word(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Collected => "collected",
        Outcome::Duplicate => "duplicate",
        Outcome::Quarantined => "quarantined",
        Outcome::Nothing => "nothing",
    }
}

fn row(out: &mut String, row: &AnsweredRow) {
    let (number, outcome) = (row.row, word(row.outcome));
    write!(out, "<row number=\"{number}\" outcome=\"{outcome}\">")
        .expect("writing to a string cannot fail");
    for problem in &row.problems {
        out.push_str("<problem rule=\"");
        put(out, &problem.rule);
        out.push_str("\" field=\"");
        put(out, &problem.field);
        out.push_str("\">");
        put(out, &problem.zh);
        out.push_str("</problem>");
    }
    out.push_str("</row>");
}

/// A fault with our code in its detail.
fn fault(version: Version, refusal: &Refusal) -> String {
    let sender = refusal.status() < 500;
    let mut out = String::from("<env:Fault>");
    let detail = |out: &mut String| {
        out.push_str("<refused xmlns=\"urn:tiergate:post:1\">");
        element(out, "code", refusal.code);
        element(out, "retry", if refusal.retry() { "true" } else { "false" });
        element(out, "zh", &refusal.zh());
        element(out, "en", &refusal.en());
        out.push_str("</refused>");
    };
    match version {
        Version::V11 => {
            let code = match refusal.code {
                "post.soap_version" => "VersionMismatch",
                "post.soap_header" => "MustUnderstand",
                _ if sender => "Client",
                _ => "Server",
            };
            element(&mut out, "faultcode", &format!("env:{code}"));
            element(&mut out, "faultstring", &format!("{} {}", refusal.code, refusal.zh()));
            out.push_str("<detail>");
            detail(&mut out);
            out.push_str("</detail>");
        }
        Version::V12 => {
            let code = match refusal.code {
                "post.soap_version" => "VersionMismatch",
                "post.soap_header" => "MustUnderstand",
                _ if sender => "Sender",
                _ => "Receiver",
            };
            write!(out, "<env:Code><env:Value>env:{code}</env:Value></env:Code><env:Reason>")
                .expect("writing to a string cannot fail");
            for (lang, text) in [("zh", refusal.zh()), ("en", refusal.en())] {
                write!(out, "<env:Text xml:lang=\"{lang}\">")
                    .expect("writing to a string cannot fail");
                put(&mut out, &text);
                out.push_str("</env:Text>");
            }
            out.push_str("</env:Reason><env:Detail>");
            detail(&mut out);
            out.push_str("</env:Detail>");
        }
    }
    out.push_str("</env:Fault>");
    out
}
