//! `tiergate sink`: where kept records went.

use std::collections::BTreeMap;

use canon::{Day, NodeCode};
use clap::{Args, Subcommand};
use edge::SetAside;
use exchange::config::{NodeConfig, SinkConfig};
use exchange::deliver::{self, From, Kept};
use serde_json::json;

use crate::stores::{self, Access, NodesArg};
use crate::text::{Done, Exit, Failure, Out};
use crate::{open, os, sinks};

/// What is done with a sink.
#[derive(Debug, Subcommand)]
pub(crate) enum SinkCommand {
    /// Give a sink again what was kept from a point on; works beside the service · 重放
    Replay(Replay),
    /// Records that the service of a webhook refused one by one · 被拒记录
    Refused(Refused),
}

/// Arguments of `refused`.
#[derive(Debug, Args)]
pub(crate) struct Refused {
    /// The sink's name
    name: String,
    #[command(flatten)]
    nodes: NodesArg,
}

/// Arguments of `replay`.
#[derive(Debug, Args)]
pub(crate) struct Replay {
    /// The sink's name
    name: String,
    /// A watermark (column tg_watermark), or the day from which on this node judged them
    #[arg(long, value_name = "WATERMARK|DAY", value_parser = point)]
    from: From,
    #[command(flatten)]
    nodes: NodesArg,
}

/// A number or a day.
fn point(text: &str) -> Result<From, String> {
    match (text.parse::<u64>(), Day::parse(text)) {
        (Ok(mark), _) => Ok(From::Watermark(mark)),
        (_, Some(day)) => Ok(From::Day(day)),
        _ => Err("write a watermark or YYYY-MM-DD · 应写水位数字或 YYYY-MM-DD".into()),
    }
}

/// Runs the command.
pub(crate) fn run(command: SinkCommand, out: &Out) -> Done {
    match command {
        SinkCommand::Replay(args) => os::block_on(replay(&args, out))?,
        SinkCommand::Refused(args) => os::block_on(refused(&args, out))?,
    }
}

/// The sink of this name.
fn named<'c>(
    config: &'c NodeConfig,
    code: &'c NodeCode,
    name: &str,
) -> Result<&'c SinkConfig, Failure> {
    config.sinks_of(code).find(|s| *s.name == *name).ok_or_else(|| {
        let known: Vec<&str> = config.sinks_of(code).map(|s| &*s.name).collect();
        let known = known.join(", ");
        Failure::usage(
            format!("`{code}` has no sink `{name}`; it has: {known}"),
            format!("『{code}』没有名为『{name}』的输出，现有：{known}"),
        )
    })
}

async fn replay(args: &Replay, out: &Out) -> Done {
    let (config, code) = stores::the_identity(&args.nodes)?;
    let sink = named(&config, &code, &args.name)?;
    let format = open::format_of(&config)?.map_err(|f| open::problems(&f))?;
    let mut opened = sinks::open(&code, sink, &format, &config.limits)?;
    let store = stores::open_store(&config, &code, Access::Read).await?;
    let formats = BTreeMap::from([(format.edition().to_owned(), format)]);
    let package_bytes_max = config.limits.package_bytes_max;
    let kept = Kept { formats: &formats, package_bytes_max };
    let given = kept.replay(&store, opened.as_mut(), args.from).await;
    let (given, again) =
        given.map_err(|e| Failure::environment(e.to_string(), format!("重放失败：{e}")))?;
    let name = &args.name;
    out.say(
        format!("{given} records were given to `{name}` again"),
        format!("已向『{name}』重放 {given} 条记录"),
    )?;
    show(&again, out)?;
    let refused = serde_json::to_value(&again).unwrap_or_default();
    out.value(
        &json!({ "ok": again.is_empty(), "sink": name, "records": given, "refused": refused }),
    )?;
    Ok(if again.is_empty() { Exit::Fine } else { Exit::Problems })
}

/// One line a record that was refused.
fn show(refused: &[SetAside], out: &Out) -> Result<(), Failure> {
    for one in refused {
        let SetAside { watermark, record, code, text } = one;
        out.say(
            format!("{watermark} {record}: refused [{code}] {text}"),
            format!("{watermark} {record}：被拒 [{code}] {text}"),
        )?;
    }
    Ok(())
}

async fn refused(args: &Refused, out: &Out) -> Done {
    let (config, code) = stores::the_identity(&args.nodes)?;
    let sink = named(&config, &code, &args.name)?;
    let store = stores::open_store(&config, &code, Access::Read).await?;
    let found = deliver::refused(&store, &sink.name).await;
    let found = found.map_err(|e| Failure::environment(e.to_string(), format!("存储出错：{e}")))?;
    show(&found, out)?;
    let (n, name) = (found.len(), &args.name);
    out.say(
        format!("{n} records refused by `{name}`; `sink replay {name} --from WATERMARK` gives them again"),
        format!("『{name}』拒绝了 {n} 条记录；sink replay {name} --from 水位 可再次交付"),
    )?;
    let list = serde_json::to_value(&found).unwrap_or_default();
    out.value(&json!({ "ok": found.is_empty(), "sink": name, "refused": list }))?;
    Ok(if found.is_empty() { Exit::Fine } else { Exit::Problems })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_point_is_a_watermark_or_a_day() {
        assert_eq!(point("1048576"), Ok(From::Watermark(1_048_576)));
        assert_eq!(point("2026-11-21"), Ok(From::Day(Day::parse("2026-11-21").unwrap())));
        assert!(point("yesterday").is_err());
    }
}
