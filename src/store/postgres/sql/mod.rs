//! Every statement text, and nothing else.
//!
//! Plans are made once for all values (`plan_cache_mode`) and often while a table is still empty, so
//! the texts leave them no choice: a list of keys drives, and each key is looked up in a `LATERAL`
//! fenced by `OFFSET 0`. Where a row has a number of its own, its identity is compared as `ident + 0`
//! (and no other column names an index): else a plan made while all is empty looks through everything
//! of the identity. Many rows go in as arrays. A count is cast to `bigint`, because a sum of them
//! is not one.

mod account;
mod archive;
mod collect;
mod figures;
mod inbox;
mod outbox;
mod outlet;
mod pages;
mod people;
mod restore;
mod window;

pub(crate) use account::*;
pub(crate) use archive::*;
pub(crate) use collect::*;
pub(crate) use figures::*;
pub(crate) use inbox::*;
pub(crate) use outbox::*;
pub(crate) use outlet::*;
pub(crate) use pages::*;
pub(crate) use people::*;
pub(crate) use restore::*;
pub(crate) use window::*;

/// Where a record is, as the number in `Place::ALL`: its own exception, else where its range's
/// envelope is. Needs `r` (record), `s` (stretch) and `e` (envelope).
macro_rules! place {
    () => {
        "coalesce(r.place, CASE WHEN s.envelope IS NULL THEN 2 ELSE CASE e.state WHEN 5 THEN 9 \
         WHEN 6 THEN 5 WHEN 7 THEN 7 ELSE 3 END END)"
    };
}
/// The joins that [`place!`] needs.
macro_rules! place_joins {
    () => {
        " LEFT JOIN LATERAL (SELECT t.range, t.route, t.envelope FROM stretch t \
         WHERE t.chunk = r.chunk AND t.first <= r.idx ORDER BY t.first DESC LIMIT 1) s ON true \
         LEFT JOIN LATERAL (SELECT x.state FROM envelope x WHERE x.envelope = s.envelope \
         OFFSET 0) e ON true "
    };
}
pub(super) use {place, place_joins};

/// Beside `SET search_path`, for every connection. Times out who stopped in the middle of a fact
/// and would keep the turn; notices a client that is gone while it waits for a lock.
pub(crate) const GREETING: &str = "SET default_transaction_isolation = 'read committed'; \
    SET plan_cache_mode = force_generic_plan; SET jit = off; SET enable_seqscan = off; \
    SET enable_hashjoin = off; SET enable_mergejoin = off; SET seq_page_cost = 0.01; \
    SET random_page_cost = 0.01; SET work_mem = '32MB'; \
    SET client_min_messages = warning; SET timezone = 'UTC'; \
    SET idle_in_transaction_session_timeout = '20s'; SET lock_timeout = '30s'; \
    SET client_connection_check_interval = '5s'";
pub(crate) const ENCODING: &str = "SELECT current_setting('server_encoding')";
pub(crate) const ROLLBACK: &str = "ROLLBACK";
pub(crate) const COMMIT: &str = "COMMIT";
/// Waits until the disk has everything committed so far, by whomever: a commit that wrote.
pub(crate) const BARRIER: &str = "SELECT pg_logical_emit_message(true, 'tiergate', '')";

/// One opens and migrates at a time; the lock goes with its session's transaction.
pub(crate) const MIGRATION_LOCK: &str = "SELECT pg_advisory_xact_lock(hashtextextended($1, 84))";
pub(crate) const MIGRATION_TABLE: &str = "CREATE TABLE IF NOT EXISTS migration \
    (number BIGINT PRIMARY KEY, name TEXT NOT NULL, digest BYTEA NOT NULL)";
pub(crate) const MIGRATION_KNOWN: &str = "SELECT to_regclass('migration') IS NOT NULL, \
    (SELECT count(*) FROM pg_class WHERE relnamespace = to_regnamespace(quote_ident($1)) \
    AND relkind = 'r')";
pub(crate) const MIGRATIONS: &str = "SELECT name, digest FROM migration ORDER BY number";
pub(crate) const MIGRATION_ADD: &str =
    "INSERT INTO migration (number, name, digest) VALUES ($1, $2, $3)";

pub(crate) const IDENTITIES: &str = "SELECT code FROM identity ORDER BY ident";
pub(crate) const IDENTITY_ADD: &str = "INSERT INTO identity AS i \
    (code, epoch, last_now, kept, judged) VALUES ($1, $2, 0, 0, 0) ON CONFLICT (code) DO UPDATE \
    SET epoch = greatest(i.epoch, excluded.epoch)";
pub(crate) const IDENTITY: &str = "SELECT ident, last_now, epoch FROM identity WHERE code = $1";
pub(crate) const WORDS: &str = "SELECT word, text FROM word";
pub(crate) const WORDS_OF: &str = "SELECT word, text FROM word WHERE text = ANY($1)";
pub(crate) const WORDS_ADD: &str = "INSERT INTO word (text) SELECT t FROM unnest($1::text[]) t \
    WHERE NOT EXISTS (SELECT 1 FROM word w WHERE w.text = t) ON CONFLICT DO NOTHING";

/// The first statement of every fact: moves the clock; time, epoch, whether anything waits, the
/// first lease that is not good (none: all are).
pub(crate) const CLOCK: &str = "WITH moved AS (UPDATE identity SET last_now = $2 \
    WHERE ident = $1 AND last_now < $2 RETURNING last_now) \
    SELECT greatest(i.last_now, $2), i.epoch, \
    EXISTS (SELECT 1 FROM waiting w WHERE w.ident = $1), \
    (SELECT u.name FROM unnest($3::text[], $4::bigint[]) u(name, token) WHERE NOT EXISTS \
    (SELECT 1 FROM lease l WHERE l.ident = $1 AND l.name = u.name AND l.token = u.token) LIMIT 1) \
    FROM identity i WHERE i.ident = $1";
pub(crate) const BLOCK: &str =
    "SELECT nextval('block'), pg_logical_emit_message(true, 'tiergate', '')";
pub(crate) const BLOB_ADD: &str = "INSERT INTO blob (blob, bytes) VALUES ($1, $2)";
pub(crate) const BLOB: &str = "SELECT bytes FROM blob WHERE blob = $1";
pub(crate) const BLOB_DROP: &str = "DELETE FROM blob WHERE blob = $1";

pub(crate) const LEASES: &str =
    "SELECT name, holder, token, until FROM lease WHERE ident = $1 ORDER BY name";
pub(crate) const LEASES_OF: &str =
    "SELECT name, holder, token, until FROM lease WHERE ident = $1 AND name = ANY($2)";
pub(crate) const LEASES_PUT: &str = "INSERT INTO lease (ident, name, holder, token, until) \
    SELECT $1, u.name, $2, u.token, $3 FROM unnest($4::text[], $5::bigint[]) u(name, token) \
    ON CONFLICT (ident, name) \
    DO UPDATE SET holder = excluded.holder, token = excluded.token, until = excluded.until";
/// The holder keeps its tokens: no turn is needed, and no disk.
pub(crate) const LEASES_RENEW: &str = "UPDATE lease l SET until = greatest($4, (SELECT last_now \
    FROM identity i WHERE i.ident = $1)) + $5 FROM (SELECT set_config('synchronous_commit', \
    'off', true)) s WHERE l.ident = $1 AND l.name = ANY($2) AND l.holder = $3 \
    RETURNING l.name, l.token";
