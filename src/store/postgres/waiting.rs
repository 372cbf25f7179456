//! Records that wait for their parent: who may go at once, who waits, and who is released.

use std::borrow::Cow;
use std::collections::HashSet;

use canon::{Millis, NodeCode};
use sqlx::postgres::PgConnection;

use super::collect::{Piece, put_stretches};
use super::conn::{len, q, sorted};
use super::handle::{Handle, Txn};
use super::tally::{self, Line, OWN, Tallies};
use super::{people, sql};
use crate::error::StoreError;
pub(super) use crate::packed::waiting::{Fate, NewWaiting, Staged};
use crate::packed::waiting::{Parent, Parents, Row, push, ready};
use crate::types::*;

/// When a record that could not be released is looked at again. A parent that is collected,
/// released or accepted here makes its children due at once.
const LOOK_AGAIN_MS: i64 = 60_000;

/// Where the known versions of these cases are.
async fn parents_of(
    handle: &Handle,
    txn: &mut PgConnection,
    roots: &[&str],
) -> Result<Parents, StoreError> {
    let mut parents = Parents::default();
    if roots.is_empty() {
        return Ok(parents);
    }
    let statement = q(sql::PARENTS).bind(handle.ident).bind(sorted(roots));
    for row in statement.fetch_all(txn).await? {
        parents.add(&row)?;
    }
    Ok(parents)
}

/// What becomes of a page.
pub(super) struct Plan {
    /// Each record's fate, by piece.
    pub(super) fates: Vec<Vec<Fate>>,
    /// Piece and position of what is staged, in the order of staging.
    order: Vec<(usize, usize)>,
}

/// Decides a page. A parent beside its child in the page counts once it goes itself.
pub(super) async fn plan(
    handle: &Handle,
    txn: &mut PgConnection,
    pieces: &[Piece<'_>],
) -> Result<Plan, StoreError> {
    let mut roots = Vec::new();
    for wait in pieces.iter().flat_map(|p| p.records.iter()).filter_map(|r| r.waits_for.as_ref()) {
        if wait.elsewhere.is_none() {
            roots.push(wait.key.root());
        }
    }
    let waits = !roots.is_empty();
    let parents = parents_of(handle, txn, &roots).await?;
    let mut gone = HashSet::<(i64, i64, &canon::Key)>::new();
    let (mut fates, mut order, mut open) = (Vec::new(), Vec::new(), Vec::new());
    for (p, piece) in pieces.iter().enumerate() {
        let mut of_piece = Vec::with_capacity(piece.kinds.len());
        for (i, record) in piece.records.iter().enumerate() {
            let ready = match &record.waits_for {
                None => true,
                Some(w) => ready(handle.words(), &parents, &gone, piece.route, w)?,
            };
            if ready {
                order.push((p, i));
                if waits {
                    gone.insert((piece.route, piece.strands[i], &record.id.key));
                }
            } else {
                open.push((p, i));
            }
            of_piece.push(if ready { Fate::Goes } else { Fate::Waits });
        }
        fates.push(of_piece);
    }
    loop {
        let before = open.len();
        let mut still = Vec::new();
        for (p, i) in open {
            let (piece, record) = (&pieces[p], &pieces[p].records[i]);
            let Some(wait) = &record.waits_for else { continue };
            if ready(handle.words(), &parents, &gone, piece.route, wait)? {
                fates[p][i] = Fate::Goes;
                order.push((p, i));
                gone.insert((piece.route, piece.strands[i], &record.id.key));
            } else {
                still.push((p, i));
            }
        }
        open = still;
        if open.len() == before {
            return Ok(Plan { fates, order });
        }
    }
}

/// Puts records that wait in chunks of their own (the number after the piece's), so that they do
/// not hold back the fragments of the others when those are sealed; gives the runs in the order of
/// staging.
pub(super) fn apart<'p>(pieces: Vec<Piece<'p>>, plan: Plan) -> Apart<'p> {
    let mut apart = Apart { pieces: Vec::new(), fates: Vec::new(), runs: Vec::new() };
    let mut at = Vec::with_capacity(pieces.len());
    for (piece, fates) in pieces.into_iter().zip(plan.fates) {
        let waits = fates.iter().filter(|f| **f == Fate::Waits).count();
        let here = apart.pieces.len();
        if waits == 0 || waits == fates.len() {
            at.push((0..fates.len()).map(|i| (here, i)).collect::<Vec<_>>());
            apart.pieces.push(piece);
            apart.fates.push(fates);
            continue;
        }
        let (mut records, mut bytes) = ([Vec::new(), Vec::new()], [Vec::new(), Vec::new()]);
        let (mut kinds, mut places) = ([Vec::new(), Vec::new()], Vec::with_capacity(fates.len()));
        let mut from = 0;
        let words = piece.kinds.iter().zip(&piece.strands);
        for ((record, words), fate) in piece.records.iter().zip(words).zip(&fates) {
            let which = usize::from(*fate == Fate::Waits);
            let to = from + record.len as usize;
            places.push((here + which, records[which].len()));
            bytes[which].extend_from_slice(&piece.bytes[from..to]);
            records[which].push(record.clone());
            kinds[which].push(words);
            from = to;
        }
        at.push(places);
        apart.fates.push(vec![Fate::Goes; fates.len() - waits]);
        apart.fates.push(vec![Fate::Waits; waits]);
        let parts = records.into_iter().zip(bytes).zip(kinds);
        for (chunk, ((records, bytes), kinds)) in (piece.chunk..).zip(parts) {
            let (records, bytes) = (Cow::Owned(records), Cow::Owned(bytes));
            let (kinds, strands) = kinds.into_iter().unzip();
            apart.pieces.push(Piece { records, bytes, kinds, strands, chunk, ..piece });
        }
    }
    for (p, i) in plan.order {
        let (p, i) = at[p][i];
        let piece = &apart.pieces[p];
        push(&mut apart.runs, piece.route, piece.chunk, len(i), false);
    }
    apart
}

/// A page as it is stored.
pub(super) struct Apart<'p> {
    /// Its pieces: of each, all records go or all wait.
    pub(super) pieces: Vec<Piece<'p>>,
    /// Each record's fate, by piece.
    pub(super) fates: Vec<Vec<Fate>>,
    /// What is staged, in order.
    pub(super) runs: Vec<Staged>,
}

/// Lets the records of a page wait that must.
pub(super) async fn put(
    handle: &Handle,
    txn: &mut Txn<'_>,
    pieces: &[Piece<'_>],
    fates: &[Vec<Fate>],
) -> Result<(), StoreError> {
    let mut rows = Vec::new();
    for (piece, fates) in pieces.iter().zip(fates) {
        for (i, record) in piece.records.iter().enumerate() {
            if let (Fate::Waits, Some(wait)) = (fates[i], &record.waits_for) {
                let at = (piece.chunk, len(i));
                let (kind, version) = (piece.strands[i], record.id.version);
                let (key, route) = (&record.id.key, piece.route);
                rows.push(NewWaiting { key, kind, version, at, route, wait });
            }
        }
    }
    put_rows(handle, txn, &rows).await
}

/// Lets records wait.
pub(super) async fn put_rows(
    handle: &Handle,
    txn: &mut Txn<'_>,
    rows: &[NewWaiting<'_>],
) -> Result<(), StoreError> {
    if rows.is_empty() {
        return Ok(());
    }
    txn.waits = true;
    let now = txn.now;
    let mut parents = Vec::with_capacity(rows.len());
    for row in rows {
        let to = handle.words().route(row.route)?.destination;
        parents.push(handle.words().strand_to(&row.wait.kind, &to)?);
    }
    let text = |column: for<'r> fn(&'r NewWaiting<'_>) -> &'r str| {
        rows.iter().map(column).collect::<Vec<_>>()
    };
    let number = |column: fn(&NewWaiting<'_>) -> i64| rows.iter().map(column).collect::<Vec<_>>();
    let until: Vec<_> = rows.iter().map(|r| r.wait.elsewhere.map(|e| e.until.0)).collect();
    let due = rows.iter().map(|r| r.wait.elsewhere.map_or(now, |e| e.next.min(e.until)).0);
    let statement = q(sql::WAITING_ADD).bind(handle.ident).bind(text(|r| r.wait.key.root()));
    let statement = statement.bind(parents).bind(text(|r| r.wait.key.part()));
    let statement = statement.bind(text(|r| r.key.root())).bind(number(|r| r.kind));
    let statement = statement.bind(text(|r| r.key.part())).bind(number(|r| i64::from(r.version)));
    let statement = statement.bind(number(|r| r.at.0)).bind(number(|r| r.at.1));
    let statement = statement.bind(number(|r| i64::from(r.wait.accepted))).bind(until);
    statement.bind(due.collect::<Vec<_>>()).execute(&mut **txn).await?;
    Ok(())
}

/// Stages waiting records in this order.
async fn stage(
    handle: &Handle,
    txn: &mut Txn<'_>,
    tallies: &mut Tallies,
    rows: &[(Row, bool)],
) -> Result<(), StoreError> {
    if rows.is_empty() {
        return Ok(());
    }
    let mut runs = Vec::new();
    for (row, orphan) in rows {
        push(&mut runs, row.route, row.chunk, row.idx, *orphan);
        let words = handle.words();
        let kind = words.kind_of(row.kind)?;
        let line = Line::own(words, row.day, (row.route, row.epoch), kind)?;
        tallies.shift(line, Place::Waiting, Place::Staged, 1);
    }
    drop_rows(handle, txn, rows).await?;
    put_stretches(handle, txn, &runs).await
}

/// These wait no longer.
async fn drop_rows(
    handle: &Handle,
    txn: &mut Txn<'_>,
    rows: &[(Row, bool)],
) -> Result<(), StoreError> {
    let text = |column: for<'r> fn(&'r Row) -> &'r str| {
        rows.iter().map(|(r, _)| column(r)).collect::<Vec<_>>()
    };
    let number = |column: fn(&Row) -> i64| rows.iter().map(|(r, _)| column(r)).collect::<Vec<_>>();
    let statement = q(sql::WAITING_DROP).bind(handle.ident).bind(text(|r| &r.parent.1));
    let statement = statement.bind(number(|r| r.parent.0)).bind(text(|r| &r.parent.2));
    let statement = statement.bind(text(|r| &r.root)).bind(number(|r| r.kind));
    let statement = statement.bind(text(|r| &r.part)).bind(number(|r| r.version));
    statement.execute(&mut **txn).await?;
    Ok(())
}

/// Stages every waiting record whose parent has just been staged, and theirs in turn.
async fn cascade(
    handle: &Handle,
    txn: &mut Txn<'_>,
    tallies: &mut Tallies,
    mut staged: HashSet<(i64, Parent)>,
) -> Result<u64, StoreError> {
    let mut released = 0;
    while !staged.is_empty() {
        let roots: Vec<&str> = staged.iter().map(|(_, parent)| &*parent.1).collect();
        let statement = q(sql::WAITING_ON).bind(handle.ident).bind(sorted(&roots));
        let mut rows = Vec::new();
        for row in statement.fetch_all(&mut **txn).await? {
            let row = Row::read(&row)?;
            if !row.accepted && staged.contains(&(row.route, row.parent.clone())) {
                rows.push((row, false));
            }
        }
        stage(handle, txn, tallies, &rows).await?;
        released += rows.len() as u64;
        let gone = |(r, _): &(Row, bool)| (r.route, (r.kind, r.root.clone(), r.part.clone()));
        staged = rows.iter().map(gone).collect();
    }
    Ok(released)
}

/// Releases records of earlier pages whose parent this page brings.
pub(super) async fn release_children(
    handle: &Handle,
    txn: &mut Txn<'_>,
    tallies: &mut Tallies,
    pieces: &[Piece<'_>],
    fates: &[Vec<Fate>],
) -> Result<(), StoreError> {
    if pieces.is_empty() || !txn.waits {
        return Ok(());
    }
    let mut staged = HashSet::new();
    for (piece, fates) in pieces.iter().zip(fates) {
        for (i, record) in piece.records.iter().enumerate() {
            if fates[i] != Fate::Waits {
                let key = &record.id.key;
                let parent = (piece.strands[i], key.root().into(), key.part().into());
                staged.insert((piece.route, parent));
            }
        }
    }
    cascade(handle, txn, tallies, staged).await?;
    Ok(())
}

/// Makes the children of these cases due for another look.
pub(super) async fn wake(
    handle: &Handle,
    txn: &mut Txn<'_>,
    roots: &[&str],
) -> Result<(), StoreError> {
    let statement = q(sql::WAITING_WAKE).bind(handle.ident).bind(sorted(roots)).bind(txn.now.0);
    statement.execute(&mut **txn).await?;
    Ok(())
}

/// Looks at waiting records that are due for it; returns how many were staged.
pub(super) async fn release(handle: &Handle, now: Millis, limit: u32) -> Result<u64, StoreError> {
    let now = handle.clock(now);
    let due =
        |now: Millis| q(sql::WAITING_DUE).bind(handle.ident).bind(now.0).bind(i64::from(limit));
    let mut conn = handle.conn().await?;
    if due(now).fetch_optional(&mut *conn).await?.is_none() {
        return Ok(0);
    }
    drop(conn);
    let mut txn = handle.begin(None, Some(now)).await?;
    let now = txn.now;
    let due = due(now).fetch_all(&mut *txn).await?;
    let due = due.iter().map(Row::read).collect::<Result<Vec<_>, _>>()?;
    let here = due.iter().filter(|r| r.until.is_none());
    let roots: Vec<&str> = here.map(|r| &*r.parent.1).collect();
    let parents = parents_of(handle, &mut txn, &roots).await?;
    let mut tallies = Tallies::new(handle.ident, OWN);
    let (mut go, mut stay) = (Vec::new(), Vec::new());
    for row in due {
        let ready = match row.until {
            Some(_) => true,
            None => parents.ready(handle.words(), &row.parent, row.accepted, row.route)?,
        };
        if ready {
            let orphan = row.until.is_some_and(|until| now.0 >= until);
            go.push((row, orphan));
        } else {
            stay.push(row.chunk << 20 | row.idx);
        }
    }
    if !stay.is_empty() {
        let statement = q(sql::WAITING_LATER).bind(handle.ident).bind(now.0);
        let statement = statement.bind(now.plus(LOOK_AGAIN_MS).0).bind(stay);
        statement.execute(&mut *txn).await?;
    }
    stage(handle, &mut txn, &mut tallies, &go).await?;
    let gone = |(r, _): &(Row, bool)| (r.route, (r.kind, r.root.clone(), r.part.clone()));
    let staged: HashSet<_> = go.iter().map(gone).collect();
    let more = cascade(handle, &mut txn, &mut tallies, staged).await?;
    tally::write(tallies, &mut txn).await?;
    txn.commit().await?;
    Ok(go.len() as u64 + more)
}

/// Withdraws records that wait at a destination (停报), and audits it.
pub(super) async fn withdraw(
    handle: &Handle,
    to: &NodeCode,
    audit: &AuditEvent,
) -> Result<u64, StoreError> {
    let mut txn = handle.begin(None, Some(audit.at)).await?;
    let there = q(sql::WAITING_THERE).bind(handle.ident).bind(to.as_str());
    let there = there.bind(i64::from(WITHDRAW_MAX)).fetch_all(&mut *txn).await?;
    let rows = there.iter().map(Row::read).collect::<Result<Vec<_>, _>>()?;
    let mut tallies = Tallies::new(handle.ident, OWN);
    let mut gone = Vec::with_capacity(rows.len());
    for row in rows {
        let words = handle.words();
        let kind = words.kind_of(row.kind)?;
        let line = Line::own(words, row.day, (row.route, row.epoch), kind)?;
        tallies.shift(line, Place::Waiting, Place::Voided, 1);
        // Its bytes go with the last of its chunk.
        q(sql::CHUNK_LESS).bind(row.chunk).execute(&mut *txn).await?;
        gone.push((row, false));
    }
    drop_rows(handle, &mut txn, &gone).await?;
    for (row, _) in &gone {
        let statement = q(sql::RECORD_PLACE).bind(handle.ident).bind(&*row.root).bind(row.kind);
        let statement = statement.bind(&*row.part).bind(row.version).bind(Place::Voided as i64);
        statement.execute(&mut *txn).await?;
    }
    tally::write(tallies, &mut txn).await?;
    let ok = audit.ok && !gone.is_empty();
    let audit = AuditEvent { at: txn.now, ok, ..audit.clone() };
    people::append_audit(handle, &mut txn, &audit).await?;
    txn.commit().await?;
    handle.barrier().await?;
    Ok(gone.len() as u64)
}
