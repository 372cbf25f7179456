//! Outcomes on their way back to the source rows.

use std::collections::{BTreeMap, BTreeSet};

use canon::Millis;
use sqlx::postgres::PgConnection;

use super::conn::{Columns, fit, len, q, sorted};
use super::handle::{Handle, Txn};
use super::sql;
use crate::error::StoreError;
pub(super) use crate::packed::write_back::RETURNED;
use crate::packed::write_back::{FLAGS, RowRecord, SourceRow, told, worsen, worst_of};
use crate::types::*;

/// When a row whose records are not all final is looked at again. A receipt for one of them, or a
/// person who acts on one, makes it due at once.
const LOOK_AGAIN_MS: i64 = 60_000;

/// A person returned a problem of this row.
pub(super) async fn returned(
    handle: &Handle,
    txn: &mut PgConnection,
    (adapter, row): SourceRow<'_>,
    text: String,
    now: Millis,
) -> Result<(), StoreError> {
    let known = records(handle, txn, adapter, &[row]).await?;
    let text = told(RETURNED, text, known.get(row).map_or(&[], Vec::as_slice))?;
    let one = [((adapter, row), (RETURNED, text))];
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
        let of = records.entry(row.text(0)?.to_owned()).or_default();
        of.push(RowRecord::read(handle.words(), &row)?);
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
    let mut worst = worst_of(handle.words(), rows)?;
    let adapters: BTreeSet<i64> = worst.keys().map(|(adapter, _)| *adapter).collect();
    for adapter in adapters {
        let of: Vec<&str> = worst.keys().filter(|k| k.0 == adapter).map(|k| k.1).collect();
        let known = records(handle, txn, adapter, &of).await?;
        for ((_, row), outcome) in worst.iter_mut().filter(|(k, _)| k.0 == adapter) {
            worsen(outcome, known.get(*row))?;
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
