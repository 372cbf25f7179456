//! Lists for people's pages.

use std::sync::Arc;

use canon::{Day, NodeCode};
use sqlx::postgres::PgConnection;

use super::columns::{fit, place};
use super::conn::{Columns, q};
use super::handle::Handle;
use super::{restore, sql};
use crate::api::StoreFuture;
use crate::api_pages::PageFacts;
use crate::error::StoreError;
use crate::packed::pages::{self, Among, Candidate, Source, Walk};
use crate::packed::trace;
use crate::types::*;

/// The word of an adapter: -1 of a parcel, 0 of one that nothing has.
async fn adapter(handle: &Handle, name: Option<&str>) -> Result<Option<i64>, StoreError> {
    Ok(match name {
        None => None,
        Some("") => Some(-1),
        Some(name) => Some(handle.find(name).await?.unwrap_or(0)),
    })
}

async fn problem_groups(
    handle: &Handle,
    filter: &GroupFilter,
) -> Result<Vec<ProblemGroup>, StoreError> {
    let adapter = adapter(handle, filter.adapter.as_deref()).await?;
    let mut conn = handle.conn().await?;
    let statement = q(sql::PROBLEM_GROUPS).bind(handle.ident).bind(filter.state.clone());
    let statement = statement.bind(adapter);
    let rows = statement.fetch_all(&mut *conn).await?;
    let groups: Result<_, StoreError> =
        rows.iter().map(|row| pages::group(handle.words(), row)).collect();
    groups.map(pages::in_order)
}

/// Words of the routes to a destination.
async fn routes_to(
    handle: &Handle,
    conn: &mut PgConnection,
    to: &NodeCode,
) -> Result<Vec<i64>, StoreError> {
    let all = restore::own_routes(handle, conn).await?;
    Ok(all.into_iter().filter(|(_, r)| r.destination == *to).map(|(word, _)| word).collect())
}

async fn envelopes(
    handle: &Handle,
    filter: &EnvelopeFilter,
) -> Result<Vec<EnvelopeRow>, StoreError> {
    let link = match &filter.link {
        None => None,
        Some(link) => Some(handle.find(link).await?.unwrap_or(0)),
    };
    let mut conn = handle.conn().await?;
    let routes = match &filter.destination {
        None => None,
        Some(to) => Some(routes_to(handle, &mut conn, to).await?),
    };
    let text = match Among::of(filter) {
        Among::Dead => sql::ENVELOPES_DEAD,
        Among::Open => sql::ENVELOPES_OPEN,
        Among::All => sql::ENVELOPES_ALL,
    };
    let statement = q(text).bind(handle.ident).bind(filter.from.0).bind(filter.before.at.0);
    let statement = statement.bind(filter.before.number).bind(link).bind(routes);
    let statement = statement.bind(filter.reason.clone());
    let statement = statement.bind(pages::state_columns(filter));
    let rows = statement.bind(pages::rows_max(filter.limit)).fetch_all(&mut *conn).await?;
    rows.iter().map(|row| pages::envelope((handle.words(), &handle.code), row)).collect()
}

async fn received(
    handle: &Handle,
    filter: &ReceivedFilter,
) -> Result<Vec<ReceivedRow>, StoreError> {
    let word = match &filter.sender {
        None => None,
        Some(sender) => Some(handle.find(sender.as_str()).await?.unwrap_or(0)),
    };
    let mut conn = handle.conn().await?;
    let of = |text| {
        let statement = q(text).bind(handle.ident).bind(filter.from.0).bind(filter.before.at.0);
        statement.bind(filter.before.number).bind(pages::rows_max(filter.limit))
    };
    let statement = match word {
        None => of(sql::RECEIVED_LIST),
        Some(word) => of(sql::RECEIVED_OF).bind(word),
    };
    let rows = statement.fetch_all(&mut *conn).await?;
    rows.iter().map(|row| pages::received(handle.words(), row)).collect()
}

async fn senders(handle: &Handle, day: Day) -> Result<Vec<SenderRow>, StoreError> {
    let mut conn = handle.conn().await?;
    let rows = q(sql::SENDERS).bind(handle.ident).fetch_all(&mut *conn).await?;
    let senders: Result<Vec<_>, StoreError> =
        rows.iter().map(|row| pages::sender(handle.words(), row)).collect();
    let sums = q(sql::SENDERS_DAY).bind(handle.ident).bind(i64::from(day.0));
    pages::with_day(senders?, &sums.fetch_all(&mut *conn).await?)
}

/// Reads more of a page's source.
async fn read(
    handle: &Handle,
    conn: &mut PgConnection,
    (filter, adapter): (&RecordFilter, Option<i64>),
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
    let statement = statement.bind(adapter).bind(limit);
    let statement = match source.word() {
        Some(word) => statement.bind(word),
        None => statement,
    };
    let rows = statement.fetch_all(&mut *conn).await?;
    for row in &rows {
        if parts {
            walk.part(handle.words(), row, row.blob(6)?)?;
        } else {
            walk.one(handle.words(), row)?;
        }
    }
    walk.read_to(pages::last(&rows, parts, limit)?);
    Ok(())
}

async fn located(
    handle: &Handle,
    conn: &mut PgConnection,
    all: &[Candidate],
) -> Result<Vec<Option<Located>>, StoreError> {
    let roots: Vec<&str> = all.iter().map(|c| c.id.key.root()).collect();
    let kinds: Result<Vec<i64>, StoreError> =
        all.iter().map(|c| handle.words().strand_to(&c.id.kind, &c.to)).collect();
    let parts: Vec<&str> = all.iter().map(|c| c.id.key.part()).collect();
    let versions: Vec<i64> = all.iter().map(|c| i64::from(c.id.version)).collect();
    let chunks: Vec<Option<i64>> = all.iter().map(|c| c.at.map(|(chunk, _)| chunk)).collect();
    let places: Vec<Option<i64>> =
        all.iter().map(|c| c.at.map(|(_, idx)| i64::from(idx))).collect();
    let statement = q(sql::RECORDS_AT).bind(handle.ident).bind(roots).bind(kinds?).bind(parts);
    let statement = statement.bind(versions).bind(chunks).bind(places);
    let mut located = vec![None; all.len()];
    for row in statement.fetch_all(conn).await? {
        let envelope = match row.int_opt(3)? {
            Some(_) => Some((handle.read_own_id(&row, 1)?, row.num(4)?)),
            None => None,
        };
        let nth: usize = fit(row.int(5)? - 1)?;
        if let Some(slot) = located.get_mut(nth) {
            *slot = Some(Located { place: place(row.int(0)?)?, envelope });
        }
    }
    Ok(located)
}

async fn records(handle: &Handle, filter: &RecordFilter) -> Result<RecordPage, StoreError> {
    let adapter = adapter(handle, filter.adapter.as_deref()).await?;
    let mut conn = handle.conn().await?;
    let mut walk = Walk::new(filter);
    loop {
        let next = walk.next();
        if next.is_empty() {
            if !walk.wants_more() {
                return Ok(walk.finish());
            }
            read(handle, &mut conn, (filter, adapter), &mut walk).await?;
            continue;
        }
        let places = located(handle, &mut conn, &next).await?;
        walk.looked_up(places);
    }
}

async fn case_adapters(handle: &Handle, number: &str) -> Result<Vec<Arc<str>>, StoreError> {
    let (from, to) = trace::bounds(number);
    let mut conn = handle.conn().await?;
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
        Box::pin(async move { self.again(|| problem_groups(self, &filter)).await })
    }

    fn envelopes(&self, filter: EnvelopeFilter) -> StoreFuture<'_, Vec<EnvelopeRow>> {
        Box::pin(async move { self.again(|| envelopes(self, &filter)).await })
    }

    fn records(&self, filter: RecordFilter) -> StoreFuture<'_, RecordPage> {
        Box::pin(async move { self.again(|| records(self, &filter)).await })
    }

    fn received(&self, filter: ReceivedFilter) -> StoreFuture<'_, Vec<ReceivedRow>> {
        Box::pin(async move { self.again(|| received(self, &filter)).await })
    }

    fn senders(&self, day: Day) -> StoreFuture<'_, Vec<SenderRow>> {
        fact!(self, senders(self, day))
    }

    fn case_adapters<'a>(&'a self, number: &'a str) -> StoreFuture<'a, Vec<Arc<str>>> {
        fact!(self, case_adapters(self, number))
    }
}
