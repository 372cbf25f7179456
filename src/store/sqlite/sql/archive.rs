//! Statements of the archive.

pub(crate) const ARCHIVE_OWN: &str = "SELECT envelope, epoch, route, sequence, day, state >= 6 \
    FROM envelope WHERE ident = ?1 AND records = 1 AND (frame IS NOT NULL OR state < 6) \
    AND (envelope > ?2 OR envelope IN (SELECT value FROM json_each(?3))) ORDER BY envelope LIMIT +?4";
pub(crate) const ARCHIVE_RECEIVED: &str = "SELECT r.received, r.sender, r.epoch, r.route, r.sequence, \
    r.day, r.at, e.frame IS NOT NULL FROM received r LEFT JOIN envelope e ON e.envelope = r.receipt \
    WHERE r.ident = ?1 AND r.frame IS NOT NULL \
    AND (r.received > ?2 OR r.received IN (SELECT value FROM json_each(?3))) \
    ORDER BY r.received LIMIT +?4";
pub(crate) const RELEASE_OWN: &str = "SELECT e.envelope, e.frame, e.receipt, length(b.bytes) \
    + coalesce((SELECT length(a.bytes) FROM blob a WHERE a.blob = e.receipt), 0) FROM envelope e \
    JOIN blob b ON b.blob = e.frame WHERE e.ident = ?1 AND e.epoch = ?2 AND e.route = ?3 \
    AND e.sequence = ?4 AND e.records = 1 AND e.state >= 6";
pub(crate) const RELEASE_RECEIVED: &str = "SELECT r.received, r.frame, NULL, length(b.bytes) \
    FROM received r JOIN blob b ON b.blob = r.frame WHERE r.ident = ?1 AND r.sender = ?2 \
    AND r.epoch = ?3 AND r.route = ?4 AND r.sequence = ?5";
pub(crate) const OWN_RELEASED: &str =
    "UPDATE envelope SET frame = NULL, receipt = NULL WHERE envelope = ?1";
pub(crate) const RECEIVED_RELEASED: &str = "UPDATE received SET frame = NULL WHERE received = ?1";
/// All that is free, a step at a time.
pub(crate) const VACUUM_ALL: &str = "PRAGMA incremental_vacuum";
pub(crate) const SPACE: &str = "SELECT (SELECT page_count FROM pragma_page_count) \
    * (SELECT page_size FROM pragma_page_size), (SELECT freelist_count FROM pragma_freelist_count) \
    * (SELECT page_size FROM pragma_page_size)";
