//! The chain over archive files: each names the digest of the one before it.

use canon::Digest;

use super::{Archive, ArchiveError, Table, clear, link};
use crate::limits::PACKAGE_BYTES_MAX;
use crate::{Decrypt, NoKeys, Refuse, open, open_frame};

/// Walks files in their order and stops at the first that does not fit.
#[derive(Clone, Debug, Default)]
pub struct Chain {
    last: Option<Walked>,
    /// Files that fit.
    pub files: u64,
    /// Envelopes in them.
    pub envelopes: u64,
    /// Receipts in them.
    pub receipts: u64,
    /// Files that lie closed for others: their place in the chain was seen, nothing in them.
    pub unread: u64,
}

/// The file walked last.
#[derive(Clone, Debug)]
struct Walked {
    number: u64,
    node: String,
    digest: Digest,
    /// As the same file is digested under the other algorithm, for a successor of another suite.
    other: Digest,
}

/// Why the chain is broken at a file.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Broken {
    /// The file itself cannot be read.
    #[error(transparent)]
    File(#[from] ArchiveError),
    /// A number is missing, or comes twice.
    #[error("number {found}, where {wanted} should be")]
    Number {
        /// What it says.
        found: u64,
        /// What comes next.
        wanted: u64,
    },
    /// Another node's.
    #[error("of node `{0}`")]
    Node(String),
    /// It names another file before it.
    #[error("names {named} as the file before it, which has {found}")]
    Link {
        /// What it names.
        named: String,
        /// What the file before it has.
        found: String,
    },
    /// One of its envelopes is damaged, or is not the one its table names.
    #[error("envelope {id}: {what}")]
    Envelope {
        /// Which.
        id: String,
        /// What is wrong.
        what: String,
    },
}

impl Broken {
    /// Stable code.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::File(error) => error.code(),
            Self::Number { .. } => "archive.number",
            Self::Node(_) => "archive.node",
            Self::Link { .. } => "archive.link",
            Self::Envelope { .. } => "archive.envelope",
        }
    }
}

impl Chain {
    /// The next file. The first one may be a later number: the files before it lie elsewhere.
    ///
    /// # Errors
    /// It does not fit; the chain is broken here.
    pub fn walk(&mut self, file: &[u8]) -> Result<(), Broken> {
        self.walk_with(file, &NoKeys)
    }

    /// The same, looking into closed files as far as these keys open them.
    ///
    /// # Errors
    /// It does not fit; the chain is broken here.
    pub fn walk_with(&mut self, file: &[u8], keys: &dyn Decrypt) -> Result<(), Broken> {
        let archive = Archive::read(file)?;
        self.fits(&archive.table)?;
        match clear(file, keys)? {
            Some(clear) => self.content(&Archive::read(&clear)?)?,
            None => {
                let entries = &archive.table.entries;
                self.unread += 1;
                self.envelopes += entries.len() as u64;
                self.receipts += entries.iter().filter(|e| e.receipt.is_some()).count() as u64;
            }
        }
        let [digest, other] =
            [canon::DigestAlg::Sha256, canon::DigestAlg::Sm3].map(|alg| link(alg, file));
        let (number, node) = (archive.table.number, archive.table.node);
        self.last = Some(Walked { number, node, digest, other });
        self.files += 1;
        Ok(())
    }

    /// Whether a table continues the file walked last.
    fn fits(&self, table: &Table) -> Result<(), Broken> {
        if let Some(last) = &self.last {
            if table.number != last.number + 1 {
                let (found, wanted) = (table.number, last.number + 1);
                return Err(Broken::Number { found, wanted });
            }
            if table.node != last.node {
                return Err(Broken::Node(table.node.clone()));
            }
            let named = table.before.clone().unwrap_or_default();
            if named != last.digest.to_string() && named != last.other.to_string() {
                return Err(Broken::Link { named, found: last.digest.to_string() });
            }
        } else if (table.number == 1) != table.before.is_none() {
            return Err(Broken::Number { found: table.number, wanted: 1 });
        }
        Ok(())
    }

    /// Every envelope and receipt is what the table says.
    fn content(&mut self, archive: &Archive<'_>) -> Result<(), Broken> {
        for (entry, frames) in archive.entries() {
            let damaged = |what: String| Broken::Envelope { id: entry.id.clone(), what };
            let opened = |frame: &[u8]| -> Result<String, Refuse> {
                let package = open_frame(frame, PACKAGE_BYTES_MAX)?;
                Ok(open(&package)?.head.id().to_string())
            };
            let id = opened(frames.envelope).map_err(|e| damaged(e.to_string()))?;
            if id != entry.id {
                return Err(damaged(format!("is {id}")));
            }
            if let Some(receipt) = frames.receipt {
                opened(receipt).map_err(|e| damaged(format!("its receipt: {e}")))?;
                self.receipts += 1;
            }
            self.envelopes += 1;
        }
        Ok(())
    }

    /// Number and digest of the file walked last, under this algorithm.
    pub fn head(&self, alg: canon::DigestAlg) -> Option<(u64, Digest)> {
        let last = self.last.as_ref()?;
        Some((last.number, if last.digest.alg == alg { last.digest } else { last.other }))
    }
}
