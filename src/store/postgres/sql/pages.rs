//! Statements of people's pages. `at >= 0` and `numbered_at >= 0` are true of every row: they name the
//! indexes that are for pages alone, so that no worker's plan takes one of them.

pub(crate) const PROBLEM_GROUPS: &str = "SELECT class, adapter, rule, state, \
    count(*)::bigint, min(at), max(at), max(problem) FROM problem \
    WHERE ident = $1 AND at >= 0 AND ($2::text IS NULL OR state = $2) \
    AND ($3::bigint IS NULL OR coalesce(adapter, -1) = $3) \
    GROUP BY class, adapter, rule, state";

macro_rules! envelopes {
    ($among:literal) => {
        concat!(
            "SELECT envelope, numbered_at, epoch, route, sequence, kind, state, day, link, \
             head_digest, root, count, attempts, refusals, sent_at, due_at, reason, hop, ended_at \
             FROM envelope WHERE ident = $1 AND records = 1 AND ",
            $among,
            " AND numbered_at >= $2 AND (numbered_at, envelope) < ($3, $4) \
             AND ($5::bigint IS NULL OR link = $5) \
             AND ($6::bigint[] IS NULL OR route = ANY($6)) \
             AND ($7::text IS NULL OR reason = $7) AND state = ANY($8::bigint[]) \
             ORDER BY numbered_at DESC, envelope DESC LIMIT $9"
        )
    };
}
pub(crate) const ENVELOPES_DEAD: &str = envelopes!("state = 5 AND numbered_at >= 0");
pub(crate) const ENVELOPES_OPEN: &str = envelopes!("state < 6");
pub(crate) const ENVELOPES_ALL: &str = envelopes!("numbered_at >= 0");

macro_rules! received {
    ($of:literal) => {
        concat!(
            "SELECT received, sender, epoch, route, sequence, day, count, kept, \
             json_array_length(problems::json), at FROM received WHERE ident = $1 AND at >= 0 ",
            $of,
            " AND at >= $2 AND (at, received) < ($3, $4) \
             ORDER BY at DESC, received DESC LIMIT $5"
        )
    };
}
pub(crate) const RECEIVED_LIST: &str = received!("");
pub(crate) const RECEIVED_OF: &str = received!("AND sender = $6");

pub(crate) const SENDERS: &str = "WITH RECURSIVE passed (sender) AS ( \
    (SELECT min(sender) FROM relay WHERE ident = $1) UNION ALL \
    SELECT (SELECT min(x.sender) FROM relay x WHERE x.ident = $1 AND x.sender > p.sender) \
    FROM passed p WHERE p.sender IS NOT NULL), judged (sender) AS ( \
    (SELECT min(sender) FROM received WHERE ident = $1) UNION ALL \
    SELECT (SELECT min(x.sender) FROM received x WHERE x.ident = $1 AND x.sender > j.sender) \
    FROM judged j WHERE j.sender IS NOT NULL) \
    SELECT a.sender, (SELECT max(r.at) FROM received r WHERE r.ident = $1 AND r.sender = a.sender \
    AND r.at >= 0), (SELECT max(y.at) FROM relay y WHERE y.ident = $1 AND y.sender = a.sender \
    AND y.at >= 0) FROM (SELECT sender FROM passed UNION SELECT sender FROM judged) a \
    WHERE a.sender IS NOT NULL";
pub(crate) const SENDERS_DAY: &str = "SELECT peer, sum(p5)::bigint, sum(p6)::bigint, sum(p7)::bigint FROM tally \
    WHERE ident = $1 AND side = 1 AND day = $2 GROUP BY peer";

/// Chunks before a mark; the fifth argument is the place in the chunk where the mark is.
pub(crate) const PARTS_CHUNKS: &str = "SELECT chunk, at, adapter, route, 0, count, entries \
    FROM chunk WHERE ident = $1 AND at >= 0 AND at >= $2 AND (at, chunk) <= ($3, $4) \
    AND ((at, chunk) < ($3, $4) OR $5 > 0) AND ($6::bigint IS NULL OR adapter = $6) \
    ORDER BY at DESC, chunk DESC LIMIT $7";
macro_rules! parts {
    ($from:literal, $and:literal) => {
        concat!(
            "SELECT c.chunk, c.at, c.adapter, c.route, s.first, s.count, c.entries FROM ",
            $from,
            " JOIN chunk c ON c.chunk = s.chunk WHERE ",
            $and,
            " AND c.at >= $2 AND (c.at, c.chunk, s.first) < ($3, $4, $5) \
             AND ($6::bigint IS NULL OR c.adapter = $6) \
             ORDER BY c.at DESC, c.chunk DESC, s.first DESC LIMIT $7"
        )
    };
}
pub(crate) const PARTS_STAGED: &str = parts!("stretch s", "s.ident = $1 AND s.envelope IS NULL");
pub(crate) const PARTS_FLYING: &str = parts!(
    "envelope e JOIN stretch s ON s.envelope = e.envelope",
    "e.ident = $1 AND e.state < 6 AND e.state <> 5 AND e.records = 1"
);
pub(crate) const PARTS_DEAD: &str = parts!(
    "envelope e JOIN stretch s ON s.envelope = e.envelope",
    "e.ident = $1 AND e.state = 5 AND e.records = 1 AND e.numbered_at >= 0"
);
pub(crate) const ONES_WAITING: &str = "SELECT c.chunk, c.at, c.adapter, w.root, w.kind, w.part, \
    w.version, w.idx FROM waiting w JOIN chunk c ON c.chunk = w.chunk WHERE w.ident = $1 \
    AND c.at >= $2 AND (c.at, c.chunk, w.idx) < ($3, $4, $5) AND ($6::bigint IS NULL OR c.adapter = $6) \
    ORDER BY c.at DESC, c.chunk DESC, w.idx DESC LIMIT $7";
macro_rules! problems {
    ($and:literal) => {
        concat!(
            "SELECT problem, at, adapter, root, kind, part, version, 0 FROM problem \
             WHERE ident = $1 AND at >= 0 AND at >= $2 AND (at, problem) <= ($3, $4) \
             AND (at, problem, 0) < ($3, $4, $5) \
             AND ($6::bigint IS NULL OR coalesce(adapter, -1) = $6) AND ",
            $and,
            " AND root IS NOT NULL AND kind IS NOT NULL AND version IS NOT NULL \
             ORDER BY at DESC, problem DESC LIMIT $7"
        )
    };
}
pub(crate) const ONES_OF_CLASS: &str = problems!("class = $8");
pub(crate) const ONES_WITHDRAWN: &str = problems!("state = 'voided'");
/// Several records by their keys, each with its place in the list, those that are where they are
/// looked for.
pub(crate) const RECORDS_AT: &str = concat!(
    "SELECT ",
    super::place!(),
    ", e.epoch, e.route, e.sequence, s.position + r.idx - s.first, u.nth FROM unnest($2::text[], \
     $3::bigint[], $4::text[], $5::bigint[], $6::bigint[], $7::bigint[]) WITH ORDINALITY \
     u(root, kind, part, version, chunk, idx, nth) \
     CROSS JOIN LATERAL (SELECT * FROM record x WHERE x.ident = $1 AND x.root = u.root \
     AND x.kind = u.kind AND x.part = u.part AND x.version = u.version OFFSET 0) r \
     LEFT JOIN LATERAL (SELECT t.envelope, t.first, t.position FROM stretch t \
     WHERE t.chunk = r.chunk AND t.first <= r.idx ORDER BY t.first DESC LIMIT 1) s ON true \
     LEFT JOIN LATERAL (SELECT x.state, x.epoch, x.route, x.sequence FROM envelope x \
     WHERE x.envelope = s.envelope OFFSET 0) e ON true \
     WHERE u.chunk IS NULL OR (r.chunk = u.chunk AND r.idx = u.idx)"
);

/// Adapters of a case: of its records in chunks, and of those that are problems only.
pub(crate) const CASE_ADAPTERS: &str = "SELECT c.adapter FROM record r JOIN chunk c \
    ON c.chunk = r.chunk WHERE r.ident = $1 AND r.root >= $2 AND r.root < $3 \
    UNION SELECT adapter FROM problem WHERE ident = $1 AND root IS NOT NULL AND root >= $2 \
    AND root < $3 AND adapter IS NOT NULL";
