-- Edition 8: accounts beside the books of windows. `unit_count`: record versions by the unit that acted and
-- the region where; `side` as in `tally`. The index finds what links
-- relayed on a day.

CREATE TABLE unit_count (
    ident     INTEGER NOT NULL,
    side      INTEGER NOT NULL,
    day       INTEGER NOT NULL,
    peer      INTEGER NOT NULL,
    unit      TEXT NOT NULL,
    region    TEXT NOT NULL,
    records   INTEGER NOT NULL,
    accepted  INTEGER NOT NULL,
    invalid   INTEGER NOT NULL,
    late      INTEGER NOT NULL,
    history   INTEGER NOT NULL,
    delay     INTEGER NOT NULL,
    delay_max INTEGER NOT NULL,
    PRIMARY KEY (ident, side, day, peer, unit, region)
) STRICT, WITHOUT ROWID;
CREATE INDEX relay_at ON relay (ident, at) WHERE records = 1;
