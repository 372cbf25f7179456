//! Types, strands, routes, adapters, links and node codes as small integers. A word is only ever added,
//! so that what is in memory stays true, whoever else adds some.
//!
//! A *strand* is a type on its way to one destination. What is kept of own records stands under
//! strands: each destination has versions, places and problems of its own.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use canon::{NodeCode, Route};

use crate::error::StoreError;

#[derive(Default)]
struct Tables {
    by_text: HashMap<Arc<str>, i64>,
    by_word: HashMap<i64, Arc<str>>,
    routes: HashMap<i64, Route>,
    /// Strands by the words of their type and of a route to their destination.
    strands: HashMap<(i64, i64), i64>,
}

/// Between the type and the destination of a strand: neither can have it.
const TO: char = '>';

/// The text of a strand.
pub(crate) fn strand_text(kind: &str, destination: &NodeCode) -> String {
    format!("{kind}{TO}{destination}")
}

/// The dictionary of one database, as far as it was read.
#[derive(Default)]
pub(crate) struct Words(RwLock<Tables>);

impl Words {
    /// Remembers a word that is stored for good.
    pub(crate) fn put(&self, word: i64, text: Arc<str>) {
        let mut tables = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if let Ok(route) = text.parse() {
            tables.routes.insert(word, route);
        }
        tables.by_text.insert(Arc::clone(&text), word);
        tables.by_word.insert(word, text);
    }

    /// The word of a text, if it was read.
    pub(crate) fn find(&self, text: &str) -> Option<i64> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).by_text.get(text).copied()
    }

    /// The word of a text that was learned.
    pub(crate) fn word(&self, text: &str) -> Result<i64, StoreError> {
        self.find(text).ok_or_else(|| StoreError::Damaged(format!("word `{text}` is not learned")))
    }

    /// The word of a route that was learned.
    pub(crate) fn route_word(&self, route: &Route) -> Result<i64, StoreError> {
        self.word(&route.to_string())
    }

    /// The text of a word.
    pub(crate) fn text(&self, word: i64) -> Result<Arc<str>, StoreError> {
        let tables = self.0.read().unwrap_or_else(PoisonError::into_inner);
        tables.by_word.get(&word).cloned().ok_or_else(|| missing(word))
    }

    /// The route of a word.
    pub(crate) fn route(&self, word: i64) -> Result<Route, StoreError> {
        let tables = self.0.read().unwrap_or_else(PoisonError::into_inner);
        tables.routes.get(&word).cloned().ok_or_else(|| missing(word))
    }

    /// The strand of a type on this route; both were learned, and so was the strand.
    pub(crate) fn strand(&self, kind: i64, route: i64) -> Result<i64, StoreError> {
        let known = |t: &Tables| t.strands.get(&(kind, route)).copied();
        if let Some(strand) = known(&self.0.read().unwrap_or_else(PoisonError::into_inner)) {
            return Ok(strand);
        }
        let strand = self.strand_to(&self.text(kind)?, &self.route(route)?.destination)?;
        let mut tables = self.0.write().unwrap_or_else(PoisonError::into_inner);
        tables.strands.insert((kind, route), strand);
        Ok(strand)
    }

    /// The strand of a type to a destination, learned here or by another process.
    pub(crate) fn strand_to(&self, kind: &str, destination: &NodeCode) -> Result<i64, StoreError> {
        let text = strand_text(kind, destination);
        self.find(&text).ok_or(StoreError::Conflict { what: UNKNOWN_WORD, detail: text })
    }

    /// Type and destination of a strand.
    pub(crate) fn strand_parts(&self, strand: i64) -> Result<(Arc<str>, NodeCode), StoreError> {
        let text = self.text(strand)?;
        let (kind, destination) = text
            .split_once(TO)
            .ok_or_else(|| StoreError::Damaged(format!("word `{text}` is no strand")))?;
        Ok((kind.into(), NodeCode(destination.into())))
    }

    /// The word of a strand's type.
    pub(crate) fn kind_of(&self, strand: i64) -> Result<i64, StoreError> {
        let (kind, _) = self.strand_parts(strand)?;
        self.find(&kind).ok_or_else(|| missing(strand))
    }

    /// The node of a word.
    pub(crate) fn node(&self, word: i64) -> Result<NodeCode, StoreError> {
        Ok(NodeCode(self.text(word)?))
    }
}

/// What a fact says that met a word which is not in memory: a `Conflict`, because who shares the
/// database reads the new words and runs the fact again.
pub(crate) const UNKNOWN_WORD: &str = "word";

fn missing(word: i64) -> StoreError {
    StoreError::Conflict { what: UNKNOWN_WORD, detail: format!("{word} is not in the dictionary") }
}
