//! Statements of records on their way through an outlet.

use crate::packed::outlet::{columns, ripe};

pub(crate) const OUTLET_PARK: &str = "UPDATE inbox SET class = 6 WHERE inbox = ?2 AND ident = ?1";
/// The turn of an envelope: its own, or behind all others.
pub(crate) const SUBMISSIONS_TURN: &str = "SELECT coalesce((SELECT min(turn) FROM submission \
    WHERE inbox = ?2), (SELECT max(turn) FROM submission WHERE ident = ?1) + 1, 1)";
pub(crate) const SUBMISSIONS_HELD_DROP: &str =
    "DELETE FROM submission WHERE inbox = ?1 AND step = 0";
pub(crate) const SUBMISSIONS_DROP: &str = "DELETE FROM submission WHERE inbox = ?1";
/// Rows as JSON arrays: position, root, kind, part, version, digest (hex), facts, message, step,
/// after (two), due.
pub(crate) const SUBMISSIONS_ADD: &str = "INSERT INTO submission (ident, inbox, position, root, \
    kind, part, version, digest, facts, message, step, after_inbox, \
    after_position, attempts, due, turn) \
    SELECT ?1, ?2, j.value ->> 0, j.value ->> 1, j.value ->> 2, j.value ->> 3, j.value ->> 4, \
    unhex(j.value ->> 5), j.value ->> 6, j.value ->> 7, j.value ->> 8, j.value ->> 9, \
    j.value ->> 10, 0, j.value ->> 11, ?4 FROM json_each(?3) j WHERE true ON CONFLICT DO NOTHING";
pub(crate) const SUBMISSIONS: &str = concat!(
    "SELECT ",
    columns!(),
    " FROM json_each(?2) j CROSS JOIN submission s ON s.ident = ?1 AND s.root = j.value \
     JOIN inbox i ON i.inbox = s.inbox ORDER BY s.turn, s.position"
);
pub(crate) const SUBMISSIONS_DUE: &str = concat!(
    "SELECT ",
    columns!(),
    " FROM submission s JOIN inbox i ON i.inbox = s.inbox WHERE s.ident = ?1 AND s.due <= ?2 \
     AND s.step IN (1, 2) ORDER BY s.due, s.inbox, s.position LIMIT +?3"
);
/// Rows as JSON arrays: inbox, position, step, attempts, due, verdict, code, said, at.
pub(crate) const SUBMISSIONS_DONE: &str = "UPDATE submission SET step = j.value ->> 2, \
    attempts = j.value ->> 3, due = j.value ->> 4, \
    verdict = coalesce(j.value ->> 5, verdict), \
    code = CASE WHEN j.value ->> 5 IS NULL THEN code ELSE j.value ->> 6 END, \
    said = CASE WHEN j.value ->> 5 IS NULL THEN said ELSE j.value ->> 7 END, \
    said_at = CASE WHEN j.value ->> 5 IS NULL THEN said_at ELSE j.value ->> 8 END \
    FROM json_each(?2) j WHERE submission.inbox = j.value ->> 0 \
    AND submission.position = j.value ->> 1 AND submission.ident = ?1";
pub(crate) const AWAITING: &str = "SELECT i.inbox, i.tries, i.at, i.link, i.hop, i.sender, \
    i.epoch, i.route, i.sequence, i.kind, i.dest, i.parcel, b.bytes FROM inbox i \
    JOIN blob b ON b.blob = i.frame WHERE i.ident = ?1 AND i.class = 6 AND i.sender = ?2 \
    AND i.epoch = ?3 AND i.route = ?4 AND i.sequence = ?5 LIMIT 1";
pub(crate) const INBOX_PARCEL: &str = "SELECT i.inbox, i.tries, i.at, i.link, i.hop, i.sender, \
    i.epoch, i.route, i.sequence, i.kind, i.dest, i.parcel, b.bytes FROM inbox i \
    JOIN blob b ON b.blob = i.frame WHERE i.ident = ?1 AND i.inbox = ?2";
pub(crate) const RIPE: &str = concat!(
    "SELECT i.inbox, i.tries, i.at, i.link, i.hop, i.sender, i.epoch, i.route, i.sequence, \
     i.kind, i.dest, i.parcel, b.bytes FROM inbox i JOIN blob b ON b.blob = i.frame \
     WHERE i.ident = ?1 AND i.class = 6 AND ",
    ripe!(),
    " ORDER BY i.inbox LIMIT +?2"
);
pub(crate) const OUTLET_STATUS: &str = "SELECT count(*), min(at), \
    (SELECT count(*) FROM submission WHERE ident = ?1 AND step = 0), \
    (SELECT count(*) FROM submission WHERE ident = ?1 AND step = 1), \
    (SELECT count(*) FROM submission WHERE ident = ?1 AND step = 2), \
    (SELECT count(*) FROM submission WHERE ident = ?1 AND step = 3) \
    FROM inbox WHERE ident = ?1 AND class = 6";
