//! Healing (补传): what the receiver lacks goes again, the same ids and bytes in new envelopes. It begins by
//! itself where little is lacking, else when a person orders it; it grows (1, 10, 100, all), and after
//! each part both books are held against each other again. At the first sign that it does harm
//! (a record refused, lacking again, or more that differs) it stops and waits for a person. What the
//! receiver has too much or otherwise is reported, never deleted.

use std::collections::{BTreeMap, BTreeSet};

use canon::{Day, EnvelopeId, Millis, NodeCode, RecordId};
use serde::{Deserialize, Serialize};
use store::{AuditEvent, GivenAgain, Located, Place, SharedStore, Stands, Step};

use super::named::{self, Named, cause};
use super::{Held, narrow};
use crate::error::WorkError;
use crate::node::Node;
use crate::recall::fragments;
use crate::standing;

/// Under this prefix stands how far healing is.
pub const HEAL: &str = "heal/";
/// How many records go in the first part, the second …; then all that are named.
pub const RAMP: [usize; 3] = [1, 10, 100];
/// Who ordered it where nobody did.
const BY_ITSELF: &str = "reconcile";

/// How far one window is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Healing {
    /// Who ordered it: an operator code, or `reconcile`.
    pub by: String,
    /// When.
    pub at: Millis,
    /// Parts handed over so far.
    #[serde(default)]
    pub parts: u32,
    /// Records on their way, with the envelopes that brought them before.
    #[serde(default)]
    pub waiting: Vec<(String, String)>,
    /// Records that were accepted again.
    #[serde(default)]
    pub healed: BTreeSet<String>,
    /// Other differences when the last part was handed over.
    #[serde(default)]
    pub others: usize,
    /// The receiver's books are wanted anew.
    #[serde(default)]
    pub wants_answer: bool,
    /// Why it stopped: a stable word, and the record.
    #[serde(default)]
    pub stopped: Option<String>,
    /// When it was done.
    #[serde(default)]
    pub done_at: Option<Millis>,
}

fn name_of(day: Day, sender: &NodeCode, receiver: &NodeCode) -> String {
    named::name(HEAL, (day, sender, receiver))
}

/// What stands of a window.
pub async fn known(
    store: &SharedStore,
    day: Day,
    (sender, receiver): (&NodeCode, &NodeCode),
) -> Result<Option<Healing>, WorkError> {
    standing::one(store, &name_of(day, sender, receiver)).await
}

/// A person orders it, also after it stopped.
pub async fn order(
    store: &SharedStore,
    day: Day,
    (sender, receiver): (&NodeCode, &NodeCode),
    (by, reason): (&str, &str),
    now: Millis,
) -> Result<(), WorkError> {
    let before = known(store, day, (sender, receiver)).await?.unwrap_or_default();
    let next =
        Healing { by: by.to_owned(), at: now, waiting: before.waiting, ..Healing::default() };
    let name = name_of(day, sender, receiver);
    let audit = AuditEvent {
        at: now,
        who: by.to_owned(),
        action: "reconcile.heal".into(),
        subject: format!("{day} {receiver}"),
        reason: reason.to_owned(),
        ok: true,
    };
    let stands = vec![Stands { name, text: Some(named::text(&next)?) }];
    Ok(store.commit_step(Step { stands, audit: Some(audit), now, ..Step::default() }).await?)
}

/// Whether the receiver's books are wanted anew, though ours are the same.
pub(super) async fn wants_answer(
    node: &Node,
    day: Day,
    receiver: &NodeCode,
) -> Result<bool, WorkError> {
    let before = known(&node.store, day, (&node.code, receiver)).await?;
    Ok(before.is_some_and(|h| h.wants_answer))
}

/// A manifest is issued: it asks for them.
pub(super) async fn asked(
    node: &Node,
    day: Day,
    receiver: &NodeCode,
    now: Millis,
) -> Result<(), WorkError> {
    let before = known(&node.store, day, (&node.code, receiver)).await?;
    if let Some(known) = before.filter(|h| h.wants_answer) {
        keep(node, (day, receiver), &Healing { wants_answer: false, ..known }, None, now).await?;
    }
    Ok(())
}

/// The books agree: what was healed is done.
pub(super) async fn agreed(node: &Node, held: &Held<'_>) -> Result<(), WorkError> {
    let before = known(&node.store, held.day, (&node.code, held.receiver)).await?;
    if let Some(mut known) = before.filter(|h| h.done_at.is_none() && h.stopped.is_none()) {
        known.healed.extend(known.waiting.drain(..).map(|(record, _)| record));
        known.done_at = Some(held.now);
        let said = format!("{} records", known.healed.len());
        let audit = note(held, "reconcile.healed", &said);
        keep(node, (held.day, held.receiver), &known, Some(audit), held.now).await?;
    }
    Ok(())
}

async fn keep(
    node: &Node,
    (day, receiver): (Day, &NodeCode),
    healing: &Healing,
    audit: Option<AuditEvent>,
    now: Millis,
) -> Result<(), WorkError> {
    let name = name_of(day, &node.code, receiver);
    let stands = vec![Stands { name, text: Some(named::text(healing)?) }];
    Ok(node.store.commit_step(Step { stands, audit, now, ..Step::default() }).await?)
}

fn note(held: &Held<'_>, action: &str, reason: &str) -> AuditEvent {
    AuditEvent {
        at: held.now,
        who: BY_ITSELF.into(),
        action: action.into(),
        subject: format!("{} {}", held.day, held.receiver),
        reason: reason.to_owned(),
        ok: action != "reconcile.heal_stopped",
    }
}

/// One step: looks after what is on its way, or hands the next part over.
pub(super) async fn step(node: &Node, held: &Held<'_>) -> Result<u64, WorkError> {
    let before = known(&node.store, held.day, (&node.code, held.receiver)).await?;
    match before {
        Some(h) if h.stopped.is_some() => Ok(0),
        Some(h) if !h.waiting.is_empty() => look_after(node, held, h).await,
        Some(h) if h.wants_answer => Ok(0),
        known => next_part(node, held, known).await,
    }
}

/// Hands over what is not on its way yet, and sees whether all of it was accepted again.
async fn look_after(node: &Node, held: &Held<'_>, mut h: Healing) -> Result<u64, WorkError> {
    let staged = node.store.staged_routes().await?;
    let ahead: u64 =
        staged.iter().filter(|(r, ..)| r.destination == *held.receiver).map(|(_, n, _)| *n).sum();
    if ahead >= node.limits.give_again_records_max {
        return Ok(0);
    }
    let ids: Vec<RecordId> = h.waiting.iter().filter_map(|(r, _)| RecordId::parse(r)).collect();
    let located = node.store.locate(held.receiver, &ids).await?;
    let mut give: BTreeMap<EnvelopeId, Vec<u32>> = BTreeMap::new();
    let (mut on_the_way, mut refused) = (0, None);
    for ((record, from), at) in h.waiting.iter().zip(located) {
        let Some(Located { place, envelope }) = at else { continue };
        match (place, envelope) {
            (Place::Accepted | Place::Superseded, Some((id, position)))
                if id.to_string() == *from =>
            {
                give.entry(id).or_default().push(position);
            }
            (Place::Accepted | Place::Superseded, _) => {}
            // Its parent is lacking too and comes with a later part.
            (Place::Waiting, _) => {}
            (Place::Staged | Place::InFlight | Place::AwaitingReview, _) => on_the_way += 1,
            (Place::Rejected | Place::Dead | Place::Quarantined | Place::Voided, _) => {
                refused = Some(format!("{place} {record}"));
            }
        }
    }
    if let Some(why) = refused {
        return stop(node, held, h, &why).await;
    }
    if !give.is_empty() {
        return hand_over(node, held, h, give).await;
    }
    if on_the_way > 0 {
        return Ok(0);
    }
    h.healed.extend(h.waiting.drain(..).map(|(record, _)| record));
    h.wants_answer = true;
    keep(node, (held.day, held.receiver), &h, None, held.now).await?;
    Ok(1)
}

/// Stages records again out of the envelopes that brought them, in the order in which these went.
async fn hand_over(
    node: &Node,
    held: &Held<'_>,
    h: Healing,
    give: BTreeMap<EnvelopeId, Vec<u32>>,
) -> Result<u64, WorkError> {
    let mut envelopes = Vec::new();
    for (id, positions) in give {
        if let Some(own) = node.store.outbound(&id).await? {
            envelopes.push((own.numbered_at, own, positions));
        }
    }
    envelopes.sort_by(|a, b| (a.0, &a.1.id).cmp(&(b.0, &b.1.id)));
    let mut given = 0;
    for (_, own, positions) in envelopes {
        let (fragments, orphans) = fragments(node, &own).await?;
        if fragments.is_empty() {
            // Its bytes went into the archive or are gone: nothing to send.
            let why = format!("bytes_gone {}", own.id);
            return stop(node, held, h, &why).await;
        }
        let name = name_of(held.day, &node.code, held.receiver);
        let stand = (name, named::text(&h)?);
        let again = GivenAgain {
            id: own.id,
            fragments,
            orphans,
            only: Some(positions),
            stand,
            now: held.now,
        };
        given += node.lay_again(held.lease, again).await?;
    }
    if given == 0 {
        // Nothing of it is held by those envelopes any more: going on would try for ever.
        return stop(node, held, h, "nothing_given").await;
    }
    Ok(given)
}

async fn stop(node: &Node, held: &Held<'_>, mut h: Healing, why: &str) -> Result<u64, WorkError> {
    h.stopped = Some(why.to_owned());
    h.waiting.clear();
    let audit = note(held, "reconcile.heal_stopped", why);
    keep(node, (held.day, held.receiver), &h, Some(audit), held.now).await?;
    Ok(1)
}

/// The next part, once everything that differs is named.
async fn next_part(node: &Node, held: &Held<'_>, known: Option<Healing>) -> Result<u64, WorkError> {
    let Held { day, receiver, mine, now, .. } = *held;
    let narrowed = narrow::known(node, day, receiver).await?;
    if !narrowed.is_some_and(|n| n.is_done(mine.revision)) {
        return Ok(0);
    }
    let name = named::name(named::DIFFERENCE, (day, &node.code, receiver));
    let found: Option<Named> = standing::one(&node.store, &name).await?;
    let Some(found) = found else { return Ok(0) };
    let missing: Vec<&str> =
        found.rows.iter().filter(|d| d.cause == cause::MISSING).map(|d| &*d.record).collect();
    let others = found.rows.len() - missing.len();
    let mut h = match known {
        Some(h) if h.done_at.is_none() => h,
        // What is little is healed by itself, and only once for one record.
        known => {
            let little = missing.len() <= node.limits.heal_records_max && !found.more;
            if missing.is_empty() || !little {
                return Ok(0);
            }
            let healed = known.map(|k| k.healed).unwrap_or_default();
            Healing { by: BY_ITSELF.into(), at: now, others, healed, ..Healing::default() }
        }
    };
    if let Some(again) = missing.iter().find(|r| h.healed.contains(**r)) {
        let why = format!("missing_again {again}");
        return stop(node, held, h, &why).await;
    }
    if h.parts > 0 && others > h.others {
        let why = format!("more_differs {others}");
        return stop(node, held, h, &why).await;
    }
    if missing.is_empty() {
        h.done_at = Some(now);
        let audit = note(held, "reconcile.healed", &format!("{} records", h.healed.len()));
        keep(node, (day, receiver), &h, Some(audit), now).await?;
        return Ok(1);
    }
    h.waiting = part(node, receiver, &missing, h.parts).await?;
    if h.waiting.is_empty() {
        let why = format!("not_here {}", missing[0]);
        return stop(node, held, h, &why).await;
    }
    h.parts += 1;
    h.others = others;
    let said = format!("part {}: {} of {} records", h.parts, h.waiting.len(), missing.len());
    let audit = note(held, "reconcile.heal_part", &said);
    keep(node, (day, receiver), &h, Some(audit), now).await?;
    look_after(node, held, h).await
}

/// The first of them in the order in which they went up, as many as the ramp allows.
async fn part(
    node: &Node,
    receiver: &NodeCode,
    missing: &[&str],
    parts: u32,
) -> Result<Vec<(String, String)>, WorkError> {
    let ids: Vec<RecordId> = missing.iter().filter_map(|r| RecordId::parse(r)).collect();
    let located = node.store.locate(receiver, &ids).await?;
    let mut line = Vec::new();
    let mut numbered: BTreeMap<EnvelopeId, Millis> = BTreeMap::new();
    for (id, at) in ids.iter().zip(located) {
        let Some((envelope, position)) = at.and_then(|l| l.envelope) else { continue };
        let when = match numbered.get(&envelope) {
            Some(when) => *when,
            None => {
                let own = node.store.outbound(&envelope).await?;
                let when = own.map_or(Millis::default(), |o| o.numbered_at);
                *numbered.entry(envelope.clone()).or_insert(when)
            }
        };
        line.push(((when, envelope.clone(), position), id.to_string(), envelope.to_string()));
    }
    line.sort();
    let most = RAMP.get(parts as usize).copied().unwrap_or(usize::MAX);
    Ok(line.into_iter().take(most).map(|(_, record, from)| (record, from)).collect())
}
