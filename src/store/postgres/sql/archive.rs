//! Statements of the archive.

pub(crate) const ARCHIVE_OWN: &str = "SELECT envelope, epoch, route, sequence, day, \
    CASE WHEN state >= 6 THEN 1::int8 ELSE 0::int8 END FROM envelope WHERE ident = $1 AND records = 1 \
    AND (frame IS NOT NULL OR state < 6) AND (envelope > $2 OR envelope = ANY($3)) \
    ORDER BY envelope LIMIT $4";
pub(crate) const ARCHIVE_RECEIVED: &str = "SELECT r.received, r.sender, r.epoch, r.route, r.sequence, \
    r.day, r.at, CASE WHEN e.frame IS NULL THEN 0::int8 ELSE 1::int8 END FROM received r \
    LEFT JOIN envelope e ON e.envelope = r.receipt WHERE r.ident = $1 AND r.frame IS NOT NULL \
    AND (r.received > $2 OR r.received = ANY($3)) ORDER BY r.received LIMIT $4";
pub(crate) const RELEASE_OWN: &str = "SELECT e.envelope, e.frame, e.receipt, (octet_length(b.bytes) \
    + coalesce((SELECT octet_length(a.bytes) FROM blob a WHERE a.blob = e.receipt), 0))::int8 \
    FROM envelope e JOIN blob b ON b.blob = e.frame WHERE e.ident = $1 AND e.epoch = $2 \
    AND e.route = $3 AND e.sequence = $4 AND e.records = 1 AND e.state >= 6";
pub(crate) const RELEASE_RECEIVED: &str = "SELECT r.received, r.frame, NULL::int8, \
    octet_length(b.bytes)::int8 FROM received r JOIN blob b ON b.blob = r.frame WHERE r.ident = $1 \
    AND r.sender = $2 AND r.epoch = $3 AND r.route = $4 AND r.sequence = $5";
pub(crate) const OWN_RELEASED: &str =
    "UPDATE envelope SET frame = NULL, receipt = NULL WHERE envelope = $1";
pub(crate) const RECEIVED_RELEASED: &str = "UPDATE received SET frame = NULL WHERE received = $1";
/// Autovacuum makes freed room usable again; the server gives back to the file system only what lies
/// at the end of a table.
pub(crate) const SPACE: &str = "SELECT coalesce(sum(pg_total_relation_size(c.oid)), 0)::int8 \
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace \
    WHERE n.nspname = current_schema() AND c.relkind = 'r'";
