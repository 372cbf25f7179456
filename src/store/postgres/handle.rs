//! One identity's handle, and the frame of every fact.

use std::future::Future;
use std::ops::{Deref, DerefMut};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBackoff, ExponentialBuilder};
use canon::{EnvelopeId, Millis, NodeCode};
use sqlx::postgres::{PgConnection, PgRow};
use sqlx::{AssertSqlSafe, Executor};

use super::conn::{Columns, Statement, big, q};
use super::open::Shared;
use super::pool::{Conn, Pool};
use super::sql;
use super::words::{self, Words};
use crate::error::StoreError;
use crate::packed::words::UNKNOWN_WORD;
use crate::types::Lease;

/// How often a fact is run that others' facts made fail.
const RUNS_MAX: usize = 12;
/// Wait before the second run; it doubles each time, with jitter of at most itself.
const RETRY_WAIT: Duration = Duration::from_millis(1);
/// Longest wait before a run, without jitter.
const RETRY_WAIT_MAX: Duration = Duration::from_millis(100);

/// One identity of a schema.
pub(super) struct Handle {
    shared: Arc<Shared>,
    /// Its number in the schema.
    pub(super) ident: i64,
    /// Its code.
    pub(super) code: NodeCode,
    /// How a fact begins.
    begin: String,
    clock: AtomicI64,
}

/// A transaction that has its identity's turn.
pub(super) struct Txn<'h> {
    conn: Conn<'h>,
    handle: &'h Handle,
    /// The time of this fact.
    pub(super) now: Millis,
    /// Epoch in force.
    pub(super) epoch: i64,
    /// Whether records of this identity wait for something.
    pub(super) waits: bool,
}

impl Deref for Txn<'_> {
    type Target = PgConnection;

    fn deref(&self) -> &PgConnection {
        &self.conn
    }
}

impl DerefMut for Txn<'_> {
    fn deref_mut(&mut self) -> &mut PgConnection {
        &mut self.conn
    }
}

impl Txn<'_> {
    /// Commits. The fact is there for everybody at once, on the disk after the next
    /// [`Handle::barrier`]: so the turn is not held while the disk is waited for.
    pub(super) async fn commit(mut self) -> Result<(), StoreError> {
        self.conn.execute(sqlx::raw_sql(sql::COMMIT)).await?;
        self.conn.open = false;
        self.handle.shared.log.committed();
        Ok(())
    }
}

/// An envelope id as columns.
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

/// Hangs up what a dropped fact left open.
struct Running<'p> {
    pool: &'p Pool,
    done: bool,
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        if !self.done {
            self.pool.hang_up(false);
        }
    }
}

impl Handle {
    /// A handle of identity `ident`.
    pub(super) fn new(shared: Arc<Shared>, ident: i64, code: NodeCode, last_now: i64) -> Self {
        let begin = format!(
            "BEGIN ISOLATION LEVEL SERIALIZABLE; SET LOCAL synchronous_commit = off; \
             LOCK TABLE turn_{ident} IN EXCLUSIVE MODE"
        );
        Self { shared, ident, code, begin, clock: AtomicI64::new(last_now) }
    }

    /// The dictionary as far as it was read; what is not there is looked up with [`Self::find`].
    pub(super) fn words(&self) -> &Words {
        &self.shared.words
    }

    /// Whether this process may write; otherwise it only looks.
    pub(super) fn writes(&self) -> bool {
        self.shared.writes
    }

    /// A connection outside any transaction: each statement is a fact by itself, on the disk when
    /// it returns. Never taken while another one is held.
    pub(super) async fn conn(&self) -> Result<Conn<'_>, StoreError> {
        self.shared.pool.take().await
    }

    /// A connection that sees the same moment in each of its questions, although others go on
    /// writing; [`Conn::looked`] ends it.
    pub(super) async fn look(&self) -> Result<Conn<'_>, StoreError> {
        let mut conn = self.conn().await?;
        conn.open = true;
        conn.execute(sqlx::raw_sql(sql::LOOK)).await?;
        Ok(conn)
    }

    /// Runs a fact, again when others' facts made it fail, or when it met a word that another
    /// process added. Every method of the trait goes through here.
    pub(super) async fn again<T, F>(&self, fact: impl Fn() -> F) -> Result<T, StoreError>
    where
        F: Future<Output = Result<T, StoreError>>,
    {
        let pool = &self.shared.pool;
        let mut running = Running { pool, done: false };
        let (mut waits, mut reread) = (None, false);
        let result = loop {
            let error = match fact().await {
                Ok(done) => break Ok(done),
                Err(error) => error,
            };
            pool.mend().await;
            match error {
                StoreError::Contended(said) => {
                    let Some(wait) = waits.get_or_insert_with(|| self.waits()).next() else {
                        break Err(StoreError::Contended(format!("{said}, {RUNS_MAX} times")));
                    };
                    tokio::time::sleep(wait).await;
                }
                StoreError::Conflict { what: UNKNOWN_WORD, .. } if !reread => {
                    reread = true;
                    let mut conn = self.conn().await?;
                    words::load(self.words(), &mut conn).await?;
                }
                StoreError::Unavailable(_) => {
                    // Whatever else is open to a server that went away is dead too.
                    pool.hang_up(true);
                    break Err(error);
                }
                _ => break Err(error),
            }
        };
        running.done = true;
        result
    }

    /// Waits before the second run and those after it. The jitter is drawn from a counter of the
    /// process, so that two that failed each other do not meet again.
    fn waits(&self) -> ExponentialBackoff {
        let turn = self.shared.turns.fetch_add(1, Ordering::Relaxed);
        let seed = u64::from(std::process::id()) << 32 | u64::from(turn);
        ExponentialBuilder::default()
            .with_min_delay(RETRY_WAIT)
            .with_max_delay(RETRY_WAIT_MAX)
            .with_factor(2.0)
            .with_max_times(RUNS_MAX - 1)
            .with_jitter()
            .with_jitter_seed(seed)
            .build()
    }

    /// Begins a fact: takes the turn, moves the clock, checks the lease if there is one.
    pub(super) async fn begin(
        &self,
        lease: Option<&Lease>,
        now: Option<Millis>,
    ) -> Result<Txn<'_>, StoreError> {
        let mut conn = self.conn().await?;
        conn.open = true;
        conn.execute(sqlx::raw_sql(AssertSqlSafe(self.begin.as_str()))).await?;
        let now = self.clock(now.unwrap_or_default()).0;
        let (mut names, mut tokens) = (Vec::new(), Vec::new());
        for (name, token) in lease.iter().flat_map(|lease| lease.rows()) {
            names.push(name.into_owned());
            tokens.push(big(token));
        }
        let statement = q(sql::CLOCK).bind(self.ident).bind(now).bind(names).bind(tokens);
        let row = statement.fetch_one(&mut *conn).await?;
        if let Some(lost) = row.text_opt(3)? {
            return Err(StoreError::LeaseLost(lost.to_owned()));
        }
        let now = Millis(row.int(0)?);
        self.note(now);
        let (epoch, waits) = (row.int(1)?, row.int(2)? != 0);
        Ok(Txn { conn, handle: self, now, epoch, waits })
    }

    /// The time is at least this.
    pub(super) fn note(&self, now: Millis) {
        self.clock.fetch_max(now.0, Ordering::Relaxed);
    }

    /// `now`, never below the last one this process took. What other processes took is known
    /// inside a fact ([`Txn::now`]).
    pub(super) fn clock(&self, now: Millis) -> Millis {
        Millis(self.clock.load(Ordering::Relaxed).max(now.0))
    }

    /// Waits until everything committed by this process so far is on the disk.
    pub(super) async fn barrier(&self) -> Result<(), StoreError> {
        self.shared.log.barrier(&self.shared.pool).await
    }

    /// Notes that other processes' facts are wanted on the disk too, and waits for it.
    pub(super) async fn barrier_for_all(&self) -> Result<(), StoreError> {
        self.shared.log.committed();
        self.barrier().await
    }

    /// The first of `n` numbers in a row (blobs, chunks, own envelopes). Taken before any
    /// connection is; what a failed fact took is never used.
    pub(super) async fn numbers(&self, n: usize) -> Result<i64, StoreError> {
        self.shared.numbers.take(&self.shared.pool, n).await
    }

    /// Reads sender, epoch, route, sequence from column `i` on.
    pub(super) fn read_id(&self, row: &PgRow, i: usize) -> Result<EnvelopeId, StoreError> {
        crate::packed::row::id(self.words(), row, i)
    }

    /// Reads epoch, route, sequence of an own envelope from column `i` on.
    pub(super) fn read_own_id(&self, row: &PgRow, i: usize) -> Result<EnvelopeId, StoreError> {
        crate::packed::row::own_id((self.words(), &self.code), row, i)
    }
}

/// Stores bytes under a number from [`Handle::numbers`].
pub(super) async fn put_blob(
    conn: &mut PgConnection,
    blob: i64,
    bytes: &[u8],
) -> Result<(), StoreError> {
    q(sql::BLOB_ADD).bind(blob).bind(bytes).execute(conn).await?;
    Ok(())
}

/// Bytes by number.
pub(super) async fn blob(conn: &mut PgConnection, blob: i64) -> Result<Vec<u8>, StoreError> {
    let row = q(sql::BLOB).bind(blob).fetch_optional(conn).await?;
    let row = row.ok_or_else(|| StoreError::Damaged(format!("blob {blob} is missing")))?;
    Ok(row.blob(0)?.to_vec())
}

/// Deletes bytes.
pub(super) async fn drop_blob(
    conn: &mut PgConnection,
    blob: Option<i64>,
) -> Result<(), StoreError> {
    if let Some(blob) = blob {
        q(sql::BLOB_DROP).bind(blob).execute(conn).await?;
    }
    Ok(())
}
