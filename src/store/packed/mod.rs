//! What the databases have in common: packed columns, the dictionary, numbers in columns, and what
//! a failure of the driver means.

pub(crate) mod account;
pub(crate) mod baseline;
pub(crate) mod codec;
pub(crate) mod columns;
mod failures;
pub(crate) mod figures;
pub(crate) mod leaves;
pub(crate) mod outlet;
pub(crate) mod pages;
pub(crate) mod problems;
pub(crate) mod restore;
pub(crate) mod row;
pub(crate) mod seal;
pub(crate) mod settle;
pub(crate) mod status;
pub(crate) mod tally;
pub(crate) mod trace;
pub(crate) mod waiting;
pub(crate) mod window;
pub(crate) mod words;
pub(crate) mod write_back;
