//! Collect: one page of a source in one transaction.

use std::sync::Arc;

use canon::{Digest, Millis, RecordId};
use sqlx::sqlite::SqliteConnection;

use super::codec::{digest_in, digest_out, put_entry};
use super::conn::{Bulk, Columns, big, changed, json, len, q};
use super::handle::{Handle, place};
use super::tally::{self, Line, OWN, Tallies};
use super::waiting::{self, Apart, Fate, Staged};
use super::words::{SeenTo, learn_strand};
use super::{problems, source_rows, sql, standing};
use crate::error::StoreError;
use crate::packed::row::{own_record_id, same_record};
use crate::types::*;

/// Most records of one stored chunk: a seal reads whole chunks, so they are as big as a usual
/// envelope.
const CHUNK_RECORDS_MAX: usize = 500;
/// Most bytes of one stored chunk (one fragment may be as large).
const CHUNK_BYTES_MAX: usize = 1 << 20;

static STRETCHES: Bulk = Bulk::new(sql::STRETCH_HEAD, sql::STRETCH_ROW, "");
static RECORDS: Bulk = Bulk::new(sql::RECORD_HEAD, sql::RECORD_ROW, "");

/// A piece of a page's chunk as it is stored, with its words.
pub(super) struct Piece {
    /// The chunk.
    pub(super) new: NewChunk,
    /// Its number.
    pub(super) chunk: i64,
    /// Word of the route.
    pub(super) route: i64,
    /// Epoch it is collected in.
    pub(super) epoch: i64,
    /// Word of the adapter.
    pub(super) adapter: i64,
    /// Words of the records' types.
    pub(super) kinds: Vec<i64>,
    /// Their strands.
    pub(super) strands: Vec<i64>,
}

impl Piece {
    /// An empty piece of the same origin.
    pub(super) fn beside(&self, chunk: i64) -> Self {
        let NewChunk { route, day, adapter, .. } = &self.new;
        let (route, day, adapter) = (route.clone(), *day, Arc::clone(adapter));
        let new = NewChunk { route, day, adapter, bytes: Vec::new(), records: Vec::new() };
        Self { new, chunk, kinds: Vec::new(), strands: Vec::new(), ..*self }
    }
}

/// A new row of `record`.
pub(super) struct RecordRow<'a> {
    /// Key and version.
    pub(super) id: &'a RecordId,
    /// Its strand.
    pub(super) kind: i64,
    /// Chunk and position in it.
    pub(super) at: Option<(i64, i64)>,
    /// Its place, where that does not follow from the chunk.
    pub(super) place: Option<i64>,
    /// Whether it voids the record.
    pub(super) voided: bool,
    /// Content digest.
    pub(super) content: Option<Digest>,
    /// Facts.
    pub(super) facts: Arc<str>,
}

/// One page of a source.
pub(super) async fn commit(
    handle: &Handle,
    lease: &Lease,
    page: Collected,
) -> Result<(), StoreError> {
    let Collected { adapter, cursor, now, chunks, quarantined, known, rows, .. } = page;
    let (rows_read, rows_unchanged, stands) = (page.rows_read, page.rows_unchanged, page.stands);
    let mut writer = handle.writer().await;
    handle.words().learn(&mut writer, &[&*adapter]).await?;
    for held in &quarantined {
        let route = held.route.to_string();
        let words = [&*held.adapter, &route, held.route.destination.as_str()];
        handle.words().learn(&mut writer, &words).await?;
        if let Some(id) = &held.id {
            learn_strand(handle, &mut writer, &id.kind, &held.route.destination).await?;
        }
    }
    for link in &known {
        handle.words().learn(&mut writer, &[&*link.adapter]).await?;
        learn_strand(handle, &mut writer, &link.id.kind, &link.destination).await?;
    }
    let pieces = pieces(handle, &mut writer, chunks).await?;
    let (mut txn, now) = handle.begin(&mut writer, Some(lease), Some(now)).await?;
    let mut tallies = Tallies::new(handle.ident, OWN);
    let held = problems::hold(handle, &mut txn, &mut tallies, &quarantined, now).await?;
    let records = pieces.iter().map(|p| p.new.records.len()).sum::<usize>();
    put_pieces(handle, &mut txn, &mut tallies, pieces, &held, now).await?;
    let adapter = handle.words().word(&adapter)?;
    source_rows::put_known(handle, &mut txn, &known).await?;
    source_rows::put(handle, &mut txn, adapter, rows).await?;
    standing::put(handle, &mut txn, &stands, now).await?;
    let statement = q(sql::ADAPTER_ADD).bind(handle.ident).bind(adapter).bind(cursor);
    let statement = statement.bind(big(rows_read)).bind(big(rows_unchanged)).bind(len(records));
    statement.bind(len(held.len())).bind(now.0).execute(&mut *txn).await?;
    tally::write(tallies, &mut txn).await?;
    handle.commit(txn).await?;
    drop(writer);
    handle.barrier().await?;
    Ok(())
}

/// Cuts a page's chunks into pieces of envelope size and learns their words.
async fn pieces(
    handle: &Handle,
    writer: &mut SqliteConnection,
    chunks: Vec<NewChunk>,
) -> Result<Vec<Piece>, StoreError> {
    let mut pieces = Vec::new();
    let epoch = handle.epoch();
    for chunk in chunks {
        let lengths = chunk.records.iter().map(|r| r.len as usize).sum::<usize>();
        if lengths != chunk.bytes.len() {
            let detail = format!("{} bytes, lengths add up to {lengths}", chunk.bytes.len());
            return Err(StoreError::Conflict { what: "a chunk", detail });
        }
        let route = chunk.route.to_string();
        let words = [&*chunk.adapter, &route, chunk.route.destination.as_str()];
        handle.words().learn(writer, &words).await?;
        let mut seen = SeenTo::default();
        for record in &chunk.records {
            if let Some(wait) = &record.waits_for {
                seen.learn(handle, writer, &wait.kind, &chunk.route.destination).await?;
            }
        }
        for new in cut(chunk) {
            let (mut kinds, mut strands) = (Vec::new(), Vec::new());
            for record in &new.records {
                let to = &new.route.destination;
                let (kind, strand) = seen.learn(handle, writer, &record.id.kind, to).await?;
                kinds.push(kind);
                strands.push(strand);
            }
            pieces.push(Piece {
                chunk: handle.next_chunk(),
                route: handle.words().word(&route)?,
                epoch,
                adapter: handle.words().word(&new.adapter)?,
                kinds,
                strands,
                new,
            });
        }
    }
    Ok(pieces)
}

/// Chunks no larger than both limits; the common chunk is moved, not copied.
fn cut(mut chunk: NewChunk) -> Vec<NewChunk> {
    let mut cut = Vec::new();
    loop {
        let (mut count, mut bytes) = (0, 0);
        for record in chunk.records.iter().take(CHUNK_RECORDS_MAX) {
            if count > 0 && bytes + record.len as usize > CHUNK_BYTES_MAX {
                break;
            }
            count += 1;
            bytes += record.len as usize;
        }
        if count == chunk.records.len() {
            if count > 0 {
                cut.push(chunk);
            }
            return cut;
        }
        let later = NewChunk {
            records: chunk.records.split_off(count),
            bytes: chunk.bytes.split_off(bytes),
            route: chunk.route.clone(),
            adapter: Arc::clone(&chunk.adapter),
            day: chunk.day,
        };
        cut.push(std::mem::replace(&mut chunk, later));
    }
}

async fn put_pieces(
    handle: &Handle,
    txn: &mut SqliteConnection,
    tallies: &mut Tallies,
    pieces: Vec<Piece>,
    held: &[(&NewQuarantine, i64)],
    now: Millis,
) -> Result<(), StoreError> {
    let plan = waiting::plan(handle, txn, &pieces).await?;
    let Apart { mut pieces, fates, runs } = waiting::apart(handle, pieces, plan);
    for (piece, fates) in pieces.iter_mut().zip(&fates) {
        put_chunk(handle, txn, piece, now).await?;
        let line = Line::own(handle.words(), piece.new.day, (piece.route, piece.epoch), 0)?;
        for (kind, fate) in piece.kinds.iter().zip(fates) {
            let place = if *fate == Fate::Waits { Place::Waiting } else { Place::Staged };
            tallies.add(line.of(*kind), place, 1);
        }
    }
    put_stretches(handle, txn, &runs, now).await?;
    let known = known_roots(handle, txn, &pieces).await?;
    put_records(handle, txn, staged_rows(&pieces, &fates)).await?;
    check_versions(handle, txn, &pieces, &known).await?;
    put_records(handle, txn, held_rows(held)).await?;
    cure(handle, txn, &pieces).await?;
    source_rows::put_given(handle, txn, &pieces, held).await?;
    waiting::put(handle, txn, &pieces, &fates, now).await?;
    waiting::release_children(handle, txn, tallies, &pieces, &fates, now).await
}

async fn put_chunk(
    handle: &Handle,
    txn: &mut SqliteConnection,
    piece: &mut Piece,
    now: Millis,
) -> Result<(), StoreError> {
    let mut entries = Vec::with_capacity(piece.new.records.len() * 96);
    for (record, kind) in piece.new.records.iter().zip(&piece.kinds) {
        put_entry(&mut entries, *kind, record);
    }
    let bytes = std::mem::take(&mut piece.new.bytes);
    let statement = q(sql::CHUNK_ADD).bind(piece.chunk).bind(handle.ident).bind(piece.route);
    let statement = statement
        .bind(piece.epoch)
        .bind(i64::from(piece.new.day.0))
        .bind(piece.adapter)
        .bind(now.0);
    let statement = statement.bind(len(piece.new.records.len()));
    let statement = statement.bind(handle.next_blob()).bind(handle.next_blob());
    let statement = statement.bind(entries).bind(bytes);
    statement.execute(txn).await?;
    Ok(())
}

/// Makes runs of records staged, in this order.
pub(super) async fn put_stretches(
    handle: &Handle,
    txn: &mut SqliteConnection,
    runs: &[Staged],
    now: Millis,
) -> Result<(), StoreError> {
    let rows: Vec<_> = runs.iter().map(|run| (handle.next_range(), run)).collect();
    STRETCHES
        .run(txn, &rows, |s, (range, run)| {
            let s = s.bind(*range).bind(handle.ident).bind(run.route).bind(*range);
            let s = s.bind(run.chunk).bind(run.first).bind(run.count);
            s.bind(run.orphan).bind(now.0)
        })
        .await?;
    Ok(())
}

/// Rows of the records of a page.
fn staged_rows<'p>(pieces: &'p [Piece], fates: &[Vec<Fate>]) -> Vec<RecordRow<'p>> {
    let mut rows = Vec::with_capacity(pieces.iter().map(|p| p.kinds.len()).sum());
    for (piece, fates) in pieces.iter().zip(fates) {
        for (i, (record, fate)) in piece.new.records.iter().zip(fates).enumerate() {
            rows.push(RecordRow {
                id: &record.id,
                kind: piece.strands[i],
                at: Some((piece.chunk, len(i))),
                place: (*fate == Fate::Waits).then_some(Place::Waiting as i64),
                voided: record.voided,
                content: Some(record.content),
                facts: Arc::clone(&record.facts),
            });
        }
    }
    rows
}

/// Rows of the records that a page's quarantined rows would have given.
fn held_rows<'p>(held: &[(&'p NewQuarantine, i64)]) -> Vec<RecordRow<'p>> {
    let row = |(held, kind): &(&'p NewQuarantine, i64)| {
        Some(RecordRow {
            id: held.id.as_ref()?,
            kind: *kind,
            at: None,
            place: Some(Place::Quarantined as i64),
            voided: false,
            content: held.content,
            facts: "".into(),
        })
    };
    held.iter().filter_map(row).collect()
}

/// Enters rows of records.
pub(super) async fn put_records(
    handle: &Handle,
    txn: &mut SqliteConnection,
    mut rows: Vec<RecordRow<'_>>,
) -> Result<(), StoreError> {
    rows.sort_unstable_by(|a, b| {
        let (x, y) = (&a.id.key, &b.id.key);
        (x.root(), a.kind, x.part(), a.id.version).cmp(&(y.root(), b.kind, y.part(), b.id.version))
    });
    let changes = RECORDS
        .run(txn, &rows, |s, row| {
            let s = s.bind(handle.ident).bind(row.id.key.root()).bind(row.kind);
            let s = s.bind(row.id.key.part()).bind(i64::from(row.id.version));
            let s = s.bind(row.at.map(|a| a.0)).bind(row.at.map(|a| a.1)).bind(row.place);
            s.bind(row.voided)
                .bind(row.content.as_ref().map(digest_out))
                .bind(Arc::clone(&row.facts))
        })
        .await?;
    changed("record", rows.len() as u64, changes)
}

/// Cases of the page that something is known of: mostly none.
async fn known_roots(
    handle: &Handle,
    txn: &mut SqliteConnection,
    pieces: &[Piece],
) -> Result<Vec<String>, StoreError> {
    if pieces.is_empty() {
        return Ok(Vec::new());
    }
    let keys = pieces.iter().flat_map(|p| &p.new.records).map(|r| r.id.key.root());
    let roots = sorted(&keys.collect::<Vec<_>>())?;
    let rows = q(sql::KNOWN_ROOTS).bind(handle.ident).bind(roots).fetch_all(txn).await?;
    rows.iter().map(|row| Ok(row.text(0)?.to_owned())).collect()
}

/// Every version of the page must be above what is known of its key.
async fn check_versions(
    handle: &Handle,
    txn: &mut SqliteConnection,
    pieces: &[Piece],
    known: &[String],
) -> Result<(), StoreError> {
    let Some(first) = pieces.first().filter(|_| !known.is_empty()) else { return Ok(()) };
    let roots = json(known)?;
    let statement = q(sql::NOT_ABOVE).bind(handle.ident).bind(roots).bind(first.chunk);
    let Some(row) = statement.fetch_optional(txn).await? else { return Ok(()) };
    let (id, to) = own_record_id(handle.words(), &row, 0)?;
    let detail = format!("{id} to {to} is not above {}", row.int(4)?);
    Err(StoreError::Conflict { what: "version", detail })
}

/// Older quarantined or rejected versions of what is collected now are cured by it.
async fn cure(
    handle: &Handle,
    txn: &mut SqliteConnection,
    pieces: &[Piece],
) -> Result<(), StoreError> {
    let later: Vec<_> = pieces
        .iter()
        .flat_map(|p| p.new.records.iter().zip(&p.strands))
        .filter(|(r, _)| r.id.version > 1)
        .map(|(r, kind)| (r.id.key.root(), kind, r.id.key.part(), r.id.version))
        .collect();
    if !later.is_empty() {
        q(sql::PROBLEM_CURE).bind(handle.ident).bind(json(&later)?).execute(txn).await?;
    }
    Ok(())
}

/// Latest versions of every collected record of these cases.
pub(super) async fn cases(handle: &Handle, roots: &[&str]) -> Result<Vec<CaseRow>, StoreError> {
    let roots = sorted(roots)?;
    let mut conn = handle.writer().await;
    let rows = q(sql::CASES).bind(handle.ident).bind(roots).fetch_all(&mut *conn).await?;
    let mut cases = Vec::<CaseRow>::with_capacity(rows.len());
    for row in &rows {
        let (id, destination) = own_record_id(handle.words(), row, 0)?;
        let case = CaseRow {
            voided: row.int(4)? != 0,
            content: row.blob_opt(5)?.map_or(Ok(NO_CONTENT), digest_in)?,
            facts: row.text(6)?.into(),
            place: place(row.int(7)?)?,
            id,
            destination,
        };
        match cases.last_mut() {
            Some(last) if same_record(last, &case) => *last = case,
            _ => cases.push(case),
        }
    }
    Ok(cases)
}

/// Distinct texts in order, as JSON.
pub(super) fn sorted(texts: &[&str]) -> Result<String, StoreError> {
    let mut texts = texts.to_vec();
    texts.sort_unstable();
    texts.dedup();
    json(&texts)
}

/// What an adapter has done so far.
pub(super) async fn adapter(
    handle: &Handle,
    conn: &mut SqliteConnection,
    adapter: &str,
) -> Result<AdapterProgress, StoreError> {
    let nothing = AdapterProgress { adapter: adapter.to_owned(), ..AdapterProgress::default() };
    let Some(word) = handle.words().find(adapter) else { return Ok(nothing) };
    let statement = q(sql::ADAPTER).bind(handle.ident).bind(word);
    let Some(row) = statement.fetch_optional(conn).await? else { return Ok(nothing) };
    Ok(AdapterProgress {
        cursor: row.text_opt(0)?.map(str::to_owned),
        rows_read: row.num(1)?,
        rows_unchanged: row.num(2)?,
        records: row.num(3)?,
        quarantined: row.num(4)?,
        last_at: row.int_opt(5)?.map(Millis),
        paused: row.text_opt(6)?.map(str::to_owned),
        write_backs: row.num(7)?,
        ..nothing
    })
}

/// Pauses or resumes an adapter.
pub(super) async fn pause(
    handle: &Handle,
    adapter: &str,
    reason: Option<&str>,
    now: Millis,
) -> Result<(), StoreError> {
    let mut writer = handle.writer().await;
    handle.words().learn(&mut writer, &[adapter]).await?;
    let (mut txn, _) = handle.begin(&mut writer, None, Some(now)).await?;
    let statement = q(sql::ADAPTER_PAUSE).bind(handle.ident);
    let statement = statement.bind(handle.words().word(adapter)?).bind(reason);
    statement.execute(&mut *txn).await?;
    handle.commit(txn).await?;
    drop(writer);
    handle.barrier().await?;
    Ok(())
}
