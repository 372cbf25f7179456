//! Rows out of a database's tables, and outcomes back into them.
//!
//! Reading goes through a session that may not write, where the database knows such a thing; only the
//! write-back opens another, and never both at once. Every value comes as the database writes it: what
//! it means is the adapter's to say.

#[cfg(test)]
pub(crate) mod contract;
mod cursor;
mod failure;
mod grants;
mod probe;
mod read;
mod rows;
mod settings;
mod statement;
#[cfg(test)]
mod tests;
mod write_back;

use std::sync::Arc;

use canon::Millis;

pub use grants::{Account, grants};
pub use probe::probe;
pub use settings::{Detect, Query, Settings, WriteBackTo};

use crate::db::Connection;
use crate::error::SourceError;
use crate::page::Page;
use crate::passes;
use crate::source::{BoxFuture, Source, TableCount, WriteBack};

type Cursor = passes::Cursor<cursor::At>;
type State = passes::State<cursor::At>;

/// The source. See the module.
pub struct SqlSource {
    settings: Settings,
    columns: Vec<Arc<[Arc<str>]>>,
    /// The one connection, and whether it may write.
    connection: Option<(Connection, bool)>,
}

impl SqlSource {
    /// Checks the settings; the database is opened at the first read.
    pub fn new(settings: Settings) -> Result<Self, SourceError> {
        settings.check()?;
        let columns = settings
            .queries
            .iter()
            .map(|q| q.columns.iter().map(|c| Arc::from(c.as_str())).collect())
            .collect();
        Ok(Self { settings, columns, connection: None })
    }

    /// The connection to read or to write through; the other kind is closed for it.
    async fn connect(&mut self, read_only: bool) -> Result<Connection, SourceError> {
        if let Some((connection, _)) = self.connection.take_if(|(_, reads)| *reads == read_only) {
            return Ok(connection);
        }
        self.connection = None;
        Connection::open(&self.settings.place, &self.settings.session(read_only))
            .await
            .map_err(|e| failure::unreachable(&self.settings, e))
    }
}

impl Source for SqlSource {
    fn read<'a>(
        &'a mut self,
        cursor: Option<&'a str>,
        now: Millis,
        limit: usize,
    ) -> BoxFuture<'a, Result<Page, SourceError>> {
        Box::pin(async move {
            let most = self.settings.fetch_rows_max.max(1);
            self.page(cursor, now, limit.clamp(1, most)).await
        })
    }

    fn write_back<'a>(
        &'a mut self,
        items: &'a [WriteBack],
    ) -> BoxFuture<'a, Result<Vec<Result<(), SourceError>>, SourceError>> {
        Box::pin(self.write(items))
    }

    fn count<'a>(&'a mut self) -> BoxFuture<'a, Result<Vec<TableCount>, SourceError>> {
        Box::pin(self.counts())
    }
}
