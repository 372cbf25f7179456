//! The crate from outside, in one binary.

mod closed;
mod common;
mod evidence;
mod hostile;
mod museum;
mod package;
mod revoked;
mod round;
mod stock;
mod suites;
