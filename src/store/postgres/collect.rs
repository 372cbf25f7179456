//! Collect: one page of a source in one transaction.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::sync::Arc;

use canon::{Day, Millis, NodeCode, RecordId};
use sqlx::postgres::PgConnection;

use super::codec::{digest_in, digest_out, put_entry};
use super::columns::place;
use super::conn::{Columns, big, len, q, sorted};
use super::handle::{Handle, Txn};
use super::tally::{self, Line, OWN, Tallies};
use super::waiting::{self, Apart, Fate, Staged};
use super::{problems, source_rows, sql, standing};
use crate::error::StoreError;
use crate::packed::row::{own_record_id, same_record};
use crate::packed::words::strand_text;
use crate::types::*;

/// Most records of one stored chunk: a seal reads whole ones, as big as a usual envelope.
const CHUNK_RECORDS_MAX: usize = 500;
/// Most bytes of one stored chunk (one fragment may be as large).
const CHUNK_BYTES_MAX: usize = 1 << 20;

/// A piece of a page's chunk as it is stored, with its words.
pub(super) struct Piece<'p> {
    /// Its records.
    pub(super) records: Cow<'p, [NewRecord]>,
    /// Their fragments.
    pub(super) bytes: Cow<'p, [u8]>,
    /// Window day.
    pub(super) day: Day,
    /// Its number.
    pub(super) chunk: i64,
    /// Word of the route.
    pub(super) route: i64,
    /// Word of the adapter.
    pub(super) adapter: i64,
    /// Words of the records' types.
    pub(super) kinds: Vec<i64>,
    /// Their strands.
    pub(super) strands: Vec<i64>,
}

/// One page of a source.
pub(super) async fn commit(
    handle: &Handle,
    lease: &Lease,
    page: &Collected,
) -> Result<(), StoreError> {
    learn(handle, page).await?;
    let mut pieces = pieces(handle, &page.chunks)?;
    // A piece may be parted once (into what goes and what waits); each held row has its bytes.
    let numbers = handle.numbers(pieces.len() * 2 + page.quarantined.len()).await?;
    for (piece, number) in pieces.iter_mut().zip((numbers..).step_by(2)) {
        piece.chunk = number;
    }
    let raws = numbers + len(pieces.len() * 2);
    let records = pieces.iter().map(|p| p.records.len()).sum::<usize>();
    let mut txn = handle.begin(Some(lease), Some(page.now)).await?;
    let mut tallies = Tallies::new(handle.ident, OWN);
    let held = problems::hold(handle, &mut txn, &mut tallies, &page.quarantined, raws).await?;
    put_pieces(handle, &mut txn, &mut tallies, pieces, &held).await?;
    let adapter = handle.words().word(&page.adapter)?;
    source_rows::put_known(handle, &mut txn, &page.known).await?;
    source_rows::put(handle, &mut txn, adapter, &page.rows).await?;
    standing::put_all(handle, &mut txn, &page.stands).await?;
    let statement = q(sql::ADAPTER_ADD).bind(handle.ident).bind(adapter);
    let statement = statement.bind(page.cursor.as_str()).bind(big(page.rows_read));
    let statement = statement.bind(big(page.rows_unchanged)).bind(len(records));
    statement.bind(len(held.len())).bind(txn.now.0).execute(&mut *txn).await?;
    tally::write(tallies, &mut txn).await?;
    txn.commit().await?;
    handle.barrier().await
}

/// Learns every word of a page.
async fn learn(handle: &Handle, page: &Collected) -> Result<(), StoreError> {
    let mut words: Vec<&str> = vec![&page.adapter];
    let mut routes = Vec::<String>::new();
    let mut strands = BTreeSet::<(&str, &NodeCode)>::new();
    let mut note = |word| {
        // A page has few words and many records.
        if !words.contains(&word) {
            words.push(word);
        }
    };
    for chunk in &page.chunks {
        note(&*chunk.adapter);
        note(chunk.route.destination.as_str());
        routes.push(chunk.route.to_string());
        for record in &chunk.records {
            note(&*record.id.kind);
            strands.insert((&record.id.kind, &chunk.route.destination));
            if let Some(wait) = &record.waits_for {
                note(&*wait.kind);
                strands.insert((&wait.kind, &chunk.route.destination));
            }
        }
    }
    for held in &page.quarantined {
        note(&*held.adapter);
        note(held.route.destination.as_str());
        routes.push(held.route.to_string());
        if let Some(id) = &held.id {
            note(&*id.kind);
            strands.insert((&id.kind, &held.route.destination));
        }
    }
    for link in &page.known {
        note(&*link.adapter);
        note(&*link.id.kind);
        strands.insert((&link.id.kind, &link.destination));
    }
    let strands: Vec<String> = strands.iter().map(|(kind, to)| strand_text(kind, to)).collect();
    words.extend(routes.iter().chain(&strands).map(String::as_str));
    handle.learn(&words).await
}

/// Cuts a page's chunks into pieces of envelope size; they have no numbers yet.
fn pieces<'p>(handle: &Handle, chunks: &'p [NewChunk]) -> Result<Vec<Piece<'p>>, StoreError> {
    let mut pieces = Vec::new();
    for chunk in chunks {
        let lengths = chunk.records.iter().map(|r| r.len as usize).sum::<usize>();
        if lengths != chunk.bytes.len() {
            let detail = format!("{} bytes, lengths add up to {lengths}", chunk.bytes.len());
            return Err(StoreError::Conflict { what: "a chunk", detail });
        }
        let route = handle.words().route_word(&chunk.route)?;
        let adapter = handle.words().word(&chunk.adapter)?;
        let (mut records, mut bytes) = (chunk.records.as_slice(), chunk.bytes.as_slice());
        while !records.is_empty() {
            let (now, later) = records.split_at(fitting(records));
            let size = now.iter().map(|r| r.len as usize).sum();
            let (fragments, rest) = bytes.split_at(size);
            let (kinds, strands) = kinds(handle, now, route)?;
            pieces.push(Piece {
                kinds,
                strands,
                records: Cow::Borrowed(now),
                bytes: Cow::Borrowed(fragments),
                day: chunk.day,
                chunk: 0,
                route,
                adapter,
            });
            (records, bytes) = (later, rest);
        }
    }
    Ok(pieces)
}

/// How many of these records make one stored chunk.
fn fitting(records: &[NewRecord]) -> usize {
    let (mut count, mut bytes) = (0, 0);
    for record in records.iter().take(CHUNK_RECORDS_MAX) {
        bytes += record.len as usize;
        if count > 0 && bytes > CHUNK_BYTES_MAX {
            break;
        }
        count += 1;
    }
    count
}

/// Words of the types of records, and their strands on a route.
fn kinds(
    handle: &Handle,
    records: &[NewRecord],
    route: i64,
) -> Result<(Vec<i64>, Vec<i64>), StoreError> {
    let mut kinds = Vec::with_capacity(records.len());
    let mut strands = Vec::with_capacity(records.len());
    let mut last: Option<(&Arc<str>, (i64, i64))> = None;
    for record in records {
        let (kind, strand) = match last {
            Some((kind, words)) if *kind == record.id.kind => words,
            _ => {
                let kind = handle.words().word(&record.id.kind)?;
                (kind, handle.words().strand(kind, route)?)
            }
        };
        last = Some((&record.id.kind, (kind, strand)));
        kinds.push(kind);
        strands.push(strand);
    }
    Ok((kinds, strands))
}

async fn put_pieces(
    handle: &Handle,
    txn: &mut Txn<'_>,
    tallies: &mut Tallies,
    pieces: Vec<Piece<'_>>,
    held: &[(&NewQuarantine, i64)],
) -> Result<(), StoreError> {
    let plan = waiting::plan(handle, txn, &pieces).await?;
    let Apart { pieces, fates, runs } = waiting::apart(pieces, plan);
    for (piece, fates) in pieces.iter().zip(&fates) {
        let line = Line::own(handle.words(), piece.day, (piece.route, txn.epoch), 0)?;
        for (kind, fate) in piece.kinds.iter().zip(fates) {
            let place = if *fate == Fate::Waits { Place::Waiting } else { Place::Staged };
            tallies.add(line.of(*kind), place, 1);
        }
    }
    put_chunks(handle, txn, &pieces).await?;
    put_stretches(handle, txn, &runs).await?;
    // One statement: versions of one page are not held against each other.
    let mut rows = staged_rows(&pieces, &fates);
    rows.extend(held_rows(held));
    put_records(handle, txn, &mut rows).await?;
    cure(handle, txn, &pieces).await?;
    source_rows::put_given(handle, txn, &pieces, held).await?;
    waiting::put(handle, txn, &pieces, &fates).await?;
    waiting::release_children(handle, txn, tallies, &pieces, &fates).await
}

async fn put_chunks(
    handle: &Handle,
    txn: &mut Txn<'_>,
    pieces: &[Piece<'_>],
) -> Result<(), StoreError> {
    if pieces.is_empty() {
        return Ok(());
    }
    let mut chunks = Chunks::default();
    for piece in pieces {
        let mut entries = Vec::with_capacity(piece.records.len() * 96);
        for (record, kind) in piece.records.iter().zip(&piece.kinds) {
            put_entry(&mut entries, *kind, record);
        }
        let of = (piece.route, piece.day, piece.adapter);
        chunks.add(piece.chunk, of, piece.records.len(), (entries, &piece.bytes));
    }
    let epoch = txn.epoch;
    chunks.put(handle, txn, epoch).await
}

/// New rows of `chunk`.
#[derive(Default)]
pub(super) struct Chunks<'b> {
    numbers: Vec<i64>,
    routes: Vec<i64>,
    days: Vec<i64>,
    adapters: Vec<i64>,
    counts: Vec<i64>,
    entries: Vec<Vec<u8>>,
    bytes: Vec<&'b [u8]>,
}

impl<'b> Chunks<'b> {
    /// One more: route, day, adapter; entries and fragments.
    pub(super) fn add(
        &mut self,
        chunk: i64,
        (route, day, adapter): (i64, Day, i64),
        count: usize,
        (entries, bytes): (Vec<u8>, &'b [u8]),
    ) {
        self.numbers.push(chunk);
        self.routes.push(route);
        self.days.push(i64::from(day.0));
        self.adapters.push(adapter);
        self.counts.push(len(count));
        self.entries.push(entries);
        self.bytes.push(bytes);
    }

    /// Stores them.
    pub(super) async fn put(
        self,
        handle: &Handle,
        txn: &mut Txn<'_>,
        epoch: i64,
    ) -> Result<(), StoreError> {
        let statement = q(sql::CHUNKS_ADD).bind(handle.ident).bind(epoch).bind(txn.now.0);
        let statement = statement.bind(self.numbers).bind(self.routes).bind(self.days);
        let statement = statement.bind(self.adapters).bind(self.counts).bind(self.entries);
        statement.bind(self.bytes).execute(&mut **txn).await?;
        Ok(())
    }
}

/// Makes runs of records staged, in this order.
pub(super) async fn put_stretches(
    handle: &Handle,
    txn: &mut Txn<'_>,
    runs: &[Staged],
) -> Result<(), StoreError> {
    if runs.is_empty() {
        return Ok(());
    }
    let of = |column: fn(&Staged) -> i64| runs.iter().map(column).collect::<Vec<_>>();
    let statement = q(sql::STRETCHES_ADD).bind(handle.ident).bind(txn.now.0);
    let statement = statement.bind(of(|r| r.route)).bind(of(|r| r.chunk)).bind(of(|r| r.first));
    let statement = statement.bind(of(|r| r.count)).bind(of(|r| i64::from(r.orphan)));
    statement.execute(&mut **txn).await?;
    Ok(())
}

/// A new row of `record`.
struct RecordRow<'a> {
    id: &'a RecordId,
    kind: i64,
    at: Option<(i64, i64)>,
    place: Option<i64>,
    voided: bool,
    content: Option<Vec<u8>>,
    facts: &'a str,
}

/// Rows of the records of a page.
fn staged_rows<'p>(pieces: &'p [Piece<'_>], fates: &[Vec<Fate>]) -> Vec<RecordRow<'p>> {
    let mut rows = Vec::with_capacity(pieces.iter().map(|p| p.kinds.len()).sum());
    for (piece, fates) in pieces.iter().zip(fates) {
        for (i, (record, fate)) in piece.records.iter().zip(fates).enumerate() {
            rows.push(RecordRow {
                id: &record.id,
                kind: piece.strands[i],
                at: Some((piece.chunk, len(i))),
                place: (*fate == Fate::Waits).then_some(Place::Waiting as i64),
                voided: record.voided,
                content: Some(digest_out(&record.content)),
                facts: &record.facts,
            });
        }
    }
    rows
}

/// Rows of the records that a page's quarantined rows would have given.
fn held_rows<'p>(held: &'p [(&'p NewQuarantine, i64)]) -> impl Iterator<Item = RecordRow<'p>> + 'p {
    let row = |(held, kind): &(&'p NewQuarantine, i64)| {
        Some(RecordRow {
            id: held.id.as_ref()?,
            kind: *kind,
            at: None,
            place: Some(Place::Quarantined as i64),
            voided: false,
            content: held.content.as_ref().map(digest_out),
            facts: "",
        })
    };
    held.iter().filter_map(row)
}

/// Every version must be above what is known of its key.
async fn put_records(
    handle: &Handle,
    txn: &mut Txn<'_>,
    rows: &mut [RecordRow<'_>],
) -> Result<(), StoreError> {
    if rows.is_empty() {
        return Ok(());
    }
    // In the order of the index: neighbours fall on the same page.
    rows.sort_unstable_by(|a, b| {
        let (x, y) = (&a.id.key, &b.id.key);
        (x.root(), a.kind, x.part(), a.id.version).cmp(&(y.root(), b.kind, y.part(), b.id.version))
    });
    let number = |column: fn(&RecordRow<'_>) -> i64| rows.iter().map(column).collect::<Vec<_>>();
    let option =
        |column: fn(&RecordRow<'_>) -> Option<i64>| rows.iter().map(column).collect::<Vec<_>>();
    let roots: Vec<&str> = rows.iter().map(|r| r.id.key.root()).collect();
    let parts: Vec<&str> = rows.iter().map(|r| r.id.key.part()).collect();
    let contents: Vec<Option<&[u8]>> = rows.iter().map(|r| r.content.as_deref()).collect();
    let facts: Vec<&str> = rows.iter().map(|r| r.facts).collect();
    let statement = q(sql::RECORDS_ADD).bind(handle.ident).bind(roots).bind(number(|r| r.kind));
    let statement = statement.bind(parts).bind(number(|r| i64::from(r.id.version)));
    let statement = statement.bind(option(|r| r.at.map(|a| a.0)));
    let statement = statement.bind(option(|r| r.at.map(|a| a.1))).bind(option(|r| r.place));
    let statement = statement.bind(number(|r| i64::from(r.voided))).bind(contents).bind(facts);
    let Some(row) = statement.fetch_optional(&mut **txn).await? else { return Ok(()) };
    let (id, to) = own_record_id(handle.words(), &row, 0)?;
    let detail = format!("{id} to {to} is not above {}", row.int(4)?);
    Err(StoreError::Conflict { what: "version", detail })
}

/// Older quarantined or rejected versions of what is collected now are cured by it.
async fn cure(
    handle: &Handle,
    txn: &mut PgConnection,
    pieces: &[Piece<'_>],
) -> Result<(), StoreError> {
    let later = pieces.iter().flat_map(|p| p.records.iter().zip(&p.strands));
    let later: Vec<_> = later.filter(|(r, _)| r.id.version > 1).collect();
    if later.is_empty() {
        return Ok(());
    }
    let roots: Vec<&str> = later.iter().map(|(r, _)| r.id.key.root()).collect();
    let kinds: Vec<i64> = later.iter().map(|(_, kind)| **kind).collect();
    let parts: Vec<&str> = later.iter().map(|(r, _)| r.id.key.part()).collect();
    let versions: Vec<i64> = later.iter().map(|(r, _)| i64::from(r.id.version)).collect();
    let statement = q(sql::PROBLEM_CURE).bind(handle.ident).bind(roots).bind(kinds);
    statement.bind(parts).bind(versions).execute(txn).await?;
    Ok(())
}

/// Latest versions of every collected record of these cases.
pub(super) async fn cases(handle: &Handle, roots: &[&str]) -> Result<Vec<CaseRow>, StoreError> {
    let mut conn = handle.conn().await?;
    let rows = q(sql::CASES).bind(handle.ident).bind(sorted(roots)).fetch_all(&mut *conn).await?;
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

/// What an adapter has done so far.
pub(super) async fn progress(
    handle: &Handle,
    adapter: &str,
) -> Result<AdapterProgress, StoreError> {
    let nothing = AdapterProgress { adapter: adapter.to_owned(), ..AdapterProgress::default() };
    let Some(word) = handle.find(adapter).await? else { return Ok(nothing) };
    let mut conn = handle.conn().await?;
    Ok(progress_of(handle, &mut conn, word, nothing.clone()).await?.unwrap_or(nothing))
}

/// What an adapter has done so far, if it ever ran; `nothing` names it.
pub(super) async fn progress_of(
    handle: &Handle,
    conn: &mut PgConnection,
    word: i64,
    nothing: AdapterProgress,
) -> Result<Option<AdapterProgress>, StoreError> {
    let statement = q(sql::ADAPTER).bind(handle.ident).bind(word);
    let Some(row) = statement.fetch_optional(conn).await? else { return Ok(None) };
    Ok(Some(AdapterProgress {
        cursor: row.text_opt(0)?.map(str::to_owned),
        rows_read: row.num(1)?,
        rows_unchanged: row.num(2)?,
        records: row.num(3)?,
        quarantined: row.num(4)?,
        last_at: row.int_opt(5)?.map(Millis),
        paused: row.text_opt(6)?.map(str::to_owned),
        write_backs: row.num(7)?,
        ..nothing
    }))
}

/// Pauses or resumes an adapter.
pub(super) async fn pause(
    handle: &Handle,
    adapter: &str,
    reason: Option<&str>,
    now: Millis,
) -> Result<(), StoreError> {
    handle.learn(&[adapter]).await?;
    let mut txn = handle.begin(None, Some(now)).await?;
    let statement = q(sql::ADAPTER_PAUSE).bind(handle.ident);
    let statement = statement.bind(handle.words().word(adapter)?).bind(reason);
    statement.execute(&mut *txn).await?;
    txn.commit().await?;
    handle.barrier().await
}
