//! The outlet's half that speaks to the platform: what is due is asked about or handed over, and what
//! was heard is written down before anything else is done.

use std::collections::BTreeMap;
use std::sync::PoisonError;

use canon::Millis;
use edge::outlet::{AnswerClass, Heard, Message, OutletError};
use serde::{Deserialize, Serialize};
use store::{Lease, PlatformAnswer, Submission, SubmissionStep, Submitted, Verdict};

use super::Outlet;
use super::before::refused;
use crate::error::WorkError;
use crate::gate;
use crate::retry;
use crate::standing;
use crate::work::Progress;

/// Longest answer that is kept word for word, characters.
pub const SAID_CHARS_MAX: usize = 1_000;

/// Under this name stands how the platform is.
pub const PLATFORM: &str = "outlet";

/// How the platform is, for commands that look from outside.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlatformSeen {
    /// Which.
    pub target: String,
    /// Why it cannot be spoken to; none while it can.
    pub code: Option<String>,
    /// The system's words, never a secret.
    pub detail: String,
    /// Since when.
    pub since: Millis,
}

/// A pause after the platform could not be spoken to.
#[derive(Debug, Default)]
pub(super) struct Rest {
    failures: u32,
    until: Option<Millis>,
    said: Option<Option<String>>,
}

impl Outlet {
    /// Speaks to the platform about what is due.
    pub(super) async fn speak(
        &mut self,
        lease: &Lease,
        now: Millis,
    ) -> Result<Progress, WorkError> {
        if self.rest.until.is_some_and(|until| now < until) {
            return Ok(Progress::IDLE);
        }
        // While it does not answer, one record asks whether it does again.
        let limit = if self.rest.failures > 0 { 1 } else { self.node.limits.outlet_batch_max };
        let due = self.node.store.submissions_due(now, limit).await?;
        if due.is_empty() {
            return Ok(Progress::IDLE);
        }
        let found = due.len();
        let messages = self.messages(lease, due, now).await?;
        let sending = |(s, _): &(Submission, Message)| s.step == SubmissionStep::Sending;
        let (asked, mut fresh): (Vec<_>, Vec<_>) = messages.into_iter().partition(sending);
        fresh.extend(self.ask(lease, asked, now).await?);
        fresh.sort_by_key(|(s, _)| (s.turn, s.position));
        if !fresh.is_empty() && self.rest.until.is_none_or(|until| until <= now) {
            self.hand(lease, fresh, now).await?;
        }
        let more = found == limit as usize && self.rest.failures == 0;
        Ok(Progress::some(found as u64, more))
    }

    /// Each due record in the platform's format. What has no form there any more is answered so.
    async fn messages(
        &mut self,
        lease: &Lease,
        due: Vec<Submission>,
        now: Millis,
    ) -> Result<Vec<(Submission, Message)>, WorkError> {
        let mut by_envelope: BTreeMap<i64, Vec<Submission>> = BTreeMap::new();
        for submission in due {
            by_envelope.entry(submission.inbox_id).or_default().push(submission);
        }
        let (mut messages, mut lost) = (Vec::new(), Vec::new());
        for (inbox_id, submissions) in by_envelope {
            let Some(parcel) = self.node.store.inbox_parcel(inbox_id).await? else { continue };
            let own = || WorkError::Own(format!("waiting envelope {}", parcel.arrived.id));
            let package = gate::package(&self.node, &super::untried(&parcel)).map_err(|_| own())?;
            let package = self.node.clear(&package).map_err(|_| own())?;
            let opened = envelope::open_clear(&package).map_err(|_| own())?;
            let format = self.node.formats.get(&opened.head.format).ok_or_else(own)?;
            for submission in submissions {
                let fragment = opened.fragments.get(submission.position as usize);
                let parsed = fragment.and_then(|f| format.parse(f).ok()).ok_or_else(own)?;
                match self.target.make(&submission.id, &parsed, format) {
                    Ok(made) => {
                        let (id, record) = (submission.message.clone(), submission.id.clone());
                        let attempts = submission.attempts;
                        messages.push((submission, Message { id, record, made, attempts }));
                    }
                    Err(not_made) => {
                        let line = refused(submission.position, not_made);
                        let code = line.code.unwrap_or_default();
                        let said = line.text.unwrap_or_default();
                        lost.push(answer(&submission, Verdict::Refused, &code, said, now));
                    }
                }
            }
        }
        self.commit(lease, lost, now).await?;
        Ok(messages)
    }

    /// Asks about what was handed over, or perhaps was. Gives back what has to be handed over again.
    async fn ask(
        &mut self,
        lease: &Lease,
        asked: Vec<(Submission, Message)>,
        now: Millis,
    ) -> Result<Vec<(Submission, Message)>, WorkError> {
        if asked.is_empty() {
            return Ok(Vec::new());
        }
        let (submissions, batch): (Vec<_>, Vec<_>) = asked.into_iter().unzip();
        let port = self.port.get_mut().unwrap_or_else(PoisonError::into_inner);
        let patience = port.patience();
        let heard = match port.ask(&batch, now).await {
            Ok(heard) => heard,
            Err(failed) => {
                self.failed(&failed, now).await?;
                return Ok(Vec::new());
            }
        };
        let (mut done, mut again) = (Vec::new(), Vec::new());
        let mut silent = false;
        for ((submission, message), heard) in submissions.into_iter().zip(batch).zip(heard) {
            match heard {
                Heard::Absent | Heard::Said(AnswerClass::Absent, _) => {
                    again.push((submission, message));
                }
                // Nothing is known that was not known before.
                Heard::NotSent(_) | Heard::Unknown(_) => silent = true,
                heard => done.push(self.became(&submission, heard, patience, now)),
            }
        }
        self.heard_something(silent && done.is_empty() && again.is_empty(), now).await?;
        self.commit(lease, done, now).await?;
        Ok(again)
    }

    /// Hands records over: first it is written down that they are perhaps there.
    async fn hand(
        &mut self,
        lease: &Lease,
        fresh: Vec<(Submission, Message)>,
        now: Millis,
    ) -> Result<(), WorkError> {
        let (mut submissions, batch): (Vec<_>, Vec<_>) = fresh.into_iter().unzip();
        for submission in &mut submissions {
            // Handed over once more because nothing was heard is the same attempt; only that there was
            // an earlier one has to be known.
            if submission.step == SubmissionStep::Due || submission.attempts < 2 {
                submission.attempts += 1;
            }
        }
        let perhaps = submissions.iter().map(|s| self.perhaps(s, now)).collect();
        self.commit(lease, perhaps, now).await?;
        let port = self.port.get_mut().unwrap_or_else(PoisonError::into_inner);
        let patience = port.patience();
        let heard = match port.hand(&batch, now).await {
            Ok(heard) => heard,
            Err(failed) => {
                self.failed(&failed, now).await?;
                vec![Heard::NotSent(failed.detail); batch.len()]
            }
        };
        let silent = heard.iter().all(|h| matches!(h, Heard::NotSent(_) | Heard::Unknown(_)));
        let done: Vec<Submitted> = submissions
            .iter()
            .zip(heard)
            .map(|(submission, heard)| self.became(submission, heard, patience, now))
            .collect();
        self.heard_something(silent, now).await?;
        self.commit(lease, done, now).await
    }

    fn perhaps(&self, submission: &Submission, now: Millis) -> Submitted {
        let due_at = retry::next(now, submission.attempts, &self.node.limits, self.node.seed);
        let step = SubmissionStep::Sending;
        let Submission { inbox_id, position, attempts, .. } = *submission;
        Submitted { inbox_id, position, step, attempts, due_at, answer: None }
    }

    /// What a record's next step is after this was heard of it.
    fn became(
        &self,
        submission: &Submission,
        heard: Heard,
        patience: i64,
        now: Millis,
    ) -> Submitted {
        let attempts = submission.attempts;
        match heard {
            Heard::Said(class, said) => self.said(submission, class, said, now),
            Heard::Waiting => {
                let due_at = now.plus(patience);
                Submitted { due_at, ..self.perhaps(submission, now) }
            }
            // Never left: no attempt was made, and it is due as soon as the platform is back.
            Heard::NotSent(_) => Submitted {
                step: SubmissionStep::Due,
                attempts: attempts.saturating_sub(1),
                due_at: now,
                ..self.perhaps(submission, now)
            },
            Heard::Unknown(_) | Heard::Absent => self.perhaps(submission, now),
        }
    }

    fn said(
        &self,
        submission: &Submission,
        class: AnswerClass,
        said: String,
        now: Millis,
    ) -> Submitted {
        let said: String = said.chars().take(SAID_CHARS_MAX).collect();
        let refused = |code: &str, said| answer(submission, Verdict::Refused, code, said, now);
        // What may be otherwise next time is tried again, so many times.
        let again = |code: &str, said| {
            let verdict = if submission.attempts >= self.node.limits.outlet_attempts_max {
                Verdict::Refused
            } else {
                Verdict::Again
            };
            let done = answer(submission, verdict, code, said, now);
            if verdict == Verdict::Refused {
                return done;
            }
            let due_at = self.perhaps(submission, now).due_at;
            Submitted { step: SubmissionStep::Due, due_at, ..done }
        };
        match class {
            AnswerClass::Taken => answer(submission, Verdict::Taken, "", said, now),
            // Our own, of which the answer was lost.
            AnswerClass::Duplicate if submission.attempts > 1 => {
                answer(submission, Verdict::Taken, "", said, now)
            }
            AnswerClass::Duplicate => refused("platform.duplicate", said),
            AnswerClass::Validation => refused("platform.validation", said),
            AnswerClass::Attachment => refused("platform.attachment_missing", said),
            AnswerClass::Denied => refused("platform.authority", said),
            AnswerClass::Refused => refused("platform.refused", said),
            AnswerClass::Parent => again("platform.parent_missing", said),
            AnswerClass::Failed => again("platform.failed", said),
            AnswerClass::Login => again("platform.denied", said),
            AnswerClass::Waiting | AnswerClass::Absent => self.perhaps(submission, now),
        }
    }

    pub(super) async fn commit(
        &mut self,
        lease: &Lease,
        done: Vec<Submitted>,
        now: Millis,
    ) -> Result<(), WorkError> {
        if done.is_empty() {
            return Ok(());
        }
        self.changed |= done.iter().any(|d| d.step == SubmissionStep::Answered);
        Ok(self.node.store.commit_submitted(lease, done, now).await?)
    }

    /// The platform was not reached at all.
    async fn failed(&mut self, failed: &OutletError, now: Millis) -> Result<(), WorkError> {
        let detail = format!("{}: {}", failed.place, failed.detail);
        self.seen(Some(failed.code), &detail, now).await?;
        self.rest(now);
        Ok(())
    }

    async fn heard_something(&mut self, silent: bool, now: Millis) -> Result<(), WorkError> {
        if silent {
            if self.rest.until.is_none_or(|until| until <= now) {
                self.seen(Some("platform.silent"), "", now).await?;
                self.rest(now);
            }
            return Ok(());
        }
        self.rest.failures = 0;
        self.rest.until = None;
        self.seen(None, "", now).await
    }

    fn rest(&mut self, now: Millis) {
        let until = retry::next(now, self.rest.failures, &self.node.limits, self.node.seed);
        self.rest.failures += 1;
        self.rest.until = Some(until);
    }

    /// Leaves in the store how the platform is, when it has changed.
    async fn seen(
        &mut self,
        code: Option<&str>,
        detail: &str,
        now: Millis,
    ) -> Result<(), WorkError> {
        let said = Some(code.map(str::to_owned));
        if self.rest.said == said {
            return Ok(());
        }
        let seen = PlatformSeen {
            target: self.target.name.clone(),
            code: code.map(str::to_owned),
            detail: detail.to_owned(),
            since: now,
        };
        standing::put(&self.node.store, PLATFORM, &seen, now).await?;
        self.rest.said = said;
        Ok(())
    }
}

/// A last answer.
pub(super) fn answer(
    submission: &Submission,
    verdict: Verdict,
    code: &str,
    said: String,
    now: Millis,
) -> Submitted {
    let Submission { inbox_id, position, attempts, .. } = *submission;
    let answer = Some(PlatformAnswer { verdict, code: code.to_owned(), said, at: now });
    let step = SubmissionStep::Answered;
    Submitted { inbox_id, position, step, attempts, due_at: now, answer }
}
