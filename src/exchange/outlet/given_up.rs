//! Records that a platform never answers, given up one by one by a named person.
//!
//! The order stands in the store until the outlet's worker, which alone speaks for the platform, has
//! written the answer down. The receipt says whose word it is: ours, not the platform's.

use canon::{Millis, RecordId};
use serde::{Deserialize, Serialize};
use store::{AuditEvent, Lease, SharedStore, Submission, SubmissionStep, Submitted, Verdict};

use super::Outlet;
use super::speak::answer;
use crate::error::WorkError;
use crate::standing;

/// Under this prefix stand orders: `give_up/RECORD`.
const GIVE_UP: &str = "give_up/";
/// The code of a record that was given up.
pub const GIVEN_UP: &str = "platform.given_up";

/// An order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct GiveUp {
    /// Operator code.
    by: String,
    /// Why.
    reason: String,
}

/// Submissions of a record that the platform has not answered.
async fn open(store: &SharedStore, record: &RecordId) -> Result<Vec<Submission>, WorkError> {
    let mut rows = store.submissions(&[record.key.root()]).await?;
    rows.retain(|row| row.id == *record && row.step != SubmissionStep::Answered);
    Ok(rows)
}

/// Orders that a record is given up. How often it waits for the platform here: never, or once as a rule.
pub async fn give_up(
    store: &SharedStore,
    record: &RecordId,
    (by, reason): (&str, &str),
    now: Millis,
) -> Result<u64, WorkError> {
    let waits = open(store, record).await?.len() as u64;
    if waits > 0 {
        let order = GiveUp { by: by.to_owned(), reason: reason.to_owned() };
        standing::put(store, &format!("{GIVE_UP}{record}"), &order, now).await?;
    }
    Ok(waits)
}

impl Outlet {
    /// Does what was ordered.
    pub(super) async fn give_up(&mut self, lease: &Lease, now: Millis) -> Result<(), WorkError> {
        if self.waiting == 0 {
            return Ok(());
        }
        let store = self.node.store.clone();
        for (name, order) in standing::read::<GiveUp>(&store, GIVE_UP).await? {
            let own = || WorkError::Own(format!("{GIVE_UP}{name}"));
            let record = RecordId::parse(&name).ok_or_else(own)?;
            let GiveUp { by, reason } = order;
            let said = format!("{by}：{reason}");
            let rows = open(&store, &record).await?;
            let done: Vec<Submitted> = rows
                .iter()
                .map(|row| answer(row, Verdict::Refused, GIVEN_UP, said.clone(), now))
                .collect();
            let event = AuditEvent {
                at: now,
                who: by,
                action: "outlet.given_up".into(),
                subject: name.clone(),
                reason,
                // The platform may have spoken meanwhile: then its word stands.
                ok: !done.is_empty(),
            };
            self.commit(lease, done, now).await?;
            store.audit(event).await?;
            store.stand(&format!("{GIVE_UP}{name}"), None, now).await?;
        }
        Ok(())
    }
}
