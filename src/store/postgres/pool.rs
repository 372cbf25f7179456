//! Connections: a few, opened when they are wanted, and used again without being asked first
//! whether they still live.
//!
//! A fact that fails, or that is dropped half-way, leaves its connection inside a transaction that
//! still has the turn. Such a connection is *spoiled*: who runs the fact rolls it back at once
//! ([`Pool::mend`]), or hangs up when the fact was dropped ([`Pool::hang_up`]); the server then
//! rolls back by itself.
//!
//! # Why this is not `sqlx::PgPool`
//!
//! Its connections go back by a task that `Drop` spawns, and that task pings the server every time
//! (`return_to_pool` of sqlx 0.9; no option leaves it out, `test_before_acquire(false)` and the hooks
//! `before_acquire` and `after_release` only add to it). Three guarantees are lost by that:
//!
//! * **Trips.** A fact is a few trips; each would cost one more, and a hook that rolls back yet another.
//! * **The turn.** A fact that was dropped half-way may stand in the queue for its turn (`LOCK TABLE`, up to
//!   30 s). The ping waits behind it on the same connection, so the turn would be taken for nobody.
//!   Hanging up lets go of it at once. `close_on_drop` does that too, but only for a connection still in
//!   hand, and again by a task: the next fact could begin before it ran.
//! * **Order.** A worker that failed runs again on the connection it has just rolled back. Between drop
//!   and task the pool believes that connection to be in use, and with few connections the worker waits
//!   for itself.
//!
//! What is left is short: a semaphore, two lists, and sqlx's own connections.

use std::ops::{Deref, DerefMut};
use std::sync::{Mutex, PoisonError};

use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::{AssertSqlSafe, ConnectOptions, Executor};
use tokio::sync::{Semaphore, SemaphorePermit};

use super::sql;
use crate::error::StoreError;

/// Connections of one store.
pub(super) struct Pool {
    options: PgConnectOptions,
    /// What is said on a new connection.
    greeting: String,
    permits: Semaphore,
    idle: Mutex<Vec<PgConnection>>,
    spoiled: Mutex<Vec<PgConnection>>,
}

/// A connection in use.
pub(super) struct Conn<'p> {
    pool: &'p Pool,
    conn: Option<PgConnection>,
    /// Inside a transaction.
    pub(super) open: bool,
    _permit: SemaphorePermit<'p>,
}

impl Pool {
    /// At most `most` connections.
    pub(super) fn new(options: PgConnectOptions, greeting: String, most: u32) -> Self {
        let permits = Semaphore::new(most.max(2) as usize);
        let (idle, spoiled) = (Mutex::default(), Mutex::default());
        Self { options, greeting, permits, idle, spoiled }
    }

    /// A connection.
    pub(super) async fn take(&self) -> Result<Conn<'_>, StoreError> {
        let gone = |_| StoreError::Unavailable("the store was closed".to_owned());
        let permit = self.permits.acquire().await.map_err(gone)?;
        let idle = self.list(&self.idle).pop();
        let conn = match idle {
            Some(conn) => conn,
            None => self.connect().await?,
        };
        Ok(Conn { pool: self, conn: Some(conn), open: false, _permit: permit })
    }

    /// A connection that belongs to the caller.
    pub(super) async fn connect(&self) -> Result<PgConnection, StoreError> {
        let mut conn = self.options.connect().await?;
        conn.execute(sqlx::raw_sql(AssertSqlSafe(self.greeting.as_str()))).await?;
        Ok(conn)
    }

    /// Puts a connection from [`Self::connect`] with the others.
    pub(super) fn give(&self, conn: PgConnection) {
        self.list(&self.idle).push(conn);
    }

    fn list<'l>(
        &self,
        list: &'l Mutex<Vec<PgConnection>>,
    ) -> std::sync::MutexGuard<'l, Vec<PgConnection>> {
        list.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Rolls back what failed; a connection on which that fails is closed.
    pub(super) async fn mend(&self) {
        let spoiled = std::mem::take(&mut *self.list(&self.spoiled));
        for mut conn in spoiled {
            if conn.execute(sqlx::raw_sql(sql::ROLLBACK)).await.is_ok() {
                self.list(&self.idle).push(conn);
            }
        }
    }

    /// Closes what was dropped half-way, and the idle ones too when the server seems to be gone.
    pub(super) fn hang_up(&self, idle_too: bool) {
        self.list(&self.spoiled).clear();
        if idle_too {
            self.list(&self.idle).clear();
        }
    }
}

impl Conn<'_> {
    /// Ends a look that began with `BEGIN`.
    pub(super) async fn looked(mut self) -> Result<(), StoreError> {
        self.execute(sqlx::raw_sql(sql::COMMIT)).await?;
        self.open = false;
        Ok(())
    }
}

impl Deref for Conn<'_> {
    type Target = PgConnection;

    fn deref(&self) -> &PgConnection {
        self.conn.as_ref().expect("a connection is there until it is dropped")
    }
}

impl DerefMut for Conn<'_> {
    fn deref_mut(&mut self) -> &mut PgConnection {
        self.conn.as_mut().expect("a connection is there until it is dropped")
    }
}

impl Drop for Conn<'_> {
    fn drop(&mut self) {
        let Some(conn) = self.conn.take() else { return };
        let list = if self.open { &self.pool.spoiled } else { &self.pool.idle };
        self.pool.list(list).push(conn);
    }
}
