//! Fuzz targets, and what changes their inputs where no coverage leads.

pub mod chance;
pub mod targets;
