//! What the databases have in common: packed columns, the dictionary, numbers in columns, and what
//! a failure of the driver means.

pub(crate) mod codec;
pub(crate) mod columns;
mod failures;
pub(crate) mod row;
pub(crate) mod tally;
pub(crate) mod words;
