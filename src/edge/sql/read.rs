//! A page of a query: whose turn it is, where it begins, what its rows are.

use canon::Millis;
use sqlx::sqlite::SqliteConnection;
use sqlx::{AssertSqlSafe, query_scalar};

use super::cursor::{At, Cursor, State};
use super::statement::{self, From};
use super::{Detect, Query, Settings, SqlSource, failure, rows};
use crate::error::SourceError;
use crate::page::{Page, Pass};
use crate::source::TableCount;

/// Where a page begins, with what is bound there.
pub(super) struct Begin {
    pub(super) from: From,
    pub(super) binds: Vec<String>,
}

impl SqlSource {
    /// Goes round the queries from the one whose turn it is; the first with something to say ends
    /// the turn.
    pub(super) async fn page(
        &mut self,
        cursor: Option<&str>,
        now: Millis,
        limit: usize,
    ) -> Result<Page, SourceError> {
        let mut cursor = Cursor::parse(&self.settings.adapter, cursor)?;
        let mut connection = match self.read.take() {
            Some(connection) => connection,
            None => self.connect(true).await?,
        };
        let queries = self.settings.queries.len();
        for index in cursor.next.min(queries)..queries {
            let query = &self.settings.queries[index];
            let mut state = cursor.queries.remove(&query.name).unwrap_or_default();
            let turn = self.turn(&mut connection, index, &mut state, now, limit).await?;
            cursor.queries.insert(query.name.clone(), state);
            let Some((mut page, full)) = turn else { continue };
            // A full page keeps the turn; otherwise it goes on, and the next round begins when all
            // had theirs.
            page.more = full || index + 1 < queries;
            cursor.next = if full { index } else { (index + 1) % queries };
            page.cursor = cursor.text();
            self.read = Some(connection);
            return Ok(page);
        }
        cursor.next = 0;
        self.read = Some(connection);
        let columns = self.columns.first().cloned().unwrap_or_else(|| [].into());
        Ok(Page::empty("".into(), columns, cursor.text()))
    }

    /// One query's turn: none if it has nothing to say; whether the page was full.
    async fn turn(
        &self,
        connection: &mut SqliteConnection,
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
        let begin = begin(query, state);
        let mut page =
            Page::empty(query.name.as_str().into(), self.columns[index].clone(), String::new());
        page.table = index as u16;
        let fetched =
            rows::fetch(&self.settings, connection, query, &begin, limit, &mut page).await?;
        let full = fetched.full;
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
        let mut connection = match self.read.take() {
            Some(connection) => connection,
            None => self.connect(true).await?,
        };
        let mut counts = Vec::new();
        for (index, query) in self.settings.queries.iter().enumerate() {
            let rows: i64 = query_scalar(AssertSqlSafe(statement::count(query)))
                .fetch_one(&mut connection)
                .await
                .map_err(|e| failure::statement(&self.settings, &query.name, &e))?;
            let rows = rows.unsigned_abs();
            counts.push(TableCount { table: index as u16, name: query.name.clone(), rows });
        }
        self.read = Some(connection);
        Ok(counts)
    }
}

const fn overlap(query: &Query) -> i64 {
    match query.detect {
        Detect::ModifiedTime { overlap_ms, .. } => overlap_ms,
        _ => 0,
    }
}

/// What must hold before a pass over modified times begins.
async fn check(
    settings: &Settings,
    connection: &mut SqliteConnection,
    query: &Query,
    state: &State,
) -> Result<(), SourceError> {
    let Detect::ModifiedTime { column, overlap_ms } = &query.detect else { return Ok(()) };
    let failed = |e: sqlx::Error| failure::statement(settings, &query.name, &e);
    let timeless: i64 = query_scalar(AssertSqlSafe(statement::timeless(query, column)))
        .fetch_one(&mut *connection)
        .await
        .map_err(failed)?;
    if timeless > 0 {
        return Err(SourceError::TimeMissing {
            adapter: settings.adapter.clone(),
            table: query.name.clone(),
            column: column.clone(),
            rows: timeless,
        });
    }
    let Some(high) = &state.high else { return Ok(()) };
    let newest: Option<String> = query_scalar(AssertSqlSafe(statement::newest(query, column)))
        .fetch_one(&mut *connection)
        .await
        .map_err(failed)?;
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

/// A written time earlier by so much, in the same form; the time itself if it is no time.
fn earlier(time: &str, ms: i64) -> String {
    let Some(at) = time.get(..19).and_then(|t| Millis::parse(&t.replacen('T', " ", 1))) else {
        return time.to_owned();
    };
    let text = at.plus(-ms).to_string();
    if time.contains('T') { text.replacen(' ', "T", 1) } else { text }
}

fn begin(query: &Query, state: &State) -> Begin {
    let mut binds = Vec::new();
    if let Detect::Flag { pending, .. } = &query.detect {
        binds.push(pending.clone());
    }
    let timed = matches!(query.detect, Detect::ModifiedTime { .. } | Detect::LogTable { .. });
    let from = match (&state.at, &state.high, &query.detect) {
        (Some(at), ..) => {
            binds.extend(timed.then(|| at.time.clone()));
            binds.extend(at.key.iter().cloned());
            From::Row
        }
        (None, Some(high), Detect::ModifiedTime { overlap_ms, .. }) if !state.settled => {
            binds.push(earlier(high, *overlap_ms));
            From::Time
        }
        (None, Some(high), _) if timed => {
            binds.push(high.clone());
            From::AfterTime
        }
        _ => From::Start,
    };
    Begin { from, binds }
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

fn believable(time: &str, latest: &str) -> bool {
    time.replacen('T', " ", 1).as_str() <= latest
}
