//! Statements of receive, accept and relay.

/// A parcel, unless the same one waits there.
pub(crate) const INBOX_ADD: &str = "INSERT INTO inbox (ident, class, link, hop, sender, epoch, \
    route, sequence, kind, dest, parcel, tries, at, frame) \
    SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, 0, ?12, ?13 \
    WHERE NOT EXISTS (SELECT 1 FROM inbox WHERE ident = ?1 AND parcel = ?11); \
    INSERT INTO blob (blob, bytes) SELECT ?13, ?14 \
    WHERE EXISTS (SELECT 1 FROM inbox WHERE ident = ?1 AND parcel = ?11 AND frame = ?13)";
/// The first of each sender, then the second of each, and so on. Senders are found by skipping
/// through the index, so that a long backlog of one of them costs nothing.
pub(crate) const INBOX_CLAIM: &str = "WITH RECURSIVE senders (sender) AS ( \
    SELECT min(sender) FROM inbox WHERE ident = ?1 AND class = ?2 UNION ALL \
    SELECT (SELECT min(i.sender) FROM inbox i WHERE i.ident = ?1 AND i.class = ?2 \
    AND i.sender > s.sender) FROM senders s WHERE s.sender IS NOT NULL), \
    turns AS (SELECT i.inbox, row_number() OVER (PARTITION BY i.sender ORDER BY i.inbox) AS turn \
    FROM senders s JOIN inbox i ON i.inbox IN (SELECT f.inbox FROM inbox f WHERE f.ident = ?1 \
    AND f.class = ?2 AND f.sender = s.sender ORDER BY f.inbox LIMIT +?3)) \
    SELECT i.inbox, i.tries, i.at, i.link, i.hop, i.sender, i.epoch, i.route, i.sequence, i.kind, \
    i.dest, i.parcel, b.bytes FROM turns t JOIN inbox i ON i.inbox = t.inbox \
    JOIN blob b ON b.blob = i.frame ORDER BY t.turn, i.inbox LIMIT +?3";
pub(crate) const INBOX_SENDERS: &str =
    "SELECT DISTINCT sender FROM inbox WHERE ident = ?1 AND class = ?2";
/// The same for given senders.
pub(crate) const INBOX_CLAIM_OF: &str = "WITH turns AS (SELECT i.inbox, \
    row_number() OVER (PARTITION BY i.sender ORDER BY i.inbox) AS turn FROM inbox i \
    WHERE i.ident = ?1 AND i.class = ?2 AND i.sender IN (SELECT value FROM json_each(?3))) \
    SELECT i.inbox, i.tries, i.at, i.link, i.hop, i.sender, i.epoch, i.route, i.sequence, i.kind, \
    i.dest, i.parcel, b.bytes FROM turns t JOIN inbox i ON i.inbox = t.inbox \
    JOIN blob b ON b.blob = i.frame ORDER BY t.turn, i.inbox LIMIT +?4";
pub(crate) const INBOX_DEPTHS: &str = "SELECT sender, count(*) FROM inbox WHERE ident = ?1 AND class < 6 \
    GROUP BY sender ORDER BY sender";
/// Under its lease, a transaction by itself.
pub(crate) const INBOX_TRIED: &str = "UPDATE inbox SET tries = tries + 1 \
    WHERE inbox IN (SELECT value FROM json_each(?1)) AND EXISTS \
    (SELECT 1 FROM lease WHERE ident = ?2 AND name = ?3 AND token = ?4)";
pub(crate) const LEASE_GOOD: &str =
    "SELECT 1 FROM lease WHERE ident = ?1 AND name = ?2 AND token = ?3";
pub(crate) const INBOX_TAKE: &str = "DELETE FROM inbox WHERE inbox = ?2 AND ident = ?1 RETURNING frame, link, sender, epoch, route, \
    sequence, (SELECT length(bytes) FROM blob WHERE blob = frame), class";

pub(crate) const RECEIVED: &str = "SELECT r.received, r.head_digest, r.frame, r.receipt, e.state, \
    e.frame FROM received r LEFT JOIN envelope e ON e.envelope = r.receipt WHERE r.ident = ?1 \
    AND r.sender = ?2 AND r.epoch = ?3 AND r.route = ?4 AND r.sequence = ?5";
pub(crate) const RECEIVED_ADD: &str = "UPDATE identity SET kept = kept + ?14, judged = judged + 1 \
    WHERE ident = ?2; INSERT INTO received (received, ident, sender, epoch, \
    route, sequence, head_digest, state, day, count, kept, problems, frame, at) \
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, 0, ?8, ?9, ?10, ?11, ?12, ?13)";
pub(crate) const RECEIVED_IDS: &str = "SELECT r.received, r.sender, r.epoch, r.route, r.sequence \
    FROM json_each(?1) j CROSS JOIN received r ON r.received = j.value";
pub(crate) const JUDGED_AFTER: &str = "SELECT r.received, r.sender, r.epoch, r.route, r.sequence, \
    r.count, r.kept, r.at, b.bytes FROM received r JOIN blob b ON b.blob = r.frame \
    WHERE r.ident = ?1 AND r.received > ?2 ORDER BY r.received LIMIT +?3";
pub(crate) const HIGHEST_EPOCH: &str =
    "SELECT max(epoch) FROM sender_route WHERE ident = ?1 AND sender = ?2";
pub(crate) const KEPT_CASES: &str = "SELECT k.root, k.kind, k.part, k.version, k.digest, k.facts, \
    k.voided, k.received FROM json_each(?2) j CROSS JOIN kept k ON k.ident = ?1 AND k.root = j.value \
    ORDER BY k.root, k.kind, k.part, k.version";
pub(crate) const KEPT_COUNT: &str = "SELECT count(*) FROM json_each(?2) j CROSS JOIN kept k \
    ON k.ident = ?1 AND k.root = j.value";
pub(crate) const KEPT_HEAD: &str = "INSERT OR ROLLBACK INTO kept (ident, root, kind, part, version, received, \
    idx, voided, digest, facts)";
pub(crate) const KEPT_ROW: &str = "(?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";

pub(crate) const SENDER_ROUTE: &str = "SELECT highest, settled_below FROM sender_route \
    WHERE ident = ?1 AND sender = ?2 AND epoch = ?3 AND route = ?4";
pub(crate) const SENDER_ROUTE_PUT: &str = "INSERT INTO sender_route (ident, sender, epoch, route, \
    highest, settled_below) VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT DO UPDATE SET \
    highest = max(highest, excluded.highest), \
    settled_below = max(settled_below, excluded.settled_below)";
pub(crate) const GAP_AT: &str = "SELECT first, last, since FROM gap WHERE ident = ?1 \
    AND sender = ?2 AND epoch = ?3 AND route = ?4 AND first <= ?5 AND last >= ?5";
pub(crate) const GAPS_WITHIN: &str = "SELECT first, last, since FROM gap WHERE ident = ?1 \
    AND sender = ?2 AND epoch = ?3 AND route = ?4 AND first <= ?6 AND last >= ?5";
pub(crate) const GAP_DROP: &str = "DELETE FROM gap WHERE ident = ?1 AND sender = ?2 \
    AND epoch = ?3 AND route = ?4 AND first = ?5";
pub(crate) const GAP_ADD: &str = "INSERT INTO gap (ident, sender, epoch, route, first, last, since) \
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) ON CONFLICT DO NOTHING";
pub(crate) const GAPS_FINAL: &str = "DELETE FROM gap WHERE ident = ?1 AND sender = ?2 \
    AND epoch = ?3 AND route = ?4 AND last < ?5";
pub(crate) const GAPS_SHRINK: &str = "UPDATE gap SET first = ?5 WHERE ident = ?1 AND sender = ?2 \
    AND epoch = ?3 AND route = ?4 AND first < ?5 AND last >= ?5";
pub(crate) const GAPS: &str = "SELECT g.sender, g.epoch, g.route, g.first, g.last, g.since \
    FROM gap g WHERE g.ident = ?1 AND g.since < ?2 AND g.epoch = (SELECT max(s.epoch) \
    FROM sender_route s WHERE s.ident = ?1 AND s.sender = g.sender) \
    ORDER BY g.sender, g.epoch, g.route, g.first LIMIT +?3";

pub(crate) const RELAY: &str = "SELECT relay, head_digest, link, state, records, frame, attempts, \
    done_at, dest, at FROM relay WHERE ident = ?1 AND sender = ?2 AND epoch = ?3 AND route = ?4 \
    AND sequence = ?5";
pub(crate) const RELAY_ADD: &str = "INSERT INTO relay (ident, sender, epoch, route, sequence, kind, \
    records, lane, dest, from_link, link, state, head_digest, count, verified, attempts, at, due_at, \
    frame) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, 0, ?12, ?13, ?14, 0, ?15, ?15, ?16)";
pub(crate) const RELAY_AGAIN: &str = "UPDATE relay SET state = 0, due_at = ?2, done_at = NULL, \
    link = ?3, frame = ?4 WHERE relay = ?1";
pub(crate) const RELAY_HOP: &str =
    "UPDATE relay SET state = 2, due_at = NULL WHERE relay = ?1 AND state <> 3";
pub(crate) const RELAY_DONE: &str = "UPDATE relay SET state = 3, due_at = NULL, \
    done_at = coalesce(done_at, ?2) WHERE relay = ?1";

pub(crate) const WATERMARK: &str = "SELECT mark FROM watermark WHERE ident = ?1 AND sink = ?2";
pub(crate) const WATERMARK_PUT: &str = "INSERT INTO watermark (ident, sink, mark, at) \
    VALUES (?1, ?2, ?3, ?4) ON CONFLICT DO UPDATE SET mark = excluded.mark, at = excluded.at \
    WHERE excluded.mark > mark";
