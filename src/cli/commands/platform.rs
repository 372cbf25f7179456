//! `tiergate outlet`: what a platform that does not run Tiergate has not answered, since when, and what a
//! named person does about a record that it never answers.

use std::collections::BTreeMap;

use canon::{Millis, RecordId};
use clap::{Args, Subcommand};
use serde_json::{Value, json};
use store::{Submission, SubmissionStep};

use crate::desk::{self, Asked, Request};
use crate::os;
use crate::stores::{self, Access, NodesArg, Tier, tiers};
use crate::text::{Done, Exit, Failure, Out, age};

/// Most records of a list.
const LIST_MAX: u32 = 10_000;
/// Longest reason, characters: it stands in the receipt.
const REASON_CHARS_MAX: usize = 200;

/// What is done.
#[derive(Debug, Subcommand)]
pub(crate) enum OutletCommand {
    /// Records that the platform has not answered, the longest waiting first · 平台未答复的记录
    Waiting(Waiting),
    /// Give up one record that the platform never answers: its receipt says so · 放弃平台始终不答复的一条记录
    GiveUp(GiveUp),
}

/// Arguments of `waiting`.
#[derive(Debug, Args)]
pub(crate) struct Waiting {
    #[command(flatten)]
    nodes: NodesArg,
    /// At most this many of each node
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=i64::from(LIST_MAX)))]
    limit: u32,
}

/// Arguments of `give-up`.
#[derive(Debug, Args)]
pub(crate) struct GiveUp {
    /// The record, as `outlet waiting` and `trace` show it: TYPE:KEY#VERSION
    #[arg(value_name = "TYPE:KEY#VERSION")]
    record: String,
    #[command(flatten)]
    nodes: NodesArg,
    /// Your operator code, for the audit chain and the receipt; never a name
    #[arg(long, value_name = "CODE", value_parser = desk::operator)]
    by: String,
    /// Why, for the audit chain and the receipt
    #[arg(long, value_parser = reason)]
    reason: String,
}

/// Reads `--reason`.
pub(crate) fn reason(text: &str) -> Result<String, String> {
    if text.trim().is_empty() || text.chars().count() > REASON_CHARS_MAX {
        return Err(format!(
            "say why in at most {REASON_CHARS_MAX} characters · 请说明原因，至多 {REASON_CHARS_MAX} 字"
        ));
    }
    Ok(text.to_owned())
}

/// Runs the command.
pub(crate) fn run(command: OutletCommand, out: &Out) -> Done {
    os::block_on(async {
        match command {
            OutletCommand::Waiting(args) => waiting(&args, out).await,
            OutletCommand::GiveUp(args) => give_up(args, out).await,
        }
    })?
}

async fn waiting(args: &Waiting, out: &Out) -> Done {
    let now = os::now();
    let (mut nodes, mut n) = (Vec::new(), 0);
    for tier in tiers(&args.nodes, Access::Read).await? {
        let rows = unanswered(&tier, args.limit).await?;
        if rows.is_empty() {
            continue;
        }
        n += rows.len();
        if !out.json {
            out.text(format_args!("{} {}", tier.title, tier.code))?;
            for (row, since) in &rows {
                out.text(line(row, *since, now, out))?;
            }
        }
        let records: Vec<Value> = rows.iter().map(|(row, since)| shown(row, *since)).collect();
        nodes.push(json!({ "node": tier.code.as_str(), "records": records }));
    }
    out.value(&json!({ "ok": n == 0, "nodes": nodes }))?;
    out.say(
        format_args!("{n} records wait for a platform's answer"),
        format_args!("{n} 条记录等待平台答复"),
    )?;
    Ok(if n == 0 { Exit::Fine } else { Exit::Problems })
}

/// What the platform has still to be told or asked about, with the time since which it waits here.
async fn unanswered(tier: &Tier, limit: u32) -> Result<Vec<(Submission, Millis)>, Failure> {
    let rows = tier.store.submissions_due(Millis(i64::MAX), limit).await;
    let rows = rows.map_err(|e| tier.failed(&e))?;
    let mut came: BTreeMap<i64, Millis> = BTreeMap::new();
    for row in &rows {
        if !came.contains_key(&row.inbox_id) {
            let parcel =
                tier.store.inbox_parcel(row.inbox_id).await.map_err(|e| tier.failed(&e))?;
            came.extend(parcel.map(|parcel| (row.inbox_id, parcel.received_at)));
        }
    }
    // Answered in between: it waits no more.
    let since = |row: &Submission| came.get(&row.inbox_id).copied();
    let mut rows: Vec<_> = rows.into_iter().filter_map(|r| since(&r).map(|at| (r, at))).collect();
    rows.sort_by_key(|(row, at)| (*at, row.turn, row.position));
    Ok(rows)
}

const fn words(step: SubmissionStep) -> (&'static str, &'static str) {
    match step {
        SubmissionStep::Held => ("behind another record", "排在其他记录之后"),
        SubmissionStep::Due => ("to hand over", "待报"),
        SubmissionStep::Sending => ("handed over, not answered", "已报，未答复"),
        SubmissionStep::Answered => ("answered", "已答复"),
    }
}

fn line(row: &Submission, since: Millis, now: Millis, out: &Out) -> String {
    let (en, zh) = words(row.step);
    let said = row.answer.as_ref().map(|a| format!("  「{}」", a.said)).unwrap_or_default();
    let (id, attempts, message) = (&row.id, row.attempts, &row.message);
    let (since, word) = (age(now.since(since), out.lang), out.of(en, zh));
    format!("  {since}  {id}  {word} ×{attempts}  {message}{said}")
}

fn shown(row: &Submission, since: Millis) -> Value {
    json!({
        "record": row.id.to_string(), "since": since.to_string(), "step": row.step,
        "attempts": row.attempts, "message": row.message, "envelope": row.envelope.to_string(),
        "said": row.answer.as_ref().map(|a| &a.said),
    })
}

async fn give_up(args: GiveUp, out: &Out) -> Done {
    if RecordId::parse(&args.record).is_none() {
        return Err(Failure::usage(
            "a record is written TYPE:KEY#VERSION, as `tiergate outlet waiting` shows it",
            "记录应写作 类型:主键#版次，见 tiergate outlet waiting",
        ));
    }
    let (config, code) = stores::the_identity(&args.nodes)?;
    let GiveUp { record, by, reason, .. } = args;
    let request = Request::GivenUp { record, reason, by };
    let asked = desk::ask(&config, &code, &request, os::now()).await?;
    if matches!(asked, Asked::Done(0, _)) {
        out.say(
            "the platform is not asked about this record here; see `tiergate outlet waiting`",
            "该记录并不在等待平台答复；见 tiergate outlet waiting",
        )?;
    }
    desk::told(&asked, out).await
}
