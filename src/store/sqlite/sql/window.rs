//! Statements of windows below their sums, and of steps of a correspondence.

/// More at a prefix, or less: gives the number of the twig that holds it.
pub(crate) const BRANCH_ADD: &str = "INSERT INTO branch (ident, side, day, peer, prefix, count, \
    s0, s1, s2, s3, held, twigs) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, 1) \
    ON CONFLICT DO UPDATE SET count = count + excluded.count, \
    s0 = (s0 + excluded.s0) & 4294967295, s1 = (s1 + excluded.s1) & 4294967295, \
    s2 = (s2 + excluded.s2) & 4294967295, s3 = (s3 + excluded.s3) & 4294967295, \
    held = held + excluded.held, twigs = twigs + 1 RETURNING twigs";
pub(crate) const TWIG_ADD: &str = "INSERT INTO twig (ident, side, day, peer, prefix, nth, leaves, \
    bytes) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)";
/// The shallowest prefix that holds too many (the number is that of the index).
pub(crate) const BRANCH_FULL: &str = "SELECT side, day, peer, prefix FROM branch WHERE ident = ?1 \
    AND held >= 4096 AND length(prefix) < ?2 ORDER BY length(prefix), day LIMIT 1";
pub(crate) const TWIGS_AT: &str = "SELECT nth, leaves, bytes FROM twig WHERE ident = ?1 \
    AND side = ?2 AND day = ?3 AND peer = ?4 AND prefix = ?5 ORDER BY nth LIMIT 64";
pub(crate) const TWIGS_GONE: &str = "DELETE FROM twig WHERE ident = ?1 AND side = ?2 AND day = ?3 \
    AND peer = ?4 AND prefix = ?5 AND nth <= ?6";
pub(crate) const BRANCH_LESS: &str = "UPDATE branch SET held = held - ?6 WHERE ident = ?1 \
    AND side = ?2 AND day = ?3 AND peer = ?4 AND prefix = ?5";
pub(crate) const BRANCHES: &str = "SELECT prefix, count, s0, s1, s2, s3 FROM branch \
    WHERE ident = ?1 AND side = ?2 AND day = ?3 AND peer = ?4 \
    AND prefix IN (SELECT value FROM json_each(?5))";
pub(crate) const TWIGS: &str = "SELECT bytes FROM twig WHERE ident = ?1 AND side = ?2 AND day = ?3 \
    AND peer = ?4 AND prefix IN (SELECT value FROM json_each(?5))";
/// What is held below prefixes: `g` comes after every hex digit.
pub(crate) const TWIGS_BELOW: &str = "SELECT t.bytes FROM json_each(?5) j CROSS JOIN twig t \
    WHERE t.ident = ?1 AND t.side = ?2 AND t.day = ?3 AND t.peer = ?4 \
    AND t.prefix > j.value AND t.prefix < j.value || 'g'";
pub(crate) const TWIGS_FORGET: &str = "DELETE FROM twig WHERE rowid IN (SELECT rowid FROM twig \
    WHERE ident = ?1 AND side = ?2 AND day < ?3 LIMIT +?4)";
pub(crate) const BRANCHES_FORGET: &str = "DELETE FROM branch WHERE (ident, side, day, peer, prefix) \
    IN (SELECT ident, side, day, peer, prefix FROM branch \
    WHERE ident = ?1 AND side = ?2 AND day < ?3 LIMIT +?4)";

pub(crate) const OUT_WAITING: &str = "SELECT w.root, w.kind, w.part, w.version FROM waiting w \
    JOIN chunk c ON c.chunk = w.chunk WHERE w.ident = ?1 AND c.day = ?2 LIMIT +?3";
pub(crate) const OUT_STAGED: &str = "SELECT s.route, s.first, s.count, c.entries FROM stretch s \
    JOIN chunk c ON c.chunk = s.chunk WHERE s.ident = ?1 AND s.envelope IS NULL AND c.day = ?2 \
    LIMIT +?3";
pub(crate) const OUT_OPEN: &str = "SELECT s.route, s.first, s.count, c.entries, e.reason \
    FROM envelope e JOIN stretch s ON s.envelope = e.envelope JOIN chunk c ON c.chunk = s.chunk \
    WHERE e.ident = ?1 AND e.state < 6 AND e.records = 1 AND e.day = ?2 LIMIT +?3";
pub(crate) const OUT_PROBLEMS: &str = "SELECT root, kind, part, version, violations FROM problem \
    WHERE ident = ?1 AND day = ?2 AND class IN ('quarantined', 'rejected') AND root IS NOT NULL \
    AND kind IS NOT NULL AND version IS NOT NULL ORDER BY problem LIMIT +?3";
pub(crate) const LOCATE: &str = concat!(
    "SELECT ",
    super::place!(),
    ", e.epoch, e.route, e.sequence, s.position + r.idx - s.first FROM record r",
    super::place_joins!(),
    "WHERE r.ident = ?1 AND r.root = ?2 AND r.kind = ?3 AND r.part = ?4 AND r.version = ?5"
);
