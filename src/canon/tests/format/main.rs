//! The format from outside: its files, its rules, its bytes, and what stock tools say of them.

mod bytes;
mod common;
mod dictionary;
mod differential;
mod refusals;
mod rules;
mod samples;
