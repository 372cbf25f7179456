//! One binary for everything that spans crates, so that two cores link once.

#![expect(clippy::duplicate_mod, reason = "the stories are mounted once a store")]

mod broken;
mod engines;
mod exchange;
mod fuzzed;
mod killed;
mod regressions;
mod simulation;
mod tidy;
