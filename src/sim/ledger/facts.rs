//! Each fact as the ledger writes it down, with what must hold of it.

use std::sync::Arc;

use canon::{Digest, EnvelopeId, Lane, NodeCode, RecordId};
use envelope::control::Inquiry;
use store::{
    Arrived, Attempted, Collected, Consumes, Judged, NewControl, NewEnvelope, OutEvent,
    RefusedParcel, Relayed, Sealed, Settlement,
};

use super::{Ledger, Name, bounds};
use crate::guarded::Fact;
use crate::invariant::Invariant::{S1, S2, S3, S4, S5, S6, S7, S8};
use crate::sink;

/// Writes a fact down.
pub(super) type Write = Box<dyn FnOnce(&mut Ledger, &NodeCode) + Send>;

/// The envelope format allows most that one parcel is beyond `inbox_parcels_max`: what one turn of
/// each lane may take while there is room.
const LANES: i64 = 3;

/// What is written down of a fact once it is committed.
pub(super) fn of(fact: Fact<'_>) -> Option<Write> {
    Some(match fact {
        Fact::Collected(page) => collected(page),
        Fact::Numbered(envelopes) => numbered(envelopes),
        Fact::Sealed(sealed) => self::sealed(sealed),
        Fact::Attempted(attempts) => attempted(attempts),
        Fact::Admitted(parcels) => admitted(parcels),
        Fact::Judged(judged) => self::judged(judged),
        Fact::Relayed(relayed) => self::relayed(relayed),
        Fact::Settled(settlement) => settled(settlement),
        Fact::Refused(refused) => self::refused(refused),
        Fact::Duplicate(inbox_id, _) | Fact::Consumed(inbox_id) => consumed(inbox_id),
        Fact::Event(_, event) => consumed(event.inbox_id?),
        Fact::Manifest(row, None) => bounds::closed(row),
        Fact::Manifest(_, Some(inbox_id)) => consumed(inbox_id),
        Fact::Delivered(sink, watermark) => delivered(sink, watermark),
        // What is resubmitted goes up again as it is.
        Fact::Acted(event) if event.action.starts_with("quarantine.") => {
            Box::new(|ledger, node| ledger.book(node).contents.clear())
        }
        Fact::Acted(_) => return None,
    })
}

/// A fact in a line.
pub(super) fn told(fact: Fact<'_>) -> String {
    let list = |ids: Vec<String>| ids.join(" ");
    match fact {
        Fact::Collected(page) => {
            let new = page.chunks.iter().flat_map(|c| c.records.iter().map(|r| r.id.to_string()));
            let held =
                page.quarantined.iter().filter_map(|q| q.id.as_ref().map(|i| format!("!{i}")));
            format!("collected to {}: {}", page.cursor, list(new.chain(held).collect()))
        }
        Fact::Numbered(all) => {
            let one = |e: &NewEnvelope| match &e.consumes {
                Consumes::Staged(b) => format!("{} {} records", e.id, b.records.len()),
                Consumes::Control(q) => format!("{} {} {:?}", e.id, e.kind, q.control.answers),
            };
            format!("numbered {}", list(all.iter().map(one).collect()))
        }
        Fact::Sealed(all) => format!("sealed {}", all.len()),
        Fact::Attempted(all) => {
            let one = |a: &Attempted| format!("{} {:?} {:?}", a.id, a.event, a.reason);
            format!("attempted {}", list(all.iter().map(one).collect()))
        }
        Fact::Admitted(all) => {
            let one = |a: &Arrived| format!("{} {} from {}", a.kind, a.id, a.from);
            format!("admitted {}", list(all.iter().map(one).collect()))
        }
        Fact::Judged(j) => {
            let kept = j.kept.iter().map(|k| k.id.to_string()).collect();
            let not = j.problems.iter().map(|p| format!("{} {}", p.id, p.code)).collect();
            format!("judged {}: kept {}, not {}", j.id, list(kept), list(not))
        }
        Fact::Relayed(r) => format!("relayed {} {}", r.kind, r.id),
        Fact::Settled(s) => {
            let not = s.not_accepted.iter().map(|n| format!("{} {}", n.id, n.code)).collect();
            format!("settled {}, not: {}", s.id, list(not))
        }
        Fact::Refused(r) => format!("refused {}: {}", r.code, r.detail),
        Fact::Duplicate(_, id) => format!("once more {id}"),
        Fact::Consumed(row) => format!("consumed {row}"),
        Fact::Event(id, e) => format!("{:?} of {id} {:?}", e.event, e.reason),
        Fact::Manifest(m, _) => format!("manifest of {} by {} to {}", m.day, m.by, m.peer),
        Fact::Delivered(sink, mark) => format!("delivered to {sink} up to {mark}"),
        Fact::Acted(event) => format!("{} {}", event.action, event.subject),
    }
}

fn name(id: &RecordId) -> Name {
    (Arc::clone(&id.kind), format!("{}/{}", id.key.root(), id.key.part()))
}

/// The record whose child this one is, in the formats of the world's logs.
fn parent(id: &RecordId) -> Option<Name> {
    (&*id.kind == "SL").then(|| ("SB".into(), format!("{}/", id.key.root())))
}

fn collected(page: &Collected) -> Write {
    let adapter = Arc::clone(&page.adapter);
    let cursor: u64 = page.cursor.parse().unwrap_or(u64::MAX);
    let (read, unchanged) = (page.rows_read, page.rows_unchanged);
    let new: Vec<(RecordId, Digest, Digest)> = page
        .chunks
        .iter()
        .flat_map(|c| c.records.iter().map(|r| (r.id.clone(), r.digest, r.content)))
        .collect();
    let held: Vec<RecordId> = page.quarantined.iter().filter_map(|q| q.id.clone()).collect();
    let found = (new.len() + page.quarantined.len()) as u64;
    let history = adapter.contains('@');
    Box::new(move |ledger, node| {
        let rows_max = u64::from(ledger.limits.page_rows_max);
        ledger.holds(read <= rows_max, S8, node, || format!("{read} rows in one page"));
        let book = ledger.book(node);
        let before = book.cursors.insert(Arc::clone(&adapter), cursor).unwrap_or(0);
        ledger.holds(history || cursor == before + read, S5, node, || {
            format!("`{adapter}` went from {before} to {cursor} with {read} rows")
        });
        ledger.holds(found + unchanged >= read, S5, node, || {
            format!("of {read} rows {found} are somewhere and {unchanged} unchanged")
        });
        let mut all: Vec<&RecordId> = new.iter().map(|(id, ..)| id).chain(&held).collect();
        all.sort_by_key(|id| id.version);
        for id in all {
            let last = ledger.book(node).collected.insert(name(id), id.version);
            ledger.holds(last.is_none_or(|v| v < id.version), S6, node, || {
                format!("{id} was collected after version {last:?}")
            });
        }
        for (id, digest, content) in new {
            let held_before = |h: &&RecordId| name(h) == name(&id) && h.version < id.version;
            let known = ledger.book(node).contents.insert(name(&id), content);
            let known = known.filter(|_| !held.iter().any(|h| held_before(&h)));
            ledger.holds(known != Some(content), S1, node, || {
                format!("{id} was collected, and says what the version before says")
            });
            ledger.records.insert(digest, id);
        }
        // What breaks a rule and came last: whatever comes next is news.
        for id in &held {
            let last = ledger.book(node).collected.get(&name(id)) == Some(&id.version);
            if last {
                ledger.book(node).contents.remove(&name(id));
            }
        }
    })
}

fn numbered(envelopes: &[NewEnvelope]) -> Write {
    struct One {
        id: EnvelopeId,
        records: Option<Vec<(Digest, bool)>>,
        /// Of records: every lower sequence is final, it says.
        below: u64,
        answers: Option<EnvelopeId>,
        gap: Option<EnvelopeId>,
        /// Bytes of its body; of an inquiry, what it asks.
        bytes: u64,
        asks: Option<Vec<u8>>,
    }
    let all: Vec<One> = envelopes
        .iter()
        .map(|e| match &e.consumes {
            Consumes::Staged(batch) => {
                let records = batch.records.iter().map(|r| (r.digest, r.orphan)).collect();
                let below = envelope::Head::read(&e.head).map_or(u64::MAX, |h| h.settled_below);
                let bytes = batch.bytes.len() as u64;
                let (id, records) = (e.id.clone(), Some(records));
                One { id, records, below, answers: None, gap: None, bytes, asks: None }
            }
            Consumes::Control(queued) => {
                let answers = queued.control.answers.clone();
                let gap = behind_gap(&queued.control);
                let (id, body) = (e.id.clone(), &queued.control.body);
                let asks = (&*queued.control.kind == "inquiry").then(|| body.clone());
                let bytes = body.len() as u64;
                One { id, records: None, below: 0, answers, gap, bytes, asks }
            }
        })
        .collect();
    Box::new(move |ledger, node| {
        for one in all {
            ledger.numbered_within(node, &one.id, one.bytes, one.asks.as_deref());
            let line = (one.id.epoch, one.id.route.to_string());
            let open = ledger.book(node).open.entry(line.clone()).or_default();
            let first = open.first().copied().unwrap_or(u64::MAX);
            open.insert(one.id.sequence);
            ledger.holds(one.below <= first || one.below == one.id.sequence, S2, node, || {
                format!("{} says that all below {} is final, and {first} is not", one.id, one.below)
            });
            let last = ledger.book(node).sequences.insert(line, one.id.sequence).unwrap_or(0);
            ledger.holds(one.id.sequence == last + 1, S2, node, || {
                format!("{} was numbered after {last}", one.id)
            });
            if let Some(answered) = one.answers {
                let book = ledger.book(node);
                let before = book.receipts.insert(answered.clone(), one.id.clone());
                ledger.holds(before.is_none(), S2, node, || {
                    format!("{answered} was answered by {before:?}, and again by {}", one.id)
                });
            }
            if let Some(after) = one.gap {
                patient(ledger, node, &after);
            }
            if let Some(records) = one.records {
                let now = ledger.now;
                ledger.numbered_at.insert(one.id.clone(), now);
                sent(ledger, node, &one.id, &records);
            }
        }
    })
}

/// The envelope behind the gap that an inquiry asks for.
fn behind_gap(control: &NewControl) -> Option<EnvelopeId> {
    let first = *control.lengths.first()? as usize;
    match Inquiry::read(control.body.get(..first)?).ok()? {
        Inquiry::Gap { sender, epoch, route, last, .. } => {
            Some(EnvelopeId { sender, epoch, route, sequence: last + 1 })
        }
        _ => None,
    }
}

/// Nobody asks for a gap before its grace is over.
fn patient(ledger: &mut Ledger, node: &NodeCode, after: &EnvelopeId) {
    let (now, grace) = (ledger.now, ledger.limits.gap_grace);
    let asked = ledger.numbered_at.get(after).map(|at| now.since(*at));
    ledger.holds(ledger.jumps || asked.is_none_or(|ms| ms >= grace), S8, node, || {
        format!("the gap before {after} is asked for after {asked:?} ms, the grace is {grace}")
    });
}

/// A sequence is final at its sender.
fn closes(ledger: &mut Ledger, node: &NodeCode, id: &EnvelopeId) {
    let line = (id.epoch, id.route.to_string());
    if let Some(open) = ledger.book(node).open.get_mut(&line) {
        open.remove(&id.sequence);
    }
}

/// The records of a numbered envelope.
fn sent(ledger: &mut Ledger, node: &NodeCode, id: &EnvelopeId, records: &[(Digest, bool)]) {
    let most = ledger.limits.envelope_records_max as usize;
    ledger.holds(records.len() <= most, S8, node, || format!("{id} has {} records", records.len()));
    for (digest, orphan) in records {
        let Some(record) = ledger.records.get(digest).cloned() else { continue };
        if let Some(parent) = parent(&record) {
            let other = ledger.elsewhere.contains(record.key.root());
            let there = *orphan || other || ledger.book(node).numbered.contains(&parent);
            ledger.holds(there, S6, node, || format!("{record} was numbered before its parent"));
        }
        ledger.book(node).numbered.insert(name(&record));
    }
    let members = records.iter().map(|(digest, _)| *digest).collect();
    ledger.members.entry(id.clone()).or_default().push((node.clone(), members));
}

fn sealed(sealed: &[Sealed]) -> Write {
    let all: Vec<_> = sealed.iter().map(|s| (s.id.clone(), Arc::clone(&s.frame))).collect();
    Box::new(move |ledger, node| {
        for (id, frame) in all {
            let all = ledger.frames.entry(id.clone()).or_default();
            let other = all.iter().any(|(by, f)| by == node && *f != frame);
            all.push((node.clone(), Arc::clone(&frame)));
            ledger.holds(!other, S3, node, || format!("{id} was sealed twice, with other bytes"));
        }
    })
}

fn attempted(attempts: &[Attempted]) -> Write {
    let all: Vec<Attempted> = attempts.to_vec();
    Box::new(move |ledger, node| {
        for attempt in all {
            let Attempted { id, event, reason, own, .. } = attempt;
            let sent = event == OutEvent::Confirmed;
            let confirmed = !sent || ledger.confirmed.contains(&id);
            ledger.holds(confirmed, S1, node, || {
                format!("{id} counts as sent, and no carrier ever confirmed it")
            });
            let named = event != OutEvent::GivenUp || reason.is_some();
            ledger.holds(named, S8, node, || format!("{id} was given up without a reason"));
            if own && sent && id.route.lane == Lane::Control {
                closes(ledger, node, &id);
            }
        }
    })
}

fn admitted(parcels: &[Arrived]) -> Write {
    let count = parcels.len() as i64;
    let ids: Vec<EnvelopeId> = parcels.iter().map(|p| p.id.clone()).collect();
    Box::new(move |ledger, node| {
        ledger.book(node).admitted.extend(ids);
        let most = i64::from(ledger.limits.claim_max) * LANES;
        ledger.holds(count <= most, S8, node, || format!("{count} parcels taken in one turn"));
    })
}

/// The bytes are those that their origin sealed.
fn genuine(ledger: &mut Ledger, node: &NodeCode, id: &EnvelopeId, frame: &Arc<[u8]>, what: &str) {
    let known = ledger.frames.contains_key(id);
    let same = ledger.is_genuine(id, frame);
    ledger.holds(known, S7, node, || format!("{id} was {what}, and nobody sealed it"));
    ledger.holds(same, S3, node, || format!("{id} was {what} with other bytes than were sealed"));
}

fn judged(judged: &Judged) -> Write {
    let (id, frame) = (judged.id.clone(), Arc::clone(&judged.frame));
    let kept: Vec<_> =
        judged.kept.iter().map(|k| (k.id.clone(), k.digest, k.index as usize)).collect();
    let (inbox_id, count) = (judged.inbox_id, judged.count as usize);
    Box::new(move |ledger, node| {
        genuine(ledger, node, &id, &frame, "judged");
        ledger.sealed_within(node, &id, &frame);
        consumes(ledger, node, inbox_id);
        let again = !ledger.book(node).judged.insert(id.clone());
        ledger.holds(!again, S2, node, || format!("{id} took effect twice"));
        // More than one only where a number was used by two machines.
        let members = ledger.members.get(&id).cloned().unwrap_or_default();
        let whole = members.is_empty() || members.iter().any(|(_, m)| m.len() == count);
        ledger.holds(whole, S4, node, || format!("{id} was judged as {count} records"));
        for (record, digest, index) in kept {
            let is_it = |(_, m): &(NodeCode, Arc<[Digest]>)| m.get(index) == Some(&digest);
            let sent = members.is_empty() || members.iter().any(is_it);
            ledger.holds(sent, S4, node, || format!("{record} was kept with another digest"));
            takes_effect(ledger, node, (&id, &frame), (&record, index));
            ledger.book(node).kept.insert(digest);
            ledger.ever_kept.entry(node.clone()).or_default().insert(digest);
        }
    })
}

/// A version takes effect in order, behind its parent, and under its owner's name.
fn takes_effect(
    ledger: &mut Ledger,
    node: &NodeCode,
    (id, frame): (&EnvelopeId, &Arc<[u8]>),
    (record, index): (&RecordId, usize),
) {
    let own = (record.version, id.sender.clone());
    let before = ledger.book(node).versions.insert(name(record), own);
    let rises = before.as_ref().is_none_or(|(version, _)| *version < record.version);
    ledger.holds(rises, S6, node, || format!("{record} took effect after {before:?}"));
    let owner = before.as_ref().is_none_or(|(_, owner)| *owner == id.sender);
    ledger
        .holds(owner, S7, node, || format!("{record} of {before:?} was changed by {}", id.sender));
    if let Some(parent) = parent(record)
        && !ledger.book(node).versions.contains_key(&parent)
    {
        let package = envelope::open_frame(frame, ledger.limits.package_bytes_max);
        let head = package.as_deref().ok().and_then(|p| envelope::open(p).ok()).map(|o| o.head);
        let orphan = head.is_some_and(|h| h.keep_orphans.contains(&(index as u32)));
        ledger.holds(orphan, S6, node, || format!("{record} was kept before its parent"));
    }
}

fn relayed(relayed: &Relayed) -> Write {
    let (id, frame, inbox_id) = (relayed.id.clone(), Arc::clone(&relayed.frame), relayed.inbox_id);
    Box::new(move |ledger, node| {
        genuine(ledger, node, &id, &frame, "relayed");
        consumes(ledger, node, inbox_id);
    })
}

fn settled(settlement: &Settlement) -> Write {
    let id = settlement.id.clone();
    let declined = settlement.event == OutEvent::Declining;
    let not: Vec<u32> = settlement.not_accepted.iter().map(|n| n.position).collect();
    let rejected: Vec<RecordId> = settlement.not_accepted.iter().map(|n| n.id.clone()).collect();
    let inbox_id = settlement.inbox_id;
    Box::new(move |ledger, node| {
        consumes(ledger, node, inbox_id);
        ledger.lives += 1;
        closes(ledger, node, &id);
        // What was not taken may be said again in the same words.
        for record in &rejected {
            ledger.book(node).contents.remove(&name(record));
        }
        let twice = !ledger.book(node).settled.insert(id.clone());
        ledger.holds(!twice, S2, node, || format!("{id} was settled twice"));
        let all = ledger.members.get(&id).filter(|_| !declined);
        let own = all.and_then(|all| all.iter().rev().find(|(by, _)| by == node));
        // What a second machine has of the first is the first's.
        let own = own.or_else(|| all.and_then(|all| all.first()));
        let Some(members) = own.map(|(_, members)| Arc::clone(members)) else { return };
        let to = id.route.destination.clone();
        for (at, digest) in members.iter().enumerate() {
            let accepted = !not.contains(&(at as u32));
            let kept = ledger.ever_kept.get(&to).is_some_and(|kept| kept.contains(digest));
            ledger.holds(!accepted || kept, S4, node, || {
                format!("record {at} of {id} is accepted, and {to} never kept it")
            });
        }
    })
}

fn refused(refused: &RefusedParcel) -> Write {
    let code = refused.code.clone();
    Box::new(move |ledger, _| *ledger.refused.entry(code).or_default() += 1)
}

fn consumed(inbox_id: i64) -> Write {
    Box::new(move |ledger, node| consumes(ledger, node, inbox_id))
}

/// What an inbox row asked for was done: its bytes must be those that their origin sealed.
fn consumes(ledger: &mut Ledger, node: &NodeCode, inbox_id: i64) {
    let claimed = ledger.book(node).claimed.remove(&inbox_id);
    if let Some((id, false)) = claimed {
        ledger.breaks(S7, node, format!("{id} did not verify, and was heeded"));
    }
}

fn delivered(sink: &str, watermark: i64) -> Write {
    let sink = sink.to_owned();
    Box::new(move |ledger, node| {
        let book = ledger.book(node);
        let before = book.watermarks.insert(sink.clone(), watermark).unwrap_or(i64::MIN);
        ledger.holds(before <= watermark, S5, node, || {
            format!("the watermark of `{sink}` went back from {before} to {watermark}")
        });
        let Some(shelf) = ledger.shelves.get(node).cloned() else { return };
        let wrong = sink::look(&shelf).wrong.clone();
        if let Some(wrong) = wrong {
            ledger.breaks(S6, node, format!("`{sink}` was given {wrong}"));
        }
    })
}
