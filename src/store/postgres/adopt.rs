//! Adoption: own envelopes that their destination judged and a restored store does not know.

use std::collections::{BTreeMap, BTreeSet};

use canon::{EnvelopeId, RecordId};

use super::codec::{Entries, Kinds, digest_out, kinds_out, put_entry};
use super::columns::lane_column;
use super::conn::{Columns, big, len, q, sorted};
use super::handle::{Handle, Txn};
use super::moves::own_row;
use super::problems::{ListedAt, Rejection, list_rejected};
use super::seal::{learn_controls, put_controls};
use super::tally::{self, Line, OWN, Tallies};
use super::{inbox, restore, sql, waiting};
use crate::error::StoreError;
use crate::packed::leaves::Counted;
use crate::packed::restore::{exception, listed};
use crate::packed::words::strand_text;
use crate::types::*;

/// A page of what the destination judged.
pub(super) async fn commit(
    handle: &Handle,
    lease: &Lease,
    page: &Adopted,
) -> Result<u64, StoreError> {
    learn_controls(handle, &page.controls).await?;
    for envelope in &page.envelopes {
        let AdoptedEnvelope { id, link, adapter, records, .. } = envelope;
        handle.learn_id(id).await?;
        let mut words = vec![&**link, &**adapter, id.route.destination.as_str(), "records"];
        let kinds: BTreeSet<&str> = records.iter().map(|r| &*r.id.kind).collect();
        let strand = |kind: &&str| strand_text(kind, &id.route.destination);
        let strands: Vec<String> = kinds.iter().map(strand).collect();
        words.extend(kinds.into_iter().chain(strands.iter().map(String::as_str)));
        handle.learn(&words).await?;
    }
    // An envelope and its chunk each.
    let numbers = handle.numbers(page.envelopes.len() * 2 + 1).await?;
    let mut txn = handle.begin(Some(lease), Some(page.now)).await?;
    let epoch = txn.epoch;
    let foreign = |id: &EnvelopeId| id.sender != handle.code || i64::from(id.epoch) >= epoch;
    if let Some(odd) = page.envelopes.iter().find(|e| foreign(&e.id)) {
        let detail = format!("{} is not of an older epoch here", odd.id);
        return Err(StoreError::Conflict { what: "envelope", detail });
    }
    inbox::throw_away(handle, &mut txn, page.inbox_id).await?;
    let mut tallies = Tallies::new(handle.ident, OWN);
    let mut adopted = 0;
    for (number, envelope) in (numbers..).step_by(2).zip(&page.envelopes) {
        if own_row(handle, &mut txn, &envelope.id).await?.is_none() {
            adopted += adopt(handle, &mut txn, &mut tallies, envelope, number).await?;
        }
    }
    tally::write(tallies, &mut txn).await?;
    let now = txn.now;
    restore::stand(handle, &mut txn, &page.stand.0, Some(&page.stand.1), now).await?;
    put_controls(handle, &mut txn, &page.controls).await?;
    txn.commit().await?;
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
    txn: &mut Txn<'_>,
    tallies: &mut Tallies,
    envelope: &AdoptedEnvelope,
    number: i64,
) -> Result<u64, StoreError> {
    let fresh = unknown(handle, txn, envelope).await?;
    let words = handle.words();
    let under = Under {
        envelope,
        number,
        chunk: number + 1,
        route: words.word(&envelope.id.route.to_string())?,
        epoch: i64::from(envelope.id.epoch),
        adapter: words.word(&envelope.adapter)?,
        link: words.word(&envelope.link)?,
    };
    put_rows(handle, txn, &under, &fresh).await?;
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
    list(handle, txn, &under, &fresh).await?;
    let statement = q(sql::LINK_MORE).bind(handle.ident).bind(under.link);
    statement.bind(accepted).bind(rejected).execute(&mut **txn).await?;
    let statement = q(sql::ADAPTER_ADOPTED).bind(handle.ident).bind(under.adapter);
    statement.bind(len(fresh.len())).execute(&mut **txn).await?;
    if txn.waits {
        let roots: Vec<&str> = fresh.iter().map(|(r, _)| r.id.key.root()).collect();
        waiting::wake(handle, txn, &roots).await?;
    }
    Ok(fresh.len() as u64)
}

/// Records whose version is not known here, with the words of their types.
async fn unknown<'e>(
    handle: &Handle,
    txn: &mut Txn<'_>,
    envelope: &'e AdoptedEnvelope,
) -> Result<Vec<(&'e AdoptedRecord, i64)>, StoreError> {
    let roots: Vec<&str> = envelope.records.iter().map(|r| r.id.key.root()).collect();
    let rows = q(sql::KNOWN_VERSIONS).bind(handle.ident).bind(sorted(&roots));
    let rows = rows.fetch_all(&mut **txn).await?;
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
    txn: &mut Txn<'_>,
    under: &Under<'_>,
    fresh: &[(&AdoptedRecord, i64)],
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
    let statement = statement.bind(digest_out(&under.envelope.root)).bind(txn.now.0);
    statement.execute(&mut **txn).await?;
    if fresh.is_empty() {
        return Ok(());
    }
    let statement = q(sql::CHUNK_ADOPT).bind(under.chunk).bind(handle.ident).bind(under.route);
    let statement = statement.bind(under.epoch).bind(day).bind(under.adapter).bind(txn.now.0);
    statement.bind(len(fresh.len())).bind(entries).execute(&mut **txn).await?;
    let statement = q(sql::STRETCH_ADOPT).bind(handle.ident).bind(under.route).bind(under.chunk);
    let statement = statement.bind(len(fresh.len())).bind(txn.now.0).bind(under.number);
    statement.execute(&mut **txn).await?;
    let of = |column: fn(&AdoptedRecord) -> i64| -> Vec<i64> {
        fresh.iter().map(|(r, _)| column(r)).collect()
    };
    let text = |column: fn(&AdoptedRecord) -> &str| -> Vec<&str> {
        fresh.iter().map(|(r, _)| column(r)).collect()
    };
    let strand = |(_, kind): &(_, i64)| handle.words().strand(*kind, under.route);
    let strands = fresh.iter().map(strand).collect::<Result<Vec<_>, StoreError>>()?;
    let places: Vec<Option<i64>> =
        fresh.iter().map(|(r, _)| exception(r).map(|p| p as i64)).collect();
    let contents: Vec<Vec<u8>> = fresh.iter().map(|(r, _)| digest_out(&r.content)).collect();
    let idx: Vec<i64> = (0..len(fresh.len())).collect();
    let statement = q(sql::RECORDS_ADOPT).bind(handle.ident).bind(text(|r| r.id.key.root()));
    let statement = statement.bind(strands).bind(text(|r| r.id.key.part()));
    let statement = statement.bind(of(|r| i64::from(r.id.version))).bind(under.chunk).bind(idx);
    let statement = statement.bind(places).bind(of(|r| i64::from(r.voided))).bind(contents);
    statement.bind(text(|r| &r.facts)).execute(&mut **txn).await?;
    Ok(())
}

/// Lists the rejected ones; the others cure what is older.
async fn list(
    handle: &Handle,
    txn: &mut Txn<'_>,
    under: &Under<'_>,
    fresh: &[(&AdoptedRecord, i64)],
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
        let (roots, kinds): (Vec<&str>, Vec<i64>) = later.iter().map(|l| (l.0, l.1)).unzip();
        let (parts, versions): (Vec<&str>, Vec<i64>) =
            later.iter().map(|l| (l.2, i64::from(l.3))).unzip();
        let statement = q(sql::PROBLEM_CURE).bind(handle.ident).bind(roots).bind(kinds);
        statement.bind(parts).bind(versions).execute(&mut **txn).await?;
    }
    let entries = Entries::new(&entries).collect::<Result<Vec<_>, _>>()?;
    let rejected: Vec<_> = entries
        .iter()
        .zip(codes)
        .map(|(entry, code)| {
            let text = canon::code(code).map_or("", |c| c.zh);
            (entry, at, Rejection { code, field: "", text })
        })
        .collect();
    list_rejected(handle, txn, &rejected).await
}
