-- Edition 7: windows below their sums. A leaf is a record that counts in a window's sum; it is held at a
-- prefix of its key's digest until there are many there, then handed down to the sixteen children.
-- `count`, `s0`…`s3`: all that passed here; `held`: leaves still here, in `twigs` numbered from 1.

CREATE TABLE branch (
    ident  INTEGER NOT NULL,
    side   SMALLINT NOT NULL,
    day    INTEGER NOT NULL,
    peer   INTEGER NOT NULL,
    count  BIGINT NOT NULL,
    s0 BIGINT NOT NULL, s1 BIGINT NOT NULL, s2 BIGINT NOT NULL, s3 BIGINT NOT NULL,
    held   BIGINT NOT NULL,
    twigs  BIGINT NOT NULL,
    prefix TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (ident, side, day, peer, prefix)
) WITH (fillfactor = 50);
CREATE INDEX branch_full ON branch (ident, prefix) WHERE held >= 4096;

CREATE TABLE twig (
    nth    BIGINT NOT NULL,
    leaves BIGINT NOT NULL,
    ident  INTEGER NOT NULL,
    side   SMALLINT NOT NULL,
    day    INTEGER NOT NULL,
    peer   INTEGER NOT NULL,
    prefix TEXT COLLATE "C" NOT NULL,
    bytes  BYTEA NOT NULL,
    PRIMARY KEY (ident, side, day, peer, prefix, nth)
);
ALTER TABLE twig ALTER bytes SET STORAGE EXTERNAL;
