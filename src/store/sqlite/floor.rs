//! The raw floor a benchmark holds the store against: frames, and one small pointer row a record,
//! with the same settings and the same grouping, and nothing else.

use std::path::Path;

use canon::Digest;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection, SqliteJournalMode, SqliteSynchronous};
use sqlx::{ConnectOptions as _, Connection as _};

use super::conn::Bulk;
use crate::error::StoreError;

static POINTERS: Bulk = Bulk::new(
    "INSERT INTO pointer (key, kind, version, digest, frame, idx)",
    "(?, ?, ?, ?, ?, ?)",
    "",
);

/// A file with two tables.
pub struct Floor {
    conn: SqliteConnection,
    frames: i64,
}

impl Floor {
    /// A new file.
    pub async fn create(path: &Path) -> Result<Self, StoreError> {
        let mut conn = SqliteConnectOptions::new()
            .filename(path)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .connect()
            .await?;
        for ddl in [
            "CREATE TABLE frame (frame INTEGER PRIMARY KEY, bytes BLOB NOT NULL)",
            "CREATE TABLE pointer (key TEXT, kind INTEGER, version INTEGER, digest BLOB, \
             frame INTEGER, idx INTEGER, PRIMARY KEY (key, kind, version)) WITHOUT ROWID",
        ] {
            sqlx::query(ddl).execute(&mut conn).await?;
        }
        Ok(Self { conn, frames: 0 })
    }

    /// One frame and its pointer rows, in one transaction.
    pub async fn put(
        &mut self,
        frame: Vec<u8>,
        keys: &[(String, Digest)],
    ) -> Result<(), StoreError> {
        self.frames += 1;
        let number = self.frames;
        let mut txn = self.conn.begin().await?;
        sqlx::query("INSERT INTO frame VALUES (?, ?)")
            .bind(number)
            .bind(frame)
            .execute(&mut *txn)
            .await?;
        let mut rows: Vec<(usize, &(String, Digest))> = keys.iter().enumerate().collect();
        rows.sort_unstable_by(|a, b| a.1.0.cmp(&b.1.0));
        POINTERS
            .run(&mut txn, &rows, |s, (index, (key, digest))| {
                let s = s.bind(key.as_str()).bind((*index % 3) as i64).bind(1_i64);
                s.bind(digest.bytes.as_slice()).bind(number).bind(*index as i64)
            })
            .await?;
        txn.commit().await?;
        Ok(())
    }
}
