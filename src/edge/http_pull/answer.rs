//! An answer taken apart: what it says of itself, and its rows.

use std::io::Cursor;
use std::ops::ControlFlow;

use adapt::form::{self, FormError, Item, Reading, Scratch};
use adapt::{By, FileSource, RowBuf, RowFault};
use canon::DigestAlg;

use super::Settings;
use super::settings::wanted;
use crate::error::SourceError;
use crate::http::Answer;

/// A row of an answer, or why there is none.
#[derive(Debug)]
pub(super) enum Given {
    Row(RowBuf),
    Fault(u64, RowFault),
}

/// What came.
#[derive(Debug)]
pub(super) enum Said {
    /// Rows.
    Rows(Held),
    /// The token is no longer good.
    LoginAgain,
}

/// A page of the service, held while its rows are given.
#[derive(Debug, Default)]
pub(super) struct Held {
    pub(super) rows: Vec<Given>,
    /// Digest of the answer.
    pub(super) digest: String,
    /// The cursor or link to the next page.
    pub(super) next: Option<String>,
    /// How many rows there are in all.
    pub(super) total: Option<u64>,
    /// Whether it says that there is more.
    pub(super) more: Option<bool>,
}

/// Takes an answer apart.
pub(super) fn read(
    settings: &Settings,
    query: usize,
    place: &str,
    answer: &Answer,
) -> Result<Said, SourceError> {
    let (adapter, place) = (settings.adapter.clone(), place.to_owned());
    let status = answer.status;
    match status {
        401 => return Ok(Said::LoginAgain),
        403 | 407 => {
            let detail = format!("status {status}");
            return Err(SourceError::Denied { adapter, place, detail });
        }
        204 => return Ok(Said::Rows(Held::default())),
        _ if answer.fine() => {}
        _ if answer.later() => {
            let detail = format!("answered with status {status}");
            return Err(SourceError::Answer { adapter, place, detail });
        }
        _ => {
            let detail = format!("answered with status {status}");
            return Err(SourceError::AnswerRefused { adapter, place, detail });
        }
    }
    let Some(as_file) = settings.source.as_file(query) else {
        return Err(SourceError::Setting { adapter, detail: "there is no such query".into() });
    };
    let wrong = |e: FormError| SourceError::Answer {
        adapter: settings.adapter.clone(),
        place: place.clone(),
        detail: format!("answered with something else than agreed: {e}"),
    };
    let ask = settings.ask(query);
    let paths = wanted(&settings.source, ask);
    let named: Vec<&str> = paths.iter().flatten().copied().collect();
    let found = form::fields(&answer.body, &as_file.form, &named, &settings.form).map_err(wrong)?;
    let mut found = found.into_iter();
    let mut field = |path: Option<&str>| path.and_then(|_| found.next().flatten());
    let [code, next, total, more] = paths.map(&mut field);
    let mut held = Held { digest: digest(&answer.body), ..Held::default() };
    if let Some(codes) = &settings.source.code {
        let code = code.unwrap_or_default();
        let is = |list: &[String]| list.iter().any(|c| *c == code.trim());
        if is(&codes.login) {
            return Ok(Said::LoginAgain);
        }
        let detail = format!("answered with code `{}`", shown(&code));
        if is(&codes.denied) {
            return Err(SourceError::Denied { adapter, place, detail });
        }
        if is(&codes.empty) {
            return Ok(Said::Rows(held));
        }
        if !is(&codes.fine) {
            return Err(SourceError::Answer { adapter, place, detail });
        }
    }
    held.rows = rows(settings, &as_file, &answer.body).map_err(wrong)?;
    held.next = next.filter(|n| !n.trim().is_empty());
    held.total = total.and_then(|t| t.trim().parse().ok());
    held.more = more.map(|m| matches!(m.trim(), "true" | "1" | "yes" | "Y" | "y" | "是"));
    if matches!(ask.pages.by, By::Page | By::Offset | By::None) {
        held.next = None;
    }
    Ok(Said::Rows(held))
}

/// A code is short; whatever is not may hold anything and is not repeated.
fn shown(code: &str) -> String {
    let short = code.len() <= 20 && code.chars().all(|c| c.is_ascii_graphic());
    if short { code.to_owned() } else { "…".to_owned() }
}

fn digest(body: &[u8]) -> String {
    DigestAlg::default().of(&[body]).to_string()
}

/// Every row of an answer; an answer that is cut off gives none.
fn rows(settings: &Settings, as_file: &FileSource, body: &[u8]) -> Result<Vec<Given>, FormError> {
    let mut given = Vec::new();
    let mut file = Cursor::new(body);
    let mut scratch = || Ok(Box::new(Cursor::new(Vec::new())) as Box<dyn Scratch>);
    let (limits, scratch) = (&settings.form, &mut scratch);
    let reading = Reading { source: as_file, limits, scratch, memo: None };
    let told = form::read(&mut file, reading, &mut |item| {
        match item {
            Item::Part { .. } => {}
            Item::Row(row) => given.push(Given::Row(row.clone())),
            Item::Fault { number, fault } => given.push(Given::Fault(number, fault)),
        }
        ControlFlow::Continue(())
    })?;
    if told.cut_off {
        let cut = std::io::Error::new(std::io::ErrorKind::UnexpectedEof, "it is cut off");
        return Err(cut.into());
    }
    Ok(given)
}
