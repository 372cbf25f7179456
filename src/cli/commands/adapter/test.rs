//! `tiergate adapter test`: samples against their expected output.

use std::path::PathBuf;

use adapt::sample;
use clap::Args;

use super::FormatArg;
use crate::commands::format;
use crate::text::{Done, Exit, Failure, Out};

/// Arguments.
#[derive(Debug, Args)]
pub(crate) struct Test {
    /// The package's folder
    folder: PathBuf,
    #[command(flatten)]
    format: FormatArg,
    /// Write expected.json of every sample anew; read each line before you keep it
    #[arg(long)]
    bless: bool,
}

/// Runs the samples.
pub(crate) fn run(args: &Test, out: &Out) -> Done {
    let folder = &args.folder;
    let format = format::load(args.format.format.as_deref(), out)?;
    let package = match super::read(folder)? {
        Ok(package) => package,
        Err(found) => return out.verdict(&found, String::new(), String::new()),
    };
    let (mut found, mut blessed) = (Vec::new(), 0_usize);
    for name in package.samples.keys() {
        if !args.bless {
            found.extend(sample::check(&package, &format, name).err().unwrap_or_default());
            continue;
        }
        match sample::run(&package, &format, name) {
            Err(problems) => found.extend(problems),
            Ok(value) => {
                let path = folder.join("samples").join(name).join("expected.json");
                let mut text =
                    serde_json::to_string_pretty(&value).map_err(std::io::Error::from)?;
                text.push('\n');
                std::fs::write(&path, text).map_err(|e| {
                    let path = path.display();
                    let en = format!("{path} could not be written: {e}");
                    Failure::environment(en, format!("无法写入 {path}：{e}"))
                })?;
                blessed += 1;
            }
        }
    }
    if blessed > 0 && found.is_empty() {
        out.value(&serde_json::json!({ "ok": true, "blessed": blessed }))?;
        out.say(
            format_args!(
                "{blessed} expected.json written; read them line by line before you keep them"
            ),
            format_args!("已写出 {blessed} 个 expected.json，请逐条核对后再保留"),
        )?;
        return Ok(Exit::Fine);
    }
    let n = package.samples.len();
    let shown = folder.display();
    out.verdict(
        &super::findings(folder, found),
        format!("{shown}: {n} samples, all as expected"),
        format!("{shown}：{n} 个样例，均与预期一致"),
    )
}
