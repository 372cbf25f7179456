//! Outcomes on their way back to the source rows.

use std::collections::{BTreeMap, BTreeSet};

use canon::Millis;
use sqlx::postgres::PgConnection;

use super::columns::place;
use super::conn::{Columns, fit, len, q, sorted};
use super::handle::{Handle, Txn};
use super::problems::owner_text;
use super::sql;
use crate::error::StoreError;
use crate::types::*;

/// Flags from the best to the worst.
const FLAGS: [&str; 4] = ["accepted", "superseded", "rejected", "returned"];
/// Number of the flag `returned`.
pub(super) const RETURNED: i64 = 3;

/// When a row whose records are not all final is looked at again. A receipt for one of them, or a
/// person who acts on one, makes it due at once.
const LOOK_AGAIN_MS: i64 = 60_000;

/// A source row: word of the adapter, row key.
type SourceRow<'a> = (i64, &'a str);

/// Queues a write-back, or changes the queued one.
pub(super) async fn queue(
    handle: &Handle,
    txn: &mut PgConnection,
    (adapter, row): SourceRow<'_>,
    flag: i64,
    text: &str,
    now: Millis,
) -> Result<(), StoreError> {
    let one = [((adapter, row), (flag, text.to_owned()))];
    put(handle, txn, one.iter().map(|(row, outcome)| (row, outcome)), now).await
}

async fn put<'w>(
    handle: &Handle,
    txn: &mut PgConnection,
    rows: impl Iterator<Item = (&'w SourceRow<'w>, &'w (i64, String))>,
    now: Millis,
) -> Result<(), StoreError> {
    let (mut adapters, mut keys, mut flags, mut texts) =
        (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for ((adapter, row), (flag, text)) in rows {
        adapters.push(*adapter);
        keys.push((*row).to_owned());
        flags.push(*flag);
        texts.push(text.clone());
    }
    if keys.is_empty() {
        return Ok(());
    }
    let statement = q(sql::WRITE_BACKS_PUT).bind(handle.ident).bind(adapters).bind(keys);
    statement.bind(flags).bind(texts).bind(now.0).execute(txn).await?;
    Ok(())
}

/// One record of a source row as its write-back sees it.
struct RowRecord {
    place: Place,
    latest: bool,
    problem: Option<(String, String)>,
}

impl RowRecord {
    /// How bad its outcome is, if there is one.
    fn flag(&self) -> Option<i64> {
        if self.problem.as_ref().is_some_and(|(state, _)| state == "returned") {
            return Some(RETURNED);
        }
        match self.place {
            Place::Accepted => Some(0),
            Place::Superseded => Some(1),
            Place::Rejected => Some(2),
            _ => None,
        }
    }

    /// Nothing of it is under way, and it does not let its row look accepted while it is held.
    fn is_final(&self) -> bool {
        match self.place {
            Place::Waiting
            | Place::Staged
            | Place::InFlight
            | Place::AwaitingReview
            | Place::Dead => false,
            Place::Quarantined => {
                !self.latest || self.problem.as_ref().is_none_or(|(state, _)| state != "held")
            }
            Place::Accepted | Place::Superseded | Place::Rejected | Place::Voided => true,
        }
    }
}

/// The records of these source rows.
async fn records(
    handle: &Handle,
    conn: &mut PgConnection,
    adapter: i64,
    rows: &[&str],
) -> Result<BTreeMap<String, Vec<RowRecord>>, StoreError> {
    let statement = q(sql::ROW_RECORDS).bind(handle.ident).bind(adapter).bind(sorted(rows));
    let mut records = BTreeMap::<String, Vec<RowRecord>>::new();
    for row in statement.fetch_all(conn).await? {
        let problem = row.text_opt(3)?.zip(row.text_opt(4)?);
        records.entry(row.text(0)?.to_owned()).or_default().push(RowRecord {
            place: place(row.int(1)?)?,
            latest: row.int(2)? != 0,
            problem: problem.map(|(state, violations)| (state.to_owned(), violations.to_owned())),
        });
    }
    Ok(records)
}

/// Outcomes of a receipt for source rows: the worst of each row, with what is known of its other
/// records.
pub(super) async fn outcomes(
    handle: &Handle,
    txn: &mut Txn<'_>,
    rows: &[RowOutcome],
) -> Result<(), StoreError> {
    let mut worst = BTreeMap::<SourceRow<'_>, (i64, String)>::new();
    for row in rows {
        let flag = match row.outcome {
            None => 0,
            Some(FinalOutcome::Superseded) => 1,
            Some(FinalOutcome::Rejected) => 2,
            // Not final: the row waits for the record that goes up again.
            Some(FinalOutcome::ParentMissing) => continue,
        };
        let adapter = handle.words().word(&row.adapter)?;
        let known = worst.entry((adapter, &row.row)).or_insert_with(|| (flag, row.text.clone()));
        if flag > known.0 {
            *known = (flag, row.text.clone());
        }
    }
    let adapters: BTreeSet<i64> = worst.keys().map(|(adapter, _)| *adapter).collect();
    for adapter in adapters {
        let of: Vec<&str> = worst.keys().filter(|k| k.0 == adapter).map(|k| k.1).collect();
        let known = records(handle, txn, adapter, &of).await?;
        for ((_, row), outcome) in worst.iter_mut().filter(|(k, _)| k.0 == adapter) {
            for record in known.get(*row).into_iter().flatten().filter(|r| r.latest) {
                let Some(flag) = record.flag().filter(|flag| *flag > outcome.0) else { continue };
                let said = record.problem.as_ref();
                let text = said.map_or(Ok(String::new()), |(_, v)| owner_text(v))?;
                *outcome = (flag, text);
            }
        }
    }
    let now = txn.now;
    put(handle, txn, worst.iter(), now).await
}

/// Write-backs due: those of rows whose records are all final, or that a person returned.
pub(super) async fn due(
    handle: &Handle,
    adapter: &str,
    now: Millis,
    limit: u32,
) -> Result<Vec<WriteBackDue>, StoreError> {
    let Some(word) = handle.find(adapter).await? else { return Ok(Vec::new()) };
    let now = handle.clock(now);
    let mut conn = handle.conn().await?;
    let (mut due, mut later) = (Vec::<WriteBackDue>::new(), Vec::new());
    let mut after = None::<String>;
    while due.len() < limit as usize {
        let statement = q(sql::WRITE_BACKS).bind(handle.ident).bind(word).bind(now.0);
        let statement = statement.bind(after.clone()).bind(i64::from(limit));
        let rows = statement.fetch_all(&mut *conn).await?;
        let Some(last) = rows.last() else { break };
        after = Some(last.text(0)?.to_owned());
        let keys = rows.iter().map(|r| r.text(0)).collect::<Result<Vec<_>, _>>()?;
        let records = records(handle, &mut conn, word, &keys).await?;
        for row in &rows {
            let flag = row.int(1)?;
            let known = records.get(row.text(0)?);
            let is_final = known.is_none_or(|r| r.iter().all(RowRecord::is_final));
            if flag != RETURNED && !is_final {
                later.push(row.text(0)?.to_owned());
            } else if due.len() < limit as usize {
                let at: usize = fit(flag)?;
                due.push(WriteBackDue {
                    row: row.text(0)?.to_owned(),
                    flag: FLAGS.get(at).copied().unwrap_or_default().to_owned(),
                    text: row.text(2)?.to_owned(),
                    attempts: row.num(3)?,
                });
            }
        }
    }
    drop(conn);
    if !later.is_empty() && handle.writes() {
        let mut txn = handle.begin(None, None).await?;
        let statement = q(sql::WRITE_BACKS_LATER).bind(handle.ident).bind(word);
        let statement = statement.bind(later).bind(now.plus(LOOK_AGAIN_MS).0);
        statement.execute(&mut *txn).await?;
        txn.commit().await?;
    }
    Ok(due)
}

/// A person acted on a problem of this row: it may be final now.
pub(super) async fn look_again(
    handle: &Handle,
    txn: &mut PgConnection,
    (adapter, row): SourceRow<'_>,
    now: Millis,
) -> Result<(), StoreError> {
    let statement = q(sql::WRITE_BACK_NOW).bind(handle.ident).bind(adapter).bind(row);
    statement.bind(now.0).execute(txn).await?;
    Ok(())
}

/// What became of write-backs.
pub(super) async fn commit(
    handle: &Handle,
    adapter: &str,
    done: &[WriteBackDone],
    now: Millis,
) -> Result<(), StoreError> {
    let Some(word) = handle.find(adapter).await? else { return Ok(()) };
    let (mut rows, mut flags, mut reasons, mut due) =
        (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for one in done {
        let Some(flag) = FLAGS.iter().position(|f| *f == one.flag) else { continue };
        rows.push(one.row.as_str());
        flags.push(len(flag));
        reasons.push(one.failed.as_ref().map(|(reason, _)| reason.as_str()));
        due.push(one.failed.as_ref().map(|(_, next)| next.0));
    }
    let mut txn = handle.begin(None, Some(now)).await?;
    let statement = q(sql::WRITE_BACKS_DONE).bind(handle.ident).bind(word).bind(rows).bind(flags);
    statement.bind(reasons).bind(due).execute(&mut *txn).await?;
    txn.commit().await?;
    handle.barrier().await
}
