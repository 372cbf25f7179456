//! `tiergate node restore`: a lost or copied machine begins again, in a new epoch.

use std::path::{Path, PathBuf};

use canon::{Day, Lane, Millis, Route};
use clap::{Args, Subcommand};
use edge::file_drop::{Settings, take_back};
use envelope::sealed;
use exchange::config::{Identity, NodeConfig, SecretRef, StoreUrl};
use exchange::restore::{Restoring, begin};
use serde_json::json;
use store::SqliteStore;

use crate::backup::place::{self, Place};
use crate::backup::{self, Found};
use crate::text::{Done, Exit, Failure, Out};
use crate::{assemble, files, open, os, stores};

/// Days looked back when nothing says how old the store is.
const DAYS_BACK: i32 = 31;

/// A node's machine.
#[derive(Debug, Subcommand)]
pub(crate) enum NodeCommand {
    /// Begin again after a machine was lost or copied: from a backup, from nothing, in place · 恢复节点
    Restore(Restore),
}

/// What it is restored from.
#[derive(Debug, Args)]
#[group(id = "source", required = true, multiple = false)]
pub(crate) struct Source {
    /// From a backup
    #[arg(long, value_name = "FILE")]
    from: Option<PathBuf>,
    /// From nothing: what was sent is told by its destinations
    #[arg(long)]
    empty: bool,
    /// The store that is there is an older copy (a snapshot of the machine), or stopped itself
    #[arg(long)]
    in_place: bool,
}

/// Restore of one node. Its service must not run, here or anywhere.
#[derive(Debug, Args)]
pub(crate) struct Restore {
    #[command(flatten)]
    source: Source,
    /// Configuration file of the node
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    /// A store that is there already is set aside, beside its place
    #[arg(long)]
    replace: bool,
    /// The epoch to begin, if the clock of this machine cannot be trusted
    #[arg(long, value_name = "N")]
    epoch: Option<u32>,
    /// Since when facts are lost (a day), if it is not the time of the backup
    #[arg(long, value_name = "YYYY-MM-DD")]
    since: Option<String>,
    /// Where the passphrase of the keys in the backup is: file:PATH or env:NAME
    #[arg(long, value_name = "REFERENCE")]
    passphrase: Option<String>,
    /// Operator code, for the audit; never a name
    #[arg(long, value_name = "CODE")]
    who: String,
}

/// Runs the command.
pub(crate) fn run(command: &NodeCommand, out: &Out) -> Done {
    let NodeCommand::Restore(args) = command;
    let nodes = open::each_config(std::slice::from_ref(&args.config))?;
    let now = os::now();
    let mut began = Vec::new();
    for node in &nodes {
        let since = put_in_place(args, node, now)?;
        os::block_on(async {
            for identity in &node.identities {
                let epoch = restore(args, node, identity, since, now).await?;
                began.push((identity.code.clone(), epoch));
            }
            Ok::<_, Failure>(())
        })??;
        for identity in &node.identities {
            files_again(node, identity, since)?;
        }
    }
    let list: Vec<_> = began
        .iter()
        .map(|(code, epoch)| json!({ "node": code.as_str(), "epoch": epoch }))
        .collect();
    out.value(&json!({ "ok": true, "restored": list }))?;
    for (code, epoch) in &began {
        out.say(
            format_args!(
                "{code}: epoch {epoch} begins. Start the service; before it collects, every destination is asked: `tiergate status` says how far it is"
            ),
            format_args!(
                "{code}：新纪元 {epoch}。请启动服务；采集之前会先向各目的节点核对，进度见 tiergate status"
            ),
        )?;
    }
    Ok(Exit::Fine)
}

/// Puts the store where the configuration says; gives the time since when facts are lost.
fn put_in_place(args: &Restore, node: &NodeConfig, now: Millis) -> Result<Millis, Failure> {
    let said = match &args.since {
        None => None,
        Some(text) => Some(Day::parse(text).map(|d| d.0).ok_or_else(|| {
            Failure::usage(
                format!("`{text}` is no day; write it as 2026-11-21"),
                format!("『{text}』不是日期，请写成 2026-11-21"),
            )
        })?),
    };
    let start = |day: i32| Millis::parse(&format!("{} 00:00:00", Day(day))).unwrap_or(Millis(0));
    let back = start(said.unwrap_or(now.day().0 - DAYS_BACK));
    let place = Place::of(node)?;
    os::block_on(async {
        place.nobody_at_work(now).await?;
        if args.source.in_place {
            return Ok(back);
        }
        if let Some(shown) = place.in_the_way().await?.filter(|_| !args.replace) {
            return Err(Failure::usage(
                format!(
                    "{shown} is there already; with `--replace` it is set aside, or restore it `--in-place`"
                ),
                format!("{shown} 已存在；加 --replace 可将其移开保留，或用 --in-place 就地恢复"),
            ));
        }
        let lost = match &args.source.from {
            None => Millis(0),
            Some(from) => {
                return from_backup(args, node, from, &place, said.map(start), now).await;
            }
        };
        place.set_aside(now).await?;
        Ok(said.map_or(lost, start))
    })?
}

async fn from_backup(
    args: &Restore,
    node: &NodeConfig,
    from: &Path,
    place: &Place,
    said: Option<Millis>,
    now: Millis,
) -> Result<Millis, Failure> {
    let part = place.part()?;
    let put = put_backup(args, node, from, place, &part, now).await;
    // What is left of a failure has personal data in it.
    place::forget(&part);
    Ok(said.unwrap_or(put?))
}

/// Puts a backup in place; gives the last time its store took.
async fn put_backup(
    args: &Restore,
    node: &NodeConfig,
    from: &Path,
    place: &Place,
    part: &Path,
    now: Millis,
) -> Result<Millis, Failure> {
    let found = backup::read(from, part)?;
    let known: Vec<&str> = node.identities.iter().map(|i| i.code.as_str()).collect();
    if let Some(other) = found.manifest.nodes.iter().find(|n| !known.contains(&n.code.as_str())) {
        let (code, config) = (&other.code, args.config.display());
        return Err(Failure::usage(
            format!("the backup is of `{code}`, which {config} does not name"),
            format!("备份属于『{code}』，而 {config} 中没有该身份"),
        ));
    }
    place::look(part).await.map_err(assemble::store_failure)?;
    let keys = wanted_keys(args, node, &found)?;
    place.set_aside(now).await?;
    place.put(part).await?;
    for (path, text) in keys {
        os::write_secret(path, &text).map_err(|e| crate::commands::keys::not_written(path, &e))?;
    }
    Ok(Millis(found.manifest.nodes.iter().map(|n| n.last_now).max().unwrap_or(0)))
}

/// Keys and certificates of the backup, where the configuration wants them and nothing is there.
fn wanted_keys<'n>(
    args: &Restore,
    node: &'n NodeConfig,
    found: &Found,
) -> Result<Vec<(&'n Path, String)>, Failure> {
    let passphrase = open::referred("--passphrase", args.passphrase.as_deref())?;
    let passphrase = passphrase.as_ref().map(open::secret).transpose()?;
    let mut keys = Vec::new();
    for one in node.identities.iter().flat_map(|i| i.named_keys()) {
        let name = &one.name;
        let mut wanted = vec![(format!("keys/{name}.pem"), one.certificate)];
        if let SecretRef::File(path) = one.key {
            wanted.push((format!("keys/{name}.key"), path));
        }
        for (name, path) in wanted.into_iter().filter(|(_, path)| !path.exists()) {
            let Some((_, bytes)) = found.small.iter().find(|(n, _)| *n == name) else { continue };
            let text = String::from_utf8_lossy(bytes).into_owned();
            let text = match &passphrase {
                _ if !sealed::is_sealed(bytes) || one.passphrase.is_some() => text,
                Some(passphrase) => {
                    let key = sealed::unseal(&text, passphrase.line());
                    key.map_err(|e| not_opened(&name, &e))?.0
                }
                None => return Err(not_opened(&name, "name its passphrase with --passphrase")),
            };
            keys.push((path.as_path(), text));
        }
    }
    Ok(keys)
}

fn not_opened(name: &str, what: &str) -> Failure {
    Failure::usage(
        format!("`{name}` in the backup is under a passphrase: {what}; nothing was restored"),
        format!("备份中的『{name}』已用口令加密：{what}；未做任何恢复"),
    )
}

async fn restore(
    args: &Restore,
    node: &NodeConfig,
    identity: &Identity,
    since: Millis,
    now: Millis,
) -> Result<u32, Failure> {
    let code = &identity.code;
    let store = match &node.store {
        StoreUrl::Sqlite(path) if !args.source.in_place => {
            if let Some(folder) = path.parent() {
                std::fs::create_dir_all(folder).map_err(|e| files::cannot(folder, &e))?;
            }
            let store = SqliteStore::open_for(path, std::slice::from_ref(code)).await;
            let store = store.map_err(assemble::store_failure)?;
            store.identity(code).await.map_err(assemble::store_failure)?
        }
        _ => stores::open_store(node, code, stores::Access::Write).await?,
    };
    let mut routes: Vec<Route> = Vec::new();
    for adapter in node.adapters_of(code) {
        for route in adapter.routes(node) {
            routes.push(Route { lane: Lane::Bulk, ..route.clone() });
            routes.push(Route { lane: Lane::Live, ..route });
        }
    }
    routes.sort();
    routes.dedup();
    let links: Vec<exchange::Link> = assemble::links(node, identity);
    let from = match &args.source.from {
        Some(path) => path.display().to_string(),
        None if args.source.empty => "nothing".to_owned(),
        None => "in place".to_owned(),
    };
    let restoring = Restoring {
        links: &links,
        routes,
        epoch: args.epoch,
        since: since.day(),
        who: args.who.clone(),
        from,
        now,
    };
    begin(&store, restoring)
        .await
        .map_err(|e| Failure::environment(e.to_string(), format!("无法开始新纪元：{e}")))
}

/// Dropped files that were read since then are read again.
fn files_again(node: &NodeConfig, identity: &Identity, since: Millis) -> Result<(), Failure> {
    let format = open::format_of(node)?.map_err(|f| open::problems(&f))?;
    for adapter in node.adapters_of(&identity.code) {
        let package = open::package(adapter, &format)?.map_err(|f| open::problems(&f))?;
        let (adapt::Source::Files(source), Some(folder)) =
            (&package.source, &adapter.source.folder)
        else {
            continue;
        };
        let settings = Settings::of(&adapter.name, folder.clone(), source);
        take_back(&settings, since).map_err(|e| {
            Failure::environment(e.to_string(), format!("无法将已处理的文件移回：{e}"))
        })?;
    }
    Ok(())
}
