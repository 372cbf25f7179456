-- Edition 6: which rows lead to a record, so that none is withdrawn while one of them is there.

CREATE INDEX row_record_case ON row_record (ident, adapter, root);
