//! Which columns go where, and back: the tables of both back ends have the same names.

use std::borrow::Cow;

/// A table.
pub(super) struct Table {
    /// Its name in both.
    pub(super) name: &'static str,
    /// Columns there.
    pub(super) columns: &'static str,
    /// What gives them here. Fragments, entries and heads stand in their rows there; a lease is
    /// nobody's any more, but its token goes on.
    pub(super) from: &'static str,
}

const fn table(name: &'static str, columns: &'static str, from: &'static str) -> Table {
    Table { name, columns, from }
}

impl Table {
    /// The way back: columns in the file, and the query that gives them there. Bytes that stand in a
    /// row there are numbered behind the last blob ([`BLOBS_BACK`]).
    pub(super) fn back(&self) -> (&'static str, Cow<'static, str>) {
        let (columns, from) = match self.name {
            "identity" => ("ident, code, epoch, last_now, kept, judged, ordinal", IDENTITY_BACK),
            "lease" => (self.columns, "SELECT ident, name, holder, token, 0 FROM lease"),
            "blob" => (self.columns, BLOBS_BACK),
            "chunk" => (
                "chunk, ident, route, epoch, day, adapter, at, count, left, entries, bytes",
                CHUNKS_BACK,
            ),
            "envelope" => (self.columns, ENVELOPES_BACK),
            "inbox" => (
                INBOX,
                "SELECT inbox, ident, class, link, hop, sender, epoch, route, \
                sequence, kind, dest, parcel, tries, at, frame FROM inbox",
            ),
            name => {
                return (self.columns, format!("SELECT {} FROM {name}", self.columns).into());
            }
        };
        (columns, from.into())
    }
}

const INBOX: &str = "inbox, ident, class, link, hop, sender, epoch, route, sequence, kind, dest, \
    parcel, tries, at, frame";
/// Ordinals of judged envelopes go on above the last one that was given, also when its row is gone.
const IDENTITY_BACK: &str = "SELECT ident, code, epoch, last_now, kept, judged, \
    coalesce(pg_sequence_last_value(pg_get_serial_sequence('received', 'received')::regclass), 0) \
    FROM identity";
/// Numbers behind the last blob: for the n-th chunk two (entries, fragments), then one a head.
const BLOBS_BACK: &str = "SELECT blob, bytes FROM blob UNION ALL \
    SELECT m.n + 2 * row_number() OVER (ORDER BY c.chunk) - 1, c.entries FROM chunk c, \
    (SELECT coalesce(max(blob), 0) AS n FROM blob) m UNION ALL \
    SELECT f.number, f.bytes FROM (SELECT m.n + 2 * row_number() OVER (ORDER BY c.chunk) \
    AS number, c.bytes FROM chunk c, (SELECT coalesce(max(blob), 0) AS n FROM blob) m) f \
    WHERE f.bytes IS NOT NULL UNION ALL \
    SELECT h.number, h.head FROM (SELECT m.n + row_number() OVER (ORDER BY e.envelope) AS number, \
    e.head FROM envelope e, (SELECT (SELECT coalesce(max(blob), 0) FROM blob) + 2 * \
    (SELECT count(*) FROM chunk) AS n) m) h WHERE h.head IS NOT NULL";
const CHUNKS_BACK: &str = "SELECT c.chunk, c.ident, c.route, c.epoch, c.day, c.adapter, c.at, \
    c.count, c.unsealed, m.n + 2 * row_number() OVER (ORDER BY c.chunk) - 1, \
    CASE WHEN c.bytes IS NOT NULL THEN m.n + 2 * row_number() OVER (ORDER BY c.chunk) END \
    FROM chunk c, (SELECT coalesce(max(blob), 0) AS n FROM blob) m";
const ENVELOPES_BACK: &str = "SELECT e.envelope, e.ident, e.route, e.epoch, e.sequence, e.kind, \
    e.records, e.lane, e.link, e.state, e.day, e.count, e.kinds, e.head_digest, e.root, \
    e.attempts, e.refusals, e.numbered_at, e.sent_at, e.ended_at, e.due_at, e.reason, e.hop, \
    e.hop_at, CASE WHEN e.head IS NOT NULL THEN m.n + row_number() OVER (ORDER BY e.envelope) END, \
    e.frame, e.receipt FROM envelope e, (SELECT (SELECT coalesce(max(blob), 0) FROM blob) + 2 * \
    (SELECT count(*) FROM chunk) AS n) m";

/// Every table that has facts.
pub(super) const TABLES: &[Table] = &[
    table(
        "identity",
        "ident, code, epoch, last_now, kept, judged",
        "SELECT ident, code, epoch, last_now, kept, judged FROM identity",
    ),
    table("word", "word, text", "SELECT word, text FROM word"),
    table(
        "blob",
        "blob, bytes",
        "SELECT blob, bytes FROM blob WHERE blob NOT IN (SELECT entries FROM chunk) AND blob \
         NOT IN (SELECT bytes FROM chunk WHERE bytes IS NOT NULL) AND blob NOT IN (SELECT \
         head FROM envelope WHERE head IS NOT NULL)",
    ),
    table(
        "lease",
        "ident, name, holder, token, until",
        "SELECT ident, name, holder, token, 0 FROM lease",
    ),
    table(
        "adapter",
        "ident, adapter, cursor, rows_read, rows_unchanged, records, quarantined, last_at, \
         paused",
        "SELECT ident, adapter, cursor, rows_read, rows_unchanged, records, quarantined, \
         last_at, paused FROM adapter",
    ),
    table(
        "source_row",
        "ident, adapter, row, digest, pass",
        "SELECT ident, adapter, row, digest, pass FROM source_row",
    ),
    table(
        "record",
        "ident, root, kind, part, version, chunk, idx, place, voided, content, facts",
        "SELECT ident, root, kind, part, version, chunk, idx, place, voided, content, facts \
         FROM record",
    ),
    table(
        "chunk",
        "chunk, ident, route, epoch, day, adapter, at, count, unsealed, entries, bytes",
        "SELECT c.chunk, c.ident, c.route, c.epoch, c.day, c.adapter, c.at, c.count, c.left, \
         e.bytes, b.bytes FROM chunk c JOIN blob e ON e.blob = c.entries LEFT JOIN blob b ON \
         b.blob = c.bytes",
    ),
    table(
        "stretch",
        "range, ident, route, ord, chunk, first, count, orphan, at, envelope, position",
        "SELECT range, ident, route, ord, chunk, first, count, orphan, at, envelope, position \
         FROM stretch",
    ),
    table(
        "waiting",
        "ident, parent_root, parent_kind, parent_part, root, kind, part, version, chunk, idx, \
         accepted, until, due",
        "SELECT ident, parent_root, parent_kind, parent_part, root, kind, part, version, \
         chunk, idx, accepted, until, due FROM waiting",
    ),
    table(
        "problem",
        "problem, ident, class, state, adapter, route, epoch, day, reference, source_row, \
         row_digest, root, kind, part, version, violations, raw, at, deadline, cured_by",
        "SELECT problem, ident, class, state, adapter, route, epoch, day, reference, \
         source_row, row_digest, root, kind, part, version, violations, raw, at, deadline, \
         cured_by FROM problem",
    ),
    table(
        "row_record",
        "ident, adapter, row, root, kind, part, version",
        "SELECT ident, adapter, row, root, kind, part, version FROM row_record",
    ),
    table(
        "write_back",
        "ident, adapter, row, flag, text, attempts, due, reason",
        "SELECT ident, adapter, row, flag, text, attempts, due, reason FROM write_back",
    ),
    table(
        "again",
        "ident, root, kind, part, version, envelope, why",
        "SELECT ident, root, kind, part, version, envelope, why FROM again",
    ),
    table("counter", "ident, route, epoch, next", "SELECT ident, route, epoch, next FROM counter"),
    table(
        "control",
        "control, ident, kind, dest, day, detail, body, lengths, answers_sender, \
         answers_epoch, answers_route, answers_sequence, envelope",
        "SELECT control, ident, kind, dest, day, detail, body, lengths, answers_sender, \
         answers_epoch, answers_route, answers_sequence, envelope FROM control",
    ),
    table(
        "envelope",
        "envelope, ident, route, epoch, sequence, kind, records, lane, link, state, day, \
         count, kinds, head_digest, root, attempts, refusals, numbered_at, sent_at, ended_at, \
         due_at, reason, hop, hop_at, head, frame, receipt",
        "SELECT e.envelope, e.ident, e.route, e.epoch, e.sequence, e.kind, e.records, e.lane, \
         e.link, e.state, e.day, e.count, e.kinds, e.head_digest, e.root, e.attempts, \
         e.refusals, e.numbered_at, e.sent_at, e.ended_at, e.due_at, e.reason, e.hop, \
         e.hop_at, h.bytes, e.frame, e.receipt FROM envelope e LEFT JOIN blob h ON h.blob = \
         e.head",
    ),
    table(
        "attempt",
        "ident, own, envelope, nth, at, event, reason, due_at",
        "SELECT ident, own, envelope, nth, at, event, reason, due_at FROM attempt",
    ),
    table(
        "link",
        "ident, link, paused, reason, accepted, rejected, last_receipt",
        "SELECT ident, link, paused, reason, accepted, rejected, last_receipt FROM link",
    ),
    table(
        "inbox",
        "inbox, ident, class, link, hop, sender, epoch, route, sequence, kind, dest, parcel, \
         tries, at, frame, slot",
        "SELECT inbox, ident, class, link, hop, sender, epoch, route, sequence, kind, dest, \
         parcel, tries, at, frame, 0 FROM inbox",
    ),
    table(
        "submission",
        "ident, inbox, position, turn, root, kind, part, version, digest, facts, message, step, \
         after_inbox, after_position, attempts, due, verdict, code, said, said_at",
        "SELECT ident, inbox, position, turn, root, kind, part, version, digest, facts, message, step, \
         after_inbox, after_position, attempts, due, verdict, code, said, said_at FROM submission",
    ),
    table(
        "received",
        "received, ident, sender, epoch, route, sequence, head_digest, state, day, count, \
         kept, problems, frame, receipt, at",
        "SELECT received, ident, sender, epoch, route, sequence, head_digest, state, day, \
         count, kept, problems, frame, receipt, at FROM received",
    ),
    table(
        "kept",
        "ident, root, kind, part, version, received, idx, voided, digest, facts",
        "SELECT ident, root, kind, part, version, received, idx, voided, digest, facts FROM \
         kept",
    ),
    table(
        "sender_route",
        "ident, sender, epoch, route, highest, settled_below",
        "SELECT ident, sender, epoch, route, highest, settled_below FROM sender_route",
    ),
    table(
        "gap",
        "ident, sender, epoch, route, first, last, since",
        "SELECT ident, sender, epoch, route, first, last, since FROM gap",
    ),
    table(
        "relay",
        "relay, ident, sender, epoch, route, sequence, kind, records, lane, dest, from_link, \
         link, state, head_digest, count, verified, attempts, at, due_at, done_at, reason, \
         frame",
        "SELECT relay, ident, sender, epoch, route, sequence, kind, records, lane, dest, \
         from_link, link, state, head_digest, count, verified, attempts, at, due_at, done_at, \
         reason, frame FROM relay",
    ),
    table("watermark", "ident, sink, mark, at", "SELECT ident, sink, mark, at FROM watermark"),
    table(
        "tally",
        "ident, side, day, peer, route, epoch, kind, p0, p1, p2, p3, p4, p5, p6, p7, p8, p9, \
         s0, s1, s2, s3, first_sequence, last_sequence",
        "SELECT ident, side, day, peer, route, epoch, kind, p0, p1, p2, p3, p4, p5, p6, p7, \
         p8, p9, s0, s1, s2, s3, first_sequence, last_sequence FROM tally",
    ),
    table(
        "branch",
        "ident, side, day, peer, prefix, count, s0, s1, s2, s3, held, twigs",
        "SELECT ident, side, day, peer, prefix, count, s0, s1, s2, s3, held, twigs FROM branch",
    ),
    table(
        "twig",
        "ident, side, day, peer, prefix, nth, leaves, bytes",
        "SELECT ident, side, day, peer, prefix, nth, leaves, bytes FROM twig",
    ),
    table(
        "unit_count",
        "ident, side, day, peer, unit, region, records, accepted, invalid, late, history, delay, \
         delay_max",
        "SELECT ident, side, day, peer, unit, region, records, accepted, invalid, late, history, \
         delay, delay_max FROM unit_count",
    ),
    table(
        "manifest",
        "ident, day, by, peer, revision, is_final, body, at",
        "SELECT ident, day, by, peer, revision, is_final, body, at FROM manifest",
    ),
    table(
        "discrepancy",
        "ident, day, by, peer, nth, sender, receiver, kind, cause, count",
        "SELECT ident, day, by, peer, nth, sender, receiver, kind, cause, count FROM \
         discrepancy",
    ),
    table("audit", "ident, nth, event, chain", "SELECT ident, nth, event, chain FROM audit"),
    table("standing", "ident, name, text, at", "SELECT ident, name, text, at FROM standing"),
    table(
        "baseline",
        "ident, root, kind, part, version, content, reported, day",
        "SELECT ident, root, kind, part, version, content, reported, day FROM baseline",
    ),
];
