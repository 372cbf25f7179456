-- Edition 5: outlets. Envelopes that wait for a platform keep their inbox row, in class 6; their
-- records stand here. `turn`: which envelope began to wait before which. `step`: 0 held, 1 due,
-- 2 sending, 3 answered. `verdict`: 0 taken, 1 refused, 2 again.

CREATE TABLE submission (
    ident          INTEGER NOT NULL,
    inbox          INTEGER NOT NULL,
    position       INTEGER NOT NULL,
    turn           INTEGER NOT NULL,
    root           TEXT NOT NULL,
    kind           INTEGER NOT NULL,
    part           TEXT NOT NULL,
    version        INTEGER NOT NULL,
    digest         BLOB NOT NULL,
    facts          TEXT NOT NULL,
    message        TEXT NOT NULL,
    step           INTEGER NOT NULL,
    after_inbox    INTEGER,
    after_position INTEGER,
    attempts       INTEGER NOT NULL,
    due            INTEGER NOT NULL,
    verdict        INTEGER,
    code           TEXT,
    said           TEXT,
    said_at        INTEGER,
    PRIMARY KEY (inbox, position)
) STRICT, WITHOUT ROWID;
CREATE INDEX submission_turn ON submission (ident, turn);
CREATE INDEX submission_case ON submission (ident, root);
CREATE INDEX submission_due ON submission (ident, due, inbox, position) WHERE step IN (1, 2);
