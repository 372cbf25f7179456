//! Times for which no sender is to blame (剔除): this node was down, a node above was under maintenance,
//! could not be reached, or asked to wait. A month's rates leave them out and list them.
//!
//! Whoever sees it writes it down, by day: nothing else remembers it when the month is over.

use canon::{Day, Millis, NodeCode};
use serde::{Deserialize, Serialize};
use store::SharedStore;

use crate::error::WorkError;
use crate::node::Node;
use crate::standing::{self, Waits};

/// Under this prefix stand excused times: `excused/DAY/NODE/CAUSE`.
pub const EXCUSED: &str = "excused/";
/// Under this name stands when this node worked last.
pub const ALIVE: &str = "alive";
/// How often it is looked at, ms.
const EVERY: i64 = 60_000;
/// A pause between two processes that counts as an outage, ms.
pub const DOWN_MIN: i64 = 600_000;
/// Most days that one outage is written down for.
const DAYS_MAX: i32 = 31;

/// Why nobody is to blame. Stable words.
pub mod cause {
    /// This node did not run.
    pub const DOWN: &str = "down";
    /// A node above is under maintenance.
    pub const MAINTENANCE: &str = "maintenance";
    /// A node above could not be reached.
    pub const UNREACHABLE: &str = "unreachable";
    /// The receiver asked to wait.
    pub const DEFER: &str = "defer";
}

/// What a cause is called: word, English, Chinese.
pub const CAUSES: [(&str, &str, &str); 4] = [
    (cause::DOWN, "was down", "停机"),
    (cause::MAINTENANCE, "was under maintenance", "维护"),
    (cause::UNREACHABLE, "could not be reached", "不可达"),
    (cause::DEFER, "asked to wait (defer)", "要求暂缓（defer）"),
];

/// From when to when, on one day.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Span {
    /// First moment known.
    pub from: Millis,
    /// Last moment known.
    pub until: Millis,
}

/// An excused time of one day.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Excused {
    /// The day.
    pub day: Day,
    /// Whose fault it was.
    pub node: NodeCode,
    /// Stable word ([`cause`]).
    pub cause: String,
    /// When.
    pub span: Span,
}

/// Writes a time down, day by day; known times of the same cause grow.
pub async fn note(
    store: &SharedStore,
    (node, cause): (&NodeCode, &str),
    span: Span,
    now: Millis,
) -> Result<(), WorkError> {
    if span.until < span.from {
        return Ok(());
    }
    let (first, last) = (span.from.day(), span.until.day());
    for day in (first.0..=last.0.min(first.0 + DAYS_MAX - 1)).map(Day) {
        let name = format!("{EXCUSED}{day}/{node}/{cause}");
        let here = Span { from: span.from.max(day.start()), until: span.until.min(day.end()) };
        let known: Option<Span> = standing::one(store, &name).await?;
        let all = known
            .map_or(here, |k| Span { from: k.from.min(here.from), until: k.until.max(here.until) });
        if known != Some(all) {
            standing::put(store, &name, &all, now).await?;
        }
    }
    Ok(())
}

/// What was written down of a day.
pub async fn of_day(store: &SharedStore, day: Day) -> Result<Vec<Excused>, WorkError> {
    let found = standing::read::<Span>(store, &format!("{EXCUSED}{day}/")).await?;
    let excused = found.into_iter().filter_map(|(name, span)| {
        let (node, cause) = name.split_once('/')?;
        Some(Excused { day, node: NodeCode::new(node)?, cause: cause.to_owned(), span })
    });
    Ok(excused.collect())
}

/// Looks at what lies above, and whether this node was away.
#[derive(Debug, Default)]
pub(super) struct Watch {
    last: Option<Millis>,
}

impl Watch {
    /// Looks, now and then.
    pub(super) async fn look(
        &mut self,
        node: &Node,
        waits: &Waits,
        now: Millis,
    ) -> Result<(), WorkError> {
        if self.last.is_some_and(|l| now.since(l) < EVERY && now >= l) {
            return Ok(());
        }
        let begins = self.last.is_none();
        self.last = Some(now);
        let store = &node.store;
        let alive: Option<Millis> = standing::one(store, ALIVE).await?;
        if let Some(from) = alive.filter(|at| begins && now.since(*at) >= DOWN_MIN) {
            note(store, (&node.code, cause::DOWN), Span { from, until: now }, now).await?;
        }
        standing::put(store, ALIVE, &now, now).await?;
        for (above, m) in waits.maintenance.iter().filter(|(_, m)| m.is_on(now)) {
            let span = Span { from: m.from.min(now), until: now };
            note(store, (above, cause::MAINTENANCE), span, now).await?;
        }
        for (route, hold) in waits.holds.iter().filter(|(_, h)| now < h.until) {
            let span = Span { from: now, until: hold.until };
            note(store, (&route.destination, cause::DEFER), span, now).await?;
        }
        unreachable(node, now).await
    }
}

/// Destinations behind a link over which nothing goes, or whose word has been due for long.
async fn unreachable(node: &Node, now: Millis) -> Result<(), WorkError> {
    if node.owes.is_empty() {
        return Ok(());
    }
    let links = node.store.status().await?.links;
    for (route, _) in &node.owes {
        let Some(link) = node.link_to(&route.destination) else { continue };
        let Some(status) = links.iter().find(|s| *s.link == *link.name) else { continue };
        let waits = status.oldest.is_some_and(|at| now.since(at) >= node.limits.receipt_overdue);
        let cut = status.reason.as_deref().is_some_and(|r| r.starts_with("bus."));
        if waits && (cut || status.unknown > 0) && !node.no_way_back(&route.destination) {
            let from = status.oldest.unwrap_or(now);
            let span = Span { from, until: now };
            note(&node.store, (&route.destination, cause::UNREACHABLE), span, now).await?;
        }
    }
    Ok(())
}
