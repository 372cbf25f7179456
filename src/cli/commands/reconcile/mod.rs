//! `tiergate reconcile`: a day's books (对账): totals, named differences with their causes, whether the day
//! agrees, what happens next; a month's rates; and the order to send again what a receiver lacks.

pub(crate) mod book;
pub(crate) mod month;
mod signed;

use std::path::PathBuf;

use canon::{Day, NodeCode};
use clap::Args;
use exchange::reconcile::causes;
use exchange::reconcile::report::{self, DayReport, Verdict, WindowReport};
use exchange::reconcile::sheets::{self, Sheet, Tongue};
use serde_json::{Value, json};

use crate::commands::platform::reason;
use crate::desk::{self, Request};
use crate::lang::Lang;
use crate::os;
use crate::stores::{self, Access, NodesArg, Tier, tiers};
use crate::text::{Done, Exit, Failure, Out, Table};

/// Most lines of details on the screen; `--report` and `--json` have all.
const SHOWN_MAX: usize = 40;

/// Arguments.
#[derive(Debug, Args)]
pub(crate) struct Reconcile {
    /// The day, such as 2026-11-21; or a month, such as 2026-11, for its rates
    #[arg(required_unless_present = "verify")]
    day: Option<String>,
    /// Configuration files
    #[arg(long, value_name = "FILE", num_args = 1..)]
    config: Vec<PathBuf>,
    /// A folder whose subfolders hold a node.toml each, as `tiergate demo --keep` leaves it
    #[arg(long, value_name = "FOLDER", conflicts_with = "config")]
    data: Option<PathBuf>,
    /// Only the node of this code
    #[arg(long, value_name = "CODE")]
    node: Option<String>,
    /// Only what goes over this link
    #[arg(long, value_name = "LINK")]
    link: Option<String>,
    /// Send again what the receiver lacks, in growing parts; stops at the first sign of harm · 补传
    #[arg(long, requires = "by", requires = "reason")]
    heal: bool,
    /// Your operator code, for the audit chain; never a name
    #[arg(long, value_name = "CODE", value_parser = desk::operator)]
    by: Option<String>,
    /// Why, for the audit chain
    #[arg(long, value_parser = reason)]
    reason: Option<String>,
    /// Write the report, .md or .xlsx, and its signature beside it (.sig)
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
    /// Verify a report against its signature, offline
    #[arg(long, value_name = "FILE", requires = "anchor", conflicts_with_all = ["day", "heal", "report"])]
    verify: Option<PathBuf>,
    /// With --verify: certificates of the authorities one trusts, PEM
    #[arg(long, value_name = "FILE")]
    anchor: Vec<PathBuf>,
}

/// Runs the command.
pub(crate) fn run(args: &Reconcile, out: &Out) -> Done {
    if let Some(file) = &args.verify {
        return signed::verify(file, &args.anchor, out);
    }
    if args.config.is_empty() && args.data.is_none() {
        return Err(Failure::usage(
            "say which nodes are meant with --config FILE or --data FOLDER",
            "请用 --config 文件 或 --data 目录 指明节点",
        ));
    }
    os::block_on(async {
        let text = args.day.as_deref().unwrap_or_default();
        if let Some(day) = Day::parse(text) {
            return day_of(args, day, out).await;
        }
        match Day::parse(&format!("{text}-01")) {
            Some(first) => month::of(args, first, out).await,
            None => Err(Failure::usage(
                format!("`{text}` is no day (2026-11-21) and no month (2026-11)"),
                format!("『{text}』不是日期（2026-11-21）或月份（2026-11）"),
            )),
        }
    })?
}

impl Reconcile {
    fn nodes(&self) -> NodesArg {
        NodesArg::of(self.config.clone(), self.data.clone(), self.node.clone())
    }
}

const fn tongue(lang: Lang) -> Tongue {
    match lang {
        Lang::En => Tongue::En,
        Lang::Zh => Tongue::Zh,
    }
}

/// Whether a window goes over the link that is meant.
fn over(args: &Reconcile, code: &NodeCode, window: &WindowReport) -> Result<bool, Failure> {
    let Some(link) = &args.link else { return Ok(true) };
    let other = if window.sender == *code { &window.receiver } else { &window.sender };
    let (config, _) = stores::identities(&args.nodes())?
        .into_iter()
        .find(|(_, c)| c == code)
        .ok_or_else(|| Failure::usage("no such node", "没有该节点"))?;
    let links: Vec<_> = config.links_of(code).collect();
    let exactly = links.iter().find(|l| l.peer == *other || l.beneath.contains(other));
    let way = exactly.or_else(|| links.iter().find(|l| l.parent));
    Ok(way.is_some_and(|l| *l.name == **link))
}

async fn day_of(args: &Reconcile, day: Day, out: &Out) -> Done {
    let mut reports = Vec::new();
    for tier in tiers(&args.nodes(), Access::Read).await? {
        let mut report =
            report::of_day(&tier.store, &tier.code, (day, os::now())).await.map_err(|e| {
                Failure::environment(format!("{}: {e}", tier.code), format!("{}：{e}", tier.code))
            })?;
        let mut kept = Vec::new();
        for window in report.windows {
            if over(args, &tier.code, &window)? {
                kept.push(window);
            }
        }
        report.windows = kept;
        reports.push((tier, report));
    }
    if args.heal {
        order(args, day, &reports, out).await?;
    }
    if let Some(path) = &args.report {
        let mut all: Vec<Sheet> = Vec::new();
        for (tier, report) in &reports {
            let several = reports.len() > 1;
            for mut sheet in sheets::of_day(report, tongue(out.lang)) {
                if several {
                    sheet.name = format!("{} {}", sheet.name, tier.code);
                }
                all.push(sheet);
            }
        }
        let title = out.of(format!("Reconciliation {day}"), format!("日对账 {day}"));
        signed::write(path, (&title, &all), &args.nodes(), out)?;
    }
    show(day, &reports, out)
}

/// Orders that what receivers lack goes again; each window of an own day that differs.
async fn order(
    args: &Reconcile,
    day: Day,
    reports: &[(Tier, DayReport)],
    out: &Out,
) -> Result<(), Failure> {
    for (config, code) in stores::identities(&args.nodes())? {
        let Some((_, report)) = reports.iter().find(|(t, _)| t.code == code) else { continue };
        let own = report.windows.iter().filter(|w| w.sender == code);
        for window in own.filter(|w| w.verdict == Verdict::Differs) {
            let request = Request::Heal {
                day,
                to: window.receiver.clone(),
                reason: args.reason.clone().unwrap_or_default(),
                by: args.by.clone().unwrap_or_default(),
            };
            let asked = desk::ask(&config, &code, &request, os::now()).await?;
            if !out.json {
                desk::told(&asked, out).await?;
            }
        }
    }
    Ok(())
}

fn show(day: Day, reports: &[(Tier, DayReport)], out: &Out) -> Done {
    // A day of which nobody has books is no day that agrees; a relay without any is no matter.
    let agrees = reports.iter().any(|(_, r)| !r.windows.is_empty())
        && reports.iter().all(|(_, r)| r.agrees());
    let nodes: Vec<Value> = reports.iter().map(|(t, r)| value(t, r)).collect();
    out.value(&json!({ "ok": agrees, "day": day.to_string(), "nodes": nodes }))?;
    if !out.json {
        for (tier, report) in reports {
            screen(tier, report, out)?;
        }
    }
    Ok(if agrees { Exit::Fine } else { Exit::Problems })
}

fn screen(tier: &Tier, report: &DayReport, out: &Out) -> Result<(), Failure> {
    out.text(format_args!("{} {}", tier.title, tier.code))?;
    if report.windows.is_empty() {
        out.say(
            "  no books of that day: it is not closed yet, or this node reports and receives nothing",
            "  当日无账：尚未关账，或本节点不报送也不接收",
        )?;
    }
    for sheet in sheets::of_day(report, tongue(out.lang)) {
        if sheet.rows.is_empty() && sheet.notes.is_empty() {
            continue;
        }
        out.text(format_args!("  {}", sheet.name))?;
        for note in sheet.notes.iter().skip(1) {
            out.text(format_args!("    {note}"))?;
        }
        rows(&sheet, out)?;
    }
    Ok(())
}

fn rows(sheet: &Sheet, out: &Out) -> Result<(), Failure> {
    let mut table = Table::new(sheet.head.iter().map(String::as_str));
    for row in sheet.rows.iter().take(SHOWN_MAX) {
        table.row(row.iter().map(sheets::Cell::plain));
    }
    for line in table.lines() {
        out.text(format_args!("    {line}"))?;
    }
    let more = sheet.rows.len().saturating_sub(SHOWN_MAX);
    if more > 0 {
        out.say(
            format_args!("    … and {more} more: --report FILE or --json tells all"),
            format_args!("    …另有 {more} 行，完整内容见 --report 文件 或 --json"),
        )?;
    }
    Ok(())
}

fn value(tier: &Tier, report: &DayReport) -> Value {
    let windows: Vec<Value> = report.windows.iter().map(window_value).collect();
    json!({
        "node": tier.code.as_str(), "title": tier.title, "agrees": (!report.windows.is_empty()).then(|| report.agrees()),
        "more": report.more, "windows": windows, "sources": report.sources, "hops": report.hops,
    })
}

fn window_value(w: &WindowReport) -> Value {
    let lines: Vec<Value> = w
        .lines
        .iter()
        .map(|l| {
            let places: serde_json::Map<String, Value> =
                l.counts.places().iter().map(|(p, n)| ((*p).to_owned(), json!(n))).collect();
            json!({
                "type": l.kind, "collected": l.counts.collected(), "places": places,
                "answered": l.answered, "same": l.same, "baseline": l.baseline,
            })
        })
        .collect();
    let outstanding: Vec<Value> = w
        .outstanding
        .iter()
        .map(|o| {
            json!({
                "record": o.record, "cause": o.place.to_string(), "code": o.reason,
                "envelope": o.envelope.as_ref().map(ToString::to_string),
            })
        })
        .collect();
    let next = causes::CAUSES.iter().map(|c| (c.word.to_owned(), json!(c.next_en)));
    let next: serde_json::Map<String, Value> = next.collect();
    json!({
        "sender": w.sender.as_str(), "receiver": w.receiver.as_str(), "revision": w.revision,
        "issued": w.issued.map(|at| at.to_string()), "verdict": w.verdict.word(), "types": lines,
        "outstanding": outstanding, "differences": w.named, "supplements": w.supplements,
        "healing": w.healing, "unanswered": w.narrowing.unanswered, "next": sheets::next(w, Tongue::En), "next_by_cause": next,
    })
}

fn rows_and_foot(sheet: &Sheet, out: &Out) -> Result<(), Failure> {
    rows(sheet, out)?;
    for foot in &sheet.foot {
        out.text(format_args!("    {foot}"))?;
    }
    Ok(())
}
