//! 今日总览: one row a link and an adapter, and a plain sentence wherever something is wrong.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::response::Response;
use axum::routing::{get, post};
use canon::Millis;
use maud::{Markup, html};
use serde::Deserialize;
use store::{AdapterProgress, LinkStatus, NodeStatus, Place};

use crate::access::{Power, Told, Who};
use crate::act::Act;
use crate::chart::sparkline;
use crate::error::PageError;
use crate::hall::Hall;
use crate::house::Said;
use crate::series::{Pace, of_adapter, of_link};
use crate::shell;
use crate::tongue::{age, count, moment};
use crate::web::{Page, Refusal, html as answer, see_other};

/// How long something may wait without moving before it is an alarm, ms.
pub const STILL_MAX: i64 = 5 * 60_000;
const DAY: i64 = 86_400_000;

/// The page and its two switches.
pub(crate) fn routes() -> Router<Arc<Hall>> {
    Router::new()
        .route("/", get(overview))
        .route("/links/switch", post(switch_link))
        .route("/adapters/switch", post(switch_adapter))
}

async fn overview(State(hall): State<Arc<Hall>>, who: Who) -> Page {
    let shown = async {
        who.needs(Power::Look)?;
        moving(&hall, &who).await
    };
    let moving = shown.await.map_err(|e: PageError| Refusal::to(&who, e))?;
    let body = html! {
        div id="moving" aria-live="polite" { (moving) }
    };
    Ok(answer(shell::page(&hall, &who, "/", who.of("Overview", "今日总览"), body)))
}

/// What of the page moves: it is drawn anew for those who follow.
pub(crate) async fn moving(hall: &Hall, who: &Who) -> Result<Markup, PageError> {
    let now = hall.now();
    let status = hall.store().status().await?;
    let said = hall.house.said(now).await?;
    Ok(html! {
        (verdict(hall, who, &status, &said, now))
        (places(who, &status))
        (links(hall, who, &status, &said, now))
        (adapters(hall, who, &status, &said, now))
        (others(who, &said))
        p.quiet { (who.of("As of ", "截至 ")) (now) }
    })
}

fn sentence<'s>(said: &'s [Said], kind: &str, about: &str) -> Option<&'s Said> {
    said.iter().find(|s| s.kind == kind && s.about == about)
}

/// Whether anybody is needed: the first thing to be seen.
fn verdict(hall: &Hall, who: &Who, status: &NodeStatus, said: &[Said], now: Millis) -> Markup {
    let still = status.links.iter().filter(|l| is_still(hall, &l.link, now)).count();
    let needed: Vec<&Said> = said.iter().filter(|s| s.needs_a_person).collect();
    let n = needed.len() + still;
    html! {
        @if n == 0 {
            p.notice.good role="status" { span.mark aria-hidden="true" { "✓ " } (who.of("Nothing needs you.", "一切正常，无需处理。")) }
        } @else {
            div.notice.bad role="alert" {
                p { span.mark aria-hidden="true" { "! " } b { (n) " " (who.of("things need you:", "项需要处理：")) } }
                ul {
                    @for s in &needed { li { b { (s.about) } " " (who.of(&s.text.en, &s.text.zh)) } }
                }
            }
        }
    }
}

/// Something waits and nothing has moved for a while.
fn is_still(hall: &Hall, link: &str, now: Millis) -> bool {
    let pace = hall.series.pace(&of_link(link), now);
    pace.still_since.is_some_and(|since| now.since(since) > STILL_MAX)
}

/// Own records by where they are, each number with its way to the records.
fn places(who: &Who, status: &NodeStatus) -> Markup {
    let names: [(&str, &str); 10] = [
        ("quarantined here", "校验不通过"),
        ("wait for a parent", "等上级环节"),
        ("to be sealed", "待封装"),
        ("in flight", "在途"),
        ("await review", "待审核"),
        ("accepted", "已接收"),
        ("superseded", "已被新版替代"),
        ("rejected", "被退回"),
        ("withdrawn", "停报"),
        ("given up", "停发"),
    ];
    let pairs = Place::ALL.iter().zip(names).zip(status.places);
    html! {
        section aria-label=(who.of("Own records", "本节点记录")) {
            dl.places {
                @for ((place, name), n) in pairs {
                    div {
                        dt { (who.of(name.0, name.1)) }
                        dd { a href={ "/records?place=" (place) } { (count(n)) } }
                    }
                }
                div { dt { (who.of("kept from others", "留存（下级报来）")) } dd { (count(status.kept)) } }
                div { dt { (who.of("parcels in the inbox", "收件箱报文")) } dd { (count(status.inbox)) } }
            }
        }
    }
}

fn links(hall: &Hall, who: &Who, status: &NodeStatus, said: &[Said], now: Millis) -> Markup {
    html! {
        section {
            h2 { (who.of("Links", "上报通道")) }
            div.wide { table {
                thead { tr {
                    th { (who.of("Link", "链路")) }
                    th.n { (who.of("Waiting", "待发")) }
                    th.n { (who.of("In flight", "在途")) }
                    th.n { (who.of("Accepted", "已接收")) }
                    th.n { (who.of("Rejected", "被退回")) }
                    th.n { (who.of("Unknown", "未知")) }
                    th.n { (who.of("Given up", "停发")) }
                    th.n { (who.of("Oldest", "最久")) }
                    th.n { (who.of("Rate", "速率")) }
                    th.n { (who.of("Empty in", "预计清空")) }
                    th { (who.of("Last receipt", "最近回执")) }
                    th { (who.of("Day · week", "日 · 周")) }
                    th { (who.of("How it is", "状况")) }
                } }
                tbody { @for link in &status.links { (link_row(hall, who, link, said, now)) } }
            } }
        }
    }
}

fn link_row(hall: &Hall, who: &Who, link: &LinkStatus, said: &[Said], now: Millis) -> Markup {
    let name = of_link(&link.link);
    let pace = hall.series.pace(&name, now);
    let number = |n: u64, state: &str| -> Markup {
        html! { td.n { @if n == 0 { span.quiet { "0" } } @else { a href={ "/records?link=" (link.link) "&state=" (state) } { (count(n)) } } } }
    };
    let dead = html! { td.n { @if link.dead == 0 { span.quiet { "0" } } @else { a.bad href="/dead" { (count(link.dead)) } } } };
    html! {
        tr {
            th scope="row" { (link.link) }
            (number(link.due, "due"))
            (number(link.in_flight, "sent"))
            (number(link.accepted, "accepted"))
            (number(link.rejected, "rejected"))
            (number(link.unknown, "unknown"))
            (dead)
            td.n { @if let Some(at) = link.oldest { (age(now.since(at), who.tongue)) } }
            td.n { (rate(who, pace)) }
            td.n { @if let Some(ms) = pace.empty_in { (age(ms, who.tongue)) } }
            td { @if let Some(at) = link.last_receipt { (moment(at, now)) } }
            td { (charts(hall, who, &name, now)) }
            td.says {
                (says(who, sentence(said, "link", &link.link), pace, now))
                (switch(who, "/links/switch", &link.link, link.paused.is_some()))
            }
        }
    }
}

fn adapters(hall: &Hall, who: &Who, status: &NodeStatus, said: &[Said], now: Millis) -> Markup {
    let own: Vec<&AdapterProgress> =
        status.adapters.iter().filter(|a| who.scope.has_unit(&a.adapter)).collect();
    html! {
        @if !own.is_empty() { section {
            h2 { (who.of("Sources", "来源系统")) }
            div.wide { table {
                thead { tr {
                    th { (who.of("Adapter", "适配器")) }
                    th.n { (who.of("Rows read", "已读行")) }
                    th.n { (who.of("Records", "生成记录")) }
                    th.n { (who.of("Problem data", "问题数据")) }
                    th.n { (who.of("To write back", "待回写")) }
                    th.n { (who.of("Rate", "速率")) }
                    th { (who.of("Last new rows", "最近新数据")) }
                    th { (who.of("Day · week", "日 · 周")) }
                    th { (who.of("How it is", "状况")) }
                } }
                tbody { @for adapter in own { (adapter_row(hall, who, adapter, said, now)) } }
            } }
        } }
    }
}

fn adapter_row(
    hall: &Hall,
    who: &Who,
    adapter: &AdapterProgress,
    said: &[Said],
    now: Millis,
) -> Markup {
    let name = of_adapter(&adapter.adapter);
    let pace = hall.series.pace(&name, now);
    html! {
        tr {
            th scope="row" { a href={ "/adapters#" (adapter.adapter) } { (adapter.adapter) } }
            td.n { (count(adapter.rows_read)) }
            td.n { a href={ "/records?adapter=" (adapter.adapter) } { (count(adapter.records)) } }
            td.n { a href={ "/problems?adapter=" (adapter.adapter) } { (count(adapter.quarantined)) } }
            td.n { (count(adapter.write_backs)) }
            td.n { (rate(who, pace)) }
            td { @if let Some(at) = adapter.last_at { (moment(at, now)) } }
            td { (charts(hall, who, &name, now)) }
            td.says {
                @if let Some(s) = sentence(said, "adapter", &adapter.adapter) {
                    span.bad[s.needs_a_person] { (who.of(&s.text.en, &s.text.zh)) }
                }
                (switch(who, "/adapters/switch", &adapter.adapter, adapter.paused.is_some()))
            }
        }
    }
}

fn charts(hall: &Hall, who: &Who, name: &str, now: Millis) -> Markup {
    let day = hall.series.parts(name, (DAY, 48), now);
    let week = hall.series.parts(name, (7 * DAY, 56), now);
    let label = |values: &[u64], en: &str, zh: &str| {
        format!("{} {}", who.of(en, zh), count(values.iter().sum()))
    };
    html! {
        (sparkline(&day, &label(&day, "records in a day:", "近一日：")))
        (sparkline(&week, &label(&week, "records in a week:", "近一周：")))
    }
}

fn rate(who: &Who, pace: Pace) -> String {
    match pace.rate {
        None => String::new(),
        Some(rate) if rate < 10.0 => format!("{rate:.1}{}", who.of("/s", "/秒")),
        Some(rate) => format!("{rate:.0}{}", who.of("/s", "/秒")),
    }
}

fn says(who: &Who, said: Option<&Said>, pace: Pace, now: Millis) -> Markup {
    let still = pace.still_since.filter(|since| now.since(*since) > STILL_MAX);
    html! {
        @if let Some(s) = said { span.bad[s.needs_a_person] { (who.of(&s.text.en, &s.text.zh)) } }
        @if let Some(since) = still {
            span.bad { " " (who.of("Nothing has moved for ", "已停滞 ")) (age(now.since(since), who.tongue)) }
        }
    }
}

/// Everything else that is so: carriers, certificates, gates, restores.
fn others(who: &Who, said: &[Said]) -> Markup {
    let rest: Vec<&Said> =
        said.iter().filter(|s| !matches!(&*s.kind, "link" | "adapter")).collect();
    html! {
        @if !rest.is_empty() { section {
            h2 { (who.of("Besides", "其他情况")) }
            ul.said { @for s in rest {
                li.bad[s.needs_a_person] {
                    @if s.needs_a_person { span.mark aria-hidden="true" { "! " } }
                    (who.of(&s.text.en, &s.text.zh))
                }
            } }
        } }
    }
}

/// Pauses or resumes something, for whoever may.
pub(crate) fn switch(who: &Who, action: &str, name: &str, paused: bool) -> Markup {
    let (to, button) =
        if paused { ("on", ("Resume", "恢复")) } else { ("off", ("Pause", "暂停")) };
    html! {
        @if who.may(Power::Flow) {
            details.act {
                summary { (who.of(button.0, button.1)) }
                (shell::deed(who, action, &[("name", name), ("to", to)], button))
            }
        }
    }
}

/// A switch that somebody turned.
#[derive(Debug, Deserialize)]
struct Switch {
    name: String,
    to: String,
    reason: String,
}

async fn switch_link(State(hall): State<Arc<Hall>>, told: Told<Switch>) -> Page {
    turned(&hall, told, Act::PauseLink, Act::ResumeLink).await
}

async fn switch_adapter(State(hall): State<Arc<Hall>>, told: Told<Switch>) -> Page {
    turned(&hall, told, Act::PauseAdapter, Act::ResumeAdapter).await
}

async fn turned(
    hall: &Hall,
    Told { who, form }: Told<Switch>,
    off: impl Fn(String) -> Act,
    on: impl Fn(String) -> Act,
) -> Result<Response, Refusal> {
    let act = if form.to == "on" { on(form.name) } else { off(form.name) };
    let done = hall.act(&who, &act, &form.reason).await;
    done.map_err(|e| Refusal::to(&who, e))?;
    Ok(see_other("/"))
}
