//! What a platform's answer codes mean.

use std::collections::BTreeMap;

use serde::Deserialize;

/// What an answer means, whichever platform gives it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AnswerClass {
    /// The platform has it.
    Taken,
    /// A value is missing, malformed or too long: it does not take this version.
    Validation,
    /// The list of files is missing.
    Attachment,
    /// It has a record of that name already.
    Duplicate,
    /// It does not have the parent yet.
    Parent,
    /// We may not report this.
    Denied,
    /// It could not save it this time.
    Failed,
    /// Our login ran out.
    Login,
    /// It is still being worked on.
    Waiting,
    /// It does not know such a record.
    Absent,
    /// Refused, for a reason it does not class.
    Refused,
}

/// The code that stands for every other.
const ANY: &str = "*";

/// Codes and what they mean.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct Answers(BTreeMap<String, AnswerClass>);

impl Answers {
    /// What a code means. What the table does not name is [`AnswerClass::Failed`]: it is tried again, a
    /// limited number of times, and then shown to a person.
    pub fn class(&self, code: &str) -> AnswerClass {
        let known = self.0.get(code.trim()).or_else(|| self.0.get(ANY));
        known.copied().unwrap_or(AnswerClass::Failed)
    }

    /// Whether some code means that the platform took a record.
    pub fn can_take(&self) -> bool {
        self.0.values().any(|class| *class == AnswerClass::Taken)
    }

    /// Whether a code is named by itself.
    pub fn names(&self, code: &str) -> bool {
        self.0.contains_key(code.trim())
    }
}
