//! The source behind a door: documents off the shelf, one a page, their answers with the commit.

use std::sync::Arc;

use canon::Millis;
use serde::{Deserialize, Serialize};

use super::door::{Door, answers, read, waits};
use super::post::{Answer, Post};
use crate::error::SourceError;
use crate::page::Page;
use crate::shelf::ShelfError;
use crate::source::{BoxFuture, Fact, Fate, Source, TableCount, WriteBack};

/// Answers that are thrown away in one turn.
const PURGED_MAX: u32 = 100;
/// How often it is looked for answers that are old, ms.
const PURGE_EVERY: i64 = 60_000;

/// The cursor: how many documents were read. What is read is what waits, so it need not say more.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Cursor {
    v: u32,
    read: u64,
}

/// The source. A document is a page, and so a commit: it counts as a whole.
pub struct Posted {
    door: Arc<Door>,
    columns: Arc<[Arc<str>]>,
    /// The document of the page that was read last: its digest, when it came.
    now_read: Option<(String, i64)>,
    /// Its answer, once it is known.
    answer: Option<Answer>,
    purged: Millis,
}

impl Posted {
    /// The source behind this door.
    pub fn new(door: Arc<Door>) -> Self {
        let queries = &door.parts.source.body.queries;
        let columns = queries.iter().flat_map(|q| &q.columns).map(|c| c.text.as_str().into());
        let columns = columns.collect();
        Self { columns, door, now_read: None, answer: None, purged: Millis(i64::MIN) }
    }

    fn adapter(&self) -> &str {
        self.door.adapter()
    }

    fn no_shelf(&self, e: ShelfError) -> SourceError {
        SourceError::Unreachable {
            adapter: self.adapter().to_owned(),
            place: "the shelf of posted documents".into(),
            detail: e.0,
        }
    }

    async fn read_now(&mut self, cursor: Option<&str>, now: Millis) -> Result<Page, SourceError> {
        (self.now_read, self.answer) = (None, None);
        let before = match cursor {
            None => Cursor { v: 1, read: 0 },
            Some(text) => serde_json::from_str(text).map_err(|e| {
                let (adapter, detail) = (self.adapter().to_owned(), e.to_string());
                SourceError::CursorUnreadable { adapter, detail }
            })?,
        };
        let same = cursor.map_or_else(|| text(before), str::to_owned);
        self.purge(now).await?;
        let prefix = waits(self.adapter(), "");
        let shelf = Arc::clone(&self.door.parts.shelf);
        // One more than is read, to know whether there are more.
        let names = shelf.names(&prefix, 2).await.map_err(|e| self.no_shelf(e))?;
        let Some((name, _)) = names.first() else {
            return Ok(Page::empty("".into(), Arc::clone(&self.columns), same));
        };
        let id = name.strip_prefix(&prefix).unwrap_or_default();
        let answered = shelf.get(&answers(self.adapter(), id)).await;
        let found = shelf.get(name).await.map_err(|e| self.no_shelf(e))?;
        let post = found.as_deref().and_then(read::<Post>);
        let again = answered.map_err(|e| self.no_shelf(e))?.is_some();
        let Some(post) = post.filter(|_| !again) else {
            // It was answered while it came a second time, or was laid by another build of this program.
            shelf.put(name, None, now).await.map_err(|e| self.no_shelf(e))?;
            let mut page = Page::empty("".into(), Arc::clone(&self.columns), same);
            page.more = names.len() > 1;
            return Ok(page);
        };
        let next = Cursor { v: 1, read: before.read + 1 };
        let mut page = post.page(id, &self.columns, text(next));
        page.more = names.len() > 1;
        self.now_read = Some((post.digest, post.received));
        Ok(page)
    }

    /// Answers that are older than they are kept.
    async fn purge(&mut self, now: Millis) -> Result<(), SourceError> {
        if now.0 < self.purged.0.saturating_add(PURGE_EVERY) {
            return Ok(());
        }
        let prefix = answers(self.adapter(), "");
        let parts = &self.door.parts;
        let old = parts.shelf.names(&prefix, PURGED_MAX).await.map_err(|e| self.no_shelf(e))?;
        let more = old.len() == PURGED_MAX as usize;
        let mut last_was_old = false;
        for (name, at) in old {
            last_was_old = now.since(at) > parts.limits.keep;
            if last_was_old {
                parts.shelf.put(&name, None, now).await.map_err(|e| self.no_shelf(e))?;
            }
        }
        if !(more && last_was_old) {
            self.purged = now;
        }
        Ok(())
    }
}

fn text(cursor: Cursor) -> String {
    serde_json::to_string(&cursor).expect("numbers always serialize")
}

impl Source for Posted {
    fn read<'a>(
        &'a mut self,
        cursor: Option<&'a str>,
        now: Millis,
        _limit: usize,
    ) -> BoxFuture<'a, Result<Page, SourceError>> {
        Box::pin(self.read_now(cursor, now))
    }

    fn asks(&self) -> bool {
        true
    }

    fn told(&mut self, page: &Page, fates: &[Fate], now: Millis) -> Vec<Fact> {
        // A page whose rows were not shaped (the adapter was paused) is not answered: it waits.
        let Some((digest, received)) = self.now_read.as_ref().filter(|_| fates.len() == page.len())
        else {
            return Vec::new();
        };
        let answer = Answer::of(page, fates, (digest, *received), now.0);
        let said = serde_json::to_string(&answer).expect("texts and numbers always serialize");
        let facts = vec![
            Fact { name: waits(self.adapter(), &page.place), text: None },
            Fact { name: answers(self.adapter(), &page.place), text: Some(said) },
        ];
        self.answer = Some(answer);
        facts
    }

    fn arrival(&self) -> BoxFuture<'static, ()> {
        let bell = Arc::clone(&self.door.bell);
        Box::pin(async move { bell.notified().await })
    }

    fn committed<'a>(&'a mut self, _cursor: &'a str) -> BoxFuture<'a, Result<(), SourceError>> {
        // After a crash nobody waits here any more: the answer stands in the store.
        if let Some(answer) = self.answer.take() {
            self.door.tell(&answer);
        }
        Box::pin(std::future::ready(Ok(())))
    }

    fn write_back<'a>(
        &'a mut self,
        _items: &'a [WriteBack],
    ) -> BoxFuture<'a, Result<Vec<Result<(), SourceError>>, SourceError>> {
        let adapter = self.adapter().to_owned();
        Box::pin(std::future::ready(Err(SourceError::NoWriteBack { adapter, kind: "push" })))
    }

    fn count<'a>(&'a mut self) -> BoxFuture<'a, Result<Vec<TableCount>, SourceError>> {
        Box::pin(std::future::ready(Ok(Vec::new())))
    }
}
