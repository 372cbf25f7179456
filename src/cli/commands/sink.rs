//! `tiergate sink`: where kept records went.

use std::collections::BTreeMap;

use canon::Day;
use clap::{Args, Subcommand};
use exchange::deliver::{From, Kept};
use serde_json::json;

use crate::stores::{self, Access, NodesArg};
use crate::text::{Done, Exit, Failure, Out};
use crate::{open, os, sinks};

/// What is done with a sink.
#[derive(Debug, Subcommand)]
pub(crate) enum SinkCommand {
    /// Give a sink again what was kept from a point on; works beside the service · 重放
    Replay(Replay),
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
    let SinkCommand::Replay(args) = command;
    os::block_on(async {
        let (config, code) = stores::the_identity(&args.nodes)?;
        let Some(sink) = config.sinks_of(&code).find(|s| *s.name == *args.name) else {
            let known: Vec<&str> = config.sinks_of(&code).map(|s| &*s.name).collect();
            let (name, known) = (&args.name, known.join(", "));
            return Err(Failure::usage(
                format!("`{code}` has no sink `{name}`; it has: {known}"),
                format!("『{code}』没有名为『{name}』的输出，现有：{known}"),
            ));
        };
        let format = open::format_of(&config)?.map_err(|f| open::problems(&f))?;
        let mut opened = sinks::open(&code, sink, &format, &config.limits)?;
        let store = stores::open_store(&config, &code, Access::Read).await?;
        let formats = BTreeMap::from([(format.edition().to_owned(), format)]);
        let package_bytes_max = config.limits.package_bytes_max;
        let keys = crate::identity::keys(&args.nodes)?;
        let kept = Kept { formats: &formats, package_bytes_max, opens: &keys };
        let given = kept.replay(&store, opened.as_mut(), args.from).await;
        let given =
            given.map_err(|e| Failure::environment(e.to_string(), format!("重放失败：{e}")))?;
        let name = &args.name;
        out.say(
            format!("{given} records were given to `{name}` again"),
            format!("已向『{name}』重放 {given} 条记录"),
        )?;
        out.value(&json!({ "ok": true, "sink": name, "records": given }))?;
        Ok(Exit::Fine)
    })?
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
