//! `tiergate quarantine`: problem data (问题数据), and what an operator does about it.

use std::collections::BTreeSet;

use canon::{Millis, NodeCode, Severity};
use clap::{Args, Subcommand};
use exchange::config::NodeConfig;
use exchange::{rested, resubmit};
use serde_json::{Value, json};
use store::{AuditEvent, ProblemAction, ProblemFilter, ProblemItem};

use crate::desk::Request;
use crate::stores::{self, Access, NodesArg, Tier, tiers};
use crate::text::{Done, Exit, Failure, Out};
use crate::{desk, identity, open, os};

/// Most entries of a list.
const LIST_MAX: u32 = 10_000;

/// What is done.
#[derive(Debug, Subcommand)]
pub(crate) enum Quarantine {
    /// List problem data, in the order it was found · 列出问题数据
    List(List),
    /// Show one entry with every violation · 查看一条问题数据
    Show(Show),
    /// Return entries to the owning unit with a deadline · 退回来源单位
    Return(Act),
    /// Collect the same rows anew, after a rule or code table was mended · 重新采集提交
    Resubmit(Act),
}

/// Arguments of `list`.
#[derive(Debug, Args)]
pub(crate) struct List {
    #[command(flatten)]
    nodes: NodesArg,
    /// Only this state: held, returned, resubmitted, cured, voided
    #[arg(long, value_parser = ["held", "returned", "resubmitted", "cured", "voided"])]
    state: Option<String>,
    /// Only this adapter
    #[arg(long)]
    adapter: Option<String>,
    /// Only this rule, such as field.check_digit
    #[arg(long)]
    rule: Option<String>,
    /// After this number
    #[arg(long, default_value_t = 0)]
    after: i64,
    /// At most this many of each node
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=i64::from(LIST_MAX)))]
    limit: u32,
}

/// Arguments of `show`.
#[derive(Debug, Args)]
pub(crate) struct Show {
    /// The entry's number
    number: i64,
    #[command(flatten)]
    nodes: NodesArg,
    /// Also print the source row; personal values, and columns that nothing is made of, are starred
    #[arg(long)]
    raw: bool,
    /// With --raw: as it is. Leaves a line in the audit chain
    #[arg(long, requires = "raw", requires = "by")]
    personal: bool,
    /// With --personal: your operator code, for the audit chain; never a name
    #[arg(long, value_name = "CODE", value_parser = desk::operator)]
    by: Option<String>,
}

/// Arguments of `return` and `resubmit`.
#[derive(Debug, Args)]
pub(crate) struct Act {
    /// The entries' numbers
    #[arg(required = true)]
    numbers: Vec<i64>,
    #[command(flatten)]
    nodes: NodesArg,
    /// Your operator code, for the audit chain; never a name
    #[arg(long, value_name = "CODE", value_parser = desk::operator)]
    by: String,
    /// Why, for the audit chain
    #[arg(long)]
    reason: String,
    /// Days the owning unit gets (return only); [limits] return_days if not given
    #[arg(long, value_parser = clap::value_parser!(i64).range(1..=90))]
    days: Option<i64>,
}

/// Runs the command.
pub(crate) fn run(command: Quarantine, out: &Out) -> Done {
    os::block_on(async {
        match command {
            Quarantine::List(args) => list(&args, out).await,
            Quarantine::Show(args) => show(&args, out).await,
            Quarantine::Return(args) => act(&args, true, out).await,
            Quarantine::Resubmit(args) => act(&args, false, out).await,
        }
    })?
}

async fn list(args: &List, out: &Out) -> Done {
    let mut nodes: Vec<Value> = Vec::new();
    let mut n = 0;
    for tier in tiers(&args.nodes, Access::Read).await? {
        let filter = ProblemFilter {
            state: args.state.clone(),
            adapter: args.adapter.clone(),
            rule: args.rule.clone(),
            after: args.after,
            limit: args.limit,
        };
        let items = tier.store.problems(filter).await.map_err(|e| tier.failed(&e))?;
        n += items.len();
        if !out.json && !items.is_empty() {
            out.text(format_args!("{} {}", tier.title, tier.code))?;
            let several = several(&items);
            for item in &items {
                out.text(line(item, several, out))?;
            }
        }
        if !out.json && items.len() == args.limit as usize {
            let last = items.last().map_or(0, |i| i.number);
            out.say(
                format_args!("  … there may be more: --after {last}"),
                format_args!("  …可能还有，续看请加 --after {last}"),
            )?;
        }
        nodes.push(json!({ "node": tier.code.as_str(), "title": tier.title, "problems": items }));
    }
    out.value(&json!({ "ok": true, "count": n, "nodes": nodes }))?;
    out.say(
        format_args!("{n} entries; `tiergate quarantine show NUMBER` tells all of one"),
        format_args!("共 {n} 条；详情见 tiergate quarantine show 编号"),
    )?;
    Ok(Exit::Fine)
}

/// One entry in one line: number, state, place, first violation.
fn line(item: &ProblemItem, several: bool, out: &Out) -> String {
    let first = item.violations.first().map_or_else(String::new, |v| {
        let more = item.violations.len() - 1;
        let more = if more > 0 { format!(" (+{more})") } else { String::new() };
        format!("[{}] {}{more}", v.rule, out.of(&v.en, &v.zh))
    });
    let number = item.number;
    let state = out.of(item.state.as_str(), state_zh(&item.state));
    let class = out.of(item.class.as_str(), class_zh(&item.class));
    let place = if item.reference.is_empty() { item.record.as_deref() } else { None };
    let to = item.destination.as_ref().filter(|_| several);
    let to = to.map(|to| format!("→ {to}  ")).unwrap_or_default();
    format!("  {number}  {class}·{state}  {to}{}  {first}", place.unwrap_or(&item.reference))
}

/// Whether entries are of records to several destinations.
fn several(items: &[ProblemItem]) -> bool {
    let mut all = items.iter().filter_map(|i| i.destination.as_ref());
    let first = all.next();
    all.any(|to| Some(to) != first)
}

fn state_zh(state: &str) -> &str {
    match state {
        "held" => "待处理",
        "returned" => "已退回",
        "resubmitted" => "已重新提交",
        "cured" => "已更正",
        "voided" => "已停报",
        other => other,
    }
}

fn class_zh(class: &str) -> &str {
    match class {
        "quarantined" => "本级隔离",
        "rejected" => "上级退回",
        "refused" => "报文拒收",
        other => other,
    }
}

async fn show(args: &Show, out: &Out) -> Done {
    let tier = the_tier(&args.nodes, Access::Read).await?;
    let number = args.number;
    let filter = ProblemFilter { after: number.saturating_sub(1), limit: 1, ..Default::default() };
    let items = tier.store.problems(filter).await.map_err(|e| tier.failed(&e))?;
    let Some(item) = items.into_iter().find(|i| i.number == number) else {
        return Err(unknown(&tier, number));
    };
    let raw = if args.raw { raw(args, &tier, &item).await? } else { None };
    out.value(&json!({ "ok": true, "node": tier.code.as_str(), "problem": item, "raw": raw }))?;
    if out.json {
        return Ok(Exit::Fine);
    }
    out.text(line(&item, false, out).trim_start())?;
    out.say(format_args!("found     {}", item.at), format_args!("发现    {}", item.at))?;
    if let Some(record) = &item.record {
        out.say(format_args!("record    {record}"), format_args!("记录    {record}"))?;
    }
    if let Some(to) = &item.destination {
        out.say(format_args!("goes to   {to}"), format_args!("报往    {to}"))?;
    }
    if !item.adapter.is_empty() {
        let adapter = &item.adapter;
        out.say(format_args!("adapter   {adapter}"), format_args!("适配器  {adapter}"))?;
    }
    if let Some(deadline) = item.deadline {
        out.say(format_args!("deadline  {deadline}"), format_args!("期限    {deadline}"))?;
    }
    if let Some(version) = item.cured_by {
        out.say(
            format_args!("cured by  version {version}"),
            format_args!("由版本 {version} 更正"),
        )?;
    }
    for v in &item.violations {
        let weight = match v.severity {
            Severity::Error => out.of("error", "错误"),
            Severity::Warn => out.of("warning", "提示"),
        };
        out.text(format_args!("  {weight} [{}] {} {}", v.rule, v.field, out.of(&v.en, &v.zh)))?;
    }
    if let Some(raw) = raw {
        out.text(raw)?;
    }
    Ok(Exit::Fine)
}

/// The source row of an entry, for whoever looks on, or as it is for whoever says so by name.
async fn raw(args: &Show, tier: &Tier, item: &ProblemItem) -> Result<Option<String>, Failure> {
    let raw = tier.store.problem_raw(item.number).await.map_err(|e| tier.failed(&e))?;
    let Some(raw) = raw else { return Ok(None) };
    let (config, code) = stores::the_identity(&args.nodes)?;
    let keys = identity::ring(&config, &code)?;
    let Some(raw) = rested::opened(raw, item, &keys) else {
        return Err(Failure::environment(
            format!(
                "{code}: the row of entry {} is encrypted, and no key of its configuration opens it: older pairs belong there as [[identity.former]]",
                item.number
            ),
            format!(
                "{code}：编号 {} 的源行已加密，配置中的密钥无法打开：旧加密证书请以 [[identity.former]] 保留",
                item.number
            ),
        ));
    };
    if let (true, Some(by)) = (args.personal, &args.by) {
        let subject = format!("quarantine/{}", item.number);
        desk::line(&config, &code, &Request::Shown { subject, by: by.clone() }).await?;
        // Bytes that are no text are shown as far as they can be: people look at them, nothing reads them.
        return Ok(Some(String::from_utf8_lossy(&raw).into_owned()));
    }
    let shown = shown(&config, &code, &item.adapter)?;
    let masked = rested::masked(&raw, |column| shown.contains(column));
    Ok(Some(match masked {
        Some(row) => String::from_utf8_lossy(&row).into_owned(),
        None => format!("({} bytes; --personal --by CODE shows them)", raw.len()),
    }))
}

/// Columns of an adapter's source that may be shown; none of one that is not configured any more.
pub(crate) fn shown(
    config: &NodeConfig,
    code: &NodeCode,
    adapter: &str,
) -> Result<BTreeSet<String>, Failure> {
    let Some(adapter) = config.adapters_of(code).find(|a| *a.name == *adapter) else {
        return Ok(BTreeSet::new());
    };
    let format = open::format_of(config)?.map_err(|found| open::problems(&found))?;
    let package = open::package(adapter, &format)?.map_err(|found| open::problems(&found))?;
    let Ok(mapping) = adapt::Mapping::compile(&package, &format) else {
        return Ok(BTreeSet::new());
    };
    Ok(mapping.shown_columns(&format).into_iter().map(str::to_owned).collect())
}

async fn act(args: &Act, back: bool, out: &Out) -> Done {
    let tier = the_tier(&args.nodes, Access::Write).await?;
    let now = os::now();
    let days = args.days.unwrap_or(tier.return_days);
    let deadline = Millis(now.0).plus(days * 86_400_000);
    let word = if back { "quarantine.return" } else { "quarantine.resubmit" };
    let numbers: Vec<String> = args.numbers.iter().map(i64::to_string).collect();
    let audit = AuditEvent {
        at: now,
        who: args.by.clone(),
        action: word.into(),
        subject: numbers.join(","),
        reason: args.reason.clone(),
        ok: true,
    };
    let changed = if back {
        let action = ProblemAction::Return { deadline };
        let changed = tier.store.act_on_problems(&args.numbers, action, audit).await;
        changed.map_err(|e| tier.failed(&e))?
    } else {
        resubmit::order(&tier.store, &args.numbers, audit).await.map_err(|e| {
            let code = &tier.code;
            Failure::environment(format!("{code}: {e}"), format!("{code}：{e}"))
        })?
    };
    let asked = args.numbers.len() as u64;
    out.value(&json!({ "ok": changed == asked, "asked": asked, "changed": changed }))?;
    if back {
        out.say(
            format_args!("{changed} of {asked} returned to their owning unit, until {deadline}"),
            format_args!("{asked} 条中 {changed} 条已退回来源单位，期限 {deadline}"),
        )?;
    } else {
        out.say(
            format_args!("{changed} of {asked} will be collected anew at the next read"),
            format_args!("{asked} 条中 {changed} 条将在下次采集时重新提交"),
        )?;
    }
    if changed < asked {
        out.say(
            "the others are settled already or are not there; see `tiergate quarantine list`",
            "其余已处理完毕或不存在，见 tiergate quarantine list",
        )?;
        return Ok(Exit::Problems);
    }
    Ok(Exit::Fine)
}

/// The one node a number belongs to.
async fn the_tier(nodes: &NodesArg, access: Access) -> Result<Tier, Failure> {
    let mut all = tiers(nodes, access).await?;
    match (all.pop(), all.is_empty()) {
        (Some(tier), true) => Ok(tier),
        _ => Err(Failure::usage(
            "numbers belong to one node: say which with --node CODE",
            "编号只在一个节点内有效：请用 --node 代码 指明",
        )),
    }
}

fn unknown(tier: &Tier, number: i64) -> Failure {
    let code = &tier.code;
    Failure {
        exit: Exit::Problems,
        en: format!("`{code}` has no entry {number}; see `tiergate quarantine list --node {code}`"),
        zh: format!("『{code}』没有编号 {number}，见 tiergate quarantine list --node {code}"),
    }
}

#[cfg(test)]
mod tests {
    use canon::Violation;

    use super::*;
    use crate::text::Lang;

    #[test]
    fn an_entry_is_one_line_with_place_and_first_violation() {
        let violation = |rule: &str| Violation {
            rule: rule.into(),
            field: "SQRZJHM".into(),
            severity: Severity::Error,
            zh: "第 17 行『身份证号』校验位错误，应为 X".into(),
            en: "check digit wrong, should be X".into(),
        };
        let item = ProblemItem {
            number: 7,
            class: "quarantined".into(),
            state: "held".into(),
            adapter: "township_window".into(),
            reference: "window-20261121.csv:17".into(),
            record: None,
            destination: None,
            violations: vec![violation("field.check_digit"), violation("field.required")],
            at: Millis(0),
            deadline: None,
            cured_by: None,
        };
        let out = |lang| Out { lang, json: false };
        assert_eq!(
            line(&item, false, &out(Lang::Zh)),
            "  7  本级隔离·待处理  window-20261121.csv:17  [field.check_digit] 第 17 行『身份证号』校验位错误，应为 X (+1)"
        );
        assert!(line(&item, false, &out(Lang::En)).contains("quarantined·held"));
        let other = ProblemItem { destination: NodeCode::new("bureau"), ..item };
        assert!(line(&other, true, &out(Lang::En)).contains("held  → bureau  window"));
    }
}
