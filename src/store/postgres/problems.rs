//! Problems (问题数据): what is held here, what was rejected above, what was refused.

use std::collections::BTreeSet;

use canon::{Day, RecordId};
use sqlx::postgres::{PgConnection, PgRow};

use super::codec::{Entry, digest_out};
use super::conn::{Columns, len, q};
use super::handle::{Handle, Txn, blob, put_blob};
use super::tally::{self, Line, OWN, Tallies};
use super::{people, sql, write_back};
use crate::error::StoreError;
pub(super) use crate::packed::problems::{ListedAt, Rejection};
use crate::packed::problems::{item, key_columns, owner_text, refusal_out, violations_out};
use crate::types::*;

/// Lists the rows of a page that are not held already, their bytes under the numbers from `raws`
/// on; gives them back with their strand (0 without a key).
pub(super) async fn hold<'p>(
    handle: &Handle,
    txn: &mut Txn<'_>,
    tallies: &mut Tallies,
    quarantined: &'p [NewQuarantine],
    raws: i64,
) -> Result<Vec<(&'p NewQuarantine, i64)>, StoreError> {
    let mut listed = Vec::new();
    let (now, epoch, words) = (txn.now, txn.epoch, handle.words());
    for (nth, new) in quarantined.iter().enumerate() {
        let adapter = words.word(&new.adapter)?;
        let route = words.route_word(&new.route)?;
        let strand = |id: &RecordId| words.strand_to(&id.kind, &new.route.destination);
        let kind = new.id.as_ref().map(strand).transpose()?;
        let (root, part) = key_columns(new.id.as_ref());
        let digest = digest_out(&new.row_digest);
        let known = q(sql::PROBLEM_HELD).bind(handle.ident).bind(adapter).bind(&digest);
        let known = known.bind(root).bind(kind).bind(part).fetch_optional(&mut **txn).await?;
        if known.is_some() {
            continue;
        }
        if let Some(id) = &new.id {
            let highest = q(sql::HIGHEST).bind(handle.ident).bind(root).bind(kind).bind(part);
            let highest = highest.fetch_one(&mut **txn).await?.int_opt(0)?.unwrap_or_default();
            if highest >= i64::from(id.version) {
                let detail = format!("{id} is not above version {highest}");
                return Err(StoreError::Conflict { what: "version", detail });
            }
        }
        let raw = raws + len(nth);
        put_blob(txn, raw, &new.raw).await?;
        let statement = q(sql::PROBLEM_ADD).bind(handle.ident).bind("quarantined").bind("held");
        let statement = statement.bind(adapter).bind(route).bind(epoch).bind(i64::from(new.day.0));
        let statement = statement.bind(new.reference.as_str()).bind(new.source_row.as_deref());
        let statement = statement.bind(digest).bind(root).bind(kind).bind(part);
        let statement = statement.bind(new.id.as_ref().map(|id| i64::from(id.version)));
        let statement = statement.bind(violations_out(&new.violations)?).bind(raw).bind(now.0);
        statement.bind(None::<i64>).execute(&mut **txn).await?;
        if let Some(kind) = kind {
            let line = Line::own(words, new.day, (route, epoch), words.kind_of(kind)?)?;
            tallies.add(line, Place::Quarantined, 1);
        }
        listed.push((new, kind.unwrap_or(0)));
    }
    Ok(listed)
}

/// Lists rejected records with the quarantined ones, in this order, all in one statement.
pub(super) async fn list_rejected(
    handle: &Handle,
    txn: &mut Txn<'_>,
    rejected: &[(&Entry<'_>, ListedAt, Rejection<'_>)],
) -> Result<(), StoreError> {
    if rejected.is_empty() {
        return Ok(());
    }
    let number = |column: fn(&Entry<'_>, &ListedAt) -> i64| -> Vec<i64> {
        rejected.iter().map(|(entry, at, _)| column(entry, at)).collect()
    };
    let rows: Vec<Option<&str>> = rejected.iter().map(|(e, ..)| e.source_row).collect();
    let roots: Vec<&str> = rejected.iter().map(|(e, ..)| e.root).collect();
    let parts: Vec<&str> = rejected.iter().map(|(e, ..)| e.part).collect();
    let violations: Result<Vec<String>, StoreError> =
        rejected.iter().map(|(_, _, why)| why.violation_out()).collect();
    let statement = q(sql::REJECTED_ADD).bind(handle.ident).bind(txn.now.0);
    let statement = statement.bind(number(|_, at| at.adapter)).bind(number(|_, at| at.route));
    let statement = statement.bind(number(|_, at| at.epoch));
    let statement = statement.bind(number(|_, at| i64::from(at.day.0))).bind(rows).bind(roots);
    let strands: Result<Vec<i64>, StoreError> =
        rejected.iter().map(|(e, at, _)| handle.words().strand(e.kind, at.route)).collect();
    let statement = statement.bind(strands?).bind(parts);
    let statement = statement.bind(number(|entry, _| i64::from(entry.version)));
    statement.bind(violations?).execute(&mut **txn).await?;
    Ok(())
}

/// Lists a parcel that was set aside; its frame is the raw part.
pub(super) async fn list_refused(
    handle: &Handle,
    txn: &mut Txn<'_>,
    reference: &str,
    refused: &RefusedParcel,
    frame: i64,
) -> Result<(), StoreError> {
    let (none, now) = (None::<i64>, txn.now);
    let statement = q(sql::PROBLEM_ADD).bind(handle.ident).bind("refused").bind("held");
    let statement = statement.bind(none).bind(none).bind(none).bind(i64::from(now.day().0));
    let statement = statement.bind(reference);
    let statement = statement.bind(None::<&str>).bind(None::<Vec<u8>>).bind(None::<&str>);
    let statement = statement.bind(none).bind(None::<&str>).bind(none);
    let statement = statement.bind(refusal_out(refused)?).bind(frame).bind(now.0);
    statement.bind(none).execute(&mut **txn).await?;
    Ok(())
}

/// Lists problems.
pub(super) async fn list(
    handle: &Handle,
    filter: &ProblemFilter,
) -> Result<Vec<ProblemItem>, StoreError> {
    let adapter = match &filter.adapter {
        None => None,
        // A word that nothing has: 0.
        Some(name) if !name.is_empty() => Some(handle.find(name).await?.unwrap_or(0)),
        Some(_) => Some(-1),
    };
    let mut conn = handle.conn().await?;
    let statement = q(sql::PROBLEMS).bind(handle.ident).bind(filter.after);
    let statement = statement.bind(filter.state.clone()).bind(adapter);
    let statement = statement.bind(filter.rule.clone()).bind(i64::from(filter.limit));
    let rows = statement.fetch_all(&mut *conn).await?;
    rows.iter().map(|row| item(handle.words(), row)).collect()
}

/// The raw row or parcel of a problem; a rejected record's fragment lies in its envelope's frame.
pub(super) async fn raw(handle: &Handle, number: i64) -> Result<Option<Vec<u8>>, StoreError> {
    let mut conn = handle.conn().await?;
    let row = q(sql::PROBLEM_RAW).bind(handle.ident).bind(number);
    let row = row.fetch_optional(&mut *conn).await?;
    match row.map(|r| r.int_opt(0)).transpose()?.flatten() {
        None => Ok(None),
        Some(number) => Ok(Some(blob(&mut conn, number).await?).filter(|raw| !raw.is_empty())),
    }
}

/// Acts on problems and audits it.
pub(super) async fn act(
    handle: &Handle,
    numbers: &[i64],
    action: &ProblemAction,
    audit: &AuditEvent,
) -> Result<u64, StoreError> {
    let mut txn = handle.begin(None, Some(audit.at)).await?;
    let mut tallies = Tallies::new(handle.ident, OWN);
    let mut changed = 0;
    for number in numbers.iter().copied().collect::<BTreeSet<_>>() {
        changed += u64::from(act_on(handle, &mut txn, &mut tallies, number, action).await?);
    }
    tally::write(tallies, &mut txn).await?;
    let audit = AuditEvent { at: txn.now, ok: audit.ok && changed > 0, ..audit.clone() };
    people::append_audit(handle, &mut txn, &audit).await?;
    txn.commit().await?;
    handle.barrier().await?;
    Ok(changed)
}

async fn act_on(
    handle: &Handle,
    txn: &mut Txn<'_>,
    tallies: &mut Tallies,
    number: i64,
    action: &ProblemAction,
) -> Result<bool, StoreError> {
    let row = q(sql::PROBLEM).bind(handle.ident).bind(number).fetch_optional(&mut **txn).await?;
    let Some(row) = row else { return Ok(false) };
    let open = matches!(row.text(1)?, "held" | "returned" | "resubmitted");
    let parcel = row.text(0)? == "refused";
    if !open || (parcel && !matches!(action, ProblemAction::Void)) {
        return Ok(false);
    }
    let (state, deadline) = match action {
        ProblemAction::Return { deadline } => ("returned", Some(deadline.0)),
        ProblemAction::Resubmit => ("resubmitted", None),
        ProblemAction::Void => ("voided", None),
    };
    let statement = q(sql::PROBLEM_STATE).bind(handle.ident).bind(number).bind(state);
    statement.bind(deadline).execute(&mut **txn).await?;
    let source = row.int_opt(2)?.zip(row.text_opt(3)?);
    let now = txn.now;
    if let Some(source) = source {
        write_back::look_again(handle, txn, source, now).await?;
    }
    match action {
        ProblemAction::Return { .. } => {
            if let Some((adapter, source)) = source {
                let text = owner_text(row.text(11)?)?;
                write_back::returned(handle, txn, (adapter, source), text, now).await?;
            }
        }
        ProblemAction::Resubmit => {
            if let Some(root) = row.text_opt(4)? {
                let statement = q(sql::RECORD_FORGET).bind(handle.ident).bind(root);
                let statement = statement.bind(row.int(5)?).bind(row.text(6)?);
                statement.execute(&mut **txn).await?;
            }
            if let Some((adapter, source)) = source {
                let statement = q(sql::SOURCE_ROW_FORGET).bind(handle.ident).bind(adapter);
                statement.bind(source).execute(&mut **txn).await?;
            }
        }
        ProblemAction::Void => void(handle, txn, tallies, &row).await?,
    }
    Ok(true)
}

/// Withdraws the record of a problem (停报).
async fn void(
    handle: &Handle,
    txn: &mut PgConnection,
    tallies: &mut Tallies,
    row: &PgRow,
) -> Result<(), StoreError> {
    let Some(root) = row.text_opt(4)? else { return Ok(()) };
    let (kind, part, version) = (row.int(5)?, row.text(6)?, row.int(7)?);
    let from = if row.text(0)? == "rejected" { Place::Rejected } else { Place::Quarantined };
    let statement = q(sql::RECORD_PLACE).bind(handle.ident).bind(root).bind(kind).bind(part);
    statement.bind(version).bind(Place::Voided as i64).execute(txn).await?;
    let words = handle.words();
    let at = (row.int(8)?, row.int(9)?);
    let line = Line::own(words, Day(row.num(10)?), at, words.kind_of(kind)?)?;
    tallies.shift(line, from, Place::Voided, 1);
    Ok(())
}
