//! settle's half that speaks with other nodes: inquiries and what they are answered, a receiver that
//! asks to wait, sequences that never come, maintenance above.

use std::collections::BTreeMap;

use canon::{EnvelopeId, Millis};
use envelope::control::{
    Answer, AuthorityPart, HeldState, Inquiry, Notice, QualityNotice, Stated, VouchedFor,
};
use envelope::{Kind, Opened, SenderCert, Skipped};
use store::{AuditEvent, EventOn, InboxParcel, Lease, NeverComing, OutEvent, OutState};

use crate::adopt;
use crate::control;
use crate::error::WorkError;
use crate::gate::Refusal;
use crate::heed::{self, Voice};
use crate::passages;
use crate::recall;
use crate::reconcile::{self, narrow};
use crate::returned;
use crate::settle::Settle;
use crate::standing::{self, Hold, Maintenance};

/// Code of a notice that says when a node above is under maintenance.
pub const MAINTENANCE: &str = "notice.maintenance";

/// Envelopes of one gap inquiry answered in one turn.
const GAP_ANSWERS_MAX: u32 = 256;

impl Settle {
    pub(crate) async fn inquiry(
        &self,
        lease: &Lease,
        parcel: &InboxParcel,
        opened: &Opened<'_>,
        now: Millis,
    ) -> Result<Option<Refusal>, WorkError> {
        let asker = &opened.head.from;
        let mut answers = Vec::new();
        for fragment in &opened.fragments {
            match Inquiry::read(fragment) {
                Ok(Inquiry::Status(id)) if id.sender == *asker => {
                    answers.push(self.status_of(lease, &id, now).await?.write());
                }
                Ok(Inquiry::Gap { sender, epoch, route, first, last })
                    if sender == self.node.code && route.destination == *asker =>
                {
                    let skipped = self.fill_gap(lease, epoch, &route, (first, last), now).await?;
                    answers.extend(skipped.into_iter().map(|skipped| {
                        let (sender, route) = (sender.clone(), route.clone());
                        Answer::Skipped { sender, epoch, route, skipped }.write()
                    }));
                }
                Ok(Inquiry::Judged { epoch, after })
                    if after.as_ref().is_none_or(|a| a.sender == *asker) =>
                {
                    answers.extend(adopt::answer(&self.node, asker, (epoch, after), now).await?);
                }
                Ok(Inquiry::Recall(asked)) => {
                    recall::recalled(&self.node, lease, parcel, asker, asked, now).await?;
                    return Ok(None);
                }
                Ok(Inquiry::Narrow(asked)) => {
                    let inbox_id = parcel.inbox_id;
                    return reconcile::narrowed(&self.node, inbox_id, asker, asked, now).await;
                }
                Ok(Inquiry::Names(asked)) => {
                    let inbox_id = parcel.inbox_id;
                    return reconcile::names(&self.node, inbox_id, asker, asked, now).await;
                }
                Ok(
                    Inquiry::Status(_)
                    | Inquiry::Gap { .. }
                    | Inquiry::Versions { .. }
                    | Inquiry::Judged { .. },
                )
                | Err(_) => {
                    return Ok(Some(Refusal::new(
                        "inquiry.not_yours",
                        "about another node's parcels",
                    )));
                }
            }
        }
        if !answers.is_empty() {
            let content = control::content(Kind::Answer, asker, now.day(), &answers);
            self.node.store.queue_controls(vec![content], now).await?;
        }
        self.node.store.drop_inbox(lease, parcel.inbox_id).await?;
        Ok(None)
    }

    /// What this node, the destination, knows of an envelope; a judged one gets its receipt again.
    async fn status_of(
        &self,
        lease: &Lease,
        id: &EnvelopeId,
        now: Millis,
    ) -> Result<Answer, WorkError> {
        if self.node.store.admission(id).await?.is_none() {
            if self.node.store.awaiting(id).await?.is_some() {
                // A platform has the word; the receipt comes when it has spoken.
                let (envelope, state) = (id.clone(), HeldState::Admitted);
                return Ok(Answer::Held { envelope, state });
            }
            return Ok(Answer::Unknown(id.clone()));
        }
        self.node.store.receipt_again(lease, id, now).await?;
        Ok(Answer::Held { envelope: id.clone(), state: HeldState::Judged })
    }

    /// Sends again what can come, and says which sequences never will.
    async fn fill_gap(
        &self,
        lease: &Lease,
        epoch: u32,
        route: &canon::Route,
        (first, last): (u64, u64),
        now: Millis,
    ) -> Result<Vec<Skipped>, WorkError> {
        let counters = self.node.store.counters(route).await?;
        if epoch != counters.epoch {
            let cause = "skipped.epoch_ended".to_owned();
            return Ok(if epoch < counters.epoch {
                vec![Skipped { first, last, cause }]
            } else {
                Vec::new()
            });
        }
        // What was never numbered is no gap of ours.
        let last = last.min(counters.next_sequence.saturating_sub(1));
        let own = self.node.store.outbound_range(route, first, last, GAP_ANSWERS_MAX).await?;
        let cut_off = own.len() == GAP_ANSWERS_MAX as usize;
        let answered = own.last().filter(|_| cut_off).map_or(last, |e| e.id.sequence);
        let mut states = BTreeMap::new();
        for envelope in own {
            states.insert(envelope.id.sequence, envelope.state);
            let event = OutEvent::Resend;
            self.event(lease, &envelope.id, event, "receiver.gap", now, now).await?;
        }
        Ok(skipped(first, answered, &states))
    }

    pub(crate) async fn answer(
        &self,
        lease: &Lease,
        parcel: &InboxParcel,
        (opened, cert): (&Opened<'_>, &SenderCert),
        now: Millis,
    ) -> Result<Option<Refusal>, WorkError> {
        let from = &opened.head.from;
        let mut holds: BTreeMap<canon::Route, Millis> = BTreeMap::new();
        let (mut parts, mut page) = (Vec::new(), None);
        for fragment in &opened.fragments {
            match Answer::read(fragment) {
                Ok(Answer::Judged(part)) => parts.push(part),
                Ok(Answer::JudgedPage(end)) => page = Some(end),
                Ok(Answer::Recalled(said)) => {
                    recall::promised(&self.node, from, &said, now).await?
                }
                Ok(Answer::Narrowed(said)) => {
                    let inbox_id = parcel.inbox_id;
                    narrow::narrowed(&self.node, inbox_id, from, said, now).await?;
                    return Ok(None);
                }
                Ok(Answer::Named(said)) => {
                    narrow::named(&self.node, parcel.inbox_id, from, said, now).await?;
                    return Ok(None);
                }
                // Only the destination's word is final; a holder's "unknown" says nothing.
                Ok(Answer::Unknown(id))
                    if id.sender == self.node.code && opened.head.from == id.route.destination =>
                {
                    self.event(lease, &id, OutEvent::Resend, "receiver.unknown", now, now).await?;
                }
                Ok(Answer::Defer { envelope, until }) if self.may_defer(&envelope, cert)? => {
                    let until = until.min(now.plus(self.node.limits.defer_max));
                    let event = OutEvent::Deferred;
                    self.event(lease, &envelope, event, "receiver.defer", until, now).await?;
                    let hold = holds.entry(envelope.route).or_insert(until);
                    *hold = until.max(*hold);
                }
                Ok(Answer::Skipped { sender, epoch, route, skipped })
                    if sender == *from && route.destination == self.node.code =>
                {
                    let Skipped { first, last, cause } = skipped;
                    let never = NeverComing { sender, epoch, route, first, last };
                    self.never_comes(lease, &never, &cause, now).await?;
                }
                Ok(
                    Answer::Unknown(_)
                    | Answer::Defer { .. }
                    | Answer::Held { .. }
                    | Answer::Skipped { .. }
                    | Answer::Versions { .. },
                ) => {}
                Err(refuse) => return Ok(Some(refuse.into())),
            }
        }
        for (route, until) in holds {
            let hold = Hold { until, reason: "receiver.defer".into(), by: from.clone() };
            standing::put(&self.node.store, &standing::hold_of(&route), &hold, now).await?;
            self.node.fair.changed();
        }
        if let Some(page) = page {
            adopt::adopted(&self.node, lease, parcel, from, parts, page, now).await?;
            return Ok(None);
        }
        self.node.store.drop_inbox(lease, parcel.inbox_id).await?;
        Ok(None)
    }

    /// Whether a node may make an own envelope wait: its destination, or whoever lies on its way.
    fn may_defer(&self, envelope: &EnvelopeId, cert: &SenderCert) -> Result<bool, WorkError> {
        let link = self.node.link_to(&envelope.route.destination);
        let ours = envelope.sender == self.node.code;
        Ok(ours && heed::voice(&self.node, cert, envelope, link)? != Voice::Stranger)
    }

    /// The gap is closed by its sender's own signed word, which the audit keeps.
    async fn never_comes(
        &self,
        lease: &Lease,
        never: &NeverComing,
        cause: &str,
        now: Millis,
    ) -> Result<(), WorkError> {
        self.node.store.close_gap(lease, never, now).await?;
        let NeverComing { sender, epoch, route, first, last } = never;
        let event = AuditEvent {
            at: now,
            who: "settle".into(),
            action: "gap.skipped".into(),
            subject: format!("{sender}/{epoch}/{route}/{first}-{last}"),
            reason: cause.to_owned(),
            ok: true,
        };
        Ok(self.node.store.audit(event).await?)
    }

    async fn event(
        &self,
        lease: &Lease,
        id: &EnvelopeId,
        event: OutEvent,
        reason: &str,
        due_at: Millis,
        now: Millis,
    ) -> Result<(), WorkError> {
        let on = EventOn {
            event,
            reason: Some(reason.to_owned()),
            due_at: Some(due_at),
            controls: Vec::new(),
            inbox_id: None,
            now,
        };
        // No such step in the lifecycle means that the answer came too late to matter.
        let _moved: bool = self.node.store.commit_event(lease, id, on).await?;
        Ok(())
    }

    pub(crate) async fn notice(
        &self,
        lease: &Lease,
        parcel: &InboxParcel,
        opened: &Opened<'_>,
        now: Millis,
    ) -> Result<Option<Refusal>, WorkError> {
        let from = &opened.head.from;
        // Only whoever lies above may silence what lies below, and return what it accepted.
        let above = self.node.link(&parcel.arrived.link).is_some_and(|l| l.parent);
        let quality: Result<Vec<QualityNotice>, _> =
            opened.fragments.iter().map(|f| QualityNotice::read(f)).collect();
        if let Ok(quality) = quality {
            if above {
                returned::received(&self.node.store, from, quality, now).await?;
            }
            return self
                .drop_with_audit(lease, parcel, "notice.received", returned::QUALITY, now)
                .await;
        }
        let table: Result<Vec<AuthorityPart>, _> =
            opened.fragments.iter().map(|f| AuthorityPart::read(f)).collect();
        if let Some(parts) = table.ok().filter(|parts| !parts.is_empty()) {
            return self.node.authority_came(lease, parcel, &parts, now).await;
        }
        let laid: Result<Vec<VouchedFor>, _> =
            opened.fragments.iter().map(|f| VouchedFor::read(f)).collect();
        if let Some(laid) = laid.ok().filter(|laid| !laid.is_empty()) {
            if let Some(refusal) = passages::came(&self.node, opened, laid, now).await? {
                return Ok(Some(refusal));
            }
            return self.drop_with_audit(lease, parcel, "notice.received", "hop.laid", now).await;
        }
        let stated: Result<Vec<Stated>, _> =
            opened.fragments.iter().map(|f| Stated::read(f)).collect();
        if let Some(stated) = stated.ok().filter(|stated| !stated.is_empty()) {
            return reconcile::stated(&self.node, parcel.inbox_id, from, stated, now).await;
        }
        let Some(notice) = opened.fragments.first().and_then(|f| Notice::read(f).ok()) else {
            return Ok(Some(Refusal::new("envelope.malformed", "notice")));
        };
        if let Some(until) = notice.until.filter(|_| above && notice.code == MAINTENANCE) {
            let name = format!("{}{from}", standing::MAINTENANCE);
            if until > now {
                let text = notice.text.clone();
                let maintenance = Maintenance { from: notice.from.unwrap_or(now), until, text };
                standing::put(&self.node.store, &name, &maintenance, now).await?;
            } else {
                self.node.store.stand(&name, None, now).await?;
            }
            self.node.fair.changed();
        }
        self.drop_with_audit(lease, parcel, "notice.received", &notice.code, now).await
    }
}

/// Sequences of a range that never come: given up here, or not here at all.
fn skipped(first: u64, last: u64, states: &BTreeMap<u64, OutState>) -> Vec<Skipped> {
    let mut found: Vec<Skipped> = Vec::new();
    let mut put = |first: u64, last: u64, cause: &str| match found.last_mut() {
        Some(before) if before.cause == cause && before.last + 1 == first => before.last = last,
        _ => found.push(Skipped { first, last, cause: cause.to_owned() }),
    };
    let mut next = first;
    for (sequence, state) in states {
        if next < *sequence {
            put(next, sequence - 1, "skipped.not_kept");
        }
        match state {
            OutState::Dead => put(*sequence, *sequence, "skipped.given_up"),
            // Whoever still asks has lost it, and gets its records in another envelope.
            OutState::Settled | OutState::Declined => put(*sequence, *sequence, "skipped.settled"),
            OutState::Numbered
            | OutState::Sealed
            | OutState::Sent
            | OutState::RetryWait
            | OutState::Unknown => {}
        }
        next = sequence + 1;
    }
    if next <= last {
        put(next, last, "skipped.not_kept");
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_never_comes_is_said_in_runs_of_one_cause() {
        let states = BTreeMap::from([
            (3, OutState::Sealed),
            (4, OutState::Dead),
            (5, OutState::Dead),
            (6, OutState::Settled),
        ]);
        let said: Vec<_> =
            skipped(1, 9, &states).into_iter().map(|s| (s.first, s.last, s.cause)).collect();
        let run = |first, last, cause: &str| (first, last, cause.to_owned());
        assert_eq!(
            said,
            [
                run(1, 2, "skipped.not_kept"),
                run(4, 5, "skipped.given_up"),
                run(6, 6, "skipped.settled"),
                run(7, 9, "skipped.not_kept"),
            ]
        );
        assert!(skipped(3, 3, &BTreeMap::from([(3, OutState::Sealed)])).is_empty());
    }
}
