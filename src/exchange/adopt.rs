//! Adoption: a restored node learns from each destination what it had judged of its envelopes, so
//! that no version is used twice, what is unchanged is not sent again, and the books of the lost days
//! add up.

use std::collections::BTreeSet;
use std::sync::Arc;

use canon::format::Op;
use canon::{EnvelopeId, Key, Millis, NodeCode, RecordId};
use envelope::control::{Answer, Inquiry, JudgedPage, JudgedPart, JudgedRow};
use envelope::{Kind, Opened, Outcome, parse_envelope_id};
use store::{
    Adopted, AdoptedEnvelope, AdoptedRecord, AuditEvent, FinalOutcome, InboxParcel, JudgedOf, Lease,
};

use crate::control;
use crate::errands::{self, ADOPT, Adopting, PAST, Past, READ_AGAIN};
use crate::error::WorkError;
use crate::node::Node;

/// Most envelopes of one page.
const ENVELOPES_PER_PAGE: u32 = 16;
/// Most rows of one answer fragment; the schema allows a thousand.
const ROWS_PER_FRAGMENT: usize = 500;

/// Asks every destination that has not told everything, and ends what is complete.
pub(crate) async fn step(node: &Node, now: Millis) -> Result<u64, WorkError> {
    let errands = node.errands().await?;
    let (mut done, mut open) = (0, None);
    for (peer, adopting) in &errands.adopting {
        if adopting.done_at.is_some() || adopting.stuck.is_some() {
            continue;
        }
        if adopting.told {
            done += u64::from(end(node, peer, adopting, now).await?);
            continue;
        }
        // First what the image still had under way: from the question on it would come too late.
        if open.is_none() {
            open = Some(node.store.destinations().await?);
        }
        if open.iter().flatten().any(|d| d.peer == *peer && d.older_open > 0) {
            continue;
        }
        let wait = node.inquiry_interval(peer);
        if adopting.asked_at.is_none_or(|at| now.since(at) >= wait) {
            let asked = Adopting { asked_at: Some(now), ..adopting.clone() };
            let (name, text) = errands::written(ADOPT, peer, &asked)?;
            node.store.queue_controls(vec![question(peer, &asked, now)], now).await?;
            node.store.stand(&name, Some(&text), now).await?;
            node.errands_changed();
            done += 1;
        }
    }
    Ok(done)
}

fn question(peer: &NodeCode, adopting: &Adopting, now: Millis) -> store::NewControl {
    let after = adopting.after.as_deref().and_then(parse_envelope_id);
    let inquiry = Inquiry::Judged { epoch: adopting.epoch, after };
    control::content(Kind::Inquiry, peer, now.day(), &[inquiry.write()])
}

/// Everything is told: done once every envelope of the older epochs has its answer. From the first
/// record of the new epoch on, the destination refuses those of the older ones.
async fn end(
    node: &Node,
    peer: &NodeCode,
    adopting: &Adopting,
    now: Millis,
) -> Result<bool, WorkError> {
    let destinations = node.store.destinations().await?;
    if destinations.iter().any(|d| d.peer == *peer && d.older_open > 0) {
        return Ok(false);
    }
    let done = Adopting { done_at: Some(now), ..adopting.clone() };
    let (name, text) = errands::written(ADOPT, peer, &done)?;
    node.store.stand(&name, Some(&text), now).await?;
    node.errands_changed();
    let event = AuditEvent {
        at: now,
        who: "sweep".into(),
        action: "restore.adopted".into(),
        subject: peer.to_string(),
        reason: format!("{} records", done.records),
        ok: true,
    };
    node.store.audit(event).await?;
    Ok(true)
}

// ── the destination ─────────────────────────────────────────────────────────────────────────────

/// A restored sender asks. From its first question on, what its older epochs still have on the way takes
/// no effect here: it would be accepted behind the answer's back, and its sender, who does not know
/// it any more, would send other bytes under the same ids. Says whether the answer may be given yet:
/// other instances must have heard of it.
async fn fenced(node: &Node, asker: &NodeCode, epoch: u32, now: Millis) -> Result<bool, WorkError> {
    let errands = node.errands_at(now).await?;
    let past = match errands.past.get(asker) {
        Some(past) if past.epoch >= epoch => *past,
        Some(_) | None => {
            let past = Past { epoch, at: now };
            let (name, text) = errands::written(PAST, asker, &past)?;
            node.store.stand(&name, Some(&text), now).await?;
            node.errands_changed();
            past
        }
    };
    let heard = now.since(past.at) >= 2 * READ_AGAIN;
    Ok(heard || !node.held.is_shared())
}

/// One page about the asker's own envelopes: fragments of one answer; none while it has to ask again.
pub(crate) async fn answer(
    node: &Node,
    asker: &NodeCode,
    (epoch, after): (u32, Option<EnvelopeId>),
    now: Millis,
) -> Result<Vec<Vec<u8>>, WorkError> {
    if !fenced(node, asker, epoch, now).await? {
        return Ok(Vec::new());
    }
    let judged = node.store.judged_of(asker, after.as_ref(), ENVELOPES_PER_PAGE).await?;
    let full = judged.len() == ENVELOPES_PER_PAGE as usize;
    let (mut fragments, mut last, mut rows, mut cut) = (Vec::new(), None, 0, false);
    for one in judged {
        if rows > 0 && rows >= node.limits.restore_page_records as usize {
            cut = true;
            break;
        }
        last = Some(one.id.clone());
        for part in parts(node, &one).await? {
            rows += part.rows.len();
            fragments.push(Answer::Judged(part).write());
        }
    }
    let highest = node.store.highest_epoch(asker).await?;
    let page = JudgedPage { epoch, highest, after, last, more: full || cut };
    fragments.push(Answer::JudgedPage(page).write());
    Ok(fragments)
}

/// An envelope as it was judged, in pieces that fit a fragment.
async fn parts(node: &Node, judged: &JudgedOf) -> Result<Vec<JudgedPart>, WorkError> {
    let lost = || WorkError::Own(format!("kept envelope {}", judged.id));
    let package =
        envelope::open_frame(&judged.frame, node.limits.package_bytes_max).map_err(|_| lost())?;
    // One that was declined because nobody here can open it has no rows to tell.
    let clear = node.clear(&package);
    let opened = match &clear {
        Ok(package) => envelope::open_clear(package),
        Err(_) => envelope::open(&package),
    };
    let opened = opened.map_err(|_| lost())?;
    let rows = rows(node, judged, &opened).await?;
    let adapter = match opened.head.adapters.as_slice() {
        [(name, _)] => Some(name.clone()).filter(|n| !n.is_empty()),
        _ => None,
    };
    let part = |rows: Vec<JudgedRow>| JudgedPart {
        envelope: judged.id.clone(),
        head: opened.head_digest(),
        root: opened.head.root,
        day: opened.head.window,
        adapter: adapter.clone(),
        rows,
    };
    if rows.is_empty() {
        return Ok(vec![part(rows)]);
    }
    Ok(rows.chunks(ROWS_PER_FRAGMENT).map(|rows| part(rows.to_vec())).collect())
}

/// A row for each record that this envelope brought to its outcome. What an earlier envelope had
/// brought already is told with that one; what cannot be read has no key to tell.
async fn rows(
    node: &Node,
    judged: &JudgedOf,
    opened: &Opened<'_>,
) -> Result<Vec<JudgedRow>, WorkError> {
    let Some(format) = node.formats.get(&opened.head.format) else { return Ok(Vec::new()) };
    let kept: BTreeSet<u32> = judged.kept.iter().copied().collect();
    let mut found: Vec<(RecordId, JudgedRow)> = Vec::new();
    for (position, fragment) in (0..).zip(&opened.fragments) {
        let problem = judged.problems.iter().find(|p| p.position == position);
        let outcome = match problem.and_then(|p| p.outcome.parse().ok()) {
            _ if kept.contains(&position) => Outcome::Accepted,
            Some(Outcome::Accepted) | None => continue,
            Some(outcome) => outcome,
        };
        let Ok(parsed) = format.parse(fragment) else { continue };
        let (ty, values) = (parsed.ty, &parsed.values);
        let Some(key) = format.key(ty, values, &parsed.attrs.namespace) else { continue };
        let Some(digest) = opened.leaves.get(position as usize) else { continue };
        let (op, version) = (parsed.attrs.op, parsed.attrs.version);
        let code = problem.filter(|_| outcome != Outcome::Accepted).map(|p| p.code.clone());
        let row = JudgedRow {
            outcome,
            kind: format.get(ty).wire.to_string(),
            key: key.to_string(),
            version,
            digest: *digest,
            content: format.content_digest(ty, values, op),
            void: op == Op::Void,
            facts: Some(format.facts(ty, values)).filter(|f| !f.is_empty()),
            code: code.filter(|c| !c.is_empty()),
        };
        found.push((RecordId { kind: format.get(ty).wire.clone(), key, version }, row));
    }
    without_kept_elsewhere(node, found).await
}

/// A record that was not taken in this envelope and was in another is told with the other.
async fn without_kept_elsewhere(
    node: &Node,
    mut found: Vec<(RecordId, JudgedRow)>,
) -> Result<Vec<JudgedRow>, WorkError> {
    let odd = found.iter().filter(|(_, r)| r.outcome != Outcome::Accepted);
    let roots: BTreeSet<&str> = odd.map(|(id, _)| id.key.root()).collect();
    if !roots.is_empty() {
        let roots: Vec<&str> = roots.into_iter().collect();
        let kept = node.store.kept_cases(&roots).await?;
        let kept: BTreeSet<RecordId> = kept.into_iter().map(|k| k.id).collect();
        found.retain(|(id, row)| row.outcome == Outcome::Accepted || !kept.contains(id));
    }
    Ok(found.into_iter().map(|(_, row)| row).collect())
}

// ── the restored node ───────────────────────────────────────────────────────────────────────────

/// A page came: its envelopes are taken over in one transaction, with the next question.
pub(crate) async fn adopted(
    node: &Node,
    lease: &Lease,
    parcel: &InboxParcel,
    from: &NodeCode,
    parts: Vec<JudgedPart>,
    page: JudgedPage,
    now: Millis,
) -> Result<(), WorkError> {
    let errands = node.errands().await?;
    let adopting = errands.adopting.get(from).filter(|a| {
        let after = page.after.as_ref().map(ToString::to_string);
        a.done_at.is_none() && !a.told && a.epoch == page.epoch && a.after == after
    });
    let Some(adopting) = adopting else {
        // Doubled, late, or of an earlier restore.
        return Ok(node.store.drop_inbox(lease, parcel.inbox_id).await?);
    };
    let mut next = adopting.clone();
    next.told = !page.more;
    if page.highest >= next.epoch {
        next.stuck = Some("restore.epoch_known".into());
    } else if let Some(last) = page.last {
        next.after = Some(next.go_on_after(last).to_string());
    }
    let ask = page.more && next.stuck.is_none();
    let controls = if ask { vec![question(from, &next, now)] } else { Vec::new() };
    next.asked_at = Some(now);
    let envelopes =
        if next.stuck.is_none() { taken(node, from, parts, next.epoch) } else { vec![] };
    let stand = errands::written(ADOPT, from, &next)?;
    let adopted = Adopted { inbox_id: parcel.inbox_id, envelopes, stand, controls, now };
    let records = node.store.commit_adopted(lease, adopted).await?;
    if records > 0 {
        // Only for people: how many there were.
        next.records += records;
        let (name, text) = errands::written(ADOPT, from, &next)?;
        node.store.stand(&name, Some(&text), now).await?;
    }
    node.errands_changed();
    Ok(())
}

/// Parts of one envelope stand together again; what is not ours to take over is left out.
fn taken(node: &Node, from: &NodeCode, parts: Vec<JudgedPart>, epoch: u32) -> Vec<AdoptedEnvelope> {
    let link = node.link_to(from).map_or_else(|| Arc::from(""), |l| Arc::clone(&l.name));
    let mut envelopes: Vec<AdoptedEnvelope> = Vec::new();
    for part in parts {
        let id = &part.envelope;
        if id.sender != node.code || id.route.destination != *from || id.epoch >= epoch {
            continue;
        }
        if envelopes.last().is_none_or(|e| e.id != *id) {
            envelopes.push(AdoptedEnvelope {
                id: part.envelope.clone(),
                link: Arc::clone(&link),
                head_digest: part.head,
                root: part.root,
                day: part.day,
                adapter: part.adapter.as_deref().unwrap_or("-").into(),
                records: Vec::new(),
            });
        }
        if let Some(envelope) = envelopes.last_mut() {
            envelope.records.extend(part.rows.into_iter().filter_map(record));
        }
    }
    envelopes
}

fn record(row: JudgedRow) -> Option<AdoptedRecord> {
    let outcome = match row.outcome {
        Outcome::Accepted => None,
        Outcome::Superseded => Some(FinalOutcome::Superseded),
        Outcome::Rejected => Some(FinalOutcome::Rejected),
        Outcome::ParentMissing => Some(FinalOutcome::ParentMissing),
    };
    Some(AdoptedRecord {
        id: RecordId { kind: row.kind.into(), key: Key::parse(&row.key)?, version: row.version },
        digest: row.digest,
        content: row.content,
        facts: row.facts.unwrap_or_default().into(),
        voided: row.void,
        outcome,
        code: row.code.unwrap_or_default(),
    })
}
