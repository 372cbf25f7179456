-- Edition 4: each destination has versions, places and problems of its own. What is kept of own records
-- stands under strands, `TYPE>DESTINATION`, where it stood under types. A mark of the baseline that
-- was made before says no destination and holds for every one: `TYPE>`.

CREATE TABLE strand_of (
    kind   INTEGER NOT NULL,
    route  INTEGER NOT NULL,
    text   TEXT NOT NULL,
    strand INTEGER,
    PRIMARY KEY (kind, route)
) STRICT, WITHOUT ROWID;

INSERT INTO strand_of (kind, route, text)
SELECT k.word, r.word, k.text || '>' || substr(r.text, 1, instr(r.text, '|') - 1)
FROM (SELECT kind FROM record UNION SELECT parent_kind FROM waiting UNION
      SELECT kind FROM problem WHERE kind IS NOT NULL UNION SELECT kind FROM row_record UNION
      SELECT kind FROM again) u JOIN word k ON k.word = u.kind
CROSS JOIN (SELECT route FROM chunk UNION SELECT route FROM envelope UNION
      SELECT route FROM problem WHERE route IS NOT NULL) v JOIN word r ON r.word = v.route;
INSERT OR IGNORE INTO word (text) SELECT DISTINCT text FROM strand_of;
INSERT OR IGNORE INTO word (text)
SELECT DISTINCT w.text || '>' FROM baseline b JOIN word w ON w.word = b.kind;
UPDATE strand_of SET strand = (SELECT w.word FROM word w WHERE w.text = strand_of.text);

UPDATE row_record SET kind = coalesce((SELECT s.strand FROM record r
    LEFT JOIN chunk c ON c.chunk = r.chunk JOIN strand_of s ON s.kind = r.kind
    AND s.route = coalesce(c.route, (SELECT p.route FROM problem p WHERE p.ident = r.ident
        AND p.root = r.root AND p.kind = r.kind AND p.part = r.part AND p.version = r.version))
    WHERE r.ident = row_record.ident AND r.root = row_record.root AND r.kind = row_record.kind
    AND r.part = row_record.part AND r.version = row_record.version), kind);
UPDATE again SET kind = coalesce((SELECT s.strand FROM envelope e JOIN strand_of s
    ON s.route = e.route AND s.kind = again.kind WHERE e.envelope = again.envelope), kind);
UPDATE waiting SET
    kind = (SELECT s.strand FROM chunk c JOIN strand_of s ON s.route = c.route
        AND s.kind = waiting.kind WHERE c.chunk = waiting.chunk),
    parent_kind = (SELECT s.strand FROM chunk c JOIN strand_of s ON s.route = c.route
        AND s.kind = waiting.parent_kind WHERE c.chunk = waiting.chunk);
UPDATE record SET kind = coalesce((SELECT s.strand FROM strand_of s WHERE s.kind = record.kind
    AND s.route = coalesce((SELECT c.route FROM chunk c WHERE c.chunk = record.chunk),
        (SELECT p.route FROM problem p WHERE p.ident = record.ident AND p.root = record.root
        AND p.kind = record.kind AND p.part = record.part AND p.version = record.version))), kind);
UPDATE problem SET kind = (SELECT s.strand FROM strand_of s WHERE s.kind = problem.kind
    AND s.route = problem.route) WHERE kind IS NOT NULL AND route IS NOT NULL;
UPDATE baseline SET kind = (SELECT v.word FROM word w JOIN word v ON v.text = w.text || '>'
    WHERE w.word = baseline.kind);

DROP TABLE strand_of;
