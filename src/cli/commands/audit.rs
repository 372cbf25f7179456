//! `tiergate audit`: the chain of operator actions. It is never purged, so that its retention is that of the
//! store (the law asks for 180 days at least).

use canon::Digest;
use clap::Subcommand;
use serde_json::{Value, json};
use store::audit::verify_chain;

use crate::os;
use crate::stores::{Access, NodesArg, tiers};
use crate::text::{Done, Exit, Out};

/// Events read at once.
const AT_ONCE: u32 = 1_000;

/// What is done.
#[derive(Debug, Subcommand)]
pub(crate) enum AuditCommand {
    /// Walk the chain: does every event follow from the one before? · 核验审计链
    Verify(NodesArg),
}

/// Runs the command.
pub(crate) fn run(command: &AuditCommand, out: &Out) -> Done {
    match command {
        AuditCommand::Verify(nodes) => os::block_on(verify(nodes, out))?,
    }
}

async fn verify(nodes: &NodesArg, out: &Out) -> Done {
    let mut shown: Vec<Value> = Vec::new();
    let mut whole = true;
    for tier in tiers(nodes, Access::Read).await? {
        let (mut after, mut count) = (0, 0u64);
        let mut last: Option<Digest> = None;
        let mut since = None;
        let mut broken = None;
        loop {
            let events =
                tier.store.audit_after(after, AT_ONCE).await.map_err(|e| tier.failed(&e))?;
            let Some((number, _, digest)) = events.last() else { break };
            if let Err(at) = verify_chain(last, &events) {
                broken = Some(at);
                break;
            }
            since = since.or_else(|| events.first().map(|(_, event, _)| event.at));
            (after, last, count) = (*number, Some(*digest), count + events.len() as u64);
        }
        whole &= broken.is_none();
        let head = last.map(|d| d.to_string());
        let (title, code) = (&tier.title, &tier.code);
        let (head_shown, from) =
            (head.clone().unwrap_or_default(), since.map_or_else(String::new, |at| at.to_string()));
        match broken {
            Some(at) => out.say(
                format_args!("{title} {code}: broken at event {at}; the {count} before it fit [audit.broken]"),
                format_args!("{title} {code}：审计链在第 {at} 条处断开，此前 {count} 条相符 [audit.broken]"),
            )?,
            None => out.say(
                format_args!("{title} {code}: {count} events since {from}, every one follows from the one before; head {head_shown}"),
                format_args!("{title} {code}：自 {from} 起 {count} 条，审计链完整；末端摘要 {head_shown}"),
            )?,
        }
        shown.push(json!({
            "node": code.as_str(), "events": count, "broken": broken, "head": head, "since": from,
        }));
    }
    out.value(&json!({ "ok": whole, "nodes": shown }))?;
    Ok(if whole { Exit::Fine } else { Exit::Problems })
}
