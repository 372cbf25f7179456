//! What an operator does, from wherever it is asked: a page, the API, a script. Each act needs a power
//! and a reason, and leaves a line in the audit chain, done or not.

use axum::http::StatusCode;
use canon::{Day, EnvelopeId, Millis, NodeCode};
use exchange::reconcile::heal;
use exchange::{guard, resubmit};
use store::lifecycle::OutEvent;
use store::{AuditEvent, EventOn, ProblemAction};

use crate::access::{Power, Who};
use crate::error::PageError;
use crate::hall::Hall;
use crate::house::Errand;

/// Longest reason, characters.
pub const REASON_CHARS_MAX: usize = 500;
/// Most problems that one act is about.
pub const ACT_PROBLEMS_MAX: usize = 10_000;
const DAY: i64 = 86_400_000;

/// What is done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Act {
    /// Nothing goes out by this link until it is resumed.
    PauseLink(String),
    /// It goes on.
    ResumeLink(String),
    /// Nothing is read from this source until it is resumed.
    PauseAdapter(String),
    /// It goes on.
    ResumeAdapter(String),
    /// 退回来源单位: problems go back to the unit they came from, with so many days to correct them.
    Return {
        /// Which.
        problems: Vec<i64>,
        /// Days; none is `return_days` of the limits.
        days: Option<i64>,
    },
    /// 重报: collected anew, after a rule or a code table was mended.
    Resubmit(Vec<i64>),
    /// 停报: withdrawn.
    Void(Vec<i64>),
    /// 补传: what a receiver lacks of a day is sent again.
    Heal {
        /// The day.
        day: Day,
        /// The receiver.
        to: NodeCode,
    },
    /// An envelope that was given up is sent again, the same bytes.
    Reopen(EnvelopeId),
    /// 历史补报: a source's rows of a time are read again, as history.
    Backfill {
        /// The adapter.
        adapter: String,
        /// First day.
        from: Day,
        /// Last day, itself included.
        to: Day,
    },
    /// Maintenance here until then; in the past, it is over.
    Maintenance {
        /// Until then.
        until: Millis,
        /// What those beneath are told.
        text: String,
    },
}

impl Act {
    /// What it needs.
    pub const fn power(&self) -> Power {
        match self {
            Self::PauseLink(_)
            | Self::ResumeLink(_)
            | Self::PauseAdapter(_)
            | Self::ResumeAdapter(_)
            | Self::Backfill { .. }
            | Self::Maintenance { .. } => Power::Flow,
            Self::Return { .. }
            | Self::Resubmit(_)
            | Self::Void(_)
            | Self::Heal { .. }
            | Self::Reopen(_) => Power::Problems,
        }
    }

    /// Its word in the audit chain.
    pub const fn word(&self) -> &'static str {
        match self {
            Self::PauseLink(_) => "pause.link",
            Self::ResumeLink(_) => "resume.link",
            Self::PauseAdapter(_) => "pause.adapter",
            Self::ResumeAdapter(_) => "resume.adapter",
            Self::Return { .. } => "quarantine.return",
            Self::Resubmit(_) => "quarantine.resubmit",
            Self::Void(_) => "quarantine.void",
            Self::Heal { .. } => "reconcile.heal",
            Self::Reopen(_) => "reopen.envelope",
            Self::Backfill { .. } => "backfill.order",
            Self::Maintenance { .. } => "notice.maintenance",
        }
    }

    /// On what.
    pub fn subject(&self) -> String {
        match self {
            Self::PauseLink(name)
            | Self::ResumeLink(name)
            | Self::PauseAdapter(name)
            | Self::ResumeAdapter(name) => name.clone(),
            Self::Return { problems, .. } | Self::Resubmit(problems) | Self::Void(problems) => {
                let all: Vec<String> = problems.iter().map(i64::to_string).collect();
                all.join(",")
            }
            Self::Heal { day, to } => format!("{day} {to}"),
            Self::Reopen(id) => id.to_string(),
            Self::Backfill { adapter, from, to } => format!("{adapter} {from}..{to}"),
            Self::Maintenance { until, .. } => until.to_string(),
        }
    }
}

/// The reason somebody gives; everything that is done has one.
///
/// # Errors
/// There is none, or it is too long.
pub(crate) fn reasoned(reason: &str) -> Result<&str, PageError> {
    let reason = reason.trim();
    if reason.is_empty() || reason.chars().count() > REASON_CHARS_MAX {
        return Err(PageError::bad(
            format!("say why, in at most {REASON_CHARS_MAX} characters"),
            format!("请填写原因，不超过 {REASON_CHARS_MAX} 字"),
        ));
    }
    Ok(reason)
}

impl Hall {
    /// Does it, for somebody, for a reason. Returns how much changed.
    ///
    /// # Errors
    /// They may not, there is no reason, there is no such thing, or the store does not answer.
    pub async fn act(&self, who: &Who, act: &Act, reason: &str) -> Result<u64, PageError> {
        let event = |reason: &str, ok| AuditEvent {
            at: self.now(),
            who: who.account.to_string(),
            action: act.word().to_owned(),
            subject: act.subject(),
            reason: reason.to_owned(),
            ok,
        };
        if !who.may(act.power()) {
            self.store().audit(event("admin.forbidden", false)).await?;
            return Err(PageError::of(StatusCode::FORBIDDEN, "admin.forbidden"));
        }
        let reason = reasoned(reason)?;
        self.known(who, act).await?;
        let done = self.done(who, act, reason, event(reason, true)).await;
        if let Err(error) = &done {
            self.store().audit(event(error.code, false)).await?;
        }
        done
    }

    /// Refuses what is not there, and what is not within somebody's scope.
    async fn known(&self, who: &Who, act: &Act) -> Result<(), PageError> {
        match act {
            Act::PauseLink(link) | Act::ResumeLink(link) if self.node.link(link).is_none() => {
                Err(PageError::gone(
                    format!("there is no link `{link}`"),
                    format!("没有链路『{link}』"),
                ))
            }
            Act::PauseAdapter(name)
            | Act::ResumeAdapter(name)
            | Act::Backfill { adapter: name, .. }
                if !self.node.adapters.contains_key(name) =>
            {
                Err(PageError::gone(
                    format!("there is no adapter `{name}`"),
                    format!("没有适配器『{name}』"),
                ))
            }
            Act::Return { problems, .. } | Act::Resubmit(problems) | Act::Void(problems) => {
                self.owned(who, problems).await
            }
            _ => Ok(()),
        }
    }

    /// Problems that are not within somebody's scope are not theirs to act on.
    async fn owned(&self, who: &Who, problems: &[i64]) -> Result<(), PageError> {
        if problems.is_empty() || problems.len() > ACT_PROBLEMS_MAX {
            return Err(PageError::bad(
                format!("choose between 1 and {ACT_PROBLEMS_MAX} entries"),
                format!("请选择 1 到 {ACT_PROBLEMS_MAX} 条"),
            ));
        }
        if who.scope.units.is_empty() {
            return Ok(());
        }
        for number in problems {
            let item = crate::page::problems::one(self, *number).await?;
            if !who.scope.has_unit(&item.adapter) {
                return Err(PageError::of(StatusCode::FORBIDDEN, "admin.out_of_scope"));
            }
        }
        Ok(())
    }

    async fn done(
        &self,
        who: &Who,
        act: &Act,
        reason: &str,
        event: AuditEvent,
    ) -> Result<u64, PageError> {
        let (store, now) = (self.store(), event.at);
        let by = who.account.as_ref();
        // Some facts carry their own line of the audit chain; the others get it here.
        match act {
            Act::Return { problems, days } => {
                let days = days.unwrap_or(self.return_days);
                let action = ProblemAction::Return { deadline: now.plus(days * DAY) };
                return Ok(store.act_on_problems(problems, action, event).await?);
            }
            Act::Resubmit(problems) => return Ok(resubmit::order(store, problems, event).await?),
            Act::Void(problems) => {
                return Ok(store.act_on_problems(problems, ProblemAction::Void, event).await?);
            }
            Act::Heal { day, to } => {
                heal::order(store, *day, (&self.node.code, to), (by, reason), now).await?;
                return Ok(1);
            }
            Act::PauseLink(link) => store.pause_link(link, Some(reason), now).await?,
            Act::ResumeLink(link) => store.pause_link(link, None, now).await?,
            Act::PauseAdapter(name) => store.pause_adapter(name, Some(reason), now).await?,
            Act::ResumeAdapter(name) => {
                let _was_held = guard::resume(store, name, now).await?;
            }
            Act::Reopen(id) => self.reopen(id, now).await?,
            Act::Backfill { adapter, from, to } => {
                let (adapter, by) = (adapter.clone(), by.to_owned());
                let errand = Errand::Backfill { adapter, from: *from, to: *to, by };
                self.house.ask(&errand, now).await?;
            }
            Act::Maintenance { until, text } => {
                let (text, by) = (text.clone(), by.to_owned());
                let errand = Errand::Maintenance { until: *until, text, by };
                self.house.ask(&errand, now).await?;
            }
        }
        store.audit(event).await?;
        Ok(1)
    }

    async fn reopen(&self, id: &EnvelopeId, now: Millis) -> Result<(), PageError> {
        let busy = || PageError::of(StatusCode::SERVICE_UNAVAILABLE, "admin.busy");
        let lease = self.node.lease("settle", now).await?.ok_or_else(busy)?;
        let event = EventOn {
            event: OutEvent::Reopened,
            reason: None,
            due_at: Some(now),
            controls: Vec::new(),
            inbox_id: None,
            now,
        };
        if self.store().commit_event(&lease, id, event).await? {
            return Ok(());
        }
        Err(PageError::gone(
            format!("`{id}` was not given up: there is nothing to reopen"),
            format!("报文 {id} 未停发，无需重新打开"),
        ))
    }
}
