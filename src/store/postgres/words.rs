//! The dictionary of one schema. Other processes add words too: what is not in memory is looked
//! up, and a word is remembered only once it is stored for good.

use canon::EnvelopeId;
use sqlx::postgres::PgConnection;

use super::conn::{Columns, big, q};
use super::handle::{Handle, IdColumns};
use super::sql;
use crate::error::StoreError;
pub(super) use crate::packed::words::Words;

/// Reads all of it into memory.
pub(super) async fn load(words: &Words, conn: &mut PgConnection) -> Result<(), StoreError> {
    for row in q(sql::WORDS).fetch_all(conn).await? {
        words.put(row.int(0)?, row.text(1)?.into());
    }
    Ok(())
}

impl Handle {
    /// Makes sure that these are known, outside any transaction and before any connection is
    /// taken: a word without a user is harmless.
    pub(super) async fn learn(&self, texts: &[&str]) -> Result<(), StoreError> {
        let mut new: Vec<&str> = Vec::new();
        for text in texts {
            if self.words().find(text).is_none() && !new.contains(text) {
                new.push(text);
            }
        }
        if new.is_empty() {
            return Ok(());
        }
        let mut conn = self.conn().await?;
        q(sql::WORDS_ADD).bind(&new).execute(&mut *conn).await?;
        self.look_up(&mut conn, &new).await
    }

    /// The word of a text, if it was ever used by anybody.
    pub(super) async fn find(&self, text: &str) -> Result<Option<i64>, StoreError> {
        if let Some(word) = self.words().find(text) {
            return Ok(Some(word));
        }
        let mut conn = self.conn().await?;
        self.look_up(&mut conn, &[text]).await?;
        Ok(self.words().find(text))
    }

    async fn look_up(&self, conn: &mut PgConnection, texts: &[&str]) -> Result<(), StoreError> {
        for row in q(sql::WORDS_OF).bind(texts).fetch_all(conn).await? {
            self.words().put(row.int(0)?, row.text(1)?.into());
        }
        Ok(())
    }

    /// The columns of an envelope id, if its words were ever used.
    pub(super) async fn find_id(&self, id: &EnvelopeId) -> Result<Option<IdColumns>, StoreError> {
        let route = id.route.to_string();
        let (Some(sender), Some(route)) =
            (self.find(id.sender.as_str()).await?, self.find(&route).await?)
        else {
            return Ok(None);
        };
        let (epoch, sequence) = (i64::from(id.epoch), big(id.sequence));
        Ok(Some(IdColumns { sender, epoch, route, sequence }))
    }

    /// Learns the words of an envelope id and gives its columns.
    pub(super) async fn learn_id(&self, id: &EnvelopeId) -> Result<IdColumns, StoreError> {
        let route = id.route.to_string();
        self.learn(&[id.sender.as_str(), &route]).await?;
        self.known_id(id)
    }

    /// The columns of an envelope id that was learned.
    pub(super) fn known_id(&self, id: &EnvelopeId) -> Result<IdColumns, StoreError> {
        Ok(IdColumns {
            sender: self.words().word(id.sender.as_str())?,
            epoch: i64::from(id.epoch),
            route: self.words().route_word(&id.route)?,
            sequence: big(id.sequence),
        })
    }
}
