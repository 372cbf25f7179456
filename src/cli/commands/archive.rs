//! `tiergate evidence verify-archive`: the chain over a node's archive files, walked offline.

use std::path::PathBuf;

use canon::{Digest, DigestAlg};
use clap::Args;
use envelope::KeyRing;
use envelope::archive::{Broken, Chain, linking_info};
use serde_json::json;

use crate::os;
use crate::stores::NodesArg;
use crate::text::{Done, Exit, Failure, Out};
use crate::{archives, identity};

/// What is walked.
#[derive(Debug, Args)]
pub(crate) struct VerifyArchive {
    /// The folder of one node's archive files
    folder: PathBuf,
    /// What the last file's digest must be, as `status` says it or a timestamp vouches for it
    #[arg(long, value_name = "ALGORITHM:HEX")]
    head: Option<String>,
    /// Also look into encrypted files, with the keys of this node's configuration
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Also write X-Road's `linkinginfo` over the files, for its tools
    #[arg(long, value_name = "FILE")]
    linkinginfo: Option<PathBuf>,
}

/// Walks the files; exit 1 at the first that does not fit.
pub(crate) fn run(args: &VerifyArchive, out: &Out) -> Done {
    let wanted = args.head.as_deref().map(str::parse::<Digest>).transpose().map_err(|e| {
        Failure::usage(format!("--head: {e}"), format!("--head 应为 算法:64位十六进制：{e}"))
    })?;
    let files = archives::list(&args.folder)?;
    let keys = match &args.config {
        Some(config) => identity::keys(&NodesArg::of(vec![config.clone()], None, None))?,
        None => KeyRing::new(Vec::new()),
    };
    let mut chain = Chain::default();
    for (name, path) in &files {
        let bytes = archives::bytes(path)?;
        if let Err(broken) = chain.walk_with(&bytes, &keys) {
            return told(name, &broken, &chain, out);
        }
    }
    let alg = wanted.map_or(DigestAlg::Sha256, |d| d.alg);
    let Some((last, head)) = chain.head(alg) else {
        out.value(&json!({ "ok": false, "files": 0 }))?;
        out.say("there is no archive file in this folder", "该目录没有归档文件")?;
        return Ok(Exit::Problems);
    };
    let Chain { files: n, envelopes, receipts, unread, .. } = chain;
    if wanted.is_some_and(|wanted| wanted != head) {
        out.value(
            &json!({ "ok": false, "files": n, "head": head.to_string(), "code": "archive.head" }),
        )?;
        out.say(
            format_args!("the last file, number {last}, has {head}, another one than --head: files behind it are missing, or it was changed [archive.head]"),
            format_args!("末个文件（第 {last} 号）摘要为 {head}，与 --head 不符：其后缺文件，或文件被改动 [archive.head]"),
        )?;
        return Ok(Exit::Problems);
    }
    if let Some(to) = &args.linkinginfo {
        let mut read = Vec::with_capacity(files.len());
        for (name, path) in &files {
            read.push((name.as_str(), archives::bytes(path)?));
        }
        let text = linking_info(None, read.iter().map(|(name, bytes)| (*name, bytes.as_slice())));
        os::write_new(to, &text).map_err(|e| {
            let shown = to.display();
            Failure::environment(format!("{shown}: {e}"), format!("{shown}：无法写入：{e}"))
        })?;
    }
    out.value(&json!({
        "ok": true, "files": n, "envelopes": envelopes, "receipts": receipts,
        "unread": unread, "last": last, "head": head.to_string(), "head_compared": wanted.is_some(),
    }))?;
    out.say(
        format_args!("{n} files up to number {last}, {envelopes} envelopes, {receipts} receipts: every link fits; head {head}"),
        format_args!("{n} 个归档文件（至第 {last} 号），报文 {envelopes} 份、回执 {receipts} 份，链完整；末端摘要 {head}"),
    )?;
    if unread > 0 {
        out.say(
            format_args!("  {unread} of them are encrypted, and only their place in the chain was seen; --config NODE.toml looks into them"),
            format_args!("  其中 {unread} 个已加密，只核对了链；加 --config 节点配置可核对内容"),
        )?;
    }
    if wanted.is_none() {
        out.say(
            "  whether files are missing at the end, only --head can tell: compare it with `tiergate status`",
            "  末尾是否缺文件须用 --head 核对：见 tiergate status",
        )?;
    }
    Ok(Exit::Fine)
}

/// Where the chain is broken.
fn told(name: &str, broken: &Broken, chain: &Chain, out: &Out) -> Done {
    let code = broken.code();
    let zh = canon::code(code).map_or("", |c| c.zh);
    let files = chain.files;
    out.value(&json!({
        "ok": false, "broken": name, "code": code, "en": broken.to_string(), "files": files,
    }))?;
    out.say(
        format_args!("broken at {name}: {broken} [{code}]; {files} files before it fit"),
        format_args!("归档链在 {name} 处断开：{zh}（{broken}）[{code}]；此前 {files} 个文件相符"),
    )?;
    Ok(Exit::Problems)
}
