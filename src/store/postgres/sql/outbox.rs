//! Statements of seal, dispatch and settle, and the sums all of them move.

pub(crate) const TALLY_PUT: &str = "INSERT INTO tally AS t (ident, side, day, peer, route, epoch, kind, p0, p1, p2, p3, p4, \
    p5, p6, p7, p8, p9, s0, s1, s2, s3, first_sequence, last_sequence) SELECT $1, $2, m[i * \
    21 + 1], m[i * 21 + 2], m[i * 21 + 3], m[i * 21 + 4], m[i * 21 + 5], m[i * 21 + 6], m[i \
    * 21 + 7], m[i * 21 + 8], m[i * 21 + 9], m[i * 21 + 10], m[i * 21 + 11], m[i * 21 + 12], \
    m[i * 21 + 13], m[i * 21 + 14], m[i * 21 + 15], m[i * 21 + 16], m[i * 21 + 17], m[i * 21 \
    + 18], m[i * 21 + 19], m[i * 21 + 20], m[i * 21 + 21] FROM (SELECT $3::bigint[] AS m) a, \
    generate_series(0, cardinality(m) / 21 - 1) i ON CONFLICT (ident, side, day, peer, \
    route, epoch, kind) DO UPDATE SET p0 = t.p0 + excluded.p0, p1 = t.p1 + excluded.p1, p2 = \
    t.p2 + excluded.p2, p3 = t.p3 + excluded.p3, p4 = t.p4 + excluded.p4, p5 = t.p5 + \
    excluded.p5, p6 = t.p6 + excluded.p6, p7 = t.p7 + excluded.p7, p8 = t.p8 + excluded.p8, \
    p9 = t.p9 + excluded.p9, s0 = (t.s0 + excluded.s0) & 4294967295, s1 = (t.s1 + \
    excluded.s1) & 4294967295, s2 = (t.s2 + excluded.s2) & 4294967295, s3 = (t.s3 + \
    excluded.s3) & 4294967295, first_sequence = CASE WHEN excluded.first_sequence = 0 THEN \
    t.first_sequence WHEN t.first_sequence = 0 THEN excluded.first_sequence ELSE \
    least(t.first_sequence, excluded.first_sequence) END, last_sequence = \
    greatest(t.last_sequence, excluded.last_sequence)";
pub(crate) const TALLIES: &str = "SELECT peer, kind, p0, p1, p2, p3, p4, p5, p6, p7, p8, p9, \
    s0, s1, s2, s3, first_sequence, last_sequence, route, epoch FROM tally \
    WHERE ident = $1 AND side = $2 AND day = $3 AND ($4::bigint IS NULL OR peer = $4)";

pub(crate) const STAGED_ROUTES: &str = "SELECT route, sum(count)::bigint, min(at) FROM stretch \
    WHERE ident = $1 AND envelope IS NULL GROUP BY route";
/// Ranges in line, with the size of their chunk's fragments.
pub(crate) const STAGED: &str = "SELECT s.range, s.chunk, s.first, s.count, s.orphan, s.at, c.day, \
    c.adapter, s.ord, c.size FROM (SELECT * FROM stretch WHERE ident = $1 AND route = $2 \
    AND envelope IS NULL AND (ord, first) > ($3, $4) ORDER BY ord, first LIMIT $5) s \
    CROSS JOIN LATERAL (SELECT x.day, x.adapter, octet_length(x.bytes) AS size FROM chunk x \
    WHERE x.chunk = s.chunk OFFSET 0) c ORDER BY s.ord, s.first";
pub(crate) const CHUNKS: &str = "SELECT c.chunk, c.entries, c.bytes FROM unnest($1::bigint[]) \
    j(chunk) CROSS JOIN LATERAL (SELECT x.* FROM chunk x WHERE x.chunk = j.chunk OFFSET 0) c";
/// Takes the whole of each range, if that is what is left of it.
pub(crate) const STRETCHES_WHOLE: &str = "UPDATE stretch s SET envelope = u.envelope, \
    position = u.position FROM unnest($2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[]) \
    u(range, count, envelope, position) WHERE s.range = u.range \
    AND s.ident + 0 = $1 AND s.count = u.count AND coalesce(s.envelope, 0) = 0 \
    RETURNING s.range, (SELECT c.epoch FROM chunk c WHERE c.chunk = s.chunk)";
/// Takes the first part of a range; the rest keeps its place in line. Gives the epoch it was
/// collected in.
pub(crate) const STRETCH_SPLIT: &str = "WITH taken AS (UPDATE stretch s SET envelope = $3, \
    position = $4, count = $5 FROM (SELECT * FROM stretch WHERE range = $1 AND ident + 0 = $2 \
    AND coalesce(envelope, 0) = 0 AND count > $5 AND $5 > 0) o WHERE s.range = o.range \
    RETURNING o.route, o.ord, o.chunk, o.first, o.count, o.orphan, o.at), \
    rest AS (INSERT INTO stretch (range, ident, route, ord, chunk, first, count, orphan, at) \
    SELECT nextval('line'), $2, route, ord, chunk, first + $5, count - $5, orphan, at FROM taken) \
    SELECT (SELECT c.epoch FROM chunk c WHERE c.chunk = t.chunk) FROM taken t";
/// The parts of an envelope, in order.
pub(crate) const STRETCHES_OF: &str = "SELECT s.chunk, s.first, s.count, c.entries, c.adapter, \
    c.epoch FROM stretch s CROSS JOIN LATERAL (SELECT x.* FROM chunk x WHERE x.chunk = s.chunk \
    OFFSET 0) c WHERE s.envelope = $1 ORDER BY s.position";
pub(crate) const FRAGMENTS_OF: &str = "SELECT s.first, s.count, c.entries, c.bytes FROM stretch s \
    CROSS JOIN LATERAL (SELECT x.* FROM chunk x WHERE x.chunk = s.chunk OFFSET 0) c \
    WHERE s.envelope = $1 ORDER BY s.position";

pub(crate) const CONTROLS_ADD: &str = "INSERT INTO control (ident, kind, dest, day, detail, body, \
    lengths, answers_sender, answers_epoch, answers_route, answers_sequence) SELECT $1, u.* \
    FROM unnest($2::bigint[], $3::bigint[], $4::bigint[], $5::text[], $6::bytea[], $7::bytea[], \
    $8::bigint[], $9::bigint[], $10::bigint[], $11::bigint[]) u";
pub(crate) const CONTROL_DESTS: &str =
    "SELECT DISTINCT dest FROM control WHERE ident = $1 AND envelope IS NULL";
pub(crate) const CONTROLS: &str = "SELECT control, kind, dest, day, detail, body, lengths, \
    answers_sender, answers_epoch, answers_route, answers_sequence FROM control \
    WHERE ident = $1 AND envelope IS NULL AND ($3::bigint[] IS NULL OR dest = ANY($3)) \
    ORDER BY control LIMIT $2";
/// Takes queued contents; a judged envelope's receipt is the envelope that takes it.
pub(crate) const CONTROLS_TAKE: &str = "WITH taken AS (UPDATE control c SET \
    envelope = u.envelope FROM unnest($2::bigint[], $3::bigint[]) u(control, envelope) \
    WHERE c.control = u.control AND c.ident + 0 = $1 AND coalesce(c.envelope, 0) = 0 \
    RETURNING c.control, c.day, c.lengths, c.answers_sender, c.answers_epoch, c.answers_route, \
    c.answers_sequence, c.envelope), \
    answers AS (UPDATE received r SET receipt = t.envelope FROM taken t WHERE r.ident = $1 \
    AND r.sender = t.answers_sender AND r.epoch = t.answers_epoch AND r.route = t.answers_route \
    AND r.sequence = t.answers_sequence) SELECT control, day, lengths FROM taken";
pub(crate) const CONTROL_BODY: &str = "SELECT body FROM control WHERE envelope = $1";

/// Epoch, the next sequence, the lowest that is open.
pub(crate) const COUNTERS: &str = "SELECT i.epoch, (SELECT c.next FROM counter c \
    WHERE c.ident = $1 AND c.route = $2 AND c.epoch = i.epoch), (SELECT e.sequence FROM envelope e \
    WHERE e.ident = $1 AND e.route = $2 AND e.epoch = i.epoch AND e.state < 6 \
    ORDER BY e.sequence LIMIT 1) FROM identity i WHERE i.ident = $1";
/// Moves counters on from where they must be; says how many were there.
pub(crate) const COUNTERS_MOVE: &str = "WITH u AS (SELECT * FROM unnest($3::bigint[], \
    $4::bigint[], $5::bigint[]) u(route, first, next)), \
    moved AS (UPDATE counter c SET next = u.next FROM u WHERE c.ident = $1 AND c.route = u.route \
    AND c.epoch = $2 AND c.next = u.first RETURNING 1), \
    made AS (INSERT INTO counter (ident, route, epoch, next) SELECT $1, u.route, $2, u.next FROM u \
    WHERE u.first = 1 AND NOT EXISTS (SELECT 1 FROM counter c WHERE c.ident = $1 \
    AND c.route = u.route AND c.epoch = $2) RETURNING 1) \
    SELECT (SELECT count(*) FROM moved) + (SELECT count(*) FROM made)";
pub(crate) const ENVELOPES_ADD: &str = "INSERT INTO envelope (envelope, ident, route, epoch, \
    sequence, kind, records, lane, link, state, day, count, kinds, head_digest, root, attempts, \
    refusals, numbered_at, head) SELECT u.envelope, $1, u.route, $2, u.sequence, u.kind, \
    u.records, u.lane, u.link, 0, u.day, u.count, u.kinds, u.digest, u.root, 0, 0, $3, u.head \
    FROM unnest($4::bigint[], $5::bigint[], $6::bigint[], $7::bigint[], $8::bigint[], \
    $9::bigint[], $10::bigint[], $11::bigint[], $12::bigint[], $13::bytea[], $14::bytea[], \
    $15::bytea[], $16::bytea[]) u(envelope, route, sequence, kind, records, lane, link, day, \
    count, kinds, digest, root, head)";
pub(crate) const NUMBERED_ROUTES: &str = "SELECT DISTINCT route FROM (SELECT route FROM envelope \
    WHERE ident = $1 AND state = 0 ORDER BY ident, envelope OFFSET 0) e";
pub(crate) const NUMBERED: &str = "SELECT envelope, records, head, epoch, route, sequence \
    FROM envelope WHERE ident = $1 AND state = 0 AND ($3::bigint[] IS NULL OR route = ANY($3)) \
    ORDER BY envelope LIMIT $2";
/// Frames of numbered envelopes; what is left over goes: the head, a control content, the
/// fragments of chunks that are sealed to the last record. Says how many were numbered.
pub(crate) const ENVELOPES_SEALED: &str = "WITH stored AS (INSERT INTO blob (blob, bytes) \
    SELECT * FROM unnest($6::bigint[], $7::bytea[])), \
    e AS (UPDATE envelope e SET state = 1, due_at = $2, frame = u.frame, head = NULL, \
    head_digest = coalesce(u.digest, e.head_digest) \
    FROM (SELECT f.frame, f.digest, x.at FROM unnest($3::bigint[], $4::bigint[], $5::bigint[], \
    $6::bigint[], $8::bytea[]) f(route, epoch, sequence, frame, digest) CROSS JOIN LATERAL (SELECT y.ctid AS at \
    FROM envelope y WHERE y.ident = $1 AND y.route = f.route AND y.epoch = f.epoch \
    AND y.sequence = f.sequence AND y.state + 0 = 0 OFFSET 0) x) u WHERE e.ctid = u.at \
    RETURNING e.envelope, e.records), \
    gone AS (DELETE FROM control c USING e WHERE c.envelope = e.envelope AND e.records = 0), \
    s AS (SELECT t.chunk, sum(t.count) AS n FROM e CROSS JOIN LATERAL (SELECT x.chunk, x.count \
    FROM stretch x WHERE x.envelope = e.envelope OFFSET 0) t WHERE e.records = 1 GROUP BY t.chunk), \
    shrunk AS (UPDATE chunk c SET unsealed = c.unsealed - s.n, \
    bytes = CASE WHEN c.unsealed = s.n THEN NULL ELSE c.bytes END FROM s WHERE c.chunk = s.chunk) \
    SELECT count(*) FROM e";

/// An own envelope, for the workers. The first columns are what a change of state needs.
macro_rules! own {
    ($rest:literal) => {
        concat!(
            "SELECT e.envelope, e.state, e.records, e.lane, e.link, e.day, e.route, e.count, \
             e.kinds, e.epoch, e.sequence, e.kind, e.head_digest, e.root, e.attempts, e.refusals, \
             e.numbered_at, e.sent_at, e.due_at, e.reason, e.hop, e.frame, e.receipt ",
            $rest
        )
    };
}
pub(crate) const ENVELOPE: &str = own!(
    "FROM envelope e WHERE e.ident = $1 AND e.route = $2 AND e.epoch = $3 AND e.sequence = $4"
);
/// Several by their ids; the last column is the place in the list.
pub(crate) const ENVELOPES: &str = own!(
    ", u.nth FROM unnest($2::bigint[], $3::bigint[], $4::bigint[]) WITH ORDINALITY \
     u(route, epoch, sequence, nth) CROSS JOIN LATERAL (SELECT * FROM envelope x \
     WHERE x.ident = $1 AND x.route = u.route AND x.epoch = u.epoch \
     AND x.sequence = u.sequence OFFSET 0) e"
);
pub(crate) const OUTBOUND_RANGE: &str = own!(
    "FROM envelope e WHERE e.ident = $1 AND e.route = $2 AND e.epoch = (SELECT i.epoch \
     FROM identity i WHERE i.ident = $1) AND e.sequence BETWEEN $3 AND $4 \
     ORDER BY e.sequence LIMIT $5"
);
pub(crate) const SETTLED_TO: &str = own!(
    "FROM envelope e WHERE e.ident = $1 AND e.records = 1 AND e.state = 6 AND e.envelope > $2 \
     AND e.route = ANY($3) ORDER BY e.envelope LIMIT $4"
);
pub(crate) const OVERDUE: &str = own!(
    "FROM envelope e WHERE e.ident = $1 AND e.state IN (2, 4) AND e.records = 1 \
     AND e.due_at <= $2 ORDER BY e.due_at, e.envelope LIMIT $3"
);
pub(crate) const ENVELOPES_MOVE: &str = "UPDATE envelope e SET state = u.state, \
    due_at = u.due_at, reason = u.reason, ended_at = u.ended_at, \
    sent_at = coalesce(u.sent_at, e.sent_at), attempts = greatest(0, e.attempts + u.attempts), \
    refusals = CASE WHEN u.refusals < 0 THEN 0 ELSE e.refusals + u.refusals END, \
    receipt = coalesce(u.receipt, e.receipt) FROM unnest($1::bigint[], $2::bigint[], \
    $3::bigint[], $4::text[], $5::bigint[], $6::bigint[], $7::bigint[], $8::bigint[], \
    $9::bigint[]) u(envelope, state, due_at, reason, ended_at, sent_at, attempts, refusals, \
    receipt) WHERE e.envelope = u.envelope";
pub(crate) const ENVELOPES_TRIED: &str =
    "UPDATE envelope SET attempts = attempts + 1 WHERE envelope = ANY($1)";
pub(crate) const ENVELOPE_AGAIN: &str = "UPDATE envelope SET state = 1, due_at = $2, \
    ended_at = NULL WHERE envelope = $1 AND state <> 0";

pub(crate) const LINK_PAUSE: &str = "INSERT INTO link (ident, link, paused, accepted, rejected) \
    VALUES ($1, $2, $3, 0, 0) ON CONFLICT (ident, link) DO UPDATE SET paused = excluded.paused";
/// Reasons of the last attempts, where they are news.
pub(crate) const LINK_REASONS: &str = "INSERT INTO link AS l (ident, link, reason, accepted, \
    rejected) SELECT $1, u.link, u.reason, 0, 0 FROM unnest($2::bigint[], $3::text[]) \
    u(link, reason) ON CONFLICT (ident, link) DO UPDATE SET reason = excluded.reason \
    WHERE l.reason IS DISTINCT FROM excluded.reason";
pub(crate) const LINK_RECEIPT: &str = "INSERT INTO link AS l (ident, link, accepted, rejected, \
    last_receipt) VALUES ($1, $2, $3, $4, $5) ON CONFLICT (ident, link) DO UPDATE SET \
    accepted = l.accepted + excluded.accepted, rejected = l.rejected + excluded.rejected, \
    last_receipt = excluded.last_receipt";
/// Own parcels and relayed ones in turn, each the oldest first, up to a number and a size; none while the link
/// is paused. The last column: something committed is not on the disk yet.
pub(crate) const DUE: &str = "SELECT d.own, $5, d.epoch, d.route, d.sequence, d.kind, d.count, \
    d.attempts, d.due, d.records, f.bytes, \
    pg_current_wal_insert_lsn() > pg_current_wal_flush_lsn(), d.sender FROM \
    (SELECT q.*, row_number() OVER w AS nth, sum(q.size) OVER w AS total FROM \
    (SELECT z.*, row_number() OVER (PARTITION BY z.own ORDER BY z.due, z.number) AS turn FROM \
    (SELECT * FROM (SELECT 1 AS own, $5::bigint AS sender, e.epoch, e.route, e.sequence, e.kind, \
    e.count::bigint, e.attempts, e.due_at AS due, e.frame, octet_length(b.bytes) AS size, \
    e.records, e.envelope AS number FROM envelope e JOIN blob b ON b.blob = e.frame \
    WHERE e.ident = $1 AND e.link = $2 AND e.lane = $3 AND e.state IN (1, 3) AND e.due_at <= $4 \
    ORDER BY e.due_at, e.envelope LIMIT $6) o UNION ALL \
    SELECT * FROM (SELECT 0, r.sender::bigint, r.epoch, r.route, r.sequence, r.kind, r.count, \
    r.attempts, r.due_at, r.frame, octet_length(b.bytes), r.records, r.relay FROM relay r \
    JOIN blob b ON b.blob = r.frame WHERE r.ident = $1 AND r.link = $2 AND r.lane = $3 \
    AND r.state = 0 AND r.due_at <= $4 ORDER BY r.due_at, r.relay LIMIT $6) p) z) q \
    WINDOW w AS (ORDER BY q.turn, q.due, q.own DESC, q.number)) d \
    CROSS JOIN LATERAL (SELECT x.bytes FROM blob x WHERE x.blob = d.frame OFFSET 0) f \
    WHERE (d.nth = 1 OR (d.nth <= $6 AND d.total <= $7)) AND NOT EXISTS (SELECT 1 FROM link l \
    WHERE l.ident = $1 AND l.link = $2 AND l.paused IS NOT NULL) ORDER BY d.nth";
pub(crate) const ATTEMPTS_ADD: &str = "INSERT INTO attempt (ident, own, envelope, nth, at, event, \
    reason, due_at) SELECT $1, u.own, u.envelope, u.nth, $2, u.event, u.reason, u.due \
    FROM unnest($3::bigint[], $4::bigint[], $5::bigint[], $6::text[], $7::text[], $8::bigint[]) \
    u(own, envelope, nth, event, reason, due)";
/// Relay rows by their envelopes' ids; the last column is the place in the list.
pub(crate) const RELAYS: &str = "SELECT r.relay, r.link, r.state, r.records, r.frame, \
    r.attempts, r.done_at, u.nth FROM unnest($2::bigint[], $3::bigint[], $4::bigint[], \
    $5::bigint[]) WITH ORDINALITY u(sender, epoch, route, sequence, nth) CROSS JOIN LATERAL \
    (SELECT * FROM relay x WHERE x.ident = $1 AND x.sender = u.sender AND x.epoch = u.epoch \
    AND x.route = u.route AND x.sequence = u.sequence OFFSET 0) r";
/// Attempts on relayed parcels: state and times; a frame that is done with goes.
pub(crate) const RELAYS_TRIED: &str = "WITH u AS (SELECT * FROM unnest($1::bigint[], \
    $2::bigint[], $3::bigint[], $4::bigint[], $5::text[], $6::bigint[], $7::bigint[]) \
    u(relay, state, due_at, done_at, reason, frame, gone)), \
    dropped AS (DELETE FROM blob b USING u WHERE b.blob = u.gone) \
    UPDATE relay r SET attempts = r.attempts + 1, state = u.state, due_at = u.due_at, \
    done_at = u.done_at, reason = u.reason, frame = u.frame FROM u WHERE r.relay = u.relay";
/// Places of records, all of one envelope.
pub(crate) const RECORDS_PLACE: &str = "UPDATE record r SET place = u.place \
    FROM unnest($2::text[], $3::bigint[], $4::text[], $5::bigint[], $6::bigint[]) \
    u(root, kind, part, version, place) WHERE r.ident = $1 AND r.root = u.root \
    AND r.kind = u.kind AND r.part = u.part AND r.version = u.version";
/// Records that go up again wait at a new place.
pub(crate) const RECORDS_AGAIN: &str = "WITH u AS (SELECT * FROM unnest($2::text[], \
    $3::bigint[], $4::text[], $5::bigint[], $6::bigint[]) u(root, kind, part, version, idx)), \
    noted AS (INSERT INTO again (ident, root, kind, part, version, envelope) \
    SELECT $1, u.root, u.kind, u.part, u.version, $8 FROM u) \
    UPDATE record r SET place = 1, chunk = $7, idx = u.idx FROM u WHERE r.ident = $1 \
    AND r.root = u.root AND r.kind = u.kind AND r.part = u.part AND r.version = u.version";
/// `state < 6` names the index.
pub(crate) const ROUTE_DEFER: &str = "UPDATE envelope SET due_at = $3, \
    reason = CASE WHEN state IN (1, 3) THEN $4 ELSE reason END WHERE ident = $1 AND route = $2 \
    AND state < 6 AND state BETWEEN 1 AND 4 AND records = 1 AND due_at < $3";
