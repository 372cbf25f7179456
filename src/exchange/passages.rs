//! Hop receipts, kept: who had an envelope and when. A certificate is judged at the earliest time that
//! another trusted node vouches for; where it has ended meanwhile, the sender lays the hop receipts that
//! it holds before whoever refused.

use std::collections::BTreeMap;

use canon::{Digest, EnvelopeId, Millis};
use envelope::control::{Hop, VouchedFor};
use envelope::evidence::{Passed, Vouched};
use envelope::{Kind, Opened};
use store::{NewControl, OutEnvelope, SharedStore, Stands};

use crate::control;
use crate::error::WorkError;
use crate::gate::Refusal;
use crate::node::Node;
use crate::standing;

/// Prefix of hop receipts for own envelopes, `hop/ENVELOPE NODE`: as long as the envelope.
pub const OWN: &str = "hop/";
/// Prefix of hop receipts for what only passed here.
pub const PASSED: &str = "passed/";
/// Prefix of hop receipts that were laid before this node, until its envelope has come again.
pub const LAID: &str = "vouched/";
/// Taken back in one turn, of each sort.
const FORGOTTEN_MAX: u32 = 1_000;
/// Most hop receipts laid before a node for one envelope: a tier each.
const LAID_MAX: usize = 8;

/// What was laid goes ahead of the envelope by this, ms.
pub(crate) const AHEAD_MS: i64 = 5_000;

/// Whether an earlier time could make a refused signature hold.
pub(crate) fn is_about_time(code: &str) -> bool {
    matches!(code, "sender.certificate_expired" | "sender.certificate_revoked")
}

/// Under which name a hop receipt that came here stands, and its text. One that cannot be kept is no
/// hop receipt of ours; of two by one node the earlier stays.
pub(crate) async fn stands(
    node: &Node,
    receipt: &Opened<'_>,
    hop: &Hop,
) -> Result<Option<Stands>, WorkError> {
    let (by, envelope) = (&receipt.head.from, &hop.envelope);
    if *by == node.code || *by == envelope.sender {
        return Ok(None);
    }
    let prefix = if envelope.sender == node.code { OWN } else { PASSED };
    let name = format!("{prefix}{envelope} {by}");
    let Ok(passed) = Passed::of(receipt) else { return Ok(None) };
    if has_earlier(&node.store, &name, hop.at).await? {
        return Ok(None);
    }
    let text = serde_json::to_string(&passed).map_err(|e| WorkError::Own(e.to_string()))?;
    Ok(Some(Stands { name, text: Some(text) }))
}

/// Whether a hop receipt of that name with an earlier time is kept: an envelope that comes again is
/// vouched for anew each time.
async fn has_earlier(store: &SharedStore, name: &str, at: Millis) -> Result<bool, WorkError> {
    let kept = standing::one::<Passed>(store, name).await?;
    let hop = kept.and_then(|passed| Hop::read(passed.content.as_bytes()).ok());
    Ok(hop.is_some_and(|hop| hop.at <= at))
}

/// The hop receipts of an envelope that a node has, each node's once.
pub async fn of(store: &SharedStore, id: &EnvelopeId) -> Result<Vec<Passed>, WorkError> {
    let mut found = BTreeMap::new();
    for prefix in [OWN, PASSED, LAID] {
        let kept = standing::read::<Passed>(store, &format!("{prefix}{id} ")).await?;
        for (by, passed) in kept {
            found.entry(by).or_insert(passed);
        }
    }
    Ok(found.into_values().take(LAID_MAX).collect())
}

/// The earliest time at which another node, behind the same link as the sender, or this node itself had
/// exactly this envelope.
pub(crate) async fn earliest(
    node: &Node,
    opened: &Opened<'_>,
    now: Millis,
) -> Result<Option<Millis>, WorkError> {
    let (id, digest) = (opened.head.id(), opened.head_digest());
    let mut times = Vec::new();
    if let Some(relayed) = node.store.relay_row(&id).await? {
        times.extend((relayed.head_digest == digest).then_some(relayed.at));
    }
    for passed in of(&node.store, &id).await? {
        if let Some(vouched) = believed(node, &passed, (&id, digest), now) {
            times.push(vouched.hop.at);
        }
    }
    Ok(times.into_iter().min())
}

/// What a hop receipt proves here: its signer stands on the same way as the sender, and its certificate
/// holds when it is laid before us.
fn believed(
    node: &Node,
    passed: &Passed,
    envelope: (&EnvelopeId, Digest),
    now: Millis,
) -> Option<Vouched> {
    let vouched = passed.vouches(envelope, &node.trust, Some(now)).ok()?;
    let way = |to| node.link_to(to).map(|link| &link.name);
    (way(&vouched.by.node) == way(&envelope.0.sender)).then_some(vouched)
}

/// What the sender lays before a node that refused an envelope because its certificate has ended.
pub(crate) async fn laid_before(
    node: &Node,
    own: &OutEnvelope,
    (code, by): (&str, &canon::NodeCode),
    now: Millis,
) -> Result<Option<NewControl>, WorkError> {
    if !is_about_time(code) {
        return Ok(None);
    }
    let envelope = || own.id.clone();
    let all = of(&node.store, &own.id).await?.into_iter();
    let all = all.map(|passed| VouchedFor { envelope: envelope(), passed });
    let body: Vec<Vec<u8>> = all.filter(VouchedFor::fits).map(|v| v.write()).collect();
    Ok((!body.is_empty()).then(|| control::content(Kind::Notice, by, now.day(), &body)))
}

/// Hop receipts that a sender laid before this node: kept until its envelope comes again.
pub(crate) async fn came(
    node: &Node,
    opened: &Opened<'_>,
    laid: Vec<VouchedFor>,
    now: Millis,
) -> Result<Option<Refusal>, WorkError> {
    let sender = &opened.head.from;
    let foreign = |v: &VouchedFor| v.envelope.sender != *sender;
    if laid.len() > LAID_MAX || laid.iter().any(foreign) {
        return Ok(Some(Refusal::new("hop.not_yours", "hop receipts of another node's envelopes")));
    }
    for VouchedFor { envelope, passed } in laid {
        // Who signed is asked here; whether it is about exactly these bytes, when they come again.
        let Ok(head) = envelope::Head::read(passed.signed.head.as_bytes()) else { continue };
        let Ok(hop) = Hop::read(passed.content.as_bytes()) else { continue };
        if believed(node, &passed, (&envelope, hop.head), now).is_none() {
            return Ok(Some(Refusal::new("hop.unproven", format!("of `{}`", head.from))));
        }
        let name = format!("{LAID}{envelope} {}", head.from);
        if !has_earlier(&node.store, &name, hop.at).await? {
            standing::put(&node.store, &name, &passed, now).await?;
        }
    }
    Ok(None)
}

/// Takes back the hop receipts of an envelope whose bytes are gone from here.
pub(crate) async fn gone(
    store: &SharedStore,
    id: &EnvelopeId,
    now: Millis,
) -> Result<(), WorkError> {
    for prefix in [OWN, PASSED, LAID] {
        for kept in store.standing_names(&format!("{prefix}{id} "), FORGOTTEN_MAX).await? {
            store.stand(&kept.name, None, now).await?;
        }
    }
    Ok(())
}

/// Takes back what is kept of others' envelopes longer than control parcels are: they came again by
/// then, or never will. Those of own envelopes are evidence and stay as long as its bytes.
pub(crate) async fn forget(
    store: &SharedStore,
    before: Millis,
    now: Millis,
) -> Result<(), WorkError> {
    for prefix in [PASSED, LAID] {
        for name in store.standing_names(prefix, FORGOTTEN_MAX).await? {
            if name.at < before {
                store.stand(&name.name, None, now).await?;
            }
        }
    }
    Ok(())
}
