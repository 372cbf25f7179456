//! The node: ten workers, lifecycles, retry policy, routes, validated configuration.

pub mod config;
