//! `tiergate demo`: four tiers in one process, real records from legacy files to signed receipts,
//! told as a story of about a minute.

mod all;
mod books;
mod checks;
mod closed;
mod embedded;
mod evidence;
pub(crate) mod legacy;
pub(crate) mod prepare;
mod scenes;
mod serve;
pub(crate) mod services;
mod show;
mod state;
mod suites;
mod tamper;
pub(crate) mod tiers;
mod world;

use std::fs::{File, OpenOptions, TryLockError};
use std::path::{Path, PathBuf};

#[cfg(test)]
pub(crate) use embedded::CONFIGS;
use legacy::Ledger;
use prepare::Folder;
use scenes::Story;
use services::Services;
use show::{Show, count};
use state::State;
use suites::Suites;
use world::World;

use crate::os;
use crate::pages::Serving;
use crate::run as service;
use crate::text::{Done, Exit, Failure, Out, width};

/// Folder, if nothing is said.
const DATA: &str = "./tiergate-demo";
/// Cases of the legacy data, if nothing is said.
const CASES: u64 = 2_000;
/// Most cases.
const CASES_MAX: u64 = 2_000_000;
/// Seed of the legacy data, if nothing is said.
const SEED: u64 = 1;
/// Cells of a line of text, without its indent.
const WIDTH: usize = 92;
/// With --sabotage the process dies before this scene.
const CRASH_BEFORE: usize = 1;
/// File that one demo at a time holds.
const LOCK: &str = "demo.lock";

/// The demo.
#[derive(Debug, clap::Args)]
pub(crate) struct Demo {
    /// Every adapter package instead of the story: their samples through four tiers into tables · 演示全部适配包
    #[arg(long)]
    all: bool,
    /// With --all: these packages instead of those in the program · 适配包目录，缺省用程序自带的
    #[arg(long, value_name = "FOLDER", requires = "all")]
    adapters: Option<PathBuf>,
    /// Folder of everything it writes; an unfinished demo in it goes on [default: ./tiergate-demo, with --all ./tiergate-demo-all] · 数据目录，未完成的演示会继续
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Leave the finished demo as it is at the next start · 演示结束后保留数据，下次不重来
    #[arg(long)]
    keep: bool,
    /// No theatre: for scripts · 略去演示停顿，供脚本使用
    #[arg(long)]
    fast: bool,
    /// Cases in the legacy systems [default: 2000] · 模拟的办件数
    #[arg(long, value_name = "N", conflicts_with = "all", value_parser = clap::value_parser!(u64).range(1..=CASES_MAX))]
    cases: Option<u64>,
    /// The same seed makes the same legacy data [default: 1] · 随机种子
    #[arg(long, value_name = "N", conflicts_with = "all")]
    seed: Option<u64>,
    /// In which suite the nodes sign: sm2 (national), ecdsa-p256-sha256, ed25519-sha256, or mixed, a
    /// suite for each tier [default: ecdsa-p256-sha256] · 签名算法：sm2 为国密，mixed 为各级不同
    #[arg(long, value_name = "SUITE", value_parser = Suites::parse)]
    suite: Option<Suites>,
    /// Encrypt bodies for the province, so that county and city cannot read what they pass on · 正文加密，中间各级读不到内容
    #[arg(long, conflicts_with = "all")]
    confidential: bool,
    /// Break things: parcels are lost and doubled by chance, the process dies, a record is tampered with, the province loses one that it had accepted; in the end the day agrees, or every difference is named · 破坏演示：丢失、重复、崩溃、篡改、收方丢失
    #[arg(long, conflicts_with = "all")]
    sabotage: bool,
    /// After the story: the nodes go on, something is wrong, and their pages are served until Ctrl-C · 演示后继续运行并提供管理页面
    #[arg(long, conflicts_with = "all")]
    serve: bool,
    /// Over a RabbitMQ: amqp://USER:PASSWORD@HOST:PORT/VHOST · 经 RabbitMQ 传输
    #[arg(long, value_name = "URL", conflicts_with = "all")]
    amqp: Option<String>,
    /// In a PostgreSQL: postgres://USER:PASSWORD@HOST:PORT/DATABASE · 以 PostgreSQL 存储
    #[arg(long, value_name = "URL")]
    postgres: Option<String>,
    /// With --all: the departments' tables in a MariaDB: mysql://USER:PASSWORD@HOST:PORT/DATABASE · 部门库表放在 MariaDB
    #[arg(long, value_name = "URL", requires = "all")]
    mysql: Option<String>,
}

/// The command.
pub(crate) fn run(args: &Demo, out: &Out) -> Done {
    os::be_frugal();
    let runtime = service::runtime()?;
    if args.all {
        runtime.block_on(all::demo(args, out))
    } else {
        runtime.block_on(demo(args, out))
    }
}

async fn demo(args: &Demo, out: &Out) -> Done {
    let folder = Folder(args.data.clone().unwrap_or_else(|| PathBuf::from(DATA)));
    let _lock = lock(&folder.0)?;
    let mut show = Show::new(*out, args.fast);
    let services = Services::parse(args.amqp.as_deref(), args.postgres.as_deref(), &folder)?;
    let mut state = begin(args, &folder)?;
    same_services(&services, &folder, &state)?;
    let interrupted = os::interrupted();
    tokio::pin!(interrupted);
    opening(&mut show, &folder, &state)?;
    let made = tokio::select! {
        biased;
        caught = &mut interrupted => return stopped(caught, &show, &folder),
        made = prepare::prepare(&folder, &mut state, &services, os::now()) => made?,
    };
    let fresh = made.is_some();
    if let Some(ledger) = made {
        planted(&mut show, &ledger)?;
    }
    services::stand(&folder, fresh).await?;
    let mut world = World::start(folder.clone(), state.offset).await?;
    let mut story = Story { world: &world, show, state };
    if story.state.sabotage && !story.state.crashed {
        let played = tokio::select! {
            biased;
            caught = &mut interrupted => Err(caught),
            played = scenes::play_to(&mut story, CRASH_BEFORE) => Ok(played),
        };
        let Story { show: mut told, mut state, .. } = story;
        match played {
            Err(caught) => {
                world.stop().await;
                return stopped(caught, &told, &folder);
            }
            Ok(played) => played?,
        }
        told.say("the process dies, and is started again", "进程崩溃，重新启动")?;
        state.robbed = world.tamper.robbed();
        world.crash().await;
        state.crashed = true;
        state.save()?;
        world = World::start(folder.clone(), state.offset).await?;
        story = Story { world: &world, show: told, state };
    }
    let told = tokio::select! {
        biased;
        caught = &mut interrupted => Err(caught),
        told = scenes::play(&mut story) => Ok(told),
    };
    let told = match told {
        Err(caught) => stopped(caught, &story.show, &folder),
        Ok(told) if !args.serve => told,
        Ok(told) => {
            let exit = told?;
            let serving = serve::open(&world).await?;
            let waited = tokio::select! {
                biased;
                caught = &mut interrupted => caught,
                caught = on_show(&mut story, &serving) => caught?,
            };
            for pages in serving {
                pages.close().await;
            }
            served(waited, &story.show, &folder).map(|()| exit)
        }
    };
    world.stop().await;
    told
}

/// Breaks something, tells where the pages are, and goes on for ever.
async fn on_show(
    story: &mut Story<'_>,
    serving: &[Serving],
) -> Result<std::io::Result<()>, Failure> {
    serve::tell(story, serving).await?;
    serve::spoil(story).await?;
    Ok(std::future::pending().await)
}

/// The end of `--serve`: the story is over, the folder stays until the next demo in it.
fn served(waited: std::io::Result<()>, show: &Show, folder: &Folder) -> Result<(), Failure> {
    waited
        .map_err(|e| Failure::environment(format!("signals: {e}"), format!("无法接收信号：{e}")))?;
    let dir = folder.0.display();
    show.line("")?;
    Ok(show.line(show.out.of(
        format!("Stopped; nothing is lost. The four nodes lie in {dir}: tiergate run --config {dir}/*/node.toml"),
        format!("已停止，数据不丢失。四个节点在 {dir}：tiergate run --config {dir}/*/node.toml"),
    ))?)
}

/// Ctrl-C: everything that counts is in the stores already.
fn stopped(caught: std::io::Result<()>, show: &Show, folder: &Folder) -> Done {
    caught
        .map_err(|e| Failure::environment(format!("signals: {e}"), format!("无法接收信号：{e}")))?;
    let dir = folder.0.display();
    show.line("")?;
    show.line(show.out.of(
        format!("Stopped; nothing is lost. The same command goes on from here ({dir})."),
        format!("已停止，数据不丢失。再次运行同一命令将接着演示（{dir}）。"),
    ))?;
    show.out.value(&serde_json::json!({ "ok": false, "interrupted": true }))?;
    Ok(Exit::Interrupted)
}

/// Makes the folder, and makes sure that nobody else plays in it.
fn lock(folder: &Path) -> Result<File, Failure> {
    let not_written = |e: std::io::Error| prepare::not_written(folder, &e);
    std::fs::create_dir_all(folder).map_err(not_written)?;
    let path = folder.join(LOCK);
    let file = OpenOptions::new().create(true).truncate(false).write(true).open(path);
    let file = file.map_err(not_written)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => {
            let folder = folder.display();
            Err(Failure::environment(
                format!(
                    "another demo is playing in {folder}; wait for it, or name another folder with --data"
                ),
                format!("{folder} 中已有演示在运行；请等它结束，或用 --data 指定其他目录"),
            ))
        }
        Err(TryLockError::Error(e)) => Err(not_written(e)),
    }
}

/// The state to go on from: what lies there, or a new one.
fn begin(args: &Demo, folder: &Folder) -> Result<State, Failure> {
    let Some(mut state) = State::read(&folder.0)? else {
        foreign(&folder.0)?;
        let (seed, cases) = (args.seed.unwrap_or(SEED), args.cases.unwrap_or(CASES));
        let cases = cases.max(legacy::CASES_MIN);
        let mut state =
            State::new(&folder.0, seed, cases, args.suite.unwrap_or_default(), os::now());
        state.confidential = args.confidential;
        state.sabotage = args.sabotage;
        state.keep = args.keep;
        state.save()?;
        return Ok(state);
    };
    if state.finished && !state.keep && !args.keep {
        prepare::clear(folder)?;
        return begin(args, folder);
    }
    let other = args.seed.is_some_and(|s| s != state.seed)
        || args.cases.is_some_and(|c| c.max(legacy::CASES_MIN) != state.cases)
        || args.suite.is_some_and(|s| s != state.suites)
        || (args.confidential && !state.confidential);
    if other {
        let (dir, cases, seed) = (folder.0.display(), count(state.cases), state.seed);
        return Err(Failure::usage(
            format!(
                "{dir} holds a demo of {cases} cases, seed {seed}; leave --cases, --seed, --suite and --confidential out to go on with it, or name another folder with --data"
            ),
            format!(
                "{dir} 中的演示为 {cases} 个办件、种子 {seed}；去掉 --cases、--seed、--suite 和 --confidential 可接着演示，或用 --data 指定其他目录"
            ),
        ));
    }
    state.keep |= args.keep;
    state.save()?;
    Ok(state)
}

/// A demo goes on over the services it was begun with.
fn same_services(wanted: &Services, folder: &Folder, state: &State) -> Result<(), Failure> {
    let has = (services::over_broker(folder), services::over_database(folder));
    let same = (wanted.broker.is_some(), wanted.database.is_some()) == has;
    if !wanted.any() || !state.prepared || same {
        return Ok(());
    }
    let dir = folder.0.display();
    Err(Failure::usage(
        format!(
            "{dir} holds a demo over other services; leave --amqp and --postgres out to go on with it, or name another folder with --data"
        ),
        format!(
            "{dir} 中的演示所用服务不同；去掉 --amqp 和 --postgres 可接着演示，或用 --data 指定其他目录"
        ),
    ))
}

/// A folder that holds something else is not played in.
fn foreign(folder: &Path) -> Result<(), Failure> {
    let mut entries = std::fs::read_dir(folder).map_err(|e| crate::files::cannot(folder, &e))?;
    let other = entries.find_map(|e| e.ok().filter(|e| e.file_name() != LOCK));
    let Some(other) = other else { return Ok(()) };
    let (dir, other) = (folder.display(), other.file_name());
    let other = other.to_string_lossy();
    Err(Failure::usage(
        format!(
            "{dir} is not empty ({other}) and holds no demo; name an empty or new folder with --data"
        ),
        format!("{dir} 非空（{other}）且不是演示目录；请用 --data 指定空目录或新目录"),
    ))
}

fn opening(show: &mut Show, folder: &Folder, state: &State) -> Result<(), Failure> {
    let (dir, cases, seed) = (folder.0.display(), count(state.cases), state.seed);
    show.line(show.out.of(
        format!("Tiergate demo: township → county → city → province; {cases} cases, seed {seed}, in {dir}"),
        format!("级联交换网关演示：乡镇 → 县 → 市 → 省平台；{cases} 个办件，种子 {seed}，目录 {dir}"),
    ))?;
    if state.prepared {
        return Ok(());
    }
    let day = canon::Millis(state.started).day();
    show.tell(
        format!("Its clock starts on {day}, so that a whole day can be closed within a minute."),
        format!("演示时钟从 {day} 走起，以便一分钟内走完一天。"),
    )?;
    show.say(
        "Making keys, certificates, configurations and the legacy data (invented people)…",
        "正在生成密钥、证书、配置与业务数据（人物均为虚构）……",
    )?;
    Ok(())
}

/// What lies in the legacy systems, and the mess in it.
fn planted(show: &mut Show, ledger: &Ledger) -> Result<(), Failure> {
    let (cases, rows) = (count(ledger.county_cases), count(ledger.county_rows));
    let (lines, files) = (count(ledger.township_rows), ledger.files.len());
    show.tell(
        format!("County database: {cases} cases in {rows} rows. Township window: {lines} lines in {files} files."),
        format!("县审批库 {cases} 个办件 {rows} 行，乡镇窗口文件 {files} 个 {lines} 行。"),
    )?;
    let mut mess = ledger.planted.iter().peekable();
    let mut line = show.out.of("The usual mess:", "其中常见毛病：").to_owned();
    while let Some((kind, n)) = mess.next() {
        let one = show
            .out
            .of(format!(" {} {n}", kind.word().replace('_', " ")), format!("{} {n}", kind.zh()));
        let end =
            if mess.peek().is_some() { show.out.of(",", "、") } else { show.out.of(".", "。") };
        if width(&line) + width(&one) > WIDTH {
            show.tell(line.clone(), line)?;
            line = show.out.of(" ", "").to_owned();
        }
        line.push_str(&one);
        line.push_str(end);
    }
    Ok(show.tell(line.clone(), line)?)
}
