//! Statements of collect, of waiting records and of write-backs.

use super::{place, place_joins};

pub(crate) const ADAPTER: &str = "SELECT cursor, rows_read, rows_unchanged, records, \
    quarantined, last_at, paused, (SELECT count(*) FROM write_back w WHERE w.ident = $1 \
    AND w.adapter = $2) FROM adapter WHERE ident = $1 AND adapter = $2";
pub(crate) const ADAPTERS: &str = "SELECT adapter FROM adapter WHERE ident = $1";
pub(crate) const ADAPTER_ADD: &str = "INSERT INTO adapter AS a (ident, adapter, cursor, \
    rows_read, rows_unchanged, records, quarantined, last_at) VALUES ($1, $2, $3, $4, $5, $6, $7, \
    $8) ON CONFLICT (ident, adapter) DO UPDATE SET cursor = excluded.cursor, \
    rows_read = a.rows_read + excluded.rows_read, \
    rows_unchanged = a.rows_unchanged + excluded.rows_unchanged, \
    records = a.records + excluded.records, quarantined = a.quarantined + excluded.quarantined, \
    last_at = excluded.last_at";
pub(crate) const ADAPTER_PAUSE: &str = "INSERT INTO adapter (ident, adapter, rows_read, \
    rows_unchanged, records, quarantined, paused) VALUES ($1, $2, 0, 0, 0, 0, $3) \
    ON CONFLICT (ident, adapter) DO UPDATE SET paused = excluded.paused";

/// `r`: every record of these cases.
macro_rules! records_of {
    ($where:literal) => {
        concat!(
            " FROM unnest($2::text[]) j(root) CROSS JOIN LATERAL (SELECT x.* FROM record x \
             WHERE x.ident = $1 AND x.root = j.root",
            $where,
            " OFFSET 0) r"
        )
    };
}
pub(crate) const CASES: &str = concat!(
    "SELECT r.root, r.kind, r.part, r.version, r.voided, r.content, r.facts, ",
    place!(),
    records_of!(""),
    place_joins!(),
    "ORDER BY r.root, r.kind, r.part, r.version"
);
pub(crate) const PARENTS: &str = concat!(
    "SELECT r.root, r.kind, r.part, ",
    place!(),
    ", s.route",
    records_of!(" AND (x.place IS NULL OR x.place = 6)"),
    place_joins!(),
    "WHERE s.route IS NOT NULL"
);

/// Chunks with their bytes, in order.
pub(crate) const CHUNKS_ADD: &str = "INSERT INTO chunk (chunk, ident, route, epoch, day, adapter, \
    at, count, unsealed, entries, bytes) SELECT u.chunk, $1, u.route, $2, u.day, u.adapter, $3, \
    u.count, u.count, u.entries, u.bytes FROM unnest($4::bigint[], $5::bigint[], $6::bigint[], \
    $7::bigint[], $8::bigint[], $9::bytea[], $10::bytea[]) \
    u(chunk, route, day, adapter, count, entries, bytes)";
/// Ranges, at the end of the line in this order.
pub(crate) const STRETCHES_ADD: &str = "INSERT INTO stretch (range, ident, route, ord, chunk, \
    first, count, orphan, at) SELECT n, $1, l.route, n, l.chunk, l.first, l.count, l.orphan, $2 \
    FROM (SELECT nextval('line') AS n, u.* FROM (SELECT * FROM unnest($3::bigint[], $4::bigint[], \
    $5::bigint[], $6::bigint[], $7::bigint[]) WITH ORDINALITY \
    t(route, chunk, first, count, orphan, nth) ORDER BY nth) u) l";
/// Records; gives one that is not above all known versions of its key.
pub(crate) const RECORDS_ADD: &str = "WITH new AS (SELECT * FROM unnest($2::text[], \
    $3::bigint[], $4::text[], $5::bigint[], $6::bigint[], $7::bigint[], $8::bigint[], \
    $9::bigint[], $10::bytea[], $11::text[]) \
    u(root, kind, part, version, chunk, idx, place, voided, content, facts)), \
    added AS (INSERT INTO record (ident, root, kind, part, version, chunk, idx, place, voided, \
    content, facts) SELECT $1, root, kind, part, version, chunk, idx, place, voided, content, \
    facts FROM new) \
    SELECT n.root, n.kind, n.part, n.version, k.version FROM new n CROSS JOIN LATERAL \
    (SELECT r.version FROM record r WHERE r.ident = $1 AND r.root = n.root AND r.kind = n.kind \
    AND r.part = n.part AND r.version >= n.version ORDER BY r.version DESC LIMIT 1) k LIMIT 1";
pub(crate) const HIGHEST: &str = "SELECT max(version) FROM record WHERE ident = $1 AND root = $2 \
    AND kind = $3 AND part = $4";
pub(crate) const SOURCE_ROWS: &str = "SELECT s.row, s.digest, s.pass FROM unnest($3::text[]) \
    j(row) CROSS JOIN LATERAL (SELECT x.row, x.digest, x.pass FROM source_row x \
    WHERE x.ident = $1 AND x.adapter = $2 AND x.row = j.row OFFSET 0) s ORDER BY s.row";
pub(crate) const VANISHED: &str = "SELECT row, digest, pass FROM source_row \
    WHERE ident = $1 AND adapter = $2 AND pass < $3 AND pass >= $6 AND row >= $5 \
    AND starts_with(row, $5) ORDER BY row LIMIT $4";
pub(crate) const SOURCE_ROWS_DROP: &str =
    "DELETE FROM source_row WHERE ident = $1 AND adapter = $2 AND row = ANY($3)";
pub(crate) const SOURCE_ROWS_PUT: &str = "INSERT INTO source_row (ident, adapter, row, digest, \
    pass) SELECT $1, $2, u.row, u.digest, u.pass FROM unnest($3::text[], $4::bytea[], \
    $5::bigint[]) u(row, digest, pass) ON CONFLICT (ident, adapter, row) DO UPDATE SET \
    digest = excluded.digest, pass = excluded.pass";
pub(crate) const SOURCE_ROW_FORGET: &str = "UPDATE source_row SET \
    digest = decode(repeat('00', 32), 'hex') WHERE ident = $1 AND adapter = $2 AND row = $3";

/// Of several versions of a key in one page, the newest cures.
pub(crate) const PROBLEM_CURE: &str = "WITH hit AS (SELECT DISTINCT ON (p.problem) p.problem, \
    u.version FROM unnest($2::text[], $3::bigint[], $4::text[], $5::bigint[]) \
    u(root, kind, part, version) CROSS JOIN LATERAL (SELECT x.problem FROM problem x \
    WHERE x.ident = $1 AND x.root = u.root AND x.kind = u.kind AND x.part = u.part \
    AND x.version < u.version AND x.state NOT IN ('cured', 'voided') OFFSET 0) p \
    ORDER BY p.problem, u.version DESC) UPDATE problem p SET state = 'cured', cured_by = hit.version \
    FROM hit WHERE p.problem = hit.problem";

pub(crate) const WAITING_ADD: &str = "INSERT INTO waiting (ident, parent_root, parent_kind, \
    parent_part, root, kind, part, version, chunk, idx, accepted, until, due) SELECT $1, u.* \
    FROM unnest($2::text[], $3::bigint[], $4::text[], $5::text[], $6::bigint[], $7::text[], \
    $8::bigint[], $9::bigint[], $10::bigint[], $11::bigint[], $12::bigint[], $13::bigint[]) u";
pub(crate) const WAITING_DUE: &str = "SELECT w.parent_root, w.parent_kind, \
    w.parent_part, w.root, w.kind, w.part, w.version, w.chunk, w.idx, w.accepted, w.until, \
    c.route, c.day, c.epoch FROM waiting w CROSS JOIN LATERAL (SELECT x.* FROM chunk x \
    WHERE x.chunk = w.chunk OFFSET 0) c \
    WHERE w.ident = $1 AND w.due <= $2 ORDER BY w.due, w.chunk, w.idx LIMIT $3";
/// What waits at a destination: the strands that lead there say so.
pub(crate) const WAITING_THERE: &str = "SELECT w.parent_root, w.parent_kind, \
    w.parent_part, w.root, w.kind, w.part, w.version, w.chunk, w.idx, w.accepted, w.until, \
    c.route, c.day, c.epoch FROM waiting w CROSS JOIN LATERAL (SELECT x.* FROM chunk x \
    WHERE x.chunk = w.chunk OFFSET 0) c \
    WHERE w.ident = $1 AND w.kind = ANY (ARRAY(SELECT y.word FROM word y \
    WHERE split_part(y.text, '>', 2) = $2)) ORDER BY w.due, w.chunk, w.idx LIMIT $3";
pub(crate) const WAITING_ON: &str = "SELECT w.parent_root, w.parent_kind, \
    w.parent_part, w.root, w.kind, w.part, w.version, w.chunk, w.idx, w.accepted, w.until, \
    c.route, c.day, c.epoch FROM unnest($2::text[]) j(root) CROSS JOIN LATERAL (SELECT x.* \
    FROM waiting x WHERE x.ident = $1 AND x.parent_root = j.root AND x.until IS NULL OFFSET 0) w \
    CROSS JOIN LATERAL (SELECT y.route, y.day, y.epoch FROM chunk y WHERE y.chunk = w.chunk \
    OFFSET 0) c ORDER BY w.chunk, w.idx";
/// Of what is due, these (chunk and position in one number) are looked at again later.
pub(crate) const WAITING_LATER: &str = "UPDATE waiting SET due = $3 WHERE ident = $1 \
    AND due <= $2 AND (chunk << 20 | idx) = ANY($4)";
/// One record of a chunk is never sealed.
pub(crate) const CHUNK_LESS: &str = "UPDATE chunk SET unsealed = unsealed - 1, \
    bytes = CASE WHEN unsealed = 1 THEN NULL ELSE bytes END WHERE chunk = $1";
/// These wait no longer.
pub(crate) const WAITING_DROP: &str = "WITH u AS (SELECT * FROM unnest($2::text[], \
    $3::bigint[], $4::text[], $5::text[], $6::bigint[], $7::text[], $8::bigint[]) \
    u(parent_root, parent_kind, parent_part, root, kind, part, version)), \
    gone AS (DELETE FROM waiting WHERE ctid = ANY (ARRAY(SELECT x.at FROM u \
    CROSS JOIN LATERAL (SELECT w.ctid AS at FROM waiting w WHERE w.ident = $1 \
    AND w.parent_root = u.parent_root AND w.parent_kind = u.parent_kind \
    AND w.parent_part = u.parent_part AND w.root = u.root AND w.kind = u.kind \
    AND w.part = u.part AND w.version = u.version OFFSET 0) x))) \
    UPDATE record SET place = NULL WHERE ctid = ANY (ARRAY(SELECT x.at FROM u \
    CROSS JOIN LATERAL (SELECT r.ctid AS at FROM record r WHERE r.ident = $1 AND r.root = u.root \
    AND r.kind = u.kind AND r.part = u.part AND r.version = u.version OFFSET 0) x))";
pub(crate) const WAITING_WAKE: &str = "UPDATE waiting SET due = $3 WHERE ctid = ANY (ARRAY( \
    SELECT x.at FROM unnest($2::text[]) j(root) CROSS JOIN LATERAL (SELECT w.ctid AS at \
    FROM waiting w WHERE w.ident = $1 AND w.parent_root = j.root AND w.until IS NULL \
    AND w.due + 0 > $3 OFFSET 0) x))";
pub(crate) const RECORD_PLACE: &str = "UPDATE record SET place = $6 WHERE ident = $1 \
    AND root = $2 AND kind = $3 AND part = $4 AND version = $5";
pub(crate) const RECORD_FORGET: &str = "UPDATE record SET content = NULL WHERE ident = $1 \
    AND root = $2 AND kind = $3 AND part = $4 AND version = (SELECT max(version) FROM record \
    WHERE ident = $1 AND root = $2 AND kind = $3 AND part = $4)";

pub(crate) const ROW_RECORDS_ADD: &str = "INSERT INTO row_record (ident, adapter, row, root, \
    kind, part, version) SELECT $1, u.* FROM unnest($2::bigint[], $3::text[], $4::text[], \
    $5::bigint[], $6::text[], $7::bigint[]) u ON CONFLICT DO NOTHING";
pub(crate) const GAVE: &str = "SELECT DISTINCT rr.row, rr.root, rr.kind, rr.part \
    FROM unnest($3::text[]) j(row) CROSS JOIN LATERAL (SELECT x.* FROM row_record x \
    WHERE x.ident = $1 AND x.adapter = $2 AND x.row = j.row OFFSET 0) rr";
pub(crate) const GAVE_CASES: &str = "SELECT DISTINCT rr.row, rr.root, rr.kind, rr.part \
    FROM unnest($3::text[]) j(root) CROSS JOIN LATERAL (SELECT x.* FROM row_record x \
    WHERE x.ident = $1 AND x.adapter = $2 AND x.root = j.root OFFSET 0) rr";
/// Every record of these rows: where it is, whether it is the latest, the state and violations of
/// its last problem.
pub(crate) const ROW_RECORDS: &str = concat!(
    "SELECT rr.row, ",
    place!(),
    ", NOT EXISTS (SELECT 1 FROM record n WHERE n.ident = r.ident AND n.root = r.root \
     AND n.kind = r.kind AND n.part = r.part AND n.version > r.version), p.state, p.violations, rr.kind \
     FROM unnest($3::text[]) j(row) CROSS JOIN LATERAL (SELECT x.* FROM row_record x \
     WHERE x.ident = $1 AND x.adapter = $2 AND x.row = j.row OFFSET 0) rr \
     CROSS JOIN LATERAL (SELECT y.* FROM record y WHERE y.ident = $1 AND y.root = rr.root \
     AND y.kind = rr.kind AND y.part = rr.part AND y.version = rr.version OFFSET 0) r",
    place_joins!(),
    "LEFT JOIN LATERAL (SELECT x.state, x.violations FROM problem x WHERE r.place IN (0, 7, 8) \
     AND x.ident = r.ident AND x.root = r.root AND x.kind = r.kind AND x.part = r.part \
     AND x.version = r.version ORDER BY x.problem DESC LIMIT 1) p ON true"
);
pub(crate) const WRITE_BACKS_PUT: &str = "INSERT INTO write_back AS w (ident, adapter, row, flag, \
    text, attempts, due) SELECT $1, u.adapter, u.row, u.flag, u.text, 0, $6 \
    FROM unnest($2::bigint[], $3::text[], $4::bigint[], $5::text[]) u(adapter, row, flag, text) \
    ON CONFLICT (ident, adapter, row) DO UPDATE SET text = excluded.text, flag = excluded.flag, \
    attempts = CASE WHEN w.flag = excluded.flag THEN w.attempts ELSE 0 END, \
    due = CASE WHEN w.flag = excluded.flag AND w.attempts > 0 THEN w.due ELSE excluded.due END";
/// Rows that are not final are not asked about again at every turn.
pub(crate) const WRITE_BACKS_LATER: &str = "UPDATE write_back SET due = $4 WHERE ident = $1 \
    AND adapter = $2 AND row = ANY($3)";
/// Something about this row's records changed.
pub(crate) const WRITE_BACK_NOW: &str = "UPDATE write_back SET due = least(due, $4) \
    WHERE ident = $1 AND adapter = $2 AND row = $3 AND attempts = 0";
pub(crate) const WRITE_BACKS: &str = "SELECT row, flag, text, attempts FROM write_back \
    WHERE ident = $1 AND adapter = $2 AND due <= $3 AND ($4::text IS NULL OR row > $4) \
    ORDER BY row LIMIT $5";
/// Written, or not: then `reason` and the next time.
pub(crate) const WRITE_BACKS_DONE: &str = "WITH u AS (SELECT * FROM unnest($3::text[], \
    $4::bigint[], $5::text[], $6::bigint[]) u(row, flag, reason, due)), \
    gone AS (DELETE FROM write_back w USING u WHERE w.ident = $1 AND w.adapter = $2 \
    AND w.row = u.row AND w.flag = u.flag AND u.reason IS NULL) \
    UPDATE write_back w SET reason = u.reason, due = u.due, attempts = w.attempts + 1 FROM u \
    WHERE w.ident = $1 AND w.adapter = $2 AND w.row = u.row AND w.flag = u.flag \
    AND u.reason IS NOT NULL";
