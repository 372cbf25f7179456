//! Nodes at work: one scenario a story, each over every store.

mod over_memory;
mod over_postgres;
mod over_sqlite;
