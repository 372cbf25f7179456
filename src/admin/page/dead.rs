//! 停发待处置: envelopes that were given up, with what was tried; parcels that were refused.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Query, State};
use axum::routing::{get, post};
use canon::Millis;
use maud::{Markup, html};
use serde::Deserialize;
use store::{EnvelopeFilter, EnvelopeRow, Mark, OutState, ProblemFilter, ProblemItem};

use super::words::code_text;
use crate::access::{Power, Told, Who};
use crate::act::Act;
use crate::error::PageError;
use crate::hall::Hall;
use crate::shell;
use crate::tongue::{age, count, moment};
use crate::web::{Page, Refusal, html as answer, see_other};

/// Envelopes, and refused parcels, of one page.
pub const DEAD_SHOWN_MAX: u32 = 100;
const DAY: i64 = 86_400_000;

/// The page, and sending again what was given up.
pub(crate) fn routes() -> Router<Arc<Hall>> {
    Router::new().route("/dead", get(list)).route("/dead/reopen", post(reopen))
}

#[derive(Debug, Default, Deserialize)]
struct Asked {
    before: Option<String>,
}

async fn list(State(hall): State<Arc<Hall>>, who: Who, Query(asked): Query<Asked>) -> Page {
    let found = async {
        who.needs(Power::Look)?;
        if !who.scope.units.is_empty() {
            return Ok((Vec::new(), Vec::new()));
        }
        let before = asked.before.as_deref().and_then(|text| text.parse::<Mark>().ok());
        let within = EnvelopeFilter::within(Millis(0), hall.now().plus(DAY));
        let filter = EnvelopeFilter {
            states: vec![OutState::Dead],
            before: before.unwrap_or(within.before),
            limit: DEAD_SHOWN_MAX,
            ..within
        };
        let dead = hall.store().envelopes(filter).await?;
        // What came through no adapter is a parcel.
        let parcels = ProblemFilter {
            state: Some("held".into()),
            adapter: Some(String::new()),
            limit: DEAD_SHOWN_MAX,
            ..ProblemFilter::default()
        };
        Ok((dead, hall.store().problems(parcels).await?))
    };
    let (dead, parcels) = found.await.map_err(|e: PageError| Refusal::to(&who, e))?;
    let body = html! {
        (envelopes(&who, &dead, hall.now()))
        (refused(&who, &parcels, hall.now()))
    };
    let title = who.of("Stopped, to be dealt with", "停发待处置");
    Ok(answer(shell::page(&hall, &who, "/dead", title, body)))
}

fn envelopes(who: &Who, rows: &[EnvelopeRow], now: Millis) -> Markup {
    html! {
        section {
            h2 { (who.of("Envelopes that were given up", "停发的报文")) }
            @if rows.is_empty() {
                p.notice.good { span.mark aria-hidden="true" { "✓ " } (who.of("There is none.", "没有停发的报文。")) }
            } @else {
                p.quiet { (who.of("The same bytes go again once an envelope is reopened: mend first what it was given up for.", "重新打开后按原字节重发（补传）；请先排除停发原因。")) }
                div.wide { table {
                    thead { tr {
                        th { (who.of("Envelope", "报文")) }
                        th.n { (who.of("Records", "记录数")) }
                        th { (who.of("Why", "原因")) }
                        th.n { (who.of("Attempts", "发送次数")) }
                        th { (who.of("Given up", "停发时间")) }
                        th { (who.of("Link", "链路")) }
                        th { (who.of("What to do", "处理")) }
                    } }
                    tbody { @for row in rows { (envelope(who, row, now)) } }
                } }
                @if let Some(last) = rows.last().filter(|_| rows.len() == DEAD_SHOWN_MAX as usize) {
                    p { a href={ "/dead?before=" (last.mark) } { (who.of("Go on with earlier ones", "继续查看更早的")) } }
                }
            }
        }
    }
}

fn envelope(who: &Who, row: &EnvelopeRow, now: Millis) -> Markup {
    let e = &row.envelope;
    let reason = e.reason.as_deref().unwrap_or_default();
    let id = e.id.to_string();
    html! {
        tr {
            th scope="row" { (e.id.route.destination) " № " (e.id.sequence) }
            td.n { a href="/records?place=dead" { (count(u64::from(e.count))) } }
            td { span.mark aria-hidden="true" { "! " } (code_text(who, reason)) " " span.quiet { "[" (reason) "]" } }
            td.n { (e.attempts) }
            td { @if let Some(at) = row.ended_at { (moment(at, now)) " · " (age(now.since(at), who.tongue)) (who.of(" ago", "前")) } }
            td { (e.link) }
            td { @if who.may(Power::Problems) {
                details.act {
                    summary { (who.of("Send again", "重新打开")) }
                    (shell::deed(who, "/dead/reopen", &[("id", &id)], ("Send again", "重新打开")))
                }
            } }
        }
    }
}

fn refused(who: &Who, parcels: &[ProblemItem], now: Millis) -> Markup {
    html! {
        section {
            h2 { (who.of("Parcels that were refused", "拒收的报文")) }
            @if parcels.is_empty() {
                p.notice.good { span.mark aria-hidden="true" { "✓ " } (who.of("There is none.", "没有拒收的报文。")) }
            } @else {
                div.wide { table {
                    thead { tr {
                        th.n { "№" }
                        th { (who.of("Parcel", "报文")) }
                        th { (who.of("Why", "原因")) }
                        th { (who.of("Came", "到达")) }
                    } }
                    tbody { @for item in parcels { tr {
                        td.n { a href={ "/problems/" (item.number) } { (item.number) } }
                        td { (item.reference) }
                        td { @for v in &item.violations { div { (who.of(&v.en, &v.zh)) " " span.quiet { "[" (v.rule) "]" } } } }
                        td { (moment(item.at, now)) }
                    } } }
                } }
            }
        }
    }
}

#[derive(Debug, Deserialize)]
struct Reopened {
    id: String,
    reason: String,
}

async fn reopen(State(hall): State<Arc<Hall>>, Told { who, form }: Told<Reopened>) -> Page {
    let done = async {
        let id = envelope::parse_envelope_id(&form.id).ok_or_else(|| {
            PageError::bad(
                format!("`{}` is no envelope", form.id),
                format!("『{}』不是报文编号", form.id),
            )
        })?;
        hall.act(&who, &Act::Reopen(id), &form.reason).await
    };
    done.await.map_err(|e: PageError| Refusal::to(&who, e))?;
    Ok(see_other("/dead"))
}
