//! reconcile (对账): each closed window becomes a signed manifest, type by type and zero reports
//! included; the two books of a day are held against each other until they agree (对账一致) or
//! every difference has its cause.
//!
//! The procedure, in the order of its files: [`books`] (what a day's books say), [`manifest`] (what
//! comes of the other side's), [`narrow`] and [`answer`] (where the sums differ, down to the keys),
//! [`named`] (what was found), [`heal`] (what the receiver lacks goes again), [`report`], [`causes`] and
//! [`sheets`] (what people are shown of a day), [`excused`], [`month`] and [`rates`] (of a month).

mod answer;
pub mod books;
pub mod causes;
pub mod excused;
pub mod heal;
mod heard;
mod hops;
pub(crate) mod manifest;
pub mod month;
pub mod named;
pub(crate) mod narrow;
pub mod rates;
pub mod report;
pub mod sheets;

use std::collections::BTreeMap;
use std::sync::Arc;

use canon::{Day, Millis, NodeCode};
use envelope::control::{ManifestLine, Side};
use store::{Lease, ManifestRow, Tally};

use self::books::{blank, by_line, causes, content, line, same_books, with_revision, write};
use self::heard::Heard;
use crate::error::WorkError;
use crate::node::{Node, whole_seconds};
use crate::standing::Waits;
use crate::work::{Progress, WorkFuture, Worker};

pub(crate) use self::answer::{names, narrow as narrowed, stated};
pub use self::books::{differing, read};

/// How often open days are looked at, ms.
const EVERY: i64 = 500;
/// Days looked back for the last one that was reported.
const DAYS_BACK_MAX: i32 = 31;
/// Prefixes at which leaves are handed down in one turn.
const FOLDED_PER_TURN: u32 = 64;
/// Rows of old leaves forgotten in one turn.
const FORGOTTEN_PER_TURN: u32 = 1_000;

/// The worker.
pub struct Reconcile {
    node: Arc<Node>,
    last: Option<Millis>,
    /// The day of the first turn: of days before it a silent node knows nothing.
    first: Option<Day>,
    /// Every day up to this one has a manifest, or records that will bring one.
    reported: Option<Day>,
    /// Leaves before this day are forgotten.
    forgotten: Option<Day>,
    /// What excuses who reports late.
    watch: excused::Watch,
}

/// A window as one turn looks at it.
pub(super) struct Held<'a> {
    pub(super) day: Day,
    pub(super) receiver: &'a NodeCode,
    /// Our manifest that stands.
    pub(super) mine: &'a ManifestRow,
    /// The receiver's answer to it.
    pub(super) theirs: &'a Heard,
    pub(super) lease: &'a Lease,
    pub(super) now: Millis,
}

impl Reconcile {
    /// Reconciles for this node.
    pub fn new(node: Arc<Node>) -> Self {
        Self {
            node,
            last: None,
            first: None,
            reported: None,
            forgotten: None,
            watch: excused::Watch::default(),
        }
    }

    async fn turn(&mut self, now: Millis) -> Result<Progress, WorkError> {
        if self.last.is_some_and(|l| now.since(l) < EVERY && now >= l) {
            return Ok(Progress::IDLE);
        }
        self.last = Some(now);
        let Some(lease) = self.node.lease("reconcile", now).await? else {
            return Ok(Progress::IDLE);
        };
        let folded = self.node.store.fold_leaves(FOLDED_PER_TURN).await?;
        self.forget(now).await?;
        // A window closes at its day's end plus the grace.
        let until = Day(Millis(now.0 - self.node.limits.close_grace).day().0 - 1);
        let first = *self.first.get_or_insert(now.day());
        let mut days: BTreeMap<Day, u32> = BTreeMap::new();
        for day in self.silent(first, until).await? {
            days.insert(day, 0);
        }
        days.extend(self.node.store.open_days(until).await?);
        let waits = Waits::read(&self.node.store).await?;
        self.watch.look(&self.node, &waits, now).await?;
        let mut issued = 0;
        for (day, revision) in days {
            issued += self.day(day, revision, &waits, (&lease, now)).await?;
        }
        self.reported = Some(until);
        Ok(Progress::some(issued + folded, folded == u64::from(FOLDED_PER_TURN)))
    }

    /// Leaves are kept as long as a day may be narrowed down.
    async fn forget(&mut self, now: Millis) -> Result<(), WorkError> {
        let before = Millis(now.0 - self.node.limits.leaves_keep).day();
        if self.forgotten.is_none_or(|day| day < before)
            && self.node.store.forget_leaves(before, FORGOTTEN_PER_TURN).await? == 0
            && named::forget_past(&self.node.store, now).await?
        {
            self.forgotten = Some(before);
        }
        Ok(())
    }

    /// Closed days without a manifest of ours, since the last one or since this process began: a
    /// day without a record is reported too (零报告), else silence and nothing look alike.
    async fn silent(&self, first: Day, until: Day) -> Result<Vec<Day>, WorkError> {
        if self.node.owes.is_empty() || self.reported.is_some_and(|r| r >= until) {
            return Ok(Vec::new());
        }
        let mut silent = Vec::new();
        let mut known = false;
        for day in (0..DAYS_BACK_MAX).map(|back| Day(until.0 - back)) {
            let manifests = self.node.store.manifests(day).await?;
            known = manifests.iter().any(|m| m.by == self.node.code);
            if known {
                break;
            }
            silent.push(day);
        }
        silent.retain(|day| known || *day >= first);
        Ok(silent)
    }

    /// Issues the day's manifests where they are missing, have changed or were never answered.
    /// A destination under maintenance gets them after it.
    async fn day(
        &self,
        day: Day,
        revision: u32,
        waits: &Waits,
        (lease, now): (&Lease, Millis),
    ) -> Result<u64, WorkError> {
        let store = &self.node.store;
        let mut books = self.books(day, revision + 1, &store.tallies(day).await?);
        self.count_baseline(day, &mut books).await?;
        let before = store.manifests(day).await?;
        let mut issued = 0;
        for (destination, lines) in books {
            if waits.maintained(&destination, now).is_some() {
                continue;
            }
            let mine = before.iter().find(|m| m.by == self.node.code && m.peer == destination);
            let theirs = heard::of_side(&before, &destination, Side::Receiver);
            // A higher revision is one that was issued in a time that a restore took away.
            let lost = theirs.revision;
            let lost = mine.filter(|m| lost > m.revision).map(|_| lost);
            if let Some(lost) = lost {
                let lines = with_revision(&lines, lost + 1);
                self.issue(day, lost + 1, (destination, mine), &lines, now).await?;
                issued += 1;
                continue;
            }
            let answered = mine.is_some_and(|m| theirs.revision >= m.revision);
            let same = mine.is_some_and(|m| same_books(&read(&m.body), &lines));
            let healed = heal::wants_answer(&self.node, day, &destination).await?;
            if let Some(mine) = mine.filter(|_| same && answered && !healed) {
                let held = Held { day, receiver: &destination, mine, theirs: &theirs, lease, now };
                issued += self.compare(&held).await?;
                continue;
            }
            let interval = self.node.inquiry_interval(&destination);
            let waited = mine.is_none_or(|m| now.since(m.at) >= interval);
            // Behind a gate without a way back the same books say nothing twice.
            if same && !healed && (!waited || self.node.no_way_back(&destination)) {
                continue;
            }
            let receiver = destination.clone();
            self.issue(day, revision + 1, (destination, mine), &lines, now).await?;
            heal::asked(&self.node, day, &receiver, now).await?;
            issued += 1;
        }
        Ok(issued)
    }

    /// Both books of a window lie here: it is closed, or its difference is narrowed down and healed.
    async fn compare(&self, held: &Held<'_>) -> Result<u64, WorkError> {
        let own = read(&held.mine.body);
        if differing(&own, &held.theirs.lines).is_empty() {
            narrow::agreed(&self.node, held).await?;
            self.close(held).await?;
            return Ok(0);
        }
        Ok(narrow::step(&self.node, held).await? + heal::step(&self.node, held).await?)
    }

    /// Marks of the baseline: a line of its own count, outside the places and the sum.
    async fn count_baseline(
        &self,
        day: Day,
        books: &mut BTreeMap<NodeCode, Vec<ManifestLine>>,
    ) -> Result<(), WorkError> {
        let marks = self.node.store.baseline_counts().await?;
        for mark in marks.into_iter().filter(|m| m.day == day) {
            for (destination, lines) in &mut *books {
                let of = mark.destination.as_ref().is_none_or(|to| to == destination);
                if let Some(line) = lines.iter_mut().find(|l| of && l.kind == mark.kind) {
                    line.baseline += mark.count;
                }
            }
        }
        Ok(())
    }

    /// The sender's books of a day by destination: a line a route and type, zeros included.
    fn books(
        &self,
        day: Day,
        revision: u32,
        tallies: &[Tally],
    ) -> BTreeMap<NodeCode, Vec<ManifestLine>> {
        let mut owed = Vec::new();
        for (route, kinds) in &self.node.owes {
            for kind in kinds {
                owed.push(blank(&self.node.code, day, revision, Side::Sender, route.clone(), kind));
            }
        }
        let told =
            tallies.iter().filter_map(|t| line(&self.node.code, day, revision, Side::Sender, t));
        let mut books: BTreeMap<NodeCode, Vec<ManifestLine>> = BTreeMap::new();
        for line in by_line(owed, told) {
            books.entry(line.route.destination.clone()).or_default().push(line);
        }
        let mut out = BTreeMap::new();
        for (destination, mut lines) in books {
            let settled = lines.iter().all(|l| l.counts.is_settled());
            lines.iter_mut().for_each(|l| l.is_final = settled);
            out.insert(destination, lines);
        }
        out
    }

    async fn issue(
        &self,
        day: Day,
        revision: u32,
        (destination, before): (NodeCode, Option<&ManifestRow>),
        lines: &[ManifestLine],
        now: Millis,
    ) -> Result<(), WorkError> {
        let found = causes(day, &self.node.code, &destination, lines);
        let row = ManifestRow {
            day,
            by: self.node.code.clone(),
            peer: destination.clone(),
            revision,
            is_final: false,
            body: write(lines),
            at: whole_seconds(now),
        };
        let manifest = content(&destination, day, lines);
        if let Some(before) = before {
            let window = (day, &self.node.code, &destination);
            let books = (&*read(&before.body), lines);
            named::supplement(&self.node.store, window, books, (revision, now)).await?;
        }
        Ok(self.node.store.commit_manifest(row, found, vec![manifest], None).await?)
    }

    /// The window is done once nothing in it can change and the other side has said the same.
    async fn close(&self, held: &Held<'_>) -> Result<(), WorkError> {
        let mine = held.mine;
        let own = read(&mine.body);
        if mine.is_final || !own.iter().all(|l| l.is_final) {
            return Ok(());
        }
        let found = causes(mine.day, &self.node.code, &mine.peer, &own);
        let at = whole_seconds(held.now);
        let done = ManifestRow { is_final: true, at, ..mine.clone() };
        Ok(self.node.store.commit_manifest(done, found, Vec::new(), None).await?)
    }
}

impl Worker for Reconcile {
    fn name(&self) -> String {
        "reconcile".into()
    }

    fn run_once(&mut self, now: Millis) -> WorkFuture<'_> {
        Box::pin(self.turn(now))
    }
}
