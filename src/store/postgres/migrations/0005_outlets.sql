-- Edition 5: outlets. Envelopes that wait for a platform keep their inbox row, in class 6; their
-- records stand here. `turn`: which envelope began to wait before which. `step`: 0 held, 1 due,
-- 2 sending, 3 answered. `verdict`: 0 taken, 1 refused, 2 again.

CREATE TABLE submission (
    inbox          BIGINT NOT NULL,
    position       BIGINT NOT NULL,
    turn           BIGINT NOT NULL,
    version        BIGINT NOT NULL,
    after_inbox    BIGINT,
    after_position BIGINT,
    attempts       BIGINT NOT NULL,
    due            BIGINT NOT NULL,
    said_at        BIGINT,
    ident          INTEGER NOT NULL,
    kind           INTEGER NOT NULL,
    step           SMALLINT NOT NULL,
    verdict        SMALLINT,
    root           TEXT COLLATE "C" NOT NULL,
    part           TEXT COLLATE "C" NOT NULL,
    message        TEXT COLLATE "C" NOT NULL,
    facts          TEXT COLLATE "C" NOT NULL,
    code           TEXT COLLATE "C",
    said           TEXT COLLATE "C",
    digest         BYTEA NOT NULL,
    PRIMARY KEY (inbox, position)
);
CREATE INDEX submission_turn ON submission (ident, turn);
CREATE INDEX submission_case ON submission (ident, root);
CREATE INDEX submission_due ON submission (ident, due, inbox, position) WHERE step IN (1, 2);
