//! `tiergate format diff`: what changed between two editions, what of it breaks, and which lines of
//! which adapters are touched.

use std::path::{Path, PathBuf};

use adapt::Package;
use canon::format::{Change, Format, Touches};
use clap::Args;
use serde_json::{Value, json};

use crate::commands::adapter;
use crate::commands::format::load;
use crate::text::{Done, Exit, Out};

/// Arguments of `diff`.
#[derive(Debug, Args)]
pub(crate) struct Editions {
    /// The older edition's folder
    old: PathBuf,
    /// The newer edition's folder
    new: PathBuf,
    /// Adapter packages to look through; may stand several times
    #[arg(long = "adapter", value_name = "FOLDER")]
    adapters: Vec<PathBuf>,
}

/// A place in an adapter that a change concerns.
struct Touched {
    adapter: String,
    file: String,
    line: u32,
}

/// Shows the differences; exit 1 where one of them breaks.
pub(crate) fn run(args: &Editions, out: &Out) -> Done {
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
            let lines = read.iter().flat_map(|(f, p)| touched(f, p, &change, &old)).collect();
            (change, lines)
        })
        .collect();
    show(&old, &new, &changes, out)
}

fn show(old: &Format, new: &Format, changes: &[(Change, Vec<Touched>)], out: &Out) -> Done {
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
    let shown: Vec<Value> = changes.iter().map(|(change, lines)| value(change, lines)).collect();
    out.value(&json!({
        "ok": breaking == 0, "old": from, "new": to,
        "breaking": breaking, "compatible": compatible, "changes": shown,
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
fn touched(folder: &Path, package: &Package, change: &Change, old: &Format) -> Vec<Touched> {
    let file = folder.join("adapter.toml").display().to_string();
    let at = |line| Touched { adapter: package.name.text.clone(), file: file.clone(), line };
    let wire = old.type_by_name(&change.record_name).map(|ty| &*old.get(ty).wire);
    let of_type = |name: &str| name == change.record_name || Some(name) == wire;
    let mut out = Vec::new();
    for block in package.records.iter().filter(|b| of_type(b.ty.as_str())) {
        match change.touches {
            Touches::Nothing => {}
            Touches::Record => out.push(at(block.ty.pos.line)),
            Touches::Field => {
                let names = [change.field_name.as_deref(), change.field.as_deref()];
                let named = |f: &str| names.contains(&Some(f));
                let mapped = block.fields.iter().filter(|(f, _)| named(f.as_str()));
                out.extend(mapped.map(|(f, _)| at(f.pos.line)));
            }
        }
    }
    out
}
