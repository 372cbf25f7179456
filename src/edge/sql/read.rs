//! A page of a query: whose turn it is, where it begins, what its rows are.

use canon::Millis;

use super::cursor::At;
use super::statement::{self, From};
use super::{Cursor, State};
use super::{Detect, Query, Settings, SqlSource, failure, rows};
use crate::db::{Connection, DbError};
use crate::error::SourceError;
use crate::page::{Ahead, Page, Pass};
use crate::passes::{believable, earlier, open_at};
use crate::source::TableCount;

impl SqlSource {
    /// Goes round the queries from the one whose turn it is; the first with something to say ends
    /// the turn.
    pub(super) async fn page(
        &mut self,
        cursor: Option<&str>,
        now: Millis,
        limit: usize,
    ) -> Result<Page, SourceError> {
        let mut state = Cursor::parse(&self.settings.adapter, cursor)?;
        if !open_at(&self.settings.hours, now) {
            // Closed: the owner's system has the machine to itself, our connection goes too.
            self.connection = None;
            return Ok(self.nothing(&state));
        }
        // A connection that fails is not put back, and not trusted again.
        let mut connection = self.connect(true).await?;
        let page = self.round(&mut connection, &mut state, now, limit).await?;
        self.connection = Some((connection, true));
        Ok(page)
    }

    fn nothing(&self, cursor: &Cursor) -> Page {
        let columns = self.columns.first().cloned().unwrap_or_else(|| [].into());
        Page::empty("".into(), columns, cursor.text())
    }

    async fn round(
        &self,
        connection: &mut Connection,
        cursor: &mut Cursor,
        now: Millis,
        limit: usize,
    ) -> Result<Page, SourceError> {
        let queries = self.settings.queries.len();
        for index in cursor.next.min(queries)..queries {
            let query = &self.settings.queries[index];
            let mut state = cursor.queries.remove(&query.name).unwrap_or_default();
            let turn = self.turn(connection, index, &mut state, now, limit).await?;
            cursor.queries.insert(query.name.clone(), state);
            let Some((mut page, full)) = turn else { continue };
            // A full page keeps the turn; otherwise it goes on, and the next round begins when all
            // had theirs.
            page.more = full || index + 1 < queries;
            cursor.next = if full { index } else { (index + 1) % queries };
            page.cursor = cursor.text();
            return Ok(page);
        }
        cursor.next = 0;
        Ok(self.nothing(cursor))
    }

    /// One query's turn: none if it has nothing to say; whether the page was full.
    async fn turn(
        &self,
        connection: &mut Connection,
        index: usize,
        state: &mut State,
        now: Millis,
        limit: usize,
    ) -> Result<Option<(Page, bool)>, SourceError> {
        let query = &self.settings.queries[index];
        let compare = query.detect == Detect::Compare;
        let rests = |ended: Millis| now.since(ended) < self.settings.compare_every_ms;
        if compare && state.at.is_none() && state.ended.is_some_and(rests) {
            return Ok(None);
        }
        state.begin(now);
        if state.at.is_none() {
            state.passes += u64::from(compare);
            check(&self.settings, connection, query, state).await?;
        }
        let from = begin(query, state);
        let mut page =
            Page::empty(query.name.as_str().into(), self.columns[index].clone(), String::new());
        page.table = index as u16;
        let fetched =
            rows::fetch(&self.settings, connection, query, &from, limit, &mut page).await?;
        let full = fetched.full;
        page.ahead = ahead(query, &page, now, !full);
        let seen = high(query, state, fetched.last.as_ref(), &page, now);
        if full {
            let last = fetched.last.unwrap_or_default();
            state.at = Some(At { high: seen, ..last });
        } else {
            state.end(now, seen, overlap(query));
        }
        if compare {
            state.ended = (!full).then_some(now).or(state.ended);
            page.pass = Some(Pass { number: state.passes, complete: !full });
        }
        let says = !page.is_empty() || !page.broken.is_empty() || full || compare;
        Ok(says.then_some((page, full)))
    }

    pub(super) async fn counts(&mut self) -> Result<Vec<TableCount>, SourceError> {
        let mut connection = self.connect(true).await?;
        let mut counts = Vec::new();
        for (index, query) in self.settings.queries.iter().enumerate() {
            let rows = connection.count(statement::count(query)).await;
            let rows = rows.map_err(|e| failure::statement(&self.settings, &query.name, e))?;
            counts.push(TableCount { table: index as u16, name: query.name.clone(), rows });
        }
        self.connection = Some((connection, true));
        Ok(counts)
    }
}

const fn overlap(query: &Query) -> i64 {
    match query.detect {
        Detect::ModifiedTime { overlap_ms, .. } => overlap_ms,
        _ => 0,
    }
}

/// What must hold before a pass in a column's order begins.
async fn check(
    settings: &Settings,
    connection: &mut Connection,
    query: &Query,
    state: &State,
) -> Result<(), SourceError> {
    let (column, overlap_ms) = match &query.detect {
        Detect::ModifiedTime { column, overlap_ms } => (column, Some(overlap_ms)),
        Detect::Flag { order: Some(column), .. } => (column, None),
        _ => return Ok(()),
    };
    let d = connection.dialect();
    let failed = |e: DbError| failure::statement(settings, &query.name, e);
    let timeless = connection.count(statement::timeless(d, query, column)).await.map_err(failed)?;
    if timeless > 0 {
        return Err(SourceError::TimeMissing {
            adapter: settings.adapter.clone(),
            table: query.name.clone(),
            column: column.clone(),
            rows: i64::try_from(timeless).unwrap_or(i64::MAX),
        });
    }
    let Some(overlap_ms) = overlap_ms else { return Ok(()) };
    let Some(high) = &state.high else { return Ok(()) };
    let newest = connection.scalar(statement::newest(d, query, column)).await.map_err(failed)?;
    let newest = newest.unwrap_or_default();
    if newest < earlier(high, *overlap_ms) {
        return Err(SourceError::CursorRegressed {
            adapter: settings.adapter.clone(),
            table: query.name.clone(),
            cursor: high.clone(),
            newest,
        });
    }
    Ok(())
}

fn begin(query: &Query, state: &State) -> From {
    let timed = matches!(query.detect, Detect::ModifiedTime { .. } | Detect::LogTable { .. });
    match (&state.at, &state.high, &query.detect) {
        (Some(at), ..) => From::Row(query.detect.order().map(|_| at.time.clone()), at.key.clone()),
        (None, Some(high), Detect::ModifiedTime { overlap_ms, .. }) if !state.settled => {
            From::Time(earlier(high, *overlap_ms))
        }
        (None, Some(high), _) if timed => From::AfterTime(high.clone()),
        _ => From::Start,
    }
}

/// Which rows of a page are dated later than they can be.
fn ahead(query: &Query, page: &Page, now: Millis, ended: bool) -> Option<Ahead> {
    let Detect::ModifiedTime { overlap_ms, .. } = query.detect else { return None };
    let latest = now.plus(overlap_ms).to_string();
    let mut ahead = Ahead { ended, ..Ahead::default() };
    let times = page.order.iter().filter_map(|span| page.span(*span));
    times.filter(|time| !believable(time, &latest)).for_each(|time| ahead.note(time));
    Some(ahead)
}

/// The highest time seen in this pass, times that cannot be yet left out: one wrong year must not
/// put the cursor ahead of everything else.
fn high(
    query: &Query,
    state: &State,
    last: Option<&At>,
    page: &Page,
    now: Millis,
) -> Option<String> {
    let before = state.at.as_ref().and_then(|at| at.high.clone());
    let last = match (&query.detect, last) {
        (Detect::ModifiedTime { overlap_ms, .. }, Some(at)) => {
            let latest = now.plus(*overlap_ms).to_string();
            if believable(&at.time, &latest) {
                Some(at.time.clone())
            } else {
                page.order
                    .iter()
                    .rev()
                    .filter_map(|s| page.span(*s))
                    .find(|t| believable(t, &latest))
                    .map(str::to_owned)
            }
        }
        (Detect::LogTable { .. }, Some(at)) => Some(at.time.clone()),
        _ => None,
    };
    // A pass that looks back a little sees lower times first: the mark never falls.
    match (&query.detect, last, state.high.clone()) {
        (Detect::ModifiedTime { .. }, last, high) => last.or(before).max(high),
        (_, last, _) => last.or(before),
    }
}
