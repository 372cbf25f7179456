//! The crate from outside, in one binary.

mod archive;
mod authority;
mod closed;
mod common;
mod evidence;
mod hostile;
mod museum;
mod narrowing;
mod package;
mod revoked;
mod round;
mod stock;
mod suites;
mod timestamp;
