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
