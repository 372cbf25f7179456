//! Statements of a restore.

pub(crate) const EPOCH_BEGIN: &str = "UPDATE identity SET epoch = ?2, ordinal = max(ordinal, ?3) \
    WHERE ident = ?1 AND epoch < ?2";
pub(crate) const LEASES_END: &str = "UPDATE lease SET until = min(until, ?2) WHERE ident = ?1";
/// Every route that has envelopes, found by skipping through the index.
pub(crate) const ENVELOPE_ROUTES: &str = "WITH RECURSIVE routes (route) AS ( \
    SELECT min(route) FROM envelope WHERE ident = ?1 UNION ALL \
    SELECT (SELECT min(e.route) FROM envelope e WHERE e.ident = ?1 AND e.route > r.route) \
    FROM routes r WHERE r.route IS NOT NULL) SELECT route FROM routes WHERE route IS NOT NULL";
pub(crate) const OLDER_OPEN: &str = "SELECT route, count(*) FROM envelope WHERE ident = ?1 \
    AND state < 6 AND state <> 5 AND records = 1 AND epoch < ?2 GROUP BY route";

pub(crate) const KNOWN_VERSIONS: &str = "SELECT r.root, r.kind, r.part, r.version \
    FROM json_each(?2) j CROSS JOIN record r ON r.ident = ?1 AND r.root = j.value";
pub(crate) const CHUNK_ADOPT: &str = "INSERT INTO blob (blob, bytes) VALUES (?8, ?9); \
    INSERT INTO chunk (chunk, ident, route, epoch, day, adapter, at, count, left, entries) \
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?10, 0, ?8)";
pub(crate) const STRETCH_ADOPT: &str = "INSERT INTO stretch (range, ident, route, ord, chunk, \
    first, count, orphan, at, envelope, position) VALUES (?1, ?2, ?3, ?1, ?4, 0, ?5, 0, ?6, ?7, 0)";
pub(crate) const ENVELOPE_ADOPT: &str = "INSERT INTO envelope (envelope, ident, route, epoch, \
    sequence, kind, records, lane, link, state, day, count, kinds, head_digest, root, attempts, \
    refusals, numbered_at, ended_at) VALUES \
    (?1, ?2, ?3, ?4, ?5, ?6, 1, ?7, ?8, 6, ?9, ?10, ?11, ?12, ?13, 0, 0, ?14, ?14)";
pub(crate) const ADAPTER_ADOPTED: &str = "INSERT INTO adapter (ident, adapter, rows_read, \
    rows_unchanged, records, quarantined) VALUES (?1, ?2, 0, 0, ?3, 0) ON CONFLICT DO UPDATE SET \
    records = records + excluded.records";
pub(crate) const LINK_MORE: &str = "INSERT INTO link (ident, link, accepted, rejected) \
    VALUES (?1, ?2, max(?3, 0), max(?4, 0)) ON CONFLICT DO UPDATE SET \
    accepted = max(accepted + ?3, 0), rejected = max(rejected + ?4, 0)";

pub(crate) const SENDER_NEXT_ROUTE: &str = "SELECT epoch, route FROM received WHERE ident = ?1 \
    AND sender = ?2 AND (epoch, route) > (?3, ?4) ORDER BY epoch, route LIMIT 1";
pub(crate) const JUDGED_OF: &str = "SELECT r.sequence, r.count, r.kept, r.problems, b.bytes \
    FROM received r JOIN blob b ON b.blob = r.frame WHERE r.ident = ?1 AND r.sender = ?2 \
    AND r.epoch = ?3 AND r.route = ?4 AND r.sequence > ?5 ORDER BY r.sequence LIMIT +?6";
pub(crate) const HELD_ROUTES: &str = "SELECT s.sender, s.epoch, s.route, \
    coalesce((SELECT min(g.first) - 1 FROM gap g WHERE g.ident = s.ident AND g.sender = s.sender \
    AND g.epoch = s.epoch AND g.route = s.route), max(s.highest, s.settled_below - 1)) \
    FROM sender_route s WHERE s.ident = ?1";

pub(crate) const RECORD_FOLLOWS: &str = "SELECT coalesce(place, -1) FROM record WHERE ident = ?1 \
    AND root = ?2 AND kind = ?3 AND part = ?4 AND version = ?5 AND chunk = ?6 AND idx = ?7";
pub(crate) const RECORD_GIVEN: &str = "UPDATE record SET place = NULL, chunk = ?6, \
    idx = ?7 WHERE ident = ?1 AND root = ?2 AND kind = ?3 AND part = ?4 AND version = ?5";
pub(crate) const GIVEN_ADD: &str = "INSERT INTO again (ident, root, kind, part, version, envelope, \
    why) VALUES (?1, ?2, ?3, ?4, ?5, ?6, 1) ON CONFLICT DO UPDATE SET why = 1";

pub(crate) const WINDOWS_REOPEN: &str = "UPDATE manifest SET is_final = 0 WHERE ident = ?1 \
    AND by = ?2 AND peer = ?3 AND day >= ?4";
pub(crate) const ANSWERS_DROP: &str =
    "DELETE FROM manifest WHERE ident = ?1 AND by = ?2 AND day >= ?3";
pub(crate) const ANSWER_CAUSES_DROP: &str =
    "DELETE FROM discrepancy WHERE ident = ?1 AND by = ?2 AND day >= ?3";

pub(crate) const IMAGE: &str = "VACUUM INTO ?1";
pub(crate) const SOUND: &str = "PRAGMA quick_check(1)";
pub(crate) const IMAGED: &str = "SELECT code, epoch, last_now FROM identity ORDER BY ident";
