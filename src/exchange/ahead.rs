//! Rows that a source dates ahead of the clock. Each is collected, but its time is no mark to go on from, so
//! that it is read again at each interval until its time comes: people are told.

use std::collections::BTreeMap;
use std::sync::Arc;

use canon::Millis;
use edge::Ahead;
use serde::{Deserialize, Serialize};
use store::SharedStore;

use crate::error::WorkError;
use crate::standing;

/// Prefix of what is told: `ahead/ADAPTER/TABLE`.
const AHEAD: &str = "ahead/";

/// Rows of one table that are dated ahead.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AheadSeen {
    /// How many, in the last pass.
    pub rows: u64,
    /// The earliest of their times, as the source writes it.
    pub first: String,
}

/// What is told of every adapter of a node: its name, the table, the rows.
pub async fn all(store: &SharedStore) -> Result<Vec<(String, String, AheadSeen)>, WorkError> {
    let found = standing::read::<AheadSeen>(store, AHEAD).await?;
    let parts = found.into_iter().filter_map(|(name, seen)| {
        let (adapter, table) = name.split_once('/')?;
        Some((adapter.to_owned(), table.to_owned(), seen))
    });
    Ok(parts.collect())
}

/// Watches the pages of one adapter.
#[derive(Default)]
pub(crate) struct Watch {
    /// Of the passes under way, by table.
    running: BTreeMap<Arc<str>, AheadSeen>,
    /// As it stands; none until it was read under this lease.
    told: Option<BTreeMap<String, AheadSeen>>,
}

impl Watch {
    /// A page was collected: at the end of a pass its rows are told, or taken back.
    pub(crate) async fn page(
        &mut self,
        (store, adapter): (&SharedStore, &str),
        (table, ahead): (&Arc<str>, &Ahead),
        now: Millis,
    ) -> Result<(), WorkError> {
        let seen = self.running.entry(Arc::clone(table)).or_default();
        let first = ahead.first.clone().filter(|f| seen.rows == 0 || *f < seen.first);
        seen.first = first.unwrap_or_else(|| std::mem::take(&mut seen.first));
        seen.rows += ahead.rows;
        if !ahead.ended {
            return Ok(());
        }
        let seen = self.running.remove(table).filter(|seen| seen.rows > 0);
        self.tell((store, adapter), table, seen, now).await
    }

    /// Nothing is read at all: no row is ahead.
    pub(crate) async fn idle(
        &mut self,
        (store, adapter): (&SharedStore, &str),
        now: Millis,
    ) -> Result<(), WorkError> {
        let told: Vec<String> = self.told((store, adapter)).await?.keys().cloned().collect();
        for table in told {
            self.tell((store, adapter), &table, None, now).await?;
        }
        Ok(())
    }

    async fn tell(
        &mut self,
        (store, adapter): (&SharedStore, &str),
        table: &str,
        seen: Option<AheadSeen>,
        now: Millis,
    ) -> Result<(), WorkError> {
        let told = self.told((store, adapter)).await?;
        if told.get(table) == seen.as_ref() {
            return Ok(());
        }
        let name = format!("{AHEAD}{adapter}/{table}");
        match seen {
            Some(seen) => {
                standing::put(store, &name, &seen, now).await?;
                told.insert(table.to_owned(), seen);
            }
            None => {
                store.stand(&name, None, now).await?;
                told.remove(table);
            }
        }
        Ok(())
    }

    async fn told(
        &mut self,
        (store, adapter): (&SharedStore, &str),
    ) -> Result<&mut BTreeMap<String, AheadSeen>, WorkError> {
        if self.told.is_none() {
            let found = standing::read(store, &format!("{AHEAD}{adapter}/")).await?;
            self.told = Some(found.into_iter().collect());
        }
        Ok(self.told.get_or_insert_default())
    }
}
