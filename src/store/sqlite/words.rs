//! The dictionary of one file. The file is locked, so that what is in memory is all there is.

use sqlx::sqlite::SqliteConnection;

use super::conn::{Columns, q};
use super::sql;
use crate::error::StoreError;
pub(super) use crate::packed::words::Words;

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
