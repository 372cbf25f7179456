-- Edition 7: windows below their sums. A leaf is a record that counts in a window's sum; it is held at a
-- prefix of its key's digest until there are many there, then handed down to the sixteen children.
-- `count`, `s0`…`s3`: all that passed here; `held`: leaves still here, in `twigs` numbered from 1.

CREATE TABLE branch (
    ident  INTEGER NOT NULL,
    side   INTEGER NOT NULL,
    day    INTEGER NOT NULL,
    peer   INTEGER NOT NULL,
    prefix TEXT NOT NULL,
    count  INTEGER NOT NULL,
    s0 INTEGER NOT NULL, s1 INTEGER NOT NULL, s2 INTEGER NOT NULL, s3 INTEGER NOT NULL,
    held   INTEGER NOT NULL,
    twigs  INTEGER NOT NULL,
    PRIMARY KEY (ident, side, day, peer, prefix)
) STRICT, WITHOUT ROWID;
CREATE INDEX branch_full ON branch (ident, prefix) WHERE held >= 4096;

CREATE TABLE twig (
    ident  INTEGER NOT NULL,
    side   INTEGER NOT NULL,
    day    INTEGER NOT NULL,
    peer   INTEGER NOT NULL,
    prefix TEXT NOT NULL,
    nth    INTEGER NOT NULL,
    leaves INTEGER NOT NULL,
    bytes  BLOB NOT NULL
) STRICT;
CREATE UNIQUE INDEX twig_of ON twig (ident, side, day, peer, prefix, nth);
