//! `tiergate adapter resume`: a person looked at what paused an adapter and lets it go on.

use clap::Args;

use crate::commands::backfill::of_adapter;
use crate::desk::{self, Request};
use crate::os;
use crate::stores::NodesArg;
use crate::text::{Done, Out};

/// Which adapter, and who says so.
#[derive(Debug, Args)]
pub(crate) struct Resume {
    /// The adapter, as the configuration names it
    adapter: String,
    /// Operator code, for the audit; never a person's name
    #[arg(long, value_name = "CODE")]
    by: String,
    #[command(flatten)]
    nodes: NodesArg,
}

/// Runs the command.
pub(crate) fn run(args: &Resume, out: &Out) -> Done {
    let (config, code) = of_adapter(&args.nodes, &args.adapter)?;
    os::block_on(async {
        let now = os::now();
        let (adapter, by) = (args.adapter.clone(), args.by.clone());
        let asked =
            desk::ask(&config, &code, &Request::AdapterResumed { adapter, by }, now).await?;
        desk::told(&asked, out).await
    })?
}
