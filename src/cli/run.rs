//! `tiergate run`: the loops around the workers. They only sleep and wake.

use std::future::Future;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use canon::Millis;
use exchange::{Node, Worker};
use store::Disposition;
use tokio::sync::{Notify, watch};
use tokio::task::JoinSet;

use crate::assemble::{self, Running};
use crate::text::{Done, Exit, Failure, Out};
use crate::{health, instance, open, os, pages};

/// How long a worker with nothing to do sleeps, unless something in its node moves; doubles up to
/// [`IDLE_MAX`] while nothing does, so that a node at rest leaves its database at rest.
const IDLE: Duration = Duration::from_millis(50);
/// Longest sleep of a worker with nothing to do.
const IDLE_MAX: Duration = Duration::from_millis(400);
/// The first wait after a failed turn; doubles up to [`FAILED_MAX`].
const FAILED_MIN: Duration = Duration::from_millis(200);
/// Longest wait after failed turns.
const FAILED_MAX: Duration = Duration::from_secs(10);

/// Runs one or more nodes in one process as a service.
#[derive(Debug, clap::Args)]
pub(crate) struct Run {
    /// Configuration file of a node; several run in one process, joined by `local` links
    #[arg(long = "config", value_name = "FILE", required = true, num_args = 1..)]
    configs: Vec<PathBuf>,
    /// Name of this process among those that share a PostgreSQL store · 本进程的实例名
    #[arg(long, value_name = "NAME")]
    instance: Option<String>,
    /// Prints a one-time link for this account of the pages, when nobody is left who could make one · 为该管理页面账号打印一次性链接
    #[arg(long, value_name = "ACCOUNT")]
    link_for: Option<String>,
}

/// Where the loops take the time from: the system, or a clock the demo moves.
pub(crate) type Clock = Arc<dyn Fn() -> Millis + Send + Sync>;

/// A failed turn, for whoever shows it.
pub(crate) type Report = Arc<dyn Fn(&Node, &str, &str) + Send + Sync>;

/// The command.
pub(crate) fn run(args: &Run, out: &Out) -> Done {
    os::be_frugal();
    let mut configs = open::right_configs(&args.configs)?;
    if let Some(name) = &args.instance {
        instance::given(&mut configs, name)?;
    }
    runtime()?.block_on(async {
        let now = os::now();
        let files = configs.clone();
        let process = assemble::process(configs, now, |bus| bus).await?;
        for one in &process.running {
            let code = &one.node.code;
            out.say(format_args!("{code} is running"), format_args!("{code} 已启动"))?;
        }
        let listening = match process.inlet {
            Some(inlet) => Some(inlet.open().await?),
            None => None,
        };
        if let Some(listening) = &listening {
            let address = listening.address;
            out.say(
                format_args!("documents are taken at {address}"),
                format_args!("推送接收地址 {address}"),
            )?;
        }
        let nodes: Vec<Arc<Node>> = process.running.iter().map(|r| Arc::clone(&r.node)).collect();
        let clock = Arc::new(os::now) as Clock;
        let serving = pages::open(&files, &nodes, &clock).await?;
        pages::tell(&serving, out).await?;
        if let Some(account) = &args.link_for {
            pages::link_for(&serving, account, out).await?;
        }
        let lang = *out;
        let report: Report = Arc::new(move |node, worker, what| {
            // Nobody may be listening on standard error; the store has the facts.
            lang.warn(format_args!("{} {worker}: {what}", node.code));
        });
        let (stop, stopped) = watch::channel(false);
        let told = tokio::spawn(health::tell(nodes.clone(), *out));
        let loops = start(process.running, &clock, &report, &stopped);
        os::interrupted().await.map_err(|e| {
            Failure::environment(format!("signals: {e}"), format!("无法接收信号：{e}"))
        })?;
        out.say("stopping; nothing is lost", "正在停止，数据不丢失")?;
        // The workers go on until whoever waits for a commit has its answer.
        if let Some(listening) = listening {
            listening.close().await;
        }
        for pages in serving {
            pages.close().await;
        }
        stop.send_replace(true);
        told.abort();
        finish(loops).await;
        if let Err(error) = health::forget(&nodes).await {
            report(&nodes[0], "run", &error.to_string());
        }
        for node in nodes {
            // Who cannot say that it goes is waited for until its leases run out.
            if let Err(error) = node.give_back(os::now()).await {
                report(&node, "lease", &error.to_string());
            }
        }
        Ok(Exit::Interrupted)
    })
}

/// The runtime of the service and the demo.
pub(crate) fn runtime() -> Result<tokio::runtime::Runtime, Failure> {
    tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(|e| {
        Failure::environment(
            format!("the runtime cannot start: {e}"),
            format!("运行时无法启动：{e}"),
        )
    })
}

/// Starts a loop around every worker.
pub(crate) fn start(
    running: Vec<Running>,
    clock: &Clock,
    report: &Report,
    stopped: &watch::Receiver<bool>,
) -> JoinSet<()> {
    let mut loops = JoinSet::new();
    for one in running {
        let bells: Arc<Vec<(String, Notify)>> =
            Arc::new(one.workers.iter().map(|w| (w.name(), Notify::new())).collect());
        for (own, worker) in one.workers.into_iter().enumerate() {
            let around = Around {
                node: Arc::clone(&one.node),
                clock: Arc::clone(clock),
                report: Arc::clone(report),
                bells: Arc::clone(&bells),
                own,
                stopped: stopped.clone(),
            };
            loops.spawn(around.turn_for_ever(worker));
        }
    }
    loops
}

/// Waits until every loop has finished the turn it was in.
pub(crate) async fn finish(mut loops: JoinSet<()>) {
    while loops.join_next().await.is_some() {}
}

struct Around {
    node: Arc<Node>,
    clock: Clock,
    report: Report,
    /// A bell for every worker of this node, by its name.
    bells: Arc<Vec<(String, Notify)>>,
    /// Which bell is this worker's.
    own: usize,
    stopped: watch::Receiver<bool>,
}

impl Around {
    async fn turn_for_ever(mut self, mut worker: Box<dyn Worker>) {
        let (mut failed, mut rest) = (FAILED_MIN, IDLE);
        let mut said = String::new();
        while !*self.stopped.borrow() {
            let node = Arc::clone(&self.node);
            let bells = Arc::clone(&self.bells);
            match exchange::work::turn(&mut *worker, (self.clock)()).await {
                Ok(progress) => {
                    failed = FAILED_MIN;
                    said.clear();
                    if progress.done > 0 {
                        rest = IDLE;
                        self.ring(&worker.name());
                        tokio::task::yield_now().await;
                    }
                    if !progress.more {
                        // Only one sleeper is woken by an arrival: the one that takes it.
                        let takes = worker.name() == "receive";
                        let own = worker.arrival();
                        let arrival = async {
                            match takes {
                                true => node.bus.arrival(&node.code).await,
                                false => own.await,
                            }
                        };
                        let woken = self.idle(rest, bells[self.own].1.notified(), arrival).await;
                        rest = if woken { IDLE } else { (rest * 2).min(IDLE_MAX) };
                    }
                }
                Err(error) => {
                    let text = error.to_string();
                    if text != said {
                        (self.report)(&self.node, &worker.name(), &text);
                        said = text;
                    }
                    if error.disposition() == Disposition::Halt {
                        return;
                    }
                    self.node.forget_leases();
                    // Only a stop wakes it: a bell would make the wait no wait.
                    let _stopped =
                        self.idle(failed, std::future::pending(), std::future::pending()).await;
                    failed = (failed * 2).min(FAILED_MAX);
                }
            }
        }
    }

    /// Wakes whoever works on what this worker has just done.
    fn ring(&self, name: &str) {
        let next: &[&str] = match name.split('/').next().unwrap_or(name) {
            "collect" | "backfill" => &["seal"],
            "desk" => &["backfill", "seal", "dispatch"],
            "seal" => &["dispatch"],
            "receive" => &["accept", "relay", "settle"],
            "accept" => &["seal", "deliver", "dispatch"],
            "relay" => &["dispatch", "seal"],
            "settle" => &["collect", "seal", "dispatch", "sweep"],
            "sweep" | "reconcile" => &["seal", "dispatch"],
            _ => &[],
        };
        for (worker, bell) in self.bells.iter() {
            let kind = worker.split('/').next().unwrap_or(worker);
            if next.contains(&kind) {
                bell.notify_one();
            }
        }
    }

    /// Sleeps; says whether something woke it before its time.
    async fn idle(
        &mut self,
        longest: Duration,
        moved: impl Future<Output = ()>,
        arrival: impl Future<Output = ()>,
    ) -> bool {
        tokio::select! {
            () = tokio::time::sleep(longest) => false,
            () = moved => true,
            () = arrival => true,
            // A closed channel is a stop as well.
            _ = self.stopped.changed() => true,
        }
    }
}
