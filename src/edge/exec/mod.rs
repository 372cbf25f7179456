//! Rows of a program that speaks the Singer protocol.
//!
//! A run of the program is read page by page while it goes on; what it cannot give away waits in its
//! pipe, so memory holds one page. A page's cursor holds the last STATE whose rows are all in this page
//! or in those before it: whatever ends the run, the next one begins from there, and the rows after it
//! come again, which is no news.

mod child;
mod probe;
mod read;
mod settings;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use canon::Millis;

pub use probe::probe;
pub use settings::{ExecLimits, Settings};

use crate::error::SourceError;
use crate::page::Page;
use crate::passes::open_at;
use crate::rest::Rest;
use crate::source::{BoxFuture, Source, WriteBack};

/// The source. See the module.
pub struct Exec {
    settings: Settings,
    columns: Vec<Arc<[Arc<str>]>>,
    run: Option<read::Run>,
    rest: Rest,
}

impl Exec {
    /// The program is started by the first read.
    pub fn new(settings: Settings) -> Self {
        let (columns, rest) = (settings.columns(), Rest::of(&settings.adapter));
        Self { settings, columns, run: None, rest }
    }
}

impl Source for Exec {
    fn read<'a>(
        &'a mut self,
        cursor: Option<&'a str>,
        now: Millis,
        limit: usize,
    ) -> BoxFuture<'a, Result<Page, SourceError>> {
        Box::pin(async move {
            if !open_at(&self.settings.hours, now) {
                self.run = None;
                let cursor = cursor.unwrap_or_default().to_owned();
                return Ok(Page::empty("".into(), [].into(), cursor));
            }
            self.rest.over(now)?;
            let page = self.page(cursor, now, limit.max(1)).await;
            if page.is_err() {
                self.run = None;
            }
            self.rest.note(page, now)
        })
    }

    fn write_back<'a>(
        &'a mut self,
        items: &'a [WriteBack],
    ) -> BoxFuture<'a, Result<Vec<Result<(), SourceError>>, SourceError>> {
        let adapter = &self.settings.adapter;
        let none = || SourceError::NoWriteBack { adapter: adapter.clone(), kind: "exec" };
        Box::pin(async move { Ok(items.iter().map(|_| Err(none())).collect()) })
    }

    fn let_go(&mut self) {
        self.run = None;
    }
}
