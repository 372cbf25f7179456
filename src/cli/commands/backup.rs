//! `tiergate backup`: an image of a node's store while it is at work, and whether a backup is whole.

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use serde_json::json;
use store::SqliteStore;

use crate::backup::{self, Wanted};
use crate::text::{Done, Exit, Failure, Out};
use crate::{assemble, open, os};

/// Backup of one node.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct Backup {
    #[command(subcommand)]
    verify: Option<Verify>,
    /// Configuration file of the node
    #[arg(long, value_name = "FILE", required = true)]
    config: Option<PathBuf>,
    /// Where it goes: a file that is not there yet, or a folder
    #[arg(long, value_name = "FILE|FOLDER", required = true)]
    to: Option<PathBuf>,
    /// With signing keys: whoever has the file can sign as this node
    #[arg(long)]
    with_keys: bool,
}

#[derive(Debug, Subcommand)]
enum Verify {
    /// Whether a backup is whole, and what is in it · 校验备份
    Verify {
        /// The backup
        file: PathBuf,
    },
}

/// Runs the command.
pub(crate) fn run(args: &Backup, out: &Out) -> Done {
    match (&args.verify, &args.config, &args.to) {
        (Some(Verify::Verify { file }), ..) => verify(file, out),
        (None, Some(config), Some(to)) => make(config, to, args.with_keys, out),
        _ => Err(Failure::usage(
            "name the configuration with --config and the target with --to",
            "请用 --config 指明配置、用 --to 指明目标",
        )),
    }
}

fn make(config: &Path, to: &Path, keys: bool, out: &Out) -> Done {
    let nodes = open::each_config(&[config.to_path_buf()])?;
    let now = os::now();
    os::block_on(async {
        for node in &nodes {
            let to = target(to, node.identities.first().map_or("node", |i| i.code.as_str()), now);
            let wanted = Wanted { node, config, keys, now };
            let manifest = backup::write(&wanted, &to).await?;
            let (shown, n) = (to.display().to_string(), manifest.nodes.len());
            out.value(&json!({ "ok": true, "file": shown, "manifest": manifest }))?;
            out.say(
                format_args!("{shown}: {n} identities; see `tiergate backup verify {shown}`"),
                format_args!("{shown}：含 {n} 个身份；可用 tiergate backup verify {shown} 校验"),
            )?;
            if keys {
                out.say(
                    "it holds signing keys: keep it as you keep the keys",
                    "备份中含签名密钥，请与密钥同等保管",
                )?;
            }
        }
        Ok(Exit::Fine)
    })?
}

/// A file in the folder, or the file.
fn target(to: &Path, code: &str, now: canon::Millis) -> PathBuf {
    if !to.is_dir() {
        return to.to_path_buf();
    }
    let at: String = now.to_string().chars().filter(char::is_ascii_digit).collect();
    to.join(format!("tiergate-{code}-{at}.tar.zst"))
}

fn verify(file: &Path, out: &Out) -> Done {
    let mut store = file.as_os_str().to_owned();
    store.push(".verify");
    let store = PathBuf::from(store);
    drop(std::fs::remove_file(&store));
    let found = backup::read(file, &store)?;
    let looked = os::block_on(SqliteStore::look(&store))?;
    drop(std::fs::remove_file(&store));
    looked.map_err(assemble::store_failure)?;
    let (shown, manifest) = (file.display().to_string(), found.manifest);
    out.value(&json!({ "ok": true, "file": shown, "manifest": manifest }))?;
    let who: Vec<String> =
        manifest.nodes.iter().map(|n| format!("{} ({})", n.code, n.epoch)).collect();
    let (who, at) = (who.join(", "), &manifest.made_at);
    out.say(
        format_args!("{shown}: whole, of {at}, with {who}"),
        format_args!("{shown}：完整，备份于 {at}，包含 {who}"),
    )?;
    Ok(Exit::Fine)
}
