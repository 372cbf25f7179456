//! The trait of everything that rows are read from.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use canon::{Millis, Violation};

use crate::error::SourceError;
use crate::page::Page;

/// A boxed future, ready at first poll where nothing is waited for.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Where records enter. Reading changes nothing outside; only [`Source::committed`] and
/// [`Source::write_back`] do, and both may be repeated.
pub trait Source: Send {
    /// At most `limit` rows after `cursor` (opaque JSON text; none is the beginning). Gives the same
    /// rows again if the page's cursor was not committed.
    fn read<'a>(
        &'a mut self,
        cursor: Option<&'a str>,
        now: Millis,
        limit: usize,
    ) -> BoxFuture<'a, Result<Page, SourceError>>;

    /// Called before a page is committed: which of its rows have outcomes to come. May be repeated.
    fn awaiting<'a>(
        &'a mut self,
        page: &'a Page,
        rows: &'a [Awaited<'a>],
    ) -> BoxFuture<'a, Result<(), SourceError>> {
        let (_, _) = (page, rows);
        Box::pin(async { Ok(()) })
    }

    /// Whether it is told what becomes of each row ([`Source::told`]), which costs a little.
    fn asks(&self) -> bool {
        false
    }

    /// Called before a page is committed, with what becomes of each row if it is: in the rows' order.
    /// What it returns stands in the store from the same commit on. May be repeated.
    fn told(&mut self, page: &Page, fates: &[Fate], now: Millis) -> Vec<Fact> {
        let (_, _, _) = (page, fates, now);
        Vec::new()
    }

    /// Ends when there may be something to read, where the source knows by itself.
    fn arrival(&self) -> BoxFuture<'static, ()> {
        Box::pin(std::future::pending())
    }

    /// Called after a page's rows and its cursor are durably committed: moves finished files away. A
    /// crash before it is healed by the next [`Source::read`] from that cursor. A source that leaves
    /// nothing lying has nothing to do.
    fn committed<'a>(&'a mut self, cursor: &'a str) -> BoxFuture<'a, Result<(), SourceError>> {
        let _ = cursor;
        Box::pin(async { Ok(()) })
    }

    /// Writes outcomes back to source rows, idempotently; one answer for each item. An error of the
    /// whole means nothing was written.
    fn write_back<'a>(
        &'a mut self,
        items: &'a [WriteBack],
    ) -> BoxFuture<'a, Result<Vec<Result<(), SourceError>>, SourceError>>;

    /// Rows in each table at the source now, where it can tell; for reconciliation.
    fn count<'a>(&'a mut self) -> BoxFuture<'a, Result<Vec<TableCount>, SourceError>> {
        Box::pin(async { Ok(Vec::new()) })
    }

    /// Another instance has the adapter now: whatever this one holds against others is let go. The
    /// next [`Source::read`] takes it again.
    fn let_go(&mut self) {}
}

/// A row whose records have outcomes to come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Awaited<'a> {
    /// Key of the row ([`crate::SourceRow::row_key`]).
    pub row_key: &'a str,
    /// The first rule that a record of it breaks here already; empty if none.
    pub rule: &'a str,
    /// Its Chinese text.
    pub text: &'a str,
}

/// What becomes of a row if its page is committed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Fate {
    /// What each record of it becomes; a row may give none.
    pub records: Vec<RecordFate>,
}

impl Fate {
    /// What becomes of the same row for another destination: of each record the news that its owner
    /// must hear first.
    pub fn and(&mut self, other: Self) {
        for record in other.records {
            let same = |r: &&mut RecordFate| r.kind == record.kind && r.key == record.key;
            match self.records.iter_mut().find(same) {
                Some(there) if record.what.weight() > there.what.weight() => *there = record,
                Some(_) => {}
                None => self.records.push(record),
            }
        }
    }
}

/// What becomes of a record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordFate {
    /// Wire name of its type.
    pub kind: Arc<str>,
    /// Its key, where the row gives one.
    pub key: Option<String>,
    /// What becomes of it.
    pub what: What,
}

/// What becomes of a record, before anything of it was sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum What {
    /// It is on its way up.
    Collected,
    /// It is collected and waits for its parent.
    Waits,
    /// The same content is known already.
    Known,
    /// It breaks these rules and is returned to its owner.
    Returned(Vec<Violation>),
}

impl What {
    /// How much its owner must hear of it.
    const fn weight(&self) -> u8 {
        match self {
            Self::Known => 0,
            Self::Collected => 1,
            Self::Waits => 2,
            Self::Returned(_) => 3,
        }
    }
}

/// A text that stands under a name, or no more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fact {
    /// Name.
    pub name: String,
    /// Text; none takes it back.
    pub text: Option<String>,
}

/// An outcome for one source row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WriteBack {
    /// Index of the table ([`Page::table`]).
    pub table: u16,
    /// Key of the row ([`crate::SourceRow::row_key`]).
    pub row_key: String,
    /// The flag's value, as the adapter translates the worst outcome.
    pub flag: String,
    /// Error text for the row; empty is written as NULL.
    pub text: String,
}

/// How many rows a table holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TableCount {
    /// Index of the table.
    pub table: u16,
    /// Its name.
    pub name: String,
    /// Rows.
    pub rows: u64,
}

/// A source without rows: where only another one of the same adapter is read.
#[derive(Clone, Copy, Debug, Default)]
pub struct Nothing;

impl Source for Nothing {
    fn read<'a>(
        &'a mut self,
        cursor: Option<&'a str>,
        _now: Millis,
        _limit: usize,
    ) -> BoxFuture<'a, Result<Page, SourceError>> {
        let cursor = cursor.unwrap_or_default().to_owned();
        Box::pin(async move { Ok(Page::empty("".into(), [].into(), cursor)) })
    }

    fn write_back<'a>(
        &'a mut self,
        items: &'a [WriteBack],
    ) -> BoxFuture<'a, Result<Vec<Result<(), SourceError>>, SourceError>> {
        Box::pin(async move { Ok(items.iter().map(|_| Ok(())).collect()) })
    }
}
