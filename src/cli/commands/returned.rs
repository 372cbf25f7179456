//! `tiergate returned`: accepted records that the receiver returned, with their deadlines.

use canon::Millis;
use clap::Args;
use exchange::returned::{self, Returned};
use serde_json::{Value, json};
use store::Place;

use crate::os;
use crate::stores::{Access, NodesArg, tiers};
use crate::text::{Done, Exit, Failure, Out};

/// Arguments of `returned`.
#[derive(Debug, Args)]
pub(crate) struct ReturnedArgs {
    #[command(flatten)]
    nodes: NodesArg,
    /// The answered ones too
    #[arg(long)]
    all: bool,
}

/// Lists them, the nearest deadline first. Exit 1 while one is past its deadline.
pub(crate) fn run(args: &ReturnedArgs, out: &Out) -> Done {
    os::block_on(async {
        let now = os::now();
        let mut nodes: Vec<Value> = Vec::new();
        let (mut open, mut overdue) = (0, 0);
        for tier in tiers(&args.nodes, Access::Read).await? {
            let listed = returned::list(&tier.store).await.map_err(|e| {
                let code = &tier.code;
                Failure::environment(format!("{code}: {e}"), format!("{code}：{e}"))
            })?;
            open += listed.iter().filter(|r| r.is_open()).count();
            overdue += listed.iter().filter(|r| r.is_overdue(now)).count();
            let shown: Vec<&Returned> = listed.iter().filter(|r| args.all || r.is_open()).collect();
            if !out.json && !shown.is_empty() {
                out.text(format_args!("{} {}", tier.title, tier.code))?;
                for one in &shown {
                    out.text(line(one, now, out))?;
                }
            }
            let records: Vec<Value> = shown.iter().map(|r| json(r, now)).collect();
            nodes.push(
                json!({ "node": tier.code.as_str(), "title": tier.title, "returned": records }),
            );
        }
        let ok = overdue == 0;
        out.value(&json!({ "ok": ok, "open": open, "overdue": overdue, "nodes": nodes }))?;
        out.say(
            format_args!(
                "{open} returned records to answer, {overdue} past their deadline; correct them at the source, the next version answers"
            ),
            format_args!(
                "待答复的退回记录 {open} 条，其中超期 {overdue} 条；在来源系统更正，下一版即为答复"
            ),
        )?;
        Ok(if ok { Exit::Fine } else { Exit::Problems })
    })?
}

fn line(one: &Returned, now: Millis, out: &Out) -> String {
    let mark = &one.mark;
    let late = if one.is_overdue(now) { out.of(" OVERDUE", " 已超期") } else { "" };
    let field = mark.field.as_deref().map_or_else(String::new, |f| format!(" {f}"));
    let answer = one.answer.map_or_else(String::new, |(version, place)| {
        let (en, zh) = words(place);
        format!("  → #{version} {}", out.of(en, zh))
    });
    let (kind, key, version, deadline) = (&one.kind, &one.key, mark.version, mark.deadline);
    let (rule, text) = (&mark.rule, &mark.text);
    format!("  {deadline}{late}  {kind}:{key}#{version}  [{rule}]{field} {text}{answer}")
}

fn json(one: &Returned, now: Millis) -> Value {
    let mark = &one.mark;
    json!({
        "type": one.kind, "key": one.key.to_string(), "version": mark.version,
        "rule": mark.rule, "field": mark.field, "text": mark.text,
        "deadline": mark.deadline.to_string(), "by": mark.by.as_str(), "at": mark.at.to_string(),
        "open": one.is_open(), "overdue": one.is_overdue(now),
        "answer": one.answer.map(|(version, place)| {
            json!({ "version": version, "place": place })
        }),
    })
}

/// Where the answer is, as the glossary has it.
const fn words(place: Place) -> (&'static str, &'static str) {
    match place {
        Place::Quarantined => ("quarantined", "隔离"),
        Place::Waiting => ("waiting for its parent", "等待上级环节"),
        Place::Staged => ("staged", "待封装"),
        Place::InFlight => ("in flight", "在途"),
        Place::AwaitingReview => ("awaiting review", "待审核"),
        Place::Accepted => ("accepted", "已接收"),
        Place::Superseded => ("superseded", "已被新版取代"),
        Place::Rejected => ("rejected", "已驳回"),
        Place::Voided => ("voided", "停报"),
        Place::Dead => ("given up", "已放弃"),
    }
}
