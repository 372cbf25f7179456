//! `tiergate format diff`: what changed between two editions, what of it breaks, and which lines of
//! which adapters are touched.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use adapt::Package;
use canon::format::{Change, Format, OpenLists, Touches, edition_digest};
use canon::{Day, DigestAlg, Millis};
use clap::Args;
use serde_json::{Value, json};

use crate::commands::adapter;
use crate::commands::foreseen::{self, Edition, Held};
use crate::commands::format::load;
use crate::lists::{self, CODE_LIST_BYTES_MAX};
use crate::stores::NodesArg;
use crate::text::{Done, Exit, Failure, Out};
use crate::{files, os};

/// Codes of each sort that are shown.
const CODES_SHOWN: usize = 20;

/// Arguments of `diff`.
#[derive(Debug, Args)]
pub(crate) struct Editions {
    /// The older edition: a format's folder, or a code list, NAME@EDITION.csv
    old: PathBuf,
    /// The newer edition
    new: PathBuf,
    /// Adapter packages to look through; may stand several times
    #[arg(long = "adapter", value_name = "FOLDER")]
    adapters: Vec<PathBuf>,
    /// Configurations of nodes whose held rows are looked at: which would the edition cure?
    #[arg(long, value_name = "FILE", num_args = 1..)]
    config: Vec<PathBuf>,
    /// A folder whose subfolders hold a node.toml each, instead of --config
    #[arg(long, value_name = "FOLDER", conflicts_with = "config")]
    data: Option<PathBuf>,
    /// Only the node of this code
    #[arg(long, value_name = "CODE")]
    node: Option<String>,
}

impl Editions {
    /// The nodes whose held rows are looked at.
    pub(crate) fn nodes(&self) -> Option<NodesArg> {
        let named = !self.config.is_empty() || self.data.is_some();
        named.then(|| NodesArg::of(self.config.clone(), self.data.clone(), self.node.clone()))
    }
}

/// A place in an adapter that a change concerns.
struct Touched {
    adapter: String,
    file: String,
    line: u32,
}

/// Shows the differences; exit 1 where one of them breaks.
pub(crate) fn run(args: &Editions, out: &Out) -> Done {
    let is_list = |path: &Path| path.extension().is_some_and(|e| e == "csv");
    if is_list(&args.old) && is_list(&args.new) {
        return lists(args, out);
    }
    let (old, new) = (load(Some(&args.old), out)?, load(Some(&args.new), out)?);
    let mut read = Vec::new();
    for folder in &args.adapters {
        match adapter::read(folder)? {
            Ok(package) => read.push((folder.as_path(), package)),
            Err(found) => return out.verdict(&found, String::new(), String::new()),
        }
    }
    let changes: Vec<(Change, Vec<Touched>)> = new
        .changes_since(&old)
        .into_iter()
        .map(|change| {
            let lines =
                read.iter().flat_map(|(f, p)| touched(f, p, &change, (&old, &new))).collect();
            (change, lines)
        })
        .collect();
    let edition = Edition::Format(old.edition(), &new);
    let held = os::block_on(foreseen::of(args, &edition))??;
    show((&old, &new), &changes, &held, out)
}

/// Two editions of a code list.
fn lists(args: &Editions, out: &Out) -> Done {
    let read = |path: &Path| -> Result<(String, String, BTreeMap<String, String>), Failure> {
        let file = path.file_name().unwrap_or_default().to_string_lossy();
        let (name, edition) = lists::named(&file).unwrap_or((&file, "1"));
        let text = files::text(path, CODE_LIST_BYTES_MAX)?;
        let codes = lists::codes(&text).map(|(c, l)| (c.to_owned(), l.to_owned())).collect();
        Ok((name.to_owned(), edition.to_owned(), codes))
    };
    let ((name, from, old), (other, to, new)) = (read(&args.old)?, read(&args.new)?);
    if name != other {
        return Err(Failure::usage(
            format!(
                "`{name}` and `{other}` are two lists; give two editions of one, NAME@EDITION.csv"
            ),
            format!(
                "『{name}』与『{other}』不是同一代码表；请给出同一代码表的两个版本 名称@版本.csv"
            ),
        ));
    }
    let mut newer = OpenLists::new();
    newer.insert(&name, &to, new.iter().map(|(c, l)| (c.as_str(), l.as_str())));
    let day = Day::parse(&to).map_or(Millis(i64::MIN), Day::start);
    let held = os::block_on(foreseen::of(args, &Edition::List(&name, &newer, day)))??;
    let gone: Vec<&String> = old.keys().filter(|c| !new.contains_key(*c)).collect();
    let added: Vec<&String> = new.keys().filter(|c| !old.contains_key(*c)).collect();
    let other = |(code, label): &(&String, &String)| old.get(*code).is_some_and(|l| l != *label);
    let renamed: Vec<&String> = new.iter().filter(other).map(|(code, _)| code).collect();
    for (en, zh, codes) in [
        ("gone, breaks what uses them", "停用（不兼容）", &gone),
        ("added", "新增", &added),
        ("with another label", "名称改变", &renamed),
    ] {
        let shown: Vec<&str> = codes.iter().take(CODES_SHOWN).map(|c| c.as_str()).collect();
        let more = if codes.len() > shown.len() { " …" } else { "" };
        if let (n @ 1.., shown) = (codes.len(), shown.join(" ")) {
            out.say(
                format_args!("{n} {en}: {shown}{more}"),
                format_args!("{zh} {n} 个：{shown}{more}"),
            )?;
        }
    }
    foreseen::show(&held, out)?;
    let digest =
        edition_digest(DigestAlg::Sha256, new.iter().map(|(c, l)| (c.as_str(), l.as_str())));
    let n = new.len();
    out.value(&json!({
        "ok": gone.is_empty(), "list": name, "old": from, "new": to, "count": n,
        "digest": digest.to_string(), "gone": gone, "added": added, "renamed": renamed, "held": held,
    }))?;
    out.say(
        format_args!("{name} {from} → {to}: {n} codes, {digest}"),
        format_args!("{name} {from} → {to}：共 {n} 个代码，{digest}"),
    )?;
    Ok(if gone.is_empty() { Exit::Fine } else { Exit::Problems })
}

fn show(
    (old, new): (&Format, &Format),
    changes: &[(Change, Vec<Touched>)],
    held: &[Held],
    out: &Out,
) -> Done {
    let breaking = changes.iter().filter(|(c, _)| c.breaks).count();
    let compatible = changes.len() - breaking;
    let (from, to) = (old.edition(), new.edition());
    if !out.json {
        for (breaks, en, zh) in [(true, "breaks:", "不兼容："), (false, "compatible:", "兼容：")]
        {
            let shown: Vec<_> = changes.iter().filter(|(c, _)| c.breaks == breaks).collect();
            if shown.is_empty() {
                continue;
            }
            out.say(en, zh)?;
            for (change, lines) in shown {
                out.text(format_args!("  {}", line(change, out)))?;
                for at in lines {
                    out.text(format_args!("      {}:{}", at.file, at.line))?;
                }
            }
        }
    }
    foreseen::show(held, out)?;
    let shown: Vec<Value> = changes.iter().map(|(change, lines)| value(change, lines)).collect();
    out.value(&json!({
        "ok": breaking == 0, "old": from, "new": to,
        "breaking": breaking, "compatible": compatible, "changes": shown, "held": held,
    }))?;
    out.say(
        format_args!("{from} → {to}: {breaking} changes break, {compatible} are compatible"),
        format_args!("{from} → {to}：不兼容 {breaking} 处，兼容 {compatible} 处"),
    )?;
    Ok(if breaking == 0 { Exit::Fine } else { Exit::Problems })
}

fn line(change: &Change, out: &Out) -> String {
    let (record, name) = (&change.record, &change.record_name);
    let said = out.of(change.en.as_str(), change.zh.as_str());
    match (&change.field, &change.field_name) {
        (Some(wire), Some(field)) => format!("{record}.{wire} ({name}.{field})  {said}"),
        _ => format!("{record} ({name})  {said}"),
    }
}

fn value(change: &Change, lines: &[Touched]) -> Value {
    let lines: Vec<Value> = lines
        .iter()
        .map(|t| json!({ "adapter": t.adapter, "file": t.file, "line": t.line }))
        .collect();
    json!({
        "what": change.what, "breaks": change.breaks,
        "record": change.record, "record_name": change.record_name,
        "field": change.field, "field_name": change.field_name,
        "en": change.en, "zh": change.zh, "adapters": lines,
    })
}

/// Lines of a package that a change concerns. A block names its type in either way.
fn touched(
    folder: &Path,
    package: &Package,
    change: &Change,
    (old, new): (&Format, &Format),
) -> Vec<Touched> {
    let file = folder.join("adapter.toml").display().to_string();
    let adapter = adapter::called(folder);
    let at = |line| Touched { adapter: adapter.clone(), file: file.clone(), line };
    let wire = old.type_by_name(&change.record_name).map(|ty| &*old.get(ty).wire);
    let of_type = |name: &str| name == change.record_name || Some(name) == wire;
    let mut out = Vec::new();
    let still = |editions: &adapt::Editions| editions.have(new.edition());
    let blocks = package.records.iter().filter(|b| of_type(b.ty.as_str()) && still(&b.editions));
    for block in blocks {
        match change.touches {
            Touches::Nothing => {}
            Touches::Record => out.push(at(block.ty.pos.line)),
            Touches::Field => {
                let names = [change.field_name.as_deref(), change.field.as_deref()];
                let named = |f: &str| names.contains(&Some(f));
                let mapped = block
                    .fields
                    .iter()
                    .filter(|(f, feed)| named(f.as_str()) && still(&feed.editions));
                out.extend(mapped.map(|(f, _)| at(f.pos.line)));
            }
        }
    }
    out
}
