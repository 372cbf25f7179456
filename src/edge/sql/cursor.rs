//! Where a pass over a query is: the last row given.

use serde::{Deserialize, Serialize};

/// The last row given.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct At {
    /// Its modified time (or log number); empty where there is none.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(super) time: String,
    /// Its key columns.
    pub(super) key: Vec<String>,
    /// Highest believable time seen in this pass.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) high: Option<String>,
}
