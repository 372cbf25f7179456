//! What spans crates is tested here; see README.md.

pub mod world;
