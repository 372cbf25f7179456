-- Edition 3: restore. Ordinals of judged envelopes go on above this one; why a record went up again
-- (0: its parent was missing, 1: its destination lost it).

ALTER TABLE identity ADD COLUMN ordinal INTEGER NOT NULL DEFAULT 0;
ALTER TABLE again ADD COLUMN why INTEGER NOT NULL DEFAULT 0;
