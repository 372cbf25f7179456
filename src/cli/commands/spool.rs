//! `tiergate spool`: a disk carried by hand between the two sides of a gate.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use bus::spool::Folder;
use bus::spool::disk::{self, DiskError, Ends, Exported, FileReport};
use clap::{Args, Subcommand};
use exchange::config::{Identity, Link, NodeConfig, SpoolPlace, Unit};
use serde_json::json;

use crate::stores::{NodesArg, config_files};
use crate::text::{Done, Exit, Failure, Out};
use crate::{open, os};

/// Disks and USB sticks between two nodes.
#[derive(Debug, Subcommand)]
pub(crate) enum Spool {
    /// Carry what waits for a link onto a disk, with a signed list · 导出到光盘或 U 盘，附签名清单
    Export(Export),
    /// Bring a disk in: each file is verified and named · 从光盘或 U 盘导入，逐个核验
    Import(Import),
}

/// Arguments.
#[derive(Debug, Args)]
pub(crate) struct Export {
    /// The link, by its name in the configuration
    #[arg(long)]
    link: String,
    /// A folder of the disk
    #[arg(long, value_name = "FOLDER")]
    to: PathBuf,
    /// Room on the disk, such as "4 GiB"; the rest waits for the next one
    #[arg(long, value_name = "BYTES")]
    max_bytes: Option<String>,
    #[command(flatten)]
    nodes: NodesArg,
}

/// Arguments.
#[derive(Debug, Args)]
pub(crate) struct Import {
    /// The disk's folder
    folder: PathBuf,
    /// Only this link; all links over files, if not given
    #[arg(long)]
    link: Option<String>,
    #[command(flatten)]
    nodes: NodesArg,
}

/// Runs the command.
pub(crate) fn run(command: &Spool, out: &Out) -> Done {
    match command {
        Spool::Export(args) => export(args, out),
        Spool::Import(args) => import(args, out),
    }
}

/// One link over folders with what it belongs to.
struct Gate<'a> {
    node: &'a NodeConfig,
    identity: &'a Identity,
    link: &'a Link,
    folder: Folder,
}

impl Gate<'_> {
    fn ends(&self) -> Ends {
        Ends { own: self.identity.code.clone(), peer: self.link.peer.clone() }
    }
}

/// Links over folders, those of this name if one is given.
fn gates<'a>(
    configs: &'a [NodeConfig],
    args: &NodesArg,
    name: Option<&str>,
) -> Result<Vec<Gate<'a>>, Failure> {
    let mut found = Vec::new();
    let mut known = Vec::new();
    for node in configs {
        for link in node.links.iter().filter(|l| args.means(&l.identity)) {
            let Some(spool) = &link.spool else { continue };
            known.push(link.name.to_string());
            if name.is_some_and(|name| name != &*link.name) {
                continue;
            }
            let SpoolPlace::Folders { base, out, incoming } = &spool.place else { continue };
            let Some(identity) = node.identity(&link.identity) else { continue };
            let folder = Folder::beside(base, out.as_deref(), incoming.as_deref());
            let folder = folder.map_err(|e| {
                Failure::environment(
                    e.to_string(),
                    format!("链路『{}』的目录不可用：{e}", link.name),
                )
            })?;
            found.push(Gate { node, identity, link, folder });
        }
    }
    if found.is_empty() {
        let known = if known.is_empty() { "-".into() } else { known.join(", ") };
        let name = name.unwrap_or("*");
        return Err(Failure::usage(
            format!(
                "no link `{name}` over folders in these files (carrier = \"spool\", form zst, zip or xml); links over files: {known}"
            ),
            format!(
                "这些配置中没有经文件夹交换的链路『{name}』（carrier = \"spool\"，form 为 zst、zip 或 xml）；现有文件链路：{known}"
            ),
        ));
    }
    Ok(found)
}

fn export(args: &Export, out: &Out) -> Done {
    let max_bytes = match &args.max_bytes {
        None => u64::MAX,
        Some(text) => {
            let bytes = Unit::Bytes.parse(text).or_else(|| text.parse().ok());
            bytes.ok_or_else(|| {
                Failure::usage(
                    format!(
                        "`{text}` is not an amount of bytes, written like {}",
                        Unit::Bytes.example()
                    ),
                    format!("『{text}』不是字节数，应写作 {}", Unit::Bytes.example()),
                )
            })?
        }
    };
    let configs = open::each_config(&config_files(&args.nodes)?)?;
    let gates = gates(&configs, &args.nodes, Some(&args.link))?;
    let [gate] = gates.as_slice() else {
        return Err(Failure::usage(
            format!("several nodes have a link `{}`; say which with --node CODE", args.link),
            format!("多个节点都有链路『{}』，请用 --node CODE 指明", args.link),
        ));
    };
    let now = os::now();
    let material = crate::identity::identity(gate.node, gate.identity, now)?
        .map_err(|f| open::problems(&[f]))?;
    let (ends, signer) = (gate.ends(), material.first());
    let done = disk::export(&gate.folder, &args.to, &ends, signer, max_bytes, now);
    let done = done.map_err(failed)?;
    exported(&args.to, &gate.ends(), &done, out)
}

fn exported(to: &Path, ends: &Ends, done: &Exported, out: &Out) -> Done {
    let (from, peer) = (&ends.own, &ends.peer);
    let right = done.foreign.is_empty();
    out.value(&json!({
        "ok": right, "from": from.as_str(), "to": peer.as_str(), "disk": to.display().to_string(),
        "export": done,
    }))?;
    match &done.folder {
        Some(folder) => {
            let (files, size) = (done.files, Unit::Bytes.show(done.bytes));
            let place = to.join(folder);
            let place = place.display();
            out.say(
                format_args!("{place}: {files} files, {size}, for {peer}, with a signed list; carry the whole folder"),
                format_args!("{place}：{files} 个文件，{size}，送 {peer}，附签名清单；请整个目录一并携带"),
            )?;
        }
        None => out.say(
            format_args!("nothing new waits for {peer}; the disk is as it was"),
            format_args!("没有新的待送 {peer} 的文件，盘未改动"),
        )?,
    }
    if done.resumed > 0 {
        let n = done.resumed;
        out.say(
            format_args!("{n} files stood on the disk already, under the list of an export that was broken off"),
            format_args!("{n} 个文件已在盘上（上次导出中断，清单已签）"),
        )?;
    }
    if done.left > 0 {
        let n = done.left;
        out.say(
            format_args!("{n} files did not fit and wait for the next disk"),
            format_args!("{n} 个文件放不下，留待下一张盘"),
        )?;
    }
    for name in &done.foreign {
        out.say(
            format_args!("{name}: none of ours, left in the outgoing folder [spool.not_a_parcel]"),
            format_args!("{name}：不是报文文件，留在发件目录 [spool.not_a_parcel]"),
        )?;
    }
    Ok(if right { Exit::Fine } else { Exit::Problems })
}

fn import(args: &Import, out: &Out) -> Done {
    let configs = open::each_config(&config_files(&args.nodes)?)?;
    let gates = gates(&configs, &args.nodes, args.link.as_deref())?;
    let now = os::now();
    let mut files: BTreeMap<String, FileReport> = BTreeMap::new();
    let mut lists = 0;
    for gate in &gates {
        let trust = open::trust(gate.node, gate.identity.environment)?;
        let done = disk::import(&gate.folder, &args.folder, &gate.ends(), &trust, now);
        let done = done.map_err(failed)?;
        lists += done.lists;
        for file in done.files {
            // What one link takes is another's `wrong_link`.
            match files.get(&file.path) {
                Some(before) if weight(&before.what) >= weight(&file.what) => {}
                Some(_) | None => drop(files.insert(file.path.clone(), file)),
            }
        }
    }
    imported(&args.folder, lists, files.into_values().collect(), out)
}

fn weight(what: &str) -> u8 {
    match what {
        "taken" => 3,
        "known" => 2,
        "spool.wrong_link" => 0,
        _ => 1,
    }
}

fn imported(disk: &Path, lists: usize, files: Vec<FileReport>, out: &Out) -> Done {
    let count = |what: &str| files.iter().filter(|f| f.what == what).count();
    let (taken, known) = (count("taken"), count("known"));
    let wrong = files.len() - taken - known;
    let right = wrong == 0 && (lists > 0 || taken + known == 0);
    out.value(&json!({
        "ok": right, "disk": disk.display().to_string(), "lists": lists, "taken": taken,
        "known": known, "files": files,
    }))?;
    if !out.json {
        for file in &files {
            out.text(line(file, out))?;
        }
    }
    out.say(
        format_args!("{taken} files brought in, {known} were here already, {wrong} are not right; {lists} signed lists"),
        format_args!("导入 {taken} 个文件，{known} 个此前已有，{wrong} 个有问题；签名清单 {lists} 份"),
    )?;
    if lists == 0 && taken + known > 0 {
        out.say(
            "no signed list for this link: each parcel is verified by itself, but whether one is missing cannot be said",
            "没有本链路的签名清单：每个报文仍各自验签，但无法判断是否缺少文件",
        )?;
    }
    Ok(if right { Exit::Fine } else { Exit::Problems })
}

fn line(file: &FileReport, out: &Out) -> String {
    let FileReport { path, what, detail } = file;
    match what.as_str() {
        "taken" => {
            out.of(format!("{path}: brought in: {detail}"), format!("{path}：已导入：{detail}"))
        }
        "known" => out.of(
            format!("{path}: was here already: {detail}"),
            format!("{path}：此前已有：{detail}"),
        ),
        code => {
            let (en, zh) = canon::code(code).map_or((code, code), |c| (c.en, c.zh));
            out.of(
                format!("{path}: {en} ({detail}) [{code}]"),
                format!("{path}：{zh}（{detail}）[{code}]"),
            )
        }
    }
}

fn failed(error: DiskError) -> Failure {
    Failure::environment(error.to_string(), format!("盘或目录出错：{error}"))
}
