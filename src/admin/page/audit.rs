//! 审计: what was done, by whom, why; and whether the chain is whole.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Query, State};
use axum::routing::get;
use canon::Digest;
use maud::html;
use serde::Deserialize;
use store::{AuditEvent, SharedStore, StoreError};

use crate::access::{Power, Who};
use crate::error::PageError;
use crate::hall::Hall;
use crate::shell;
use crate::web::{Page, Refusal, download, html as answer};

/// Events on a page.
pub const AUDIT_PAGE: u32 = 200;
/// Events that are read at once while the chain is walked.
const STEP: u32 = 5_000;
/// Most events in one downloaded file.
pub const AUDIT_ROWS_MAX: usize = 200_000;

/// The page, its file and the walk.
pub(crate) fn routes() -> Router<Arc<Hall>> {
    Router::new().route("/audit", get(list)).route("/audit.csv", get(file))
}

#[derive(Debug, Default, Deserialize)]
struct Asked {
    /// Up to this number; the newest if not given.
    before: Option<i64>,
    /// Walk the chain.
    #[serde(default)]
    verify: bool,
}

/// The number of the newest event; 0 if there is none.
async fn newest(store: &SharedStore) -> Result<i64, StoreError> {
    let (mut low, mut high) = (0, 1);
    while !store.audit_after(high, 1).await?.is_empty() {
        (low, high) = (high, high.saturating_mul(2));
    }
    // The newest lies after `low` and not after `high`.
    while low < high {
        let middle = low + (high - low) / 2;
        if store.audit_after(middle, 1).await?.is_empty() {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    Ok(low)
}

/// The first event that does not follow from the one before; none if all do.
async fn broken(store: &SharedStore) -> Result<(usize, Option<i64>), StoreError> {
    let (mut after, mut before, mut n) = (0, None::<Digest>, 0);
    loop {
        let events = store.audit_after(after, STEP).await?;
        if let Err(at) = store::verify_chain(before, &events) {
            return Ok((n, Some(at)));
        }
        if let Some((number, _, digest)) = events.last() {
            (after, before) = (*number, Some(*digest));
        }
        n += events.len();
        if events.len() < STEP as usize {
            return Ok((n, None));
        }
    }
}

async fn list(State(hall): State<Arc<Hall>>, who: Who, Query(asked): Query<Asked>) -> Page {
    let shown = async {
        who.needs(Power::AuditLog)?;
        let store = hall.store();
        let last = newest(store).await?;
        let until = asked.before.unwrap_or(last).clamp(0, last);
        let after = (until - i64::from(AUDIT_PAGE)).max(0);
        let mut events = store.audit_after(after, AUDIT_PAGE).await?;
        events.retain(|(number, ..)| *number <= until);
        events.reverse();
        let walked = if asked.verify { Some(broken(store).await?) } else { None };
        Ok((events, after, last, walked))
    };
    let (events, after, last, walked) = shown.await.map_err(|e: PageError| Refusal::to(&who, e))?;
    let body = html! {
        @match walked {
            Some((n, None)) => p.notice.good { "✓ " (n) " " (who.of("events, each follows from the one before.", "条审计记录，链完整。")) },
            Some((_, Some(at))) => p.notice.bad role="alert" { "! " (who.of("The chain is broken at event ", "审计链自此条断裂：")) (at) },
            None => {},
        }
        p {
            a href="/audit?verify=true" { (who.of("Walk the chain", "核对审计链")) } " · "
            a href="/audit.csv" { (who.of("Download as CSV", "下载 CSV")) } " · "
            (last) " " (who.of("events", "条"))
        }
        div.wide { table {
            thead { tr {
                th.n { "№" }
                th { (who.of("When", "时间")) }
                th { (who.of("Who", "操作人")) }
                th { (who.of("What", "操作")) }
                th { (who.of("On what", "对象")) }
                th { (who.of("Why", "原因")) }
                th { (who.of("Done", "结果")) }
            } }
            tbody { @for (number, event, _) in &events {
                tr {
                    td.n { (number) }
                    td { (event.at) }
                    td { (event.who) }
                    td { (event.action) }
                    td { (event.subject) }
                    td { (event.reason) }
                    td { @if event.ok { "✓ " (who.of("done", "成功")) } @else { span.bad { "✗ " (who.of("not done", "未成")) } } }
                }
            } }
        } }
        @if after > 0 { p { a href={ "/audit?before=" (after) } { (who.of("Older", "更早")) } } }
    };
    Ok(answer(shell::page(&hall, &who, "/audit", who.of("Audit", "审计"), body)))
}

/// A cell of a file that a spreadsheet opens: nothing in it is taken for a formula.
fn cell(text: &str) -> String {
    let safe = if text.starts_with(['=', '+', '-', '@', '\t', '\r']) { "'" } else { "" };
    format!("\"{safe}{}\"", text.replace('"', "\"\""))
}

fn line(number: i64, event: &AuditEvent) -> String {
    let done = if event.ok { "ok" } else { "failed" };
    let at = event.at.to_string();
    let cells = [&*at, &event.who, &event.action, &event.subject, &event.reason, done];
    let cells: Vec<String> = cells.iter().map(|text| cell(text)).collect();
    format!("{number},{}\r\n", cells.join(","))
}

async fn file(State(hall): State<Arc<Hall>>, who: Who) -> Page {
    let written = async {
        who.needs(Power::AuditLog)?;
        let (mut after, mut n) = (0, 0);
        let mut text = String::from("\u{feff}number,at,who,action,subject,reason,done\r\n");
        while n < AUDIT_ROWS_MAX {
            let events = hall.store().audit_after(after, STEP).await?;
            for (number, event, _) in &events {
                text.push_str(&line(*number, event));
                (after, n) = (*number, n + 1);
            }
            if events.len() < STEP as usize {
                break;
            }
        }
        Ok(text)
    };
    let text = written.await.map_err(|e: PageError| Refusal::to(&who, e))?;
    Ok(download("audit.csv", "text/csv; charset=utf-8", text.into_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cell_is_never_a_formula() {
        assert_eq!(cell("=1+1"), "\"'=1+1\"");
        assert_eq!(cell("say \"so\""), "\"say \"\"so\"\"\"");
        assert_eq!(cell("plain"), "\"plain\"");
    }
}
