//! Statements of a restore, an image, a move.

/// One moment, kept to its end; whole tables are read here, and nobody waits for this session.
pub(crate) const IMAGE_BEGIN: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; \
    SET LOCAL idle_in_transaction_session_timeout = 0; SET LOCAL enable_seqscan = on; \
    SET LOCAL enable_hashjoin = on";
pub(crate) const SEQUENCE_LAST: &str =
    "SELECT coalesce(pg_sequence_last_value(pg_get_serial_sequence($1, $1)::regclass), 0)";
/// The next number of a table is above this one.
pub(crate) const SEQUENCE_ABOVE: &str = "SELECT setval(pg_get_serial_sequence($1, $1), \
    greatest($2::bigint, nextval(pg_get_serial_sequence($1, $1))))";

pub(crate) const EPOCH_BEGIN: &str =
    "UPDATE identity SET epoch = $2 WHERE ident = $1 AND epoch < $2";
pub(crate) const LEASES_END: &str = "UPDATE lease SET until = least(until, $2) WHERE ident = $1";
/// Every route that has envelopes, found by skipping through the index.
pub(crate) const ENVELOPE_ROUTES: &str = "WITH RECURSIVE routes (route) AS ( \
    (SELECT min(route) FROM envelope WHERE ident = $1) UNION ALL \
    SELECT (SELECT min(e.route) FROM envelope e WHERE e.ident = $1 AND e.route > r.route) \
    FROM routes r WHERE r.route IS NOT NULL) SELECT route FROM routes WHERE route IS NOT NULL";
pub(crate) const OLDER_OPEN: &str = "SELECT e.route, count(*) FROM envelope e WHERE e.ident = $1 \
    AND e.state < 6 AND e.state <> 5 AND e.records = 1 AND e.epoch < (SELECT i.epoch \
    FROM identity i WHERE i.ident = $1) GROUP BY e.route";

pub(crate) const KNOWN_VERSIONS: &str = "SELECT root, kind, part, version FROM record \
    WHERE ident = $1 AND root = ANY($2)";
pub(crate) const CHUNK_ADOPT: &str = "INSERT INTO chunk (chunk, ident, route, epoch, day, adapter, \
    at, count, unsealed, entries) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 0, $9)";
pub(crate) const STRETCH_ADOPT: &str = "INSERT INTO stretch (range, ident, route, ord, chunk, \
    first, count, orphan, at, envelope, position) \
    SELECT n, $1, $2, n, $3, 0, $4, 0, $5, $6, 0 FROM (SELECT nextval('line') AS n) l";
pub(crate) const ENVELOPE_ADOPT: &str = "INSERT INTO envelope (envelope, ident, route, epoch, \
    sequence, kind, records, lane, link, state, day, count, kinds, head_digest, root, attempts, \
    refusals, numbered_at, ended_at) VALUES \
    ($1, $2, $3, $4, $5, $6, 1, $7, $8, 6, $9, $10, $11, $12, $13, 0, 0, $14, $14)";
pub(crate) const RECORDS_ADOPT: &str = "INSERT INTO record (ident, root, kind, part, version, \
    chunk, idx, place, voided, content, facts) SELECT $1, u.root, u.kind, u.part, u.version, $6, \
    u.idx, u.place, u.voided, u.content, u.facts FROM unnest($2::text[], $3::bigint[], \
    $4::text[], $5::bigint[], $7::bigint[], $8::bigint[], $9::bigint[], $10::bytea[], \
    $11::text[]) u(root, kind, part, version, idx, place, voided, content, facts)";
pub(crate) const ADAPTER_ADOPTED: &str = "INSERT INTO adapter AS a (ident, adapter, rows_read, \
    rows_unchanged, records, quarantined) VALUES ($1, $2, 0, 0, $3, 0) \
    ON CONFLICT (ident, adapter) DO UPDATE SET records = a.records + excluded.records";
pub(crate) const LINK_MORE: &str = "INSERT INTO link AS l (ident, link, accepted, rejected) \
    VALUES ($1, $2, greatest($3, 0), greatest($4, 0)) ON CONFLICT (ident, link) DO UPDATE SET \
    accepted = greatest(l.accepted + $3, 0), rejected = greatest(l.rejected + $4, 0)";

pub(crate) const SENDER_NEXT_ROUTE: &str = "SELECT epoch, route FROM received WHERE ident = $1 \
    AND sender = $2 AND (epoch, route) > ($3, $4) ORDER BY epoch, route LIMIT 1";
pub(crate) const JUDGED_OF: &str = "SELECT r.sequence, r.count, r.kept, r.problems, b.bytes \
    FROM received r JOIN blob b ON b.blob = r.frame WHERE r.ident = $1 AND r.sender = $2 \
    AND r.epoch = $3 AND r.route = $4 AND r.sequence > $5 ORDER BY r.sequence LIMIT $6";
pub(crate) const HELD_ROUTES: &str = "SELECT s.sender, s.epoch, s.route, \
    coalesce((SELECT min(g.first) - 1 FROM gap g WHERE g.ident = s.ident AND g.sender = s.sender \
    AND g.epoch = s.epoch AND g.route = s.route), greatest(s.highest, s.settled_below - 1)) \
    FROM sender_route s WHERE s.ident = $1";

pub(crate) const RECORD_FOLLOWS: &str = "SELECT coalesce(place, -1) FROM record WHERE ident = $1 \
    AND root = $2 AND kind = $3 AND part = $4 AND version = $5 AND chunk = $6 AND idx = $7";
pub(crate) const RECORD_GIVEN: &str = "UPDATE record SET place = NULL, chunk = $6, \
    idx = $7 WHERE ident = $1 AND root = $2 AND kind = $3 AND part = $4 AND version = $5";
pub(crate) const GIVEN_ADD: &str = "INSERT INTO again (ident, root, kind, part, version, envelope, \
    why) VALUES ($1, $2, $3, $4, $5, $6, 1) \
    ON CONFLICT (ident, root, kind, part, version, envelope) DO UPDATE SET why = 1";

pub(crate) const WINDOWS_REOPEN: &str = "UPDATE manifest SET is_final = 0 WHERE ident = $1 \
    AND by = $2 AND peer = $3 AND day >= $4";
pub(crate) const ANSWERS_DROP: &str =
    "DELETE FROM manifest WHERE ident = $1 AND by = $2 AND day >= $3";
pub(crate) const ANSWER_CAUSES_DROP: &str =
    "DELETE FROM discrepancy WHERE ident = $1 AND by = $2 AND day >= $3";
