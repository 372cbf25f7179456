//! Files that lie in the clear, and why: a line in the audit chain whenever that begins, ends, or gets
//! another reason.

use canon::Millis;
use store::{AuditEvent, SharedStore};

use crate::error::WorkError;
use crate::standing;

/// Under this prefix stands what lies in the clear, with its reason.
const PLAIN: &str = "plain/";

/// Holds what the configuration says against what stood before; `lying` are places with their reasons.
pub async fn told(
    store: &SharedStore,
    lying: &[(String, String)],
    now: Millis,
) -> Result<(), WorkError> {
    let before = standing::read::<String>(store, PLAIN).await?;
    for (place, reason) in lying {
        if before.iter().any(|(what, was)| what == place && was == reason) {
            continue;
        }
        line(store, "plain.begun", place, reason, now).await?;
        standing::put(store, &format!("{PLAIN}{place}"), reason, now).await?;
    }
    for (place, reason) in before {
        if lying.iter().all(|(what, _)| *what != place) {
            line(store, "plain.ended", &place, &reason, now).await?;
            store.stand(&format!("{PLAIN}{place}"), None, now).await?;
        }
    }
    Ok(())
}

async fn line(
    store: &SharedStore,
    action: &str,
    place: &str,
    reason: &str,
    now: Millis,
) -> Result<(), WorkError> {
    let event = AuditEvent {
        at: now,
        who: "configuration".into(),
        action: action.into(),
        subject: place.into(),
        reason: reason.into(),
        ok: true,
    };
    Ok(store.audit(event).await?)
}
