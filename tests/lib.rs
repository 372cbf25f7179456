//! What spans crates is tested here; see README.md.

#[path = "fuzz/mod.rs"]
pub mod fuzz;
pub mod world;
