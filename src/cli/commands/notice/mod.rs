//! `tiergate notice`: what a node tells those beneath it.

mod quality;

use canon::Millis;
use clap::{Args, Subcommand};

use crate::desk::{self, Request};
use crate::os;
use crate::stores::{self, NodesArg};
use crate::text::{Done, Failure, Out};

/// What is told.
#[derive(Debug, Subcommand)]
pub(crate) enum NoticeCommand {
    /// This node is under maintenance: those beneath wait and raise no alarms · 维护通知
    Maintenance(Maintenance),
    /// Return records after their acceptance, with a rule and a deadline · 数据质量通知
    Quality(quality::Quality),
}

/// Arguments of `maintenance`.
#[derive(Debug, Args)]
pub(crate) struct Maintenance {
    /// From, "YYYY-MM-DD hh:mm:ss" (Beijing time); now if not given
    #[arg(long, value_parser = moment)]
    from: Option<Millis>,
    /// Until, "YYYY-MM-DD hh:mm:ss"; it ends by itself then
    #[arg(long, value_parser = moment, required_unless_present = "over")]
    to: Option<Millis>,
    /// It is over already
    #[arg(long, conflicts_with_all = ["from", "to"])]
    over: bool,
    /// What their people should know
    #[arg(long, default_value = "")]
    text: String,
    /// Your operator code, for the audit chain; never a name
    #[arg(long, value_name = "CODE")]
    by: String,
    #[command(flatten)]
    nodes: NodesArg,
}

/// A written time.
pub(crate) fn moment(text: &str) -> Result<Millis, String> {
    Millis::parse(text)
        .ok_or_else(|| "write YYYY-MM-DD hh:mm:ss · 应写作 YYYY-MM-DD hh:mm:ss".into())
}

/// Runs the command.
pub(crate) fn run(command: NoticeCommand, out: &Out) -> Done {
    match command {
        NoticeCommand::Maintenance(args) => maintenance(&args, out),
        NoticeCommand::Quality(args) => quality::run(&args, out),
    }
}

fn maintenance(args: &Maintenance, out: &Out) -> Done {
    os::block_on(async {
        let now = os::now();
        let from = args.from.unwrap_or(now);
        let until = args.to.unwrap_or(now);
        if !args.over && until <= from.max(now) {
            return Err(Failure::usage(
                "--to must be later than --from and than now; write --over to end it",
                "--to 必须晚于 --from 和现在；提前结束请用 --over",
            ));
        }
        let (config, code) = stores::the_identity(&args.nodes)?;
        let whole = |at: Millis| Millis(at.0 - at.0.rem_euclid(1000));
        let (from, until) = (whole(from), whole(until));
        let (text, by) = (args.text.clone(), args.by.clone());
        let request = Request::Maintenance { from, until, text, by };
        let asked = desk::ask(&config, &code, &request, now).await?;
        desk::told(&asked, out).await
    })?
}
