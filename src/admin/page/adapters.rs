//! 适配器: what each source has given, how far it is read, and holding it.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::routing::{get, post};
use canon::Day;
use exchange::standing::{self, BACKFILL, Backfill};
use maud::{Markup, html};
use serde::Deserialize;
use store::AdapterProgress;

use crate::access::{Power, Told, Who};
use crate::act::Act;
use crate::error::PageError;
use crate::hall::Hall;
use crate::house::Said;
use crate::shell;
use crate::tongue::{age, count, moment};
use crate::web::{Page, Refusal, html as answer, see_other};

/// The page, and ordering old rows.
pub(crate) fn routes() -> Router<Arc<Hall>> {
    Router::new().route("/adapters", get(list)).route("/adapters/backfill", post(backfill))
}

async fn list(State(hall): State<Arc<Hall>>, who: Who) -> Page {
    let shown = async {
        who.needs(Power::Look)?;
        let said = hall.house.said(hall.now()).await?;
        let jobs = standing::read::<Backfill>(hall.store(), BACKFILL).await?;
        let mut body = Vec::new();
        for (name, version) in hall.node.adapters.iter().filter(|(n, _)| who.scope.has_unit(n)) {
            let progress = hall.store().adapter(name).await?;
            let job = jobs.iter().find(|(adapter, _)| adapter == name).map(|(_, job)| job);
            body.push(one(&hall, &who, (name, version), &progress, (&said, job)));
        }
        Ok(body)
    };
    let found = shown.await.map_err(|e: PageError| Refusal::to(&who, e))?;
    let body = html! {
        @if found.is_empty() {
            p.notice { (who.of("This node reads no source.", "本节点没有来源系统。")) }
        }
        @for one in &found { (one) }
    };
    Ok(answer(shell::page(&hall, &who, "/adapters", who.of("Adapters", "适配器"), body)))
}

fn one(
    hall: &Hall,
    who: &Who,
    (name, version): (&str, &str),
    progress: &AdapterProgress,
    (said, job): (&[Said], Option<&Backfill>),
) -> Markup {
    let now = hall.now();
    let paused = progress.paused.is_some();
    let sentence = said.iter().find(|s| s.kind == "adapter" && s.about == name);
    html! {
        section id=(name) {
            h2 { (name) " " span.quiet { (who.of("package version ", "适配包版本 ")) (version) } }
            @if let Some(s) = sentence { p.bad[s.needs_a_person] { (who.of(&s.text.en, &s.text.zh)) } }
            dl.facts {
                dt { (who.of("Rows read", "已读行")) } dd { (count(progress.rows_read)) }
                dt { (who.of("Of these unchanged", "其中未变")) } dd { (count(progress.rows_unchanged)) }
                dt { (who.of("Records", "生成记录")) } dd { a href={ "/records?adapter=" (name) } { (count(progress.records)) } }
                dt { (who.of("Problem data", "问题数据")) } dd { a href={ "/problems?adapter=" (name) } { (count(progress.quarantined)) } }
                dt { (who.of("To be written back", "待回写")) } dd { (count(progress.write_backs)) }
                dt { (who.of("Last new rows", "最近新数据")) }
                dd { @match progress.last_at {
                    Some(at) => { (moment(at, now)) " · " (age(now.since(at), who.tongue)) (who.of(" ago", "前")) }
                    None => { (who.of("none yet", "尚无")) }
                } }
                dt { (who.of("Read up to", "游标")) } dd { @match &progress.cursor { Some(cursor) => { code { (cursor) } } None => { "–" } } }
                @if let Some(job) = job {
                    dt { (who.of("Old rows", "历史补报")) }
                    dd { (job.from) " – " (job.to) " " @if job.ended.is_some() { (who.of("done", "已完成")) } @else if job.paused { (who.of("held", "已暂停")) } @else { (who.of("under way", "进行中")) } }
                }
            }
            @if who.may(Power::Flow) {
                (super::overview::switch(who, "/adapters/switch", name, paused))
                (old_rows(who, name))
            }
        }
    }
}

fn old_rows(who: &Who, name: &str) -> Markup {
    html! {
        details.act {
            summary { (who.of("Read a time again, as history", "重读某段时间（历史补报）")) }
            form.deed method="post" action="/adapters/backfill" {
                input type="hidden" name="csrf" value=(who.csrf);
                input type="hidden" name="adapter" value=(name);
                label { span { (who.of("From", "起")) } input type="date" name="from" required; }
                label { span { (who.of("To", "止")) } input type="date" name="to" required; }
                label { span { (who.of("Why", "原因")) } input type="text" name="reason" required maxlength="500"; }
                button type="submit" { (who.of("Order", "提交")) }
            }
        }
    }
}

#[derive(Debug, Deserialize)]
struct Order {
    adapter: String,
    from: String,
    to: String,
    reason: String,
}

async fn backfill(State(hall): State<Arc<Hall>>, Told { who, form }: Told<Order>) -> Page {
    let done = async {
        let day = |text: &str| {
            Day::parse(text).ok_or_else(|| {
                PageError::bad(
                    format!("`{text}` is no day, such as 2026-11-22"),
                    format!("『{text}』不是日期，应如 2026-11-22"),
                )
            })
        };
        let (from, to) = (day(&form.from)?, day(&form.to)?);
        if from > to {
            return Err(PageError::bad("the first day is after the last", "起始日晚于截止日"));
        }
        let act = Act::Backfill { adapter: form.adapter.clone(), from, to };
        hall.act(&who, &act, &form.reason).await
    };
    done.await.map_err(|e: PageError| Refusal::to(&who, e))?;
    Ok(see_other("/adapters"))
}
