//! collect's way back: outcomes to the rows of the source.

use std::sync::Arc;

use adapt::FlagValues;
use canon::Millis;
use edge::WriteBack;
use store::{WriteBackDone, WriteBackDue};

use crate::adapter::row_parts;
use crate::collect::Collect;
use crate::error::WorkError;
use crate::retry;
use crate::work::Progress;

/// Write-backs drained in one turn.
const WRITE_BACKS_PER_TURN: u32 = 200;

impl Collect {
    pub(crate) async fn write_back(&mut self, now: Millis) -> Result<Progress, WorkError> {
        let name = Arc::clone(&self.adapter.name);
        let due = self.node.store.write_backs(&name, now, WRITE_BACKS_PER_TURN).await?;
        if due.is_empty() {
            return Ok(Progress::IDLE);
        }
        // Rows that are linked for another reason have nobody to tell.
        let (due, silent): (Vec<_>, Vec<_>) =
            due.into_iter().partition(|d| self.adapter.writes_back(row_parts(&d.row).0));
        let items: Vec<WriteBack> = due.iter().map(|d| self.item(d)).collect();
        let said = match items.is_empty() {
            true => Ok(Vec::new()),
            false => self.adapter.source().write_back(&items).await,
        };
        let said = said.map_err(|e| self.failed(e))?;
        let silent =
            silent.into_iter().map(|d| WriteBackDone { row: d.row, flag: d.flag, failed: None });
        let done: Vec<WriteBackDone> = due
            .iter()
            .zip(said)
            .map(|(due, said)| WriteBackDone {
                row: due.row.clone(),
                flag: due.flag.clone(),
                failed: said.err().map(|e| {
                    let next = retry::next(now, due.attempts, &self.node.limits, self.node.seed);
                    (e.code().to_owned(), next)
                }),
            })
            .chain(silent)
            .collect();
        let written = done.iter().filter(|d| d.failed.is_none()).count() as u64;
        self.node.store.commit_write_backs(&name, done, now).await?;
        Ok(Progress::some(written, written == u64::from(WRITE_BACKS_PER_TURN)))
    }

    fn item(&self, due: &WriteBackDue) -> WriteBack {
        let (table, row_key) = row_parts(&due.row);
        let values =
            self.adapter.query(table).and_then(|q| q.write_back.as_ref()).map(|w| &w.values);
        WriteBack {
            table,
            row_key,
            flag: values.map_or_else(|| due.flag.clone(), |v| flag_value(v, &due.flag)),
            text: due.text.clone(),
        }
    }
}

fn flag_value(values: &FlagValues, outcome: &str) -> String {
    match outcome {
        "accepted" | "superseded" => values.accepted.clone(),
        "rejected" => values.rejected.clone(),
        _ => values.quarantined.clone(),
    }
}
