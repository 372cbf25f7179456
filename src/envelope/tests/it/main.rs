//! The crate from outside, in one binary.

mod common;
mod museum;
mod package;
mod round;
mod stock;
