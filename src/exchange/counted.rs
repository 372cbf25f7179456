//! Whether a source has rows that were never read (未抽取): after a full pass over a table that is compared, the
//! source is asked how many rows it has, and that is held against the rows the pass has seen.

use canon::Millis;
use serde::{Deserialize, Serialize};
use store::SharedStore;

use crate::adapter::Adapter;
use crate::error::WorkError;
use crate::standing;

/// Under this prefix stands what sources said, by adapter and table.
pub const COUNTED: &str = "counted/";
/// How often a source is asked where nothing was missing, ms: a count may read the whole table.
const EVERY: i64 = 3_600_000;

/// What a source said of a table after a full pass.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counted {
    /// Adapter.
    pub adapter: String,
    /// Table, as the package calls it.
    pub table: String,
    /// When it was asked.
    pub at: Millis,
    /// Rows it has.
    pub rows: u64,
    /// Rows that the pass has seen.
    pub seen: u64,
}

impl Counted {
    /// Rows that were not read. Rows that came since the pass are among them until the next.
    pub const fn unextracted(&self) -> u64 {
        self.rows.saturating_sub(self.seen)
    }
}

/// Asks after a full pass, where the source can tell.
pub(crate) async fn after_pass(
    store: &SharedStore,
    adapter: &mut Adapter,
    (table, pass): (u16, u64),
    now: Millis,
) -> Result<(), WorkError> {
    let name = format!("{COUNTED}{}/{table}", adapter.name);
    let before: Option<Counted> = standing::one(store, &name).await?;
    if before.is_some_and(|b| b.unextracted() == 0 && now.since(b.at) < EVERY) {
        return Ok(());
    }
    let counts = adapter.source().count().await;
    let name_of = adapter.name.to_string();
    let counts = counts.map_err(|source| WorkError::Source { adapter: name_of, source })?;
    let Some(count) = counts.into_iter().find(|c| c.table == table) else { return Ok(()) };
    let seen = store.rows_seen(&adapter.name, &adapter.row_name(table, ""), pass).await?;
    let (adapter, table, rows) = (adapter.name.to_string(), count.name, count.rows);
    standing::put(store, &name, &Counted { adapter, table, at: now, rows, seen }, now).await
}

/// What every source said last, in adapter order.
pub async fn all(store: &SharedStore) -> Result<Vec<Counted>, WorkError> {
    Ok(standing::read(store, COUNTED).await?.into_iter().map(|(_, counted)| counted).collect())
}
