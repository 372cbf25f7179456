//! One record's proof in one file: what was signed, by whom, what was answered, and nothing of any
//! other record.
//!
//! The file holds exact bytes as text and the paths that lead to signed roots. Nothing in it is
//! believed but what [`Evidence::judge`] finds proven.

mod judge;
mod passed;
mod tell;

use canon::{Digest, Environment, Millis, NodeCode};
use serde::{Deserialize, Serialize};

pub use judge::{FieldShown, Judged, Standing, Step};
pub use passed::{Passed, Vouched};

use crate::merkle::merkle_path;
use crate::{Head, Opened, Refuse};

/// Largest evidence file that is read, bytes.
pub const EVIDENCE_BYTES_MAX: usize = 16 << 20;
/// Most records in one file: those of one case.
pub const EVIDENCE_ITEMS_MAX: usize = 1_000;
/// The highest edition: with hop receipts.
pub const EVIDENCE_EDITION: u32 = 2;
/// The first edition, without them; still written where there are none.
const FIRST_EDITION: u32 = 1;
/// Most hop receipts of one record's envelope: a tier each.
pub const EVIDENCE_HOPS_MAX: usize = 8;

/// An evidence file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Evidence {
    /// Edition of the file's form.
    #[serde(rename = "tiergate-evidence")]
    pub edition: u32,
    /// When it was taken out; a remark that nobody signed.
    pub made_at: String,
    /// At which node; a remark that nobody signed.
    pub made_by: String,
    /// A record each.
    pub items: Vec<Item>,
}

/// One record with what proves it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Item {
    /// Head and signature of the envelope that carried it.
    pub envelope: Signed,
    /// The record in that envelope.
    pub record: Leaf,
    /// What its destination answered; absent while there is no receipt.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub receipt: Option<Answer>,
    /// Hop receipts: when other nodes had the envelope. From edition 2 on.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub hops: Vec<Passed>,
}

/// A head and its signature, exact.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Signed {
    /// The `Head` element.
    pub head: String,
    /// The `Signature` element, certificates included.
    pub signature: String,
}

/// One fragment of a body, and the way from it to the signed root.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Leaf {
    /// Position in the body, from 0.
    pub position: u32,
    /// Exact bytes.
    pub content: String,
    /// Digests of RFC 6962's audit path, from the leaf upwards.
    pub path: Vec<String>,
}

/// A receipt without the outcomes of others.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Answer {
    /// Head and signature of the receipt.
    pub signed: Signed,
    /// The record's outcome; absent where the whole envelope was declined.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outcome: Option<Leaf>,
}

/// Why a file is no evidence file.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EvidenceError {
    /// Over a named limit.
    #[error("{what} is {size}, over the limit of {max}")]
    TooLarge {
        /// Which limit.
        what: &'static str,
        /// What was found.
        size: u64,
        /// The limit.
        max: u64,
    },
    /// Not in the form.
    #[error("no evidence file at line {line}, column {column}: export it again")]
    Malformed {
        /// Line from 1.
        line: usize,
        /// Column from 1.
        column: usize,
    },
    /// Of an edition that is not known here.
    #[error("evidence of edition {0}, which this program does not read; take a newer one")]
    Edition(u32),
    /// Without any record.
    #[error("the file holds no record; export it again")]
    Empty,
    /// A position that the envelope does not have.
    #[error("the envelope has no record at position {0}")]
    NoSuchPosition(usize),
    /// Of an opened package.
    #[error(transparent)]
    Package(#[from] Refuse),
}

impl EvidenceError {
    /// Stable code.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::TooLarge { .. } => "evidence.too_large",
            Self::Malformed { .. } => "evidence.malformed",
            Self::Edition(_) => "evidence.edition",
            Self::Empty | Self::NoSuchPosition(_) => "evidence.no_record",
            Self::Package(refuse) => refuse.code(),
        }
    }
}

impl Evidence {
    /// A file of these records.
    pub fn new(made_by: &NodeCode, made_at: Millis, items: Vec<Item>) -> Self {
        let (made_at, made_by) = (made_at.to_string(), made_by.to_string());
        let hops = items.iter().any(|item| !item.hops.is_empty());
        let edition = if hops { EVIDENCE_EDITION } else { FIRST_EDITION };
        Self { edition, made_at, made_by, items }
    }

    /// The file's text: JSON that a person can read.
    ///
    /// # Errors
    /// More than [`EVIDENCE_ITEMS_MAX`] records, more than [`EVIDENCE_BYTES_MAX`] bytes: nobody
    /// could read it back.
    pub fn write(&self) -> Result<String, EvidenceError> {
        within("the number of records", self.items.len(), EVIDENCE_ITEMS_MAX)?;
        let mut text = serde_json::to_string_pretty(self).map_err(|e| malformed(&e))?;
        text.push('\n');
        within("the file", text.len(), EVIDENCE_BYTES_MAX)?;
        Ok(text)
    }

    /// Reads a file. Nothing of it is proven yet.
    ///
    /// # Errors
    /// It is too large, of another form or edition, or empty.
    pub fn read(bytes: &[u8]) -> Result<Self, EvidenceError> {
        within("the file", bytes.len(), EVIDENCE_BYTES_MAX)?;
        let read: Self = serde_json::from_slice(bytes).map_err(|e| malformed(&e))?;
        if !(FIRST_EDITION..=EVIDENCE_EDITION).contains(&read.edition) {
            return Err(EvidenceError::Edition(read.edition));
        }
        for item in &read.items {
            // An older program would not have seen them: the edition has to say so.
            let max = if read.edition == FIRST_EDITION { 0 } else { EVIDENCE_HOPS_MAX };
            within("the number of hop receipts", item.hops.len(), max)?;
        }
        within("the number of records", read.items.len(), EVIDENCE_ITEMS_MAX)?;
        if read.items.is_empty() {
            return Err(EvidenceError::Empty);
        }
        Ok(read)
    }

    /// The environment that the first record says it is of; proven by [`Evidence::judge`], which
    /// believes one environment only.
    pub fn environment(&self) -> Option<Environment> {
        let head = Head::read(self.items.first()?.envelope.head.as_bytes()).ok()?;
        Some(head.environment)
    }
}

impl Item {
    /// The record at `position` of an opened envelope, with its outcome if there is a receipt.
    ///
    /// # Errors
    /// The envelope has no such record, or something in it is not text.
    pub fn of(
        envelope: &Opened<'_>,
        position: usize,
        receipt: Option<&Opened<'_>>,
        hops: Vec<Passed>,
    ) -> Result<Self, EvidenceError> {
        let answer = |receipt: &Opened<'_>| -> Result<Answer, EvidenceError> {
            let outcome = (position < receipt.fragments.len())
                .then(|| Leaf::of(receipt, position))
                .transpose()?;
            Ok(Answer { signed: Signed::of(receipt)?, outcome })
        };
        Ok(Self {
            envelope: Signed::of(envelope)?,
            record: Leaf::of(envelope, position)?,
            receipt: receipt.map(answer).transpose()?,
            hops,
        })
    }
}

impl Signed {
    fn of(opened: &Opened<'_>) -> Result<Self, EvidenceError> {
        Ok(Self { head: text(opened.head_bytes)?, signature: text(opened.signature)? })
    }
}

impl Leaf {
    fn of(opened: &Opened<'_>, position: usize) -> Result<Self, EvidenceError> {
        let none = EvidenceError::NoSuchPosition(position);
        let content = opened.fragments.get(position).ok_or(none.clone())?;
        let path = merkle_path(&opened.leaves, position).ok_or(none)?;
        Ok(Self {
            position: u32::try_from(position).unwrap_or(u32::MAX),
            content: text(content)?,
            path: path.iter().map(Digest::to_string).collect(),
        })
    }
}

fn text(bytes: &[u8]) -> Result<String, EvidenceError> {
    let utf8 = std::str::from_utf8(bytes);
    Ok(utf8.map_err(|e| Refuse::Malformed { at: e.valid_up_to(), what: "UTF-8" })?.to_owned())
}

fn within(what: &'static str, size: usize, max: usize) -> Result<(), EvidenceError> {
    if size > max {
        return Err(EvidenceError::TooLarge { what, size: size as u64, max: max as u64 });
    }
    Ok(())
}

/// Where, and not what: the file is about a person.
fn malformed(e: &serde_json::Error) -> EvidenceError {
    EvidenceError::Malformed { line: e.line(), column: e.column() }
}
