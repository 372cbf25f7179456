//! Adapter packages: source rows to records by data, no Rust.
