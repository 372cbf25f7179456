//! 问题数据: what is held, returned or rejected, grouped by its cause; what is done about it.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Path, Query, State};
use axum::routing::{get, post};
use canon::{Millis, Severity};
use exchange::rested;
use maud::{Markup, html};
use serde::Deserialize;
use store::{AuditEvent, ProblemFilter, ProblemItem};

use super::causes::{act, causes, deeds, groups, is_open};
use super::words::in_address;
use crate::access::{Power, Told, Who};
use crate::error::PageError;
use crate::hall::Hall;
use crate::shell;
use crate::tongue::moment;
use crate::web::{Page, Refusal, html as answer};

/// Entries of one page.
pub const PROBLEMS_SHOWN_MAX: u32 = 100;

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
pub(super) struct Asked {
    pub(super) state: Option<String>,
    pub(super) adapter: Option<String>,
    pub(super) rule: Option<String>,
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

pub(super) fn class_name<'c>(who: &Who, class: &'c str) -> &'c str {
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

pub(super) fn chosen(text: &Option<String>) -> Option<String> {
    text.clone().filter(|text| !text.is_empty())
}

impl Asked {
    /// The adapter that is asked for; who sees one alone asks for it.
    pub(super) fn unit(&self, who: &Who) -> Option<String> {
        match (chosen(&self.adapter), &*who.scope.units) {
            (None, [only]) => Some(only.clone()),
            (asked, _) => asked,
        }
    }

    /// The same question, going on after a number.
    fn address(&self, after: i64) -> String {
        let mut out = format!("/problems?after={after}");
        for (name, value) in
            [("state", &self.state), ("adapter", &self.adapter), ("rule", &self.rule)]
        {
            if let Some(value) = chosen(value) {
                out.push_str(&format!("&{name}={}", in_address(&value)));
            }
        }
        out
    }
}

async fn list(State(hall): State<Arc<Hall>>, who: Who, Query(asked): Query<Asked>) -> Page {
    let found = async {
        who.needs(Power::Look)?;
        let filter = ProblemFilter {
            state: chosen(&asked.state),
            adapter: asked.unit(&who),
            rule: chosen(&asked.rule),
            after: asked.after.unwrap_or(0),
            limit: PROBLEMS_SHOWN_MAX,
        };
        let mut items = hall.store().problems(filter).await?;
        let more = items.len() == PROBLEMS_SHOWN_MAX as usize;
        let last = items.last().map_or(0, |i| i.number);
        items.retain(|item| who.scope.has_unit(&item.adapter));
        Ok((causes(&hall, &who, &asked).await?, items, more.then_some(last)))
    };
    let ((causes, others), items, more) =
        found.await.map_err(|e: PageError| Refusal::to(&who, e))?;
    let now = hall.now();
    let body = html! {
        (filters(&who, &asked))
        @if causes.is_empty() {
            p.notice.good { (who.of("There is none.", "没有问题数据。")) }
        } @else {
            (groups(&who, &causes, now))
            @if others { p.quiet { (who.of("There are more causes: choose a state or an adapter.", "原因未列尽，请按状态或适配器筛选。")) } }
            (entries(&who, &items, now))
        }
        @if let Some(last) = more {
            p { a href=(asked.address(last)) { (who.of("More, after number ", "还有更多，自编号之后：")) (last) } }
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
                tbody { @for item in items {
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
        @if is_open(&item.state) {
            h2 { (who.of("What to do", "处理")) }
            (deeds(who, &[("numbers", &number)], &item.class))
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
