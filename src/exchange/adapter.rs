//! An adapter at work: its package, its source, and each destination its records go to.

use std::sync::{Arc, Mutex, PoisonError};

use adapt::{Bound, Mapping, Package, Query, Vanished};
use canon::format::{Format, Nature};
use canon::{NodeCode, Route};
use edge::Source;

/// One adapter at work for one identity.
pub struct Adapter {
    /// Name of the package (or of its entry in the configuration).
    pub name: Arc<str>,
    /// The package.
    pub package: Arc<Package>,
    /// Where rows come from. Never locked: only this worker has it, and a source may not be shared.
    pub source: Mutex<Box<dyn Source>>,
    /// Unit or namespace of keys where the package leaves it to the node.
    pub namespace: Arc<str>,
    /// Where its records go, in the order of the configuration; at least one.
    pub targets: Vec<Target>,
    /// Whether its rows are old ones: nature `history`, the bulk lane, the rules' history profile.
    pub history: bool,
    /// How long the source rests after it had nothing, ms.
    pub interval: i64,
}

/// One destination of an adapter. The same rows become records of its format, on its routes, with
/// versions of its own.
pub struct Target {
    /// The package compiled against the format.
    pub mapping: Arc<Mapping>,
    /// The format of its routes.
    pub format: Arc<Format>,
    /// Where live records go.
    pub live: Route,
    /// Where history goes.
    pub bulk: Route,
}

impl Target {
    /// Whose receipt settles.
    pub fn destination(&self) -> &NodeCode {
        &self.live.destination
    }

    /// The route of a record of this nature.
    pub(crate) const fn route(&self, nature: Nature) -> &Route {
        match nature {
            Nature::History => &self.bulk,
            Nature::Live | Nature::Late | Nature::Correction => &self.live,
        }
    }

    /// The package's table under this header; the first thing wrong with it otherwise.
    pub(crate) fn bind(&self, table: usize, columns: &[Arc<str>]) -> Result<Bound, String> {
        let header: Vec<String> = columns.iter().map(ToString::to_string).collect();
        let bound = self.mapping.bind(table, &header);
        bound.map_err(|p| p.first().map(ToString::to_string).unwrap_or_default())
    }
}

impl Adapter {
    pub(crate) fn source(&mut self) -> &mut dyn Source {
        &mut **self.source.get_mut().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn query(&self, table: u16) -> Option<&Query> {
        self.package.queries().get(usize::from(table))
    }

    /// Whether outcomes of this table's rows are written back.
    pub(crate) fn writes_back(&self, table: u16) -> bool {
        self.query(table).is_some_and(|q| q.write_back.is_some())
    }

    /// Whether it is remembered which records this table's rows gave: outcomes are written back, or
    /// what vanished rows gave is withdrawn. A row may have moved from any table to any other.
    pub(crate) fn links(&self, table: u16) -> bool {
        self.writes_back(table) || self.voids()
    }

    /// Whether what a vanished row gave is withdrawn, in any of its tables.
    pub(crate) fn voids(&self) -> bool {
        let voids = |q: &Query| matches!(q.vanished, Vanished::Void { .. });
        self.package.queries().iter().any(voids)
    }

    /// Name of a source row in the store: adapter, table and key, so that a receipt finds it again.
    pub(crate) fn row_name(&self, table: u16, key: &str) -> Arc<str> {
        format!("{}|{table}|{key}", self.name).into()
    }
}

/// Table and key of a row's name.
pub(crate) fn row_parts(name: &str) -> (u16, String) {
    let mut parts = name.splitn(3, '|').skip(1);
    let table = parts.next().and_then(|t| t.parse().ok()).unwrap_or(0);
    (table, parts.next().unwrap_or_default().to_owned())
}
