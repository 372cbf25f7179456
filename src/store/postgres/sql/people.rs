//! Statements of reconcile, sweep, and of people's questions.

use super::{place, place_joins};

pub(crate) const OPEN_WINDOWS: &str = "SELECT DISTINCT t.day, w.text, m.is_final, m.revision \
    FROM tally t JOIN word w ON w.word = t.peer LEFT JOIN manifest m ON m.ident = t.ident \
    AND m.day = t.day AND m.by = $2 AND m.peer = w.text \
    WHERE t.ident = $1 AND t.side = 0 AND t.day <= $3 \
    UNION SELECT day, peer, is_final, revision FROM manifest \
    WHERE ident = $1 AND by = $2 AND day <= $3 ORDER BY 1";
pub(crate) const MANIFEST_REVISION: &str =
    "SELECT revision FROM manifest WHERE ident = $1 AND day = $2 AND by = $3 AND peer = $4";
pub(crate) const MANIFEST_PUT: &str = "INSERT INTO manifest (ident, day, by, peer, revision, \
    is_final, body, at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8) \
    ON CONFLICT (ident, day, by, peer) DO UPDATE SET revision = excluded.revision, \
    is_final = excluded.is_final, body = excluded.body, at = excluded.at";
pub(crate) const MANIFESTS: &str = "SELECT by, peer, revision, is_final, body, at FROM manifest \
    WHERE ident = $1 AND day = $2 ORDER BY by, peer";
pub(crate) const DISCREPANCIES_DROP: &str =
    "DELETE FROM discrepancy WHERE ident = $1 AND day = $2 AND by = $3 AND peer = $4";
pub(crate) const DISCREPANCIES_ADD: &str = "INSERT INTO discrepancy (ident, day, by, peer, nth, \
    sender, receiver, kind, cause, count) SELECT $1, $2, $3, $4, v.nth, v.sender, v.receiver, \
    v.kind, v.cause, v.count FROM unnest($5::text[], $6::text[], $7::text[], $8::text[], \
    $9::bigint[]) WITH ORDINALITY v (sender, receiver, kind, cause, count, nth)";
pub(crate) const DISCREPANCIES: &str = "SELECT sender, receiver, kind, cause, count \
    FROM discrepancy WHERE ident = $1 AND day = $2 ORDER BY by, peer, nth";

pub(crate) const PURGE_RELAYS: &str = "SELECT relay, records, frame FROM relay WHERE ident = $1 \
    AND state = 3 AND (frame IS NOT NULL OR records = 0) AND done_at < $2 ORDER BY done_at LIMIT $3";
pub(crate) const RELAYS_PURGED: &str = "WITH emptied AS (UPDATE relay SET frame = NULL \
    WHERE relay = ANY($2) AND records = 1), gone AS (DELETE FROM relay WHERE relay = ANY($2) \
    AND records = 0), tries AS (DELETE FROM attempt WHERE ident = $1 AND own = 0 \
    AND envelope = ANY($2)) DELETE FROM blob WHERE blob = ANY($3)";
/// A receipt stays until its sender says that it has it: the same envelope again gets it again.
pub(crate) const PURGE_CONTROLS: &str = "SELECT e.envelope, e.frame FROM envelope e \
    WHERE e.ident = $1 AND e.records = 0 AND e.state >= 6 AND e.ended_at < $2 \
    AND NOT EXISTS (SELECT 1 FROM received r LEFT JOIN sender_route s ON s.ident = r.ident \
    AND s.sender = r.sender AND s.epoch = r.epoch AND s.route = r.route \
    WHERE r.receipt = e.envelope AND r.sequence >= coalesce(s.settled_below, 0)) \
    ORDER BY e.ended_at LIMIT $3";
pub(crate) const CONTROLS_PURGED: &str = "WITH gone AS (DELETE FROM envelope \
    WHERE envelope = ANY($2)), known AS (UPDATE received SET receipt = NULL \
    WHERE receipt = ANY($2)), tries AS (DELETE FROM attempt WHERE ident = $1 AND own = 1 \
    AND envelope = ANY($2)) DELETE FROM blob WHERE blob = ANY($3)";

/// Several statements that see one moment.
pub(crate) const LOOK: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";
pub(crate) const STATUS: &str = "SELECT kept, judged, \
    (SELECT count(*) FROM inbox WHERE ident = $1 AND class < 6)::bigint, \
    (SELECT count(*) FROM control WHERE ident = $1 AND envelope IS NULL)::bigint, \
    (SELECT count(*) FROM problem WHERE ident = $1 AND class = 'refused')::bigint, \
    (SELECT count(*) FROM problem WHERE ident = $1 AND class = 'quarantined' \
    AND root IS NULL)::bigint FROM identity WHERE ident = $1";
pub(crate) const PLACES: &str = "SELECT peer, sum(p0)::bigint, sum(p1)::bigint, \
    sum(p2)::bigint, sum(p3)::bigint, sum(p4)::bigint, sum(p5)::bigint, sum(p6)::bigint, \
    sum(p7)::bigint, sum(p8)::bigint, sum(p9)::bigint FROM tally WHERE ident = $1 AND side = 0 \
    GROUP BY peer";
pub(crate) const LINKS: &str =
    "SELECT link, accepted, rejected, last_receipt, reason, paused FROM link WHERE ident = $1";
pub(crate) const LINK_LOADS: &str = "SELECT link, state, sum(count)::bigint, min(numbered_at) \
    FROM envelope WHERE ident = $1 AND state < 6 AND records = 1 GROUP BY link, state";
pub(crate) const LINK_RELAYS: &str = "SELECT link, sum(count)::bigint, min(at) FROM relay \
    WHERE ident = $1 AND state = 0 AND records = 1 GROUP BY link";
pub(crate) const CENSUS: &str = concat!(
    "SELECT ",
    place!(),
    ", count(*)::bigint FROM record r",
    place_joins!(),
    "WHERE r.ident = $1 GROUP BY 1"
);
pub(crate) const PLACE: &str = concat!(
    "SELECT ",
    place!(),
    " FROM record r",
    place_joins!(),
    "WHERE r.ident = $1 AND r.root = $2 AND r.kind = $3 AND r.part = $4 AND r.version = $5"
);

/// Records of a case number: every root that begins with the number and `@`.
pub(crate) const TRACE_OWN: &str = concat!(
    "SELECT r.root, r.kind, r.part, r.version, ",
    place!(),
    ", r.chunk, r.idx, c.at, c.entries, s.envelope, (SELECT min(p.at) FROM problem p \
     WHERE p.ident = r.ident AND p.root = r.root AND p.kind = r.kind AND p.part = r.part \
     AND p.version = r.version) FROM record r",
    place_joins!(),
    "LEFT JOIN LATERAL (SELECT x.at, x.entries FROM chunk x WHERE x.chunk = r.chunk OFFSET 0) c \
     ON true WHERE r.ident = $1 AND r.root >= $2 AND r.root < $3 ORDER BY 1, 2, 3, 4"
);
pub(crate) const TRACE_AGAIN: &str = "SELECT envelope, why FROM again WHERE ident = $1 AND root = $2 \
    AND kind = $3 AND part = $4 AND version = $5 ORDER BY envelope";
pub(crate) const TRACE_ENVELOPE: &str = "SELECT epoch, route, sequence, numbered_at, sent_at, \
    hop_at, hop, ended_at, state, reason FROM envelope WHERE envelope = $1";
pub(crate) const TRACE_KEPT: &str = "SELECT k.root, k.kind, k.part, k.version, k.digest, k.idx, \
    r.at, r.sender, r.epoch, r.route, r.sequence FROM kept k CROSS JOIN LATERAL (SELECT * \
    FROM received x WHERE x.received = k.received OFFSET 0) r WHERE k.ident = $1 \
    AND k.root >= $2 AND k.root < $3 ORDER BY 1, 2, 3, 4";
/// A text is looked through before it is taken apart.
pub(crate) const TRACE_PROBLEMS: &str = "SELECT r.sender, r.epoch, r.route, r.sequence, r.at, \
    j.value::text FROM (SELECT * FROM received x WHERE x.ident = $1 AND x.problems <> '[]' \
    AND strpos(x.problems, $3) > 0 OFFSET 0) r \
    CROSS JOIN LATERAL json_array_elements(r.problems::json) j \
    WHERE strpos(j.value ->> 'id', $2) > 0 ORDER BY r.received";

pub(crate) const PROBLEM_HELD: &str = "SELECT 1 FROM problem WHERE ident = $1 AND adapter = $2 \
    AND row_digest = $3 AND class = 'quarantined' AND state IN ('held', 'returned', 'voided') \
    AND root IS NOT DISTINCT FROM $4 AND kind IS NOT DISTINCT FROM $5 \
    AND part IS NOT DISTINCT FROM $6 LIMIT 1";
/// A newer version that went up or may go up.
/// Numbered in the order given; one of which a newer version is under way or taken is cured already.
pub(crate) const REJECTED_ADD: &str = concat!(
    "INSERT INTO problem (ident, class, state, adapter, route, epoch, day, reference, source_row, \
    root, kind, part, version, violations, at, cured_by) \
    SELECT $1, 'rejected', CASE WHEN n.version IS NULL THEN 'held' ELSE 'cured' END, u.adapter, \
    u.route, u.epoch, u.day, coalesce(u.source_row, ''), u.source_row, u.root, u.kind, u.part, \
    u.version, u.violations, $2, n.version FROM unnest($3::bigint[], $4::bigint[], $5::bigint[], \
    $6::bigint[], $7::text[], $8::text[], $9::bigint[], $10::text[], $11::bigint[], $12::text[]) \
    WITH ORDINALITY u(adapter, route, epoch, day, source_row, root, kind, part, version, \
    violations, nth) CROSS JOIN LATERAL (SELECT max(r.version) AS version FROM record r",
    place_joins!(),
    "WHERE r.ident = $1 AND r.root = u.root AND r.kind = u.kind AND r.part = u.part \
    AND r.version > u.version AND ",
    place!(),
    " NOT IN (0, 7, 8)) n ORDER BY u.nth"
);
pub(crate) const PROBLEM_ADD: &str = "INSERT INTO problem (ident, class, state, adapter, route, \
    epoch, day, reference, source_row, row_digest, root, kind, part, version, violations, raw, at, \
    cured_by) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, \
    $18)";
pub(crate) const PROBLEM: &str = "SELECT class, state, adapter, source_row, root, kind, part, \
    version, route, epoch, day, violations FROM problem \
    WHERE ident + 0 = $1 AND problem = $2";
pub(crate) const PROBLEM_STATE: &str = "UPDATE problem SET state = $3, \
    deadline = coalesce($4, deadline) WHERE ident + 0 = $1 AND problem = $2";
pub(crate) const PROBLEMS: &str = "SELECT problem, class, state, adapter, reference, root, kind, \
    part, version, violations, at, deadline, cured_by FROM problem WHERE ident + 0 = $1 \
    AND problem > $2 AND ($3::text IS NULL OR state = $3) \
    AND ($4::bigint IS NULL OR coalesce(adapter, -1) = $4) AND ($5::text IS NULL OR EXISTS \
    (SELECT 1 FROM json_array_elements(violations::json) v WHERE v.value ->> 'rule' = $5)) \
    ORDER BY problem LIMIT $6";
pub(crate) const PROBLEM_RAW: &str =
    "SELECT raw FROM problem WHERE ident + 0 = $1 AND problem = $2";

pub(crate) const AUDIT_LAST: &str =
    "SELECT nth, chain FROM audit WHERE ident = $1 ORDER BY ident DESC, nth DESC LIMIT 1";
pub(crate) const AUDIT_ADD: &str =
    "INSERT INTO audit (ident, nth, event, chain) VALUES ($1, $2, $3, $4)";
pub(crate) const AUDIT_AFTER: &str =
    "SELECT nth, event, chain FROM audit WHERE ident = $1 AND nth > $2 ORDER BY nth LIMIT $3";

pub(crate) const STANDING: &str = "SELECT name, text, at FROM standing WHERE ident = $1 \
    AND starts_with(name, $2) ORDER BY name";
pub(crate) const STANDING_NAMES: &str = "SELECT name, at FROM standing WHERE ident = $1 \
    AND starts_with(name, $2) ORDER BY at, name COLLATE \"C\" LIMIT $3";
pub(crate) const STAND: &str = "INSERT INTO standing (ident, name, text, at) \
    VALUES ($1, $2, $3, $4) ON CONFLICT (ident, name) DO UPDATE SET text = excluded.text, \
    at = excluded.at";
pub(crate) const STAND_NO_MORE: &str = "DELETE FROM standing WHERE ident = $1 AND name = $2";

/// Rows as arrays. Keys that were collected here are left out; counts those that are new.
pub(crate) const BASELINE_ADD: &str = "INSERT INTO baseline AS b (ident, root, kind, \
    part, version, content, reported, day) SELECT $1, v.* FROM unnest($2::text[], $3::int[], \
    $4::text[], $5::bigint[], $6::bytea[], $7::int[], $8::int[]) v (root, kind, part, version, \
    content, reported, day) ON CONFLICT (ident, root, kind, part) DO UPDATE SET \
    version = greatest(b.version, excluded.version), \
    content = coalesce(excluded.content, b.content), \
    reported = coalesce(excluded.reported, b.reported)";
pub(crate) const BASELINE: &str = "SELECT b.root, b.kind, b.part, b.version, b.content, \
    b.reported, b.day FROM unnest($2::text[]) j (root) CROSS JOIN LATERAL (SELECT * \
    FROM baseline x WHERE x.ident = $1 AND x.root = j.root OFFSET 0) b";
pub(crate) const BASELINE_COUNTS: &str = "SELECT kind, day, count(*)::bigint FROM baseline \
    WHERE ident = $1 GROUP BY kind, day";
