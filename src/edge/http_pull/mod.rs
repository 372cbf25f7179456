//! Rows of a web service that is asked, page by page.
//!
//! How it is asked is data of the package; here are the turns of its queries, their passes and pages,
//! and what is done when it does not answer as agreed. A source that failed is not asked again before
//! its time, whoever calls: a department's system must not suffer from ours.

mod answer;
mod asking;
mod at;
mod probe;
mod read;
mod settings;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use canon::Millis;

pub use probe::probe;
pub use settings::Settings;

use crate::error::SourceError;
use crate::page::Page;
use crate::passes::{self, open_at};
use crate::rest::Rest;
use crate::source::{BoxFuture, Source, WriteBack};

type Cursor = passes::Cursor<at::At>;
type State = passes::State<at::At>;

/// The source. See the module.
pub struct HttpPull {
    settings: Settings,
    columns: Vec<Arc<[Arc<str>]>>,
    asker: asking::Asker,
    /// The page of the service that is being given, and which it is.
    held: Option<(read::Which, answer::Held)>,
    /// Queries whose pass was not whole and begins anew.
    anew: Vec<usize>,
    rest: Rest,
}

impl HttpPull {
    /// Checks the settings; nobody is asked.
    ///
    /// # Errors
    /// Something that the package asks for is not there, or a certificate cannot be read.
    pub fn new(settings: Settings) -> Result<Self, SourceError> {
        settings.check()?;
        let queries = settings.source.queries.iter();
        let columns = queries
            .map(|q| q.columns.iter().map(|c| Arc::from(c.text.as_str())).collect())
            .collect();
        let asker = asking::Asker::new(&settings)?;
        let rest = Rest::of(&settings.adapter);
        Ok(Self { settings, columns, asker, held: None, anew: Vec::new(), rest })
    }
}

impl Source for HttpPull {
    fn read<'a>(
        &'a mut self,
        cursor: Option<&'a str>,
        now: Millis,
        limit: usize,
    ) -> BoxFuture<'a, Result<Page, SourceError>> {
        Box::pin(async move {
            let state = Cursor::parse(&self.settings.adapter, cursor)?;
            if !open_at(&self.settings.hours, now) {
                return Ok(self.nothing(&state));
            }
            self.rest.over(now)?;
            let page = self.page(state, now, limit.max(1)).await;
            self.rest.note(page, now)
        })
    }

    fn write_back<'a>(
        &'a mut self,
        items: &'a [WriteBack],
    ) -> BoxFuture<'a, Result<Vec<Result<(), SourceError>>, SourceError>> {
        let none = || SourceError::NoWriteBack {
            adapter: self.settings.adapter.clone(),
            kind: "http_pull",
        };
        Box::pin(async move { Ok(items.iter().map(|_| Err(none())).collect()) })
    }

    fn let_go(&mut self) {
        self.held = None;
    }
}
