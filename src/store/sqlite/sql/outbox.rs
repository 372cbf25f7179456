//! Statements of seal, dispatch and settle.

pub(crate) const STAGED_ROUTES: &str = "SELECT route, sum(count), min(at) FROM stretch \
    WHERE ident = ?1 AND envelope IS NULL GROUP BY route";
pub(crate) const STAGED: &str = "SELECT s.range, s.chunk, s.first, s.count, s.orphan, s.at, c.day, \
    c.adapter, s.ord, c.entries, c.bytes FROM stretch s JOIN chunk c ON c.chunk = s.chunk \
    WHERE s.ident = ?1 AND s.route = ?2 AND s.envelope IS NULL AND (s.ord, s.first) > (?3, ?4) \
    ORDER BY s.ord, s.first LIMIT +?5";
/// Takes the whole of a range, if that is what is left of it.
pub(crate) const STRETCH_WHOLE: &str = "UPDATE stretch SET envelope = ?4, position = ?5 \
    WHERE range = ?1 AND ident = ?2 AND count = ?3 AND envelope IS NULL \
    RETURNING (SELECT epoch FROM chunk WHERE chunk.chunk = stretch.chunk)";
pub(crate) const STRETCH: &str = "SELECT s.route, s.ord, s.chunk, s.first, s.count, s.orphan, s.at, \
    c.epoch FROM stretch s JOIN chunk c ON c.chunk = s.chunk \
    WHERE s.range = ?1 AND s.ident = ?2 AND s.envelope IS NULL";
pub(crate) const STRETCH_TAKE: &str =
    "UPDATE stretch SET envelope = ?2, position = ?3, count = ?4 WHERE range = ?1";
pub(crate) const STRETCH_REST: &str = "INSERT INTO stretch (range, ident, route, ord, chunk, \
    first, count, orphan, at) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)";
pub(crate) const STRETCHES_OF: &str = "SELECT s.chunk, s.first, s.count, c.entries, c.bytes, \
    c.adapter, c.epoch FROM stretch s JOIN chunk c ON c.chunk = s.chunk WHERE s.envelope = ?1 \
    ORDER BY s.position";

pub(crate) const CONTROL_ADD: &str = "INSERT INTO control (ident, kind, dest, day, detail, body, \
    lengths, answers_sender, answers_epoch, answers_route, answers_sequence) \
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)";
pub(crate) const CONTROLS: &str = "SELECT control, kind, dest, day, detail, body, lengths, \
    answers_sender, answers_epoch, answers_route, answers_sequence FROM control \
    WHERE ident = ?1 AND envelope IS NULL ORDER BY control LIMIT +?2";
pub(crate) const CONTROL_TAKE: &str = "UPDATE control SET envelope = ?3 \
    WHERE control = ?2 AND ident = ?1 AND envelope IS NULL RETURNING day, lengths, \
    answers_sender, answers_epoch, answers_route, answers_sequence";
pub(crate) const CONTROL_BODY: &str = "SELECT body FROM control WHERE envelope = ?1";
pub(crate) const RECEIPT_NUMBERED: &str = "UPDATE received SET receipt = ?6 WHERE ident = ?1 \
    AND sender = ?2 AND epoch = ?3 AND route = ?4 AND sequence = ?5";

pub(crate) const COUNTER: &str =
    "SELECT next FROM counter WHERE ident = ?1 AND route = ?2 AND epoch = ?3";
/// Moves a counter on from where it must be; changes nothing if it is elsewhere.
pub(crate) const COUNTER_MOVE: &str = "INSERT INTO counter (ident, route, epoch, next) \
    SELECT ?1, ?2, ?3, ?5 WHERE ?4 = 1 OR EXISTS (SELECT 1 FROM counter WHERE ident = ?1 \
    AND route = ?2 AND epoch = ?3) ON CONFLICT DO UPDATE SET next = excluded.next \
    WHERE next = ?4";
pub(crate) const FIRST_OPEN: &str = "SELECT min(sequence) FROM envelope WHERE ident = ?1 \
    AND route = ?2 AND epoch = ?3 AND state < 6";
pub(crate) const ENVELOPE_ADD: &str = "INSERT INTO blob (blob, bytes) VALUES (?16, ?17); \
    INSERT INTO envelope (envelope, ident, route, epoch, \
    sequence, kind, records, lane, link, state, day, count, kinds, head_digest, root, attempts, \
    refusals, numbered_at, head) VALUES \
    (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, 0, ?10, ?11, ?12, ?13, ?14, 0, 0, ?15, ?16)";
pub(crate) const NUMBERED: &str = "SELECT envelope, records, head, epoch, route, sequence \
    FROM envelope WHERE ident = ?1 AND state = 0 ORDER BY envelope LIMIT +?2";
pub(crate) const ENVELOPE_SEALED: &str = "UPDATE envelope SET state = 1, due_at = ?5, frame = ?6, \
    head_digest = coalesce(?7, head_digest) \
    WHERE ident = ?1 AND route = ?2 AND epoch = ?3 AND sequence = ?4 AND state = 0 \
    RETURNING envelope, records";
/// What is left over once the frame is there: the head, a control content, the fragments of
/// chunks that are sealed to the last record.
pub(crate) const CONTROL_SEALED: &str = "INSERT INTO blob (blob, bytes) VALUES (?2, ?3); \
    DELETE FROM blob WHERE blob = (SELECT head FROM envelope WHERE envelope = ?1); \
    UPDATE envelope SET head = NULL WHERE envelope = ?1; \
    DELETE FROM control WHERE envelope = ?1";
pub(crate) const RECORDS_SEALED: &str = "INSERT INTO blob (blob, bytes) VALUES (?2, ?3); \
    DELETE FROM blob WHERE blob = (SELECT head FROM envelope WHERE envelope = ?1); \
    UPDATE envelope SET head = NULL WHERE envelope = ?1; \
    UPDATE chunk SET left = left - s.n FROM (SELECT chunk, sum(count) AS n FROM stretch \
    WHERE envelope = ?1 GROUP BY chunk) s WHERE chunk.chunk = s.chunk; \
    DELETE FROM blob WHERE blob IN (SELECT c.bytes FROM stretch s JOIN chunk c \
    ON c.chunk = s.chunk WHERE s.envelope = ?1 AND c.left = 0); \
    UPDATE chunk SET bytes = NULL WHERE left = 0 AND chunk IN \
    (SELECT chunk FROM stretch WHERE envelope = ?1)";

/// An own envelope, for the workers. The first columns are what a change of state needs.
macro_rules! own {
    ($rest:literal) => {
        concat!(
            "SELECT envelope, state, records, lane, link, day, route, count, kinds, head, frame, \
             receipt, epoch, sequence, kind, head_digest, root, attempts, refusals, numbered_at, \
             sent_at, due_at, reason, hop FROM envelope WHERE ident = ?1 ",
            $rest
        )
    };
}
pub(crate) const ENVELOPE: &str = own!("AND route = ?2 AND epoch = ?3 AND sequence = ?4");
pub(crate) const OUTBOUND_RANGE: &str = own!(
    "AND route = ?2 AND epoch = ?3 AND sequence BETWEEN ?4 AND ?5 ORDER BY sequence LIMIT +?6"
);
pub(crate) const SETTLED_TO: &str = own!(
    "AND records = 1 AND state = 6 AND envelope > ?2 \
     AND route IN (SELECT value FROM json_each(?3)) ORDER BY envelope LIMIT +?4"
);
pub(crate) const OVERDUE: &str = own!(
    "AND state IN (2, 4) AND records = 1 AND due_at <= ?2 ORDER BY due_at, envelope LIMIT +?3"
);
pub(crate) const ENVELOPE_MOVE: &str = "UPDATE envelope SET state = ?2, due_at = ?3, reason = ?4, \
    ended_at = ?5, sent_at = coalesce(?6, sent_at), attempts = max(0, attempts + ?7), \
    refusals = CASE WHEN ?8 < 0 THEN 0 ELSE refusals + ?8 END, receipt = coalesce(?9, receipt) \
    WHERE envelope = ?1";
pub(crate) const ENVELOPE_TRIED: &str =
    "UPDATE envelope SET attempts = attempts + 1 WHERE envelope = ?1";
pub(crate) const ENVELOPE_HOP: &str =
    "UPDATE envelope SET hop = ?2, hop_at = ?3 WHERE envelope = ?1";
pub(crate) const ENVELOPE_AGAIN: &str = "UPDATE envelope SET state = 1, due_at = ?2, \
    ended_at = NULL WHERE envelope = ?1 AND state <> 0";

/// `state < 6` names the index.
pub(crate) const ROUTE_DEFER: &str = "UPDATE envelope SET due_at = ?3, \
    reason = CASE WHEN state IN (1, 3) THEN ?4 ELSE reason END WHERE ident = ?1 AND route = ?2 \
    AND state < 6 AND state BETWEEN 1 AND 4 AND records = 1 AND due_at < ?3";

pub(crate) const LINK_PAUSE: &str = "INSERT INTO link (ident, link, paused, accepted, rejected) \
    VALUES (?1, ?2, ?3, 0, 0) ON CONFLICT DO UPDATE SET paused = excluded.paused";
pub(crate) const LINK_REASON: &str = "INSERT INTO link (ident, link, reason, accepted, rejected) \
    VALUES (?1, ?2, ?3, 0, 0) ON CONFLICT DO UPDATE SET reason = excluded.reason";
pub(crate) const LINK_RECEIPT: &str = "INSERT INTO link (ident, link, accepted, rejected, \
    last_receipt) VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT DO UPDATE SET \
    accepted = accepted + excluded.accepted, rejected = rejected + excluded.rejected, \
    last_receipt = excluded.last_receipt";
/// Own parcels and relayed ones, the oldest first; none while the link is paused.
pub(crate) const DUE: &str = "SELECT * FROM (SELECT * FROM (SELECT 1, ?5, e.epoch, e.route, \
    e.sequence, e.kind, e.count, e.attempts, e.due_at AS due, e.frame, length(b.bytes), e.records \
    FROM envelope e JOIN blob b ON b.blob = e.frame WHERE e.ident = ?1 AND e.link = ?2 \
    AND e.lane = ?3 AND e.state IN (1, 3) AND e.due_at <= ?4 ORDER BY e.due_at, e.envelope \
    LIMIT +?6) UNION ALL SELECT * FROM (SELECT 0, r.sender, r.epoch, r.route, r.sequence, \
    r.kind, r.count, r.attempts, r.due_at AS due, r.frame, length(b.bytes), r.records \
    FROM relay r JOIN blob b ON b.blob = r.frame WHERE r.ident = ?1 AND r.link = ?2 \
    AND r.lane = ?3 AND r.state = 0 AND r.due_at <= ?4 ORDER BY r.due_at, r.relay LIMIT +?6)) \
    WHERE NOT EXISTS (SELECT 1 FROM link WHERE ident = ?1 AND link = ?2 AND paused IS NOT NULL)";
pub(crate) const ATTEMPT_HEAD: &str =
    "INSERT INTO attempt (ident, own, envelope, nth, at, event, reason, due_at)";
pub(crate) const ATTEMPT_ROW: &str = "(?, ?, ?, ?, ?, ?, ?, ?)";
pub(crate) const RELAY_TRIED: &str = "UPDATE relay SET attempts = attempts + 1, state = ?2, \
    due_at = ?3, done_at = ?4, reason = ?5, frame = ?6 WHERE relay = ?1";
