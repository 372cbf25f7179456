//! One identity's handle, and the frame of every transaction.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use canon::{EnvelopeId, Millis, NodeCode};
use sqlx::sqlite::{SqliteConnection, SqliteRow};
use sqlx::{Connection, Sqlite, Transaction};
use tokio::sync::MutexGuard;

use super::conn::{Columns, Statement, big, fit, q};
use super::open::{Shared, next};
use super::sql;
use super::words::Words;
use crate::error::StoreError;
use crate::types::Lease;

/// One identity of a file.
pub(super) struct Handle {
    shared: Arc<Shared>,
    /// Its number in the file.
    pub(super) ident: i64,
    /// Its code.
    pub(super) code: NodeCode,
    clock: AtomicI64,
}

/// An envelope id as columns; the words may be unknown, then nothing is stored of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct IdColumns {
    /// Word of the sender.
    pub(super) sender: i64,
    /// Epoch.
    pub(super) epoch: i64,
    /// Word of the route.
    pub(super) route: i64,
    /// Sequence.
    pub(super) sequence: i64,
}

impl IdColumns {
    /// Binds sender, epoch, route, sequence.
    pub(super) fn bind<'q>(&self, statement: Statement<'q>) -> Statement<'q> {
        statement.bind(self.sender).bind(self.epoch).bind(self.route).bind(self.sequence)
    }
}

impl Handle {
    /// A handle of identity `ident`.
    pub(super) fn new(shared: Arc<Shared>, ident: i64, code: NodeCode, last_now: i64) -> Self {
        Self { shared, ident, code, clock: AtomicI64::new(last_now) }
    }

    /// The writing connection, alone.
    pub(super) async fn writer(&self) -> MutexGuard<'_, SqliteConnection> {
        self.shared.writer.lock().await
    }

    /// A connection for people's questions.
    pub(super) async fn reader(&self) -> Result<sqlx::pool::PoolConnection<Sqlite>, StoreError> {
        Ok(self.shared.readers.acquire().await?)
    }

    /// Epoch in force.
    pub(super) async fn epoch(&self, conn: &mut SqliteConnection) -> Result<i64, StoreError> {
        q(sql::EPOCH).bind(self.ident).fetch_one(conn).await?.int(0)
    }

    /// The dictionary.
    pub(super) fn words(&self) -> &Words {
        &self.shared.words
    }

    /// The next number of a chunk.
    pub(super) fn next_chunk(&self) -> i64 {
        next(&self.shared.numbers.chunk)
    }

    /// The next number of a range.
    pub(super) fn next_range(&self) -> i64 {
        next(&self.shared.numbers.range)
    }

    /// The next number of an own envelope.
    pub(super) fn next_envelope(&self) -> i64 {
        next(&self.shared.numbers.envelope)
    }

    /// The next number of a judged envelope.
    pub(super) fn next_received(&self) -> i64 {
        next(&self.shared.numbers.received)
    }

    /// `now`, never below the last one committed.
    pub(super) fn clock(&self, now: Millis) -> Millis {
        Millis(self.clock.load(Ordering::Relaxed).max(now.0))
    }

    /// Begins a transaction, moves the clock and checks the lease, if there is one. Dropping it
    /// rolls it back.
    pub(super) async fn begin<'c>(
        &self,
        conn: &'c mut SqliteConnection,
        lease: Option<&Lease>,
        now: Option<Millis>,
    ) -> Result<(Transaction<'c, Sqlite>, Millis), StoreError> {
        let mut txn = conn.begin_with(sql::BEGIN).await?;
        let now = now.map_or(0, |n| n.0);
        let row = match lease {
            None => q(sql::CLOCK).bind(self.ident).bind(now).fetch_one(&mut *txn).await?,
            Some(lease) => {
                let statement = q(sql::CLOCK_LEASED).bind(self.ident).bind(now);
                let statement = statement.bind(lease.name.as_str()).bind(big(lease.token));
                let row = statement.fetch_optional(&mut *txn).await?;
                row.ok_or_else(|| StoreError::LeaseLost(lease.name.clone()))?
            }
        };
        let now = row.int(0)?;
        self.clock.fetch_max(now, Ordering::Relaxed);
        Ok((txn, Millis(now)))
    }

    /// Stores bytes; returns their number.
    pub(super) async fn put_blob(
        &self,
        conn: &mut SqliteConnection,
        bytes: Vec<u8>,
    ) -> Result<i64, StoreError> {
        let blob = next(&self.shared.numbers.blob);
        q(sql::BLOB_ADD).bind(blob).bind(bytes).execute(conn).await?;
        Ok(blob)
    }

    /// The columns of an envelope id, if its words are known.
    pub(super) fn find_id(&self, id: &EnvelopeId) -> Option<IdColumns> {
        Some(IdColumns {
            sender: self.words().find(id.sender.as_str())?,
            epoch: i64::from(id.epoch),
            route: self.words().find(&id.route.to_string())?,
            sequence: big(id.sequence),
        })
    }

    /// Learns the words of an envelope id and gives its columns.
    pub(super) async fn learn_id(
        &self,
        conn: &mut SqliteConnection,
        id: &EnvelopeId,
    ) -> Result<IdColumns, StoreError> {
        let route = id.route.to_string();
        self.words().learn(conn, &[id.sender.as_str(), &route]).await?;
        self.find_id(id).ok_or_else(|| StoreError::Damaged(format!("envelope {id}: no words")))
    }

    /// Reads sender, epoch, route, sequence from column `i` on.
    pub(super) fn read_id(&self, row: &SqliteRow, i: usize) -> Result<EnvelopeId, StoreError> {
        Ok(EnvelopeId {
            sender: self.words().node(row.int(i)?)?,
            epoch: row.num(i + 1)?,
            route: self.words().route(row.int(i + 2)?)?,
            sequence: row.num(i + 3)?,
        })
    }

    /// Reads epoch, route, sequence of an own envelope from column `i` on.
    pub(super) fn read_own_id(&self, row: &SqliteRow, i: usize) -> Result<EnvelopeId, StoreError> {
        Ok(EnvelopeId {
            sender: self.code.clone(),
            epoch: row.num(i)?,
            route: self.words().route(row.int(i + 1)?)?,
            sequence: row.num(i + 2)?,
        })
    }
}

/// Bytes by number.
pub(super) async fn blob(conn: &mut SqliteConnection, blob: i64) -> Result<Vec<u8>, StoreError> {
    let row = q(sql::BLOB).bind(blob).fetch_optional(conn).await?;
    let row = row.ok_or_else(|| StoreError::Damaged(format!("blob {blob} is missing")))?;
    Ok(sqlx::Row::try_get(&row, 0)?)
}

/// Deletes bytes.
pub(super) async fn drop_blob(
    conn: &mut SqliteConnection,
    blob: Option<i64>,
) -> Result<(), StoreError> {
    if let Some(blob) = blob {
        q(sql::BLOB_DROP).bind(blob).execute(conn).await?;
    }
    Ok(())
}

/// A place from its column.
pub(super) fn place(n: i64) -> Result<crate::types::Place, StoreError> {
    let at: usize = fit(n)?;
    let place = crate::types::Place::ALL.get(at).copied();
    place.ok_or_else(|| StoreError::Damaged(format!("place {n}")))
}
