//! Adoption: own envelopes that their destination judged and a restored store does not know.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use canon::{EnvelopeId, Millis, RecordId};
use sqlx::sqlite::SqliteConnection;

use super::codec::{Entries, Kinds, digest_out, kinds_out, put_entry};
use super::collect::{RecordRow, put_records, sorted};
use super::conn::{Columns, big, json, len, q};
use super::dispatch::own_row;
use super::handle::{Handle, drop_blob};
use super::problems::{ListedAt, Rejection, list_rejected};
use super::seal::{lane_column, learn_controls, put_controls};
use super::tally::{self, Line, OWN, Tallies};
use super::words::learn_strand;
use super::{inbox, restore, sql, waiting};
use crate::error::StoreError;
use crate::packed::leaves::Counted;
use crate::packed::restore::{exception, listed};
use crate::types::*;

/// A page of what the destination judged.
pub(super) async fn commit(
    handle: &Handle,
    lease: &Lease,
    page: Adopted,
) -> Result<u64, StoreError> {
    let mut writer = handle.writer().await;
    learn_controls(handle, &mut writer, &page.controls).await?;
    for envelope in &page.envelopes {
        let AdoptedEnvelope { id, link, adapter, records, .. } = envelope;
        if id.sender != handle.code || i64::from(id.epoch) >= handle.epoch() {
            let detail = format!("{id} is not of an older epoch here");
            return Err(StoreError::Conflict { what: "envelope", detail });
        }
        handle.learn_id(&mut writer, id).await?;
        let words = [&**link, &**adapter, id.route.destination.as_str(), "records"];
        handle.words().learn(&mut writer, &words).await?;
        for record in records {
            learn_strand(handle, &mut writer, &record.id.kind, &id.route.destination).await?;
        }
    }
    let (mut txn, now) = handle.begin(&mut writer, Some(lease), Some(page.now)).await?;
    let frame = inbox::consume(handle, &mut txn, page.inbox_id).await?;
    drop_blob(&mut txn, Some(frame)).await?;
    let mut tallies = Tallies::new(handle.ident, OWN);
    let mut adopted = 0;
    for envelope in &page.envelopes {
        if own_row(handle, &mut txn, &envelope.id).await?.is_none() {
            adopted += adopt(handle, &mut txn, &mut tallies, envelope, now).await?;
        }
    }
    tally::write(tallies, &mut txn).await?;
    restore::stand(handle, &mut txn, &page.stand.0, Some(&page.stand.1), now).await?;
    put_controls(handle, &mut txn, &page.controls).await?;
    handle.commit(txn).await?;
    Ok(adopted)
}

/// What all rows of one adopted envelope share.
struct Under<'a> {
    envelope: &'a AdoptedEnvelope,
    number: i64,
    chunk: i64,
    route: i64,
    epoch: i64,
    adapter: i64,
    link: i64,
}

async fn adopt(
    handle: &Handle,
    txn: &mut SqliteConnection,
    tallies: &mut Tallies,
    envelope: &AdoptedEnvelope,
    now: Millis,
) -> Result<u64, StoreError> {
    let fresh = unknown(handle, txn, envelope).await?;
    let words = handle.words();
    let under = Under {
        envelope,
        number: handle.next_envelope(),
        chunk: handle.next_chunk(),
        route: words.route_word(&envelope.id.route)?,
        epoch: i64::from(envelope.id.epoch),
        adapter: words.word(&envelope.adapter)?,
        link: words.word(&envelope.link)?,
    };
    put_rows(handle, txn, &under, &fresh, now).await?;
    let line = Line::own(handle.words(), envelope.day, (under.route, under.epoch), 0)?;
    let (mut accepted, mut rejected) = (0, 0);
    for (record, kind) in &fresh {
        let place = exception(record).unwrap_or(Place::Accepted);
        tallies.add(line.of(*kind), place, 1);
        tallies.sequence(line.of(*kind), envelope.id.sequence);
        if matches!(place, Place::Accepted | Place::Superseded) {
            let mut sum = canon::HashSum::default();
            sum.add(&record.digest);
            tallies.sum(line.of(*kind), &sum);
            let counted = Counted::of(&record.id, &record.digest);
            tallies.leaf((line.day, line.peer), true, counted);
        }
        accepted += i64::from(place == Place::Accepted);
        rejected += i64::from(place == Place::Rejected);
    }
    list(handle, txn, &under, &fresh, now).await?;
    let statement = q(sql::LINK_MORE).bind(handle.ident).bind(under.link);
    statement.bind(accepted).bind(rejected).execute(&mut *txn).await?;
    let statement = q(sql::ADAPTER_ADOPTED).bind(handle.ident).bind(under.adapter);
    statement.bind(len(fresh.len())).execute(&mut *txn).await?;
    if waiting::any(handle, txn).await? {
        let roots: Vec<&str> = fresh.iter().map(|(r, _)| r.id.key.root()).collect();
        waiting::wake(handle, txn, &roots, now).await?;
    }
    Ok(fresh.len() as u64)
}

/// Records whose version is not known here, with the words of their types.
async fn unknown<'e>(
    handle: &Handle,
    txn: &mut SqliteConnection,
    envelope: &'e AdoptedEnvelope,
) -> Result<Vec<(&'e AdoptedRecord, i64)>, StoreError> {
    let roots: Vec<&str> = envelope.records.iter().map(|r| r.id.key.root()).collect();
    let rows = q(sql::KNOWN_VERSIONS).bind(handle.ident).bind(sorted(&roots)?);
    let rows = rows.fetch_all(txn).await?;
    let mut known = BTreeSet::new();
    for row in &rows {
        known.insert((row.text(0)?.to_owned(), row.int(1)?, row.text(2)?.to_owned(), row.int(3)?));
    }
    let mut fresh = Vec::with_capacity(envelope.records.len());
    for record in &envelope.records {
        let kind = handle.words().word(&record.id.kind)?;
        let to = &envelope.id.route.destination;
        let strand = handle.words().strand_to(&record.id.kind, to)?;
        let key = &record.id.key;
        let version = i64::from(record.id.version);
        if known.insert((key.root().to_owned(), strand, key.part().to_owned(), version)) {
            fresh.push((record, kind));
        }
    }
    Ok(fresh)
}

/// The envelope, a chunk that names its records, and their rows.
async fn put_rows(
    handle: &Handle,
    txn: &mut SqliteConnection,
    under: &Under<'_>,
    fresh: &[(&AdoptedRecord, i64)],
    now: Millis,
) -> Result<(), StoreError> {
    let EnvelopeId { sequence, route, .. } = &under.envelope.id;
    let day = i64::from(under.envelope.day.0);
    let mut kinds = BTreeMap::<(i64, i64), u64>::new();
    let mut entries = Vec::with_capacity(fresh.len() * 96);
    for (record, kind) in fresh {
        *kinds.entry((under.epoch, *kind)).or_default() += 1;
        put_entry(&mut entries, *kind, &listed(record));
    }
    let kinds: Vec<Kinds> = kinds.into_iter().collect();
    let statement = q(sql::ENVELOPE_ADOPT).bind(under.number).bind(handle.ident).bind(under.route);
    let statement = statement.bind(under.epoch).bind(big(*sequence));
    let statement = statement.bind(handle.words().word("records")?).bind(lane_column(route.lane));
    let statement = statement.bind(under.link).bind(day).bind(len(fresh.len()));
    let statement = statement.bind(kinds_out(&kinds));
    let statement = statement.bind(digest_out(&under.envelope.head_digest));
    let statement = statement.bind(digest_out(&under.envelope.root)).bind(now.0);
    statement.execute(&mut *txn).await?;
    if fresh.is_empty() {
        return Ok(());
    }
    let statement = q(sql::CHUNK_ADOPT).bind(under.chunk).bind(handle.ident).bind(under.route);
    let statement = statement.bind(under.epoch).bind(day).bind(under.adapter).bind(now.0);
    let statement = statement.bind(handle.next_blob()).bind(entries).bind(len(fresh.len()));
    statement.execute(&mut *txn).await?;
    let statement = q(sql::STRETCH_ADOPT).bind(handle.next_range()).bind(handle.ident);
    let statement = statement.bind(under.route).bind(under.chunk).bind(len(fresh.len()));
    statement.bind(now.0).bind(under.number).execute(&mut *txn).await?;
    let mut rows = Vec::with_capacity(fresh.len());
    for (idx, (record, kind)) in fresh.iter().enumerate() {
        rows.push(RecordRow {
            id: &record.id,
            kind: handle.words().strand(*kind, under.route)?,
            at: Some((under.chunk, len(idx))),
            place: exception(record).map(|p| p as i64),
            voided: record.voided,
            content: Some(record.content),
            facts: Arc::clone(&record.facts),
        });
    }
    put_records(handle, txn, rows).await
}

/// Lists the rejected ones; the others cure what is older.
async fn list(
    handle: &Handle,
    txn: &mut SqliteConnection,
    under: &Under<'_>,
    fresh: &[(&AdoptedRecord, i64)],
    now: Millis,
) -> Result<(), StoreError> {
    let at = ListedAt {
        adapter: under.adapter,
        route: under.route,
        epoch: under.epoch,
        day: under.envelope.day,
    };
    let mut entries = Vec::new();
    let (mut codes, mut later) = (Vec::new(), Vec::new());
    for (record, kind) in fresh {
        match exception(record) {
            Some(Place::Rejected) => {
                put_entry(&mut entries, *kind, &listed(record));
                codes.push(record.code.as_str());
            }
            Some(Place::Voided) => {}
            _ => {
                let RecordId { key, version, .. } = &record.id;
                let strand = handle.words().strand(*kind, under.route)?;
                later.push((key.root(), strand, key.part(), *version));
            }
        }
    }
    if !later.is_empty() {
        q(sql::PROBLEM_CURE).bind(handle.ident).bind(json(&later)?).execute(&mut *txn).await?;
    }
    for (entry, code) in Entries::new(&entries).zip(codes) {
        let text = canon::code(code).map_or("", |c| c.zh);
        let why = Rejection { code, field: "", text };
        list_rejected(handle, txn, &entry?, &at, &why, now).await?;
    }
    Ok(())
}
