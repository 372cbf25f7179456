//! Statements of records on their way through an outlet.

use crate::packed::outlet::{columns, ripe};

pub(crate) const OUTLET_PARK: &str =
    "UPDATE inbox SET class = 6 WHERE inbox = $2 AND ident + 0 = $1";
/// The turn of an envelope: its own, or behind all others.
pub(crate) const SUBMISSIONS_TURN: &str = "SELECT coalesce((SELECT min(turn) FROM submission \
    WHERE inbox = $2), (SELECT max(turn) FROM submission WHERE ident = $1) + 1, 1)";
pub(crate) const SUBMISSIONS_HELD_DROP: &str =
    "DELETE FROM submission WHERE inbox = $1 AND step = 0";
pub(crate) const SUBMISSIONS_DROP: &str = "DELETE FROM submission WHERE inbox = $1";
pub(crate) const SUBMISSIONS_ADD: &str = "INSERT INTO submission (ident, inbox, position, root, \
    kind, part, version, digest, facts, message, step, after_inbox, \
    after_position, due, turn, attempts) \
    SELECT $1, $2, v.*, $15, 0 FROM unnest($3::bigint[], $4::text[], $5::int[], $6::text[], \
    $7::bigint[], $8::bytea[], $9::text[], $10::text[], $11::smallint[], $12::bigint[], \
    $13::bigint[], $14::bigint[]) v ON CONFLICT DO NOTHING";
pub(crate) const SUBMISSIONS: &str = concat!(
    "SELECT ",
    columns!(),
    " FROM unnest($2::text[]) j (root) CROSS JOIN LATERAL (SELECT x.* FROM submission x \
     WHERE x.ident = $1 AND x.root = j.root OFFSET 0) s CROSS JOIN LATERAL (SELECT y.* \
     FROM inbox y WHERE y.inbox = s.inbox OFFSET 0) i ORDER BY s.turn, s.position"
);
pub(crate) const SUBMISSIONS_DUE: &str = concat!(
    "SELECT ",
    columns!(),
    " FROM (SELECT * FROM submission WHERE ident = $1 AND due <= $2 AND step IN (1, 2) \
     ORDER BY due, inbox, position LIMIT $3) s CROSS JOIN LATERAL (SELECT y.* FROM inbox y \
     WHERE y.inbox = s.inbox OFFSET 0) i ORDER BY s.due, s.inbox, s.position"
);
pub(crate) const SUBMISSIONS_DONE: &str = "UPDATE submission s SET step = v.step, \
    attempts = v.attempts, due = v.due, verdict = coalesce(v.verdict, s.verdict), \
    code = CASE WHEN v.verdict IS NULL THEN s.code ELSE v.code END, \
    said = CASE WHEN v.verdict IS NULL THEN s.said ELSE v.said END, \
    said_at = CASE WHEN v.verdict IS NULL THEN s.said_at ELSE v.said_at END \
    FROM unnest($2::bigint[], $3::bigint[], $4::smallint[], $5::bigint[], $6::bigint[], \
    $7::smallint[], $8::text[], $9::text[], $10::bigint[]) v (inbox, position, step, attempts, \
    due, verdict, code, said, said_at) WHERE s.inbox = v.inbox AND s.position = v.position \
    AND s.ident + 0 = $1";
/// As [`super::INBOX_CLAIM`] gives them: the first column means nothing here.
pub(crate) const AWAITING: &str = "SELECT 1, i.inbox, i.tries, i.at, i.link, i.hop, i.sender, \
    i.epoch, i.route, i.sequence, i.kind, i.dest, i.parcel, (SELECT b.bytes FROM blob b \
    WHERE b.blob = i.frame) FROM inbox i WHERE i.ident = $1 AND i.class = 6 AND i.sender = $2 \
    AND i.epoch = $3 AND i.route = $4 AND i.sequence = $5 LIMIT 1";
pub(crate) const INBOX_PARCEL: &str = "SELECT 1, i.inbox, i.tries, i.at, i.link, i.hop, \
    i.sender, i.epoch, i.route, i.sequence, i.kind, i.dest, i.parcel, (SELECT b.bytes FROM blob b \
    WHERE b.blob = i.frame) FROM inbox i WHERE i.ident + 0 = $1 AND i.inbox = $2";
pub(crate) const RIPE: &str = concat!(
    "SELECT 1, i.inbox, i.tries, i.at, i.link, i.hop, i.sender, i.epoch, i.route, i.sequence, \
     i.kind, i.dest, i.parcel, (SELECT b.bytes FROM blob b WHERE b.blob = i.frame) FROM inbox i \
     WHERE i.ident = $1 AND i.class = 6 AND ",
    ripe!(),
    " ORDER BY i.inbox LIMIT $2"
);
pub(crate) const OUTLET_STATUS: &str = "SELECT count(*)::bigint, min(at), \
    (SELECT count(*) FROM submission WHERE ident = $1 AND step = 0)::bigint, \
    (SELECT count(*) FROM submission WHERE ident = $1 AND step = 1)::bigint, \
    (SELECT count(*) FROM submission WHERE ident = $1 AND step = 2)::bigint, \
    (SELECT count(*) FROM submission WHERE ident = $1 AND step = 3)::bigint \
    FROM inbox WHERE ident = $1 AND class = 6";
