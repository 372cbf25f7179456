-- Edition 8: accounts beside the books of windows. `unit_count`: record versions by the unit that acted and
-- the region where; `side` as in `tally`. The index finds what links
-- relayed on a day.

CREATE TABLE unit_count (
    ident     INTEGER NOT NULL,
    side      SMALLINT NOT NULL,
    day       INTEGER NOT NULL,
    peer      INTEGER NOT NULL,
    unit      TEXT COLLATE "C" NOT NULL,
    region    TEXT COLLATE "C" NOT NULL,
    records   BIGINT NOT NULL,
    accepted  BIGINT NOT NULL,
    invalid   BIGINT NOT NULL,
    late      BIGINT NOT NULL,
    history   BIGINT NOT NULL,
    delay     BIGINT NOT NULL,
    delay_max BIGINT NOT NULL,
    PRIMARY KEY (ident, side, day, peer, unit, region)
) WITH (fillfactor = 50);
CREATE INDEX relay_at ON relay (ident, at) WHERE records = 1;
