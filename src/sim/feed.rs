//! What the world's departments report: lines of a log that only grows, written by the world and
//! read by collect. The line of a case may come twice, be corrected, be voided, come before its
//! parent, or break a rule.

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};

use adapt::{Mapping, Package};
use canon::format::Format;
use canon::{Day, Key, Lane, Millis, NodeCode, Route};
use edge::{BoxFuture, Page, Source, SourceError, TableCount, WriteBack};
use exchange::backfill::Opener;
use exchange::collect::{Adapter, Target};

use crate::keys::SUITE;

/// The package of the stories: one line, one record.
const PACKAGE: &str = include_str!("../../tests/world/line/adapter.toml");
/// The unit that acts in every line.
const UNIT: &str = "11990103000000019T";
/// A citizen id of an invented person in a region that does not exist, and one with a wrong check
/// digit.
const IDS: [&str; 2] = ["990103199001010011", "990103199001010012"];
const COLUMNS: [&str; 8] = ["kind", "case", "unit", "region", "id", "at", "text", "void"];

/// What is read once for a whole process: it says nothing about a course of events.
struct Read {
    package: Arc<Package>,
    mapping: Arc<Mapping>,
    format: Arc<Format>,
    columns: Arc<[Arc<str>]>,
}

static READ: LazyLock<Read> = LazyLock::new(|| {
    let files = BTreeMap::from([("adapter.toml".to_owned(), PACKAGE.as_bytes().to_vec())]);
    let package = Package::read(&files).unwrap_or_else(|p| panic!("the package: {p:?}"));
    let format = format();
    let mapping = Mapping::compile(&package, &format).unwrap_or_else(|p| panic!("{p:?}"));
    let columns = COLUMNS.map(Into::into).into();
    Read { package: Arc::new(package), mapping: Arc::new(mapping), format, columns }
});

/// The format of every record.
pub fn format() -> Arc<Format> {
    canon::format::supervision_1()
}

/// Editions that every node of the world knows. Both say the same: what is tried is a sender that goes over
/// from one route to another.
pub const EDITIONS: [&str; 2] = ["supervision/1", "supervision/2"];

/// Every route to the province in a lane.
pub fn routes(to: &NodeCode, lane: Lane) -> [Route; 2] {
    [0, 1].map(|edition| route(to, lane, edition))
}

/// The route to the province in a lane and an edition.
pub fn route(to: &NodeCode, lane: Lane, edition: usize) -> Route {
    Route {
        destination: to.clone(),
        edition: EDITIONS[edition.min(1)].into(),
        suite: SUITE.name().into(),
        lane,
    }
}

/// A line as it was meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// `SB` (application) or `SL` (its acceptance).
    pub kind: &'static str,
    /// The case.
    pub case: u64,
    /// A word that no other line has.
    pub word: String,
    /// It breaks a rule.
    pub bad: bool,
    /// It withdraws the record.
    pub void: bool,
    /// Another node began its case.
    pub elsewhere: bool,
}

impl Line {
    fn cells(&self, day: &str) -> Vec<String> {
        let hour = if self.kind == "SB" { 8 } else { 9 };
        // A rule that both types have: a time that is none.
        let at = if self.bad && self.kind == "SL" {
            "2026-11-31 09:00:00".to_owned()
        } else {
            format!("{day} {hour:02}:00:00")
        };
        let id = IDS[usize::from(self.bad)];
        let void = if self.void { "Y" } else { "" };
        let case = number(self.case);
        let kind = if self.elsewhere { "SLX" } else { self.kind };
        [kind, &case, UNIT, "990103101", id, &at, &self.word, void].map(ToOwned::to_owned).to_vec()
    }
}

/// The root of a case's keys.
pub fn root_of(case: u64) -> String {
    Key::new(UNIT, &[&number(case)]).root().to_owned()
}

/// The number of a case.
pub fn number(case: u64) -> String {
    format!("99010320261121{case:06}")
}

/// A log.
#[derive(Debug, Default)]
pub struct Log {
    rows: Vec<Vec<String>>,
    /// The same as meant.
    pub lines: Vec<Line>,
    /// Rows of the time before, which only a back-fill reads.
    old_rows: Vec<Vec<String>>,
    /// The same as meant.
    pub old_lines: Vec<Line>,
}

impl Log {
    /// A line more.
    pub fn push(&mut self, line: Line) {
        self.rows.push(line.cells("2026-11-21"));
        self.lines.push(line);
    }

    /// A line of the time before.
    pub fn push_old(&mut self, line: Line) {
        self.old_rows.push(line.cells("2026-10-12"));
        self.old_lines.push(line);
    }

    /// The latest line of each record.
    pub fn latest(&self) -> BTreeMap<(&'static str, u64), &Line> {
        let lines = self.old_lines.iter().chain(&self.lines);
        lines.map(|line| ((line.kind, line.case), line)).collect()
    }
}

/// A log that a node reads and the world writes.
pub type SharedLog = Arc<Mutex<Log>>;

/// Looks at a log.
pub fn look(log: &SharedLog) -> MutexGuard<'_, Log> {
    log.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A log as a source. Its cursor is how many lines were read.
pub struct LogSource {
    log: SharedLog,
    /// The rows of the time before.
    old: bool,
}

impl LogSource {
    fn rows<'l>(&self, log: &'l Log) -> &'l [Vec<String>] {
        if self.old { &log.old_rows } else { &log.rows }
    }
}

impl Source for LogSource {
    fn read<'a>(
        &'a mut self,
        cursor: Option<&'a str>,
        _now: Millis,
        limit: usize,
    ) -> BoxFuture<'a, Result<Page, SourceError>> {
        let log = look(&self.log);
        let all = self.rows(&log);
        let from = cursor.and_then(|c| c.parse().ok()).unwrap_or(0_usize).min(all.len());
        let until = all.len().min(from + limit);
        let rows = (from..until).map(|n| (n as u64 + 1, all[n].as_slice()));
        let columns = Arc::clone(&READ.columns);
        let mut page = Page::of_lines("log", columns, rows, until.to_string());
        page.more = until < all.len();
        Box::pin(std::future::ready(Ok(page)))
    }

    fn write_back<'a>(
        &'a mut self,
        items: &'a [WriteBack],
    ) -> BoxFuture<'a, Result<Vec<Result<(), SourceError>>, SourceError>> {
        let done = items.iter().map(|_| Ok(())).collect();
        Box::pin(std::future::ready(Ok(done)))
    }

    fn count<'a>(&'a mut self) -> BoxFuture<'a, Result<Vec<TableCount>, SourceError>> {
        let rows = self.rows(&look(&self.log)).len() as u64;
        let count = TableCount { table: 0, name: "log".into(), rows };
        Box::pin(std::future::ready(Ok(vec![count])))
    }
}

/// A log's adapter at a node, in one of the editions.
pub fn adapter(node: &NodeCode, to: &NodeCode, log: &SharedLog, edition: usize) -> Adapter {
    Adapter {
        name: "line".into(),
        package: Arc::clone(&READ.package),
        source: Mutex::new(Box::new(LogSource { log: Arc::clone(log), old: false })),
        namespace: node.as_str().into(),
        targets: vec![Target {
            mapping: Arc::clone(&READ.mapping),
            format: Arc::clone(&READ.format),
            live: route(to, Lane::Live, edition),
            bulk: route(to, Lane::Bulk, edition),
        }],
        history: false,
        interval: 0,
    }
}

/// Opens a log's rows of the time before; all of them are of one month.
pub fn opener(log: &SharedLog) -> Opener {
    let log = Arc::clone(log);
    Box::new(move |_: Day, _: Day| {
        let source = LogSource { log: Arc::clone(&log), old: true };
        Ok(Box::new(source) as Box<dyn Source>)
    })
}
