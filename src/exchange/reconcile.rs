//! reconcile: each closed window becomes a signed manifest, type by type and zero reports
//! included; the two books of a day are held against each other until they agree (对账一致) or
//! every difference has its cause.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use canon::{Day, HashSum, Millis, NodeCode, Route};
use envelope::Kind;
use envelope::control::{Counts, ManifestLine, Side};
use store::{Discrepancy, ManifestRow, NewControl, Place, Tally};

use crate::control;
use crate::error::WorkError;
use crate::gate::Refusal;
use crate::heard::{self, Heard};
use crate::node::{Node, whole_seconds};
use crate::standing::Waits;
use crate::work::{Progress, WorkFuture, Worker};

/// How often open days are looked at, ms.
const EVERY: i64 = 500;
/// Days looked back for the last one that was reported.
const DAYS_BACK_MAX: i32 = 31;

/// The worker.
pub struct Reconcile {
    node: Arc<Node>,
    last: Option<Millis>,
    /// The day of the first turn: of days before it a silent node knows nothing.
    first: Option<Day>,
    /// Every day up to this one has a manifest, or records that will bring one.
    reported: Option<Day>,
}

impl Reconcile {
    /// Reconciles for this node.
    pub fn new(node: Arc<Node>) -> Self {
        Self { node, last: None, first: None, reported: None }
    }

    async fn turn(&mut self, now: Millis) -> Result<Progress, WorkError> {
        if self.last.is_some_and(|l| now.since(l) < EVERY && now >= l) {
            return Ok(Progress::IDLE);
        }
        self.last = Some(now);
        let Some(_lease) = self.node.lease("reconcile", now).await? else {
            return Ok(Progress::IDLE);
        };
        // A window closes at its day's end plus the grace.
        let until = Day(Millis(now.0 - self.node.limits.close_grace).day().0 - 1);
        let first = *self.first.get_or_insert(now.day());
        let mut days: BTreeMap<Day, u32> = BTreeMap::new();
        for day in self.silent(first, until).await? {
            days.insert(day, 0);
        }
        days.extend(self.node.store.open_days(until).await?);
        let waits = Waits::read(&self.node.store).await?;
        let mut issued = 0;
        for (day, revision) in days {
            issued += self.day(day, revision, &waits, now).await?;
        }
        self.reported = Some(until);
        Ok(Progress::some(issued, false))
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
        now: Millis,
    ) -> Result<u64, WorkError> {
        let store = &self.node.store;
        let mut books = self.books(day, revision + 1, &store.tallies(day).await?);
        for mark in store.baseline_counts().await?.into_iter().filter(|m| m.day == day) {
            // A line of its own count: outside the places and the sum.
            for (destination, lines) in &mut books {
                let of = mark.destination.as_ref().is_none_or(|to| to == destination);
                if let Some(line) = lines.iter_mut().find(|l| of && l.kind == mark.kind) {
                    line.baseline += mark.count;
                }
            }
        }
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
                self.issue(day, lost + 1, destination, &lines, now).await?;
                issued += 1;
                continue;
            }
            let answered = mine.is_some_and(|m| theirs.revision >= m.revision);
            let same = mine.is_some_and(|m| same_books(&read(&m.body), &lines));
            if same && answered {
                self.close(mine, &theirs, now).await?;
                continue;
            }
            let interval = self.node.inquiry_interval(&destination);
            let waited = mine.is_none_or(|m| now.since(m.at) >= interval);
            // Behind a gate without a way back the same books say nothing twice.
            if same && (!waited || self.node.no_way_back(&destination)) {
                continue;
            }
            self.issue(day, revision + 1, destination, &lines, now).await?;
            issued += 1;
        }
        Ok(issued)
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
        destination: NodeCode,
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
        Ok(self.node.store.commit_manifest(row, found, vec![manifest], None).await?)
    }

    /// The window is done once nothing in it can change and the other side has said the same.
    async fn close(
        &self,
        mine: Option<&ManifestRow>,
        theirs: &Heard,
        now: Millis,
    ) -> Result<(), WorkError> {
        let Some(mine) = mine else { return Ok(()) };
        let (own, other) = (read(&mine.body), &theirs.lines);
        let settled = own.iter().all(|l| l.is_final);
        if mine.is_final || !settled || !differing(&own, other).is_empty() {
            return Ok(());
        }
        let found = causes(mine.day, &self.node.code, &mine.peer, &own);
        let done = ManifestRow { is_final: true, at: whole_seconds(now), ..mine.clone() };
        Ok(self.node.store.commit_manifest(done, found, Vec::new(), None).await?)
    }
}

/// A manifest came: a sender's is held against what was answered and is answered in kind; a
/// receiver's is held against our own books.
pub(crate) async fn received(
    node: &Node,
    inbox_id: i64,
    from: &NodeCode,
    lines: Vec<ManifestLine>,
    now: Millis,
) -> Result<Option<Refusal>, WorkError> {
    let Some(first) = lines.first() else {
        return Ok(Some(Refusal::new("manifest.empty", "a manifest without a line")));
    };
    let (day, revision, side) = (first.day, first.revision, first.side);
    let uniform = lines.iter().all(|l| l.day == day && l.revision == revision && l.side == side);
    let about = match side {
        Side::Sender => lines.iter().all(|l| l.sender == *from && l.route.destination == node.code),
        Side::Receiver => {
            lines.iter().all(|l| l.sender == node.code && l.route.destination == *from)
        }
    };
    if !uniform || !about {
        return Ok(Some(Refusal::new(
            "manifest.not_yours",
            "not one day's books of these two nodes",
        )));
    }
    let rows = node.store.manifests(day).await?;
    let Some(row) = heard::with(&rows, from, &node.code, &lines, whole_seconds(now)) else {
        return Ok(None);
    };
    let (mut found, answer) = match side {
        Side::Sender => answered(node, from, day, revision, &lines).await?,
        Side::Receiver => (compared(node, from, day, &lines).await?, Vec::new()),
    };
    found.extend(heard::beside(node.store.discrepancies(day).await?, from, &node.code, side));
    node.store.commit_manifest(row, found, answer, Some(inbox_id)).await?;
    Ok(None)
}

/// The receiver's side: its own books of that sender's day, as discrepancies and as an answer.
async fn answered(
    node: &Node,
    sender: &NodeCode,
    day: Day,
    revision: u32,
    lines: &[ManifestLine],
) -> Result<(Vec<Discrepancy>, Vec<NewControl>), WorkError> {
    let tallies = node.store.tallies_received(sender, day).await?;
    // A restored sender counts from its image: it is told which revision it had reached.
    let known = node.store.manifests(day).await?;
    let revision = revision.max(heard::of_side(&known, sender, Side::Sender).revision);
    let owed = lines
        .iter()
        .map(|l| blank(sender, day, revision, Side::Receiver, l.route.clone(), &l.kind))
        .collect();
    let told = tallies.iter().filter_map(|t| line(sender, day, revision, Side::Receiver, t));
    let own = by_line(owed, told);
    let own: Vec<ManifestLine> = own
        .into_iter()
        .map(|l| ManifestLine { is_final: lines.iter().all(|t| t.is_final), ..l })
        .collect();
    let mut found = causes(day, sender, &node.code, lines);
    found.extend(differing(lines, &own).into_iter().map(|(kind, count)| Discrepancy {
        day,
        sender: sender.to_string(),
        receiver: node.code.to_string(),
        kind,
        cause: "sums_differ".into(),
        count,
    }));
    Ok((found, vec![content(sender, day, &own)]))
}

/// The sender's side: what the receiver's books say otherwise than ours now.
async fn compared(
    node: &Node,
    receiver: &NodeCode,
    day: Day,
    theirs: &[ManifestLine],
) -> Result<Vec<Discrepancy>, WorkError> {
    let tallies = node.store.tallies(day).await?;
    let own: Vec<ManifestLine> = tallies
        .iter()
        .filter_map(|t| line(&node.code, day, 0, Side::Sender, t))
        .filter(|l| l.route.destination == *receiver)
        .collect();
    // Its causes stand beside our own manifest already.
    let found = differing(&own, theirs).into_iter().map(|(kind, count)| Discrepancy {
        day,
        sender: node.code.to_string(),
        receiver: receiver.to_string(),
        kind,
        cause: "sums_differ".into(),
        count,
    });
    Ok(found.collect())
}

/// Types whose accepted + superseded counts or sums differ, with the difference in count.
pub fn differing(a: &[ManifestLine], b: &[ManifestLine]) -> Vec<(String, u64)> {
    let sums = |lines: &[ManifestLine]| -> BTreeMap<String, (u64, HashSum)> {
        let mut out: BTreeMap<String, (u64, HashSum)> = BTreeMap::new();
        for l in lines {
            let (count, sum) = out.entry(l.kind.clone()).or_default();
            *count += l.counts.accepted + l.counts.superseded;
            sum.merge(&l.sum);
        }
        out
    };
    let (a, b) = (sums(a), sums(b));
    let kinds: BTreeSet<&String> = a.keys().chain(b.keys()).collect();
    let of =
        |m: &BTreeMap<String, (u64, HashSum)>, k: &String| m.get(k).copied().unwrap_or_default();
    kinds
        .into_iter()
        .filter(|k| of(&a, k) != of(&b, k))
        .map(|k| (k.clone(), of(&a, k).0.abs_diff(of(&b, k).0)))
        .collect()
}

/// Every record of the day that is not accepted, by cause.
fn causes(
    day: Day,
    sender: &NodeCode,
    receiver: &NodeCode,
    lines: &[ManifestLine],
) -> Vec<Discrepancy> {
    let mut found: BTreeMap<(String, &str), u64> = BTreeMap::new();
    for line in lines {
        let c = &line.counts;
        for (cause, count) in [
            ("quarantined", c.quarantined),
            ("waiting", c.waiting),
            ("staged", c.staged),
            ("in_flight", c.in_flight),
            ("awaiting_review", c.awaiting_review),
            ("rejected", c.rejected),
            ("voided", c.voided),
            ("dead", c.dead),
        ] {
            *found.entry((line.kind.clone(), cause)).or_default() += count;
        }
    }
    found
        .into_iter()
        .filter(|(_, count)| *count > 0)
        .map(|((kind, cause), count)| Discrepancy {
            day,
            sender: sender.to_string(),
            receiver: receiver.to_string(),
            kind,
            cause: cause.to_owned(),
            count,
        })
        .collect()
}

/// A line a route, type and epoch (a day in which the sender was restored has two epochs), and an
/// empty one for what is owed and was not there.
fn by_line(owed: Vec<ManifestLine>, told: impl Iterator<Item = ManifestLine>) -> Vec<ManifestLine> {
    let mut lines: BTreeMap<(Route, String, u32), ManifestLine> =
        told.map(|l| ((l.route.clone(), l.kind.clone(), l.epoch), l)).collect();
    for line in owed {
        let of = |epoch| (line.route.clone(), line.kind.clone(), epoch);
        if lines.range(of(0)..=of(u32::MAX)).next().is_none() {
            lines.insert(of(line.epoch), line);
        }
    }
    lines.into_values().collect()
}

fn with_revision(lines: &[ManifestLine], revision: u32) -> Vec<ManifestLine> {
    lines.iter().map(|l| ManifestLine { revision, ..l.clone() }).collect()
}

fn blank(
    sender: &NodeCode,
    day: Day,
    revision: u32,
    side: Side,
    route: Route,
    kind: &str,
) -> ManifestLine {
    ManifestLine {
        day,
        revision,
        is_final: true,
        side,
        sender: sender.clone(),
        kind: kind.to_owned(),
        route,
        epoch: 1,
        counts: Counts::default(),
        sum: HashSum::default(),
        first: None,
        last: None,
        baseline: 0,
    }
}

fn line(
    sender: &NodeCode,
    day: Day,
    revision: u32,
    side: Side,
    tally: &Tally,
) -> Option<ManifestLine> {
    let place = |p: Place| {
        let index = Place::ALL.iter().position(|q| *q == p);
        index.and_then(|i| tally.places.get(i).copied()).unwrap_or_default()
    };
    let counts = Counts {
        quarantined: place(Place::Quarantined),
        waiting: place(Place::Waiting),
        staged: place(Place::Staged),
        in_flight: place(Place::InFlight),
        awaiting_review: place(Place::AwaitingReview),
        accepted: place(Place::Accepted),
        superseded: place(Place::Superseded),
        rejected: place(Place::Rejected),
        voided: place(Place::Voided),
        dead: place(Place::Dead),
    };
    Some(ManifestLine {
        is_final: counts.is_settled(),
        counts,
        epoch: tally.epoch,
        sum: tally.sum.parse().ok()?,
        first: (tally.first_sequence > 0).then_some(tally.first_sequence),
        last: (tally.last_sequence > 0).then_some(tally.last_sequence),
        ..blank(sender, day, revision, side, tally.route.parse().ok()?, &tally.kind)
    })
}

fn content(to: &NodeCode, day: Day, lines: &[ManifestLine]) -> NewControl {
    let fragments: Vec<Vec<u8>> = lines.iter().map(ManifestLine::write).collect();
    control::content(Kind::Manifest, to, day, &fragments)
}

/// Books as stored: one fragment a line.
pub(crate) fn write(lines: &[ManifestLine]) -> String {
    lines
        .iter()
        .map(|l| String::from_utf8_lossy(&l.write()).into_owned())
        .collect::<Vec<_>>()
        .join("\n")
}

/// Reads stored books back.
pub fn read(body: &str) -> Vec<ManifestLine> {
    body.lines().filter_map(|l| ManifestLine::read(l.as_bytes()).ok()).collect()
}

/// The same books, whatever the revision.
fn same_books(a: &[ManifestLine], b: &[ManifestLine]) -> bool {
    let plain = |l: &ManifestLine| ManifestLine { revision: 0, ..l.clone() };
    a.len() == b.len() && a.iter().zip(b).all(|(a, b)| plain(a) == plain(b))
}

impl Worker for Reconcile {
    fn name(&self) -> String {
        "reconcile".into()
    }

    fn run_once(&mut self, now: Millis) -> WorkFuture<'_> {
        Box::pin(self.turn(now))
    }
}
