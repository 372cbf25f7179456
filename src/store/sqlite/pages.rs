//! Lists for people's pages.

use std::sync::Arc;

use canon::{Day, NodeCode};
use sqlx::sqlite::SqliteConnection;

use super::conn::{Columns, json, q};
use super::handle::{Handle, blob, place};
use super::{restore, sql};
use crate::api::StoreFuture;
use crate::api_pages::PageFacts;
use crate::error::StoreError;
use crate::packed::pages::{self, Among, Candidate, Source, Walk};
use crate::packed::trace;
use crate::types::*;

/// The word of an adapter: -1 of a parcel, 0 of one that nothing has.
fn adapter(handle: &Handle, name: Option<&str>) -> Option<i64> {
    let word = |name: &str| match name {
        "" => -1,
        name => handle.words().find(name).unwrap_or(0),
    };
    name.map(word)
}

async fn problem_groups(
    handle: &Handle,
    filter: &GroupFilter,
) -> Result<Vec<ProblemGroup>, StoreError> {
    let mut conn = handle.reader().await?;
    let statement = q(sql::PROBLEM_GROUPS).bind(handle.ident).bind(filter.state.clone());
    let statement = statement.bind(adapter(handle, filter.adapter.as_deref()));
    let rows = statement.fetch_all(&mut *conn).await?;
    let groups: Result<_, StoreError> =
        rows.iter().map(|row| pages::group(handle.words(), row)).collect();
    groups.map(pages::in_order)
}

/// Words of the routes to a destination, as a list.
async fn routes_to(
    handle: &Handle,
    conn: &mut SqliteConnection,
    to: &NodeCode,
) -> Result<String, StoreError> {
    let all = restore::own_routes(handle, conn).await?;
    let own: Vec<i64> =
        all.into_iter().filter(|(_, r)| r.destination == *to).map(|(word, _)| word).collect();
    json(&own)
}

async fn envelopes(
    handle: &Handle,
    filter: &EnvelopeFilter,
) -> Result<Vec<EnvelopeRow>, StoreError> {
    let mut conn = handle.reader().await?;
    let routes = match &filter.destination {
        None => None,
        Some(to) => Some(routes_to(handle, &mut conn, to).await?),
    };
    let text = match Among::of(filter) {
        Among::Dead => sql::ENVELOPES_DEAD,
        Among::Open => sql::ENVELOPES_OPEN,
        Among::All => sql::ENVELOPES_ALL,
    };
    let link = filter.link.as_deref().map(|l| handle.words().find(l).unwrap_or(0));
    let statement = q(text).bind(handle.ident).bind(filter.from.0).bind(filter.before.at.0);
    let statement = statement.bind(filter.before.number).bind(link).bind(routes);
    let statement = statement.bind(filter.reason.clone());
    let statement = statement.bind(json(&pages::state_columns(filter))?);
    let rows = statement.bind(pages::rows_max(filter.limit)).fetch_all(&mut *conn).await?;
    rows.iter().map(|row| pages::envelope((handle.words(), &handle.code), row)).collect()
}

async fn received(
    handle: &Handle,
    filter: &ReceivedFilter,
) -> Result<Vec<ReceivedRow>, StoreError> {
    let mut conn = handle.reader().await?;
    let of = |text| {
        let statement = q(text).bind(handle.ident).bind(filter.from.0).bind(filter.before.at.0);
        statement.bind(filter.before.number).bind(pages::rows_max(filter.limit))
    };
    let statement = match &filter.sender {
        None => of(sql::RECEIVED_LIST),
        Some(sender) => {
            let Some(word) = handle.words().find(sender.as_str()) else { return Ok(Vec::new()) };
            of(sql::RECEIVED_OF).bind(word)
        }
    };
    let rows = statement.fetch_all(&mut *conn).await?;
    rows.iter().map(|row| pages::received(handle.words(), row)).collect()
}

async fn senders(handle: &Handle, day: Day) -> Result<Vec<SenderRow>, StoreError> {
    let mut conn = handle.reader().await?;
    let rows = q(sql::SENDERS).bind(handle.ident).fetch_all(&mut *conn).await?;
    let senders: Result<Vec<_>, StoreError> =
        rows.iter().map(|row| pages::sender(handle.words(), row)).collect();
    let sums = q(sql::SENDERS_DAY).bind(handle.ident).bind(i64::from(day.0));
    pages::with_day(senders?, &sums.fetch_all(&mut *conn).await?)
}

/// Reads more of a page's source.
async fn read(
    handle: &Handle,
    conn: &mut SqliteConnection,
    filter: &RecordFilter,
    walk: &mut Walk<'_>,
) -> Result<(), StoreError> {
    let source = Source::of(filter.place);
    let (parts, limit) = (source.has_parts(), source.read_at_once());
    let text = match source {
        Source::Chunks => sql::PARTS_CHUNKS,
        Source::Staged => sql::PARTS_STAGED,
        Source::Flying => sql::PARTS_FLYING,
        Source::Dead => sql::PARTS_DEAD,
        Source::Waiting => sql::ONES_WAITING,
        Source::Class(_) => sql::ONES_OF_CLASS,
        Source::Withdrawn => sql::ONES_WITHDRAWN,
    };
    let mark = walk.mark;
    let statement = q(text).bind(handle.ident).bind(filter.from.0).bind(mark.at.0);
    let statement = statement.bind(mark.number).bind(i64::from(mark.idx));
    let statement = statement.bind(adapter(handle, filter.adapter.as_deref())).bind(limit);
    let statement = match source.word() {
        Some(word) => statement.bind(word),
        None => statement,
    };
    let rows = statement.fetch_all(&mut *conn).await?;
    for row in &rows {
        if parts {
            let entries = blob(conn, row.int(6)?).await?;
            walk.part(handle.words(), row, &entries)?;
        } else {
            walk.one(handle.words(), row)?;
        }
    }
    walk.read_to(pages::last(&rows, parts, limit)?);
    Ok(())
}

async fn located(
    handle: &Handle,
    conn: &mut SqliteConnection,
    one: &Candidate,
) -> Result<Option<Located>, StoreError> {
    let Ok(kind) = handle.words().strand_to(&one.id.kind, &one.to) else { return Ok(None) };
    let statement = q(sql::RECORD_AT).bind(handle.ident).bind(one.id.key.root()).bind(kind);
    let statement = statement.bind(one.id.key.part()).bind(i64::from(one.id.version));
    let (chunk, idx) = one.at.unzip();
    let statement = statement.bind(chunk).bind(idx.map(i64::from));
    let Some(row) = statement.fetch_optional(conn).await? else { return Ok(None) };
    let envelope = match row.int_opt(3)? {
        Some(_) => Some((handle.read_own_id(&row, 1)?, row.num(4)?)),
        None => None,
    };
    Ok(Some(Located { place: place(row.int(0)?)?, envelope }))
}

async fn records(handle: &Handle, filter: &RecordFilter) -> Result<RecordPage, StoreError> {
    let mut conn = handle.reader().await?;
    let mut walk = Walk::new(filter);
    loop {
        let next = walk.next();
        if next.is_empty() {
            if !walk.wants_more() {
                return Ok(walk.finish());
            }
            read(handle, &mut conn, filter, &mut walk).await?;
            continue;
        }
        let mut places = Vec::with_capacity(next.len());
        for one in &next {
            places.push(located(handle, &mut conn, one).await?);
        }
        walk.looked_up(places);
    }
}

async fn case_adapters(handle: &Handle, number: &str) -> Result<Vec<Arc<str>>, StoreError> {
    let (from, to) = trace::bounds(number);
    let mut conn = handle.reader().await?;
    let statement = q(sql::CASE_ADAPTERS).bind(handle.ident).bind(from).bind(to);
    let rows = statement.fetch_all(&mut *conn).await?;
    let names: Result<Vec<_>, StoreError> =
        rows.iter().map(|row| handle.words().text(row.int(0)?)).collect();
    let mut names = names?;
    names.sort_unstable();
    Ok(names)
}

impl PageFacts for Handle {
    fn problem_groups(&self, filter: GroupFilter) -> StoreFuture<'_, Vec<ProblemGroup>> {
        Box::pin(async move { problem_groups(self, &filter).await })
    }

    fn envelopes(&self, filter: EnvelopeFilter) -> StoreFuture<'_, Vec<EnvelopeRow>> {
        Box::pin(async move { envelopes(self, &filter).await })
    }

    fn records(&self, filter: RecordFilter) -> StoreFuture<'_, RecordPage> {
        Box::pin(async move { records(self, &filter).await })
    }

    fn received(&self, filter: ReceivedFilter) -> StoreFuture<'_, Vec<ReceivedRow>> {
        Box::pin(async move { received(self, &filter).await })
    }

    fn senders(&self, day: Day) -> StoreFuture<'_, Vec<SenderRow>> {
        Box::pin(senders(self, day))
    }

    fn case_adapters<'a>(&'a self, number: &'a str) -> StoreFuture<'a, Vec<Arc<str>>> {
        Box::pin(case_adapters(self, number))
    }
}

#[cfg(test)]
mod tests {
    use sqlx::{AssertSqlSafe, Row};

    use super::sql;
    use crate::SqliteStore;

    /// How SQLite goes about a statement.
    async fn plan(store: &SqliteStore, text: &str) -> String {
        let mut writer = store.writer_for_tests().await;
        let text = AssertSqlSafe(format!("EXPLAIN QUERY PLAN {text}"));
        let rows = sqlx::query(text).fetch_all(&mut *writer).await.unwrap();
        rows.iter().map(|row| row.get::<String, _>(3)).collect::<Vec<_>>().join("\n")
    }

    #[tokio::test]
    async fn a_page_reads_what_it_shows_and_no_worker_takes_its_indexes() {
        let folder = tempfile::tempdir().unwrap();
        let store = SqliteStore::open(folder.path().join("store.db")).await.unwrap();
        for (text, index) in [
            (sql::PROBLEM_GROUPS, "COVERING INDEX problem_cause"),
            (sql::ENVELOPES_DEAD, "INDEX envelope_dead"),
            (sql::ENVELOPES_OPEN, "INDEX envelope_open"),
            (sql::ENVELOPES_ALL, "INDEX envelope_at"),
            (sql::RECEIVED_LIST, "INDEX received_at"),
            (sql::RECEIVED_OF, "INDEX received_sender"),
            (sql::SENDERS, "COVERING INDEX received_sender"),
            (sql::SENDERS, "COVERING INDEX relay_sender"),
            (sql::SENDERS_DAY, "PRIMARY KEY (ident=? AND side=? AND day=?)"),
            (sql::PARTS_CHUNKS, "INDEX chunk_at"),
            (sql::PARTS_STAGED, "INDEX stretch_staged"),
            (sql::PARTS_FLYING, "INDEX envelope_open"),
            (sql::PARTS_DEAD, "INDEX envelope_dead"),
            (sql::ONES_OF_CLASS, "INDEX problem_at"),
            (sql::ONES_WITHDRAWN, "INDEX problem_voided"),
            (
                sql::RECORD_AT,
                "PRIMARY KEY (ident=? AND root=? AND kind=? AND part=? AND version=?)",
            ),
            (sql::CASE_ADAPTERS, "PRIMARY KEY (ident=? AND root>? AND root<?)"),
            (sql::CASE_ADAPTERS, "INDEX problem_record (ident=? AND root>? AND root<?)"),
            (sql::TRACE_PROBLEMS, "INDEX received_problems"),
        ] {
            let plan = plan(&store, text).await;
            assert!(plan.contains(index), "{index}: {plan}");
            for table in ["record", "chunk", "envelope", "received", "problem", "kept", "tally"] {
                let all = format!("SCAN {table}\n");
                assert!(!format!("{plan}\n").contains(&all), "{text}: {plan}");
            }
        }
        let own = [
            "chunk_at",
            "envelope_at",
            "envelope_dead",
            "received_at",
            "received_sender",
            "relay_sender",
            "problem_cause",
            "problem_at",
            "problem_voided",
        ];
        for text in [
            sql::DUE,
            sql::OVERDUE,
            sql::NUMBERED,
            sql::FIRST_OPEN,
            sql::LINK_LOADS,
            sql::LINK_RELAYS,
            sql::SETTLED_TO,
            sql::JUDGED_AFTER,
            sql::RECEIVED,
            sql::PURGE_RELAYS,
            sql::PURGE_CONTROLS,
            sql::PROBLEMS,
            sql::PROBLEM_HELD,
            sql::STATUS,
            sql::OUT_OPEN,
            sql::OUT_STAGED,
            sql::OUT_PROBLEMS,
            sql::TRACE_OWN,
            sql::TRACE_KEPT,
        ] {
            let plan = plan(&store, text).await;
            assert!(own.iter().all(|index| !plan.contains(index)), "{text}: {plan}");
        }
    }
}
