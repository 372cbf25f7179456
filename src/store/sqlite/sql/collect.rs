//! Statements of collect, of waiting records and of write-backs.

use super::{place, place_joins};

pub(crate) const LEASE: &str =
    "SELECT holder, token, until FROM lease WHERE ident = ?1 AND name = ?2";
pub(crate) const LEASES: &str =
    "SELECT name, holder, token, until FROM lease WHERE ident = ?1 ORDER BY name";
pub(crate) const LEASE_PUT: &str = "INSERT INTO lease \
    (ident, name, holder, token, until) VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT DO UPDATE SET \
    holder = excluded.holder, token = excluded.token, until = excluded.until";

pub(crate) const ADAPTER: &str = "SELECT cursor, rows_read, rows_unchanged, records, \
    quarantined, last_at, paused, (SELECT count(*) FROM write_back w WHERE w.ident = ?1 \
    AND w.adapter = ?2) FROM adapter WHERE ident = ?1 AND adapter = ?2";
pub(crate) const ADAPTERS: &str = "SELECT adapter FROM adapter WHERE ident = ?1";
pub(crate) const ADAPTER_ADD: &str = "INSERT INTO adapter (ident, adapter, cursor, \
    rows_read, rows_unchanged, records, quarantined, last_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, \
    ?8) ON CONFLICT DO UPDATE SET cursor = excluded.cursor, \
    rows_read = rows_read + excluded.rows_read, \
    rows_unchanged = rows_unchanged + excluded.rows_unchanged, \
    records = records + excluded.records, quarantined = quarantined + excluded.quarantined, \
    last_at = excluded.last_at";
pub(crate) const ADAPTER_PAUSE: &str = "INSERT INTO adapter (ident, adapter, rows_read, \
    rows_unchanged, records, quarantined, paused) VALUES (?1, ?2, 0, 0, 0, 0, ?3) \
    ON CONFLICT DO UPDATE SET paused = excluded.paused";

pub(crate) const CASES: &str = concat!(
    "SELECT r.root, r.kind, r.part, r.version, r.voided, r.content, r.facts, ",
    place!(),
    " FROM json_each(?2) j CROSS JOIN record r ON r.ident = ?1 AND r.root = j.value",
    place_joins!(),
    "ORDER BY r.root, r.kind, r.part, r.version"
);

pub(crate) const PARENTS: &str = concat!(
    "SELECT r.root, r.kind, r.part, ",
    place!(),
    ", s.route FROM json_each(?2) j CROSS JOIN record r ON r.ident = ?1 AND r.root = j.value",
    " AND (r.place IS NULL OR r.place = 6)",
    place_joins!(),
    "WHERE s.route IS NOT NULL"
);

pub(crate) const CHUNK_ADD: &str = "INSERT INTO blob (blob, bytes) VALUES (?9, ?11), (?10, ?12); \
    INSERT INTO chunk (chunk, ident, route, epoch, \
    day, adapter, at, count, left, entries, bytes) \
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?8, ?9, ?10)";
/// One record of a chunk is never sealed.
pub(crate) const CHUNK_LESS: &str = "UPDATE chunk SET left = left - 1 WHERE chunk = ?1; \
    DELETE FROM blob WHERE blob = (SELECT bytes FROM chunk WHERE chunk = ?1 AND left = 0); \
    UPDATE chunk SET bytes = NULL WHERE chunk = ?1 AND left = 0";
pub(crate) const STRETCH_HEAD: &str = "INSERT OR ROLLBACK INTO stretch (range, ident, route, ord, \
    chunk, first, count, orphan, at)";
pub(crate) const STRETCH_ROW: &str = "(?, ?, ?, ?, ?, ?, ?, ?, ?)";
pub(crate) const RECORD_HEAD: &str = "INSERT OR ROLLBACK INTO record (ident, root, kind, part, \
    version, chunk, idx, place, voided, content, facts)";
pub(crate) const RECORD_ROW: &str = "(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";

/// Of these cases, those that something is known of.
pub(crate) const KNOWN_ROOTS: &str = "SELECT j.value FROM json_each(?2) j \
    WHERE EXISTS (SELECT 1 FROM record r WHERE r.ident = ?1 AND r.root = j.value)";
/// A version of this page that is not above all others of its key.
pub(crate) const NOT_ABOVE: &str = "SELECT r.root, r.kind, r.part, r.version, n.version \
    FROM json_each(?2) j CROSS JOIN record r ON r.ident = ?1 AND r.root = j.value \
    CROSS JOIN record n ON n.ident = ?1 AND n.root = r.root AND n.kind = r.kind \
    AND n.part = r.part AND n.version > r.version AND (n.chunk IS NULL OR n.chunk < ?3) \
    WHERE r.chunk >= ?3 LIMIT 1";
pub(crate) const HIGHEST: &str = "SELECT max(version) FROM record WHERE ident = ?1 AND root = ?2 \
    AND kind = ?3 AND part = ?4";
pub(crate) const SOURCE_ROWS: &str = "SELECT s.row, s.digest, s.pass FROM json_each(?3) j \
    CROSS JOIN source_row s ON s.ident = ?1 AND s.adapter = ?2 AND s.row = j.value";
pub(crate) const VANISHED: &str = "SELECT row, digest, pass FROM source_row \
    WHERE ident = ?1 AND adapter = ?2 AND pass < ?3 AND pass >= ?6 AND row >= ?5 \
    AND row < ?5 || char(1114111) ORDER BY row LIMIT +?4";
pub(crate) const SOURCE_ROWS_DROP: &str = "DELETE FROM source_row WHERE ident = ?1 \
    AND adapter = ?2 AND row IN (SELECT value FROM json_each(?3))";
pub(crate) const SOURCE_ROW_HEAD: &str =
    "INSERT INTO source_row (ident, adapter, row, digest, pass)";
pub(crate) const SOURCE_ROW_ROW: &str = "(?, ?, ?, ?, ?)";
pub(crate) const SOURCE_ROW_TAIL: &str =
    "ON CONFLICT DO UPDATE SET digest = excluded.digest, pass = excluded.pass";

pub(crate) const PROBLEM_HELD: &str = "SELECT 1 FROM problem WHERE ident = ?1 \
    AND adapter = ?2 AND row_digest = ?3 AND class = 'quarantined' \
    AND state IN ('held', 'returned', 'voided') AND root IS ?4 AND kind IS ?5 AND part IS ?6";
pub(crate) const PROBLEM_ADD: &str = "INSERT INTO problem (ident, class, state, adapter, \
    route, epoch, day, reference, source_row, row_digest, root, kind, part, version, violations, raw, at, \
    cured_by) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18)";
/// A newer version that went up or may go up.
pub(crate) const NEWER_VERSION: &str = concat!(
    "SELECT max(r.version) FROM record r",
    place_joins!(),
    "WHERE r.ident = ?1 AND r.root = ?2 AND r.kind = ?3 AND r.part = ?4 AND r.version > ?5 AND ",
    place!(),
    " NOT IN (0, 7, 8)"
);
pub(crate) const PROBLEM_CURE: &str = "UPDATE problem SET state = 'cured', \
    cured_by = j.value ->> 3 FROM json_each(?2) j WHERE problem.ident = ?1 \
    AND problem.root = j.value ->> 0 AND problem.kind = j.value ->> 1 \
    AND problem.part = j.value ->> 2 AND problem.version < j.value ->> 3 \
    AND problem.state NOT IN ('cured', 'voided')";

pub(crate) const WAITING_ANY: &str = "SELECT EXISTS (SELECT 1 FROM waiting WHERE ident = ?1)";
pub(crate) const WAITING_HEAD: &str = "INSERT OR ROLLBACK INTO waiting (ident, parent_root, \
    parent_kind, parent_part, root, kind, part, version, chunk, idx, accepted, until, due)";
pub(crate) const WAITING_ROW: &str = "(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";
pub(crate) const WAITING_DUE: &str = "SELECT w.parent_root, w.parent_kind, \
    w.parent_part, w.root, w.kind, w.part, w.version, w.chunk, w.idx, w.accepted, w.until, \
    c.route, c.day, c.epoch FROM waiting w JOIN chunk c ON c.chunk = w.chunk \
    WHERE w.ident = ?1 AND w.due <= ?2 ORDER BY w.due, w.chunk, w.idx LIMIT +?3";
/// What waits at a destination: the strands that lead there say so.
pub(crate) const WAITING_THERE: &str = "SELECT w.parent_root, w.parent_kind, \
    w.parent_part, w.root, w.kind, w.part, w.version, w.chunk, w.idx, w.accepted, w.until, \
    c.route, c.day, c.epoch FROM waiting w JOIN chunk c ON c.chunk = w.chunk \
    WHERE w.ident = ?1 AND w.kind IN (SELECT x.word FROM word x \
    WHERE substr(x.text, instr(x.text, '>') + 1) = ?2 AND instr(x.text, '>') > 0) \
    ORDER BY w.due, w.chunk, w.idx LIMIT +?3";
pub(crate) const WAITING_ON: &str = "SELECT w.parent_root, w.parent_kind, \
    w.parent_part, w.root, w.kind, w.part, w.version, w.chunk, w.idx, w.accepted, w.until, \
    c.route, c.day, c.epoch FROM json_each(?2) j CROSS JOIN waiting w ON w.ident = ?1 \
    AND w.parent_root = j.value AND w.until IS NULL JOIN chunk c ON c.chunk = w.chunk \
    ORDER BY w.chunk, w.idx";
/// Of what is due, these (chunk and position in one number) are looked at again later.
pub(crate) const WAITING_LATER: &str = "UPDATE waiting SET due = ?3 WHERE ident = ?1 \
    AND due <= ?2 AND (chunk << 20 | idx) IN (SELECT value FROM json_each(?4))";
pub(crate) const WAITING_DROP: &str = "DELETE FROM waiting WHERE ident = ?1 \
    AND parent_root = ?2 AND parent_kind = ?3 AND parent_part = ?4 AND root = ?5 AND kind = ?6 \
    AND part = ?7 AND version = ?8";
pub(crate) const WAITING_WAKE: &str = "UPDATE waiting SET due = ?3 WHERE ident = ?1 \
    AND until IS NULL AND due > ?3 AND parent_root IN (SELECT value FROM json_each(?2))";
pub(crate) const RECORD_PLACE: &str = "UPDATE record SET place = ?6 WHERE ident = ?1 \
    AND root = ?2 AND kind = ?3 AND part = ?4 AND version = ?5";
pub(crate) const RECORD_AGAIN: &str = "UPDATE record SET place = 1, chunk = ?6, \
    idx = ?7 WHERE ident = ?1 AND root = ?2 AND kind = ?3 AND part = ?4 AND version = ?5";
pub(crate) const RECORD_FORGET: &str = "UPDATE record SET content = NULL WHERE ident = ?1 \
    AND root = ?2 AND kind = ?3 AND part = ?4 AND version = (SELECT max(version) FROM record \
    WHERE ident = ?1 AND root = ?2 AND kind = ?3 AND part = ?4)";
pub(crate) const AGAIN_ADD: &str = "INSERT INTO again (ident, root, kind, part, version, envelope) \
    VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
pub(crate) const SOURCE_ROW_FORGET: &str = "UPDATE source_row SET digest = zeroblob(32) \
    WHERE ident = ?1 AND adapter = ?2 AND row = ?3";

pub(crate) const ROW_RECORD_HEAD: &str =
    "INSERT OR ROLLBACK INTO row_record (ident, adapter, row, root, kind, part, version)";
pub(crate) const ROW_RECORD_ROW: &str = "(?, ?, ?, ?, ?, ?, ?)";
/// What is known is said again by each change of its row.
pub(crate) const ROW_RECORD_TAIL: &str = "ON CONFLICT DO NOTHING";
pub(crate) const GAVE: &str = "SELECT DISTINCT rr.row, rr.root, rr.kind, rr.part \
    FROM json_each(?3) j CROSS JOIN row_record rr ON rr.ident = ?1 AND rr.adapter = ?2 \
    AND rr.row = j.value";
pub(crate) const GAVE_CASES: &str = "SELECT DISTINCT rr.row, rr.root, rr.kind, rr.part \
    FROM json_each(?3) j CROSS JOIN row_record rr ON rr.ident = ?1 AND rr.adapter = ?2 \
    AND rr.root = j.value";
/// Every record of these rows: where it is, whether it is the latest, the state and violations of
/// its last problem.
pub(crate) const ROW_RECORDS: &str = concat!(
    "SELECT rr.row, ",
    place!(),
    ", NOT EXISTS (SELECT 1 FROM record n WHERE n.ident = r.ident AND n.root = r.root \
     AND n.kind = r.kind AND n.part = r.part AND n.version > r.version), p.state, p.violations, rr.kind \
     FROM json_each(?3) j CROSS JOIN row_record rr ON rr.ident = ?1 AND rr.adapter = ?2 \
     AND rr.row = j.value JOIN record r ON r.ident = rr.ident AND r.root = rr.root \
     AND r.kind = rr.kind AND r.part = rr.part AND r.version = rr.version",
    place_joins!(),
    "LEFT JOIN problem p ON r.place IN (0, 7, 8) AND p.problem = (SELECT max(x.problem) \
     FROM problem x WHERE x.ident = r.ident AND x.root = r.root AND x.kind = r.kind \
     AND x.part = r.part AND x.version = r.version)"
);
pub(crate) const WRITE_BACK_PUT: &str = "INSERT INTO write_back (ident, adapter, row, flag, text, \
    attempts, due) VALUES (?1, ?2, ?3, ?4, ?5, 0, ?6) ON CONFLICT DO UPDATE SET \
    text = excluded.text, flag = excluded.flag, \
    attempts = CASE WHEN flag = excluded.flag THEN attempts ELSE 0 END, \
    due = CASE WHEN flag = excluded.flag AND attempts > 0 THEN due ELSE excluded.due END";
/// Rows that are not final are not asked about again at every turn.
pub(crate) const WRITE_BACKS_LATER: &str = "UPDATE write_back SET due = ?4 WHERE ident = ?1 \
    AND adapter = ?2 AND row IN (SELECT value FROM json_each(?3))";
/// Something about this row's records changed.
pub(crate) const WRITE_BACK_NOW: &str = "UPDATE write_back SET due = min(due, ?4) WHERE ident = ?1 \
    AND adapter = ?2 AND row = ?3 AND attempts = 0";
pub(crate) const WRITE_BACKS: &str = "SELECT row, flag, text, attempts FROM write_back \
    WHERE ident = ?1 AND adapter = ?2 AND due <= ?3 AND (?4 IS NULL OR row > ?4) ORDER BY row LIMIT +?5";
pub(crate) const WRITE_BACK_DONE: &str =
    "DELETE FROM write_back WHERE ident = ?1 AND adapter = ?2 AND row = ?3 AND flag = ?4";
pub(crate) const WRITE_BACK_FAILED: &str = "UPDATE write_back SET reason = ?5, due = ?6, \
    attempts = attempts + 1 WHERE ident = ?1 AND adapter = ?2 AND row = ?3 AND flag = ?4";
