//! What a receipt says of records that were not accepted: which record stood at the position, and
//! for a missing parent the exact bytes that go up again.

use canon::format::Format;
use canon::{Key, Millis};
use envelope::{Outcome, OutcomeLine};
use store::{Again, Elsewhere, FinalOutcome, Member, NotAccepted, OutEnvelope, Place, WaitFor};

use crate::error::WorkError;
use crate::node::Node;

/// One entry for each line that is not `accepted`, read from the envelope as stored.
pub(crate) async fn of(
    node: &Node,
    own: &OutEnvelope,
    members: &[Member],
    lines: &[OutcomeLine],
    now: Millis,
) -> Result<Vec<NotAccepted>, WorkError> {
    if lines.iter().all(|l| l.outcome == Outcome::Accepted) {
        return Ok(Vec::new());
    }
    let lost = || WorkError::Own(format!("stored envelope {}", own.id));
    let frames = node.store.frames(&own.id).await?.ok_or_else(lost)?;
    let package = node.stored(&frames.frame).map_err(|_| lost())?;
    let opened = envelope::open_clear(&package).map_err(|_| lost())?;
    let format = node.formats.get(&opened.head.format).ok_or_else(lost)?;
    let mut out = Vec::new();
    for (line, fragment) in lines.iter().zip(&opened.fragments) {
        let outcome = match line.outcome {
            Outcome::Accepted => continue,
            Outcome::Superseded => FinalOutcome::Superseded,
            Outcome::Rejected => FinalOutcome::Rejected,
            Outcome::ParentMissing => FinalOutcome::ParentMissing,
        };
        let parsed = format.parse(fragment).map_err(|_| lost())?;
        let namespace = &parsed.attrs.namespace;
        let key = format.key(parsed.ty, &parsed.values, namespace).ok_or_else(lost)?;
        let kind = format.get(parsed.ty).wire.clone();
        let collected = parsed.attrs.collected;
        let member = members.get(line.position as usize).ok_or_else(lost)?;
        let again = match (outcome, format.parent_key(parsed.ty, &parsed.values, namespace)) {
            (FinalOutcome::ParentMissing, Some((parent, parent_key))) => Some(Again {
                fragment: fragment.to_vec(),
                digest: member.digest,
                waits_for: waits_for(node, own, format, collected, parent, parent_key, now).await?,
                source_row: member.source_row.clone(),
            }),
            (FinalOutcome::ParentMissing, None)
            | (FinalOutcome::Superseded | FinalOutcome::Rejected, _) => None,
        };
        out.push(NotAccepted {
            position: line.position,
            id: canon::RecordId { kind, key, version: parsed.attrs.version },
            outcome,
            code: line.code.clone().unwrap_or_default(),
            field: line.field.clone().unwrap_or_default(),
            text: line.text.clone().unwrap_or_default(),
            again,
        });
    }
    Ok(out)
}

/// A parent this node owns must be accepted first. One it never had is elsewhere, and one that was
/// accepted and is not there any more was lost with its receiver: then the record goes up again on the
/// schedule, for an answer that comes at once would be asked for at once, for ever.
async fn waits_for(
    node: &Node,
    own: &OutEnvelope,
    format: &Format,
    collected: Millis,
    parent: canon::format::TypeIx,
    key: Key,
    now: Millis,
) -> Result<WaitFor, WorkError> {
    let kind = format.get(parent).wire.clone();
    let rows = node.store.cases(&[key.root()]).await?;
    let to = &own.id.route.destination;
    let versions = || rows.iter().filter(|r| r.destination == *to && r.id.kind == kind);
    let there = || versions().filter(|r| r.id.key == key && r.place != Place::Voided);
    let (mine, taken) = (there().next().is_some(), there().any(|r| r.place == Place::Accepted));
    // Every try is a new envelope; only the record itself knows since when it waits.
    let (least, most) = (node.limits.retry_min, node.limits.retry_max);
    // As long as a receiver is given again what it lost, its children are no orphans.
    let errands = node.errands().await?;
    let coming = errands.giving.get(to).is_some_and(|g| g.done_at.is_none());
    let elsewhere = (!mine || taken).then(|| Elsewhere {
        next: now.plus(now.since(collected).clamp(least, most.max(least))),
        until: if coming { now } else { collected }.plus(node.limits.parent_wait),
    });
    Ok(WaitFor { kind, key, accepted: true, elsewhere })
}
