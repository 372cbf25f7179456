//! back-fill: an adapter's old rows, month by month, as history. It is collect's other half: the same
//! mapping and the same store, a source of its own, the bulk lane and the rules' history profile.

use std::sync::{Arc, Mutex, PoisonError};

use canon::{Day, Lane, Millis};
use edge::{Page, Source, SourceError};
use serde::{Deserialize, Serialize};
use store::{Collected, Lease};

use crate::adapter::Adapter;
use crate::error::WorkError;
use crate::node::Node;
use crate::shape::{Of, Shaped, Shaper};
use crate::standing::{self, BACKFILL, Backfill as Job};
use crate::work::{Progress, WorkFuture, Worker};

/// How often the order is looked at, ms.
const LOOKED_EVERY: i64 = 1_000;
/// Rows of one page: a commit holds the store for as short a time as today's cases can bear.
const ROWS_MAX: usize = 500;

/// Opens the source for the rows of these days, first and last included.
pub type Opener = Box<dyn Fn(Day, Day) -> Result<Box<dyn Source>, SourceError> + Send + Sync>;

/// How far a back-fill is: committed with each page.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Cursor {
    /// First day of the month under way.
    month: Day,
    /// The source's own cursor within it.
    inner: Option<String>,
}

/// The worker.
pub struct Backfill {
    node: Arc<Node>,
    adapter: Adapter,
    open: Opener,
    shaper: Shaper,
    job: Option<Job>,
    looked: Option<Millis>,
    /// Never locked: only this worker has it, and a source may not be shared.
    source: Option<(Day, Mutex<Box<dyn Source>>)>,
    /// Records that may be staged before it waits for them to be sealed.
    ahead: u64,
}

impl Backfill {
    /// Back-fills through one adapter for this node. The adapter's own source is not used.
    pub fn new(node: Arc<Node>, mut adapter: Adapter, open: Opener) -> Self {
        adapter.history = true;
        let ahead = node.limits.backfill_ahead;
        let (shaper, source) = (Shaper::default(), None);
        Self { node, adapter, open, shaper, job: None, looked: None, source, ahead }
    }

    /// Does not wait for what is staged to be sealed: nobody seals while the service is stopped.
    #[must_use]
    pub fn alone(mut self) -> Self {
        self.ahead = u64::MAX;
        self
    }

    fn standing_name(&self) -> String {
        format!("{BACKFILL}{}", self.adapter.name)
    }

    async fn look(&mut self, now: Millis) -> Result<(), WorkError> {
        if self.looked.is_some_and(|at| now >= at && now.since(at) < LOOKED_EVERY) {
            return Ok(());
        }
        let job = standing::one::<Job>(&self.node.store, &self.standing_name()).await?;
        let same = |a: &Job, b: &Job| a.progress_name() == b.progress_name();
        if !job.as_ref().zip(self.job.as_ref()).is_some_and(|(a, b)| same(a, b)) {
            self.source = None;
        }
        self.job = job;
        self.looked = Some(now);
        Ok(())
    }

    async fn turn(&mut self, now: Millis) -> Result<Progress, WorkError> {
        self.look(now).await?;
        let Some(job) = self.job.clone().filter(|j| !j.paused && j.ended.is_none()) else {
            self.source = None;
            return Ok(Progress::IDLE);
        };
        let name = format!("backfill/{}", self.adapter.name);
        let Some(lease) = self.node.lease(&name, now).await? else { return Ok(Progress::IDLE) };
        if self.staged().await? >= self.ahead {
            return Ok(Progress::IDLE);
        }
        let errands = self.node.errands().await?;
        if self.adapter.targets.iter().any(|t| errands.adopts(t.destination())) {
            // Restored: until a destination has told what it knows, a version could be used twice.
            return Ok(Progress::IDLE);
        }
        let job = self.counted(job, now).await?;
        let before = self.node.store.adapter(&job.progress_name()).await?;
        let cursor = match before.cursor.as_deref() {
            None => Cursor { month: first_of(job.from), inner: None },
            Some(text) => serde_json::from_str(text)
                .map_err(|e| WorkError::Own(format!("cursor of {}: {e}", job.progress_name())))?,
        };
        if cursor.month > job.to {
            self.end(job, now).await?;
            return Ok(Progress::some(1, false));
        }
        self.page(&lease, &job, cursor, now).await
    }

    /// Records of the bulk lane that nobody has sealed yet.
    async fn staged(&self) -> Result<u64, WorkError> {
        let routes = self.node.store.staged_routes().await?;
        let bulk = routes.iter().filter(|(route, ..)| route.lane == Lane::Bulk);
        Ok(bulk.map(|(_, count, _)| count).sum())
    }

    /// Asks the source once how many rows there are, where it can tell.
    async fn counted(&mut self, mut job: Job, now: Millis) -> Result<Job, WorkError> {
        if job.total.is_some() {
            return Ok(job);
        }
        let mut whole = (self.open)(job.from, job.to).map_err(|e| self.failed(e))?;
        let tables = whole.count().await.map_err(|e| self.failed(e))?;
        job.total = Some(tables.iter().map(|t| t.rows).sum());
        standing::put(&self.node.store, &self.standing_name(), &job, now).await?;
        self.job = Some(job.clone());
        Ok(job)
    }

    async fn end(&mut self, mut job: Job, now: Millis) -> Result<(), WorkError> {
        job.ended = Some(now);
        standing::put(&self.node.store, &self.standing_name(), &job, now).await?;
        (self.job, self.source) = (Some(job), None);
        Ok(())
    }

    /// One page of the month under way; the end of a month is a commit as well.
    async fn page(
        &mut self,
        lease: &Lease,
        job: &Job,
        cursor: Cursor,
        now: Millis,
    ) -> Result<Progress, WorkError> {
        let (from, to) = (cursor.month.max(job.from), last_of(cursor.month).min(job.to));
        if self.source.as_ref().is_none_or(|(month, _)| *month != cursor.month) {
            // The folder of a drop source is held by whoever has it open.
            self.source = None;
            let opened = (self.open)(from, to).map_err(|e| self.failed(e))?;
            self.source = Some((cursor.month, Mutex::new(opened)));
        }
        let Some((_, source)) = &mut self.source else { return Ok(Progress::IDLE) };
        let source = source.get_mut().unwrap_or_else(PoisonError::into_inner);
        let rows_max = ROWS_MAX.min(self.node.limits.page_rows_max as usize);
        let read = source.read(cursor.inner.as_deref(), now, rows_max).await;
        let page = read.map_err(|e| failed(&self.adapter, e))?;
        let nothing = page.is_empty() && page.broken.is_empty() && page.pass.is_none();
        let over = nothing && !page.more && cursor.inner.as_deref() == Some(&page.cursor);
        let next = if over {
            Cursor { month: Day(last_of(cursor.month).0 + 1), inner: None }
        } else {
            Cursor { inner: Some(page.cursor.clone()), ..cursor }
        };
        let rows = page.len() as u64;
        let collected = self.collected(job, &page, &next, now).await?;
        self.node.lay(lease, collected).await?;
        if let Some((_, source)) = &mut self.source {
            let source = source.get_mut().unwrap_or_else(PoisonError::into_inner);
            source.committed(&page.cursor).await.map_err(|e| failed(&self.adapter, e))?;
        }
        Ok(Progress::some(rows.max(1), true))
    }

    async fn collected(
        &mut self,
        job: &Job,
        page: &Page,
        next: &Cursor,
        now: Millis,
    ) -> Result<Collected, WorkError> {
        let shaped = self.shaped(page, now).await?;
        let unchanged = shaped.unchanged(page.len() as u64);
        let mut quarantined = self.node.rested(shaped.quarantined)?;
        quarantined.extend(page.broken.iter().map(|b| crate::held::broken(&self.adapter, b, now)));
        if !shaped.adopted.is_empty() {
            self.node.store.import_baseline(shaped.adopted, now).await?;
        }
        let own = |e: serde_json::Error| WorkError::Own(e.to_string());
        Ok(Collected {
            adapter: job.progress_name().into(),
            cursor: serde_json::to_string(next).map_err(own)?,
            now,
            chunks: shaped.chunks,
            quarantined,
            known: shaped.known,
            rows: Vec::new(),
            rows_read: page.len() as u64,
            rows_unchanged: unchanged,
            stands: Vec::new(),
        })
    }

    async fn shaped(&mut self, page: &Page, now: Millis) -> Result<Shaped, WorkError> {
        let mut shaped = Shaped::default();
        if page.is_empty() {
            return Ok(shaped);
        }
        let (node, adapter) = (&self.node, &self.adapter);
        let lists = node.lists.now();
        for target in &adapter.targets {
            let bound = target.bind(usize::from(page.table), &page.columns).map_err(|detail| {
                let adapter = self.adapter.name.to_string();
                self.failed(SourceError::Setting { adapter, detail })
            })?;
            let of = Of { store: &node.store, lists: &lists, adapter, target, bound: &bound };
            shaped.add(self.shaper.page(&of, page, None, None, now).await?);
        }
        Ok(shaped)
    }

    fn failed(&self, source: SourceError) -> WorkError {
        failed(&self.adapter, source)
    }
}

fn failed(adapter: &Adapter, source: SourceError) -> WorkError {
    WorkError::Source { adapter: adapter.name.to_string(), source }
}

/// The first day of a day's month.
fn first_of(day: Day) -> Day {
    let (_, _, in_month) = day.civil();
    Day(day.0 - i32::from(in_month) + 1)
}

/// The last day of a day's month.
fn last_of(day: Day) -> Day {
    // The 28th and four days more is always in the next month.
    let next = first_of(Day(first_of(day).0 + 31));
    Day(next.0 - 1)
}

impl Worker for Backfill {
    fn name(&self) -> String {
        format!("backfill/{}", self.adapter.name)
    }

    fn run_once(&mut self, now: Millis) -> WorkFuture<'_> {
        Box::pin(self.turn(now))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn months_begin_and_end_where_they_do() {
        for (day, first, last) in [
            ("2020-02-15", "2020-02-01", "2020-02-29"),
            ("2021-02-28", "2021-02-01", "2021-02-28"),
            ("2020-12-31", "2020-12-01", "2020-12-31"),
            ("2026-01-01", "2026-01-01", "2026-01-31"),
        ] {
            let day = Day::parse(day).unwrap();
            assert_eq!(first_of(day).to_string(), first);
            assert_eq!(last_of(day).to_string(), last);
        }
    }
}
