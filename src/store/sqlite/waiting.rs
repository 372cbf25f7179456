//! Records that wait for their parent: who may go at once, who waits, and who is released.

use std::collections::HashSet;
use std::sync::atomic::Ordering;

use canon::{Millis, NodeCode};
use sqlx::sqlite::SqliteConnection;

use super::collect::{Piece, put_stretches, sorted};
use super::conn::{Bulk, Columns, json, len, q};
use super::handle::Handle;
use super::tally::{self, Line, OWN, Tallies};
use super::{people, sql};
use crate::error::StoreError;
pub(super) use crate::packed::waiting::{Fate, NewWaiting, Staged};
use crate::packed::waiting::{Parent, Parents, Row, push, ready};
use crate::types::*;

/// When a record that could not be released is looked at again. A parent that is collected,
/// released or accepted here makes its children due at once.
const LOOK_AGAIN_MS: i64 = 60_000;

static WAITING: Bulk = Bulk::new(sql::WAITING_HEAD, sql::WAITING_ROW, "");

/// Where the known versions of these cases are.
async fn parents_of(
    handle: &Handle,
    txn: &mut SqliteConnection,
    roots: &[&str],
) -> Result<Parents, StoreError> {
    let mut parents = Parents::default();
    if roots.is_empty() {
        return Ok(parents);
    }
    let statement = q(sql::PARENTS).bind(handle.ident).bind(sorted(roots)?);
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
    txn: &mut SqliteConnection,
    pieces: &[Piece],
) -> Result<Plan, StoreError> {
    let mut roots = Vec::new();
    for wait in pieces.iter().flat_map(|p| &p.new.records).filter_map(|r| r.waits_for.as_ref()) {
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
        for (i, record) in piece.new.records.iter().enumerate() {
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
            let (piece, record) = (&pieces[p], &pieces[p].new.records[i]);
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

/// Puts records that wait in chunks of their own, so that they do not hold back the fragments of
/// the others when those are sealed; gives the runs in the order of staging.
pub(super) fn apart(handle: &Handle, pieces: Vec<Piece>, plan: Plan) -> Apart {
    let mut apart = Apart { pieces: Vec::new(), fates: Vec::new(), runs: Vec::new() };
    let mut at = Vec::with_capacity(pieces.len());
    for (mut piece, fates) in pieces.into_iter().zip(plan.fates) {
        let waits = fates.iter().filter(|f| **f == Fate::Waits).count();
        let here = apart.pieces.len();
        if waits == 0 || waits == fates.len() {
            at.push((0..fates.len()).map(|i| (here, i)).collect::<Vec<_>>());
            apart.pieces.push(piece);
            apart.fates.push(fates);
            continue;
        }
        let mut both = [piece.beside(piece.chunk), piece.beside(handle.next_chunk())];
        let records = std::mem::take(&mut piece.new.records);
        let (mut from, mut places) = (0, Vec::with_capacity(fates.len()));
        let words = piece.kinds.iter().zip(&piece.strands);
        for ((record, (kind, strand)), fate) in records.into_iter().zip(words).zip(&fates) {
            let which = usize::from(*fate == Fate::Waits);
            let to = from + record.len as usize;
            let part = &mut both[which];
            places.push((here + which, part.kinds.len()));
            part.new.bytes.extend_from_slice(&piece.new.bytes[from..to]);
            part.new.records.push(record);
            part.kinds.push(*kind);
            part.strands.push(*strand);
            from = to;
        }
        at.push(places);
        apart.fates.push(vec![Fate::Goes; fates.len() - waits]);
        apart.fates.push(vec![Fate::Waits; waits]);
        apart.pieces.extend(both);
    }
    for (p, i) in plan.order {
        let (p, i) = at[p][i];
        let piece = &apart.pieces[p];
        push(&mut apart.runs, piece.route, piece.chunk, len(i), false);
    }
    apart
}

/// A page as it is stored.
pub(super) struct Apart {
    /// Its pieces: of each, all records go or all wait.
    pub(super) pieces: Vec<Piece>,
    /// Each record's fate, by piece.
    pub(super) fates: Vec<Vec<Fate>>,
    /// What is staged, in order.
    pub(super) runs: Vec<Staged>,
}

/// Lets the records of a page wait that must.
pub(super) async fn put(
    handle: &Handle,
    txn: &mut SqliteConnection,
    pieces: &[Piece],
    fates: &[Vec<Fate>],
    now: Millis,
) -> Result<(), StoreError> {
    let mut rows = Vec::new();
    for (piece, fates) in pieces.iter().zip(fates) {
        for (i, record) in piece.new.records.iter().enumerate() {
            if let (Fate::Waits, Some(wait)) = (fates[i], &record.waits_for) {
                let at = (piece.chunk, len(i));
                let (kind, version) = (piece.strands[i], record.id.version);
                let (key, route) = (&record.id.key, piece.route);
                rows.push(NewWaiting { key, kind, version, at, route, wait });
            }
        }
    }
    put_rows(handle, txn, &rows, now).await
}

/// Lets records wait.
pub(super) async fn put_rows(
    handle: &Handle,
    txn: &mut SqliteConnection,
    rows: &[NewWaiting<'_>],
    now: Millis,
) -> Result<(), StoreError> {
    if rows.is_empty() {
        return Ok(());
    }
    handle.waiting().store(true, Ordering::SeqCst);
    let mut with_parent = Vec::with_capacity(rows.len());
    for row in rows {
        let to = handle.words().route(row.route)?.destination;
        with_parent.push((handle.words().strand_to(&row.wait.kind, &to)?, row));
    }
    WAITING
        .run(txn, &with_parent, |s, (parent, row)| {
            let parent_key = &row.wait.key;
            let s = s.bind(handle.ident).bind(parent_key.root()).bind(*parent);
            let s = s.bind(parent_key.part()).bind(row.key.root()).bind(row.kind);
            let s = s.bind(row.key.part()).bind(i64::from(row.version));
            let s = s.bind(row.at.0).bind(row.at.1).bind(row.wait.accepted);
            let elsewhere = row.wait.elsewhere;
            let due = elsewhere.map_or(now, |e| e.next.min(e.until));
            s.bind(elsewhere.map(|e| e.until.0)).bind(due.0)
        })
        .await?;
    Ok(())
}

fn bind_key<'q>(row: &'q Row, handle: &Handle, text: &'static str) -> super::conn::Statement<'q> {
    let s = q(text).bind(handle.ident).bind(&*row.parent.1).bind(row.parent.0);
    let s = s.bind(&*row.parent.2).bind(&*row.root).bind(row.kind);
    s.bind(&*row.part).bind(row.version)
}

/// Stages waiting records in this order.
async fn stage(
    handle: &Handle,
    txn: &mut SqliteConnection,
    tallies: &mut Tallies,
    rows: &[(Row, bool)],
    now: Millis,
) -> Result<(), StoreError> {
    let mut runs = Vec::new();
    for (row, orphan) in rows {
        push(&mut runs, row.route, row.chunk, row.idx, *orphan);
        bind_key(row, handle, sql::WAITING_DROP).execute(&mut *txn).await?;
        let statement = q(sql::RECORD_PLACE).bind(handle.ident).bind(&*row.root).bind(row.kind);
        let statement = statement.bind(&*row.part).bind(row.version).bind(None::<i64>);
        statement.execute(&mut *txn).await?;
        let words = handle.words();
        let kind = words.kind_of(row.kind)?;
        let line = Line::own(words, row.day, (row.route, row.epoch), kind)?;
        tallies.shift(line, Place::Waiting, Place::Staged, 1);
    }
    put_stretches(handle, txn, &runs, now).await
}

/// Stages every waiting record whose parent has just been staged, and theirs in turn.
async fn cascade(
    handle: &Handle,
    txn: &mut SqliteConnection,
    tallies: &mut Tallies,
    mut staged: HashSet<(i64, Parent)>,
    now: Millis,
) -> Result<u64, StoreError> {
    let mut released = 0;
    while !staged.is_empty() {
        let roots: Vec<&str> = staged.iter().map(|(_, parent)| &*parent.1).collect();
        let statement = q(sql::WAITING_ON).bind(handle.ident).bind(sorted(&roots)?);
        let mut rows = Vec::new();
        for row in statement.fetch_all(&mut *txn).await? {
            let row = Row::read(&row)?;
            if !row.accepted && staged.contains(&(row.route, row.parent.clone())) {
                rows.push((row, false));
            }
        }
        stage(handle, txn, tallies, &rows, now).await?;
        released += rows.len() as u64;
        let gone = |(r, _): &(Row, bool)| (r.route, (r.kind, r.root.clone(), r.part.clone()));
        staged = rows.iter().map(gone).collect();
    }
    Ok(released)
}

/// Releases records of earlier pages whose parent this page brings.
pub(super) async fn release_children(
    handle: &Handle,
    txn: &mut SqliteConnection,
    tallies: &mut Tallies,
    pieces: &[Piece],
    fates: &[Vec<Fate>],
    now: Millis,
) -> Result<(), StoreError> {
    if pieces.is_empty() || !any(handle, txn).await? {
        return Ok(());
    }
    let mut staged = HashSet::new();
    for (piece, fates) in pieces.iter().zip(fates) {
        for (i, record) in piece.new.records.iter().enumerate() {
            if fates[i] != Fate::Waits {
                let key = &record.id.key;
                let parent = (piece.strands[i], key.root().into(), key.part().into());
                staged.insert((piece.route, parent));
            }
        }
    }
    cascade(handle, txn, tallies, staged, now).await?;
    Ok(())
}

/// Whether anything waits at all.
pub(super) async fn any(handle: &Handle, conn: &mut SqliteConnection) -> Result<bool, StoreError> {
    // Asked inside a transaction, whose own rows count too: who finds none may say so.
    if !handle.waiting().load(Ordering::SeqCst) {
        return Ok(false);
    }
    let any = q(sql::WAITING_ANY).bind(handle.ident).fetch_one(conn).await?.int(0)? != 0;
    handle.waiting().store(any, Ordering::SeqCst);
    Ok(any)
}

/// Makes the children of these cases due for another look.
pub(super) async fn wake(
    handle: &Handle,
    txn: &mut SqliteConnection,
    roots: &[&str],
    now: Millis,
) -> Result<(), StoreError> {
    let statement = q(sql::WAITING_WAKE).bind(handle.ident).bind(sorted(roots)?).bind(now.0);
    statement.execute(txn).await?;
    Ok(())
}

/// Looks at waiting records that are due for it; returns how many were staged.
pub(super) async fn release(handle: &Handle, now: Millis, limit: u32) -> Result<u64, StoreError> {
    let mut writer = handle.writer().await;
    let now = handle.clock(now);
    let due = q(sql::WAITING_DUE).bind(handle.ident).bind(now.0).bind(i64::from(limit));
    let due = due.fetch_all(&mut *writer).await?;
    if due.is_empty() {
        return Ok(0);
    }
    let (mut txn, now) = handle.begin(&mut writer, None, Some(now)).await?;
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
        let statement = statement.bind(now.plus(LOOK_AGAIN_MS).0).bind(json(&stay)?);
        statement.execute(&mut *txn).await?;
    }
    stage(handle, &mut txn, &mut tallies, &go, now).await?;
    let gone = |(r, _): &(Row, bool)| (r.route, (r.kind, r.root.clone(), r.part.clone()));
    let staged: HashSet<_> = go.iter().map(gone).collect();
    let more = cascade(handle, &mut txn, &mut tallies, staged, now).await?;
    tally::write(tallies, &mut txn).await?;
    handle.commit(txn).await?;
    Ok(go.len() as u64 + more)
}

/// Withdraws records that wait at a destination (停报), and audits it.
pub(super) async fn withdraw(
    handle: &Handle,
    to: &NodeCode,
    mut audit: AuditEvent,
) -> Result<u64, StoreError> {
    let mut writer = handle.writer().await;
    let (mut txn, now) = handle.begin(&mut writer, None, Some(audit.at)).await?;
    let there = q(sql::WAITING_THERE).bind(handle.ident).bind(to.as_str());
    let there = there.bind(i64::from(WITHDRAW_MAX)).fetch_all(&mut *txn).await?;
    let rows = there.iter().map(Row::read).collect::<Result<Vec<_>, _>>()?;
    let mut tallies = Tallies::new(handle.ident, OWN);
    for row in &rows {
        bind_key(row, handle, sql::WAITING_DROP).execute(&mut *txn).await?;
        let statement = q(sql::RECORD_PLACE).bind(handle.ident).bind(&*row.root).bind(row.kind);
        let statement = statement.bind(&*row.part).bind(row.version).bind(Place::Voided as i64);
        statement.execute(&mut *txn).await?;
        // Its bytes go with the last of its chunk.
        q(sql::CHUNK_LESS).bind(row.chunk).execute(&mut *txn).await?;
        let words = handle.words();
        let kind = words.kind_of(row.kind)?;
        let line = Line::own(words, row.day, (row.route, row.epoch), kind)?;
        tallies.shift(line, Place::Waiting, Place::Voided, 1);
    }
    tally::write(tallies, &mut txn).await?;
    audit.at = now;
    audit.ok = audit.ok && !rows.is_empty();
    people::append_audit(handle, &mut txn, &audit).await?;
    handle.commit(txn).await?;
    drop(writer);
    handle.barrier().await?;
    Ok(rows.len() as u64)
}
