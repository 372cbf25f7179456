//! `tiergate backup`: an image of a node's store while it is at work, and whether a backup is whole.

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use serde_json::json;

use crate::backup::{self, Wanted, place};
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
    /// Put the keys under a passphrase, which stands in: file:PATH or env:NAME
    #[arg(long, value_name = "REFERENCE", requires = "with_keys")]
    passphrase: Option<String>,
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
        (None, Some(config), Some(to)) => make(config, to, args, out),
        _ => Err(Failure::usage(
            "name the configuration with --config and the target with --to",
            "请用 --config 指明配置、用 --to 指明目标",
        )),
    }
}

fn make(config: &Path, to: &Path, args: &Backup, out: &Out) -> Done {
    let keys = args.with_keys;
    let passphrase = open::referred("--passphrase", args.passphrase.as_deref())?;
    let nodes = open::each_config(&[config.to_path_buf()])?;
    let now = os::now();
    os::block_on(async {
        for node in &nodes {
            let to = target(to, node.identities.first().map_or("node", |i| i.code.as_str()), now);
            let passphrase = passphrase.as_ref().map(open::secret).transpose()?;
            let wanted = Wanted { node, config, keys, passphrase, now };
            let manifest = backup::write(&wanted, &to).await?;
            let (shown, n) = (to.display().to_string(), manifest.nodes.len());
            out.value(&json!({ "ok": true, "file": shown, "manifest": manifest }))?;
            out.say(
                format_args!("{shown}: {n} identities; see `tiergate backup verify {shown}`"),
                format_args!("{shown}：含 {n} 个身份；可用 tiergate backup verify {shown} 校验"),
            )?;
            if manifest.keys_sealed {
                out.say(
                    "it holds signing keys under the passphrase: without it they cannot be restored",
                    "备份中的签名密钥已用口令加密；没有口令便无法恢复密钥",
                )?;
            } else if keys {
                out.say(
                    "it holds signing keys in the clear (mode 0600): keep it as you keep the keys, or put them under a passphrase with --passphrase file:PATH",
                    "备份中含未加密的签名密钥（权限 0600），请与密钥同等保管；也可用 --passphrase file:路径 加密",
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
    place::forget(&store);
    let found = backup::read(file, &store)?;
    let looked = os::block_on(place::look(&store))?;
    place::forget(&store);
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
