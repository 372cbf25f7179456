//! A node's sink of typed tables in a file of SQLite, and what stands in it.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use canon::format::Format;
use edge::db;
use edge::tables::{Settings, TablesSink};
use exchange::Worker as _;
use exchange::deliver::Deliver;

use super::World;

/// The tables of one node.
pub struct KeptTables {
    /// The database.
    pub file: PathBuf,
    /// Editions that they are made for.
    pub formats: Vec<Arc<Format>>,
}

impl KeptTables {
    /// A sink, opened as often as a story wants.
    pub fn sink(&self) -> TablesSink {
        let settings = Settings {
            name: "tables".into(),
            place: db::Place::Sqlite(self.file.clone()),
            prefix: String::new(),
            statement_timeout: Duration::from_secs(60),
            lock_timeout: Duration::from_secs(10),
        };
        TablesSink::new(settings, self.formats.clone()).expect("tables of SQLite")
    }

    /// Delivers what a tier keeps until nothing is left.
    pub async fn fill(&self, world: &World, tier: usize) {
        let node = Arc::clone(&world.nodes[tier].node);
        let mut worker = Deliver::new(node, "tables", Box::new(self.sink()));
        while worker.run_once(world.now).await.expect("a turn").done > 0 {}
    }

    /// The answer to one question, as text; empty for none.
    pub async fn ask(&self, sql: &str) -> String {
        let session = db::Session {
            read_only: true,
            statement_timeout: Duration::from_secs(10),
            lock_timeout: Duration::from_secs(10),
            isolation: db::Isolation::ReadCommitted,
            stored: db::Stored::Declared,
            create: false,
        };
        let place = db::Place::Sqlite(self.file.clone());
        let mut tables = db::Connection::open(&place, &session).await.expect("the tables");
        tables.scalar(sql.into()).await.expect("an answer").unwrap_or_default()
    }
}
