//! One identity's handle, and the frame of every transaction.

use std::ops::{Deref, DerefMut};
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, PoisonError};

use canon::{EnvelopeId, Millis, NodeCode};
use sqlx::Sqlite;
use sqlx::sqlite::{SqliteConnection, SqliteRow};
use tokio::sync::MutexGuard;

use super::conn::{Columns, Statement, big, q};
use super::open::{Shared, next};
use super::sql;
use super::words::Words;
use crate::error::StoreError;
pub(super) use crate::packed::columns::place;
use crate::types::Lease;

/// One identity of a file.
pub(super) struct Handle {
    shared: Arc<Shared>,
    /// Its number in the file.
    pub(super) ident: i64,
    /// Its code.
    pub(super) code: NodeCode,
    clock: AtomicI64,
    waiting: AtomicBool,
}

/// A transaction on the writer.
pub(super) struct Txn<'c> {
    conn: &'c mut SqliteConnection,
    open: &'c AtomicBool,
}

impl Deref for Txn<'_> {
    type Target = SqliteConnection;

    fn deref(&self) -> &SqliteConnection {
        self.conn
    }
}

impl DerefMut for Txn<'_> {
    fn deref_mut(&mut self) -> &mut SqliteConnection {
        self.conn
    }
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
        let (clock, waiting) = (AtomicI64::new(last_now), AtomicBool::new(true));
        Self { shared, ident, code, clock, waiting }
    }

    /// The writing connection, alone.
    pub(super) async fn writer(&self) -> MutexGuard<'_, SqliteConnection> {
        let mut writer = self.shared.writer.lock().await;
        if self.shared.open.swap(false, Ordering::SeqCst) {
            // Somebody failed or was dropped between begin and the end of commit. Whether SQLite
            // rolled back by itself or committed, it says that there is nothing to roll back.
            drop(q(sql::ROLLBACK).execute(&mut *writer).await);
            self.committed();
        }
        writer
    }

    /// Whether this process holds the file; otherwise it only looks.
    pub(super) fn writes(&self) -> bool {
        self.shared.log.is_some()
    }

    /// Notes that a statement by itself changed something.
    pub(super) fn committed(&self) {
        if let Some(log) = &self.shared.log {
            log.committed();
        }
    }

    /// A connection for people's questions.
    pub(super) async fn reader(&self) -> Result<sqlx::pool::PoolConnection<Sqlite>, StoreError> {
        Ok(self.shared.readers.acquire().await?)
    }

    /// Epoch in force.
    pub(super) fn epoch(&self) -> i64 {
        let epochs = self.shared.epochs.read().unwrap_or_else(PoisonError::into_inner);
        epochs.get(&self.ident).copied().unwrap_or(1)
    }

    /// A new epoch was committed: sequences and ordinals go on from there.
    pub(super) fn epoch_begun(&self, epoch: i64, ordinal: i64) {
        let mut epochs = self.shared.epochs.write().unwrap_or_else(PoisonError::into_inner);
        epochs.insert(self.ident, epoch);
        self.shared.numbers.received.fetch_max(ordinal, Ordering::Relaxed);
    }

    /// Whether this reason of the last attempt on a link is not what was written last.
    pub(super) fn reason_is_news(&self, link: i64, reason: Option<&str>) -> bool {
        let reasons = self.shared.reasons.read().unwrap_or_else(PoisonError::into_inner);
        reasons.get(&(self.ident, link)).is_none_or(|last| last.as_deref() != reason)
    }

    /// Remembers a reason that was committed.
    pub(super) fn reason_written(&self, link: i64, reason: Option<&str>) {
        let mut reasons = self.shared.reasons.write().unwrap_or_else(PoisonError::into_inner);
        reasons.insert((self.ident, link), reason.map(str::to_owned));
    }

    /// The next number of a blob, for a statement that stores it beside other things.
    pub(super) fn next_blob(&self) -> i64 {
        next(&self.shared.numbers.blob)
    }

    /// Whether records of this identity may be waiting for something.
    pub(super) const fn waiting(&self) -> &AtomicBool {
        &self.waiting
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

    /// The time is at least this.
    pub(super) fn note(&self, now: Millis) {
        self.clock.fetch_max(now.0, Ordering::Relaxed);
    }

    /// `now`, never below the last one taken.
    pub(super) fn clock(&self, now: Millis) -> Millis {
        Millis(self.clock.load(Ordering::Relaxed).max(now.0))
    }

    /// Begins a transaction, moves the clock and checks the lease, if there is one. Dropping it
    /// leaves it to the next who takes the writer to roll back.
    pub(super) async fn begin<'c>(
        &'c self,
        conn: &'c mut SqliteConnection,
        lease: Option<&Lease>,
        now: Option<Millis>,
    ) -> Result<(Txn<'c>, Millis), StoreError> {
        self.shared.open.store(true, Ordering::SeqCst);
        let now = self.clock(now.unwrap_or_default()).0;
        let row = match lease {
            None => q(sql::CLOCK).bind(self.ident).bind(now).fetch_one(&mut *conn).await?,
            // Who shares the work names several leases; the rest of the fact is as for nobody's.
            Some(lease) if !lease.slots.is_empty() => {
                let row = q(sql::CLOCK).bind(self.ident).bind(now).fetch_one(&mut *conn).await?;
                self.all_good(&mut *conn, lease).await?;
                row
            }
            Some(lease) => {
                let statement = q(sql::CLOCK_LEASED).bind(self.ident).bind(now);
                let statement = statement.bind(lease.name.as_str()).bind(big(lease.token));
                let row = statement.fetch_optional(&mut *conn).await?;
                row.ok_or_else(|| StoreError::LeaseLost(lease.name.clone()))?
            }
        };
        let now = row.int(0)?;
        self.clock.fetch_max(now, Ordering::Relaxed);
        Ok((Txn { conn, open: &self.shared.open }, Millis(now)))
    }

    /// Refuses a lease of which any part was taken over.
    pub(super) async fn all_good(
        &self,
        conn: &mut SqliteConnection,
        lease: &Lease,
    ) -> Result<(), StoreError> {
        for (name, token) in lease.rows() {
            let good = q(sql::LEASE_GOOD).bind(self.ident).bind(&*name).bind(big(token));
            let good = good.fetch_optional(&mut *conn).await?;
            good.ok_or_else(|| StoreError::LeaseLost(name.clone().into_owned()))?;
        }
        Ok(())
    }

    /// Commits. The fact is there for everybody at once, on the disk after the next
    /// [`Self::barrier`].
    pub(super) async fn commit(&self, txn: Txn<'_>) -> Result<(), StoreError> {
        q(sql::COMMIT).execute(&mut *txn.conn).await?;
        txn.open.store(false, Ordering::SeqCst);
        self.committed();
        Ok(())
    }

    /// Waits until everything committed so far is on the disk.
    pub(super) async fn barrier(&self) -> Result<(), StoreError> {
        match &self.shared.log {
            Some(log) => log.barrier().await,
            None => Ok(()),
        }
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
        crate::packed::row::id(self.words(), row, i)
    }

    /// Reads epoch, route, sequence of an own envelope from column `i` on.
    pub(super) fn read_own_id(&self, row: &SqliteRow, i: usize) -> Result<EnvelopeId, StoreError> {
        crate::packed::row::own_id((self.words(), &self.code), row, i)
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
