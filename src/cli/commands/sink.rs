//! `tiergate sink`: where kept records went, and how the sinks are.

use std::collections::{BTreeMap, BTreeSet};

use canon::{Day, Millis, NodeCode};
use clap::{Args, Subcommand};
use edge::SetAside;
use envelope::KeyRing;
use exchange::WorkError;
use exchange::config::{NodeConfig, SinkConfig};
use exchange::deliver::{From, Kept, Replayed};
use exchange::sink_state::{self, SinkSeen};
use serde_json::json;
use store::{SharedStore, TraceStep};

use crate::commands::waiting::Said;
use crate::desk::{self, Request};
use crate::stores::{self, Access, NodesArg, Tier};
use crate::text::{Done, Exit, Failure, Lang, Out, age};
use crate::{open, os, sinks};

/// A sink that does not take is somebody's business after this, ms; before, it comes back by itself as
/// a rule. Kept records that are older than this and not delivered are said.
const PATIENCE: i64 = 600_000;

/// What is done with a sink.
#[derive(Debug, Subcommand)]
pub(crate) enum SinkCommand {
    /// Give a sink again what was kept; works beside the service · 重放
    Replay(Replay),
    /// Records that a sink's place refused one by one · 被拒记录
    Refused(Refused),
    /// Let a sink go on that stopped until somebody has looked · 恢复已停止的输出
    Resume(Resume),
}

/// Arguments of `refused`.
#[derive(Debug, Args)]
pub(crate) struct Refused {
    /// The sink's name
    name: String,
    #[command(flatten)]
    nodes: NodesArg,
}

/// Arguments of `resume`.
#[derive(Debug, Args)]
pub(crate) struct Resume {
    /// The sink's name
    name: String,
    /// Your operator code, for the audit chain; never a name
    #[arg(long, value_name = "CODE", value_parser = desk::operator)]
    by: String,
    #[command(flatten)]
    nodes: NodesArg,
}

/// Arguments of `replay`.
#[derive(Debug, Args)]
pub(crate) struct Replay {
    /// The sink's name
    name: String,
    /// A watermark (column tg_watermark), or the day from which on this node judged them
    #[arg(long, value_name = "WATERMARK|DAY", value_parser = point, required_unless_present = "refused")]
    from: Option<From<'static>>,
    /// Only those that its place refused one by one; what it takes now is off the list
    #[arg(long, conflicts_with = "from")]
    refused: bool,
    #[command(flatten)]
    nodes: NodesArg,
}

/// A number or a day.
fn point(text: &str) -> Result<From<'static>, String> {
    match (text.parse::<u64>(), Day::parse(text)) {
        (Ok(mark), _) => Ok(From::Watermark(mark)),
        (_, Some(day)) => Ok(From::Day(day)),
        _ => Err("write a watermark or YYYY-MM-DD · 应写水位数字或 YYYY-MM-DD".into()),
    }
}

/// Runs the command.
pub(crate) fn run(command: SinkCommand, out: &Out) -> Done {
    os::block_on(async {
        match command {
            SinkCommand::Replay(args) => replay(&args, out).await,
            SinkCommand::Refused(args) => refused(&args, out).await,
            SinkCommand::Resume(args) => {
                let (config, code) = stores::the_identity(&args.nodes)?;
                let sink = named(&config, &code, &args.name)?.name.to_string();
                let request = Request::SinkResumed { sink, by: args.by };
                desk::told(&desk::ask(&config, &code, &request, os::now()).await?, out).await
            }
        }
    })?
}

/// The sink of this name.
fn named<'c>(
    config: &'c NodeConfig,
    code: &'c NodeCode,
    name: &str,
) -> Result<&'c SinkConfig, Failure> {
    config.sinks_of(code).find(|s| *s.name == *name).ok_or_else(|| {
        let known: Vec<&str> = config.sinks_of(code).map(|s| &*s.name).collect();
        let known = known.join(", ");
        Failure::usage(
            format!("`{code}` has no sink `{name}`; it has: {known}"),
            format!("『{code}』没有名为『{name}』的输出，现有：{known}"),
        )
    })
}

fn failed(error: &WorkError) -> Failure {
    Failure::environment(error.to_string(), format!("存储出错：{error}"))
}

async fn replay(args: &Replay, out: &Out) -> Done {
    let (config, code) = stores::the_identity(&args.nodes)?;
    let sink = named(&config, &code, &args.name)?;
    let store = stores::open_store(&config, &code, Access::Read).await?;
    let listed = sink_state::refused(&store, &sink.name).await.map_err(|e| failed(&e))?;
    let listed: BTreeSet<u64> = listed.iter().map(|aside| aside.watermark).collect();
    let mut done = Replayed { listed: listed.clone(), ..Replayed::default() };
    let given = match args.from.unwrap_or(From::Listed(&listed)) {
        From::Listed(none) if none.is_empty() => Ok(()),
        from => {
            let keys = crate::identity::keys(&args.nodes)?;
            again(&config, sink, (&store, &keys), from, &mut done).await?
        }
    };
    drop(store);
    if !done.taken.is_empty() {
        let (sink, marks) = (sink.name.to_string(), std::mem::take(&mut done.taken));
        let request = Request::SinkTaken { sink, marks, by: "replay".into() };
        desk::ask(&config, &code, &request, os::now()).await?;
    }
    let (name, records) = (&args.name, done.records);
    if let Err(error) = given {
        let last = done.last.map_or_else(String::new, |mark| mark.to_string());
        return Err(Failure::environment(
            format!(
                "{error}; {records} records were given, up to {last}: go on with --from {last}"
            ),
            format!(
                "重放中断：{error}；已重放 {records} 条，至水位 {last}，可用 --from {last} 继续"
            ),
        ));
    }
    out.say(
        format!("{records} records were given to `{name}` again"),
        format!("已向『{name}』重放 {records} 条记录"),
    )?;
    let refused = &done.refused;
    show(refused, out)?;
    let fine = refused.is_empty();
    out.value(&json!({ "ok": fine, "sink": name, "records": records, "refused": refused }))?;
    Ok(if fine { Exit::Fine } else { Exit::Problems })
}

async fn again(
    config: &NodeConfig,
    sink: &SinkConfig,
    (store, opens): (&SharedStore, &KeyRing),
    from: From<'_>,
    done: &mut Replayed,
) -> Result<Result<(), WorkError>, Failure> {
    let own = open::format_of(config)?.map_err(|f| open::problems(&f))?;
    let formats = open::formats_of(config)?.map_err(|f| open::problems(&f))?;
    let mut opened = sinks::open(&sink.identity, sink, &formats, own.edition(), &config.limits)?;
    let package_bytes_max = config.limits.package_bytes_max;
    let kept = Kept { formats: &formats, package_bytes_max, opens };
    Ok(kept.replay(store, opened.as_mut(), from, done).await)
}

/// One line a record that was refused.
fn show(refused: &[SetAside], out: &Out) -> Result<(), Failure> {
    for one in refused {
        let SetAside { watermark, record, code, text } = one;
        out.say(
            format!("{watermark} {record}: refused [{code}] {text}"),
            format!("{watermark} {record}：被拒 [{code}] {text}"),
        )?;
    }
    Ok(())
}

async fn refused(args: &Refused, out: &Out) -> Done {
    let (config, code) = stores::the_identity(&args.nodes)?;
    let sink = named(&config, &code, &args.name)?;
    let store = stores::open_store(&config, &code, Access::Read).await?;
    let found = sink_state::refused(&store, &sink.name).await.map_err(|e| failed(&e))?;
    show(&found, out)?;
    let (n, name, fine) = (found.len(), &args.name, found.is_empty());
    out.say(
        format!("{n} records refused by `{name}`; `sink replay {name} --refused` gives them again"),
        format!("『{name}』拒绝了 {n} 条记录；sink replay {name} --refused 可再次交付"),
    )?;
    out.value(&json!({ "ok": fine, "sink": name, "refused": found }))?;
    Ok(if fine { Exit::Fine } else { Exit::Problems })
}

// ── for `status` and `trace` ────────────────────────────────────────────────────────────────

/// How the sinks of a node are: stopped, not taking, behind, and what was refused one by one.
pub(crate) async fn of(tier: &Tier, now: Millis) -> Result<Vec<Said>, Failure> {
    let mut said = Vec::new();
    for name in &tier.sinks {
        let seen = sink_state::seen(&tier.store, name).await.map_err(|e| failed(&e))?;
        let mark = tier.store.watermark(name).await.map_err(|e| tier.failed(&e))?;
        let next = tier.store.judged_after(mark, 1).await.map_err(|e| tier.failed(&e))?;
        let behind = next.first().map(|judged| now.since(judged.at));
        said.extend(how(name, seen.as_ref(), behind, now));
        let n = sink_state::refused(&tier.store, name).await.map_err(|e| failed(&e))?.len();
        if n > 0 {
            let texts = (
                format!(
                    "sink {name}: {n} records were refused one by one; see `tiergate sink refused {name}`"
                ),
                format!("输出 {name}：{n} 条记录被逐条拒绝；见 tiergate sink refused {name}"),
            );
            said.push(sentence(name, texts, true));
        }
    }
    Ok(said)
}

fn sentence(about: &str, (en, zh): (String, String), needs_a_person: bool) -> Said {
    Said { kind: "sink", about: about.to_owned(), until: None, en, zh, needs_a_person }
}

/// The sentence on a sink that is not as it should be.
fn how(name: &str, seen: Option<&SinkSeen>, behind: Option<i64>, now: Millis) -> Option<Said> {
    let ages = |ms: i64| (age(ms, Lang::En), age(ms, Lang::Zh));
    let Some(SinkSeen { since, code, detail, halted }) = seen else {
        let behind = behind.filter(|ms| *ms > PATIENCE)?;
        let (en, zh) = ages(behind);
        let texts = (
            format!("sink {name}: what was kept {en} ago is not delivered yet"),
            format!("输出 {name}：{zh}前留存的记录尚未交付"),
        );
        return Some(sentence(name, texts, false));
    };
    let (en, zh) = canon::code(code).map_or((code.as_str(), code.as_str()), |c| (c.en, c.zh));
    let since = now.since(*since);
    let (en_age, zh_age) = ages(since);
    let texts = if *halted {
        (
            format!(
                "sink {name}: stopped for {en_age}: {en} [{code}] ({detail}); then `tiergate sink resume {name} --by CODE`"
            ),
            format!(
                "输出 {name}：已停止 {zh_age}：{zh} [{code}]（{detail}）；处理后 tiergate sink resume {name} --by 代码"
            ),
        )
    } else {
        (
            format!("sink {name}: does not take for {en_age}: {en} [{code}] ({detail})"),
            format!("输出 {name}：已 {zh_age} 未能交付：{zh} [{code}]（{detail}）"),
        )
    };
    Some(sentence(name, texts, *halted || since > PATIENCE))
}

/// Steps of a case that a sink's place refused.
pub(crate) async fn told(found: &mut [(Tier, Vec<TraceStep>)]) -> Result<(), Failure> {
    for (tier, steps) in found {
        for name in &tier.sinks {
            let refused = sink_state::refused(&tier.store, name).await.map_err(|e| failed(&e))?;
            let kept: BTreeMap<String, TraceStep> =
                steps.iter().map(|step| (step.record.clone(), step.clone())).collect();
            let of_case = refused.into_iter().filter_map(|aside| {
                let last = kept.get(&aside.record)?;
                Some(TraceStep {
                    at: last.at,
                    what: "refused_by_sink".into(),
                    envelope: last.envelope.clone(),
                    detail: format!("{name} [{}] 「{}」", aside.code, aside.text),
                    record: aside.record,
                    destination: None,
                })
            });
            let more: Vec<TraceStep> = of_case.collect();
            steps.extend(more);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_point_is_a_watermark_or_a_day() {
        assert_eq!(point("1048576"), Ok(From::Watermark(1_048_576)));
        assert_eq!(point("2026-11-21"), Ok(From::Day(Day::parse("2026-11-21").unwrap())));
        assert!(point("yesterday").is_err());
    }

    #[test]
    fn a_sink_says_the_worst_and_when_it_is_somebodys_business() {
        let now = Millis(10_000_000);
        let seen = |code: &str, halted, since: i64| SinkSeen {
            since: now.plus(-since),
            code: code.into(),
            detail: "it answers 401".into(),
            halted,
        };
        assert_eq!(how("hook", None, None, now), None);
        assert_eq!(how("hook", None, Some(PATIENCE), now), None);
        assert!(how("hook", None, Some(PATIENCE + 1), now).unwrap().en.contains("not delivered"));
        let stopped = how("hook", Some(&seen("source.sink_refused", true, 0)), None, now).unwrap();
        assert!(stopped.needs_a_person && stopped.en.contains("sink resume hook"), "{stopped:?}");
        assert!(stopped.zh.contains("it answers 401"));
        let waits =
            |since| how("hook", Some(&seen("source.sink_unreached", false, since)), None, now);
        assert!(!waits(PATIENCE).unwrap().needs_a_person);
        assert!(waits(PATIENCE + 1).unwrap().needs_a_person);
    }
}
