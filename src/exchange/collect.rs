//! collect: source rows become valid records rendered as fragments; bad ones go to quarantine with
//! every violation; outcomes are written back to the source.

use std::sync::{Arc, PoisonError};

use adapt::{Bound, Detect, FlagValues, Guard, Query, Vanished};
use canon::{DigestAlg, Millis};
use edge::{Awaited, Fate, Page, WriteBack};
use store::{Collected, Lease, SharedStore, SourceRowMark, Stands, WriteBackDone, WriteBackDue};

use crate::adapter::row_parts;
pub use crate::adapter::{Adapter, Target};
use crate::cure;
use crate::error::WorkError;
use crate::held::{Why, broken, vanished_row};
use crate::node::Node;
use crate::resubmit;
use crate::retry;
use crate::shape::{self, Of, Shaped};
use crate::vanished::{self, Gone, Withdrawn};
use crate::work::{Arrival, Progress, WorkFuture, Worker};

/// Write-backs drained in one turn.
const WRITE_BACKS_PER_TURN: u32 = 200;
/// Vanished rows handled after one full pass.
const VANISHED_PER_TURN: u32 = 500;

/// Rows of the quarantine made anew in one turn.
const RESUBMITTED_PER_TURN: usize = 200;

/// The worker.
pub struct Collect {
    node: Arc<Node>,
    adapter: Adapter,
    /// How each target reads each table, once a page of it was seen.
    bounds: Vec<Vec<Option<Bound>>>,
    shaper: shape::Shaper,
    rest_until: Millis,
    /// Changed rows of the full pass now running, for the guard.
    changed: u64,
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
            changed: 0,
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
            (self.changed, self.rest_until) = (0, Millis(i64::MIN));
            self.editions = None;
        }
        let mut written = self.write_back(now).await?;
        if now < self.rest_until {
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
            written = written.and(self.cured(now).await?);
        }
        let rows_max = self.node.limits.page_rows_max as usize;
        let read = self.adapter.source().read(before.cursor.as_deref(), now, rows_max).await;
        let page = read.map_err(|e| self.failed(e))?;
        let rows = page.len() as u64;
        if before.cursor.as_deref() == Some(&page.cursor) && rows == 0 && page.broken.is_empty() {
            self.rest_until = now.plus(self.adapter.interval);
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
        let marks = self.changed_rows(&page).await?;
        if let Some(marks) = &marks {
            self.changed += marks.changed.len() as u64;
            if self.guard(now, self.changed, 0).await? {
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
        if let Some(pass) = pass.filter(|p| p.complete) {
            self.changed = 0;
            self.vanished(lease, table, pass.number, &cursor, now).await?;
            if self.is_let_through().await? {
                // Good for one pass.
                self.node.store.stand(&let_through(&self.adapter.name), None, now).await?;
            }
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

    /// Rows a full pass did not see any more.
    async fn vanished(
        &mut self,
        lease: &Lease,
        table: u16,
        pass: u64,
        cursor: &str,
        now: Millis,
    ) -> Result<(), WorkError> {
        let prefix = self.adapter.row_name(table, "");
        let name = Arc::clone(&self.adapter.name);
        // One more than the guard lets through, so that it sees what it has to see.
        let most = self.adapter.package.guard.max_vanished.saturating_add(1);
        let most = VANISHED_PER_TURN.max(u32::try_from(most).unwrap_or(u32::MAX));
        let mut gone = self.node.store.vanished(&name, &prefix, pass, most).await?;
        if gone.is_empty() || self.guard(now, 0, gone.len() as u64).await? {
            return Ok(());
        }
        gone.truncate(VANISHED_PER_TURN as usize);
        let policy = self.adapter.query(table).map(|q| q.vanished.clone()).unwrap_or_default();
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
                rows: Vec::new(),
                rows_read: 0,
                rows_unchanged: 0,
                stands: Vec::new(),
            };
            self.node.store.commit_collected(lease, collected).await?;
        }
        // A crash before this: the next pass finds them voided or held already.
        let rows: Vec<&str> = done.rows.iter().map(|row| &**row).collect();
        Ok(self.node.store.forget_rows(&name, &rows).await?)
    }

    /// Pauses the adapter when a run sees too much as changed or gone.
    async fn guard(&self, now: Millis, changed: u64, vanished: u64) -> Result<bool, WorkError> {
        let guard: Guard = self.adapter.package.guard;
        if !guard.trips(changed, vanished) {
            return Ok(false);
        }
        // The first pass sees everything as new; only a later one can be suspicious. What is gone was
        // there before: a table that is empty the second time is suspicious at once.
        let first = self.node.store.adapter(&self.adapter.name).await?.rows_unchanged == 0;
        if first && vanished == 0 || self.is_let_through().await? {
            return Ok(false);
        }
        let reason = format!("adapter.guard: {changed} changed, {vanished} vanished in one run");
        self.pause(now, &reason).await?;
        Ok(true)
    }

    /// Whether a person looked at what the guard had stopped and lets it through.
    async fn is_let_through(&self) -> Result<bool, WorkError> {
        Ok(!self.node.store.standing(&let_through(&self.adapter.name)).await?.is_empty())
    }

    async fn pause(&self, now: Millis, reason: &str) -> Result<(), WorkError> {
        Ok(self.node.store.pause_adapter(&self.adapter.name, Some(reason), now).await?)
    }

    fn failed(&self, source: edge::SourceError) -> WorkError {
        WorkError::Source { adapter: self.adapter.name.to_string(), source }
    }

    // ── write-back ──────────────────────────────────────────────────────────────────────────

    async fn write_back(&mut self, now: Millis) -> Result<Progress, WorkError> {
        let name = Arc::clone(&self.adapter.name);
        let due = self.node.store.write_backs(&name, now, WRITE_BACKS_PER_TURN).await?;
        if due.is_empty() {
            return Ok(Progress::IDLE);
        }
        // Rows that are linked for another reason have nobody to tell.
        let (due, silent): (Vec<_>, Vec<_>) =
            due.into_iter().partition(|d| self.adapter.writes_back(row_parts(&d.row).0));
        let items: Vec<WriteBack> = due.iter().map(|d| self.item(d)).collect();
        let said = match items.is_empty() {
            true => Ok(Vec::new()),
            false => self.adapter.source().write_back(&items).await,
        };
        let said = said.map_err(|e| self.failed(e))?;
        let silent =
            silent.into_iter().map(|d| WriteBackDone { row: d.row, flag: d.flag, failed: None });
        let done: Vec<WriteBackDone> = due
            .iter()
            .zip(said)
            .map(|(due, said)| WriteBackDone {
                row: due.row.clone(),
                flag: due.flag.clone(),
                failed: said.err().map(|e| {
                    let next = retry::next(now, due.attempts, &self.node.limits, self.node.seed);
                    (e.code().to_owned(), next)
                }),
            })
            .chain(silent)
            .collect();
        let written = done.iter().filter(|d| d.failed.is_none()).count() as u64;
        self.node.store.commit_write_backs(&name, done, now).await?;
        Ok(Progress::some(written, written == u64::from(WRITE_BACKS_PER_TURN)))
    }

    fn item(&self, due: &WriteBackDue) -> WriteBack {
        let (table, row_key) = row_parts(&due.row);
        let values =
            self.adapter.query(table).and_then(|q| q.write_back.as_ref()).map(|w| &w.values);
        WriteBack {
            table,
            row_key,
            flag: values.map_or_else(|| due.flag.clone(), |v| flag_value(v, &due.flag)),
            text: due.text.clone(),
        }
    }
}

/// Where it stands that a person lets an adapter's next pass through, whatever the guard says.
fn let_through(adapter: &str) -> String {
    format!("guard/{adapter}/")
}

/// A person lets a paused adapter go on; its next full pass is let through by the guard. Whether it
/// was paused.
pub async fn resume(store: &SharedStore, adapter: &str, now: Millis) -> Result<bool, WorkError> {
    if store.adapter(adapter).await?.paused.is_none() {
        return Ok(false);
    }
    // This first: a crash between the two leaves it paused.
    store.stand(&let_through(adapter), Some("resume.adapter"), now).await?;
    store.pause_adapter(adapter, None, now).await?;
    Ok(true)
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

fn flag_value(values: &FlagValues, outcome: &str) -> String {
    match outcome {
        "accepted" | "superseded" => values.accepted.clone(),
        "rejected" => values.rejected.clone(),
        _ => values.quarantined.clone(),
    }
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
