//! `tiergate-verify`: what an evidence file proves. For an auditor: no configuration, no store, no
//! network, nothing but the file and the certificates of the authorities one trusts.

mod lang;
mod verdict;

use std::io::{self, Write};
use std::process::ExitCode;

use clap::Parser;
use lang::Lang;
use verdict::VerifyArgs;

const AFTER: &str = "\
Exit codes: 0 every record is proven and accepted · 1 there is a doubt, named in the answer ·
            2 the command line is wrong · 3 a file cannot be read
退出码：    0 全部成立且已接收 · 1 存在疑点（见输出） · 2 命令行有误 · 3 文件无法读取";

/// 离线核验证据文件 · what an evidence file proves, offline.
#[derive(Debug, Parser)]
#[command(name = "tiergate-verify", version, after_help = AFTER)]
struct Cli {
    #[command(flatten)]
    verify: VerifyArgs,
    /// Answer as JSON, for programs · 以 JSON 输出
    #[arg(long)]
    json: bool,
    /// Language; from LC_ALL, LC_MESSAGES or LANG if not given · 语言
    #[arg(long, value_enum)]
    lang: Option<Lang>,
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    match answer(&cli) {
        Ok(code) => code,
        Err(e) if e.kind() == io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(_) => ExitCode::from(3),
    }
}

fn answer(cli: &Cli) -> io::Result<ExitCode> {
    let lang = cli.lang.unwrap_or_else(|| Lang::of_locale(|name| std::env::var(name).ok()));
    let found = match verdict::look(&cli.verify) {
        Ok(found) => found,
        Err(cannot) => {
            let text = lang.of(cannot.en, cannot.zh);
            writeln!(io::stderr().lock(), "tiergate-verify: {text}")?;
            return Ok(ExitCode::from(3));
        }
    };
    let mut out = io::stdout().lock();
    if cli.json {
        serde_json::to_writer_pretty(&mut out, &found.value()).map_err(io::Error::from)?;
        writeln!(out)?;
    } else {
        for line in found.lines(lang) {
            writeln!(out, "{line}")?;
        }
    }
    out.flush()?;
    Ok(if found.beyond_doubt() { ExitCode::SUCCESS } else { ExitCode::from(1) })
}
