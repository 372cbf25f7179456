//! Adapter packages: source rows to records by data, no Rust.
mod moment; mod package; mod problem; mod read; mod read_record; mod read_source; mod row; mod table; mod text; mod tree; mod verb; mod verbs;
