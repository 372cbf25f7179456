//! Every story over the SQLite store, a file a node.

#[path = "stories.rs"]
mod stories;

/// Where the nodes of a story keep their facts.
fn stores() -> Box<dyn tests::world::Stores> {
    Box::new(tests::world::Sqlite::default())
}
