//! Statements of accounts beside the books of windows.

pub(crate) const HOPS_OWN: &str = "SELECT link::bigint, state::bigint, \
    (hop IS NOT NULL)::int::bigint, count(*)::bigint, sum(count)::bigint FROM envelope \
    WHERE ident = $1 AND records = 1 AND numbered_at >= 0 AND numbered_at >= $2 AND numbered_at < $3 GROUP BY 1, 2, 3";
pub(crate) const HOPS_PASSED: &str = "SELECT link::bigint, state::bigint, (at < $4)::int::bigint, \
    count(*)::bigint, sum(count)::bigint FROM relay WHERE ident = $1 AND records = 1 \
    AND at >= $2 AND at < $3 GROUP BY 1, 2, 3";
pub(crate) const UNIT_ADD: &str = "INSERT INTO unit_count AS u (ident, side, day, peer, unit, region, \
    records, accepted, invalid, late, history, delay, delay_max) \
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13) \
    ON CONFLICT (ident, side, day, peer, unit, region) DO UPDATE SET \
    records = u.records + excluded.records, accepted = u.accepted + excluded.accepted, \
    invalid = u.invalid + excluded.invalid, late = u.late + excluded.late, \
    history = u.history + excluded.history, delay = u.delay + excluded.delay, \
    delay_max = greatest(u.delay_max, excluded.delay_max)";
pub(crate) const UNITS: &str = "SELECT peer, unit, region, records, accepted, invalid, late, \
    history, delay, delay_max FROM unit_count WHERE ident = $1 AND side = $2 AND day = $3";
