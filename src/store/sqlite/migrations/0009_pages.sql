-- Edition 9: what people's pages look through. Each index says `>= 0` of a time, which is true of every
-- row, so that only statements which say it too are planned with it: no worker's plan changes.
-- `rule`: that of the first violation, so that causes are counted in an index alone; a trigger writes it,
-- whoever brings the row.

ALTER TABLE problem ADD COLUMN rule TEXT;
UPDATE problem SET rule = violations ->> '$[0].rule';
CREATE TRIGGER problem_rule AFTER INSERT ON problem BEGIN
    UPDATE problem SET rule = new.violations ->> '$[0].rule' WHERE problem = new.problem;
END;
CREATE INDEX chunk_at ON chunk (ident, at, chunk) WHERE at >= 0;
CREATE INDEX envelope_at ON envelope (ident, numbered_at, envelope)
    WHERE records = 1 AND numbered_at >= 0;
CREATE INDEX envelope_dead ON envelope (ident, numbered_at, envelope)
    WHERE state = 5 AND records = 1 AND numbered_at >= 0;
CREATE INDEX received_at ON received (ident, at, received) WHERE at >= 0;
CREATE INDEX received_sender ON received (ident, sender, at, received) WHERE at >= 0;
CREATE INDEX received_problems ON received (ident, received) WHERE problems <> '[]';
CREATE INDEX relay_sender ON relay (ident, sender, at) WHERE at >= 0;
CREATE INDEX problem_cause ON problem (ident, class, adapter, rule, state, at) WHERE at >= 0;
CREATE INDEX problem_at ON problem (ident, class, at, problem) WHERE root IS NOT NULL AND at >= 0;
CREATE INDEX problem_voided ON problem (ident, at, problem)
    WHERE state = 'voided' AND root IS NOT NULL AND at >= 0;
