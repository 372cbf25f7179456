//! Problems (问题数据): what is held here, what was rejected above, what was refused.

use std::collections::BTreeSet;

use canon::{Day, Millis, RecordId};
use sqlx::sqlite::{SqliteConnection, SqliteRow};

use super::codec::{Entry, digest_out};
use super::conn::{Columns, q};
use super::handle::{Handle, blob};
use super::tally::{self, Line, OWN, Tallies};
use super::{people, sql, write_back};
use crate::error::StoreError;
pub(super) use crate::packed::problems::{ListedAt, Rejection};
use crate::packed::problems::{item, key_columns, owner_text, refusal_out, violations_out};
use crate::types::*;

/// Lists the rows of a page that are not held already; gives them back with their strand
/// (0 without a key).
pub(super) async fn hold<'p>(
    handle: &Handle,
    txn: &mut SqliteConnection,
    tallies: &mut Tallies,
    quarantined: &'p [NewQuarantine],
    now: Millis,
) -> Result<Vec<(&'p NewQuarantine, i64)>, StoreError> {
    let mut listed = Vec::new();
    if quarantined.is_empty() {
        return Ok(listed);
    }
    let epoch = handle.epoch();
    let words = handle.words();
    for new in quarantined {
        let adapter = words.word(&new.adapter)?;
        let route = words.route_word(&new.route)?;
        let strand = |id: &RecordId| words.strand_to(&id.kind, &new.route.destination);
        let kind = new.id.as_ref().map(strand).transpose()?;
        let (root, part) = key_columns(new.id.as_ref());
        let digest = digest_out(&new.row_digest);
        let known = q(sql::PROBLEM_HELD).bind(handle.ident).bind(adapter).bind(&digest);
        let known = known.bind(root).bind(kind).bind(part).fetch_optional(&mut *txn).await?;
        if known.is_some() {
            continue;
        }
        if let Some(id) = &new.id {
            let highest = q(sql::HIGHEST).bind(handle.ident).bind(root).bind(kind).bind(part);
            let highest = highest.fetch_one(&mut *txn).await?.int_opt(0)?.unwrap_or_default();
            if highest >= i64::from(id.version) {
                let detail = format!("{id} is not above version {highest}");
                return Err(StoreError::Conflict { what: "version", detail });
            }
        }
        let raw = handle.put_blob(txn, new.raw.clone()).await?;
        let statement = q(sql::PROBLEM_ADD).bind(handle.ident).bind("quarantined").bind("held");
        let statement = statement.bind(adapter).bind(route).bind(epoch).bind(i64::from(new.day.0));
        let statement = statement.bind(new.reference.as_str()).bind(new.source_row.clone());
        let statement = statement.bind(digest).bind(root).bind(kind).bind(part);
        let statement = statement.bind(new.id.as_ref().map(|id| i64::from(id.version)));
        let statement = statement.bind(violations_out(&new.violations)?).bind(raw).bind(now.0);
        statement.bind(None::<i64>).execute(&mut *txn).await?;
        if let Some(kind) = kind {
            let line = Line::own(words, new.day, (route, epoch), words.kind_of(kind)?)?;
            tallies.add(line, Place::Quarantined, 1);
        }
        listed.push((new, kind.unwrap_or(0)));
    }
    Ok(listed)
}

/// Lists a rejected record with the quarantined ones.
pub(super) async fn list_rejected(
    handle: &Handle,
    txn: &mut SqliteConnection,
    entry: &Entry<'_>,
    at: &ListedAt,
    why: &Rejection<'_>,
    now: Millis,
) -> Result<(), StoreError> {
    let version = i64::from(entry.version);
    let strand = handle.words().strand(entry.kind, at.route)?;
    let newer = q(sql::NEWER_VERSION).bind(handle.ident).bind(entry.root).bind(strand);
    let newer = newer.bind(entry.part).bind(version).fetch_one(&mut *txn).await?.int_opt(0)?;
    let state = if newer.is_some() { "cured" } else { "held" };
    let statement = q(sql::PROBLEM_ADD).bind(handle.ident).bind("rejected").bind(state);
    let statement =
        statement.bind(at.adapter).bind(at.route).bind(at.epoch).bind(i64::from(at.day.0));
    let statement = statement.bind(entry.source_row.unwrap_or("")).bind(entry.source_row);
    let statement = statement.bind(None::<Vec<u8>>).bind(entry.root).bind(strand);
    let statement = statement.bind(entry.part).bind(version);
    let statement = statement.bind(why.violation_out()?).bind(None::<i64>).bind(now.0);
    statement.bind(newer).execute(txn).await?;
    Ok(())
}

/// Lists a parcel that was set aside; its frame is the raw part.
pub(super) async fn list_refused(
    handle: &Handle,
    txn: &mut SqliteConnection,
    reference: &str,
    refused: &RefusedParcel,
    frame: i64,
    now: Millis,
) -> Result<(), StoreError> {
    let none = None::<i64>;
    let statement = q(sql::PROBLEM_ADD).bind(handle.ident).bind("refused").bind("held");
    let statement = statement.bind(none).bind(none).bind(none).bind(i64::from(now.day().0));
    let statement = statement.bind(reference);
    let statement = statement.bind(None::<&str>).bind(None::<Vec<u8>>).bind(None::<&str>);
    let statement = statement.bind(none).bind(None::<&str>).bind(none);
    let statement = statement.bind(refusal_out(refused)?).bind(frame).bind(now.0);
    statement.bind(none).execute(txn).await?;
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
        Some(name) if !name.is_empty() => Some(handle.words().find(name).unwrap_or(0)),
        Some(_) => Some(-1),
    };
    let mut conn = handle.reader().await?;
    let statement = q(sql::PROBLEMS).bind(handle.ident).bind(filter.after);
    let statement = statement.bind(filter.state.clone()).bind(adapter);
    let statement = statement.bind(filter.rule.clone()).bind(i64::from(filter.limit));
    let rows = statement.fetch_all(&mut *conn).await?;
    rows.iter().map(|row| item(handle.words(), row)).collect()
}

/// The raw row or parcel of a problem; a rejected record's fragment lies in its envelope's frame.
pub(super) async fn raw(handle: &Handle, number: i64) -> Result<Option<Vec<u8>>, StoreError> {
    let mut conn = handle.reader().await?;
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
    mut audit: AuditEvent,
) -> Result<u64, StoreError> {
    let mut writer = handle.writer().await;
    let (mut txn, now) = handle.begin(&mut writer, None, Some(audit.at)).await?;
    let mut tallies = Tallies::new(handle.ident, OWN);
    let mut changed = 0;
    for number in numbers.iter().copied().collect::<BTreeSet<_>>() {
        changed += u64::from(act_on(handle, &mut txn, &mut tallies, number, action, now).await?);
    }
    tally::write(tallies, &mut txn).await?;
    audit.at = now;
    audit.ok = audit.ok && changed > 0;
    people::append_audit(handle, &mut txn, &audit).await?;
    handle.commit(txn).await?;
    drop(writer);
    handle.barrier().await?;
    Ok(changed)
}

async fn act_on(
    handle: &Handle,
    txn: &mut SqliteConnection,
    tallies: &mut Tallies,
    number: i64,
    action: &ProblemAction,
    now: Millis,
) -> Result<bool, StoreError> {
    let row = q(sql::PROBLEM).bind(handle.ident).bind(number).fetch_optional(&mut *txn).await?;
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
    statement.bind(deadline).execute(&mut *txn).await?;
    let source = row.int_opt(2)?.zip(row.text_opt(3)?);
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
                statement.execute(&mut *txn).await?;
            }
            if let Some((adapter, source)) = source {
                let statement = q(sql::SOURCE_ROW_FORGET).bind(handle.ident).bind(adapter);
                statement.bind(source).execute(&mut *txn).await?;
            }
        }
        ProblemAction::Void => void(handle, txn, tallies, &row).await?,
    }
    Ok(true)
}

/// Withdraws the record of a problem (停报).
async fn void(
    handle: &Handle,
    txn: &mut SqliteConnection,
    tallies: &mut Tallies,
    row: &SqliteRow,
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
