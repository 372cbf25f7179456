//! An image of a store's file, taken beside the process that holds it.

use std::fs::File;
use std::path::Path;

use sqlx::sqlite::SqliteConnectOptions;
#[cfg(feature = "postgres")]
use sqlx::sqlite::{SqliteAutoVacuum, SqliteConnection, SqliteJournalMode, SqliteSynchronous};
use sqlx::{ConnectOptions, Connection};

use super::SqliteStore;
use super::conn::{Columns, q};
use super::open::{PAGE_BYTES, reading};
use super::{migrate, sql};
use crate::error::StoreError;

/// One identity in an image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Imaged {
    /// Node code.
    pub code: String,
    /// Its epoch.
    pub epoch: u32,
    /// The last time it took, milliseconds.
    pub last_now: i64,
}

impl SqliteStore {
    /// Writes an image of the file at `path` to `to`, which must not exist or be empty: one consistent moment,
    /// whole, without free pages, on the disk when it returns. The process that holds the store goes
    /// on; its log is not cut while the image is written. The last words of a killed process are in.
    pub async fn image(path: &Path, to: &Path) -> Result<Vec<Imaged>, StoreError> {
        must_be_free(to)?;
        let mut conn = reading(path).connect().await?;
        migrate::same_edition(&mut conn).await?;
        let name = to.to_str().ok_or_else(|| {
            StoreError::Refused(format!("`{}` is no name that can be written down", to.display()))
        })?;
        q(sql::IMAGE).bind(name).execute(&mut conn).await?;
        conn.close().await?;
        synced(to)?;
        Self::look(to).await
    }

    /// A new file of this program's edition, for an image of another store. Nothing of it is there
    /// before [`Self::image_ends`].
    #[cfg(feature = "postgres")]
    pub(crate) async fn image_begins(to: &Path) -> Result<SqliteConnection, StoreError> {
        must_be_free(to)?;
        let options = SqliteConnectOptions::new()
            .filename(to)
            .create_if_missing(true)
            .page_size(PAGE_BYTES)
            .auto_vacuum(SqliteAutoVacuum::Incremental)
            // What fails half-way is thrown away whole.
            .journal_mode(SqliteJournalMode::Off)
            .synchronous(SqliteSynchronous::Off)
            .foreign_keys(false);
        let mut conn = options.connect().await?;
        migrate::bring_up(&mut conn).await?;
        Ok(conn)
    }

    /// The image is on the disk when this returns.
    #[cfg(feature = "postgres")]
    pub(crate) async fn image_ends(
        conn: SqliteConnection,
        to: &Path,
    ) -> Result<Vec<Imaged>, StoreError> {
        conn.close().await?;
        synced(to)?;
        Self::look(to).await
    }

    /// Brings an image of an earlier edition to this program's. The image is one file afterwards.
    pub async fn image_brought_up(path: &Path) -> Result<(), StoreError> {
        let options = SqliteConnectOptions::new().filename(path).foreign_keys(false);
        let mut conn = options.connect().await?;
        migrate::bring_up(&mut conn).await?;
        conn.close().await?;
        synced(path)
    }

    /// Who is in a file, which must be a whole store of this program's edition; changes nothing.
    pub async fn look(path: &Path) -> Result<Vec<Imaged>, StoreError> {
        let mut conn = reading(path).connect().await?;
        migrate::same_edition(&mut conn).await?;
        let sound = q(sql::SOUND).fetch_one(&mut conn).await?;
        if sound.text(0)? != "ok" {
            let said = sound.text(0)?.to_owned();
            return Err(StoreError::Damaged(format!("`{}`: {said}", path.display())));
        }
        let mut found = Vec::new();
        for row in q(sql::IMAGED).fetch_all(&mut conn).await? {
            let code = row.text(0)?.to_owned();
            found.push(Imaged { code, epoch: row.num(1)?, last_now: row.int(2)? });
        }
        Ok(found)
    }

    /// Names of the editions this program writes, oldest first.
    pub fn editions() -> Vec<&'static str> {
        migrate::editions()
    }
}

/// Not there, or empty: made by somebody who cares who may read it.
fn must_be_free(to: &Path) -> Result<(), StoreError> {
    if to.metadata().is_ok_and(|there| there.len() > 0) {
        return Err(StoreError::Refused(format!("`{}` is there already", to.display())));
    }
    Ok(())
}

fn synced(path: &Path) -> Result<(), StoreError> {
    let failed = |e| StoreError::Unavailable(format!("`{}`: {e}", path.display()));
    File::open(path).and_then(|file| file.sync_all()).map_err(failed)
}
