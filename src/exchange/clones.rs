//! Two machines with one node's key: the second stops by itself. Whose number came first at the
//! receiver is the first; nobody else can tell them apart.

use canon::{DigestAlg, Millis, NodeCode};
use envelope::control::Refusal;
use store::{AuditEvent, EventOn, GivenAgain, Lease, OutEnvelope, OutEvent, OutState};

use crate::error::WorkError;
use crate::node::Node;
use crate::recall;
use crate::standing::{self, TWIN, TwinSeen};

/// Under this prefix stands which envelopes of older epochs went up again.
const OVERTAKEN: &str = "overtaken/";

/// What a refusal says about this machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Nothing: an ordinary refusal of this machine's own bytes.
    Ordinary,
    /// This machine's bytes came second, or from before a restore: it has stopped.
    Second,
    /// Bytes of another machine were refused; this one goes on.
    First,
    /// An envelope of an older epoch that has no future: its records go up in the epoch in force.
    Older,
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
    if !cloned && refused.code != "sender.epoch_old" {
        return Ok(Verdict::Ordinary);
    }
    let frames = node.store.frames(&own.id).await?;
    let ours = frames.is_some_and(|f| DigestAlg::default().of(&[&f.frame]) == refused.parcel);
    if !ours {
        note(node, "clone.seen", own, from, now).await?;
        let twin = TwinSeen { by: from.clone(), envelope: own.id.to_string(), at: now };
        standing::put(&node.store, TWIN, &twin, now).await?;
        return Ok(Verdict::First);
    }
    let neighbour = node.link(&own.link).is_some_and(|l| l.peer == *from);
    if *from != own.id.route.destination && !neighbour {
        return Ok(Verdict::Ordinary);
    }
    if own.id.epoch < node.epoch().await? {
        return Ok(Verdict::Older);
    }
    node.halt(&refused.code, &own.id.to_string(), now).await?;
    Ok(Verdict::Second)
}

/// What an envelope of an older epoch holds goes up in the epoch in force, with the same ids and
/// bytes: its number was taken by another machine, or its destination knows the newer epoch.
pub(crate) async fn overtaken(
    node: &Node,
    lease: &Lease,
    own: &OutEnvelope,
    code: &str,
    now: Millis,
) -> Result<(), WorkError> {
    let on = EventOn {
        event: OutEvent::GivenUp,
        reason: Some(code.to_owned()),
        due_at: None,
        controls: Vec::new(),
        inbox_id: None,
        now,
    };
    // Dead already after a crash between the two: then only the second is missing.
    let given_up = node.store.commit_event(lease, &own.id, on).await?;
    if !given_up && own.state != OutState::Dead {
        return Ok(());
    }
    let (fragments, orphans) = recall::fragments(node, own).await?;
    let stand = (format!("{OVERTAKEN}{}", own.id), code.to_owned());
    let again = GivenAgain { id: own.id.clone(), fragments, orphans, only: None, stand, now };
    node.lay_again(lease, again).await?;
    Ok(())
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
