//! `tiergate withdraw`: what waits for its parent at a destination that was taken out of the configuration is
//! withdrawn (停报) by a named person. It never went there and never will; it stays counted.

use canon::NodeCode;
use clap::Args;
use store::{NodeStatus, Place};

use crate::commands::platform::reason;
use crate::commands::waiting::Said;
use crate::desk::{self, Request};
use crate::os;
use crate::stores::{self, NodesArg, Tier};
use crate::text::{Done, Failure, Out};

/// Arguments.
#[derive(Debug, Args)]
pub(crate) struct Withdraw {
    /// The destination, which no route leads to any more
    #[arg(long, value_name = "CODE", value_parser = node)]
    to: NodeCode,
    #[command(flatten)]
    nodes: NodesArg,
    /// Your operator code, for the audit chain; never a name
    #[arg(long, value_name = "CODE", value_parser = desk::operator)]
    by: String,
    /// Why, for the audit chain
    #[arg(long, value_parser = reason)]
    reason: String,
}

fn node(text: &str) -> Result<NodeCode, String> {
    NodeCode::new(text).ok_or_else(|| "write a node's code · 应为节点代码".into())
}

/// Runs the command.
pub(crate) fn run(args: &Withdraw, out: &Out) -> Done {
    os::block_on(async {
        let (config, code) = stores::the_identity(&args.nodes)?;
        let to = &args.to;
        if config.routes_of(&code).any(|route| route.destination == *to) {
            return Err(Failure::usage(
                format!(
                    "`{to}` is a destination of `{code}`: what waits there goes when its parent does; correct it at the source"
                ),
                format!(
                    "『{to}』仍是『{code}』的报送目的节点，等待的记录会随上级环节记录报出；请在来源更正"
                ),
            ));
        }
        let (to, by, reason) = (to.clone(), args.by.clone(), args.reason.clone());
        let request = Request::Withdrawn { to, reason, by };
        desk::told(&desk::ask(&config, &code, &request, os::now()).await?, out).await
    })?
}

/// What `status` says of destinations that no route leads to any more.
pub(crate) fn of(tier: &Tier, status: &NodeStatus) -> Vec<Said> {
    let gone = status.destinations.iter().filter(|d| !tier.destinations.contains(&d.destination));
    gone.filter_map(|d| {
        let of = |place: Place| d.places[place as usize];
        let (waiting, voided, to) = (of(Place::Waiting), of(Place::Voided), &d.destination);
        let (en, zh) = match (waiting, voided) {
            (0, 0) => return None,
            (0, n) => (
                format!("{to} is no destination any more: {n} records that waited for it were withdrawn"),
                format!("{to} 已不是报送目的节点：曾等待的 {n} 条已停报"),
            ),
            (n, _) => (
                format!(
                    "{to} is no destination any more, and {n} records wait for their parent there: `tiergate withdraw --to {to} --by CODE --reason TEXT`, or bring its route back"
                ),
                format!(
                    "{to} 已不是报送目的节点，仍有 {n} 条等待上级环节：可 tiergate withdraw --to {to} --by 代码 --reason 原因 停报，或恢复其路由"
                ),
            ),
        };
        let about = to.to_string();
        let needs_a_person = waiting > 0;
        Some(Said { kind: "withdrawn", about, until: None, en, zh, needs_a_person })
    })
    .collect()
}
