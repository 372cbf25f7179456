//! What a source that asks a web service is told: the package's requests, the node's address and
//! secrets.

use std::collections::BTreeMap;
use std::fmt;

use adapt::form::FormLimits;
use adapt::{Ask, By, HttpSource, Slot, Template};
use canon::Day;

use crate::error::SourceError;
use crate::http::{self, Url};

/// Bytes of text of one page that is given.
const PAGE_BYTES_MAX: usize = 4 << 20;

/// Settings of a source that asks.
#[derive(Clone)]
pub struct Settings {
    /// Adapter id, for messages.
    pub adapter: String,
    /// The address that the requests' paths lie below.
    pub url: Url,
    /// How the client behaves.
    pub http: http::Settings,
    /// What the package asks for as `{secret.NAME}`.
    pub secrets: BTreeMap<String, String>,
    /// What the package asks for as `{value.NAME}`.
    pub values: BTreeMap<String, String>,
    /// The package's source.
    pub source: HttpSource,
    /// The days of a back-fill.
    pub between: Option<(Day, Day)>,
    /// At least so long between two full passes of a `compare` query, milliseconds.
    pub compare_every_ms: i64,
    /// Bytes of text of one page.
    pub page_bytes_max: usize,
    /// Limits of the readers.
    pub form: FormLimits,
    /// Hours of the day in which it may be asked, as of a database.
    pub hours: Vec<(u16, u16)>,
}

impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Settings").field("adapter", &self.adapter).finish_non_exhaustive()
    }
}

impl Settings {
    /// The settings a package gives for a service, with the usual limits.
    pub fn of(adapter: &str, url: Url, http: http::Settings, source: &HttpSource) -> Self {
        Self {
            adapter: adapter.into(),
            url,
            http,
            secrets: BTreeMap::new(),
            values: BTreeMap::new(),
            source: source.clone(),
            between: None,
            compare_every_ms: 0,
            page_bytes_max: PAGE_BYTES_MAX,
            form: FormLimits::default(),
            hours: Vec::new(),
        }
    }

    /// The same for a back-fill: one full pass over the rows of these days.
    ///
    /// # Errors
    /// A query does not say how old rows are asked for.
    pub fn history(mut self, from: Day, to: Day) -> Result<Self, SourceError> {
        for (query, ask) in self.source.queries.iter_mut().zip(&mut self.source.asks) {
            let Some(call) = ask.history.clone() else {
                let name = &query.name.text;
                let detail = format!(
                    "query `{name}` does not say how old rows are asked for; add [source.query.history] with `{{from}}` and `{{to}}` to the package"
                );
                return Err(SourceError::Setting { adapter: self.adapter, detail });
            };
            ask.call = call;
            query.detect = adapt::Detect::Compare;
        }
        self.between = Some((from, to));
        self.compare_every_ms = i64::MAX;
        Ok(self)
    }

    /// What the package asks for and the node does not name.
    ///
    /// # Errors
    /// The first such.
    pub(super) fn check(&self) -> Result<(), SourceError> {
        let source = &self.source;
        let calls = source.asks.iter().flat_map(|ask| ask.call.templates());
        let login = source.login.iter().flat_map(|login| login.call.templates());
        let headers = source.headers.iter().map(|(_, template)| template);
        for slot in calls.chain(login).chain(headers).flat_map(Template::slots) {
            let missing = match slot {
                Slot::Secret(name) if !self.secrets.contains_key(name) => ("secrets", name),
                Slot::Value(name) if !self.values.contains_key(name) => ("values", name),
                _ => continue,
            };
            let (table, name) = missing;
            let detail = format!(
                "the package asks for `{name}` in [adapter.source.{table}], which is not there"
            );
            return Err(SourceError::Setting { adapter: self.adapter.clone(), detail });
        }
        Ok(())
    }

    pub(super) fn ask(&self, query: usize) -> &Ask {
        &self.source.asks[query]
    }

    pub(super) fn query(&self, query: usize) -> &str {
        &self.source.queries[query].name.text
    }
}

/// The values of an answer that are wanted beside its rows, by path, in this order.
pub(super) fn wanted<'s>(source: &'s HttpSource, ask: &'s Ask) -> [Option<&'s str>; 4] {
    let next = match &ask.pages.by {
        By::Cursor(path) | By::Link(path) => Some(path.as_str()),
        By::None | By::Page | By::Offset => None,
    };
    let code = source.code.as_ref().map(|code| code.path.as_str());
    [code, next, ask.pages.total.as_deref(), ask.pages.more.as_deref()]
}
