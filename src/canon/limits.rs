//! Limits of the canonical form, each with a name.

/// Largest fragment, bytes (protocol §4).
pub const FRAGMENT_BYTES_MAX: usize = 1 << 20;
/// Deepest element nesting in any XML we read.
pub const XML_DEPTH_MAX: usize = 32;
/// Largest attribute group of a fragment, bytes (protocol §2).
pub const ATTRIBUTES_BYTES_MAX: usize = 400;
/// Most violations kept for one record; the rest are counted.
pub const VIOLATIONS_PER_RECORD_MAX: usize = 32;
