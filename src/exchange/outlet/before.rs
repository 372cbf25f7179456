//! What a judgement at an outlet stands on besides kept rows: what the platform has said, and what of
//! the same cases is still on its way to it.

use canon::RecordId;
use canon::format::{Format, Parsed};
use edge::outlet::{NotMade, Target};
use envelope::{Note, Outcome, OutcomeLine};
use store::{PlatformAnswer, SharedStore, Submission, SubmissionStep, Verdict};

use super::GIVEN_UP;
use crate::error::WorkError;
use crate::judge::{Decided, Known};

/// An envelope that is judged at an outlet.
pub(crate) struct Asker<'a> {
    /// Its inbox row.
    pub(crate) inbox_id: i64,
    /// The platform.
    pub(crate) target: &'a Target,
}

impl<'a> Asker<'a> {
    /// What stands of its cases now.
    pub(crate) async fn before(
        &self,
        store: &SharedStore,
        roots: &[&str],
    ) -> Result<Before<'a>, WorkError> {
        let rows = store.submissions(roots).await?;
        let turn = rows.iter().find(|r| r.inbox_id == self.inbox_id).map(|r| r.turn);
        Ok(Before { inbox_id: self.inbox_id, target: self.target, rows, turn })
    }
}

/// What stands of an envelope's cases at an outlet.
pub(crate) struct Before<'a> {
    inbox_id: i64,
    target: &'a Target,
    rows: Vec<Submission>,
    turn: Option<i64>,
}

/// How a record lies to others that are on their way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Relation {
    /// It is not handed over before this one is answered.
    hold: Option<(i64, u32)>,
    /// It is not kept before this one.
    stand: Option<(i64, u32)>,
}

impl Relation {
    /// Its parent, or an earlier version of it.
    pub(crate) fn stands_on(&mut self, known: &Known) {
        let Some(on) = known.on_its_way else { return };
        let place = if on.taken { &mut self.stand } else { &mut self.hold };
        place.get_or_insert(on.at);
    }

    /// The same record, whatever becomes of it.
    pub(crate) fn behind(&mut self, at: (i64, u32)) {
        self.hold = Some(at);
    }
}

impl Before<'_> {
    /// Records of other envelopes that began to wait before this one; those that were refused are as
    /// if they had never come.
    pub(crate) fn of_others(&self) -> impl Iterator<Item = &Submission> {
        let before = move |row: &&Submission| {
            row.inbox_id != self.inbox_id && self.turn.is_none_or(|own| row.turn < own)
        };
        let refused = |row: &&Submission| {
            row.step == SubmissionStep::Answered
                && row.answer.as_ref().is_none_or(|a| a.verdict != Verdict::Taken)
        };
        self.rows.iter().filter(before).filter(move |row| !refused(row))
    }

    /// The outcome of a record that nothing kept decides: what the platform said, or that it has to be
    /// asked. `judged` is our own judgement; with `true` what is wrong is only a warning.
    pub(crate) fn decide(
        &self,
        position: u32,
        (parsed, id, format): (&Parsed, &RecordId, &Format),
        relation: Relation,
        judged: impl Fn(bool) -> (OutcomeLine, bool),
    ) -> Decided {
        let at = (self.inbox_id, position);
        let own = self.rows.iter().find(|r| (r.inbox_id, r.position) == at);
        match own.map(|own| (own.step, &own.answer)) {
            Some((SubmissionStep::Answered, Some(answer))) => {
                return match relation.stand.or(relation.hold) {
                    Some(on) => {
                        let step = SubmissionStep::Answered;
                        Decided::Asked { at, step, after: Some(on) }
                    }
                    None => answered(position, answer, judged),
                };
            }
            Some((step, _)) if step.is_open() => {
                return Decided::Asked { at, step, after: own.and_then(|own| own.after) };
            }
            _ => {}
        }
        if let Some(on) = relation.hold {
            return Decided::Asked { at, step: SubmissionStep::Held, after: Some(on) };
        }
        let (line, accepted) = judged(false);
        if !accepted {
            return Decided::Final(line, false);
        }
        match self.target.make(id, parsed, format) {
            Ok(_) => Decided::Asked { at, step: SubmissionStep::Due, after: relation.stand },
            Err(not_made) => Decided::Final(refused(position, not_made), false),
        }
    }
}

/// The platform's word as an outcome.
fn answered(
    position: u32,
    answer: &PlatformAnswer,
    judged: impl Fn(bool) -> (OutcomeLine, bool),
) -> Decided {
    let said = Some(answer.said.clone()).filter(|said| !said.is_empty());
    match answer.verdict {
        Verdict::Taken => {
            let (mut line, accepted) = judged(true);
            line.said = said;
            Decided::Final(line, accepted)
        }
        Verdict::Refused | Verdict::Again => {
            let mut line = OutcomeLine::with_code(position, Outcome::Rejected, &answer.code);
            if answer.code == GIVEN_UP {
                // Nobody's word but ours: the platform has said nothing.
                let words =
                    format!("平台始终未答复，本节点人员放弃（{}），平台可能已收到", answer.said);
                line.text = Some(words);
                return Decided::Final(line, false);
            }
            line.text = Some(format!("平台答复（由本节点记录）：{}", answer.said));
            line.said = said;
            Decided::Final(line, false)
        }
    }
}

/// Refused here, because the platform's format has no place for it: the platform was not asked.
pub(super) fn refused(position: u32, not_made: NotMade) -> OutcomeLine {
    let code = match &not_made {
        NotMade::Type => "platform.type_unknown",
        NotMade::Void => "platform.no_void",
        NotMade::Values(_) => "platform.form",
    };
    let mut line = OutcomeLine::with_code(position, Outcome::Rejected, code);
    line.text = canon::code(code).map(|c| c.zh.to_owned());
    if let NotMade::Values(found) = not_made {
        line.field = found.first().map(|v| v.field.to_string());
        line.text = found.first().map(|v| v.zh.clone());
        line.notes = found
            .iter()
            .take(8)
            .map(|v| Note {
                code: v.rule.to_string(),
                field: v.field.to_string(),
                text: v.zh.clone(),
            })
            .collect();
    }
    line
}
