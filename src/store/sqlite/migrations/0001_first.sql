-- Edition 1. Every natural key begins with `ident`: one file holds several identities.
-- Rows with a number of their own (chunk, range, envelope, …) are numbered through the whole file.
-- Big bytes stand in `blob` alone, so that a change of state never rewrites them.

CREATE TABLE identity (
    ident    INTEGER PRIMARY KEY,
    code     TEXT NOT NULL UNIQUE,
    epoch    INTEGER NOT NULL,
    last_now INTEGER NOT NULL,
    kept     INTEGER NOT NULL,
    judged   INTEGER NOT NULL
) STRICT;

-- Types, routes, adapters, links and node codes as small integers.
CREATE TABLE word (
    word INTEGER PRIMARY KEY,
    text TEXT NOT NULL UNIQUE
) STRICT;

CREATE TABLE blob (
    blob  INTEGER PRIMARY KEY,
    bytes BLOB NOT NULL
) STRICT;

CREATE TABLE lease (
    ident  INTEGER NOT NULL,
    name   TEXT NOT NULL,
    holder TEXT NOT NULL,
    token  INTEGER NOT NULL,
    until  INTEGER NOT NULL,
    PRIMARY KEY (ident, name)
) STRICT, WITHOUT ROWID;

-- ── collect ─────────────────────────────────────────────────────────────────────────────────────

CREATE TABLE adapter (
    ident          INTEGER NOT NULL,
    adapter        INTEGER NOT NULL,
    cursor         TEXT,
    rows_read      INTEGER NOT NULL,
    rows_unchanged INTEGER NOT NULL,
    records        INTEGER NOT NULL,
    quarantined    INTEGER NOT NULL,
    last_at        INTEGER,
    paused         TEXT,
    PRIMARY KEY (ident, adapter)
) STRICT, WITHOUT ROWID;

CREATE TABLE source_row (
    ident   INTEGER NOT NULL,
    adapter INTEGER NOT NULL,
    row     TEXT NOT NULL,
    digest  BLOB NOT NULL,
    pass    INTEGER NOT NULL,
    PRIMARY KEY (ident, adapter, row)
) STRICT, WITHOUT ROWID;

-- One row per record version. `place` is written only where the record is not simply where its
-- chunk's range is (waiting, quarantined, superseded, rejected, voided).
CREATE TABLE record (
    ident   INTEGER NOT NULL,
    root    TEXT NOT NULL,
    kind    INTEGER NOT NULL,
    part    TEXT NOT NULL,
    version INTEGER NOT NULL,
    chunk   INTEGER,
    idx     INTEGER,
    place   INTEGER,
    voided  INTEGER NOT NULL,
    content BLOB,
    facts   TEXT NOT NULL,
    PRIMARY KEY (ident, root, kind, part, version)
) STRICT, WITHOUT ROWID;

-- `bytes` (fragments) goes when `left` (records not sealed yet) reaches 0; `entries` stays.
CREATE TABLE chunk (
    chunk   INTEGER PRIMARY KEY,
    ident   INTEGER NOT NULL,
    route   INTEGER NOT NULL,
    epoch   INTEGER NOT NULL,
    day     INTEGER NOT NULL,
    adapter INTEGER NOT NULL,
    at      INTEGER NOT NULL,
    count   INTEGER NOT NULL,
    left    INTEGER NOT NULL,
    entries INTEGER NOT NULL,
    bytes   INTEGER
) STRICT;

-- A run of records of one chunk: staged (no envelope) or the part of an envelope that starts at
-- `position`. `ord` is the order of staging; what is left of a split range keeps it.
CREATE TABLE stretch (
    range    INTEGER PRIMARY KEY,
    ident    INTEGER NOT NULL,
    route    INTEGER NOT NULL,
    ord      INTEGER NOT NULL,
    chunk    INTEGER NOT NULL,
    first    INTEGER NOT NULL,
    count    INTEGER NOT NULL,
    orphan   INTEGER NOT NULL,
    at       INTEGER NOT NULL,
    envelope INTEGER,
    position INTEGER
) STRICT;
CREATE INDEX stretch_staged ON stretch (ident, route, ord, first, count, at)
    WHERE envelope IS NULL;
CREATE UNIQUE INDEX stretch_chunk ON stretch (chunk, first);
CREATE INDEX stretch_envelope ON stretch (envelope, position) WHERE envelope IS NOT NULL;

CREATE TABLE waiting (
    ident       INTEGER NOT NULL,
    parent_root TEXT NOT NULL,
    parent_kind INTEGER NOT NULL,
    parent_part TEXT NOT NULL,
    root        TEXT NOT NULL,
    kind        INTEGER NOT NULL,
    part        TEXT NOT NULL,
    version     INTEGER NOT NULL,
    chunk       INTEGER NOT NULL,
    idx         INTEGER NOT NULL,
    accepted    INTEGER NOT NULL,
    until       INTEGER,
    due         INTEGER NOT NULL,
    PRIMARY KEY (ident, parent_root, parent_kind, parent_part, root, kind, part, version)
) STRICT, WITHOUT ROWID;
CREATE INDEX waiting_due ON waiting (ident, due);

CREATE TABLE problem (
    problem    INTEGER PRIMARY KEY AUTOINCREMENT,
    ident      INTEGER NOT NULL,
    class      TEXT NOT NULL,
    state      TEXT NOT NULL,
    adapter    INTEGER,
    route      INTEGER,
    epoch      INTEGER,
    day        INTEGER NOT NULL,
    reference  TEXT NOT NULL,
    source_row TEXT,
    row_digest BLOB,
    root       TEXT,
    kind       INTEGER,
    part       TEXT,
    version    INTEGER,
    violations TEXT NOT NULL,
    raw        INTEGER,
    at         INTEGER NOT NULL,
    deadline   INTEGER,
    cured_by   INTEGER
) STRICT;
CREATE INDEX problem_ident ON problem (ident, class);
CREATE INDEX problem_row ON problem (ident, adapter, row_digest) WHERE row_digest IS NOT NULL;
CREATE INDEX problem_record ON problem (ident, root, kind, part) WHERE root IS NOT NULL;

-- Records of a source row, for adapters that write back.
CREATE TABLE row_record (
    ident   INTEGER NOT NULL,
    adapter INTEGER NOT NULL,
    row     TEXT NOT NULL,
    root    TEXT NOT NULL,
    kind    INTEGER NOT NULL,
    part    TEXT NOT NULL,
    version INTEGER NOT NULL,
    PRIMARY KEY (ident, adapter, row, root, kind, part, version)
) STRICT, WITHOUT ROWID;

-- `flag`: 0 accepted, 1 superseded, 2 rejected, 3 returned.
CREATE TABLE write_back (
    ident    INTEGER NOT NULL,
    adapter  INTEGER NOT NULL,
    row      TEXT NOT NULL,
    flag     INTEGER NOT NULL,
    text     TEXT NOT NULL,
    attempts INTEGER NOT NULL,
    due      INTEGER NOT NULL,
    reason   TEXT,
    PRIMARY KEY (ident, adapter, row)
) STRICT, WITHOUT ROWID;
CREATE INDEX write_back_due ON write_back (ident, adapter, due);

-- Earlier envelopes of a record that went up again after `parent-missing`.
CREATE TABLE again (
    ident    INTEGER NOT NULL,
    root     TEXT NOT NULL,
    kind     INTEGER NOT NULL,
    part     TEXT NOT NULL,
    version  INTEGER NOT NULL,
    envelope INTEGER NOT NULL,
    PRIMARY KEY (ident, root, kind, part, version, envelope)
) STRICT, WITHOUT ROWID;

-- ── outbox ──────────────────────────────────────────────────────────────────────────────────────

CREATE TABLE counter (
    ident INTEGER NOT NULL,
    route INTEGER NOT NULL,
    epoch INTEGER NOT NULL,
    next  INTEGER NOT NULL,
    PRIMARY KEY (ident, route, epoch)
) STRICT, WITHOUT ROWID;

CREATE TABLE control (
    control INTEGER PRIMARY KEY AUTOINCREMENT,
    ident   INTEGER NOT NULL,
    kind    INTEGER NOT NULL,
    dest    INTEGER NOT NULL,
    day     INTEGER NOT NULL,
    detail  TEXT NOT NULL,
    body    BLOB NOT NULL,
    lengths BLOB NOT NULL,
    answers_sender   INTEGER,
    answers_epoch    INTEGER,
    answers_route    INTEGER,
    answers_sequence INTEGER,
    envelope INTEGER
) STRICT;
CREATE INDEX control_queued ON control (ident, control) WHERE envelope IS NULL;
CREATE INDEX control_envelope ON control (envelope) WHERE envelope IS NOT NULL;

-- States: 0 numbered, 1 sealed, 2 sent, 3 retry_wait, 4 unknown, 5 dead, 6 settled, 7 declined.
CREATE TABLE envelope (
    envelope    INTEGER PRIMARY KEY,
    ident       INTEGER NOT NULL,
    route       INTEGER NOT NULL,
    epoch       INTEGER NOT NULL,
    sequence    INTEGER NOT NULL,
    kind        INTEGER NOT NULL,
    records     INTEGER NOT NULL,
    lane        INTEGER NOT NULL,
    link        INTEGER NOT NULL,
    state       INTEGER NOT NULL,
    day         INTEGER NOT NULL,
    count       INTEGER NOT NULL,
    kinds       BLOB NOT NULL,
    head_digest BLOB NOT NULL,
    root        BLOB NOT NULL,
    attempts    INTEGER NOT NULL,
    refusals    INTEGER NOT NULL,
    numbered_at INTEGER NOT NULL,
    sent_at     INTEGER,
    ended_at    INTEGER,
    due_at      INTEGER,
    reason      TEXT,
    hop         TEXT,
    hop_at      INTEGER,
    head        INTEGER,
    frame       INTEGER,
    receipt     INTEGER,
    UNIQUE (ident, route, epoch, sequence)
) STRICT;
CREATE INDEX envelope_numbered ON envelope (ident, envelope) WHERE state = 0;
CREATE INDEX envelope_due ON envelope (ident, link, lane, due_at, envelope) WHERE state IN (1, 3);
CREATE INDEX envelope_overdue ON envelope (ident, due_at) WHERE state IN (2, 4) AND records = 1;
CREATE INDEX envelope_open ON envelope (ident, route, epoch, sequence) WHERE state < 6;
CREATE INDEX envelope_ended ON envelope (ident, ended_at) WHERE records = 0 AND state >= 6;

CREATE TABLE attempt (
    ident    INTEGER NOT NULL,
    own      INTEGER NOT NULL,
    envelope INTEGER NOT NULL,
    nth      INTEGER NOT NULL,
    at       INTEGER NOT NULL,
    event    TEXT NOT NULL,
    reason   TEXT,
    due_at   INTEGER NOT NULL,
    PRIMARY KEY (ident, own, envelope, nth)
) STRICT, WITHOUT ROWID;

CREATE TABLE link (
    ident        INTEGER NOT NULL,
    link         INTEGER NOT NULL,
    paused       TEXT,
    reason       TEXT,
    accepted     INTEGER NOT NULL,
    rejected     INTEGER NOT NULL,
    last_receipt INTEGER,
    PRIMARY KEY (ident, link)
) STRICT, WITHOUT ROWID;

-- ── inbox and what is kept ──────────────────────────────────────────────────────────────────────

-- Texts as the outside of the parcel says them; nothing of it is believed yet.
-- Classes: 0 accept, 1 relay, 2 settle.
CREATE TABLE inbox (
    inbox    INTEGER PRIMARY KEY AUTOINCREMENT,
    ident    INTEGER NOT NULL,
    class    INTEGER NOT NULL,
    link     TEXT NOT NULL,
    hop      TEXT NOT NULL,
    sender   TEXT NOT NULL,
    epoch    INTEGER NOT NULL,
    route    TEXT NOT NULL,
    sequence INTEGER NOT NULL,
    kind     TEXT NOT NULL,
    dest     TEXT NOT NULL,
    parcel   BLOB NOT NULL,
    tries    INTEGER NOT NULL,
    at       INTEGER NOT NULL,
    frame    INTEGER NOT NULL
) STRICT;
CREATE INDEX inbox_class ON inbox (ident, class, sender, inbox);
CREATE INDEX inbox_parcel ON inbox (ident, parcel);

CREATE TABLE received (
    received    INTEGER PRIMARY KEY,
    ident       INTEGER NOT NULL,
    sender      INTEGER NOT NULL,
    epoch       INTEGER NOT NULL,
    route       INTEGER NOT NULL,
    sequence    INTEGER NOT NULL,
    head_digest BLOB NOT NULL,
    state       INTEGER NOT NULL,
    day         INTEGER NOT NULL,
    count       INTEGER NOT NULL,
    kept        BLOB,
    problems    TEXT NOT NULL,
    frame       INTEGER,
    receipt     INTEGER,
    at          INTEGER NOT NULL,
    UNIQUE (ident, sender, epoch, route, sequence)
) STRICT;
CREATE INDEX received_receipt ON received (receipt) WHERE receipt IS NOT NULL;

CREATE TABLE kept (
    ident    INTEGER NOT NULL,
    root     TEXT NOT NULL,
    kind     INTEGER NOT NULL,
    part     TEXT NOT NULL,
    version  INTEGER NOT NULL,
    received INTEGER NOT NULL,
    idx      INTEGER NOT NULL,
    voided   INTEGER NOT NULL,
    digest   BLOB NOT NULL,
    facts    TEXT NOT NULL,
    PRIMARY KEY (ident, root, kind, part, version)
) STRICT, WITHOUT ROWID;

CREATE TABLE sender_route (
    ident         INTEGER NOT NULL,
    sender        INTEGER NOT NULL,
    epoch         INTEGER NOT NULL,
    route         INTEGER NOT NULL,
    highest       INTEGER NOT NULL,
    settled_below INTEGER NOT NULL,
    PRIMARY KEY (ident, sender, epoch, route)
) STRICT, WITHOUT ROWID;

CREATE TABLE gap (
    ident  INTEGER NOT NULL,
    sender INTEGER NOT NULL,
    epoch  INTEGER NOT NULL,
    route  INTEGER NOT NULL,
    first  INTEGER NOT NULL,
    last   INTEGER NOT NULL,
    since  INTEGER NOT NULL,
    PRIMARY KEY (ident, sender, epoch, route, first)
) STRICT, WITHOUT ROWID;

-- States: 0 due, 1 sent, 2 hop_receipted, 3 done.
CREATE TABLE relay (
    relay       INTEGER PRIMARY KEY,
    ident       INTEGER NOT NULL,
    sender      INTEGER NOT NULL,
    epoch       INTEGER NOT NULL,
    route       INTEGER NOT NULL,
    sequence    INTEGER NOT NULL,
    kind        INTEGER NOT NULL,
    records     INTEGER NOT NULL,
    lane        INTEGER NOT NULL,
    dest        INTEGER NOT NULL,
    from_link   INTEGER NOT NULL,
    link        INTEGER NOT NULL,
    state       INTEGER NOT NULL,
    head_digest BLOB NOT NULL,
    count       INTEGER NOT NULL,
    verified    INTEGER NOT NULL,
    attempts    INTEGER NOT NULL,
    at          INTEGER NOT NULL,
    due_at      INTEGER,
    done_at     INTEGER,
    reason      TEXT,
    frame       INTEGER,
    UNIQUE (ident, sender, epoch, route, sequence)
) STRICT;
CREATE INDEX relay_due ON relay (ident, link, lane, due_at, relay) WHERE state = 0;
CREATE INDEX relay_done ON relay (ident, done_at) WHERE state = 3 AND (frame IS NOT NULL OR records = 0);

CREATE TABLE watermark (
    ident INTEGER NOT NULL,
    sink  TEXT NOT NULL,
    mark  INTEGER NOT NULL,
    at    INTEGER NOT NULL,
    PRIMARY KEY (ident, sink)
) STRICT, WITHOUT ROWID;

-- ── sums, manifests, audit ──────────────────────────────────────────────────────────────────────

-- `side` 0: own records by destination; 1: received ones by sender. `s0`…`s3`: limbs of the sum.
CREATE TABLE tally (
    ident INTEGER NOT NULL,
    side  INTEGER NOT NULL,
    day   INTEGER NOT NULL,
    peer  INTEGER NOT NULL,
    route INTEGER NOT NULL,
    epoch INTEGER NOT NULL,
    kind  INTEGER NOT NULL,
    p0 INTEGER NOT NULL, p1 INTEGER NOT NULL, p2 INTEGER NOT NULL, p3 INTEGER NOT NULL,
    p4 INTEGER NOT NULL, p5 INTEGER NOT NULL, p6 INTEGER NOT NULL, p7 INTEGER NOT NULL,
    p8 INTEGER NOT NULL, p9 INTEGER NOT NULL,
    s0 INTEGER NOT NULL, s1 INTEGER NOT NULL, s2 INTEGER NOT NULL, s3 INTEGER NOT NULL,
    first_sequence INTEGER NOT NULL,
    last_sequence  INTEGER NOT NULL,
    PRIMARY KEY (ident, side, day, peer, route, epoch, kind)
) STRICT, WITHOUT ROWID;

CREATE TABLE manifest (
    ident    INTEGER NOT NULL,
    day      INTEGER NOT NULL,
    by       TEXT NOT NULL,
    peer     TEXT NOT NULL,
    revision INTEGER NOT NULL,
    is_final INTEGER NOT NULL,
    body     TEXT NOT NULL,
    at       INTEGER NOT NULL,
    PRIMARY KEY (ident, day, by, peer)
) STRICT, WITHOUT ROWID;

CREATE TABLE discrepancy (
    ident    INTEGER NOT NULL,
    day      INTEGER NOT NULL,
    by       TEXT NOT NULL,
    peer     TEXT NOT NULL,
    nth      INTEGER NOT NULL,
    sender   TEXT NOT NULL,
    receiver TEXT NOT NULL,
    kind     TEXT NOT NULL,
    cause    TEXT NOT NULL,
    count    INTEGER NOT NULL,
    PRIMARY KEY (ident, day, by, peer, nth)
) STRICT, WITHOUT ROWID;

CREATE TABLE audit (
    ident  INTEGER NOT NULL,
    nth    INTEGER NOT NULL,
    event  TEXT NOT NULL,
    chain  BLOB NOT NULL,
    PRIMARY KEY (ident, nth)
) STRICT, WITHOUT ROWID;
