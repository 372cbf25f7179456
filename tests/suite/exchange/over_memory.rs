//! Every story over the memory store.

#[path = "lost.rs"]
mod lost;
#[path = "stories.rs"]
mod stories;

/// Deaths tried in one test that dies anywhere.
const DEATHS: u64 = 24;

/// Where the nodes of a story keep their facts.
fn stores() -> Box<dyn tests::world::Stores> {
    Box::new(tests::world::Memory::default())
}
