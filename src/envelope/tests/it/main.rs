//! The crate from outside, in one binary.

mod common;
mod package;
