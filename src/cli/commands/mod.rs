//! The commands, a file each.

pub(crate) mod adapter;
pub(crate) mod authority;
mod authority_list;
pub(crate) mod backfill;
pub(crate) mod backup;
pub(crate) mod baseline;
pub(crate) mod bus;
pub(crate) mod ca;
pub(crate) mod check;
pub(crate) mod doctor;
pub(crate) mod editions;
pub(crate) mod evidence;
pub(crate) mod format;
pub(crate) mod keys;
pub(crate) mod node;
pub(crate) mod notice;
pub(crate) mod outlet;
pub(crate) mod quarantine;
pub(crate) mod returned;
pub(crate) mod running;
pub(crate) mod sink;
pub(crate) mod spool;
pub(crate) mod status;
pub(crate) mod store;
pub(crate) mod trace;
pub(crate) mod waiting;
