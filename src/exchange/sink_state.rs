//! How a sink is, as its worker left it in the store for people and for whoever takes over: why it does not
//! take, and the records that its place refused one by one.

use std::collections::BTreeSet;

use canon::Millis;
use edge::{Disposition, SetAside, SinkError};
use serde::{Deserialize, Serialize};
use store::{AuditEvent, SharedStore};

use crate::error::WorkError;
use crate::standing;

/// Why a sink does not take what it is given. It is gone with the next batch that is taken.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SinkSeen {
    /// Since when.
    pub since: Millis,
    /// Stable code.
    pub code: String,
    /// What was found, never a secret.
    pub detail: String,
    /// It is not tried again until somebody says so, or until the next start.
    pub halted: bool,
}

impl SinkSeen {
    /// What an error says of the sink.
    pub(crate) fn of(error: &SinkError, now: Millis) -> Self {
        Self {
            since: now,
            code: error.code().to_owned(),
            detail: error.to_string(),
            halted: error.disposition() == Disposition::Halt,
        }
    }

    /// The same again, as people see it.
    pub(crate) fn is_no_news(&self, before: &Self) -> bool {
        (&self.code, &self.detail, self.halted) == (&before.code, &before.detail, before.halted)
    }
}

/// Where it stands how a sink is.
pub fn state_of(sink: &str) -> String {
    format!("sink/{sink}/state")
}

/// Where the records stand that a sink's place refused: `sink/NAME/refused/WATERMARK`.
fn refused_prefix(sink: &str) -> String {
    format!("sink/{sink}/refused/")
}

fn refused_of(sink: &str, watermark: u64) -> String {
    // As wide as a u64 can be: names are in the order of watermarks.
    format!("{}{watermark:020}", refused_prefix(sink))
}

/// How a sink is; none while it takes.
pub async fn seen(store: &SharedStore, sink: &str) -> Result<Option<SinkSeen>, WorkError> {
    standing::one(store, &state_of(sink)).await
}

/// Records that a sink's place refused one by one, in the order in which they were given.
pub async fn refused(store: &SharedStore, sink: &str) -> Result<Vec<SetAside>, WorkError> {
    let found = standing::read::<SetAside>(store, &refused_prefix(sink)).await?;
    Ok(found.into_iter().map(|(_, one)| one).collect())
}

/// How many are listed, counted no further than `most`.
pub(crate) async fn listed(
    store: &SharedStore,
    sink: &str,
    most: usize,
) -> Result<usize, WorkError> {
    let most = u32::try_from(most).unwrap_or(u32::MAX);
    Ok(store.standing_names(&refused_prefix(sink), most).await?.len())
}

/// Lists a record that was refused, and says so in the audit chain.
pub(crate) async fn set_aside(
    store: &SharedStore,
    sink: &str,
    aside: &SetAside,
    now: Millis,
) -> Result<(), WorkError> {
    standing::put(store, &refused_of(sink, aside.watermark), aside, now).await?;
    let event = AuditEvent {
        at: now,
        who: "deliver".into(),
        action: "source.sink_set_aside".into(),
        subject: format!("{sink} {}", aside.watermark),
        reason: aside.code.clone(),
        ok: false,
    };
    Ok(store.audit(event).await?)
}

/// Lets a sink that stopped go on from where it is. How many there were to let go on: none or one.
pub async fn resume(store: &SharedStore, sink: &str, now: Millis) -> Result<u64, WorkError> {
    if !seen(store, sink).await?.is_some_and(|seen| seen.halted) {
        return Ok(0);
    }
    store.stand(&state_of(sink), None, now).await?;
    Ok(1)
}

/// Records that were refused before and have been taken since are no longer listed.
pub async fn taken(
    store: &SharedStore,
    sink: &str,
    marks: &BTreeSet<u64>,
    now: Millis,
) -> Result<u64, WorkError> {
    let listed = refused(store, sink).await?;
    let gone: Vec<&SetAside> = listed.iter().filter(|a| marks.contains(&a.watermark)).collect();
    for aside in &gone {
        store.stand(&refused_of(sink, aside.watermark), None, now).await?;
    }
    Ok(gone.len() as u64)
}
