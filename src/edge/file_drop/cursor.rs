//! The cursor of a drop folder: which file is being read and how far, which one is to be moved.

use serde::{Deserialize, Serialize};

use super::laid::Part;
use crate::error::SourceError;
use crate::os::Stat;

/// Most reasons kept for one file's reason text.
pub(super) const REASONS_MAX: usize = 20;

/// What the store keeps as opaque text.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Cursor {
    /// Edition of this text.
    pub(super) v: u32,
    /// The file being read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) open: Option<Open>,
    /// The file that is read to its end and must be moved.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) finish: Option<Finish>,
}

/// A file being read.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Open {
    pub(super) name: String,
    pub(super) size: u64,
    pub(super) mtime: u64,
    /// Digest of the whole content.
    pub(super) digest: String,
    /// Bytes read.
    pub(super) offset: u64,
    /// Lines read.
    pub(super) line: u64,
    /// Rows given.
    pub(super) rows: u64,
    /// Rows that could not be read.
    pub(super) broken: u64,
    /// The first of their reasons.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) why: Vec<Why>,
    /// Where the offset is one into the rows laid down beside the file: the part reached.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) part: Option<Part>,
}

/// A reason, for the text beside a failed file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Why {
    pub(super) code: String,
    pub(super) zh: String,
    pub(super) en: String,
}

/// Where a finished file goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum To {
    Done,
    Failed,
    Duplicate,
}

/// A file to be moved once its rows are committed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Finish {
    pub(super) name: String,
    pub(super) size: u64,
    pub(super) mtime: u64,
    /// Empty if the file was not read (too large).
    pub(super) digest: String,
    pub(super) to: To,
    pub(super) rows: u64,
    pub(super) broken: u64,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) why: Vec<Why>,
    /// What a person should know of the file, Chinese and English.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) notes: Vec<(String, String)>,
}

impl Cursor {
    pub(super) const fn idle() -> Self {
        Self { v: 1, open: None, finish: None }
    }

    pub(super) fn parse(adapter: &str, text: Option<&str>) -> Result<Self, SourceError> {
        let Some(text) = text else { return Ok(Self::idle()) };
        let unreadable =
            |detail: String| SourceError::CursorUnreadable { adapter: adapter.into(), detail };
        let cursor: Self = serde_json::from_str(text).map_err(|e| unreadable(e.to_string()))?;
        if cursor.v != 1 {
            return Err(unreadable(format!("edition {}", cursor.v)));
        }
        Ok(cursor)
    }

    pub(super) fn text(&self) -> String {
        serde_json::to_string(self).expect("strings and numbers always serialize")
    }
}

impl Open {
    pub(super) const fn stat(&self) -> Stat {
        Stat { size: self.size, mtime: self.mtime }
    }

    /// The move that ends this file.
    pub(super) fn finish(self, to: To) -> Finish {
        Finish {
            name: self.name,
            size: self.size,
            mtime: self.mtime,
            digest: self.digest,
            to,
            rows: self.rows,
            broken: self.broken,
            why: self.why,
            notes: Vec::new(),
        }
    }
}
