//! Types, routes, adapters, links and node codes as small integers. The file is locked, so that
//! what is in memory is all there is.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use canon::{NodeCode, Route};
use sqlx::sqlite::SqliteConnection;

use super::conn::{Columns, q};
use super::sql;
use crate::error::StoreError;

#[derive(Default)]
struct Tables {
    by_text: HashMap<Arc<str>, i64>,
    by_word: HashMap<i64, Arc<str>>,
    routes: HashMap<i64, Route>,
}

impl Tables {
    fn put(&mut self, word: i64, text: Arc<str>) {
        if let Ok(route) = text.parse() {
            self.routes.insert(word, route);
        }
        self.by_text.insert(Arc::clone(&text), word);
        self.by_word.insert(word, text);
    }
}

/// The dictionary of one file.
#[derive(Default)]
pub(super) struct Words(RwLock<Tables>);

impl Words {
    /// Reads all of it.
    pub(super) async fn load(conn: &mut SqliteConnection) -> Result<Self, StoreError> {
        let mut tables = Tables::default();
        for row in q(sql::WORDS).fetch_all(conn).await? {
            tables.put(row.int(0)?, row.text(1)?.into());
        }
        Ok(Self(RwLock::new(tables)))
    }

    /// Makes sure that these are known. Outside any transaction: a word without a user is
    /// harmless, a remembered word that was rolled back is not.
    pub(super) async fn learn(
        &self,
        conn: &mut SqliteConnection,
        texts: &[&str],
    ) -> Result<(), StoreError> {
        for &text in texts {
            if self.find(text).is_some() {
                continue;
            }
            let row = q(sql::WORD_ADD).bind(text.to_owned()).fetch_one(&mut *conn).await?;
            let word = row.int(0)?;
            self.0.write().unwrap_or_else(PoisonError::into_inner).put(word, text.into());
        }
        Ok(())
    }

    /// The word of a text, if it was ever used.
    pub(super) fn find(&self, text: &str) -> Option<i64> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).by_text.get(text).copied()
    }

    /// The word of a text that was learned.
    pub(super) fn word(&self, text: &str) -> Result<i64, StoreError> {
        self.find(text).ok_or_else(|| StoreError::Damaged(format!("word `{text}` is not learned")))
    }

    /// The word of a route that was learned.
    pub(super) fn route_word(&self, route: &Route) -> Result<i64, StoreError> {
        self.word(&route.to_string())
    }

    /// The text of a word.
    pub(super) fn text(&self, word: i64) -> Result<Arc<str>, StoreError> {
        let tables = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let text = tables.by_word.get(&word).cloned();
        text.ok_or_else(|| StoreError::Damaged(format!("word {word} is missing")))
    }

    /// The route of a word.
    pub(super) fn route(&self, word: i64) -> Result<Route, StoreError> {
        let tables = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let route = tables.routes.get(&word).cloned();
        route.ok_or_else(|| StoreError::Damaged(format!("word {word} is no route")))
    }

    /// The node of a word.
    pub(super) fn node(&self, word: i64) -> Result<NodeCode, StoreError> {
        Ok(NodeCode(self.text(word)?))
    }
}
