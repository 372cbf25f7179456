//! The crate from outside, in one binary.

mod common;
mod evidence;
mod museum;
mod package;
mod round;
mod stock;
