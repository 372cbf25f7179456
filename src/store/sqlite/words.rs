//! The dictionary of one file. The file is locked, so that what is in memory is all there is.

use std::sync::Arc;

use canon::NodeCode;
use sqlx::sqlite::SqliteConnection;

use super::conn::{Columns, q};
use super::handle::Handle;
use super::sql;
use crate::error::StoreError;
pub(super) use crate::packed::words::Words;
use crate::packed::words::strand_text;

/// Reads all of it.
pub(super) async fn load(conn: &mut SqliteConnection) -> Result<Words, StoreError> {
    let words = Words::default();
    for row in q(sql::WORDS).fetch_all(conn).await? {
        words.put(row.int(0)?, row.text(1)?.into());
    }
    Ok(words)
}

impl Words {
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
            self.put(row.int(0)?, text.into());
        }
        Ok(())
    }
}

/// Words of types seen a moment ago: a page has few types and many records.
#[derive(Default)]
pub(super) struct Seen(Vec<(Arc<str>, i64)>);

impl Seen {
    /// The word of a type, learned if it is new.
    pub(super) async fn learn(
        &mut self,
        words: &Words,
        conn: &mut SqliteConnection,
        kind: &Arc<str>,
    ) -> Result<i64, StoreError> {
        if let Some((_, word)) = self.0.iter().find(|(text, _)| text == kind) {
            return Ok(*word);
        }
        words.learn(conn, &[&**kind]).await?;
        let word = words.word(kind)?;
        self.0.push((Arc::clone(kind), word));
        Ok(word)
    }
}

/// Learns a strand and its type; gives both words.
pub(super) async fn learn_strand(
    handle: &Handle,
    conn: &mut SqliteConnection,
    kind: &str,
    destination: &NodeCode,
) -> Result<(i64, i64), StoreError> {
    let words = handle.words();
    words.learn(conn, &[kind, &strand_text(kind, destination)]).await?;
    Ok((words.word(kind)?, words.strand_to(kind, destination)?))
}

/// Types seen a moment ago on their way to one destination, with their strands.
#[derive(Default)]
pub(super) struct SeenTo(Vec<(Arc<str>, (i64, i64))>);

impl SeenTo {
    /// Both words of a type, learned if they are new.
    pub(super) async fn learn(
        &mut self,
        handle: &Handle,
        conn: &mut SqliteConnection,
        kind: &Arc<str>,
        destination: &NodeCode,
    ) -> Result<(i64, i64), StoreError> {
        if let Some((_, words)) = self.0.iter().find(|(text, _)| text == kind) {
            return Ok(*words);
        }
        let words = learn_strand(handle, conn, kind, destination).await?;
        self.0.push((Arc::clone(kind), words));
        Ok(words)
    }
}
