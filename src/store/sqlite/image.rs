//! An image of a store's file, taken beside the process that holds it.

use std::fs::File;
use std::path::Path;

use sqlx::ConnectOptions;

use super::SqliteStore;
use super::conn::{Columns, q};
use super::open::reading;
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
    /// Writes an image of the file at `path` to `to`, which must not exist: one consistent moment,
    /// whole, without free pages, on the disk when it returns. The process that holds the store goes
    /// on; its log is not cut while the image is written. The last words of a killed process are in.
    pub async fn image(path: &Path, to: &Path) -> Result<Vec<Imaged>, StoreError> {
        if to.exists() {
            return Err(StoreError::Refused(format!("`{}` is there already", to.display())));
        }
        let mut conn = reading(path).connect().await?;
        migrate::same_edition(&mut conn).await?;
        let name = to.to_str().ok_or_else(|| {
            StoreError::Refused(format!("`{}` is no name that can be written down", to.display()))
        })?;
        q(sql::IMAGE).bind(name).execute(&mut conn).await?;
        let failed = |e| StoreError::Unavailable(format!("`{}`: {e}", to.display()));
        File::open(to).and_then(|file| file.sync_all()).map_err(failed)?;
        Self::look(to).await
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
