//! 报文与办件: own records, envelopes and what was judged here, found by what people know of them.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Query, State};
use axum::routing::get;
use canon::{Millis, NodeCode, RecordId};
use maud::{Markup, html};
use serde::Deserialize;
use store::{
    EnvelopeFilter, EnvelopeRow, Mark, Place, ReceivedFilter, ReceivedRow, RecordFilter, RecordPage,
};

use super::words::{
    case_path, code_text, in_address, is_pending, place_name, place_of, record_label, said,
    state_name, states_of, window,
};
use crate::access::{Power, Who};
use crate::error::PageError;
use crate::hall::Hall;
use crate::shell;
use crate::tongue::{count, moment};
use crate::web::{Page, Refusal, html as answer, see_other};

/// Rows of one page.
pub const RECORDS_SHOWN_MAX: u32 = 100;

/// The search page.
pub(crate) fn routes() -> Router<Arc<Hall>> {
    Router::new().route("/records", get(search))
}

/// What is looked for.
#[derive(Clone, Debug, Default, Deserialize)]
struct Asked {
    number: Option<String>,
    adapter: Option<String>,
    kind: Option<String>,
    to: Option<String>,
    place: Option<String>,
    link: Option<String>,
    state: Option<String>,
    code: Option<String>,
    sender: Option<String>,
    from: Option<String>,
    until: Option<String>,
    before: Option<String>,
}

/// What a page found, and where it goes on.
struct Found {
    what: (&'static str, &'static str),
    rows: Markup,
    n: usize,
    next: Option<Mark>,
    whole: bool,
}

async fn search(State(hall): State<Arc<Hall>>, who: Who, Query(asked): Query<Asked>) -> Page {
    if let Some(number) = said(asked.number.as_ref()) {
        // A record as other pages name it leads to its case.
        let number = RecordId::parse(&number).map_or(number, |id| id.key.number());
        return Ok(see_other(&case_path(&number)));
    }
    let found = async {
        who.needs(Power::Look)?;
        found(&hall, &who, &asked).await
    };
    let found = found.await.map_err(|e: PageError| Refusal::to(&who, e))?;
    let body = html! {
        (form(&hall, &who, &asked))
        (shown(&hall, &who, &asked, found))
    };
    let title = who.of("Records and cases", "报文与办件");
    Ok(answer(shell::page(&hall, &who, "/records", title, body)))
}

async fn found(hall: &Hall, who: &Who, asked: &Asked) -> Result<Found, PageError> {
    if said(asked.sender.as_ref()).is_some() {
        return received(hall, who, asked).await;
    }
    let of_envelopes = [&asked.link, &asked.state, &asked.code];
    if of_envelopes.into_iter().any(|text| said(text.as_ref()).is_some()) {
        return envelopes(hall, who, asked).await;
    }
    records(hall, who, asked).await
}

impl Asked {
    /// From when, and before what; all of the time where what is looked for does not stay.
    fn bounds(&self, pending: bool, now: Millis) -> (Millis, Mark) {
        let named = said(self.from.as_ref()).or(said(self.until.as_ref())).is_some();
        let (from, until) = if pending && !named {
            (Millis(0), now.plus(24 * 3_600_000))
        } else {
            window(self.from.as_deref(), self.until.as_deref(), now)
        };
        let before = self.before.as_deref().and_then(|text| text.parse().ok());
        (from, before.unwrap_or(Mark::before(until)))
    }

    /// The same question, going on at a mark.
    fn address(&self, next: Mark) -> String {
        let mut out = format!("/records?before={next}");
        for (name, value) in [
            ("adapter", &self.adapter),
            ("kind", &self.kind),
            ("to", &self.to),
            ("place", &self.place),
            ("link", &self.link),
            ("state", &self.state),
            ("code", &self.code),
            ("sender", &self.sender),
            ("from", &self.from),
            ("until", &self.until),
        ] {
            if let Some(value) = said(value.as_ref()) {
                out.push_str(&format!("&{name}={}", in_address(&value)));
            }
        }
        out
    }
}

/// A node somebody named; one that cannot be is none that is there.
fn node(text: Option<&String>) -> Result<Option<NodeCode>, PageError> {
    let Some(text) = said(text) else { return Ok(None) };
    let code = NodeCode::new(&text).ok_or_else(|| {
        PageError::bad(format!("`{text}` is no code of a node"), format!("『{text}』不是节点代码"))
    })?;
    Ok(Some(code))
}

async fn records(hall: &Hall, who: &Who, asked: &Asked) -> Result<Found, PageError> {
    let place = match said(asked.place.as_ref()) {
        None => None,
        Some(word) => Some(place_of(&word).ok_or_else(|| {
            PageError::bad(format!("there is no place `{word}`"), format!("没有去向『{word}』"))
        })?),
    };
    let whole = place.is_some_and(is_pending);
    let (from, before) = asked.bounds(whole, hall.now());
    let mut adapter = said(asked.adapter.as_ref());
    // Who sees one unit alone is not made to look through those of others.
    if let ([only], None) = (&*who.scope.units, &adapter) {
        adapter = Some(only.clone());
    }
    let filter = RecordFilter {
        adapter,
        kind: said(asked.kind.as_ref()),
        destination: node(asked.to.as_ref())?,
        place,
        from,
        before,
        limit: RECORDS_SHOWN_MAX,
    };
    let mut page = hall.store().records(filter).await?;
    page.rows.retain(|row| who.scope.has_unit(&row.adapter));
    Ok(Found {
        what: ("Own records", "本节点记录"),
        n: page.rows.len(),
        next: page.next,
        rows: record_rows(hall, who, &page),
        whole,
    })
}

fn record_rows(hall: &Hall, who: &Who, page: &RecordPage) -> Markup {
    let now = hall.now();
    html! {
        div.wide { table {
            thead { tr {
                th { (who.of("Case", "办件编号")) }
                th { (who.of("Record", "记录")) }
                th { (who.of("Where it is", "去向")) }
                th { (who.of("Collected", "采集时间")) }
                th { (who.of("Adapter", "适配器")) }
                th { (who.of("Goes to", "报往")) }
                th { (who.of("Envelope", "报文")) }
            } }
            tbody { @for row in &page.rows {
                @let number = row.id.key.number();
                tr {
                    th scope="row" { a href=(case_path(&number)) { (number) } }
                    td { (record_label(hall, &row.id)) }
                    td { span.bad[matches!(row.place, Place::Dead | Place::Rejected | Place::Quarantined)] { (place_name(who, row.place)) } }
                    td { (moment(row.at, now)) }
                    td { (row.adapter) }
                    td { (row.destination) }
                    td { @if let Some((id, position)) = &row.envelope { (id.sequence) " · " (position + 1) } }
                }
            } }
        } }
    }
}

/// Envelopes are no unit's: who sees units alone finds their records.
fn whole_node(who: &Who) -> Result<(), PageError> {
    if who.scope.units.is_empty() {
        return Ok(());
    }
    Err(PageError::of(axum::http::StatusCode::FORBIDDEN, "admin.out_of_scope"))
}

async fn envelopes(hall: &Hall, who: &Who, asked: &Asked) -> Result<Found, PageError> {
    whole_node(who)?;
    let states = match said(asked.state.as_ref()) {
        None => Vec::new(),
        Some(word) => states_of(&word).ok_or_else(|| {
            PageError::bad(format!("there is no state `{word}`"), format!("没有状态『{word}』"))
        })?,
    };
    let ended =
        |s: &store::OutState| matches!(s, store::OutState::Settled | store::OutState::Declined);
    let whole = !states.is_empty() && !states.iter().any(ended);
    let (from, before) = asked.bounds(whole, hall.now());
    let filter = EnvelopeFilter {
        states,
        link: said(asked.link.as_ref()),
        destination: node(asked.to.as_ref())?,
        reason: said(asked.code.as_ref()),
        from,
        before,
        limit: RECORDS_SHOWN_MAX,
    };
    let rows = hall.store().envelopes(filter).await?;
    let next = rows.last().map(|row| row.mark).filter(|_| rows.len() == RECORDS_SHOWN_MAX as usize);
    Ok(Found {
        what: ("Envelopes", "报文"),
        n: rows.len(),
        next,
        rows: envelope_rows(who, &rows, hall.now()),
        whole,
    })
}

/// Envelopes as a table.
pub(crate) fn envelope_rows(who: &Who, rows: &[EnvelopeRow], now: Millis) -> Markup {
    html! {
        div.wide { table {
            thead { tr {
                th { (who.of("Envelope", "报文")) }
                th.n { (who.of("Records", "记录数")) }
                th { (who.of("State", "状态")) }
                th { (who.of("Link", "链路")) }
                th { (who.of("Numbered", "编号时间")) }
                th.n { (who.of("Attempts", "发送次数")) }
                th { (who.of("Next", "下次")) }
                th { (who.of("Why", "原因")) }
                th { (who.of("Last tier that has it", "最近签收")) }
            } }
            tbody { @for row in rows {
                @let e = &row.envelope;
                tr {
                    th scope="row" { (e.id.route.destination) " № " (e.id.sequence) }
                    td.n { (count(u64::from(e.count))) }
                    td { (state_name(who, e.state)) }
                    td { (e.link) }
                    td { (moment(e.numbered_at, now)) }
                    td.n { (e.attempts) }
                    td { @if let Some(at) = e.due_at { (moment(at, now)) } }
                    td { @if let Some(reason) = &e.reason { (code_text(who, reason)) " " span.quiet { "[" (reason) "]" } } }
                    td { @if let Some(hop) = &e.hop { (hop) } }
                }
            } }
        } }
    }
}

async fn received(hall: &Hall, who: &Who, asked: &Asked) -> Result<Found, PageError> {
    whole_node(who)?;
    let (from, before) = asked.bounds(false, hall.now());
    let sender = node(asked.sender.as_ref())?;
    let filter = ReceivedFilter { sender, from, before, limit: RECORDS_SHOWN_MAX };
    let rows = hall.store().received(filter).await?;
    let next = rows.last().map(|row| row.mark).filter(|_| rows.len() == RECORDS_SHOWN_MAX as usize);
    Ok(Found {
        what: ("Judged here", "本节点判定的报文"),
        n: rows.len(),
        next,
        rows: received_rows(who, &rows, hall.now()),
        whole: false,
    })
}

fn received_rows(who: &Who, rows: &[ReceivedRow], now: Millis) -> Markup {
    html! {
        div.wide { table {
            thead { tr {
                th { (who.of("Sender", "发送节点")) }
                th.n { "№" }
                th { (who.of("Window day", "对账日")) }
                th { (who.of("Judged", "判定时间")) }
                th.n { (who.of("Kept", "留存")) }
                th.n { (who.of("Not accepted", "未接收")) }
            } }
            tbody { @for row in rows { tr {
                th scope="row" { (row.id.sender) }
                td.n { (row.id.sequence) }
                td { a href={ "/reconcile/" (row.day) } { (row.day) } }
                td { (moment(row.mark.at, now)) }
                td.n { (count(u64::from(row.kept))) }
                td.n { span.bad[row.problems > 0] { (count(u64::from(row.problems))) } }
            } } }
        } }
    }
}

fn shown(hall: &Hall, who: &Who, asked: &Asked, found: Found) -> Markup {
    let (from, _) = asked.bounds(found.whole, hall.now());
    html! {
        section {
            h2 { (who.of(found.what.0, found.what.1)) }
            p.quiet {
                @if found.whole {
                    (who.of("Whatever their day is", "不限日期"))
                } @else {
                    (who.of("From ", "自 ")) (from) (who.of(", today unless dates are given", " 起，未填日期即为当日"))
                }
                (who.of("; the last first, at most ", "；新的在前，每页至多 ")) (RECORDS_SHOWN_MAX) (who.of(" a page.", " 条。"))
            }
            @if found.n == 0 {
                p.notice { (who.of("None here. Other dates, or a case number, may find more.", "没有符合条件的记录，可更改日期或按办件编号查询。")) }
            } @else { (found.rows) }
            @if let Some(next) = found.next {
                p { a href=(asked.address(next)) { (who.of("Go on with earlier ones", "继续查看更早的")) } }
            }
        }
    }
}

fn form(hall: &Hall, who: &Who, asked: &Asked) -> Markup {
    let text = |name: &'static str, value: &Option<String>, label: (&'static str, &'static str)| {
        html! {
            label { span { (who.of(label.0, label.1)) }
                input name=(name) value=(value.as_deref().unwrap_or("")) maxlength="200" autocomplete="off"; }
        }
    };
    let day = |name: &'static str, value: &Option<String>, label: (&'static str, &'static str)| {
        html! {
            label { span { (who.of(label.0, label.1)) }
                input type="date" name=(name) value=(value.as_deref().unwrap_or("")); }
        }
    };
    let chosen = asked.place.as_deref().unwrap_or("");
    html! {
        form.filters method="get" action="/records" role="search" {
            label { span { (who.of("Case number", "办件编号")) }
                input name="number" maxlength="200" autocomplete="off"; }
            button.first type="submit" { (who.of("Find the case", "查办件")) }
        }
        form.filters method="get" action="/records" {
            label { span { (who.of("Where it is", "去向")) }
                select name="place" {
                    option value="" { (who.of("all that are valid", "全部有效记录")) }
                    @for place in Place::ALL {
                        @let word = place.to_string();
                        option value=(word) selected[word == chosen] { (place_name(who, place)) }
                    }
                }
            }
            (text("kind", &asked.kind, ("Record type", "记录类型")))
            label { span { (who.of("Adapter (unit)", "适配器（来源单位）")) }
                select name="adapter" {
                    option value="" { (who.of("all", "全部")) }
                    @for name in hall.node.adapters.keys().filter(|name| who.scope.has_unit(name)) {
                        option value=(name) selected[Some(name) == asked.adapter.as_ref()] { (name) }
                    }
                }
            }
            (text("to", &asked.to, ("Goes to", "报往")))
            (day("from", &asked.from, ("From", "起")))
            (day("until", &asked.until, ("Until", "止")))
            button type="submit" { (who.of("Show records", "查记录")) }
        }
        @if who.scope.units.is_empty() {
            details.act open[asked.link.is_some() || asked.state.is_some() || asked.code.is_some() || asked.sender.is_some()] {
                summary { (who.of("Envelopes", "按报文查")) }
                form.filters method="get" action="/records" {
                    (text("link", &asked.link, ("Link", "链路")))
                    (text("state", &asked.state, ("State: due, sent, unknown, dead, settled, declined", "状态：due 待发、sent 在途、unknown 逾期、dead 停发、settled 办结、declined 退回")))
                    (text("code", &asked.code, ("Error code", "错误代码")))
                    (text("sender", &asked.sender, ("Sender, of those judged here", "发送节点（本节点判定的）")))
                    (day("from", &asked.from, ("From", "起")))
                    (day("until", &asked.until, ("Until", "止")))
                    button type="submit" { (who.of("Show envelopes", "查报文")) }
                }
                p.quiet { (who.of("Problem data by error code: ", "按错误代码查问题数据：")) a href="/problems" { (who.of("problem data", "问题数据")) } }
            }
        }
    }
}
