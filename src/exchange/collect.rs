//! collect: source rows become valid records rendered as fragments; bad ones go to quarantine with
//! every violation; outcomes are written back to the source.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError};

use adapt::{Bound, Detect, Query, Vanished};
use canon::{DigestAlg, Millis};
use edge::{Awaited, Fate, Page};
use store::{Collected, Lease, SourceRowMark, Stands};

pub use crate::adapter::{Adapter, Target};
use crate::ahead::Watch;
use crate::cure;
use crate::error::WorkError;
use crate::guard;
use crate::held::{Why, broken, vanished_row};
use crate::node::Node;
use crate::resubmit;
use crate::shape::{self, Of, Shaped};
use crate::vanished::{self, Gone, Withdrawn};
use crate::work::{Arrival, Progress, WorkFuture, Worker};

/// Vanished rows handled in one turn.
const VANISHED_PER_TURN: u32 = 500;
/// Rows of the quarantine made anew in one turn.
const RESUBMITTED_PER_TURN: usize = 200;

/// The worker.
pub struct Collect {
    pub(crate) node: Arc<Node>,
    pub(crate) adapter: Adapter,
    /// How each target reads each table, once a page of it was seen.
    bounds: Vec<Vec<Option<Bound>>>,
    shaper: shape::Shaper,
    rest_until: Millis,
    /// Changed rows of each table's full pass now running, for the guard.
    changed: BTreeMap<u16, u64>,
    /// Tables with vanished rows that one turn had no room for, and the pass that missed them.
    left: BTreeMap<u16, u64>,
    /// Rows dated ahead of the clock.
    ahead: Watch,
    /// Editions of code lists whose cures are done with.
    editions: Option<String>,
    /// Token of the lease that the adapter runs under.
    token: Option<u64>,
}

impl Collect {
    /// Collects through one adapter for this node.
    pub fn new(node: Arc<Node>, adapter: Adapter) -> Self {
        let bounds = vec![Vec::new(); adapter.targets.len()];
        let shaper = shape::Shaper::default();
        Self {
            node,
            adapter,
            bounds,
            shaper,
            rest_until: Millis(i64::MIN),
            changed: BTreeMap::new(),
            left: BTreeMap::new(),
            ahead: Watch::default(),
            editions: None,
            token: None,
        }
    }

    async fn turn(&mut self, now: Millis) -> Result<Progress, WorkError> {
        let name = format!("collect/{}", self.adapter.name);
        let Some(lease) = self.node.lease(&name, now).await? else {
            self.adapter.source().let_go();
            return Ok(Progress::IDLE);
        };
        if self.token != Some(lease.token) {
            // Another instance may have had the adapter: what is remembered of it is old.
            self.token = Some(lease.token);
            (self.changed, self.left) = (BTreeMap::new(), BTreeMap::new());
            self.rest_until = Millis(i64::MIN);
            (self.ahead, self.editions) = (Watch::default(), None);
        }
        let mut written = self.write_back(now).await?;
        if now < self.rest_until && self.left.is_empty() {
            return Ok(written);
        }
        let errands = self.node.errands().await?;
        if self.adapter.targets.iter().any(|t| errands.adopts(t.destination())) {
            // Restored: until a destination has told what it knows, a version could be used twice.
            return Ok(written);
        }
        let before = self.node.store.adapter(&self.adapter.name).await?;
        if before.paused.is_some() {
            return Ok(written);
        }
        if let Some(cursor) = &before.cursor {
            let again = self.resubmitted(&lease, cursor, now).await?;
            if again.more {
                return Ok(written.and(again));
            }
            if let Some(table) = self.left.pop_first() {
                let dealt = self.vanished(&lease, table, cursor, now).await?;
                return Ok(written.and(Progress::some(dealt, true)));
            }
            written = written.and(self.cured(now).await?);
        }
        let rows_max = self.node.limits.page_rows_max as usize;
        let read = self.adapter.source().read(before.cursor.as_deref(), now, rows_max).await;
        let page = read.map_err(|e| self.failed(e))?;
        let rows = page.len() as u64;
        if before.cursor.as_deref() == Some(&page.cursor) && rows == 0 && page.broken.is_empty() {
            self.rest_until = now.plus(self.adapter.interval);
            self.ahead.idle((&self.node.store, &self.adapter.name), now).await?;
            return Ok(written);
        }
        if !page.more {
            self.rest_until = now.plus(self.adapter.interval);
        }
        let done = self.page(&lease, page, now).await?;
        Ok(written.and(done))
    }

    /// One page: one transaction, then the source is told.
    async fn page(
        &mut self,
        lease: &Lease,
        page: Page,
        now: Millis,
    ) -> Result<Progress, WorkError> {
        let (more, rows, cursor) = (page.more, page.len() as u64, page.cursor.clone());
        let pass = page.pass;
        let table = page.table;
        let ahead = page.ahead.clone().map(|ahead| (Arc::clone(&page.place), ahead));
        let marks = self.changed_rows(&page).await?;
        if let Some(marks) = &marks {
            let changed = self.changed.entry(table).or_default();
            *changed += marks.changed.len() as u64;
            let (store, of) = (&self.node.store, (&*self.adapter.name, table));
            if guard::trips(store, of, self.adapter.package.guard, (*changed, 0), now).await? {
                return Ok(Progress::IDLE);
            }
        }
        let mut shaped = self.shape(&page, marks.as_ref(), now).await?;
        if self.adapter.writes_back(table) {
            let told = self.adapter.source().awaiting(&page, &awaited(&shaped)).await;
            told.map_err(|e| self.failed(e))?;
        }
        shaped.quarantined.extend(page.broken.iter().map(|b| broken(&self.adapter, b, now)));
        let stands = self.stands(&page, &shaped.fates, now);
        let unchanged = shaped.unchanged(rows);
        let collected = Collected {
            adapter: Arc::clone(&self.adapter.name),
            cursor: cursor.clone(),
            now,
            chunks: shaped.chunks,
            quarantined: self.node.rested(shaped.quarantined)?,
            known: shaped.known,
            rows: marks.map(|m| m.seen).unwrap_or_default(),
            rows_read: rows,
            rows_unchanged: unchanged,
            stands,
        };
        // Before the page: a crash between the two only finds them known already.
        if !shaped.adopted.is_empty() {
            self.node.store.import_baseline(shaped.adopted, now).await?;
        }
        self.node.store.commit_collected(lease, collected).await?;
        let told = self.adapter.source().committed(&cursor).await;
        told.map_err(|e| self.failed(e))?;
        if let Some((place, ahead)) = &ahead {
            let of = (&self.node.store, &*self.adapter.name);
            self.ahead.page(of, (place, ahead), now).await?;
        }
        if let Some(pass) = pass.filter(|p| p.complete) {
            self.changed.remove(&table);
            self.vanished(lease, (table, pass.number), &cursor, now).await?;
        }
        Ok(Progress::some(rows, more))
    }

    /// What a source wants to stand with the page: the answers to what was posted.
    fn stands(&mut self, page: &Page, fates: &[Fate], now: Millis) -> Vec<Stands> {
        let source = self.adapter.source();
        if !source.asks() {
            return Vec::new();
        }
        let facts = source.told(page, fates, now).into_iter();
        facts.map(|fact| Stands { name: fact.name, text: fact.text }).collect()
    }

    async fn shape(
        &mut self,
        page: &Page,
        marks: Option<&Marks>,
        now: Millis,
    ) -> Result<Shaped, WorkError> {
        if page.is_empty() {
            return Ok(Shaped::default());
        }
        let table = usize::from(page.table);
        let changed = marks.map(|m| m.changed.as_slice());
        let mut shaped = Shaped::default();
        let (store, lists) = (&self.node.store, self.node.lists.now());
        for (target, bounds) in self.adapter.targets.iter().zip(&mut self.bounds) {
            bounds.resize(bounds.len().max(table + 1), None);
            let bound = match &mut bounds[table] {
                Some(bound) => &*bound,
                unbound => match target.bind(table, &page.columns) {
                    Ok(bound) => &*unbound.insert(bound),
                    Err(reason) => {
                        self.pause(now, &format!("adapter.header: {reason}")).await?;
                        return Ok(Shaped::default());
                    }
                },
            };
            let of = Of { store, lists: &lists, adapter: &self.adapter, target, bound };
            shaped.add(self.shaper.page(&of, page, changed, None, now).await?);
        }
        Ok(shaped)
    }

    /// Rows that a code list's new edition cures.
    async fn cured(&mut self, now: Millis) -> Result<Progress, WorkError> {
        let (node, adapter, shaper) = (&*self.node, &self.adapter, &mut self.shaper);
        cure::Turn { node, adapter, shaper, now }.take(&mut self.editions).await
    }

    /// Rows that an operator wants to go up again, made of what the quarantine kept of them.
    async fn resubmitted(
        &mut self,
        lease: &Lease,
        cursor: &str,
        now: Millis,
    ) -> Result<Progress, WorkError> {
        let orders = self.node.store.standing(&resubmit::prefix(&self.adapter.name)).await?;
        let more = orders.len() > RESUBMITTED_PER_TURN;
        let mut done = 0;
        for order in orders.into_iter().take(RESUBMITTED_PER_TURN) {
            let from = (&self.node.store, &*self.node.opens);
            if let Some(again) = resubmit::row(from, &order.name, &self.adapter).await? {
                self.again(lease, &again, cursor, now).await?;
                done += 1;
            }
            // Done twice after a crash: the second time nothing is new.
            self.node.store.stand(&order.name, None, now).await?;
        }
        Ok(Progress::some(done, more))
    }

    async fn again(
        &mut self,
        lease: &Lease,
        again: &resubmit::Again,
        cursor: &str,
        now: Millis,
    ) -> Result<(), WorkError> {
        let (page, table) = (&again.page, usize::from(again.page.table));
        let mut shaped = Shaped::default();
        let (store, lists) = (&self.node.store, self.node.lists.now());
        let adapter = &self.adapter;
        for target in &adapter.targets {
            if !again.only.is_for(target.destination()) {
                continue;
            }
            // Its header may be an older one than that of the pages read now.
            let Ok(bound) = target.bind(table, &page.columns) else { continue };
            let of = Of { store, lists: &lists, adapter, target, bound: &bound };
            shaped.add(self.shaper.page(&of, page, None, Some(&again.only), now).await?);
        }
        let collected = Collected {
            adapter: Arc::clone(&self.adapter.name),
            cursor: cursor.to_owned(),
            now,
            chunks: shaped.chunks,
            quarantined: self.node.rested(shaped.quarantined)?,
            known: shaped.known,
            rows: Vec::new(),
            rows_read: 0,
            rows_unchanged: 0,
            stands: Vec::new(),
        };
        self.node.store.commit_collected(lease, collected).await?;
        Ok(())
    }

    /// For tables that are compared: which rows differ from what was last seen.
    async fn changed_rows(&self, page: &Page) -> Result<Option<Marks>, WorkError> {
        let Some(pass) = page.pass else { return Ok(None) };
        let mut seen = Vec::with_capacity(page.len());
        for row in page.rows() {
            let key = row.row_key().unwrap_or_default();
            seen.push(SourceRowMark {
                row: self.adapter.row_name(page.table, key),
                digest: row.digest(DigestAlg::default()),
                pass: pass.number,
            });
        }
        let names: Vec<&str> = seen.iter().map(|m| &*m.row).collect();
        let known: std::collections::HashMap<Arc<str>, canon::Digest> = self
            .node
            .store
            .source_rows(&self.adapter.name, &names)
            .await?
            .into_iter()
            .map(|m| (m.row, m.digest))
            .collect();
        let changed = (0..seen.len())
            .filter(|i| known.get(&seen[*i].row) != Some(&seen[*i].digest))
            .collect();
        Ok(Some(Marks { seen, changed }))
    }

    /// Rows that full passes do not see any more, as many as one turn deals with; how many.
    async fn vanished(
        &mut self,
        lease: &Lease,
        (table, pass): (u16, u64),
        cursor: &str,
        now: Millis,
    ) -> Result<u64, WorkError> {
        let (prefix, name) = (self.adapter.row_name(table, ""), Arc::clone(&self.adapter.name));
        let (store, of) = (Arc::clone(&self.node.store), (&*name, table));
        let stands = guard::of(&store, of).await?;
        let limits = self.adapter.package.guard;
        // One more than the guard lets through, so that it sees what it has to see.
        let most = u32::try_from(limits.max_vanished.saturating_add(1)).unwrap_or(u32::MAX);
        let fresh = guard::fresh(stands, pass);
        let gone = store.vanished(&name, &prefix, fresh, most).await?.len() as u64;
        if guard::trips(&store, of, limits, (0, gone), now).await? {
            return Ok(0);
        }
        if gone == 0 && !matches!(stands, Some(guard::Stands::Counted(_))) {
            // Good for one pass.
            guard::put(&store, of, None, stands, now).await?;
            return Ok(0);
        }
        // First: what was let through is let through once.
        let counted = Some(guard::Stands::Counted(pass));
        guard::put(&store, of, counted, stands, now).await?;
        let (dealt, full) = self.deal(lease, (table, pass), cursor, now).await?;
        if full && dealt > 0 {
            self.left.insert(table, pass);
        } else if store.vanished(&name, &prefix, 0..pass, 1).await?.is_empty() {
            guard::put(&store, of, None, counted, now).await?;
        }
        Ok(dealt)
    }

    /// Does with vanished rows as the package says. How many are dealt with, and whether there may be
    /// more than one turn takes.
    async fn deal(
        &self,
        lease: &Lease,
        (table, pass): (u16, u64),
        cursor: &str,
        now: Millis,
    ) -> Result<(u64, bool), WorkError> {
        let (prefix, name) = (self.adapter.row_name(table, ""), Arc::clone(&self.adapter.name));
        let policy = self.adapter.query(table).map(|q| q.vanished.clone()).unwrap_or_default();
        // What is not ripe yet must not stand before what is.
        let passes = match &policy {
            Vanished::Ignore | Vanished::Hold => 0..pass,
            Vanished::Void { .. } => 0..vanished::ripe_before(pass),
        };
        let gone = self.node.store.vanished(&name, &prefix, passes, VANISHED_PER_TURN).await?;
        let all = || gone.iter().map(|m| Arc::clone(&m.row)).collect();
        let done = match &policy {
            Vanished::Ignore => Withdrawn { rows: all(), ..Withdrawn::default() },
            Vanished::Hold => {
                let hold = |m| vanished_row(&self.adapter, m, Why::Held, now);
                let quarantined = gone.iter().map(hold).collect();
                Withdrawn { quarantined, rows: all(), ..Withdrawn::default() }
            }
            Vanished::Void { reason, by } => {
                let (node, adapter) = (&*self.node, &self.adapter);
                let of = Gone { node, adapter, said: (reason, by), pass, now };
                vanished::withdraw(&of, &gone).await?
            }
        };
        if !done.chunks.is_empty() || !done.quarantined.is_empty() {
            let collected = Collected {
                adapter: Arc::clone(&name),
                cursor: cursor.to_owned(),
                now,
                chunks: done.chunks,
                quarantined: done.quarantined,
                known: Vec::new(),
                rows: Vec::new(),
                rows_read: 0,
                rows_unchanged: 0,
                stands: Vec::new(),
            };
            self.node.store.commit_collected(lease, collected).await?;
        }
        // A crash before this: the next pass finds them voided or held already.
        let rows: Vec<&str> = done.rows.iter().map(|row| &**row).collect();
        self.node.store.forget_rows(&name, &rows).await?;
        Ok((rows.len() as u64, gone.len() == VANISHED_PER_TURN as usize))
    }

    async fn pause(&self, now: Millis, reason: &str) -> Result<(), WorkError> {
        Ok(self.node.store.pause_adapter(&self.adapter.name, Some(reason), now).await?)
    }

    pub(crate) fn failed(&self, source: edge::SourceError) -> WorkError {
        WorkError::Source { adapter: self.adapter.name.to_string(), source }
    }
}

/// The rows whose records have outcomes to come, with what is wrong here already.
fn awaited(shaped: &Shaped) -> Vec<Awaited<'_>> {
    fn key(row: &str) -> &str {
        row.splitn(3, '|').nth(2).unwrap_or_default()
    }
    let records = shaped.chunks.iter().flat_map(|c| &c.records);
    let staged = records.filter_map(|r| r.source_row.as_deref());
    let staged = staged.map(|row| Awaited { row_key: key(row), rule: "", text: "" });
    let held = shaped.quarantined.iter().filter_map(|q| {
        let (row, first) = (q.source_row.as_deref()?, q.violations.first());
        Some(Awaited {
            row_key: key(row),
            rule: first.map_or("", |v| &v.rule),
            text: first.map_or("", |v| &v.zh),
        })
    });
    staged.chain(held).collect()
}

/// Which rows of a compared page differ.
struct Marks {
    seen: Vec<SourceRowMark>,
    changed: Vec<usize>,
}

/// Whether this table is compared in full passes.
pub fn is_compared(query: &Query) -> bool {
    matches!(query.detect, Detect::Compare)
}

impl Worker for Collect {
    fn name(&self) -> String {
        format!("collect/{}", self.adapter.name)
    }

    fn run_once(&mut self, now: Millis) -> WorkFuture<'_> {
        Box::pin(self.turn(now))
    }

    fn arrival(&self) -> Arrival {
        self.adapter.source.lock().unwrap_or_else(PoisonError::into_inner).arrival()
    }
}
