//! Two machines with one node's key: the second stops by itself. Whose number came first at the
//! receiver is the first; nobody else can tell them apart.

use canon::{DigestAlg, Millis, NodeCode};
use envelope::control::Refusal;
use store::{AuditEvent, OutEnvelope};

use crate::error::WorkError;
use crate::node::Node;

/// What a refusal says about this machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Nothing: an ordinary refusal of this machine's own bytes.
    Ordinary,
    /// This machine's bytes came second, or from before a restore: it has stopped.
    Second,
    /// Bytes of another machine were refused; this one goes on.
    First,
}

/// Judges a refusal of an own envelope. Only the destination and the neighbour on the way may stop a
/// node: they alone have seen both.
pub(crate) async fn refused(
    node: &Node,
    from: &NodeCode,
    refused: &Refusal,
    own: &OutEnvelope,
    now: Millis,
) -> Result<Verdict, WorkError> {
    let cloned = matches!(&*refused.code, "sender.cloned" | "sender.sequence_reused");
    let old = refused.code == "sender.epoch_old" && own.id.epoch == node.epoch().await?;
    if !cloned && !old {
        return Ok(Verdict::Ordinary);
    }
    let frames = node.store.frames(&own.id).await?;
    let ours = frames.is_some_and(|f| DigestAlg::default().of(&[&f.frame]) == refused.parcel);
    if !ours {
        note(node, "clone.seen", own, from, now).await?;
        return Ok(Verdict::First);
    }
    let neighbour = node.link(&own.link).is_some_and(|l| l.peer == *from);
    if *from != own.id.route.destination && !neighbour {
        return Ok(Verdict::Ordinary);
    }
    node.halt(&refused.code, &own.id.to_string(), now).await?;
    Ok(Verdict::Second)
}

async fn note(
    node: &Node,
    action: &str,
    own: &OutEnvelope,
    from: &NodeCode,
    now: Millis,
) -> Result<(), WorkError> {
    let event = AuditEvent {
        at: now,
        who: "settle".into(),
        action: action.into(),
        subject: own.id.to_string(),
        reason: format!("`{from}` refused other bytes under this number"),
        ok: false,
    };
    Ok(node.store.audit(event).await?)
}
