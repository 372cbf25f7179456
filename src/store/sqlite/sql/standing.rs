//! Statements of what stands and of the baseline.

pub(crate) const STANDING: &str = "SELECT name, text, at FROM standing WHERE ident = ?1 \
    AND name >= ?2 AND name < ?2 || char(1114111) ORDER BY name";
pub(crate) const STAND: &str = "INSERT INTO standing (ident, name, text, at) \
    VALUES (?1, ?2, ?3, ?4) ON CONFLICT DO UPDATE SET text = excluded.text, at = excluded.at";
pub(crate) const STAND_NO_MORE: &str = "DELETE FROM standing WHERE ident = ?1 AND name = ?2";

/// Rows as JSON arrays: root, kind, part, version, content (hex), reported, day.
pub(crate) const BASELINE_ADD: &str = "INSERT INTO baseline (ident, root, kind, part, version, \
    content, reported, day) SELECT ?1, j.value ->> 0, j.value ->> 1, j.value ->> 2, \
    j.value ->> 3, unhex(j.value ->> 4), j.value ->> 5, j.value ->> 6 FROM json_each(?2) j \
    WHERE true ON CONFLICT DO UPDATE SET version = max(version, excluded.version), \
    content = coalesce(excluded.content, content), \
    reported = coalesce(excluded.reported, reported)";
pub(crate) const BASELINE_ANY: &str = "SELECT 1 FROM baseline WHERE ident = ?1 LIMIT 1";
pub(crate) const BASELINE: &str = "SELECT b.root, b.kind, b.part, b.version, b.content, \
    b.reported, b.day FROM json_each(?2) j CROSS JOIN baseline b ON b.ident = ?1 \
    AND b.root = j.value";
pub(crate) const BASELINE_COUNTS: &str = "SELECT kind, day, count(*) FROM baseline \
    WHERE ident = ?1 GROUP BY kind, day";
