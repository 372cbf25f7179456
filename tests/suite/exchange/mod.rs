//! Nodes at work: one scenario a story, over SQLite and PostgreSQL; over memory in a target of its own.

mod over_postgres;
mod over_sqlite;
