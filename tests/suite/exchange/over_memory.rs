//! Every story over the memory store.

#[path = "lost.rs"]
mod lost;
#[path = "stories.rs"]
mod stories;

/// Deaths tried in one test that dies anywhere.
const DEATHS: u64 = 24;

/// Days between an image and the loss on which something happens.
const DRILL_DAYS: &[u32] =
    &[1, 2, 3, 4, 5, 6, 8, 9, 10, 11, 12, 13, 15, 16, 17, 18, 19, 20, 22, 23, 24, 25, 26, 27, 29];

/// Where the nodes of a story keep their facts.
fn stores() -> Box<dyn tests::world::Stores> {
    Box::new(tests::world::Memory::default())
}
