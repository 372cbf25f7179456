-- Edition 2. Parcels are shared among instances by the slot of their sender. Small facts that stand
-- until they are taken back (holds, maintenance, back-fills), and what was reported before the
-- exchange began.

ALTER TABLE inbox ADD slot SMALLINT NOT NULL;

CREATE TABLE standing (
    ident INTEGER NOT NULL,
    name  TEXT COLLATE "C" NOT NULL,
    text  TEXT COLLATE "C" NOT NULL,
    at    BIGINT NOT NULL,
    PRIMARY KEY (ident, name)
);

-- `content`: digest, NULL until the row is read for the first time. `reported`, `day`: days.
CREATE TABLE baseline (
    version  BIGINT NOT NULL,
    ident    INTEGER NOT NULL,
    kind     INTEGER NOT NULL,
    reported INTEGER,
    day      INTEGER NOT NULL,
    root     TEXT COLLATE "C" NOT NULL,
    part     TEXT COLLATE "C" NOT NULL,
    content  BYTEA,
    PRIMARY KEY (ident, root, kind, part)
);
CREATE INDEX baseline_day ON baseline (ident, kind, day);
