//! Every statement text, and nothing else. `?` is a parameter of a bulk statement, `?1` of the rest.
//! Statements that always run together stand in one text: each text costs a trip to the
//! connection's thread. `LIMIT +?1`, never `LIMIT ?1`: SQLite prepares a statement again for every
//! value of a bare parameter there. Bulk statements say `OR ROLLBACK`: who could fail half-way and go
//! on would keep a copy of every page it changes.

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
mod standing;
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
pub(crate) use standing::*;
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
        " LEFT JOIN stretch s ON s.range = (SELECT t.range FROM stretch t \
         WHERE t.chunk = r.chunk AND t.first <= r.idx ORDER BY t.first DESC LIMIT 1) \
         LEFT JOIN envelope e ON e.envelope = s.envelope "
    };
}
pub(super) use {place, place_joins};

pub(crate) const BEGIN: &str = "BEGIN IMMEDIATE";
pub(crate) const COMMIT: &str = "COMMIT";
pub(crate) const ROLLBACK: &str = "ROLLBACK";
pub(crate) const FILE_KIND: &str = "SELECT (SELECT application_id FROM pragma_application_id), \
    (SELECT count(*) FROM sqlite_master)";
pub(crate) const FATE: &str = "SELECT user_version FROM pragma_user_version";
pub(crate) const APPLICATION_ID: &str = "PRAGMA application_id = 1413955924";
pub(crate) const MIGRATION_TABLE: &str = "CREATE TABLE IF NOT EXISTS migration \
    (number INTEGER PRIMARY KEY, name TEXT NOT NULL, digest BLOB NOT NULL) STRICT";
pub(crate) const MIGRATIONS: &str = "SELECT name, digest FROM migration ORDER BY number";
pub(crate) const MIGRATION_ADD: &str =
    "INSERT INTO migration (number, name, digest) VALUES (?1, ?2, ?3)";
pub(crate) const NUMBERS: &str = "SELECT \
    (SELECT coalesce(max(blob), 0) FROM blob), (SELECT coalesce(max(chunk), 0) FROM chunk), \
    (SELECT coalesce(max(range), 0) FROM stretch), \
    (SELECT coalesce(max(envelope), 0) FROM envelope), \
    max((SELECT coalesce(max(received), 0) FROM received), \
    (SELECT coalesce(max(ordinal), 0) FROM identity))";
pub(crate) const IDENTITIES: &str = "SELECT code FROM identity ORDER BY ident";
pub(crate) const IDENTITY_ADD: &str = "INSERT INTO identity \
    (code, epoch, last_now, kept, judged) VALUES (?1, ?2, 0, 0, 0) ON CONFLICT DO UPDATE SET \
    epoch = max(epoch, excluded.epoch)";
pub(crate) const IDENTITY: &str = "SELECT ident, last_now, epoch FROM identity WHERE code = ?1";
pub(crate) const WORDS: &str = "SELECT word, text FROM word";
/// Gives the number also of a word that is there: who added it may have been dropped before it
/// was remembered.
pub(crate) const WORD_ADD: &str = "INSERT INTO word (text) VALUES (?1) \
    ON CONFLICT DO UPDATE SET text = excluded.text RETURNING word";
pub(crate) const CLOCK: &str = "BEGIN IMMEDIATE; UPDATE identity SET last_now = max(last_now, ?2) \
    WHERE ident = ?1 RETURNING last_now";
pub(crate) const CLOCK_LEASED: &str = "BEGIN IMMEDIATE; \
    UPDATE identity SET last_now = max(last_now, ?2) \
    WHERE ident = ?1 AND EXISTS \
    (SELECT 1 FROM lease WHERE ident = ?1 AND name = ?3 AND token = ?4) RETURNING last_now";
pub(crate) const BLOB_ADD: &str = "INSERT INTO blob (blob, bytes) VALUES (?1, ?2)";
pub(crate) const BLOB: &str = "SELECT bytes FROM blob WHERE blob = ?1";
pub(crate) const BLOB_DROP: &str = "DELETE FROM blob WHERE blob = ?1";
