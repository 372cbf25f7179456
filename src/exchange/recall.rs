//! Recall: a restored destination asks its senders for what it lost; they send it again, the same
//! records with the same bytes, in new envelopes.

use canon::{Day, EnvelopeId, Millis, NodeCode};
use envelope::Kind;
use envelope::control::{Answer, Holding, Inquiry, Recall, Recalled};
use store::{AuditEvent, GivenAgain, HeldRoute, InboxParcel, Lease, NewControl, OutEnvelope};

use crate::control;
use crate::errands::{self, GIVE, Giving, Known, RECALL, Recalling};
use crate::error::WorkError;
use crate::node::Node;

/// Senders asked in one turn.
const ASKED_PER_TURN: usize = 50;
/// Settled envelopes looked at in one turn for one peer.
const ENVELOPES_PER_TURN: u32 = 16;
/// Most routes named in one inquiry: what the schema allows.
const HOLDINGS_MAX: usize = 1000;

// ── the restored destination ────────────────────────────────────────────────────────────────────

/// Asks every sender that has not said that it comes.
pub(crate) async fn ask(node: &Node, now: Millis) -> Result<u64, WorkError> {
    let errands = node.errands().await?;
    let due = |r: &Recalling, peer: &NodeCode| {
        r.done_at.is_none()
            && r.asked_at.is_none_or(|at| now.since(at) >= node.inquiry_interval(peer))
    };
    let due: Vec<(&NodeCode, &Recalling)> =
        errands.recalling.iter().filter(|(p, r)| due(r, p)).take(ASKED_PER_TURN).collect();
    if due.is_empty() {
        return Ok(0);
    }
    for (peer, recalling) in &due {
        let holdings = holdings(node, peer, recalling).await?;
        let recall = Recall { epoch: recalling.epoch, since: recalling.since(), holdings };
        let inquiry = Inquiry::Recall(recall).write();
        let asked = Recalling { asked_at: Some(now), ..(*recalling).clone() };
        let (name, text) = errands::written(RECALL, peer, &asked)?;
        let content = control::content(Kind::Inquiry, peer, now.day(), &[inquiry]);
        node.store.queue_controls(vec![content], now).await?;
        node.store.stand(&name, Some(&text), now).await?;
    }
    node.errands_changed();
    Ok(due.len() as u64)
}

/// What this node still had of a sender when it was restored.
async fn holdings(
    node: &Node,
    peer: &NodeCode,
    recalling: &Recalling,
) -> Result<Vec<Holding>, WorkError> {
    let holding = |known: &Known| {
        let route = known.route.parse().ok()?;
        Some(Holding { epoch: known.epoch, route, through: known.through })
    };
    if let Some(held) = &recalling.held {
        return Ok(held.iter().filter_map(holding).take(HOLDINGS_MAX).collect());
    }
    let held = node.store.held_routes().await?.into_iter().filter(|h| h.sender == *peer);
    let holding = |h: HeldRoute| Holding { epoch: h.epoch, route: h.route, through: h.through };
    Ok(held.map(holding).take(HOLDINGS_MAX).collect())
}

/// A sender said that it comes.
pub(crate) async fn promised(
    node: &Node,
    from: &NodeCode,
    said: &Recalled,
    now: Millis,
) -> Result<(), WorkError> {
    let errands = node.errands().await?;
    let asked = errands.recalling.get(from);
    let Some(asked) = asked.filter(|r| r.epoch == said.epoch && r.done_at.is_none()) else {
        return Ok(());
    };
    let done = Recalling { done_at: Some(now), ..asked.clone() };
    let (name, text) = errands::written(RECALL, from, &done)?;
    node.store.stand(&name, Some(&text), now).await?;
    node.errands_changed();
    Ok(())
}

// ── the sender ──────────────────────────────────────────────────────────────────────────────────

/// A restored destination asks. The same question again (same epoch) only gets its answer again;
/// one of an older restore gets none.
pub(crate) async fn recalled(
    node: &Node,
    lease: &Lease,
    parcel: &InboxParcel,
    asker: &NodeCode,
    recall: Recall,
    now: Millis,
) -> Result<(), WorkError> {
    let errands = node.errands().await?;
    let before = errands.giving.get(asker).map_or(0, |g| g.epoch);
    if recall.epoch > before {
        let since = Day(recall.since.0 - 1);
        let epoch = recall.epoch;
        let text = String::from_utf8_lossy(&Inquiry::Recall(recall).write()).into_owned();
        let giving = Giving { epoch, recall: text, at: now, ..Giving::default() };
        node.store.reopen_windows(asker, since, now).await?;
        let (name, text) = errands::written(GIVE, asker, &giving)?;
        node.store.stand(&name, Some(&text), now).await?;
        node.errands_changed();
        note(node, "recall.received", asker, &format!("epoch {epoch}"), now).await?;
        answer(node, asker, epoch, now).await?;
    } else if recall.epoch == before {
        answer(node, asker, before, now).await?;
    }
    Ok(node.store.drop_inbox(lease, parcel.inbox_id).await?)
}

async fn answer(node: &Node, to: &NodeCode, epoch: u32, now: Millis) -> Result<(), WorkError> {
    let said = Answer::Recalled(Recalled { epoch, sender: node.code.clone() });
    let content: NewControl = control::content(Kind::Answer, to, now.day(), &[said.write()]);
    Ok(node.store.queue_controls(vec![content], now).await?)
}

async fn note(
    node: &Node,
    action: &str,
    peer: &NodeCode,
    reason: &str,
    now: Millis,
) -> Result<(), WorkError> {
    let event = AuditEvent {
        at: now,
        who: "recall".into(),
        action: action.into(),
        subject: peer.to_string(),
        reason: reason.to_owned(),
        ok: true,
    };
    Ok(node.store.audit(event).await?)
}

/// An envelope is settled by a receipt of an epoch that its giver has left behind: perhaps it has lost
/// what it accepted, so that all is looked at once more. What was given again already is not again.
pub(crate) async fn perhaps_lost(
    node: &Node,
    id: &EnvelopeId,
    epoch: u32,
    now: Millis,
) -> Result<(), WorkError> {
    let peer = &id.route.destination;
    let errands = node.errands().await?;
    let Some(giving) = errands.giving.get(peer).filter(|g| g.epoch > epoch) else { return Ok(()) };
    let again = Giving { after: 0, done_at: None, ..giving.clone() };
    let (name, text) = errands::written(GIVE, peer, &again)?;
    node.store.stand(&name, Some(&text), now).await?;
    node.errands_changed();
    Ok(())
}

/// Stages again what restored destinations lost, a bounded number in one turn and never more than
/// a bounded number ahead of seal.
pub(crate) async fn give(node: &Node, lease: &Lease, now: Millis) -> Result<u64, WorkError> {
    let errands = node.errands().await?;
    let mut given = 0;
    for (peer, giving) in errands.giving.iter().filter(|(_, g)| g.done_at.is_none()) {
        let staged = node.store.staged_routes().await?;
        let ahead: u64 =
            staged.iter().filter(|(r, ..)| r.destination == *peer).map(|(_, n, _)| *n).sum();
        if ahead < node.limits.give_again_records_max {
            given += give_to(node, lease, peer, giving, now).await?;
        }
    }
    Ok(given)
}

async fn give_to(
    node: &Node,
    lease: &Lease,
    peer: &NodeCode,
    giving: &Giving,
    now: Millis,
) -> Result<u64, WorkError> {
    let own = || WorkError::Own(format!("recall of `{peer}`"));
    let Ok(Inquiry::Recall(recall)) = Inquiry::read(giving.recall.as_bytes()) else {
        return Err(own());
    };
    let mut giving = giving.clone();
    let settled = node.store.settled_to(peer, giving.after, ENVELOPES_PER_TURN).await?;
    let more = settled.len() == ENVELOPES_PER_TURN as usize;
    let mut given = 0;
    for (ordinal, envelope) in settled {
        giving.after = ordinal;
        let since = envelope.numbered_at >= giving.at;
        if recall.has(&envelope.id) || (since && answered_since(node, &envelope, &recall).await?) {
            continue;
        }
        let (fragments, orphans) = fragments(node, &envelope).await?;
        giving.missing += u64::from(fragments.is_empty());
        let stand = errands::written(GIVE, peer, &giving)?;
        let again = GivenAgain { id: envelope.id, fragments, orphans, only: None, stand, now };
        let records = node.lay_again(lease, again).await?;
        giving.records += records;
        given += records;
    }
    if !more {
        giving.done_at = Some(now);
        let said = format!("{} records, {} envelopes not here", giving.records, giving.missing);
        note(node, "recall.given", peer, &said, now).await?;
    }
    let (name, text) = errands::written(GIVE, peer, &giving)?;
    node.store.stand(&name, Some(&text), now).await?;
    node.errands_changed();
    Ok(given)
}

/// Whether an envelope that seems to be numbered since the question was answered by the destination as
/// it is now. The time alone says nothing: this clock may have gone back since it was numbered.
async fn answered_since(
    node: &Node,
    own: &OutEnvelope,
    recall: &Recall,
) -> Result<bool, WorkError> {
    let frames = node.store.frames(&own.id).await?;
    let Some(receipt) = frames.and_then(|f| f.receipt) else { return Ok(true) };
    let lost = || WorkError::Own(format!("stored receipt of {}", own.id));
    let package = node.stored(&receipt).map_err(|_| lost())?;
    let opened = envelope::open_clear(&package).map_err(|_| lost())?;
    Ok(opened.head.epoch >= recall.epoch)
}

/// The fragments of an own envelope, and which of them had no parent; none if its bytes are not here.
pub(crate) async fn fragments(
    node: &Node,
    own: &OutEnvelope,
) -> Result<(Vec<Vec<u8>>, Vec<u32>), WorkError> {
    let lost = || WorkError::Own(format!("stored envelope {}", own.id));
    let Some(frames) = node.store.frames(&own.id).await? else { return Ok((vec![], vec![])) };
    let package = node.stored(&frames.frame).map_err(|_| lost())?;
    let opened = envelope::open_clear(&package).map_err(|_| lost())?;
    let fragments = opened.fragments.iter().map(|f| f.to_vec()).collect();
    Ok((fragments, opened.head.keep_orphans.clone()))
}
