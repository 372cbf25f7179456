//! Adapter packages: source rows to records by data, no Rust.

mod row;
mod text;

pub use row::{Row, RowBuf};
pub use text::{
    COLUMNS_MAX, Encoding, Next, Quote, ROW_BYTES_MAX, RowFault, RowReader, TextSettings,
};
