//! Every story over the SQLite store, a file a node.

#[path = "lost.rs"]
mod lost;
#[path = "stories.rs"]
mod stories;

/// Deaths tried in one test that dies anywhere.
const DEATHS: u64 = 4;

/// Where the nodes of a story keep their facts.
fn stores() -> Box<dyn tests::world::Stores> {
    Box::new(tests::world::Sqlite::default())
}
