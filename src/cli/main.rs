//! The commands of tiergate. Reads configuration, secrets and the clock, wires everything.
//!
//! A command is a file in `commands/` (or a module of its own, if it is large), a variant of
//! [`Command`] and an arm of [`run`]. Exit codes: see `README.md` beside this file.

mod archives;
mod ask;
mod assemble;
mod backup;
mod bench;
mod brokers;
mod carriers;
mod commands;
mod databases;
mod demo;
mod desk;
mod drops;
mod expiry;
mod files;
mod gates;
mod health;
mod https;
mod identity;
mod instance;
mod lang;
mod lists;
mod open;
mod os;
mod outlets;
mod packages;
mod pages;
mod posts;
mod readers;
mod revocation;
mod run;
mod signer;
mod sinks;
mod sources;
mod spools;
mod stores;
mod syslog;
mod text;
mod token;
mod verdict;

use std::process::ExitCode;

use clap::error::ErrorKind;
use clap::{Parser, Subcommand};

use commands::{
    adapter, audit, authority, backfill, baseline, bus, ca, check, doctor, evidence, format, keys,
    notice, quarantine, returned, spool, status, store, trace,
};
use stores::NodesArg;
use text::{Done, Exit, Lang, Out};

/// Every connection of a store has a thread of its own; the system's allocator gives each of them an
/// arena, and these never shrink (measured at 200 000 cases: 570 MB against 180 MB with one arena).
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const AFTER: &str = "\
Exit codes: 0 done · 1 done, and problems were found · 2 the command line is wrong ·
            3 a file, a store or the system failed · 4 interrupted
退出码：    0 完成 · 1 完成且发现问题 · 2 命令行有误 · 3 文件、存储或系统出错 · 4 被中断";

/// 级联交换网关 · carries government records up the tiers, signed and acknowledged record by record.
#[derive(Debug, Parser)]
#[command(name = "tiergate", version, after_help = AFTER, disable_help_subcommand = true)]
struct Cli {
    /// Answer as JSON, for programs · 以 JSON 输出
    #[arg(long, global = true)]
    json: bool,
    /// Language; from LC_ALL, LC_MESSAGES or LANG if not given · 语言
    #[arg(long, global = true, value_enum)]
    lang: Option<Lang>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Four tiers in one process: a story of about a minute · 四级节点演示，约一分钟
    Demo(demo::Demo),
    /// One row a link and adapter: counts, oldest age, a plain sentence · 各链路与适配器状态
    Status(NodesArg),
    /// One case's records across the tiers · 追踪一件办件的各级流转
    Trace(trace::Trace),
    /// One record's proof, as a file for an auditor; or what such a file proves · 单条记录的证据
    #[command(subcommand)]
    Evidence(evidence::EvidenceCommand),
    /// The audit chain · 审计链
    #[command(subcommand)]
    Audit(audit::AuditCommand),
    /// Problem data: list, show, return to the owner, resubmit · 问题数据
    #[command(subcommand)]
    Quarantine(quarantine::Quarantine),
    /// A day's books: totals, named differences, healing; a month's rates · 对账
    Reconcile(commands::reconcile::Reconcile),
    /// Accepted records that the receiver returned, with their deadlines · 接收后退回的记录
    Returned(returned::ReturnedArgs),
    /// An adapter's old rows, month by month, as history · 历史补报
    Backfill(backfill::BackfillArgs),
    /// What was reported before the exchange began · 已报送基线
    #[command(subcommand)]
    Baseline(baseline::Baseline),
    /// Who may report what: the table that the top node signs and hands down · 授权表
    #[command(subcommand)]
    Authority(authority::AuthorityCommand),
    /// Tell the nodes beneath, such as of maintenance · 下发通知
    #[command(subcommand)]
    Notice(notice::NoticeCommand),
    /// Check a configuration, an adapter package or a format · 检查配置、适配包或格式
    #[command(subcommand)]
    Check(check::Check),
    /// Print a format's data dictionary or its schema · 打印格式的数据字典或 XSD
    #[command(subcommand)]
    Format(format::FormatCommand),
    /// Make, preview and test adapter packages · 新建、预览、测试适配包
    #[command(subcommand)]
    Adapter(adapter::AdapterCommand),
    /// Withdraw what waits at a destination that is no longer configured · 停报
    Withdraw(commands::withdraw::Withdraw),
    /// What a platform that does not run Tiergate has not answered, and giving a record up · 报送出口
    #[command(subcommand)]
    Outlet(commands::platform::OutletCommand),
    /// Where kept records went: give a sink again what was kept · 输出重放
    #[command(subcommand)]
    Sink(commands::sink::SinkCommand),
    /// Make and show keys and certificates · 生成、查看密钥与证书
    #[command(subcommand)]
    Keys(keys::Keys),
    /// What stands on the brokers: declare, repair, definitions · 消息代理：声明、修复、导出定义
    #[command(subcommand)]
    Bus(bus::BusCommand),
    /// Look at everything a node needs: brokers, certificates, stores · 体检：消息代理、证书、存储
    Doctor(doctor::Doctor),
    /// Carry parcels and receipts on a disk between the sides of a gate · 光盘摆渡
    #[command(subcommand)]
    Spool(spool::Spool),
    /// Back a node up while it is at work, or see whether a backup is whole · 备份与校验
    Backup(commands::backup::Backup),
    /// Restore a node whose machine was lost or copied · 恢复节点
    #[command(subcommand)]
    Node(commands::node::NodeCommand),
    /// Run one or more nodes as a service · 以服务方式运行节点
    Run(run::Run),
    /// Bring a store to this program's edition, or move it into PostgreSQL · 存储升级与迁移
    #[command(subcommand)]
    Store(store::StoreCommand),
    /// Measure this machine: each stage, the whole chain, the raw floors · 性能测量
    Bench(bench::Bench),
    /// A certificate authority for the demo environment only · 仅供演示环境的证书颁发
    #[command(subcommand)]
    Ca(ca::CaCommand),
    /// Speak to a PKCS#11 token for the service, which starts this by itself · 由服务启动，访问密码设备
    #[command(hide = true)]
    TokenSigner,
}

fn main() -> ExitCode {
    let locale = Lang::of_locale(|name| std::env::var(name).ok());
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return usage(&error),
    };
    let out = Out { lang: cli.lang.unwrap_or(locale), json: cli.json };
    let exit = match run(cli.command, &out) {
        Ok(exit) => exit,
        Err(failure) => match out.failure(&failure) {
            Ok(()) => failure.exit,
            // Nobody listens; the code still says it.
            Err(_) => failure.exit,
        },
    };
    ExitCode::from(exit as u8)
}

/// Help is an answer, everything else about the command line is a mistake in it.
fn usage(error: &clap::Error) -> ExitCode {
    let fine = matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion);
    match error.print() {
        Ok(()) if fine => ExitCode::from(Exit::Fine as u8),
        Ok(()) | Err(_) => ExitCode::from(Exit::Usage as u8),
    }
}

fn run(command: Command, out: &Out) -> Done {
    match command {
        Command::Demo(args) => demo::run(&args, out),
        Command::Status(args) => status::run(&args, out),
        Command::Trace(args) => trace::run(&args, out),
        Command::Evidence(command) => evidence::run(&command, out),
        Command::Audit(command) => audit::run(&command, out),
        Command::Quarantine(args) => quarantine::run(args, out),
        Command::Reconcile(args) => commands::reconcile::run(&args, out),
        Command::Returned(args) => returned::run(&args, out),
        Command::Backfill(args) => backfill::run(&args, out),
        Command::Baseline(args) => baseline::run(args, out),
        Command::Authority(args) => authority::run(args, out),
        Command::Notice(args) => notice::run(args, out),
        Command::Check(args) => check::run(args, out),
        Command::Format(args) => format::run(args, out),
        Command::Adapter(args) => adapter::run(args, out),
        Command::Withdraw(args) => commands::withdraw::run(&args, out),
        Command::Outlet(args) => commands::platform::run(args, out),
        Command::Sink(args) => commands::sink::run(args, out),
        Command::Keys(args) => keys::run(args, out),
        Command::Ca(args) => ca::run(args, out),
        Command::Bus(args) => bus::run(args, out),
        Command::Doctor(args) => doctor::run(&args, out),
        Command::Spool(args) => spool::run(&args, out),
        Command::Backup(args) => commands::backup::run(&args, out),
        Command::Node(args) => commands::node::run(&args, out),
        Command::Run(args) => run::run(&args, out),
        Command::Store(args) => store::run(args, out),
        Command::Bench(args) => bench::run(&args, out),
        Command::TokenSigner => token::serve(),
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    /// Every command's options, as clap holds them against each other: two of one name, among others.
    #[test]
    fn the_command_line_contradicts_itself_nowhere() {
        Cli::command().debug_assert();
    }
}
