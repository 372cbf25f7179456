-- Edition 2: small facts that stand until they are taken back (holds, maintenance, back-fills), and
-- what was reported before the exchange began.

CREATE TABLE standing (
    ident INTEGER NOT NULL,
    name  TEXT NOT NULL,
    text  TEXT NOT NULL,
    at    INTEGER NOT NULL,
    PRIMARY KEY (ident, name)
) STRICT, WITHOUT ROWID;

-- `content`: digest, NULL until the row is read for the first time. `reported`, `day`: days.
CREATE TABLE baseline (
    ident    INTEGER NOT NULL,
    root     TEXT NOT NULL,
    kind     INTEGER NOT NULL,
    part     TEXT NOT NULL,
    version  INTEGER NOT NULL,
    content  BLOB,
    reported INTEGER,
    day      INTEGER NOT NULL,
    PRIMARY KEY (ident, root, kind, part)
) STRICT, WITHOUT ROWID;
CREATE INDEX baseline_day ON baseline (ident, kind, day);
