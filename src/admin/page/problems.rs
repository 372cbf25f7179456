//! 问题数据: what is held, returned or rejected, grouped by its cause; what is done about it.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Router;
use axum::extract::{Path, Query, State};
use axum::routing::{get, post};
use canon::{Millis, Severity};
use exchange::rested;
use maud::{Markup, html};
use serde::Deserialize;
use store::{AuditEvent, ProblemFilter, ProblemItem};

use crate::access::{Power, Told, Who};
use crate::act::Act;
use crate::error::PageError;
use crate::hall::Hall;
use crate::shell;
use crate::tongue::{count, moment};
use crate::web::{Page, Refusal, html as answer, see_other};

/// Most entries that a page looks at: the page says so, and the filter brings the others.
pub const PROBLEMS_SHOWN_MAX: u32 = 2_000;
/// Entries that are listed one by one.
const LISTED: usize = 100;

/// The pages and what is done on them.
pub(crate) fn routes() -> Router<Arc<Hall>> {
    Router::new()
        .route("/problems", get(list))
        .route("/problems/act", post(act))
        .route("/problems/{number}", get(show))
        .route("/problems/{number}/unmask", post(unmask))
}

/// Which are shown.
#[derive(Clone, Debug, Default, Deserialize)]
struct Asked {
    state: Option<String>,
    adapter: Option<String>,
    rule: Option<String>,
    after: Option<i64>,
}

/// What people call a state.
pub(crate) fn state_name(who: &Who, state: &str) -> String {
    let pair = match state {
        "held" => ("to be dealt with", "待处理"),
        "returned" => ("returned", "已退回来源单位"),
        "resubmitted" => ("resubmitted", "已重新提交"),
        "cured" => ("cured", "已更正"),
        "voided" => ("withdrawn", "已停报"),
        other => return other.to_owned(),
    };
    who.of(pair.0, pair.1).to_owned()
}

fn class_name<'c>(who: &Who, class: &'c str) -> &'c str {
    match class {
        "quarantined" => who.tongue.of("not valid here", "校验不通过"),
        "rejected" => who.tongue.of("rejected above", "上级退回"),
        "refused" => who.tongue.of("parcel refused", "报文拒收"),
        other => other,
    }
}

/// One problem.
pub(crate) async fn one(hall: &Hall, number: i64) -> Result<ProblemItem, PageError> {
    let filter = ProblemFilter { after: number.saturating_sub(1), limit: 1, ..Default::default() };
    let found = hall.store().problems(filter).await?;
    found.into_iter().find(|item| item.number == number).ok_or_else(|| {
        PageError::gone(
            format!("there is no entry {number}"),
            format!("没有编号为 {number} 的问题数据"),
        )
    })
}

/// A cause with those that have it.
struct Group<'i> {
    adapter: &'i str,
    class: &'i str,
    rule: &'i str,
    zh: &'i str,
    en: &'i str,
    first: Millis,
    last: Millis,
    open: Vec<i64>,
    all: u64,
}

fn grouped(items: &[ProblemItem]) -> Vec<Group<'_>> {
    let mut groups: BTreeMap<(&str, &str, &str), Group<'_>> = BTreeMap::new();
    for item in items {
        let violation = item.violations.iter().find(|v| v.severity == Severity::Error);
        let violation = violation.or(item.violations.first());
        let rule = violation.map_or("", |v| &*v.rule);
        let (adapter, class) = (&*item.adapter, &*item.class);
        let known = canon::code(rule);
        let group = groups.entry((adapter, class, rule)).or_insert_with(|| Group {
            adapter,
            class,
            rule,
            zh: known.map_or(violation.map_or("", |v| &v.zh), |c| c.zh),
            en: known.map_or(violation.map_or("", |v| &v.en), |c| c.en),
            first: item.at,
            last: item.at,
            open: Vec::new(),
            all: 0,
        });
        group.all += 1;
        group.first = group.first.min(item.at);
        group.last = group.last.max(item.at);
        if matches!(&*item.state, "held" | "returned" | "resubmitted") {
            group.open.push(item.number);
        }
    }
    let mut groups: Vec<_> = groups.into_values().collect();
    groups.sort_by_key(|g| std::cmp::Reverse((g.open.len(), g.all)));
    groups
}

async fn list(State(hall): State<Arc<Hall>>, who: Who, Query(asked): Query<Asked>) -> Page {
    let found = async {
        who.needs(Power::Look)?;
        let filter = ProblemFilter {
            state: asked.state.clone().filter(|s| !s.is_empty()),
            adapter: asked.adapter.clone().filter(|a| !a.is_empty()),
            rule: asked.rule.clone().filter(|r| !r.is_empty()),
            after: asked.after.unwrap_or(0),
            limit: PROBLEMS_SHOWN_MAX,
        };
        let mut items = hall.store().problems(filter).await?;
        let more = items.len() == PROBLEMS_SHOWN_MAX as usize;
        let last = items.last().map_or(0, |i| i.number);
        items.retain(|item| who.scope.has_unit(&item.adapter));
        Ok((items, more.then_some(last)))
    };
    let (items, more) = found.await.map_err(|e: PageError| Refusal::to(&who, e))?;
    let now = hall.now();
    let body = html! {
        (filters(&who, &asked))
        @if items.is_empty() {
            p.notice.good { (who.of("There is none.", "没有问题数据。")) }
        } @else {
            (groups(&who, &grouped(&items), now))
            (entries(&who, &items, now))
        }
        @if let Some(last) = more {
            p { a href={ "/problems?after=" (last) } { (who.of("More, after number ", "还有更多，自编号之后：")) (last) } }
        }
    };
    Ok(answer(shell::page(&hall, &who, "/problems", who.of("Problem data", "问题数据"), body)))
}

fn filters(who: &Who, asked: &Asked) -> Markup {
    let states = ["held", "returned", "resubmitted", "cured", "voided"];
    let chosen = asked.state.as_deref().unwrap_or("");
    html! {
        form.filters method="get" action="/problems" {
            label { span { (who.of("State", "状态")) }
                select name="state" {
                    option value="" { (who.of("all", "全部")) }
                    @for state in states { option value=(state) selected[state == chosen] { (state_name(who, state)) } }
                }
            }
            label { span { (who.of("Adapter", "适配器")) } input name="adapter" value=(asked.adapter.as_deref().unwrap_or("")); }
            label { span { (who.of("Rule", "规则")) } input name="rule" value=(asked.rule.as_deref().unwrap_or("")); }
            button type="submit" { (who.of("Show", "查询")) }
        }
    }
}

fn groups(who: &Who, groups: &[Group<'_>], now: Millis) -> Markup {
    html! {
        section {
            h2 { (who.of("By cause", "按原因")) }
            div.wide { table {
                thead { tr {
                    th { (who.of("Cause", "原因")) }
                    th { (who.of("Adapter", "适配器")) }
                    th.n { (who.of("Open", "待处理")) }
                    th.n { (who.of("All", "合计")) }
                    th { (who.of("First", "首次")) }
                    th { (who.of("Last", "最近")) }
                    th { (who.of("What to do", "处理")) }
                } }
                tbody { @for g in groups {
                    tr {
                        th scope="row" { (class_name(who, g.class)) " · " (who.of(g.en, g.zh)) " " span.quiet { "[" (g.rule) "]" } }
                        td { (g.adapter) }
                        td.n { a href={ "/problems?adapter=" (g.adapter) "&rule=" (g.rule) } { (count(g.open.len() as u64)) } }
                        td.n { (count(g.all)) }
                        td { (moment(g.first, now)) }
                        td { (moment(g.last, now)) }
                        td { (deeds(who, &g.open, g.class)) }
                    }
                } }
            } }
        }
    }
}

/// The first thing to do is to give rows back to whom they belong.
fn deeds(who: &Who, open: &[i64], class: &str) -> Markup {
    let numbers: Vec<String> = open.iter().map(i64::to_string).collect();
    let numbers = numbers.join(",");
    let deed = |what: &str, button: (&'static str, &'static str)| -> Markup {
        html! {
            details.act {
                summary { (who.of(button.0, button.1)) }
                (shell::deed(who, "/problems/act", &[("numbers", &numbers), ("what", what)], button))
            }
        }
    };
    html! {
        @if who.may(Power::Problems) && !open.is_empty() {
            @if class != "refused" {
                (deed("return", ("Return to its unit", "退回来源单位")))
                (deed("resubmit", ("Collect anew", "重新采集提交")))
            }
            (deed("void", ("Withdraw", "停报")))
        }
    }
}

fn entries(who: &Who, items: &[ProblemItem], now: Millis) -> Markup {
    html! {
        section {
            h2 { (who.of("One by one", "逐条")) }
            div.wide { table {
                thead { tr {
                    th.n { "№" }
                    th { (who.of("State", "状态")) }
                    th { (who.of("Place in the source", "来源位置")) }
                    th { (who.of("What is wrong", "问题")) }
                    th { (who.of("Found", "发现")) }
                    th { (who.of("Until", "期限")) }
                } }
                tbody { @for item in items.iter().take(LISTED) {
                    tr {
                        td.n { a href={ "/problems/" (item.number) } { (item.number) } }
                        td { (state_name(who, &item.state)) }
                        td { (item.reference) }
                        td { @for v in &item.violations { div { (who.of(&v.en, &v.zh)) } } }
                        td { (moment(item.at, now)) }
                        td { @if let Some(until) = item.deadline { span.bad[until < now && item.state == "returned"] { (moment(until, now)) } } }
                    }
                } }
            } }
            @if items.len() > LISTED {
                p.quiet { (who.of("The first hundred are listed; choose a cause above.", "仅列前一百条，请在上方按原因查看。")) }
            }
        }
    }
}

/// An entry that is within somebody's scope.
async fn own(hall: &Hall, who: &Who, number: i64) -> Result<ProblemItem, PageError> {
    who.needs(Power::Look)?;
    let item = one(hall, number).await?;
    if !who.scope.has_unit(&item.adapter) {
        return Err(PageError::gone(
            format!("there is no entry {number}"),
            format!("没有编号为 {number} 的问题数据"),
        ));
    }
    Ok(item)
}

async fn show(State(hall): State<Arc<Hall>>, who: Who, Path(number): Path<i64>) -> Page {
    let shown = async {
        let item = own(&hall, &who, number).await?;
        let row = row(&hall, &item, false).await?;
        Ok(entry(&hall, &who, &item, row.as_deref()))
    };
    let body = shown.await.map_err(|e: PageError| Refusal::to(&who, e))?;
    let title = format!("{} № {number}", who.of("Problem data", "问题数据"));
    Ok(answer(shell::page(&hall, &who, "/problems", &title, body)))
}

/// The source row as text: starred but for what everybody may see, or as it is.
async fn row(hall: &Hall, item: &ProblemItem, plain: bool) -> Result<Option<String>, PageError> {
    let Some(raw) = hall.store().problem_raw(item.number).await? else { return Ok(None) };
    let Some(raw) = hall.house.opened(raw, item) else {
        return Err(PageError::bad(
            "the row is encrypted, and no key of this node opens it: older pairs belong into the configuration as [[identity.former]]",
            "源行已加密，本节点密钥无法打开：旧加密证书请以 [[identity.former]] 保留",
        ));
    };
    if plain {
        return Ok(Some(String::from_utf8_lossy(&raw).into_owned()));
    }
    let shown = hall.house.shown(&item.adapter);
    let masked = rested::masked(&raw, |column| shown.contains(column));
    Ok(masked.map(|bytes| String::from_utf8_lossy(&bytes).into_owned()))
}

fn entry(hall: &Hall, who: &Who, item: &ProblemItem, row: Option<&str>) -> Markup {
    let now = hall.now();
    let number = item.number.to_string();
    html! {
        dl.facts {
            dt { (who.of("State", "状态")) } dd { (class_name(who, &item.class)) " · " (state_name(who, &item.state)) }
            dt { (who.of("Adapter", "适配器")) } dd { (item.adapter) }
            dt { (who.of("Place in the source", "来源位置")) } dd { (item.reference) }
            @if let Some(record) = &item.record { dt { (who.of("Record", "记录")) } dd { a href={ "/records?number=" (record) } { (record) } } }
            @if let Some(to) = &item.destination { dt { (who.of("Goes to", "报往")) } dd { (to) } }
            dt { (who.of("Found", "发现")) } dd { (item.at) }
            @if let Some(until) = item.deadline { dt { (who.of("To be corrected until", "更正期限")) } dd { (until) } }
            @if let Some(version) = item.cured_by { dt { (who.of("Cured by version", "由版本更正")) } dd { (version) } }
        }
        h2 { (who.of("What is wrong", "问题")) }
        (violations(hall, who, item))
        @if let Some(row) = row { h2 { (who.of("The row", "源行")) } pre.row { (row) } }
        @if who.may(Power::Unmask) && row.is_some() {
            details.act {
                summary { (who.of("Show personal values", "显示个人信息")) }
                p.quiet { (who.of("Leaves a line in the audit chain.", "将记入审计。")) }
                (shell::deed(who, &format!("/problems/{number}/unmask"), &[], ("Show", "显示")))
            }
        }
        @if matches!(&*item.state, "held" | "returned" | "resubmitted") {
            h2 { (who.of("What to do", "处理")) }
            (deeds(who, &[item.number], &item.class))
        }
        p.quiet { (moment(now, now)) }
    }
}

/// Each violation with what the dictionary says of its field.
fn violations(hall: &Hall, who: &Who, item: &ProblemItem) -> Markup {
    let kind = item.record.as_deref().and_then(|r| r.split(':').next()).unwrap_or_default();
    let entry = |wire: &str| {
        hall.node.formats.values().find_map(|format| {
            let ty = format.type_by_name(kind).or_else(|| format.type_by_wire(kind))?;
            let ty = format.get(ty);
            let field = ty.fields.get(ty.field_by_wire(wire)?)?;
            let form = who.of(&field.form.1, &field.form.0);
            Some(format!("{} · {}–{} · {form}", field.label, field.min_len, field.max_len))
        })
    };
    html! {
        ul.said { @for v in &item.violations {
            li.bad[v.severity == Severity::Error] {
                (who.of(&v.en, &v.zh)) " " span.quiet { "[" (v.rule) "] " (v.field) }
                @if let Some(entry) = entry(&v.field) {
                    div.quiet { (who.of("In the dictionary: ", "数据字典：")) (entry) }
                }
            }
        } }
    }
}

#[derive(Debug, Deserialize)]
struct Deed {
    numbers: String,
    what: String,
    days: Option<i64>,
    reason: String,
}

async fn act(State(hall): State<Arc<Hall>>, Told { who, form }: Told<Deed>) -> Page {
    let done = async {
        let numbers: Result<Vec<i64>, _> = form.numbers.split(',').map(str::parse).collect();
        let problems = numbers
            .map_err(|_| PageError::bad("numbers are separated by commas", "编号之间以逗号分隔"))?;
        let act = match form.what.as_str() {
            "return" => Act::Return { problems, days: form.days.filter(|d| (1..=90).contains(d)) },
            "resubmit" => Act::Resubmit(problems),
            "void" => Act::Void(problems),
            other => {
                return Err(PageError::bad(
                    format!("`{other}` is nothing that can be done"),
                    format!("没有操作『{other}』"),
                ));
            }
        };
        hall.act(&who, &act, &form.reason).await
    };
    done.await.map_err(|e: PageError| Refusal::to(&who, e))?;
    Ok(see_other("/problems"))
}

#[derive(Debug, Deserialize)]
struct Why {
    reason: String,
}

/// Personal values, for one look: the line of the audit chain comes first.
async fn unmask(
    State(hall): State<Arc<Hall>>,
    Path(number): Path<i64>,
    Told { who, form }: Told<Why>,
) -> Page {
    let shown = async {
        let item = own(&hall, &who, number).await?;
        let may = who.may(Power::Unmask);
        let event = AuditEvent {
            at: hall.now(),
            who: who.account.to_string(),
            action: "quarantine.shown".into(),
            subject: format!("quarantine/{number}"),
            reason: form.reason.chars().take(crate::act::REASON_CHARS_MAX).collect(),
            ok: may,
        };
        hall.store().audit(event).await?;
        who.needs(Power::Unmask)?;
        let row = row(&hall, &item, true).await?;
        Ok(entry(&hall, &who, &item, row.as_deref()))
    };
    let body = shown.await.map_err(|e: PageError| Refusal::to(&who, e))?;
    let title = format!("{} № {number}", who.of("Problem data", "问题数据"));
    Ok(answer(shell::page(&hall, &who, "/problems", &title, body)))
}
