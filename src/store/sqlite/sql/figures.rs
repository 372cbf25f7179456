//! Statements of figures.

/// Where an answer is counted: the bounds are those of `ANSWERED_WITHIN`.
pub(crate) const LINK_PACES: &str = "SELECT link, bucket, count(*), sum(attempts), coalesce(sum(ms), 0) \
    FROM (SELECT link, attempts, ms, CASE WHEN ms IS NULL THEN -1 \
    WHEN ms <= 1000 THEN 0 WHEN ms <= 2000 THEN 1 WHEN ms <= 5000 THEN 2 \
    WHEN ms <= 10000 THEN 3 WHEN ms <= 30000 THEN 4 WHEN ms <= 60000 THEN 5 \
    WHEN ms <= 300000 THEN 6 WHEN ms <= 900000 THEN 7 WHEN ms <= 3600000 THEN 8 \
    WHEN ms <= 21600000 THEN 9 WHEN ms <= 86400000 THEN 10 WHEN ms <= 259200000 THEN 11 \
    ELSE 12 END AS bucket FROM \
    (SELECT link, attempts, CASE WHEN state >= 6 THEN max(0, ended_at - numbered_at) END AS ms \
    FROM envelope WHERE ident = ?1 AND records = 1) AS spent) AS sorted GROUP BY link, bucket";
