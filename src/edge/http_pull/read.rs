//! A page of rows: whose turn it is, which page of the service, which of its rows.

use adapt::{By, Detect};
use canon::Millis;

use super::answer::{self, Given, Held, Said};
use super::asking::Wanted;
use super::at::At;
use super::{Cursor, HttpPull, State};
use crate::error::SourceError;
use crate::http;
use crate::page::{Ahead, NULL, Page, Pass, join_key};
use crate::passes::{believable, earlier};

/// Which page of the service: query, page of the pass, what leads to it, since when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Which(usize, u64, String, Option<Millis>);

impl HttpPull {
    pub(super) fn nothing(&self, cursor: &Cursor) -> Page {
        let columns = self.columns.first().cloned().unwrap_or_else(|| [].into());
        Page::empty("".into(), columns, cursor.text())
    }

    /// Goes round the queries from the one whose turn it is; the first with something to say ends
    /// the turn.
    pub(super) async fn page(
        &mut self,
        mut cursor: Cursor,
        now: Millis,
        limit: usize,
    ) -> Result<Page, SourceError> {
        let queries = self.settings.source.queries.len();
        for index in cursor.next.min(queries)..queries {
            let name = self.settings.query(index).to_owned();
            let mut state = cursor.queries.remove(&name).unwrap_or_default();
            let turn = self.turn(index, &mut state, now, limit).await?;
            cursor.queries.insert(name, state);
            let Some((mut page, full)) = turn else { continue };
            page.more = full || index + 1 < queries;
            cursor.next = if full { index } else { (index + 1) % queries };
            page.cursor = cursor.text();
            return Ok(page);
        }
        cursor.next = 0;
        Ok(self.nothing(&cursor))
    }

    /// One query's turn: none if it has nothing to say; whether there is more at once.
    async fn turn(
        &mut self,
        index: usize,
        state: &mut State,
        now: Millis,
        limit: usize,
    ) -> Result<Option<(Page, bool)>, SourceError> {
        let compare = self.detect(index) == &Detect::Compare;
        if self.anew.contains(&index) {
            state.at = None;
        }
        let rests = |ended: Millis| now.since(ended) < self.settings.compare_every_ms;
        if compare && state.at.is_none() && state.ended.is_some_and(rests) {
            return Ok(None);
        }
        state.begin(now);
        if state.at.is_none() {
            state.passes += u64::from(compare);
        }
        let first = At { since: self.since(index, state), ..At::default() };
        let mut at = state.at.take().unwrap_or(first);
        let which = Which(index, at.pages, at.next.clone(), at.since);
        self.hold(&which, &at, state, now).await?;
        self.anew.retain(|i| *i != index);
        let Some((_, held)) = self.held.take() else { return Ok(None) };
        let mut page = self.shaped(index);
        let rest = self.give(index, &held, &mut at, &mut page, limit, now);
        let full = if rest {
            state.at = Some(at);
            self.held = Some((which, held));
            true
        } else {
            self.next(index, state, at, &held, now)?
        };
        if let Some(ahead) = &mut page.ahead {
            ahead.ended = !full;
        }
        if compare {
            state.ended = (!full).then_some(now).or(state.ended);
            page.pass = Some(Pass { number: state.passes, complete: !full });
        }
        let says = !page.is_empty() || !page.broken.is_empty() || full || compare;
        Ok(says.then_some((page, full)))
    }

    fn detect(&self, index: usize) -> &Detect {
        &self.settings.source.queries[index].detect
    }

    fn overlap(&self, index: usize) -> i64 {
        match self.detect(index) {
            Detect::ModifiedTime { overlap_seconds, .. } => {
                i64::try_from(*overlap_seconds).unwrap_or(i64::MAX / 1000).saturating_mul(1000)
            }
            _ => 0,
        }
    }

    /// From when on rows are asked for in a new pass.
    fn since(&self, index: usize, state: &State) -> Option<Millis> {
        let Detect::ModifiedTime { .. } = self.detect(index) else { return None };
        let Some(high) = &state.high else { return self.settings.ask(index).begin };
        let back = if state.settled { 0 } else { self.overlap(index) };
        Millis::parse(&earlier(high, back))
    }

    fn shaped(&self, index: usize) -> Page {
        let place = self.settings.query(index).into();
        let mut page = Page::empty(place, self.columns[index].clone(), String::new());
        page.table = u16::try_from(index).unwrap_or(u16::MAX);
        let timed = matches!(self.detect(index), Detect::ModifiedTime { .. });
        page.ahead = timed.then(Ahead::default);
        page
    }

    /// Has the page of the service at hand; asks for it if it is not.
    async fn hold(
        &mut self,
        which: &Which,
        at: &At,
        state: &State,
        now: Millis,
    ) -> Result<(), SourceError> {
        if self.held.as_ref().is_some_and(|(held, _)| held == which) {
            return Ok(());
        }
        self.held = None;
        let index = which.0;
        let feed = (self.detect(index) == &Detect::Feed).then_some(()).and(state.high.as_deref());
        let place = http::place(&self.settings.url);
        for again in [false, true] {
            let ask = self.settings.ask(index);
            let between = self.settings.between;
            let wanted = Wanted { ask, at, began: state.began, feed, between };
            let (url, answer) = self.asker.page(&self.settings, wanted, now).await?;
            self.rest.said(answer.retry_at(now));
            match answer::read(&self.settings, index, &place, &answer)? {
                Said::Rows(mut held) => {
                    if let By::Link(_) = self.settings.ask(index).pages.by {
                        let whole = |link: String| url.join(&link).map_or(link, String::from);
                        held.next = held.next.map(whole);
                    }
                    self.held = Some((which.clone(), held));
                    return Ok(());
                }
                Said::LoginAgain if !again && self.asker.has_token() => self.asker.forget(),
                Said::LoginAgain => break,
            }
        }
        self.asker.forget();
        let (adapter, detail) = (self.settings.adapter.clone(), "the token is refused".to_owned());
        Err(SourceError::Denied { adapter, place, detail })
    }

    /// Gives rows from where `at` is; whether some are left.
    fn give(
        &self,
        index: usize,
        held: &Held,
        at: &mut At,
        page: &mut Page,
        limit: usize,
        now: Millis,
    ) -> bool {
        if at.answer != held.digest {
            // Another answer than the one whose rows were given: all of it, the known are no-ops.
            at.given = 0;
            at.answer.clone_from(&held.digest);
        }
        let latest = now.plus(self.overlap(index)).to_string();
        let timed = matches!(self.detect(index), Detect::ModifiedTime { .. });
        let from = usize::try_from(at.given).unwrap_or(usize::MAX);
        for given in held.rows.iter().skip(from) {
            let full = page.len() + page.broken.len() >= limit
                || page.text_bytes() >= self.settings.page_bytes_max;
            if full {
                return true;
            }
            at.given += 1;
            match given {
                Given::Fault(number, fault) => {
                    let mut broken = page.broken_row(*number, *fault);
                    let number = at.rows + *number;
                    broken.reference = format!("{}:#{number}", page.place);
                    page.broken.push(broken);
                }
                Given::Row(row) => match (self.add(index, row, page), &mut page.ahead) {
                    (Some(time), Some(ahead)) if !believable(&time, &latest) => {
                        ahead.note(&time);
                    }
                    (Some(time), _) => at.high = Some(time).max(at.high.take()),
                    (None, _) => at.timeless += u64::from(timed),
                },
            }
        }
        false
    }

    /// Adds a row to the page; its modified time, in Beijing's writing, where it has one.
    fn add(&self, index: usize, row: &adapt::RowBuf, page: &mut Page) -> Option<String> {
        let query = &self.settings.source.queries[index];
        let row = row.row();
        let value = |name: &str| {
            let column = query.columns.iter().position(|c| c.text == name)?;
            row.get(column)
        };
        // Only where rows are compared a key must be whole: elsewhere it is what people look up.
        let whole = query.detect == Detect::Compare;
        let part = |k: &adapt::Text| value(&k.text).or_else(|| (!whole).then_some(""));
        let key: Option<Vec<&str>> = query.key.iter().map(part).collect();
        let time = match &query.detect {
            Detect::ModifiedTime { column, .. } => {
                value(&column.text).and_then(|t| self.settings.source.times.read(t))
            }
            _ => None,
        };
        let mut joined = String::new();
        let Some(key) = key else {
            page.without_key();
            return None;
        };
        join_key(&key, &mut joined);
        for column in 0..query.columns.len() {
            let span = row.get(column).map_or(NULL, |text| page.put(text));
            page.cells.push(span);
        }
        let key = page.put(&joined);
        page.keys.push(key);
        page.rows += 1;
        time.map(|t| t.to_string())
    }

    /// The page of the service is given whole: the next one, or the end of the pass. Whether there is
    /// a next one.
    fn next(
        &mut self,
        index: usize,
        state: &mut State,
        mut at: At,
        held: &Held,
        now: Millis,
    ) -> Result<bool, SourceError> {
        let (adapter, query) =
            (self.settings.adapter.clone(), self.settings.query(index).to_owned());
        let (rows, page) = (held.rows.len() as u64, at.pages + 1);
        // A page without rows may come twice; one with rows may not, nor may what leads to a page.
        let repeats = rows > 0 && at.turned(&held.digest)
            || held.next.as_ref().is_some_and(|next| *next == at.next);
        if self.ends(index, &at, held) {
            return self.end(index, state, at, held, now).map(|()| false);
        }
        if repeats {
            return Err(SourceError::PageRepeated { adapter, query, page });
        }
        let max = self.settings.ask(index).pages.max;
        if page >= max {
            let detail =
                format!("a pass of {max} pages is not over; see `max` in [source.query.pages]");
            return Err(SourceError::Limit { adapter, place: query, detail });
        }
        at.step(rows, held.next.clone().unwrap_or_default());
        state.at = Some(at);
        Ok(true)
    }

    /// Whether this was the last page of the pass.
    fn ends(&self, index: usize, at: &At, held: &Held) -> bool {
        let pages = &self.settings.ask(index).pages;
        let rows = held.rows.len() as u64;
        let all = held.total.is_some_and(|total| at.rows + rows >= total);
        let feeds = self.detect(index) == &Detect::Feed;
        match &pages.by {
            By::None => true,
            _ if held.more == Some(false) => true,
            By::Page | By::Offset => all || rows == 0 || (pages.short_is_last && rows < pages.size),
            // A feed always says where to go on: it is over when it gives nothing.
            By::Cursor(_) if feeds => rows == 0 || held.next.is_none(),
            By::Cursor(_) | By::Link(_) => held.next.is_none(),
        }
    }

    /// Ends a pass: what it saw becomes the mark for the next.
    fn end(
        &mut self,
        index: usize,
        state: &mut State,
        at: At,
        held: &Held,
        now: Millis,
    ) -> Result<(), SourceError> {
        let rows = at.rows + held.rows.len() as u64;
        let (adapter, query) =
            (self.settings.adapter.clone(), self.settings.query(index).to_owned());
        let short = held.total.filter(|total| rows < *total);
        let pages = &self.settings.ask(index).pages.by;
        if let Some(total) = short.filter(|_| matches!(pages, By::Page | By::Offset)) {
            self.anew.push(index);
            return Err(SourceError::PagesShort { adapter, query, rows, total });
        }
        let seen = match self.detect(index) {
            Detect::ModifiedTime { column, .. } => {
                if at.timeless > 0 && at.high.is_none() {
                    let rows = i64::try_from(at.timeless).unwrap_or(i64::MAX);
                    let (table, column) = (query, column.text.clone());
                    return Err(SourceError::TimeMissing { adapter, table, column, rows });
                }
                // A pass that looks back a little sees lower times first: the mark never falls.
                at.high.max(state.high.clone())
            }
            Detect::Feed => {
                // The last answer's cursor; without one, the one that led to it.
                let led = (!at.next.is_empty()).then_some(at.next);
                held.next.clone().or(led).or_else(|| state.high.clone())
            }
            _ => None,
        };
        state.end(now, seen, self.overlap(index));
        Ok(())
    }
}
