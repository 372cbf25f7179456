-- Edition 3: restore. Why a record went up again (0: its parent was missing, 1: its destination lost
-- it).

ALTER TABLE again ADD why SMALLINT NOT NULL DEFAULT 0;
