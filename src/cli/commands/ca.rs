//! `tiergate ca`: a small certificate authority, for the demo environment only.

use std::path::{Path, PathBuf};

use canon::{Environment, NodeCode};
use clap::Subcommand;
use envelope::ca::{NodeName, Terms};
use envelope::{Ca, KeyPem, SignError};
use ring::rand::{SecureRandom as _, SystemRandom};

use super::keys::{not_written, signing};
use crate::files::{self, CONFIG_BYTES_MAX};
use crate::os;
use crate::text::{Done, Exit, Failure, Out};

const DAY: i64 = 86_400_000;
/// Validity of a demo root.
const ROOT_DAYS: i64 = 3650;
/// Validity of a demo certificate.
const NODE_DAYS: i64 = 730;
/// Name of the authority's files in its folder.
const ROOT_KEY: &str = "ca.key";
const ROOT_PEM: &str = "ca.pem";

/// The demo's authority.
#[derive(Debug, Subcommand)]
pub(crate) enum CaCommand {
    /// Make a root: ca.key and ca.pem in a folder · 新建根证书
    New {
        /// The folder; made if it is not there
        #[arg(long, value_name = "FOLDER")]
        out: PathBuf,
    },
    /// Issue a node certificate in the environment `demo` · 签发节点证书（demo 环境）
    Issue {
        /// The authority's folder
        #[arg(long, value_name = "FOLDER")]
        ca: PathBuf,
        /// Node code
        #[arg(long)]
        node: String,
        /// Region codes it may speak for: 6, 9 or 12 digits, or a beginning of one
        #[arg(long, value_name = "CODE", required = true, num_args = 1..)]
        region: Vec<String>,
        /// The node's key, from `tiergate keys new`
        #[arg(long, value_name = "FILE")]
        key: PathBuf,
        /// Where the certificate goes
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
    },
}

/// Runs the command.
pub(crate) fn run(command: CaCommand, out: &Out) -> Done {
    match command {
        CaCommand::New { out: folder } => new(&folder, out),
        CaCommand::Issue { ca, node, region, key, out: path } => {
            issue(&ca, &node, region, &key, &path, out)
        }
    }
}

/// Certificates count whole seconds; a minute of grace for clocks that are a little behind.
fn terms(days: i64, random: &SystemRandom) -> Result<Terms, Failure> {
    let from = os::now().plus(-60_000);
    let mut bytes = [0; 8];
    let silent = SignError::Sign("no randomness from the system");
    random.fill(&mut bytes).map_err(|_| signing(&silent))?;
    // X.509 wants a positive number.
    let serial = u64::from_be_bytes(bytes) >> 1 | 1;
    Ok(Terms { serial, from, until: from.plus(days * DAY) })
}

fn new(folder: &Path, out: &Out) -> Done {
    let random = SystemRandom::new();
    std::fs::create_dir_all(folder).map_err(|e| not_written(folder, &e))?;
    let key = KeyPem::generate(&random).map_err(|e| signing(&e))?;
    let root = Ca::root("Tiergate Demo CA", &key, terms(ROOT_DAYS, &random)?, &random);
    let root = root.map_err(|e| signing(&e))?;
    let (key_path, pem_path) = (folder.join(ROOT_KEY), folder.join(ROOT_PEM));
    os::write_secret(&key_path, &key.0).map_err(|e| not_written(&key_path, &e))?;
    os::write_new(&pem_path, root.certificate_pem()).map_err(|e| not_written(&pem_path, &e))?;
    let (key, pem) = (key_path.display(), pem_path.display());
    out.value(&serde_json::json!({
        "ok": true, "key": key.to_string(), "certificate": pem.to_string(),
    }))?;
    out.say(
        format_args!(
            "{pem}: a root for the demo. Name it in [trust] anchors; keep {key} to yourself"
        ),
        format_args!("{pem}：演示用根证书。请在 [trust] anchors 中引用；{key} 自行保管"),
    )?;
    Ok(Exit::Fine)
}

fn issue(ca: &Path, node: &str, regions: Vec<String>, key: &Path, path: &Path, out: &Out) -> Done {
    let code = NodeCode::new(node).ok_or_else(|| {
        Failure::usage(
            format!("`{node}` is not a node code: 1 to 64 characters out of A-Z a-z 0-9 . _ -"),
            format!("『{node}』不是节点代码：1 至 64 个字符，可用 A-Z a-z 0-9 . _ -"),
        )
    })?;
    let digits =
        |r: &&String| r.is_empty() || r.len() > 12 || !r.bytes().all(|b| b.is_ascii_digit());
    if let Some(bad) = regions.iter().find(digits) {
        return Err(Failure::usage(
            format!("`{bad}` is not a region code: up to 12 digits"),
            format!("『{bad}』不是区划代码：至多 12 位数字"),
        ));
    }
    let random = SystemRandom::new();
    let root_pem = files::text(&ca.join(ROOT_PEM), CONFIG_BYTES_MAX)?;
    let root_key = KeyPem(files::text(&ca.join(ROOT_KEY), CONFIG_BYTES_MAX)?);
    let node_key = KeyPem(files::text(key, CONFIG_BYTES_MAX)?);
    let root = Ca::from_pem(&root_pem, &root_key, &random).map_err(|e| signing(&e))?;
    let name = NodeName { node: code, environment: Environment::Demo, regions };
    let pem = root
        .issue(&name, &node_key, terms(NODE_DAYS, &random)?, &random)
        .map_err(|e| signing(&e))?;
    os::write_new(path, &pem).map_err(|e| not_written(path, &e))?;
    let shown = path.display();
    out.value(&serde_json::json!({ "ok": true, "certificate": shown.to_string(), "node": node }))?;
    out.say(
        format_args!("{shown}: certificate of `{node}`, environment demo, {NODE_DAYS} days. See it with `tiergate keys show {shown}`"),
        format_args!("{shown}：节点『{node}』的证书，demo 环境，{NODE_DAYS} 天。可用 tiergate keys show {shown} 查看"),
    )?;
    Ok(Exit::Fine)
}
