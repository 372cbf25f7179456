//! One binary for everything that spans crates, so that two cores link once.

mod exchange;
mod tidy;
