//! `tiergate backfill`: an adapter's rows of some years, as history.

use std::io::IsTerminal;
use std::time::Duration;

use canon::{Day, Millis, NodeCode};
use clap::Args;
use exchange::Worker;
use exchange::config::{NodeConfig, StoreUrl};
use exchange::standing::{self, BACKFILL, Backfill as Job};
use serde_json::{Value, json};
use store::{AdapterProgress, SharedStore};

use crate::desk::{self, Asked, Request};
use crate::stores::{self, Access, NodesArg};
use crate::text::{Done, Exit, Failure, Lang, Out, age};
use crate::{assemble, os};

/// How often progress is looked at.
const LOOK: Duration = Duration::from_millis(500);

/// Arguments.
#[derive(Debug, Args)]
pub(crate) struct BackfillArgs {
    /// The adapter, as the configuration names it
    adapter: String,
    /// First day, YYYY-MM-DD
    #[arg(long, value_parser = day, required_unless_present_any = ["pause", "resume", "show"])]
    from: Option<Day>,
    /// Last day, YYYY-MM-DD
    #[arg(long, value_parser = day, required_unless_present_any = ["pause", "resume", "show"])]
    to: Option<Day>,
    /// Hold the back-fill where it is
    #[arg(long, conflicts_with_all = ["from", "to", "resume"])]
    pause: bool,
    /// Let it go on
    #[arg(long, conflicts_with_all = ["from", "to"])]
    resume: bool,
    /// Only say how far it is
    #[arg(long, conflicts_with_all = ["from", "to", "pause", "resume"])]
    show: bool,
    /// Do not wait for its end (only while the service runs)
    #[arg(long)]
    detach: bool,
    /// Your operator code, for the audit chain; never a name
    #[arg(long, value_name = "CODE", required_unless_present = "show", default_value = "")]
    by: String,
    #[command(flatten)]
    nodes: NodesArg,
}

fn day(text: &str) -> Result<Day, String> {
    Day::parse(text).ok_or_else(|| "write YYYY-MM-DD · 应写作 YYYY-MM-DD".into())
}

/// Runs the command.
pub(crate) fn run(args: &BackfillArgs, out: &Out) -> Done {
    os::block_on(async {
        let (config, code) = of_adapter(&args.nodes, &args.adapter)?;
        if args.show {
            let store = stores::open_store(&config, &code, Access::Read).await?;
            return show(&code, &store, &args.adapter, out).await;
        }
        let now = os::now();
        let asked = desk::ask(&config, &code, &request(args, now)?, now).await?;
        if args.pause || args.resume && matches!(asked, Asked::Laid(_)) {
            return desk::told(&asked, out).await;
        }
        match asked {
            // Several processes share this store; the service among them does it.
            Asked::Done(..) if !matches!(config.store, StoreUrl::Sqlite(_)) => {
                if args.detach {
                    return desk::told(&asked, out).await;
                }
                watch(&config, &code, &args.adapter, out).await
            }
            Asked::Done(_, store) => {
                // The store has one writer: it is opened again by the node.
                drop(store);
                alone(config, &code, &args.adapter, out).await
            }
            Asked::Laid(_) if args.detach => desk::told(&asked, out).await,
            Asked::Laid(ref path) => {
                if !desk::taken(path).await {
                    return desk::told(&asked, out).await;
                }
                watch(&config, &code, &args.adapter, out).await
            }
        }
    })?
}

fn request(args: &BackfillArgs, now: Millis) -> Result<Request, Failure> {
    let (adapter, by) = (args.adapter.clone(), args.by.clone());
    if args.pause || args.resume {
        return Ok(Request::BackfillHeld { adapter, paused: args.pause, by });
    }
    let (Some(from), Some(to)) = (args.from, args.to) else {
        return Err(Failure::usage("give --from and --to", "请给出 --from 和 --to"));
    };
    if to < from || to > now.day() {
        return Err(Failure::usage(
            "--to must not be before --from, nor in the future",
            "--to 不得早于 --from，也不得在将来",
        ));
    }
    let job = Job { adapter, from, to, by, ordered: now, paused: false, total: None, ended: None };
    Ok(Request::Backfill { job })
}

/// The node that has this adapter.
pub(crate) fn of_adapter(
    nodes: &NodesArg,
    adapter: &str,
) -> Result<(NodeConfig, NodeCode), Failure> {
    let all = stores::identities(nodes)?;
    let has = |config: &NodeConfig, code: &NodeCode| {
        config.adapters_of(code).any(|a| *a.name == *adapter)
    };
    let known: Vec<String> = all
        .iter()
        .flat_map(|(config, code)| config.adapters_of(code).map(|a| a.name.to_string()))
        .collect();
    let mut found = all.into_iter().filter(|(config, code)| has(config, code));
    match (found.next(), found.next()) {
        (Some(one), None) => Ok(one),
        (Some(_), Some(_)) => Err(Failure::usage(
            "several nodes have this adapter: say which with --node CODE",
            "多个节点都有该适配器：请用 --node 代码 指明",
        )),
        (None, _) => {
            let (name, known) = (adapter, known.join(", "));
            Err(Failure::usage(
                format!("there is no adapter `{name}` here; there are: {known}"),
                format!("没有适配器『{name}』，现有：{known}"),
            ))
        }
    }
}

/// The service is stopped: the command collects by itself; a started service sends.
async fn alone(config: NodeConfig, code: &NodeCode, adapter: &str, out: &Out) -> Done {
    let (node, worker) = assemble::backfill_alone(&config, code, adapter).await?;
    let mut worker = worker.alone();
    let mut meter = Meter::default();
    loop {
        let turn = worker.run_once(os::now()).await;
        turn.map_err(|e| Failure::environment(format!("{code}: {e}"), format!("{code}：{e}")))?;
        let state = state(&node.store, adapter).await.map_err(|e| store_failed(code, &e))?;
        let Some((job, progress)) = state else { return Ok(Exit::Problems) };
        if job.ended.is_some() {
            return ended(&job, &progress, out);
        }
        if meter.due() {
            meter.say(&job, &progress, out)?;
        }
    }
}

/// The service does it: the command looks at its store until it ends.
async fn watch(config: &NodeConfig, code: &NodeCode, adapter: &str, out: &Out) -> Done {
    let mut meter = Meter::default();
    loop {
        let store = stores::open_store(config, code, Access::Read).await?;
        let state = state(&store, adapter).await.map_err(|e| store_failed(code, &e))?;
        let Some((job, progress)) = state else { return Ok(Exit::Problems) };
        if job.ended.is_some() {
            return ended(&job, &progress, out);
        }
        if job.paused {
            return show(code, &store, adapter, out).await;
        }
        meter.say(&job, &progress, out)?;
        tokio::time::sleep(LOOK).await;
    }
}

async fn show(code: &NodeCode, store: &SharedStore, adapter: &str, out: &Out) -> Done {
    let state = state(store, adapter).await.map_err(|e| store_failed(code, &e))?;
    let Some((job, progress)) = state else {
        out.value(&json!({ "ok": true, "backfill": null }))?;
        out.say("no back-fill was ordered", "没有补报任务")?;
        return Ok(Exit::Fine);
    };
    if job.ended.is_some() {
        return ended(&job, &progress, out);
    }
    out.value(&json!({ "ok": true, "backfill": value(&job, &progress, None) }))?;
    let (en, zh) = line(&job, &progress, None);
    out.say(en, zh)?;
    Ok(Exit::Fine)
}

/// What a back-fill is and how far.
pub(crate) async fn state(
    store: &SharedStore,
    adapter: &str,
) -> Result<Option<(Job, AdapterProgress)>, exchange::WorkError> {
    let job = standing::one::<Job>(store, &format!("{BACKFILL}{adapter}")).await?;
    let Some(job) = job else { return Ok(None) };
    let progress = store.adapter(&job.progress_name()).await?;
    Ok(Some((job, progress)))
}

fn store_failed(code: &NodeCode, e: &exchange::WorkError) -> Failure {
    Failure::environment(format!("{code}: {e}"), format!("{code}：{e}"))
}

fn ended(job: &Job, progress: &AdapterProgress, out: &Out) -> Done {
    out.value(&json!({ "ok": true, "backfill": value(job, progress, None) }))?;
    let AdapterProgress { rows_read, records, quarantined, .. } = progress;
    out.say(
        format_args!(
            "{}: whole: {rows_read} rows, {records} records, {quarantined} to their owners",
            job.progress_name()
        ),
        format_args!(
            "{}：已完成，{rows_read} 行，{records} 条记录，退回 {quarantined}",
            job.progress_name()
        ),
    )?;
    Ok(Exit::Fine)
}

/// What a program is told.
fn value(job: &Job, progress: &AdapterProgress, rate: Option<f64>) -> Value {
    let left = job.total.map(|t| t.saturating_sub(progress.rows_read));
    let eta = left.zip(rate).filter(|(_, r)| *r > 0.0).map(|(left, r)| (left as f64 / r).ceil());
    json!({
        "adapter": job.adapter, "from": job.from.to_string(), "to": job.to.to_string(),
        "state": word(job), "done": progress.rows_read, "total": job.total,
        "records": progress.records, "quarantined": progress.quarantined,
        "rows_per_second": rate, "eta_seconds": eta,
    })
}

const fn word(job: &Job) -> &'static str {
    match (job.ended.is_some(), job.paused) {
        (true, _) => "ended",
        (false, true) => "paused",
        (false, false) => "running",
    }
}

/// What people are told.
pub(crate) fn line(job: &Job, progress: &AdapterProgress, rate: Option<f64>) -> (String, String) {
    let done = progress.rows_read;
    let total = job.total.filter(|t| *t > 0);
    let share = total.map_or_else(String::new, |t| format!("/{t} ({}%)", done * 100 / t));
    let left = total.map(|t| t.saturating_sub(done)).zip(rate.filter(|r| *r > 0.0));
    let eta = left.map(|(left, r)| (left as f64 / r) as i64 * 1000);
    let rest = |lang: Lang| eta.map(|ms| age(ms, lang)).unwrap_or_default();
    let speed = rate.map_or_else(String::new, |r| format!(", {r:.0} /s"));
    let (en, zh) = match (job.paused, eta.is_some()) {
        (true, _) => ("; paused".to_owned(), "；已暂停".to_owned()),
        (false, true) => {
            (format!("; about {} left", rest(Lang::En)), format!("；约剩 {}", rest(Lang::Zh)))
        }
        (false, false) => (String::new(), String::new()),
    };
    let name = job.progress_name();
    (
        format!("{name}: {done}{share} rows{speed}{en}"),
        format!("{name}：{done}{share} 行{speed}{zh}"),
    )
}

/// Rows a second between two looks.
#[derive(Default)]
struct Meter {
    last: Option<(std::time::Instant, u64)>,
    rate: Option<f64>,
}

impl Meter {
    fn due(&self) -> bool {
        self.last.is_none_or(|(at, _)| at.elapsed() >= LOOK)
    }

    fn say(&mut self, job: &Job, progress: &AdapterProgress, out: &Out) -> Result<(), Failure> {
        let now = std::time::Instant::now();
        if let Some((at, rows)) = self.last {
            let fresh = progress.rows_read.saturating_sub(rows) as f64;
            let rate = fresh / at.elapsed().as_secs_f64().max(0.001);
            self.rate = Some(self.rate.map_or(rate, |r| r * 0.7 + rate * 0.3));
        }
        self.last = Some((now, progress.rows_read));
        if out.json {
            // One line a look: whoever reads it line by line sees it move.
            out.text(json!({ "progress": value(job, progress, self.rate) }))?;
        } else if std::io::stdout().is_terminal() {
            let (en, zh) = line(job, progress, self.rate);
            out.rewrite(&out.of(en, zh))?;
        } else {
            let (en, zh) = line(job, progress, self.rate);
            out.say(en, zh)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn progress_has_a_share_a_rate_and_an_end() {
        let day = |d| Day::parse(d).unwrap();
        let mut job = Job {
            adapter: "a".into(),
            from: day("2020-01-01"),
            to: day("2020-12-31"),
            by: "op-1".into(),
            ordered: Millis(0),
            paused: false,
            total: Some(1_000),
            ended: None,
        };
        let progress = AdapterProgress { rows_read: 250, ..AdapterProgress::default() };
        let (en, zh) = line(&job, &progress, Some(50.0));
        assert_eq!(en, "a@2020-01-01..2020-12-31: 250/1000 (25%) rows, 50 /s; about 15 s left");
        assert!(zh.ends_with("；约剩 15 秒"), "{zh}");
        let said = value(&job, &progress, Some(50.0));
        assert_eq!(
            (&said["done"], &said["total"], &said["eta_seconds"]),
            (&json!(250), &json!(1000), &json!(15.0))
        );
        job.paused = true;
        assert!(line(&job, &progress, None).1.ends_with("；已暂停"));
    }
}
