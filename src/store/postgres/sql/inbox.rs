//! Statements of receive, accept and relay.

/// Parcels as arrays; those that wait here already are left out, their bytes too.
pub(crate) const INBOX_ADD: &str = "WITH new AS (INSERT INTO inbox (ident, class, link, hop, \
    sender, epoch, route, sequence, kind, dest, parcel, tries, at, frame, slot) \
    SELECT $1, v.class, v.link, v.hop, v.sender, v.epoch, v.route, v.sequence, v.kind, v.dest, \
    v.parcel, 0, $2, v.frame, v.slot FROM unnest($3::smallint[], $4::text[], $5::text[], \
    $6::text[], $7::bigint[], $8::text[], $9::bigint[], $10::text[], $11::text[], $12::bytea[], \
    $13::bigint[], $14::smallint[]) v (class, link, hop, sender, epoch, route, sequence, kind, \
    dest, parcel, frame, slot) ON CONFLICT (ident, parcel) DO NOTHING RETURNING frame) \
    INSERT INTO blob (blob, bytes) SELECT b.frame, b.bytes \
    FROM unnest($13::bigint[], $15::bytea[]) b (frame, bytes) \
    WHERE b.frame IN (SELECT frame FROM new)";
/// The first of each sender, then the second of each, and so on; those of the bulk lane (the second
/// class) behind all others and no more of them than their share. Senders are found by skipping
/// through the index, so that a long backlog of one of them costs nothing. A transaction by itself:
/// the lease is looked at, `tries` goes up. The first column says whether the lease is good.
pub(crate) const INBOX_CLAIM: &str = "WITH RECURSIVE good AS (SELECT NOT EXISTS (SELECT 1 \
    FROM unnest($7::text[], $8::bigint[]) w (name, token) WHERE NOT EXISTS (SELECT 1 FROM lease l \
    WHERE l.ident = $1 AND l.name = w.name AND l.token = w.token)) AS ok \
    FROM (SELECT set_config('synchronous_commit', 'off', true)) s), \
    senders (class, sender) AS ( \
    SELECT c.class, (SELECT min(i.sender) FROM inbox i WHERE i.ident = $1 AND i.class = c.class) \
    FROM unnest($2::smallint[]) c (class) UNION ALL \
    SELECT s.class, (SELECT min(i.sender) FROM inbox i WHERE i.ident = $1 AND i.class = s.class \
    AND i.sender > s.sender) FROM senders s WHERE s.sender IS NOT NULL), \
    turns AS (SELECT s.class, f.inbox, f.turn FROM senders s CROSS JOIN LATERAL ( \
    SELECT x.inbox, row_number() OVER (ORDER BY x.inbox) AS turn FROM (SELECT i.inbox FROM inbox i \
    WHERE i.ident = $1 AND i.class = s.class AND i.sender = s.sender \
    AND ($3::bigint >> i.slot::int) & 1 = 1 ORDER BY i.inbox LIMIT $4) x) f \
    WHERE s.sender IS NOT NULL), \
    line AS (SELECT class, inbox, row_number() OVER (PARTITION BY class ORDER BY turn, inbox) \
    AS nth FROM turns), \
    chosen AS (SELECT class, inbox, nth FROM line WHERE class = $5 AND nth <= $4 UNION ALL \
    SELECT class, inbox, nth FROM line WHERE class <> $5 AND nth <= least($6::bigint, \
    $4 - (SELECT count(*) FROM line WHERE class = $5 AND nth <= $4))), \
    tried AS (UPDATE inbox i SET tries = i.tries + 1 FROM chosen c WHERE i.inbox = c.inbox \
    AND (SELECT ok FROM good) RETURNING c.class, c.nth, i.inbox, i.tries, i.at, i.link, i.hop, \
    i.sender, i.epoch, i.route, i.sequence, i.kind, i.dest, i.parcel, i.frame) \
    SELECT g.ok::int, t.inbox, t.tries, t.at, t.link, t.hop, t.sender, t.epoch, t.route, \
    t.sequence, t.kind, t.dest, t.parcel, (SELECT b.bytes FROM blob b WHERE b.blob = t.frame) \
    FROM good g LEFT JOIN tried t ON true ORDER BY t.class, t.nth";
pub(crate) const INBOX_DEPTHS: &str = "SELECT sender, count(*)::bigint FROM inbox \
    WHERE ident = $1 AND class < 6 GROUP BY sender ORDER BY sender";
pub(crate) const INBOX_TAKE: &str = "DELETE FROM inbox WHERE inbox = $2 \
    AND ident + 0 = $1 RETURNING \
    frame, link, sender, epoch, route, sequence, \
    (SELECT length(b.bytes)::bigint FROM blob b WHERE b.blob = frame), class";

pub(crate) const RECEIVED: &str = "SELECT r.received, r.head_digest, r.frame, r.receipt, \
    (SELECT e.state FROM envelope e WHERE e.envelope = r.receipt), \
    (SELECT e.frame FROM envelope e WHERE e.envelope = r.receipt) FROM received r \
    WHERE r.ident = $1 AND r.sender = $2 AND r.epoch = $3 AND r.route = $4 AND r.sequence = $5";
pub(crate) const RECEIVED_ADD: &str = "WITH counted AS (UPDATE identity SET kept = kept + $12, \
    judged = judged + 1 WHERE ident = $1) INSERT INTO received (ident, sender, epoch, route, \
    sequence, head_digest, state, day, count, kept, problems, frame, at) \
    VALUES ($1, $2, $3, $4, $5, $6, 0, $7, $8, $9, $10, $11, $13) RETURNING received";
pub(crate) const RECEIVED_IDS: &str = "SELECT r.received, r.sender, r.epoch, r.route, r.sequence \
    FROM unnest($1::bigint[]) j (n) CROSS JOIN LATERAL (SELECT x.received, x.sender, x.epoch, \
    x.route, x.sequence FROM received x WHERE x.received = j.n OFFSET 0) r";
pub(crate) const JUDGED_AFTER: &str = "SELECT r.received, r.sender, r.epoch, r.route, r.sequence, \
    r.count, r.kept, r.at, b.bytes FROM (SELECT * FROM received WHERE ident + 0 = $1 \
    AND received > $2 AND frame IS NOT NULL ORDER BY received LIMIT $3) r \
    CROSS JOIN LATERAL (SELECT x.bytes FROM blob x WHERE x.blob = r.frame OFFSET 0) b \
    ORDER BY r.received";
pub(crate) const HIGHEST_EPOCH: &str =
    "SELECT max(epoch) FROM sender_route WHERE ident = $1 AND sender = $2";
pub(crate) const KEPT_CASES: &str = "SELECT k.root, k.kind, k.part, k.version, k.digest, k.facts, \
    k.voided, k.received FROM unnest($2::text[]) j (root) CROSS JOIN LATERAL (SELECT x.root, \
    x.kind, x.part, x.version, x.digest, x.facts, x.voided, x.received FROM kept x \
    WHERE x.ident = $1 AND x.root = j.root OFFSET 0) k ORDER BY 1, 2, 3, 4";
pub(crate) const KEPT_COUNT: &str = "SELECT coalesce(sum(k.n), 0)::bigint \
    FROM unnest($2::text[]) j (root) CROSS JOIN LATERAL (SELECT count(*) AS n FROM kept x \
    WHERE x.ident = $1 AND x.root = j.root OFFSET 0) k";
pub(crate) const KEPT_ADD: &str = "INSERT INTO kept (ident, received, root, kind, part, version, \
    idx, voided, digest, facts) SELECT $1, $2, v.* FROM unnest($3::text[], $4::int[], $5::text[], \
    $6::bigint[], $7::int[], $8::smallint[], $9::bytea[], $10::text[]) v";

/// What was known before, while it is moved on.
pub(crate) const SENDER_ROUTE_PUT: &str = "WITH before AS (SELECT highest, settled_below \
    FROM sender_route WHERE ident = $1 AND sender = $2 AND epoch = $3 AND route = $4), \
    put AS (INSERT INTO sender_route AS s (ident, sender, epoch, route, highest, settled_below) \
    VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (ident, sender, epoch, route) DO UPDATE SET \
    highest = greatest(s.highest, excluded.highest), \
    settled_below = greatest(s.settled_below, excluded.settled_below)) \
    SELECT highest, settled_below FROM before";
pub(crate) const GAP_AT: &str = "SELECT first, last, since FROM gap WHERE ident = $1 \
    AND sender = $2 AND epoch = $3 AND route = $4 AND first <= $5 AND last >= $5";
pub(crate) const GAPS_WITHIN: &str = "SELECT first, last, since FROM gap WHERE ident = $1 \
    AND sender = $2 AND epoch = $3 AND route = $4 AND first <= $6 AND last >= $5";
pub(crate) const GAP_DROP: &str = "DELETE FROM gap WHERE ident = $1 AND sender = $2 \
    AND epoch = $3 AND route = $4 AND first = $5";
pub(crate) const GAP_ADD: &str = "INSERT INTO gap (ident, sender, epoch, route, first, last, since) \
    VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT DO NOTHING";
/// What ends below goes, what begins below is cut.
pub(crate) const GAPS_FINAL: &str = "WITH gone AS (DELETE FROM gap WHERE ident = $1 \
    AND sender = $2 AND epoch = $3 AND route = $4 AND last < $5) \
    UPDATE gap SET first = $5 WHERE ident = $1 AND sender = $2 AND epoch = $3 AND route = $4 \
    AND first < $5 AND last >= $5";
pub(crate) const GAPS: &str = "SELECT g.sender, g.epoch, g.route, g.first, g.last, g.since \
    FROM gap g WHERE g.ident = $1 AND g.since < $2 AND g.epoch = (SELECT max(s.epoch) \
    FROM sender_route s WHERE s.ident = $1 AND s.sender = g.sender) \
    ORDER BY g.sender, g.epoch, g.route, g.first LIMIT $3";

pub(crate) const RELAY: &str = "SELECT relay, head_digest, link, state, records, frame, attempts, \
    done_at, dest, at FROM relay WHERE ident = $1 AND sender = $2 AND epoch = $3 AND route = $4 \
    AND sequence = $5";
pub(crate) const RELAY_ADD: &str = "INSERT INTO relay (ident, sender, epoch, route, sequence, kind, \
    records, lane, dest, from_link, link, state, head_digest, count, verified, attempts, at, due_at, \
    frame) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, 0, $12, $13, $14, 0, $15, $15, $16)";
pub(crate) const RELAY_AGAIN: &str = "UPDATE relay SET state = 0, due_at = $2, done_at = NULL, \
    link = $3, frame = $4 WHERE relay = $1";
/// A relayed parcel, and one of our own, by their id.
pub(crate) const RELAY_HOP: &str = "UPDATE relay SET state = 2, due_at = NULL WHERE ident = $1 \
    AND sender = $2 AND epoch = $3 AND route = $4 AND sequence = $5 AND state <> 3";
pub(crate) const OWN_HOP: &str = "UPDATE envelope SET hop = $5, hop_at = $6 WHERE ident = $1 \
    AND epoch = $2 AND route = $3 AND sequence = $4";
pub(crate) const RELAY_DONE: &str = "UPDATE relay SET state = 3, due_at = NULL, \
    done_at = coalesce(done_at, $6) WHERE ident = $1 AND sender = $2 AND epoch = $3 \
    AND route = $4 AND sequence = $5";
pub(crate) const WATERMARK: &str = "SELECT mark FROM watermark WHERE ident = $1 AND sink = $2";
pub(crate) const WATERMARK_PUT: &str = "INSERT INTO watermark AS w (ident, sink, mark, at) \
    VALUES ($1, $2, $3, $4) ON CONFLICT (ident, sink) DO UPDATE SET mark = excluded.mark, \
    at = excluded.at WHERE excluded.mark > w.mark";
