//! The format from outside: its files, its rules, its bytes, and what stock tools say of them.
#![expect(
    clippy::unwrap_used,
    clippy::string_slice,
    clippy::disallowed_methods,
    reason = "a helper that fails is a test that fails; the oracle reads files"
)]

mod bytes;
mod cases;
mod common;
mod dictionary;
mod diff;
mod differential;
mod guangdong;
mod hostile;
mod refusals;
mod rules;
mod samples;
