//! Statements of reconcile, sweep, and of people's questions.

use super::{place, place_joins};

pub(crate) const TALLY_HEAD: &str = "INSERT INTO tally (ident, side, day, peer, route, epoch, kind, p0, p1, \
    p2, p3, p4, p5, p6, p7, p8, p9, s0, s1, s2, s3, first_sequence, last_sequence)";
pub(crate) const TALLY_ROW: &str =
    "(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";
pub(crate) const TALLY_TAIL: &str = "ON CONFLICT DO UPDATE SET p0 = p0 + excluded.p0, \
    p1 = p1 + excluded.p1, p2 = p2 + excluded.p2, p3 = p3 + excluded.p3, p4 = p4 + excluded.p4, \
    p5 = p5 + excluded.p5, p6 = p6 + excluded.p6, p7 = p7 + excluded.p7, p8 = p8 + excluded.p8, \
    p9 = p9 + excluded.p9, s0 = (s0 + excluded.s0) & 4294967295, \
    s1 = (s1 + excluded.s1) & 4294967295, s2 = (s2 + excluded.s2) & 4294967295, \
    s3 = (s3 + excluded.s3) & 4294967295, \
    first_sequence = CASE WHEN excluded.first_sequence = 0 THEN first_sequence \
    WHEN first_sequence = 0 THEN excluded.first_sequence \
    ELSE min(first_sequence, excluded.first_sequence) END, \
    last_sequence = max(last_sequence, excluded.last_sequence)";
pub(crate) const TALLIES: &str = "SELECT peer, kind, p0, p1, p2, p3, p4, p5, p6, p7, p8, p9, \
    s0, s1, s2, s3, first_sequence, last_sequence, route, epoch FROM tally \
    WHERE ident = ?1 AND side = ?2 AND day = ?3 AND (?4 IS NULL OR peer = ?4)";

pub(crate) const OPEN_WINDOWS: &str = "SELECT DISTINCT t.day, w.text, m.is_final, m.revision \
    FROM tally t JOIN word w ON w.word = t.peer LEFT JOIN manifest m ON m.ident = t.ident \
    AND m.day = t.day AND m.by = ?2 AND m.peer = w.text \
    WHERE t.ident = ?1 AND t.side = 0 AND t.day <= ?3 \
    UNION SELECT day, peer, is_final, revision FROM manifest \
    WHERE ident = ?1 AND by = ?2 AND day <= ?3 ORDER BY 1";
pub(crate) const MANIFEST_REVISION: &str =
    "SELECT revision FROM manifest WHERE ident = ?1 AND day = ?2 AND by = ?3 AND peer = ?4";
pub(crate) const MANIFEST_PUT: &str = "INSERT INTO manifest (ident, day, by, peer, revision, \
    is_final, body, at) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8) ON CONFLICT DO UPDATE SET \
    revision = excluded.revision, is_final = excluded.is_final, body = excluded.body, \
    at = excluded.at";
pub(crate) const MANIFESTS: &str = "SELECT by, peer, revision, is_final, body, at FROM manifest \
    WHERE ident = ?1 AND day = ?2 ORDER BY by, peer";
pub(crate) const DISCREPANCIES_DROP: &str =
    "DELETE FROM discrepancy WHERE ident = ?1 AND day = ?2 AND by = ?3 AND peer = ?4";
pub(crate) const DISCREPANCY_ADD: &str = "INSERT INTO discrepancy (ident, day, by, peer, nth, \
    sender, receiver, kind, cause, count) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)";
pub(crate) const DISCREPANCIES: &str = "SELECT sender, receiver, kind, cause, count \
    FROM discrepancy WHERE ident = ?1 AND day = ?2 ORDER BY by, peer, nth";

pub(crate) const PURGE_RELAYS: &str = "SELECT relay, records, frame FROM relay WHERE ident = ?1 \
    AND state = 3 AND (frame IS NOT NULL OR records = 0) AND done_at < ?2 ORDER BY done_at LIMIT +?3";
pub(crate) const RELAY_EMPTY: &str = "UPDATE relay SET frame = NULL WHERE relay = ?1";
pub(crate) const RELAY_DROP: &str = "DELETE FROM relay WHERE relay = ?1";
/// A receipt stays until its sender says that it has it: the same envelope again gets it again.
pub(crate) const PURGE_CONTROLS: &str = "SELECT e.envelope, e.head, e.frame FROM envelope e \
    LEFT JOIN received r ON r.receipt = e.envelope \
    LEFT JOIN sender_route s ON s.ident = r.ident AND s.sender = r.sender AND s.epoch = r.epoch \
    AND s.route = r.route WHERE e.ident = ?1 AND e.records = 0 AND e.state >= 6 \
    AND e.ended_at < ?2 AND (r.received IS NULL OR r.sequence < s.settled_below) \
    ORDER BY e.ended_at LIMIT +?3";
pub(crate) const ENVELOPE_DROP: &str = "DELETE FROM envelope WHERE envelope = ?1";
pub(crate) const RECEIPT_DROP: &str = "UPDATE received SET receipt = NULL WHERE receipt = ?1";
pub(crate) const ATTEMPTS_DROP: &str =
    "DELETE FROM attempt WHERE ident = ?1 AND own = ?2 AND envelope = ?3";
pub(crate) const VACUUM: &str = "PRAGMA incremental_vacuum(2000)";

pub(crate) const STATUS: &str = "SELECT kept, judged, \
    (SELECT count(*) FROM inbox WHERE ident = ?1 AND class < 6), \
    (SELECT count(*) FROM control WHERE ident = ?1 AND envelope IS NULL), \
    (SELECT count(*) FROM problem WHERE ident = ?1 AND class = 'refused'), \
    (SELECT count(*) FROM problem WHERE ident = ?1 AND class = 'quarantined' AND root IS NULL) \
    FROM identity WHERE ident = ?1";
pub(crate) const PLACES: &str = "SELECT peer, sum(p0), sum(p1), sum(p2), sum(p3), sum(p4), \
    sum(p5), sum(p6), sum(p7), sum(p8), sum(p9) FROM tally WHERE ident = ?1 AND side = 0 \
    GROUP BY peer";
pub(crate) const LINKS: &str =
    "SELECT link, accepted, rejected, last_receipt, reason, paused FROM link WHERE ident = ?1";
pub(crate) const LINK_LOADS: &str = "SELECT link, state, sum(count), min(numbered_at) \
    FROM envelope WHERE ident = ?1 AND state < 6 AND records = 1 GROUP BY link, state";
pub(crate) const LINK_RELAYS: &str = "SELECT link, sum(count), min(at) FROM relay \
    WHERE ident = ?1 AND state = 0 AND records = 1 GROUP BY link";
pub(crate) const CENSUS: &str = concat!(
    "SELECT ",
    place!(),
    ", count(*) FROM record r",
    place_joins!(),
    "WHERE r.ident = ?1 GROUP BY 1"
);
pub(crate) const PLACE: &str = concat!(
    "SELECT ",
    place!(),
    " FROM record r",
    place_joins!(),
    "WHERE r.ident = ?1 AND r.root = ?2 AND r.kind = ?3 AND r.part = ?4 AND r.version = ?5"
);

/// Records of a case number: every root that begins with the number and `@`.
pub(crate) const TRACE_OWN: &str = concat!(
    "SELECT r.root, r.kind, r.part, r.version, ",
    place!(),
    ", r.chunk, r.idx, c.at, c.entries, s.envelope, (SELECT min(p.at) FROM problem p \
     WHERE p.ident = r.ident AND p.root = r.root AND p.kind = r.kind AND p.part = r.part \
     AND p.version = r.version) FROM record r",
    place_joins!(),
    "LEFT JOIN chunk c ON c.chunk = r.chunk WHERE r.ident = ?1 AND r.root >= ?2 AND r.root < ?3 \
     ORDER BY r.root, r.kind, r.part, r.version"
);
pub(crate) const TRACE_AGAIN: &str = "SELECT envelope, why FROM again WHERE ident = ?1 AND root = ?2 \
    AND kind = ?3 AND part = ?4 AND version = ?5 ORDER BY envelope";
pub(crate) const TRACE_ENVELOPE: &str = "SELECT epoch, route, sequence, numbered_at, sent_at, \
    hop_at, hop, ended_at, state, reason FROM envelope WHERE envelope = ?1";
pub(crate) const TRACE_KEPT: &str = "SELECT k.root, k.kind, k.part, k.version, k.digest, k.idx, \
    r.at, r.sender, r.epoch, r.route, r.sequence FROM kept k \
    JOIN received r ON r.received = k.received WHERE k.ident = ?1 AND k.root >= ?2 AND k.root < ?3 \
    ORDER BY k.root, k.kind, k.part, k.version";
/// A text is looked through before it is taken apart.
pub(crate) const TRACE_PROBLEMS: &str = "SELECT r.sender, r.epoch, r.route, r.sequence, r.at, \
    j.value FROM received r INDEXED BY received_problems CROSS JOIN json_each(r.problems) j \
    WHERE r.ident = ?1 AND r.problems <> '[]' AND instr(r.problems, ?3) > 0 \
    AND instr(j.value ->> 'id', ?2) > 0";

pub(crate) const PROBLEM: &str = "SELECT class, state, adapter, source_row, root, kind, part, \
    version, route, epoch, day, violations FROM problem WHERE ident = ?1 AND problem = ?2";
pub(crate) const PROBLEM_STATE: &str = "UPDATE problem SET state = ?3, \
    deadline = coalesce(?4, deadline) WHERE ident = ?1 AND problem = ?2";
pub(crate) const PROBLEMS: &str = "SELECT problem, class, state, adapter, reference, root, kind, \
    part, version, violations, at, deadline, cured_by FROM problem WHERE ident = ?1 \
    AND problem > ?2 AND (?3 IS NULL OR state = ?3) \
    AND (?4 IS NULL OR coalesce(adapter, -1) = ?4) AND (?5 IS NULL OR EXISTS \
    (SELECT 1 FROM json_each(violations) v WHERE v.value ->> 'rule' = ?5)) \
    ORDER BY problem LIMIT +?6";
pub(crate) const PROBLEM_RAW: &str = "SELECT raw FROM problem WHERE ident = ?1 AND problem = ?2";

pub(crate) const AUDIT_LAST: &str =
    "SELECT nth, chain FROM audit WHERE ident = ?1 ORDER BY nth DESC LIMIT 1";
pub(crate) const AUDIT_ADD: &str =
    "INSERT INTO audit (ident, nth, event, chain) VALUES (?1, ?2, ?3, ?4)";
pub(crate) const AUDIT_AFTER: &str =
    "SELECT nth, event, chain FROM audit WHERE ident = ?1 AND nth > ?2 ORDER BY nth LIMIT +?3";
