//! What is wrong with a record: bad data is not an error, it is a list of these.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// How much a violated rule weighs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Goes up, accepted with a warning.
    Warn,
    /// Quarantined at the sender, rejected at the receiver.
    Error,
}

/// One violated rule in one place. Holds no personal data: values are never copied in, except
/// what a check digit should have been.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Violation {
    /// Stable rule code, such as `field.check_digit`.
    pub rule: Arc<str>,
    /// Wire name of the field (`SQRZJHM`), or of the record type for rules across fields.
    pub field: Arc<str>,
    /// Severity in force for this record.
    pub severity: Severity,
    /// Text for people, Chinese; names the field by its Chinese label.
    pub zh: String,
    /// Text for people, English.
    pub en: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}: {}", self.rule, self.field, self.en)
    }
}
