//! Facts of records on their way through an outlet.

use canon::{EnvelopeId, Millis};

use super::MemoryStore;
use super::state::*;
use crate::api::StoreFuture;
use crate::api_outlet::OutletFacts;
use crate::error::StoreError;
use crate::plain::Plain;
use crate::types::*;

impl Identity {
    /// Takes an inbox row out, and what of it waits for a platform.
    pub(super) fn take_inbox(&mut self, inbox_id: i64) -> Option<InboxRow> {
        if self.awaiting.remove(&inbox_id) {
            self.submissions.retain(|(inbox, _), _| *inbox != inbox_id);
        }
        self.inbox.remove(&inbox_id)
    }

    /// An envelope waits for the platform.
    fn submit(&mut self, lease: &Lease, submit: Submit) -> Result<(), StoreError> {
        let Submit { inbox_id, id, settled_below, records, now } = submit;
        self.check_lease(lease)?;
        self.check_inbox(inbox_id)?;
        let now = self.tick(now);
        self.see_sequence(&id, settled_below, now);
        let envelope = id;
        self.awaiting.insert(inbox_id);
        let last = self.submissions.values().map(|s| s.turn).max().unwrap_or(0);
        let mut own = self.submissions.values().filter(|s| s.inbox_id == inbox_id);
        let turn = own.next().map_or(last + 1, |s| s.turn);
        self.submissions
            .retain(|(inbox, _), s| *inbox != inbox_id || s.step != SubmissionStep::Held);
        for new in records {
            let submission = Submission {
                inbox_id,
                turn,
                envelope: envelope.clone(),
                position: new.position,
                id: new.id,
                digest: new.digest,
                facts: new.facts,
                message: new.message,
                step: new.step,
                after: new.after,
                attempts: 0,
                due_at: new.due_at,
                answer: None,
            };
            self.submissions.entry((inbox_id, new.position)).or_insert(submission);
        }
        Ok(())
    }

    fn parcel(&self, inbox_id: i64) -> Option<InboxParcel> {
        let row = self.inbox.get(&inbox_id)?;
        let InboxRow { arrived, received_at, tries } = row.clone();
        Some(InboxParcel { inbox_id, tries, received_at, arrived })
    }

    fn awaiting(&self, id: &EnvelopeId) -> Option<InboxParcel> {
        let mut parcels = self.awaiting.iter().filter_map(|inbox| self.parcel(*inbox));
        parcels.find(|p| p.arrived.id == *id)
    }

    fn submissions(&self, roots: &[&str]) -> Vec<Submission> {
        let of = |s: &&Submission| roots.contains(&s.id.key.root());
        let mut found: Vec<Submission> = self.submissions.values().filter(of).cloned().collect();
        found.sort_by_key(|s| (s.turn, s.position));
        found
    }

    fn submissions_due(&self, now: Millis, limit: u32) -> Vec<Submission> {
        let due = |s: &&Submission| s.step.is_open() && s.due_at <= now;
        let mut found: Vec<&Submission> = self.submissions.values().filter(due).collect();
        found.sort_by_key(|s| (s.due_at, s.inbox_id, s.position));
        found.into_iter().take(limit as usize).cloned().collect()
    }

    fn commit_submitted(
        &mut self,
        lease: &Lease,
        done: Vec<Submitted>,
        now: Millis,
    ) -> Result<(), StoreError> {
        self.check_lease(lease)?;
        let here = |d: &Submitted| self.submissions.contains_key(&(d.inbox_id, d.position));
        if let Some(gone) = done.iter().find(|d| !here(d)) {
            return Err(conflict("submission", format!("{}/{}", gone.inbox_id, gone.position)));
        }
        self.tick(now);
        for done in done {
            let Some(s) = self.submissions.get_mut(&(done.inbox_id, done.position)) else {
                continue;
            };
            (s.step, s.attempts, s.due_at) = (done.step, done.attempts, done.due_at);
            s.answer = done.answer.or(s.answer.take());
        }
        Ok(())
    }

    fn ripe(&self, limit: u32) -> Vec<InboxParcel> {
        let of =
            |inbox: i64| self.submissions.range((inbox, 0)..=(inbox, u32::MAX)).map(|(_, s)| s);
        let stands_on = |s: &Submission| s.after.and_then(|at| self.submissions.get(&at));
        let ripe = |inbox: &&i64| {
            let inbox = **inbox;
            let held = |s: &Submission| s.step == SubmissionStep::Held;
            let freed =
                |s: &Submission| stands_on(s).is_none_or(|on| on.step == SubmissionStep::Answered);
            of(inbox).any(|s| held(s) && freed(s))
                || of(inbox).all(|s| {
                    s.step == SubmissionStep::Answered
                        && stands_on(s).is_none_or(|on| on.inbox_id == inbox)
                })
        };
        let ripe = self.awaiting.iter().filter(ripe).filter_map(|inbox| self.parcel(*inbox));
        ripe.take(limit as usize).collect()
    }

    fn outlet_status(&self) -> OutletStatus {
        let mut status =
            OutletStatus { envelopes: self.awaiting.len() as u64, ..OutletStatus::default() };
        for submission in self.submissions.values() {
            status.steps[submission.step as usize] += 1;
        }
        let came = self.awaiting.iter().filter_map(|inbox| self.inbox.get(inbox));
        status.oldest = came.map(|row| row.received_at).min();
        status
    }
}

impl OutletFacts for MemoryStore {
    fn submit<'a>(&'a self, lease: &'a Lease, submit: Submit) -> StoreFuture<'a, ()> {
        self.with(move |s| s.submit(lease, submit.plain()))
    }
    fn awaiting<'a>(&'a self, id: &'a EnvelopeId) -> StoreFuture<'a, Option<InboxParcel>> {
        self.tell(move |s| s.awaiting(id))
    }
    fn inbox_parcel(&self, inbox_id: i64) -> StoreFuture<'_, Option<InboxParcel>> {
        self.tell(move |s| s.parcel(inbox_id))
    }
    fn submissions<'a>(&'a self, roots: &'a [&'a str]) -> StoreFuture<'a, Vec<Submission>> {
        self.tell(move |s| s.submissions(roots))
    }
    fn submissions_due(&self, now: Millis, limit: u32) -> StoreFuture<'_, Vec<Submission>> {
        self.tell(move |s| s.submissions_due(now, limit))
    }
    fn commit_submitted<'a>(
        &'a self,
        lease: &'a Lease,
        done: Vec<Submitted>,
        now: Millis,
    ) -> StoreFuture<'a, ()> {
        self.with(move |s| s.commit_submitted(lease, done.plain(), now))
    }
    fn ripe(&self, limit: u32) -> StoreFuture<'_, Vec<InboxParcel>> {
        self.tell(move |s| s.ripe(limit))
    }
    fn outlet_status(&self) -> StoreFuture<'_, OutletStatus> {
        self.tell(|s| s.outlet_status())
    }
}
