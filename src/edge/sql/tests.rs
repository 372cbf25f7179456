//! Stories of tables.
